/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_config.c - seccompd.yaml: settings, who gets which profile, and what is refused where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config.h"
#include "proto/base.h"
#include "tests/unit/diag_rows.h"

static struct config *parse(const char *text)
{
	struct diag d = {0};
	struct config *c = NULL;
	int r = config_parse("c.yaml", text, strlen(text), &c, &d);

	if (r < 0)
		diag_print(&d, stderr);
	assert_int_equal(r, 0);
	assert_int_equal(d.n, 0);
	diag_done(&d);
	return c;
}

static void defaults_test(void **state)
{
	struct config *c = config_default();

	(void)state;
	assert_int_equal(c->n_assignments, 0);
	assert_int_equal(c->max_clients, 10000);
	assert_int_equal(c->max_clients_per_uid, 1024);
	assert_int_equal(c->max_connections, 512);
	assert_int_equal(c->max_connections_per_uid, 64);
	assert_int_equal(c->workers, 0);
	assert_int_equal(c->log_max_bytes, 1 << 30);
	assert_int_equal(c->log_max_age_s, 30 * 86400);
	assert_int_equal(c->log_batch_ms, 10);
	assert_int_equal(c->ring_bytes, 4 << 20);
	assert_true(c->log_journal);
	assert_int_equal(c->journal_burst, 100);
	config_free(c);
	config_free(NULL);
}

static void settings_test(void **state)
{
	struct config *c = parse("operators: {users: [root, 1234], groups: root}\n"
				 "viewers: {groups: [4321]}\n"
				 "limits: {clients: 10, clients_per_uid: 9, connections: 8, "
				 "connections_per_uid: 7}\n"
				 "workers: 3\n"
				 "log: {max_size: 2G, max_age: 7d, batch: 1s, journal: no, "
				 "journal_burst: 5, ring: 64K}\n");

	(void)state;
	assert_int_equal(c->operators.n_uids, 2);
	assert_int_equal(c->operators.uids[0], 0);
	assert_int_equal(c->operators.uids[1], 1234);
	assert_int_equal(c->operators.n_gids, 1);
	assert_int_equal(c->viewers.gids[0], 4321);
	assert_int_equal(c->max_clients, 10);
	assert_int_equal(c->max_clients_per_uid, 9);
	assert_int_equal(c->max_connections, 8);
	assert_int_equal(c->max_connections_per_uid, 7);
	assert_int_equal(c->workers, 3);
	assert_true(c->log_max_bytes == UINT64_C(2) << 30);
	assert_int_equal(c->log_max_age_s, 7 * 86400);
	assert_int_equal(c->log_batch_ms, 1000);
	assert_false(c->log_journal);
	assert_int_equal(c->journal_burst, 5);
	assert_int_equal(c->ring_bytes, 65536);
	config_free(c);
	c = parse("log: {max_size: 0, max_age: 0}\n");
	assert_int_equal(c->log_max_bytes, 0);
	assert_int_equal(c->log_max_age_s, 0);
	config_free(c);
}

static void rights_test(void **state)
{
	struct config *c = parse("operators: {users: [1001], groups: [2001]}\n"
				 "viewers: {users: [1002], groups: [2002]}\n");
	gid_t groups[] = {5, 2001}, viewers[] = {2002};

	(void)state;
	assert_true(config_is_operator(c, 0, 0, NULL, 0));
	assert_true(config_is_operator(c, 1001, 1, NULL, 0));
	assert_true(config_is_operator(c, 7, 2001, NULL, 0));
	assert_true(config_is_operator(c, 7, 7, groups, 2));
	assert_false(config_is_operator(c, 7, 7, groups, 1));
	assert_false(config_is_operator(c, 1002, 1, viewers, 1));
	/* A user's number says nothing about a group's. */
	assert_false(config_is_operator(c, 2001, 1001, NULL, 0));
	assert_true(config_is_viewer(c, 0, 0, NULL, 0));
	assert_true(config_is_viewer(c, 1001, 1, NULL, 0));
	assert_true(config_is_viewer(c, 1002, 1, NULL, 0));
	assert_true(config_is_viewer(c, 7, 7, viewers, 1));
	assert_false(config_is_viewer(c, 7, 7, groups, 1));
	config_free(c);
}

/* ---- who gets which profile ----------------------------------------------------- */

static const char assign_text[] =
	"clients:\n"
	"  - {match: {unit: nginx.service}, profile: nginx}\n"
	"  - {match: {unit: 'web-*.service'}, profile: web, choose: [web-*, x]}\n"
	"  - {match: {slice: batch.slice, user: root}, refuse: true}\n"
	"  - {match: {user: nobody}, choose: true}\n"
	"  - {match: {label: {tier: [a, b]}}, profile: tier}\n"
	"  - {match: {user: 4242}, choose: [own]}\n"
	"  - {match: {user: 'roo*'}, choose: false}\n";

struct assign_row {
	const char *unit, *slice;
	uid_t uid;
	const char *tier; /* label, or NULL */
	const char *want;
	const char *profile; /* NULL: refused with REASON */
	const char *reason;
};

static const struct assign_row assign_rows[] = {
	{"nginx.service", "system.slice", 33, NULL, NULL, "nginx", NULL},
	{"nginx.service", "system.slice", 33, NULL, "nginx", "nginx", NULL},
	{"nginx.service", "system.slice", 33, NULL, "open", NULL,
	 "unit nginx.service may not choose profile open; it is assigned nginx"},
	{"web-1.service", "", 33, NULL, NULL, "web", NULL},
	{"web-1.service", "", 33, NULL, "web-large", "web-large", NULL},
	{"web-1.service", "", 33, NULL, "y", NULL,
	 "unit web-1.service may not choose profile y; it is assigned web; it may choose web-*, x"},
	{"a.service", "batch.slice", 0, NULL, "any", NULL,
	 "unit a.service is refused by line 4 of the configuration"},
	{"a.service", "batch.slice", 77, NULL, "any", "any", NULL},
	{"", "", 65534, NULL, "any", "any", NULL},
	{"", "", 65534, NULL, NULL, NULL,
	 "no profile is assigned to user 65534, and --profile was not given"},
	{"", "", 77, "b", NULL, "tier", NULL},
	{"", "", 77, "c", NULL, NULL,
	 "no profile is assigned to user 77, and --profile was not given"},
	{"", "", 4242, NULL, "own", "own", NULL},
	{"", "", 4242, NULL, "other", NULL,
	 "user 4242 may not choose profile other; it may choose own"},
	{"", "", 0, NULL, "any", NULL, "user 0 may not choose profile any"},
	/* No entry matches: free choice. */
	{"b.service", "", 77, NULL, "any", "any", NULL},
	{"b.service", "", 77, NULL, NULL, NULL,
	 "no profile is assigned to unit b.service, and --profile was not given"},
	/* Of which unit cannot be told: no entry that asks for it is passed over. */
	{NULL, NULL, 77, NULL, "any", NULL,
	 "user 77 is gone, and line 2 of the configuration asks for the unit"},
};

static void assign_test(void **state)
{
	struct config *c = parse(assign_text);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(assign_rows); i++) {
		const struct assign_row *row = &assign_rows[i];
		const char *const keys[] = {"other", "tier"};
		const char *const values[] = {"a", row->tier};
		struct claim claim = {.unit = row->unit,
				      .slice = row->slice,
				      .uid = row->uid,
				      .label_keys = keys,
				      .label_values = values,
				      .n_labels = row->tier ? 2 : 1,
				      .want = row->want};
		char reason[256] = "";
		const char *got = config_assign(c, &claim, reason, sizeof(reason));

		if (row->profile) {
			assert_non_null(got);
			assert_string_equal(got, row->profile);
		} else {
			assert_null(got);
			assert_string_equal(reason, row->reason);
		}
	}
	config_free(c);
}

static void short_reason_test(void **state)
{
	struct config *c = parse(assign_text);
	struct claim claim = {.unit = "nginx.service", .slice = "", .want = "x"};
	char reason[8];

	(void)state;
	assert_null(config_assign(c, &claim, reason, sizeof(reason)));
	assert_string_equal(reason, "unit ng");
	config_free(c);
}

/* ---- refused -------------------------------------------------------------------- */

static const struct diag_row bad_rows[] = {
	{"", {"1:1: the file is empty"}},
	{"- a\n", {"1:1: the configuration is a mapping"}},
	{"operator: {}\n", {"1:1: did you mean 'operators'?"}},
	{"operators: [root]\n", {"1:12: 'operators' is a mapping"}},
	{"operators: {users: [no-such-user, -1, 4294967295], groups: [no-such-group]}\n",
	 {"1:21: there is no user 'no-such-user'", "1:35: there is no user '-1'",
	  "1:39: there is no user '4294967295'", "1:61: there is no group 'no-such-group'"}},
	{"viewers: {user: root, groups: []}\n",
	 {"1:11: did you mean 'users'?", "1:31: an empty list"}},
	{"clients: {match: {}}\n", {"1:10: 'clients' is a list"}},
	{"clients: []\n", {"1:10: an empty list"}},
	{"clients:\n  - nginx\n", {"2:5: an item of 'clients' is a mapping"}},
	{"clients:\n  - match: {unit: nginx.service}\n",
	 {"2:5: needs 'profile', 'choose' or 'refuse'"}},
	{"clients:\n  - {refuse: true, profile: a}\n  - {refuse: false}\n",
	 {"2:6: 'refuse' goes without", "3:6: decides nothing"}},
	{"clients:\n  - {match: {units: a.service, slice: web, comm: x}, profile: ../a}\n",
	 {"2:14: did you mean 'unit'?", "2:39: did you mean 'web.slice'?",
	  "2:44: unknown key 'comm' in 'match'", "2:63: expected the name of a profile"}},
	{"clients:\n  - {choose: []}\n  - {choose: {a: b}}\n  - {refuse: maybe}\n",
	 {"2:14: an empty list", "3:14: not a mapping", "4:14: neither true nor false",
	  "4:6: decides nothing"}},
	{"limits: {clients: 0, clients_per_uid: x, connections: 999999999, connections_per_user: "
	 "1}\n",
	 {"1:19: 1 to 1000000", "1:39: 1 to 1000000", "1:55: 1 to 100000",
	  "1:66: did you mean 'connections_per_uid'?"}},
	{"workers: -1\n", {"1:10: 0 to 256"}},
	{"log: {max_size: 1X, max_age: 30, batch: 0, journal: 2, journal_burst: a, ring: 3M}\n",
	 {"1:17: expected bytes or a number with K, M, G or T", "1:30: with a unit",
	  "1:41: out of range", "1:53: neither true nor false", "1:71: is not a count",
	  "1:80: no power of two"}},
	{"log: {max_size: 99999999999999999999G, ring: 1K, batch: 1h}\n",
	 {"1:17: is not a size", "1:46: out of range", "1:57: out of range"}},
	{"workers: 1\nworkers: 2\n", {"2:1: duplicate key 'workers', first given at 1:1"}},
	{"workers: 1\n---\nworkers: 2\n", {"2:1: a second document"}},
	{"workers: &a 1\n", {"1:10: anchor"}},
};

static void bad_test(void **state)
{
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_rows); i++) {
		struct diag d = {0};
		struct config *c = NULL;
		const char *text = bad_rows[i].text;
		int r = config_parse("c.yaml", text, strlen(text), &c, &d);

		failed += !diag_row_check(&bad_rows[i], &d) || r != -EINVAL || c;
		config_free(c);
		diag_done(&d);
	}
	assert_int_equal(failed, 0);
}

static void load_test(void **state)
{
	struct diag d = {0};
	struct config *c = NULL;

	(void)state;
	assert_int_equal(config_load("/nonexistent/seccompd.yaml", &c, &d), -ENOENT);
	assert_int_equal(d.n, 0);
	assert_int_equal(config_load("/tmp", &c, &d), -EISDIR);
	assert_int_equal(d.n, 1);
	assert_null(c);
	diag_done(&d);
}

/* The example that comes with the project: as it is, and with its comments taken away. */
static void shipped_test(void **state)
{
	const char *srcdir = getenv("srcdir");
	struct diag d = {0};
	struct config *c = NULL;
	char path[4096], line[512], *text = NULL;
	size_t size = 0;
	FILE *f, *out;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/units/seccompd.yaml", srcdir ? srcdir : ".");
	assert_int_equal(config_load(path, &c, &d), 0);
	config_free(c);
	f = fopen(path, "re");
	out = open_memstream(&text, &size);
	assert_non_null(f);
	assert_non_null(out);
	while (fgets(line, sizeof(line), f))
		if (line[0] != '#' || line[1] != ' ' || line[2] == ' ')
			fputs(line[0] == '#' ? line + 1 : line, out);
	(void)fclose(f);
	assert_int_equal(fclose(out), 0);
	if (config_parse("uncommented", text, size, &c, &d) < 0) {
		diag_print(&d, stderr);
		fail_msg("%s", text);
	}
	assert_true(c->n_assignments > 0);
	config_free(c);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_test),     cmocka_unit_test(settings_test),
		cmocka_unit_test(rights_test),	     cmocka_unit_test(assign_test),
		cmocka_unit_test(short_reason_test), cmocka_unit_test(bad_test),
		cmocka_unit_test(load_test),	     cmocka_unit_test(shipped_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
