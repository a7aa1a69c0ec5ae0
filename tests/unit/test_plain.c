/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_plain.c - rows of profiles: does the filter bind the launcher itself? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/seccomp.h>
#include <string.h>

#include "client/plain.h"
#include "daemon/filter.h"
#include "proto/base.h"

static const struct {
	const char *profile;
	bool plain;
} rows[] = {
	{"default: allow\n", true},
	{"default: allow\nrules:\n  - {syscall: getppid, action: allow, log: each}\n", true},
	{"default: allow\nrules:\n  - {syscall: execve, action: kill-thread}\n", true},
	{"default: deny\nlog: none\n", false},
	{"default: allow\nlog: each\n", false},
	{"default: allow\nrules:\n  - {syscall: sendmsg, action: allow, log: each}\n", false},
	{"default: allow\nrules:\n  - {syscall: close, action: allow, when: {user: root}}\n",
	 false},
	{"default: allow\nrules:\n  - {syscall: exit_group, action: kill}\n", false},
	/* It depends: on what the launcher happens to write to. */
	{"default: allow\nrules:\n  - {syscall: write, args: {fd: 1000}, action: deny}\n", false},
	{"default: allow\nrules:\n  - {syscall: brk, args: {arg0: {mask: 1, eq: 1}}, action: "
	 "deny}\n",
	 false},
	{"default: kill\nrules:\n  - {syscall: [execve, getppid], action: allow}\n", false},
};

static bool is_plain(const char *text)
{
	struct identity nobody = {0};
	struct profile *p = NULL;
	struct filter f = {0};
	struct diag d = {0};
	struct view *v;
	bool plain;

	if (profile_parse("t", "t.yaml", text, strlen(text), &p, &d) < 0)
		fail_msg("%s", diag_to_string(&d));
	v = view_new(p, &nobody);
	assert_non_null(v);
	assert_int_equal(filter_compile(v, &f, NULL, 0), 0);
	plain = plain_program(&(struct sock_fprog){(unsigned short)f.n, f.insns});
	filter_done(&f);
	view_free(v);
	profile_unref(p);
	diag_done(&d);
	return plain;
}

static void test_profiles(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (is_plain(rows[i].profile) != rows[i].plain)
			fail_msg("row %zu: %s", i, rows[i].profile);
}

/* What the supervisor would not send. */
static void test_strange_programs(void **state)
{
	struct sock_filter past_end[] = {{BPF_JMP | BPF_JA, 0, 0, 7}};
	struct sock_filter unknown[] = {{BPF_RET | BPF_A, 0, 0, 0}};
	struct sock_filter logs[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_LOG}};

	(void)state;
	assert_false(plain_program(&(struct sock_fprog){0, NULL}));
	assert_false(plain_program(&(struct sock_fprog){1, past_end}));
	assert_false(plain_program(&(struct sock_fprog){1, unknown}));
	assert_false(plain_program(&(struct sock_fprog){1, logs}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_strange_programs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
