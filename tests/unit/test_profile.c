/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_profile.c - profiles: what is accepted and becomes of it, and what is refused where and why.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/check.h"
#include "daemon/profile.h"
#include "proto/base.h"
#include "tests/unit/diag_rows.h"

#define RULE "default: allow\nrules:\n  - " /* the rule's keys stand at column 5 of line 3 */
#define NEXT "\n    "

static struct profile *parse(const char *text)
{
	struct diag d = {0};
	struct profile *p = NULL;
	int r = profile_parse("t", "t.yaml", text, strlen(text), &p, &d);

	if (r < 0)
		diag_print(&d, stderr);
	assert_int_equal(r, 0);
	assert_int_equal(d.n, 0);
	diag_done(&d);
	return p;
}

static const struct match *match_of(const struct profile *p, const char *call, unsigned i)
{
	const struct sysent *s = profile_sysent(p, ARCH_X86_64, syscall_nr(ARCH_X86_64, call));

	assert_non_null(s);
	assert_true(i < s->n_matches);
	return &s->matches[i];
}

static void assert_cmp(const struct cond *c, unsigned i, enum cmp_op op, uint64_t mask,
		       uint64_t value)
{
	assert_true(i < c->n_cmps);
	assert_int_equal(c->cmps[i].op, op);
	assert_int_equal(c->cmps[i].mask, mask);
	assert_int_equal(c->cmps[i].value, value);
}

/* ---- accepted ------------------------------------------------------------------- */

static void settings_test(void **state)
{
	struct profile *p = parse("description: a web server\nmode: permissive\ndefault: kill\n"
				  "errno: EACCES\nlog: each\n"
				  "ask: {timeout: 30s, otherwise: deny, unattended: wait}\n"
				  "architectures: [x86-64, x86]\nrules:\n"
				  "  - {name: one, syscall: close, action: deny}\n"
				  "  - {syscall: close, action: deny, errno: 99, log: none, "
				  "mode: enforce}\n");

	(void)state;
	assert_string_equal(p->name, "t");
	assert_string_equal(p->path, "t.yaml");
	assert_string_equal(p->description, "a web server");
	assert_int_equal(p->mode, MODE_PERMISSIVE);
	assert_int_equal(p->default_action, ACTION_KILL);
	assert_int_equal(p->err, EACCES);
	assert_int_equal(p->log, LOG_MODE_EACH);
	assert_int_equal(p->archs, ARCH_BIT(ARCH_X86_64) | ARCH_BIT(ARCH_X86));
	assert_int_equal(p->n_rules, 2);
	assert_string_equal(p->rules[0].name, "one");
	assert_int_equal(p->rules[0].err, EACCES);
	assert_int_equal(p->rules[0].log, LOG_MODE_EACH);
	assert_int_equal(p->rules[0].mode, MODE_PERMISSIVE);
	assert_int_equal(p->rules[0].line, 9);
	assert_int_equal(p->rules[0].column, 5);
	assert_string_equal(p->rules[0].file, "t.yaml");
	assert_string_equal(p->rules[1].name, "rule 2");
	assert_int_equal(p->rules[1].err, 99);
	assert_int_equal(p->rules[1].log, LOG_MODE_NONE);
	assert_int_equal(p->rules[1].mode, MODE_ENFORCE);
	assert_true(p->arch[ARCH_X86].covered);
	assert_false(p->arch[ARCH_X32].covered);
	assert_false(p->arch[ARCH_ARM64].covered);
	assert_null(p->files[1]);
	(void)profile_unref(p);
}

static void defaults_test(void **state)
{
	struct profile *p = parse("default: allow\n");

	(void)state;
	assert_int_equal(p->mode, MODE_ENFORCE);
	assert_int_equal(p->err, EPERM);
	assert_int_equal(p->log, LOG_MODE_DENIED);
	assert_int_equal(p->archs, ARCH_BIT(arch_native()));
	assert_int_equal(p->n_rules, 0);
	assert_string_equal(p->description, "");
	assert_null(profile_sysent(p, ARCH_X86_64, 0));
	assert_ptr_equal(profile_ref(p), p);
	assert_null(profile_unref(p));
	assert_null(profile_unref(p));
	assert_null(profile_unref(NULL));
}

static void actions_test(void **state)
{
	static const char *const actions[] = {"allow", "deny",	"kill", "kill-thread",
					      "trap",  "trace", "log"};
	static const enum action expected[] = {ACTION_ALLOW,	   ACTION_DENY, ACTION_KILL,
					       ACTION_KILL_THREAD, ACTION_TRAP, ACTION_TRACE,
					       ACTION_LOG};
	struct profile *p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), RULE "syscall: close" NEXT "action: %s\n",
			       actions[i]);
		p = parse(text);
		assert_int_equal(p->rules[0].action, expected[i]);
		assert_int_equal(p->rules[0].log,
				 action_kernel_only(expected[i]) ? LOG_MODE_NONE : LOG_MODE_DENIED);
		(void)profile_unref(p);
	}
	p = parse(RULE "syscall: close" NEXT "action: return" NEXT "value: 0x10\n");
	assert_int_equal(p->rules[0].action, ACTION_RETURN);
	assert_int_equal(p->rules[0].value, 16);
	(void)profile_unref(p);
	p = parse(RULE "syscall: close" NEXT "action: trap" NEXT "log: none\n");
	assert_int_equal(p->rules[0].action, ACTION_TRAP);
	(void)profile_unref(p);
}

static void calls_test(void **state)
{
	struct profile *p = parse("default: allow\narchitectures: [x86-64, x32, x86, arm64]\n"
				  "rules:\n"
				  "  - {syscall: [open, close, close], action: deny}\n"
				  "  - {syscall: ['@file-system', close], action: deny}\n"
				  "  - {syscall: '@module', action: kill}\n");
	const struct sysent *s;

	(void)state;
	s = profile_sysent(p, ARCH_X86_64, syscall_nr(ARCH_X86_64, "close"));
	assert_non_null(s);
	assert_int_equal(s->n_matches, 2);
	assert_int_equal(s->matches[0].rule, 0);
	assert_int_equal(s->matches[1].rule, 1);
	s = profile_sysent(p, ARCH_X32, syscall_nr(ARCH_X32, "close"));
	assert_non_null(s);
	assert_int_equal(s->nr, syscall_nr(ARCH_X86_64, "close") | SYSCALL_X32_BIT);
	/* arm64 has no open(2), and the other rule's group still holds there. */
	assert_true(syscall_nr(ARCH_ARM64, "open") < 0);
	assert_int_equal(match_of(p, "open", 0)->rule, 0);
	s = profile_sysent(p, ARCH_ARM64, syscall_nr(ARCH_ARM64, "close"));
	assert_int_equal(s->n_matches, 2);
	assert_int_equal(match_of(p, "finit_module", 0)->rule, 2);
	assert_null(profile_sysent(p, ARCH_X86_64, syscall_nr(ARCH_X86_64, "getppid")));
	for (unsigned a = 0; a < ARCH_MAX; a++)
		for (unsigned i = 1; i < p->arch[a].n_sysents; i++)
			assert_true((uint32_t)p->arch[a].sysents[i - 1].nr <
				    (uint32_t)p->arch[a].sysents[i].nr);
	(void)profile_unref(p);
}

static void nested_groups_test(void **state)
{
	struct profile *p = parse(RULE "syscall: '@system-service'" NEXT "action: allow\n");

	(void)state;
	assert_int_equal(match_of(p, "read", 0)->rule, 0);   /* by @basic-io */
	assert_int_equal(match_of(p, "execve", 0)->rule, 0); /* by @process */
	assert_null(profile_sysent(p, ARCH_X86_64, syscall_nr(ARCH_X86_64, "mount")));
	(void)profile_unref(p);
}

static void args_test(void **state)
{
	struct profile *p = parse(
		"default: allow\nrules:\n"
		"  - {syscall: [write, writev], args: {fd: 1}, action: deny}\n"
		"  - {syscall: write, args: {fd: [1, 2], count: {ge: 4096, lt: 0x2000}}, action: "
		"deny}\n"
		"  - syscall: openat\n"
		"    args: {dirfd: AT_FDCWD, flags: {all: [O_CREAT, O_EXCL], none: "
		"O_TRUNC|O_APPEND},\n"
		"           mode: {mask: 0o7000, eq: 0}}\n"
		"    action: deny\n"
		"  - {syscall: openat, args: {flags: {any: [O_WRONLY, O_RDWR]}}, action: deny}\n"
		"  - {syscall: close, args: {arg0: {ne: [3, 4], le: 9, gt: 1}}, action: deny}\n"
		"  - {syscall: mmap, args: {length: {eq: -1}}, action: deny}\n"
		"  - {syscall: mmap, args: {length: 0xffffffffffffffff}, action: deny}\n"
		"  - {syscall: openat, args: {mode: {mask: 0o7000, ne: 0}}, action: deny}\n");
	const struct match *m;

	(void)state;
	m = match_of(p, "write", 0);
	assert_int_equal(m->n_conds, 1);
	assert_int_equal(m->conds[0].arg, 0);
	assert_int_equal(m->conds[0].width, 32);
	assert_false(m->conds[0].any);
	assert_int_equal(m->conds[0].n_cmps, 1);
	assert_cmp(&m->conds[0], 0, CMP_EQ, 0, 1);
	m = match_of(p, "write", 1);
	assert_int_equal(m->n_conds, 2);
	assert_true(m->conds[0].any);
	assert_cmp(&m->conds[0], 1, CMP_EQ, 0, 2);
	assert_int_equal(m->conds[1].arg, 2);
	assert_int_equal(m->conds[1].width, 64);
	assert_false(m->conds[1].any);
	assert_int_equal(m->conds[1].n_cmps, 2);
	assert_cmp(&m->conds[1], 0, CMP_LT, 0, 0x2000);
	assert_cmp(&m->conds[1], 1, CMP_GE, 0, 4096);
	m = match_of(p, "openat", 0);
	assert_int_equal(m->n_conds, 3);
	assert_cmp(&m->conds[0], 0, CMP_EQ, 0, 0xffffff9c);
	assert_cmp(&m->conds[1], 0, CMP_MASK_EQ, O_CREAT | O_EXCL, O_CREAT | O_EXCL);
	assert_cmp(&m->conds[1], 1, CMP_MASK_EQ, O_TRUNC | O_APPEND, 0);
	assert_int_equal(m->conds[2].width, 16);
	assert_cmp(&m->conds[2], 0, CMP_MASK_EQ, 07000, 0);
	assert_cmp(&match_of(p, "openat", 1)->conds[0], 0, CMP_MASK_NE, O_WRONLY | O_RDWR, 0);
	assert_cmp(&match_of(p, "openat", 2)->conds[0], 0, CMP_MASK_NE, 07000, 0);
	m = match_of(p, "close", 0);
	assert_int_equal(m->conds[0].arg, 0);
	assert_int_equal(m->conds[0].width, 32);
	assert_int_equal(m->conds[0].n_cmps, 4);
	assert_cmp(&m->conds[0], 0, CMP_NE, 0, 3);
	assert_cmp(&m->conds[0], 1, CMP_NE, 0, 4);
	assert_cmp(&m->conds[0], 2, CMP_LE, 0, 9);
	assert_cmp(&m->conds[0], 3, CMP_GT, 0, 1);
	assert_cmp(&match_of(p, "mmap", 0)->conds[0], 0, CMP_EQ, 0, UINT64_MAX);
	assert_cmp(&match_of(p, "mmap", 1)->conds[0], 0, CMP_EQ, 0, UINT64_MAX);
	(void)profile_unref(p);
}

/* A constant is the one of the profile's architectures, whatever machine reads it. */
static void args_arch_test(void **state)
{
	static const struct {
		const char *archs;
		enum arch arch;
		uint64_t directory;
	} rows[] = {
		{"[x86-64, x32, x86]", ARCH_X86_64, 0x10000},
		{"[x86-64, x32, x86]", ARCH_X86, 0x10000},
		{"arm64", ARCH_ARM64, 0x4000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[256];
		struct profile *p;
		const struct sysent *s;

		(void)snprintf(text, sizeof(text),
			       "default: allow\narchitectures: %s\nrules:\n"
			       "  - {syscall: openat, args: {flags: {all: [O_DIRECTORY]}}, "
			       "action: deny}\n",
			       rows[i].archs);
		p = parse(text);
		s = profile_sysent(p, rows[i].arch, syscall_nr(rows[i].arch, "openat"));
		assert_non_null(s);
		assert_cmp(&s->matches[0].conds[0], 0, CMP_MASK_EQ, rows[i].directory,
			   rows[i].directory);
		(void)profile_unref(p);
	}
}

static void when_test(void **state)
{
	struct profile *p = parse("default: allow\nrules:\n"
				  "  - syscall: close\n"
				  "    when: {unit: nginx.service, slice: 'web-*', label: {tier: "
				  "[web, app], x: '*'}}\n"
				  "    action: deny\n"
				  "  - syscall: close\n"
				  "    when: {user: [root, 65534, 'www-*'], group: root, exe: "
				  "/usr/sbin/*, comm: nginx}\n"
				  "    limit: {rate: 5/m, burst: 9}\n"
				  "    action: deny\n"
				  "  - {syscall: close, limit: {rate: 7200/h}, action: deny}\n");
	const struct rule *r = p->rules;

	(void)state;
	assert_true(r[0].when_static);
	assert_false(r[0].when_dynamic);
	assert_string_equal(r[0].when.unit.v[0], "nginx.service");
	assert_string_equal(r[0].when.slice.v[0], "web-*");
	assert_int_equal(r[0].when.n_labels, 2);
	assert_string_equal(r[0].when.labels[0].key, "tier");
	assert_int_equal(r[0].when.labels[0].globs.n, 2);
	assert_string_equal(r[0].when.labels[0].globs.v[1], "app");
	assert_false(r[1].when_static);
	assert_true(r[1].when_dynamic);
	assert_int_equal(r[1].when.user.n, 3);
	assert_string_equal(r[1].when.user.v[0], "0");
	assert_string_equal(r[1].when.user.v[1], "65534");
	assert_string_equal(r[1].when.user.v[2], "www-*");
	assert_string_equal(r[1].when.group.v[0], "0");
	assert_string_equal(r[1].when.exe.v[0], "/usr/sbin/*");
	assert_string_equal(r[1].when.comm.v[0], "nginx");
	assert_true(r[1].limit.rate > 0.0833 && r[1].limit.rate < 0.0834);
	assert_int_equal(r[1].limit.burst, 9);
	assert_true(r[2].limit.rate > 1.999 && r[2].limit.rate < 2.001);
	assert_int_equal(r[2].limit.burst, 7200);
	assert_true(strv_match(&r[1].when.exe, "/usr/sbin/nginx"));
	assert_false(strv_match(&r[1].when.exe, "/usr/bin/nginx"));
	assert_false(strv_match(&r[1].when.unit, ""));
	(void)profile_unref(p);
}

static void hash_test(void **state)
{
	struct profile *a = parse("default: allow\n"), *b = parse("default: allow\n");
	struct profile *c = parse("default: allow\n\n");

	(void)state;
	assert_true(a->hash == b->hash);
	assert_false(a->hash == c->hash);
	(void)profile_unref(a);
	(void)profile_unref(b);
	(void)profile_unref(c);
}

/* ---- refused -------------------------------------------------------------------- */

static const struct diag_row bad_rows[] = {
	/* files */
	{"", {"1:1: the file is empty"}},
	{"# nothing\n\n", {"1:1: the file is empty"}},
	{"---\n", {"1:1: the file is empty"}},
	{"- a\n", {"1:1: a profile is a mapping"}},
	{"just text\n", {"1:1: a profile is a mapping"}},
	{"default: allow\n---\ndefault: deny\n", {"2:1: a second document"}},
	{"default: allow\n...\nmode: enforce\n", {"3:1: a second document"}},
	{"default: allow\nerrno: &e EPERM\nrules:\n  - {syscall: close, action: deny, errno: *e}\n",
	 {"2:8: anchor '&e'", "4:43: alias '*e'"}},
	{"default: !!str allow\nmode: !x enforce\n", {"1:10: tag", "2:7: tag"}},
	{"%YAML 1.1\n---\ndefault: allow\n", {"1:1: a directive"}},
	{"default: [allow\n", {"2:1: not valid YAML"}},
	{"default: allow\nrules:\n\t- x\n", {"3:1: tabs cannot indent"}},
	{"default: allow\nrules:\n  - {syscall: [@module], action: kill}\n",
	 {"3:16: needs quotes"}},
	{"default: allow\ndefault: deny\n", {"2:1: duplicate key 'default', first given at 1:1"}},
	{"default: allow\n? [a]\n: b\n", {"2:3: expected a name as key"}},
	{"default: \"allow\\0\"\n", {"1:10: a NUL character"}},
	{"default: allow\nx: \xff\n", {"2:4: byte 0xff is no UTF-8"}},
	{"default: allow\nx: \xc0\xaf\n", {"2:4: byte 0xc0 is no UTF-8"}},
	{"default: allow\nx: \xed\xa0\x80\n", {"2:4: byte 0xed is no UTF-8"}},
	{"\x7f"
	 "ELF\2\1\1",
	 {"1:1: character U+007F"}},
	{"default: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", {"1:41: nested more than 32 deep"}},
	/* top level */
	{"mode: enforce\n", {"1:1: needs the key 'default'"}},
	{"defualt: allow\n", {"1:1: did you mean 'default'?", "1:1: needs the key 'default'"}},
	{"default: allow\nsomething: 1\n", {"2:1: expected one of: description, mode, default"}},
	{"default: return\n", {"1:10: expected one of: allow, deny, kill"}},
	{"default:\n", {"1:9: expected a default, not nothing"}},
	{"default: {a: b}\n", {"1:10: expected a default, not a mapping"}},
	{"default: allow\nmode: enforced\nlog: deneid\nerrno: EPREM\n",
	 {"2:7: did you mean 'enforce'?", "3:6: did you mean 'denied'?",
	  "4:8: did you mean 'EPERM'?"}},
	{"default: allow\nerrno: 0\n", {"2:8: expected 1 to 4095"}},
	{"default: allow\nerrno: 4096\n", {"2:8: expected 1 to 4095"}},
	{"default: allow\narchitectures: [x86_64, mips]\n",
	 {"2:17: did you mean 'x86-64'?",
	  "2:25: expected one of: x86-64, x32, x86, arm64, native"}},
	{"default: allow\narchitectures: []\n", {"2:16: an empty list"}},
	{"default: allow\nask: {timeout: 30, otherwise: allow, unattended: no, who: me}\n",
	 {"2:16: expected a number with a unit", "2:31: expected one of: deny, kill",
	  "2:50: expected one of: deny, wait", "2:54: unknown key 'who'"}},
	{"default: allow\nrules: {syscall: close}\n", {"2:8: 'rules' is a list"}},
	{"default: allow\nrules:\n  - close\n", {"3:5: a rule is a mapping"}},
	/* a rule */
	{RULE "syscall: close\n", {"3:5: a rule needs the key 'action'"}},
	{RULE "action: deny\n", {"3:5: a rule needs a subject"}},
	{RULE "sycall: close" NEXT "action: dney\n",
	 {"3:5: did you mean 'syscall'?", "4:13: did you mean 'deny'?",
	  "3:5: a rule needs a subject"}},
	{RULE "syscall: close" NEXT "open: {}" NEXT "action: deny\n",
	 {"4:5: one subject, but 'open' is given beside 'syscall'", "4:5: not supported yet"}},
	{RULE "connect: 1" NEXT "action: deny" NEXT "args: {fd: 1}\n",
	 {"3:5: operation 'connect' is not supported yet", "3:14: 'connect' is a mapping",
	  "5:5: beside 'syscall' only"}},
	{RULE "syscall: close" NEXT "action: ask\n", {"4:13: action 'ask' is not supported yet"}},
	{RULE "syscall: close" NEXT "action: allow" NEXT "errno: EPERM" NEXT "value: 1\n",
	 {"5:5: 'errno' goes with action deny", "6:5: 'value' goes with action return"}},
	{RULE "syscall: close" NEXT "action: return\n", {"4:13: needs the key 'value'"}},
	{RULE "syscall: close" NEXT "action: return" NEXT "value: -1\n",
	 {"5:12: a value of -4095 to -1 is an error"}},
	{RULE "syscall: close" NEXT "action: return" NEXT "value: 0x8000000000000000\n",
	 {"5:12: out of range"}},
	{RULE "syscall: close" NEXT "action: trap" NEXT "log: each\n",
	 {"5:10: action trap is the kernel's alone"}},
	{RULE "syscall: close" NEXT "action: deny" NEXT "racy: true\n",
	 {"5:5: 'racy' has no meaning"}},
	{RULE "syscall: close" NEXT "action: deny" NEXT "mode: on" NEXT "racy: maybe\n",
	 {"5:11: 'on' is not a mode", "6:11: neither true nor false", "6:5: 'racy' has no"}},
	{RULE
	 "{name: a, syscall: close, action: deny}\n  - {name: a, syscall: read, action: deny}\n",
	 {"4:5: rule name 'a' is taken, by the rule at t.yaml:3:5"}},
	{RULE "name: \"a\\nb\"" NEXT "syscall: close" NEXT "action: deny\n",
	 {"3:11: a control character"}},
	/* system calls */
	{RULE "syscall: [wriet, '@modul', module, xyzzyxyzzy]" NEXT "action: deny\n",
	 {"3:15: did you mean 'write'?", "3:22: did you mean '@module'?",
	  "3:32: did you mean '@module'?", "3:40: expected a name as openat"}},
	{RULE "syscall: []" NEXT "action: deny\n", {"3:14: an empty list"}},
	{RULE "syscall: {a: b}" NEXT "action: deny\n", {"3:14: not a mapping"}},
	{RULE "syscall: [[close]]" NEXT "action: deny\n", {"3:15: not a list"}},
	{"default: allow\narchitectures: arm64\nrules:\n  - {syscall: [open, close], action: "
	 "deny}\n",
	 {"4:16: system call 'open' does not exist on arm64"}},
	/* arguments */
	{RULE "syscall: [read, close]" NEXT "args: {count: 3, fdd: 1}" NEXT "action: deny\n",
	 {"4:12: system call 'close' has no argument 'count', expected fd",
	  "4:22: did you mean 'fd'?"}},
	{RULE "syscall: '@basic-io'" NEXT "args: {count: 3}" NEXT "action: deny\n",
	 {"4:12: has no argument 'count'"}},
	{RULE "syscall: write" NEXT "args: {fd: 0x100000000, count: {gt: 5, lt: 3}}" NEXT
	      "action: deny\n",
	 {"4:16: argument 'fd' of write, of which the kernel looks at 32 bits",
	  "4:41: can never hold"}},
	{RULE "syscall: write" NEXT "args: {fd: -2147483649}" NEXT "action: deny\n",
	 {"4:16: does not fit"}},
	{RULE "syscall: write" NEXT "args: {fd: 18446744073709551616}" NEXT "action: deny\n",
	 {"4:16: out of range"}},
	{RULE "syscall: chmod" NEXT "args: {mode: 0x10000}" NEXT "action: deny\n",
	 {"4:18: the kernel looks at 16 bits"}},
	{RULE "syscall: chmod" NEXT "args: {mode: 0755}" NEXT "action: deny\n",
	 {"4:18: expected 0o755"}},
	{RULE "syscall: write" NEXT "args: {fd: {lt: -1}}" NEXT "action: deny\n",
	 {"4:21: '-1' is negative"}},
	{RULE "syscall: write" NEXT "args: {fd: {lt: 0}}" NEXT "action: deny\n",
	 {"4:21: can never hold"}},
	{RULE "syscall: write" NEXT "args: {fd: {}, count: []}" NEXT "action: deny\n",
	 {"4:16: an empty condition", "4:27: an empty list"}},
	{RULE "syscall: write" NEXT "args: {}" NEXT "action: deny\n", {"4:11: an empty mapping"}},
	{RULE "syscall: write" NEXT "args: [fd]" NEXT "action: deny\n", {"4:11: not a list"}},
	{RULE "syscall: write" NEXT "args: {fd: {equal: 1, eq: [1, 2]}}" NEXT "action: deny\n",
	 {"4:17: unknown key 'equal' in a condition", "4:31: not a list"}},
	{RULE "syscall: openat" NEXT "args: {flags: O_CREAT|O_EXLC, mode: 1x}" NEXT
	      "action: deny\n",
	 {"4:27: unknown constant 'O_EXLC'; did you mean 'O_EXCL'?", "4:41: '1x' is no number"}},
	{RULE "syscall: openat" NEXT "args: {flags: {all: [O_CREAT], none: [O_CREAT, O_EXCL]}}" NEXT
	      "action: deny\n",
	 {"4:42: can never hold: 0x40"}},
	{RULE "syscall: openat" NEXT "args: {flags: {all: 0}, mode: {mask: 0o700}}" NEXT
	      "action: deny\n",
	 {"4:25: no bit is set", "4:42: expected 'eq' or 'ne'"}},
	{RULE "syscall: openat" NEXT "args: {mode: {mask: 0o700, eq: 0o4000}}" NEXT
	      "action: deny\n",
	 {"4:36: bits that 'mask' leaves out"}},
	{"default: allow\narchitectures: [x86-64, x86]\nrules:\n"
	 "  - {syscall: pread64, args: {offset: 0}, action: deny}\n",
	 {"4:31: not in one register on x86"}},
	{"default: allow\narchitectures: [x86-64, arm64]\nrules:\n"
	 "  - {syscall: openat, args: {flags: {all: O_CREAT|O_NOFOLLOW}}, action: deny}\n",
	 {"4:51: 'O_NOFOLLOW' is 0x20000 on x86-64 but 0x8000 on arm64; give numbers, or leave one "
	  "of the two out of 'architectures'"}},
	{"default: allow\narchitectures: [x86-64, x86]\nrules:\n"
	 "  - {syscall: ioctl, args: {request: FS_IOC_SETFLAGS}, action: deny}\n",
	 {"4:38: 'FS_IOC_SETFLAGS' is 0x40086602 on x86-64 but 0x40046602 on x86;"}},
	{"default: allow\narchitectures: arm64\nrules:\n"
	 "  - {syscall: mmap, args: {flags: MAP_32BIT}, action: deny}\n",
	 {"4:35: there is no 'MAP_32BIT' on this profile's architectures"}},
	/* when, limit */
	{RULE
	 "syscall: close" NEXT "action: deny" NEXT
	 "when: {user: no-such-user, unit: nginx, slice: web, comm: 0123456789abcdef, exe: sh, "
	 "uint: a}\n",
	 {"5:18: there is no user 'no-such-user'", "5:38: did you mean 'nginx.service'?",
	  "5:52: did you mean 'web.slice'?", "5:63: the kernel keeps 15 bytes",
	  "5:86: expected an absolute path", "5:90: did you mean 'unit'?"}},
	{RULE "syscall: close" NEXT "action: deny" NEXT "when: {exe: ['*/sh', /a/**, /a/**/b]}\n",
	 {"5:18: expected an absolute path", "5:33: expected it at the end only"}},
	{RULE "syscall: close" NEXT "action: deny" NEXT "when: {}" NEXT "limit: {}\n",
	 {"5:11: 'when' is empty", "6:12: 'limit' needs the key 'rate'"}},
	{RULE "syscall: close" NEXT "action: deny" NEXT "when: {user: [], label: {}, group: ''}\n",
	 {"5:18: an empty list", "5:29: an empty mapping", "5:40: not nothing"}},
	{RULE "syscall: close" NEXT "action: deny" NEXT "limit: {rate: 100, burst: 0}\n",
	 {"5:19: expected a number of at least 1 and /s, /m or /h", "5:31: 1 to 1000000000"}},
	{RULE "syscall: close" NEXT "action: deny" NEXT "limit: {rate: 0/s}\n",
	 {"5:19: is not a rate"}},
	{RULE "syscall: close" NEXT "action: deny" NEXT "limit: {rate: 1/d}\n",
	 {"5:19: is not a rate"}},
	/* what no filter can carry */
	{RULE "{syscall: close, when: {comm: a}, action: trap}\n", {"3:5: "}},
};

static void bad_test(void **state)
{
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_rows); i++) {
		struct diag d = {0};
		struct profile *p = NULL;
		const char *text = bad_rows[i].text;
		int r = profile_parse("t", "t.yaml", text, strlen(text), &p, &d);

		failed += !diag_row_check(&bad_rows[i], &d) || r != -EINVAL || p;
		(void)profile_unref(p);
		diag_done(&d);
	}
	assert_int_equal(failed, 0);
}

/* The contract's own example: what is not there yet is said where it stands, and nothing else. */
static void contract_test(void **state)
{
	static const struct diag_row row = {
		"description: nginx behind our load balancer\n"
		"mode: enforce\n"
		"default: allow\n"
		"errno: EPERM\n"
		"log: denied\n"
		"ask: {timeout: 30s, otherwise: deny}\n"
		"rules:\n"
		"  - name: quiet-stdout\n"
		"    syscall: [write, writev]\n"
		"    args: {fd: 1}\n"
		"    action: deny\n"
		"  - name: no-modules\n"
		"    syscall: [\"@module\"]\n"
		"    action: kill\n"
		"  - name: own-files\n"
		"    open: {path: [/etc/nginx/**, /srv/www/**], access: read}\n"
		"    action: allow\n"
		"  - name: rest-of-etc\n"
		"    open: {path: /etc/**}\n"
		"    action: ask\n"
		"  - name: upstream\n"
		"    connect: {address: [10.0.0.0/8, \"unix:/run/php/*.sock\"], port: [8080, "
		"9000-9010]}\n"
		"    when: {user: root}\n"
		"    action: allow\n"
		"  - name: no-other-network\n"
		"    connect: {}\n"
		"    action: deny\n"
		"    errno: ECONNREFUSED\n",
		{"16:5: operation 'open' is not supported yet",
		 "19:5: operation 'open' is not supported yet",
		 "20:13: action 'ask' is not supported yet",
		 "22:5: operation 'connect' is not supported yet",
		 "26:5: operation 'connect' is not supported yet"}};
	struct diag d = {0};
	struct profile *p = NULL;
	int r = profile_parse("t", "t.yaml", row.text, strlen(row.text), &p, &d);

	(void)state;
	assert_int_equal(r, -EINVAL);
	assert_true(diag_row_check(&row, &d));
	diag_done(&d);
}

/* ---- files ---------------------------------------------------------------------- */

static char dir[] = "/tmp/test-profile-XXXXXX";

static int dir_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int dir_teardown(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const char *path_of(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(path_of(name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void puts_to(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* Refused with R and exactly one item, which has TEXT. */
static void assert_refused(const char *path, int r, const char *text)
{
	struct diag d = {0};
	struct profile *p = NULL;

	assert_int_equal(profile_load("t", path, true, &p, &d), r);
	assert_null(p);
	assert_int_equal(d.n, 1);
	if (!strstr(d.items[0].text, text))
		fail_msg("'%s' has no '%s'", d.items[0].text, text);
	diag_done(&d);
}

static void not_a_file_test(void **state)
{
	(void)state;
	assert_refused(dir, -EISDIR, "is a directory");
	assert_refused("/dev/null", -EINVAL, "is a device");
	assert_refused("/nonexistent.yaml", -ENOENT, "no such file");
	assert_int_equal(mkfifo(path_of("fifo.yaml"), 0600), 0);
	assert_refused(path_of("fifo.yaml"), -EINVAL, "is a FIFO");
	assert_int_equal(symlink("loop.yaml", path_of("loop.yaml")), 0);
	assert_refused(path_of("loop.yaml"), -ELOOP, "cannot be opened");
}

static void large_test(void **state)
{
	size_t len = 10 * 1000 * 1000;
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	memset(text, '#', len);
	put("large.yaml", text, len);
	assert_refused(path_of("large.yaml"), -EFBIG, "too large");
	/* What a size cannot tell is found out by reading. */
	put("just.yaml", text, 1024 * 1024 + 1);
	assert_refused(path_of("just.yaml"), -EFBIG, "too large");
	memcpy(text, "default: allow\n", 15);
	put("fits.yaml", text, 1024 * 1024);
	{
		struct diag d = {0};
		struct profile *p = NULL;

		assert_int_equal(profile_load("t", path_of("fits.yaml"), true, &p, &d), 0);
		(void)profile_unref(p);
	}
	free(text);
}

static void binary_test(void **state)
{
	static const char elf[] = "\x7f"
				  "ELF\2\1\1\0\0\0\0\0\0\0\0\0";

	(void)state;
	put("binary.yaml", elf, sizeof(elf));
	assert_refused(path_of("binary.yaml"), -EINVAL, "expected a text file");
	put("nul.yaml", "default: al\0low\n", 16);
	assert_refused(path_of("nul.yaml"), -EINVAL, "character U+0000");
}

static void dropins_test(void **state)
{
	struct diag d = {0};
	struct profile *p = NULL;

	(void)state;
	puts_to("p.yaml", "default: allow\nerrno: EPERM\ndescription: main\nlog: none\nrules:\n"
			  "  - {name: m1, syscall: close, action: deny}\n"
			  "  - {syscall: close, action: deny}\n");
	assert_int_equal(mkdir(path_of("p.yaml.d"), 0700), 0);
	puts_to("p.yaml.d/10-a.yaml", "errno: EACCES\narchitectures: [x86-64, x32]\nrules:\n"
				      "  - {name: a1, syscall: close, action: kill}\n"
				      "  - {syscall: close, action: kill}\n");
	puts_to("p.yaml.d/20-b.yaml", "errno: ENOSYS\nmode: permissive\nrules:\n"
				      "  - {name: b1, syscall: close, action: allow}\n");
	puts_to("p.yaml.d/30-c.yml", "not: a drop-in\n");
	puts_to("p.yaml.d/.hidden.yaml", "not: a drop-in\n");
	assert_int_equal(profile_load("p", path_of("p.yaml"), true, &p, &d), 0);
	assert_int_equal(p->n_rules, 5);
	assert_string_equal(p->rules[0].name, "b1");
	assert_string_equal(p->rules[1].name, "a1");
	assert_string_equal(p->rules[2].name, "10-a.yaml rule 2");
	assert_string_equal(p->rules[3].name, "m1");
	assert_string_equal(p->rules[4].name, "rule 2");
	assert_int_equal(p->err, ENOSYS);
	assert_int_equal(p->rules[3].err, ENOSYS);
	assert_int_equal(p->mode, MODE_PERMISSIVE);
	assert_int_equal(p->log, LOG_MODE_NONE);
	assert_int_equal(p->archs, ARCH_BIT(ARCH_X86_64) | ARCH_BIT(ARCH_X32));
	assert_string_equal(p->description, "main");
	assert_non_null(strstr(p->rules[0].file, "20-b.yaml"));
	assert_non_null(strstr(p->files[1], "10-a.yaml"));
	assert_non_null(strstr(p->files[2], "20-b.yaml"));
	assert_null(p->files[3]);
	assert_int_equal(match_of(p, "close", 4)->rule, 4);
	(void)profile_unref(p);

	assert_int_equal(profile_load("p", path_of("p.yaml"), false, &p, &d), 0);
	assert_int_equal(p->n_rules, 2);
	(void)profile_unref(p);
	p = NULL;

	/* Errors name the file they are in, those of all files at once. */
	puts_to("p.yaml.d/20-b.yaml", "mode: off\nrules:\n"
				      "  - {name: m1, syscall: close, action: allow}\n");
	puts_to("p.yaml.d/10-a.yaml", "errno: 0\n");
	assert_int_equal(profile_load("p", path_of("p.yaml"), true, &p, &d), -EINVAL);
	assert_null(p);
	{
		_cleanup_free_ char *text = diag_to_string(&d);

		assert_int_equal(d.n, 3);
		assert_non_null(strstr(text, "10-a.yaml:1:8: errno 0"));
		assert_non_null(strstr(text, "20-b.yaml:1:7: 'off' is not a mode"));
		assert_non_null(strstr(text, "p.yaml:6:5: rule name 'm1' is taken"));
	}
	diag_done(&d);
}

static void many_rules_test(void **state)
{
	size_t size = 1024 * 1024;
	char *text = malloc(size);
	size_t n = (size_t)snprintf(text, size, "default: allow\nrules:\n");
	struct diag d = {0};
	struct profile *p = NULL;

	(void)state;
	for (int i = 0; i < 10000; i++)
		n += (size_t)snprintf(text + n, size - n, "  - {syscall: read, action: deny}\n");
	p = parse(text);
	assert_int_equal(p->n_rules, 10000);
	p = profile_unref(p);
	(void)snprintf(text + n, size - n, "  - {syscall: read, action: deny}\n");
	assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), -EINVAL);
	assert_int_equal(d.n, 1);
	assert_non_null(strstr(d.items[0].text, "10001 rules"));
	diag_done(&d);

	/* More errors than are kept are counted. */
	n = (size_t)snprintf(text, size, "default: allow\nrules:\n");
	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, size - n, "  - {syscall: raed, action: deny}\n");
	assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), -EINVAL);
	assert_int_equal(d.n, DIAG_ITEMS_MAX);
	assert_int_equal(d.dropped, 1000 - DIAG_ITEMS_MAX);
	diag_done(&d);

	/* Rules times calls are bounded too. */
	n = (size_t)snprintf(text, size, "default: allow\nrules:\n");
	for (int i = 0; i < 10000; i++)
		n += (size_t)snprintf(text + n, size - n,
				      "  - {syscall: '@known', action: deny}\n");
	assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), -EINVAL);
	assert_int_equal(d.n, 1);
	assert_non_null(strstr(d.items[0].text, "too large"));
	diag_done(&d);
	free(text);
}

/* `seccompd --check FILE...` */
static void check_files_test(void **state)
{
	char good[256], bad[256], *text = NULL;
	char *files[] = {good, bad};
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	puts_to("good.yaml", "default: allow\n");
	puts_to("bad.yaml", "default: alow\nfoo: 1\n");
	(void)snprintf(good, sizeof(good), "%s", path_of("good.yaml"));
	(void)snprintf(bad, sizeof(bad), "%s", path_of("bad.yaml"));
	assert_int_equal(check_run("/nonexistent", NULL, 0, files, 1, out), 0);
	assert_int_equal(check_run("/nonexistent", NULL, 0, files, 2, out), 1);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "good.yaml: OK\n"));
	assert_non_null(strstr(text, "bad.yaml:1:10: "));
	assert_non_null(strstr(text, "bad.yaml:2:1: "));
	assert_null(strstr(text, "bad.yaml: OK"));
	free(text);
}

/* Without files: the configuration and every profile. */
static void check_all_test(void **state)
{
	char profiles[256], config[256], *text = NULL;
	const char *dirs[] = {profiles};
	size_t size = 0;
	FILE *out;

	(void)state;
	(void)snprintf(profiles, sizeof(profiles), "%s", path_of("all"));
	(void)snprintf(config, sizeof(config), "%s", path_of("all.yaml"));
	assert_int_equal(mkdir(profiles, 0700), 0);
	puts_to("all/web.yaml", "default: allow\n");
	puts_to("all.yaml", "clients:\n  - {profile: web}\n");
	out = open_memstream(&text, &size);
	assert_int_equal(check_run(config, dirs, 1, NULL, 0, out), 0);
	assert_int_equal(check_run("/nonexistent", dirs, 1, NULL, 0, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "all.yaml: OK\n"));
	assert_non_null(strstr(text, "all/web.yaml: OK\n"));
	free(text);

	puts_to("all.yaml", "clients:\n  - {profile: wbe}\n");
	puts_to("all/bad.yaml", "default: maybe\n");
	out = open_memstream(&text, &size);
	assert_int_equal(check_run(config, dirs, 1, NULL, 0, out), 1);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "all.yaml:2:15: there is no profile 'wbe'"));
	assert_non_null(strstr(text, "all/bad.yaml:1:10: "));
	assert_non_null(strstr(text, "all/web.yaml: OK\n"));
	free(text);
}

/* Nothing of a file may steer a terminal. */
static void diag_clean_test(void **state)
{
	struct diag d = {0};
	_cleanup_free_ char *text = NULL;

	(void)state;
	diag_add(&d, "b\n", 2, 1, "%s", "\x1b[31m\xff \xc3\xa4\xc2\x9b");
	diag_add(&d, "b\n", 1, 7, "second");
	diag_add(&d, "a", 0, 0, "whole");
	diag_add(&d, "b\n", 1, 3, "first");
	text = diag_to_string(&d);
	assert_string_equal(text, "a: whole\nb\\x0a:1:3: first\nb\\x0a:1:7: second\n"
				  "b\\x0a:2:1: \\x1b[31m\\xff \xc3\xa4\\xc2\\x9b\n");
	diag_done(&d);
	assert_int_equal(d.n, 0);
}

/* The profiles that come with the project. */
static void shipped_test(void **state)
{
	static const char *const names[] = {"profiles/nginx.yaml", "profiles/redis.yaml"};
	const char *srcdir = getenv("srcdir");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct diag d = {0};
		struct profile *p = NULL;
		char path[4096];

		(void)snprintf(path, sizeof(path), "%s/%s", srcdir ? srcdir : ".", names[i]);
		if (profile_load("t", path, false, &p, &d) < 0) {
			diag_print(&d, stderr);
			fail_msg("%s is refused", path);
		}
		assert_true(p->n_rules > 0);
		(void)profile_unref(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_test),      cmocka_unit_test(defaults_test),
		cmocka_unit_test(actions_test),	      cmocka_unit_test(calls_test),
		cmocka_unit_test(nested_groups_test), cmocka_unit_test(args_test),
		cmocka_unit_test(args_arch_test),     cmocka_unit_test(when_test),
		cmocka_unit_test(hash_test),	      cmocka_unit_test(bad_test),
		cmocka_unit_test(contract_test),      cmocka_unit_test(not_a_file_test),
		cmocka_unit_test(large_test),	      cmocka_unit_test(binary_test),
		cmocka_unit_test(dropins_test),	      cmocka_unit_test(many_rules_test),
		cmocka_unit_test(check_files_test),   cmocka_unit_test(check_all_test),
		cmocka_unit_test(diag_clean_test),    cmocka_unit_test(shipped_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("profile", tests, dir_setup, dir_teardown);
}
