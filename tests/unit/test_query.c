/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_query.c - questions to the decision log.
 */
#include "daemon/query.h"
#include "tests/unit/log_fixture.h"

/* ---- questions ---------------------------------------------------------------------- */

#define N_QUERY 45000

static int query_setup(void **state)
{
	struct log_options o = options();
	struct log *l;

	if (setup(state) < 0)
		return -1;
	l = start(&o);
	for (uint64_t n = 0; n < N_QUERY; n++)
		put(l, 0, n);
	(void)log_free(l);
	return 0;
}

struct answer {
	uint64_t n, first, last;
	bool ordered;
	const struct log_filter *f; /* of which the test knows what must match */
};

static void answer_cb(const struct decision *d, void *data)
{
	struct answer *a = data;

	if (a->n++ == 0)
		a->first = d->seq;
	else if (d->seq <= a->last)
		a->ordered = false;
	a->last = d->seq;
}

/* Asks with a copy of F and at most MAX records a step; the number of steps that it took. */
static unsigned question(const struct log_filter *f, unsigned max, struct answer *a)
{
	struct log_filter copy = *f;
	struct query *q = NULL;
	unsigned steps = 0;
	int r;

	*a = (struct answer){.ordered = true};
	copy.unit = f->unit ? strdup(f->unit) : NULL;
	copy.profile = f->profile ? strdup(f->profile) : NULL;
	copy.syscall = f->syscall ? strdup(f->syscall) : NULL;
	copy.verdict = f->verdict ? strdup(f->verdict) : NULL;
	copy.rule = f->rule ? strdup(f->rule) : NULL;
	assert_int_equal(query_new(db, &copy, &q), 0);
	do {
		uint64_t before = a->n;

		r = query_step(q, max, answer_cb, a);
		assert_true(r >= 0);
		assert_true(a->n - before <= max);
		steps++;
	} while (r == 1);
	(void)query_free(q);
	assert_true(a->ordered);
	return steps;
}

static char word_odd[] = "odd.service", word_p[] = "p", word_write[] = "write",
	    word_deny[] = "deny", word_seventh[] = "seventh", word_none[] = "none";

static void test_query_filters(void **state _unused_)
{
	static const struct {
		struct log_filter f;
		const char *sql; /* the same in SQLite's words */
	} rows[] = {
		{{0}, "1"},
		{{.unit = word_odd}, "unit = 'odd.service'"},
		{{.profile = word_p}, "1"},
		{{.profile = word_none}, "0"},
		{{.syscall = word_write}, "syscall = 'write'"},
		{{.verdict = word_deny}, "verdict = 1"},
		{{.rule = word_seventh}, "rule = 'seventh'"},
		{{.client = 3}, "client = 3"},
		{{.client = 99}, "0"},
		{{.after_seq = 44000}, "seq > 44000"},
		{{.after_seq = N_QUERY}, "0"},
		{{.since_us = T0 + 40000 * 1000LL}, "arg0 >= 40000"},
		{{.until_us = T0 + 1234 * 1000LL}, "arg0 <= 1234"},
		{{.until_us = T0 - 1}, "0"},
		{{.since_us = T0 + 10 * 1000LL, .until_us = T0 + 20 * 1000LL},
		 "arg0 BETWEEN 10 AND 20"},
		{{.since_us = T0 + 3600LL * 3 * 1000000}, "0"},
		{{.unit = word_odd, .syscall = word_write, .rule = word_seventh, .client = 2},
		 "unit = 'odd.service' AND syscall = 'write' AND rule = 'seventh' AND client = 2"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct log_filter f = rows[i].f;
		struct answer a;
		char sql[256];

		(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM decisions WHERE %s",
			       rows[i].sql);
		(void)question(&f, 1000, &a);
		assert_int_equal(a.n, ask(sql));
		if (a.n > 0) {
			(void)snprintf(sql, sizeof(sql), "SELECT min(seq) FROM decisions WHERE %s",
				       rows[i].sql);
			assert_int_equal(a.first, ask(sql));
		}

		/* The last 7 of them. */
		uint64_t all = a.n;
		f.last_n = 7;
		(void)question(&f, 3, &a);
		assert_int_equal(a.n, all < 7 ? all : 7);
		if (all > 0) {
			(void)snprintf(sql, sizeof(sql), "SELECT max(seq) FROM decisions WHERE %s",
				       rows[i].sql);
			assert_int_equal(a.last, ask(sql));
		}
	}
}

/* A question that matches nothing is still cut in slices. */
static void test_query_slices(void **state _unused_)
{
	struct log_filter f = {.rule = word_none};
	struct answer a;

	assert_true(question(&f, 1000, &a) >= N_QUERY / 1000);
	assert_int_equal(a.n, 0);
	f.last_n = 5;
	assert_true(question(&f, 1000, &a) >= N_QUERY / 1000);
	assert_int_equal(a.n, 0);
	f = (struct log_filter){.last_n = 30000};
	(void)question(&f, 1000, &a);
	assert_int_equal(a.n, 30000);
	assert_int_equal(a.first, N_QUERY - 30000 + 1);
	f.last_n = UINT64_MAX;
	(void)question(&f, 1000, &a);
	assert_int_equal(a.n, N_QUERY);
}

static void test_query_gaps(void **state _unused_)
{
	struct log_filter f = {0};
	struct answer a;
	sqlite3 *c = NULL;

	assert_int_equal(sqlite3_open(db, &c), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(c,
			     "UPDATE decisions SET seq = seq + 9000000000 WHERE seq > 44990;"
			     "DELETE FROM decisions WHERE seq BETWEEN 100 AND 44000",
			     NULL, NULL, NULL),
		SQLITE_OK);
	(void)sqlite3_close(c);
	assert_true(question(&f, 100000, &a) <= 20);
	assert_int_equal(a.n, 99 + 990 + 10);
	assert_int_equal(a.last, 9000000000 + N_QUERY);
}

static void test_query_errors(void **state _unused_)
{
	struct log_filter f = {.verdict = strdup("maybe"), .unit = strdup("u")};
	struct query *q = NULL;

	assert_int_equal(query_new(db, &f, &q), -EINVAL);
	assert_null(f.unit); /* taken over */
	assert_int_equal(query_new("/nonexistent/db", &f, &q), -ENOENT);
	assert_int_equal(query_new(db, &f, &q), 0);
	assert_int_equal(query_step(q, 0, answer_cb, NULL), -EINVAL);
	assert_null(query_free(q));
	assert_null(query_free(NULL));
}

/* Follows: 0 at the end, then what is new. The last N are N, whatever comes meanwhile. */
static void test_query_follows(void **state _unused_)
{
	struct log_options o = options();
	struct log_filter f = {.last_n = 2};
	struct answer a = {.ordered = true};
	struct log *l = start(&o);
	struct query *q = NULL;
	int r;

	assert_int_equal(query_new(db, &f, &q), 0);
	assert_int_equal(query_step(q, 10, answer_cb, &a), 1);
	for (uint64_t n = 0; n < 3; n++)
		put(l, 0, N_QUERY + n);
	assert_true(log_flush(l, 10000));
	while ((r = query_step(q, 10, answer_cb, &a)) == 1)
		;
	assert_int_equal(r, 0);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.last, N_QUERY);
	while ((r = query_step(q, 10, answer_cb, &a)) == 1)
		;
	assert_int_equal(a.n, 5);
	assert_int_equal(a.last, N_QUERY + 3);
	assert_int_equal(query_step(q, 10, answer_cb, &a), 0);
	assert_true(a.ordered);
	(void)query_free(q);
	(void)log_free(l);
}

#define QUERY_TEST(name) cmocka_unit_test_setup_teardown(name, query_setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		QUERY_TEST(test_query_filters), QUERY_TEST(test_query_slices),
		QUERY_TEST(test_query_gaps),	QUERY_TEST(test_query_errors),
		QUERY_TEST(test_query_follows),
	};

	return run_log_tests("query", tests, ARRAY_SIZE(tests));
}
