/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_userdb.c - users and groups that files name: looked up when a file is read, and never
 * after. The C library's look-ups are replaced by a database of this test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <grp.h>
#include <linux/audit.h>
#include <pwd.h>

#include "daemon/config.h"
#include "daemon/decide.h"
#include "daemon/userdb.h"
#include "proto/base.h"

static struct passwd users[] = {
	{.pw_name = (char *)"web-2", .pw_uid = 502},
	{.pw_name = (char *)"mail", .pw_uid = 8},
	{.pw_name = (char *)"web-1", .pw_uid = 501},
	{.pw_name = (char *)"web-late", .pw_uid = 503},
};
static struct group groups[] = {
	{.gr_name = (char *)"staff", .gr_gid = 50},
	{.gr_name = (char *)"web", .gr_gid = 500},
};
static size_t n_users, next_user, next_group;
static unsigned lookups, walks;
static int walk_errno;

void setpwent(void)
{
	walks++;
	next_user = 0;
}

struct passwd *getpwent(void)
{
	lookups++;
	if (next_user < n_users)
		return &users[next_user++];
	errno = walk_errno ? walk_errno : ENOENT;
	return NULL;
}

void endpwent(void)
{
}

void setgrent(void)
{
	walks++;
	next_group = 0;
}

struct group *getgrent(void)
{
	lookups++;
	return next_group < ARRAY_SIZE(groups) ? &groups[next_group++] : NULL;
}

void endgrent(void)
{
}

int getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size, struct passwd **ret)
{
	(void)buf;
	(void)size;
	lookups++;
	*ret = NULL;
	for (size_t i = 0; i < n_users; i++) {
		if (strcmp(users[i].pw_name, name) != 0)
			continue;
		*pw = users[i];
		*ret = pw;
	}
	return 0;
}

static int forget(void **state)
{
	(void)state;
	userdb_forget();
	return 0;
}

static int start(void **state)
{
	(void)forget(state);
	n_users = 3;
	lookups = walks = 0;
	walk_errno = 0;
	return 0;
}

static struct view *view_of(const char *when)
{
	struct diag d = {0};
	struct profile *p = NULL;
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "default: allow\n"
			 "rules:\n"
			 "  - {syscall: mkdir, when: {%s}, action: deny}\n"
			 "  - {syscall: rmdir, when: {user: 'web-*'}, action: deny}\n",
			 when);
	struct view *v;

	assert_int_equal(profile_parse("t", "t.yaml", text, (size_t)n, &p, &d), 0);
	v = view_new(p, NULL);
	profile_unref(p);
	assert_non_null(v);
	return v;
}

static bool denied(const struct view *v, uid_t uid, gid_t gid)
{
	struct proc_facts proc = {.uid = uid, .gid = gid, .exe = "/bin/x"};
	struct facts f = {.arch = arch_audit(arch_native()),
			  .nr = syscall_nr(arch_native(), "mkdir"),
			  .proc = &proc};
	struct verdict verdict;

	decide(v, &f, NULL, &verdict);
	return verdict.kind == VERDICT_DENY && verdict.by == BY_RULE;
}

static void names_test(void **state)
{
	struct view *v = view_of("user: 'web-?'");

	(void)state;
	assert_true(denied(v, 501, 0));
	assert_true(denied(v, 502, 0));
	assert_false(denied(v, 8, 0));
	view_free(v);
	v = view_of("user: [mail, 'web-2*', 'x*', '77*', 4000]");
	assert_true(denied(v, 8, 0));
	assert_true(denied(v, 502, 0));
	assert_true(denied(v, 778, 0));
	assert_true(denied(v, 4000, 0));
	assert_false(denied(v, 501, 0));
	assert_false(denied(v, 0, 0));
	view_free(v);
	v = view_of("user: '*', group: 'w*'");
	assert_true(denied(v, 501, 500));
	assert_false(denied(v, 501, 50));
	view_free(v);
	v = view_of("user: nobody-*");
	assert_false(denied(v, 501, 0));
	view_free(v);
}

/* Who comes later is picked up when files are read anew. */
static void later_test(void **state)
{
	struct view *v = view_of("user: 'web-*'");

	(void)state;
	n_users = 4;
	assert_false(denied(v, 503, 0));
	view_free(v);
	v = view_of("user: 'web-*'");
	assert_false(denied(v, 503, 0)); /* the same load */
	view_free(v);
	userdb_forget();
	v = view_of("user: 'web-*'");
	assert_true(denied(v, 503, 0));
	view_free(v);
}

/* One walk for all rules and files of a load; none for a client or a call. */
static void count_test(void **state)
{
	static const char text[] = "clients:\n"
				   "  - {match: {user: 'web-*'}, profile: web}\n"
				   "  - {match: {user: mail}, profile: mail}\n";
	struct view *v = view_of("user: 'w*', group: 'w*'");
	struct diag d = {0};
	struct config *c = NULL;
	struct claim claim = {.unit = "", .slice = "", .uid = 502};
	char reason[128];
	struct view *again;

	(void)state;
	assert_int_equal(config_parse("c.yaml", text, strlen(text), &c, &d), 0);
	assert_int_equal(walks, 2);
	lookups = 0;
	again = view_new(v->profile, NULL);
	assert_true(denied(again, 501, 500));
	assert_string_equal(config_assign(c, &claim, reason, sizeof(reason)), "web");
	claim.uid = 8;
	assert_string_equal(config_assign(c, &claim, reason, sizeof(reason)), "mail");
	claim.uid = 0;
	assert_null(config_assign(c, &claim, reason, sizeof(reason)));
	assert_string_equal(reason,
			    "no profile is assigned to user 0, and --profile was not given");
	assert_int_equal(lookups, 0);
	view_free(again);
	view_free(v);
	config_free(c);
}

/* A database that cannot be read refuses what needs it, and is asked again next time. */
static void broken_test(void **state)
{
	static const char text[] = "default: allow\n"
				   "rules:\n"
				   "  - syscall: mkdir\n"
				   "    action: deny\n"
				   "    when: {user: 'web-*'}\n";
	struct diag d = {0};
	struct profile *p = NULL;

	(void)state;
	walk_errno = EIO;
	assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), -EINVAL);
	assert_int_equal(d.n, 1);
	assert_int_equal(d.items[0].line, 5);
	assert_string_equal(d.items[0].text, "users cannot be listed: Input/output error");
	diag_done(&d);
	walk_errno = 0;
	assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), 0);
	profile_unref(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_test, start, forget),
		cmocka_unit_test_setup_teardown(later_test, start, forget),
		cmocka_unit_test_setup_teardown(count_test, start, forget),
		cmocka_unit_test_setup_teardown(broken_test, start, forget),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("userdb", tests, NULL, NULL);
}
