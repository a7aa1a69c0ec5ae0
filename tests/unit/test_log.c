/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_log.c - the log thread and its database: nothing lost, nothing twice.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "daemon/query.h"
#include "tests/unit/log_fixture.h"

/* ---- durability --------------------------------------------------------------------- */

static void test_durable(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);
	struct log_stats st;
	struct stat file;

	for (uint64_t i = 0; i < 5000; i++)
		put(l, i % 2, i);
	assert_true(log_flush(l, 10000));
	expect_all(5000);
	log_stats(l, &st);
	assert_int_equal(st.written, 5000);
	assert_int_equal(st.last_seq, 5000);
	assert_false(st.failing);
	assert_int_equal(st.broken, 0);
	assert_true(st.db_bytes > 100000);
	for (uint64_t i = 5000; i < 6000; i++)
		put(l, i % 2, i);
	assert_null(log_free(l));
	expect_all(6000);
	assert_int_equal(stat(db, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0640);
	assert_int_equal(ask("SELECT value FROM meta WHERE key = 'schema'"), 1);

	l = start(&o);
	put(l, 0, 6000);
	(void)log_free(l);
	expect_all(6001);
}

static void test_fields(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);
	struct decision d = sample(4);

	d.comm = "a\xff\nb";
	d.value = -7;
	d.verdict = VERDICT_RETURN;
	d.detail = "{\"path\":\"/x\"}";
	d.operator_user = "eve";
	d.operator_uid = UINT32_MAX;
	d.by = BY_OPERATOR;
	d.mode = MODE_PERMISSIVE;
	commit(l, log_ring(l, 0), &d, LOG_MODE_EACH);
	(void)log_free(l);
	assert_int_equal(ask("SELECT arg1 FROM decisions"), -5);
	assert_int_equal(ask("SELECT value FROM decisions"), -7);
	assert_int_equal(ask("SELECT time FROM decisions"), T0 + 4000);
	assert_int_equal(ask("SELECT typeof(comm) = 'blob' AND comm = x'61ff0a62' FROM decisions"),
			 1);
	assert_int_equal(ask("SELECT syscall = 'write' AND typeof(exe) = 'text' FROM decisions"),
			 1);
	assert_int_equal(
		ask("SELECT operator_uid = 4294967295 AND operator = 'eve' FROM decisions"), 1);
	assert_int_equal(ask("SELECT detail = '{\"path\":\"/x\"}' AND mode = 1 AND decided_by = 2 "
			     "FROM decisions"),
			 1);
}

/* Only the log thread's own sleep stands between a lone record and the disk. */
static void test_wakes_from_idle(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);
	struct log_stats st;

	for (uint64_t i = 0; i < 20; i++) {
		(void)usleep(20000);
		put(l, i % 2, i);
		for (int k = 0;; k++) {
			log_stats(l, &st);
			if (st.last_seq == i + 1)
				break;
			if (k > 4000)
				fail_msg("record %llu was not seen", (unsigned long long)i);
			(void)usleep(500);
		}
	}
	(void)log_free(l);
	expect_all(20);
}

struct producer {
	struct log *l;
	unsigned ring;
	uint64_t n;
};

static void *produce(void *data)
{
	struct producer *p = data;

	for (uint64_t i = 0; i < p->n; i++)
		put(p->l, p->ring, 2 * i + p->ring);
	return NULL;
}

static _Atomic uint64_t seen_last;
static _Atomic bool went_back;

static void committed(uint64_t last, void *data _unused_)
{
	if (last <= atomic_load(&seen_last))
		atomic_store(&went_back, true);
	atomic_store(&seen_last, last);
}

/* A follower that reads while two workers write sees each seq once, in order. */
static void test_two_producers_and_a_follower(void **state _unused_)
{
	struct log_options o = options();
	struct log *l;
	struct producer p[2];
	pthread_t t[2];
	struct log_filter f = {0};
	struct query *q = NULL;
	uint64_t seen[2] = {0, 0};
	int r;

	atomic_store(&seen_last, 0);
	atomic_store(&went_back, false);
	o.committed = committed;
	l = start(&o);
	assert_int_equal(query_new(db, &f, &q), 0);
	for (unsigned i = 0; i < 2; i++) {
		p[i] = (struct producer){l, i, 50000};
		assert_int_equal(pthread_create(&t[i], NULL, produce, &p[i]), 0);
	}
	while (seen[1] < 100000) {
		r = query_step(q, 500, count_cb, seen);
		assert_true(r == 0 || r == 1 || r == -EBUSY);
		if (r == 0)
			(void)usleep(1000);
	}
	for (unsigned i = 0; i < 2; i++)
		(void)pthread_join(t[i], NULL);
	(void)query_free(q);
	(void)log_free(l);
	expect_all(100000);
	assert_false(atomic_load(&went_back));
	assert_int_equal(atomic_load(&seen_last), 100000);
}

static void test_client_numbers(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);
	struct decision d = sample(1);
	struct ring *r = NULL;
	char path[160];

	assert_int_equal(log_next_client(l), 1);
	assert_int_equal(log_next_client(l), 2);
	d.client = log_next_client(l);
	commit(l, log_ring(l, 0), &d, LOG_MODE_EACH);
	(void)log_free(l);
	l = start(&o);
	assert_true(log_next_client(l) > 3);
	(void)log_free(l);

	/* A client that only a ring knows: the daemon was killed before it wrote. */
	(void)snprintf(path, sizeof(path), "%s/ring.0", run_dir);
	assert_int_equal(ring_open(path, SIZE, &r), 0);
	d.client = 40;
	commit(NULL, r, &d, LOG_MODE_EACH);
	(void)ring_close(r);
	l = start(&o);
	assert_int_equal(log_next_client(l), 41);
	(void)log_free(l);
	assert_true(ask("SELECT value FROM meta WHERE key = 'next_client'") >= 42);
}

/* ---- crashes ------------------------------------------------------------------------ */

/* More workers before, and rings of another size: all is drained once, the extra files go. */
static void test_left_over_rings(void **state _unused_)
{
	struct log_options o = options();
	struct log *l;

	fill_ring(0, SIZE, 0, 100);
	fill_ring(1, 2 * SIZE, 100, 250);
	fill_ring(2, SIZE / 2, 250, 300);
	fill_ring(11, SIZE, 300, 400);
	l = start(&o);
	put(l, 0, 400);
	put(l, 1, 401);
	assert_true(log_flush(l, 10000));
	expect_all(402);
	assert_int_equal(count_files(run_dir, "ring."), 2);
	(void)log_free(l);
	l = start(&o);
	(void)log_free(l);
	expect_all(402);
}

static void crash_cb(const struct decision *d, void *data)
{
	const uint64_t *at = data;

	if (d->args[0] == *at)
		(void)kill(getpid(), SIGKILL);
}

/* Killed between the database's commit and the rings' release. */
static void test_crash_after_commit(void **state _unused_)
{
	static uint64_t at;
	struct log_options o = options();
	struct log *l;
	int status;

	for (int round = 0; round < 5; round++) {
		uint64_t from = (uint64_t)round * 300;
		pid_t child;

		at = from + 150;
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			o.sink = crash_cb;
			o.sink_data = &at;
			l = start(&o);
			for (uint64_t n = from; n < from + 300; n++)
				put(l, n % 2, n);
			(void)log_flush(l, 10000);
			_exit(1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		/* What the child had not put in before it was killed follows now. */
		o.sink = NULL;
		l = start(&o);
		assert_true(log_flush(l, 10000));
		for (uint64_t n = from; n < from + 300; n++) {
			char sql[96];

			(void)snprintf(sql, sizeof(sql),
				       "SELECT count(*) FROM decisions WHERE arg0 = %llu",
				       (unsigned long long)n);
			int64_t there = ask(sql);

			assert_true(there == 0 || there == 1);
			if (n <= at)
				assert_int_equal(there, 1);
			if (there == 0)
				put(l, n % 2, n);
		}
		(void)log_free(l);
		expect_all(from + 300);
	}
}

/* Killed at any time: what was committed to a ring is there once. */
static void test_kill_at_random(void **state _unused_)
{
	struct log_options o = options();
	uint64_t next = 0;
	unsigned seed = 5;

	for (int round = 0; round < 25; round++) {
		int p[2], status;
		uint64_t done = next, n;
		struct log *l;
		pid_t child;

		assert_int_equal(pipe(p), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)close(p[0]);
			l = start(&o);
			for (n = next;; n++) {
				put(l, n % 2, n);
				if (write(p[1], &n, sizeof(n)) < 0)
					_exit(1);
			}
		}
		(void)close(p[1]);
		/* The time runs from the first record: a loaded machine may need long for it. */
		assert_int_equal(read(p[0], &n, sizeof(n)), sizeof(n));
		done = n + 1;
		(void)usleep((unsigned)rand_r(&seed) % 40000);
		(void)kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		while (read(p[0], &n, sizeof(n)) == sizeof(n))
			done = n + 1;
		(void)close(p[0]);
		l = start(&o);
		(void)log_free(l);
		/* One more may be there: committed, and killed before it was told. */
		next = (uint64_t)ask("SELECT count(*) FROM decisions");
		assert_true(next == done || next == done + 1);
		expect_all(next);
	}
	assert_true(next >= 25);
}

static void test_ring_made_anew(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);

	for (uint64_t n = 0; n < 100; n++)
		put(l, 0, n);
	(void)log_free(l);
	/* As after a reboot: same names, other rings, smaller places. */
	empty(run_dir);
	assert_int_equal(mkdir(run_dir, 0700), 0);
	fill_ring(0, SIZE, 100, 110);
	l = start(&o);
	(void)log_free(l);
	expect_all(110);
	assert_int_equal(ask("SELECT count(*) FROM meta WHERE key GLOB 'ring:*'"), 1);
}

static void test_second_daemon(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o), *other = NULL;
	char err[256] = "";

	assert_int_equal(log_new(&o, &other, err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "another daemon"));
	(void)log_free(l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LOG_TEST(test_durable),
		LOG_TEST(test_fields),
		LOG_TEST(test_wakes_from_idle),
		LOG_TEST(test_two_producers_and_a_follower),
		LOG_TEST(test_client_numbers),
		LOG_TEST(test_left_over_rings),
		LOG_TEST(test_crash_after_commit),
		LOG_TEST(test_kill_at_random),
		LOG_TEST(test_ring_made_anew),
		LOG_TEST(test_second_daemon),
	};

	return run_log_tests("log", tests, ARRAY_SIZE(tests));
}
