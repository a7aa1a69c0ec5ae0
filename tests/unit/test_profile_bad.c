/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_profile_bad.c - profiles: what is refused where, and why.
 */
#include "tests/unit/diag_rows.h"
#include "tests/unit/profile_fixture.h"

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
	{"default:\n", {"1:9: expected a default (allow, deny, kill), not nothing"}},
	{"default: {a: b}\n", {"1:10: expected a default (allow, deny, kill), not a mapping"}},
	{"default: allow\nmode: []\nlog:\n",
	 {"2:7: expected a mode (enforce, permissive), not a list",
	  "3:5: expected a log setting (denied, each, changes, none), not nothing"}},
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

/* Where operations are taken. */
static const struct diag_row op_rows[] = {
	{RULE "open: 1" NEXT "action: deny\n", {"3:11: 'open' is a mapping, as {} or {path: ...}"}},
	{RULE "open: {paht: /x}" NEXT "action: deny\n", {"3:12: did you mean 'path'?"}},
	{RULE "open: {path: etc/x}" NEXT "action: deny\n",
	 {"3:18: no absolute path, expected a path such as /etc/nginx/**"}},
	{RULE "open: {path: [/x, {a: b}]}" NEXT "action: deny\n", {"3:23: expected a path"}},
	{RULE "open: {path: []}" NEXT "action: deny\n", {"3:18: an empty list"}},
	{RULE "open: {access: raed}" NEXT "action: deny\n", {"3:20: did you mean 'read'?"}},
	{RULE "open: {}" NEXT "args: {flags: 1}" NEXT "action: deny\n",
	 {"4:5: 'args' matches registers"}},
	{RULE "open: {}" NEXT "connect: {}" NEXT "action: deny\n",
	 {"4:5: one subject, but 'connect' is given beside 'open'"}},
	{RULE "connect: {}" NEXT "action: deny\n",
	 {"3:5: operation 'connect' is not supported yet"}},
	{RULE "open: {}" NEXT "action: kill-thread\n",
	 {"3:5: only the kernel can do 'kill-thread', but only the daemon can tell whether its "
	  "'open' holds"}},
	{RULE "open: {}\n    action: allow\n  - syscall: openat\n    action: trap\n",
	 {"5:5: only the kernel can do 'trap', but openat may match the earlier rule"}},
};

static void operation_test(void **state)
{
	(void)state;
	profile_operations = true;
	for (size_t i = 0; i < ARRAY_SIZE(op_rows); i++) {
		struct diag d = {0};
		struct profile *p = NULL;
		const char *text = op_rows[i].text;

		assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), -EINVAL);
		if (!diag_row_check(&op_rows[i], &d))
			fail_msg("row %zu: %s", i, text);
		diag_done(&d);
	}
	profile_operations = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_test),
		cmocka_unit_test(contract_test),
		cmocka_unit_test(operation_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("profile_bad", tests, NULL, NULL);
}
