/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_profile.c - profiles: what is accepted, and becomes of it.
 */
#include <fcntl.h>

#include "tests/unit/profile_fixture.h"

static void assert_cmp(const struct cond *c, unsigned i, enum cmp_op op, uint64_t mask,
		       uint64_t value)
{
	assert_true(i < c->n_cmps);
	assert_int_equal(c->cmps[i].op, op);
	assert_int_equal(c->cmps[i].mask, mask);
	assert_int_equal(c->cmps[i].value, value);
}

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
		cmocka_unit_test(hash_test),	      cmocka_unit_test(shipped_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
