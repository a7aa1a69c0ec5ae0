/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_log_fold.c - the log thread: folding, retention, private mode.
 */
#include "proto/clock.h"
#include "tests/unit/log_fixture.h"

/* ---- folding, retention, private mode ----------------------------------------------- */

static void put_run(struct log *l, uint64_t *n, unsigned times, const char *rule, int tid,
		    enum log_mode mode)
{
	while (times--) {
		struct decision d = sample(*n);

		d.time_us = T0 + (int64_t)*n * 1000;
		d.client = 1;
		d.unit = "u";
		d.nr = 1;
		d.rule = rule;
		d.verdict = VERDICT_DENY;
		d.err = EPERM;
		d.tid = tid;
		commit(l, log_ring(l, 0), &d, mode);
		(*n)++;
	}
}

static void test_fold(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);
	uint64_t n = 0;

	put_run(l, &n, 1000, "a", 1, LOG_MODE_CHANGES);
	assert_true(log_flush(l, 10000));
	put_run(l, &n, 500, "a", 1, LOG_MODE_CHANGES); /* across batches */
	assert_true(log_flush(l, 10000));
	assert_int_equal(ask("SELECT count(*) FROM decisions"), 1);
	assert_int_equal(ask("SELECT count FROM decisions"), 1500);
	assert_int_equal(ask("SELECT time FROM decisions"), T0);
	assert_int_equal(ask("SELECT last_time FROM decisions"), T0 + 1499 * 1000);

	put_run(l, &n, 3, "b", 1, LOG_MODE_CHANGES);
	put_run(l, &n, 2, "a", 1, LOG_MODE_CHANGES); /* a new run */
	put_run(l, &n, 2, "a", 2, LOG_MODE_CHANGES); /* another thread's */
	put_run(l, &n, 1, "a", 1, LOG_MODE_CHANGES); /* goes on */
	put_run(l, &n, 2, "c", 1, LOG_MODE_EACH);    /* never folded, ends the run */
	put_run(l, &n, 1, "a", 1, LOG_MODE_CHANGES);
	(void)log_free(l);
	assert_int_equal(ask("SELECT count(*) FROM decisions"), 7);
	assert_int_equal(ask("SELECT sum(count) FROM decisions"), n);
	assert_int_equal(ask("SELECT count FROM decisions WHERE seq = 2"), 3);
	assert_int_equal(ask("SELECT count FROM decisions WHERE seq = 3"), 3);
	assert_int_equal(ask("SELECT count FROM decisions WHERE seq = 4"), 2);
}

/* Alternating runs whose records fold in every batch, with a database that is locked at times. */
static void test_fold_with_failures(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);
	sqlite3 *c = NULL;
	uint64_t n = 0;

	assert_true(log_flush(l, 10000));
	assert_int_equal(sqlite3_open(db, &c), SQLITE_OK);
	(void)sqlite3_busy_timeout(c, 5000);
	for (int round = 0; round < 4; round++) {
		put_run(l, &n, 20, "a", 1, LOG_MODE_CHANGES);
		put_run(l, &n, 20, "b", 2, LOG_MODE_CHANGES);
		assert_int_equal(sqlite3_exec(c, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
		put_run(l, &n, 20, "a", 1, LOG_MODE_CHANGES);
		put_run(l, &n, 20, "b", 2, LOG_MODE_CHANGES);
		wait_for_failing(l, true);
		assert_int_equal(sqlite3_exec(c, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
		assert_true(log_flush(l, 20000));
	}
	/* A record that someone deletes is no place to count in. */
	assert_int_equal(sqlite3_exec(c, "DELETE FROM decisions", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(c);
	put_run(l, &n, 20, "a", 1, LOG_MODE_CHANGES);
	assert_true(log_flush(l, 20000));
	assert_int_equal(ask("SELECT sum(count) FROM decisions"), 20);
	(void)log_free(l);
}

static void test_retention_by_age(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);

	/* 25,000 records: more than one round takes. */
	for (uint64_t n = 0; n < 25000; n++)
		put(l, 0, n);
	for (uint64_t n = 25000; n < 25100; n++) {
		struct decision d = sample(n);

		d.time_us = d.last_us = wall_us();
		commit(l, log_ring(l, 0), &d, LOG_MODE_EACH);
	}
	(void)log_free(l);
	o.max_age_s = 3600;
	l = start(&o);
	for (int i = 0; i < 2000 && ask("SELECT count(*) FROM decisions") > 100; i++)
		(void)usleep(5000);
	assert_int_equal(ask("SELECT count(*) FROM decisions"), 100);
	assert_int_equal(ask("SELECT min(seq) FROM decisions"), 25001);
	(void)log_free(l);

	/* Seqs go on though the table may be empty. */
	o.max_age_s = 1;
	(void)sleep(2);
	l = start(&o);
	for (int i = 0; i < 2000 && ask("SELECT count(*) FROM decisions") > 0; i++)
		(void)usleep(5000);
	(void)log_free(l);
	o.max_age_s = 0;
	l = start(&o);
	put(l, 0, 0);
	(void)log_free(l);
	assert_int_equal(ask("SELECT seq FROM decisions"), 25101);
}

static void test_retention_by_size(void **state _unused_)
{
	struct log_options o = options();
	struct log *l;
	struct log_stats st;

	o.max_bytes = 2 * 1024 * 1024;
	l = start(&o);
	for (uint64_t n = 0; n < 140000; n++)
		put(l, n % 2, n);
	assert_true(log_flush(l, 20000));
	(void)log_free(l);
	l = start(&o); /* looks at once */
	for (int i = 0; i < 2000; i++) {
		if (ask("SELECT (SELECT page_count FROM pragma_page_count) * page_size"
			" FROM pragma_page_size") <= (int64_t)o.max_bytes)
			break;
		(void)usleep(5000);
	}
	log_stats(l, &st);
	assert_int_equal(st.last_seq, 140000);
	(void)log_free(l);
	assert_true(ask("SELECT (SELECT page_count FROM pragma_page_count) * page_size"
			" FROM pragma_page_size") <= (int64_t)o.max_bytes);
	assert_true(ask("SELECT count(*) FROM decisions") > 2000);
	assert_int_equal(ask("SELECT max(seq) FROM decisions"), 140000);
	assert_int_equal(ask("SELECT max(seq) - min(seq) + 1 - count(*) FROM decisions"), 0);
}

struct collected {
	uint64_t n, last;
};

static void sink_cb(const struct decision *d, void *data)
{
	struct collected *c = data;

	c->n++;
	c->last = d->seq;
	assert_string_equal(d->exe, "/bin/exe");
}

static void test_private(void **state _unused_)
{
	struct collected c = {0, 0};
	struct log_options o = {
		.n_rings = 1,
		.ring_bytes = 1, /* rounded up */
		.batch_ms = 1,
		.sink = sink_cb,
		.sink_data = &c,
	};
	struct log *l = start(&o);
	struct log_stats st;

	assert_int_equal(ring_size(log_ring(l, 0)), 64 * 1024);
	for (uint64_t n = 0; n < 3000; n++)
		put(l, 0, n);
	assert_int_equal(log_next_client(l), 1);
	assert_true(log_flush(l, 10000));
	log_stats(l, &st);
	assert_int_equal(st.db_bytes, 0);
	assert_int_equal(st.written, 3000);
	(void)log_free(l);
	assert_int_equal(c.n, 3000);
	assert_int_equal(c.last, 3000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LOG_TEST(test_fold),
		LOG_TEST(test_fold_with_failures),
		LOG_TEST(test_retention_by_age),
		LOG_TEST(test_retention_by_size),
		LOG_TEST(test_private),
	};

	return run_log_tests("log_fold", tests, ARRAY_SIZE(tests));
}
