/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_log.c - the log thread, its database and the questions to it: nothing lost, nothing twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "daemon/journal.h"
#include "daemon/log.h"
#include "daemon/profile.h"
#include "daemon/query.h"
#include "proto/base.h"
#include "proto/clock.h"

#define SIZE ((size_t)256 * 1024)
#define T0   1763978400000000 /* microseconds */

static char dir[64], state_dir[96], run_dir[96], db[128];

static int setup(void **state _unused_)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/test-log-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
	(void)snprintf(db, sizeof(db), "%s/decisions.db", state_dir);
	return mkdir(state_dir, 0700) < 0 || mkdir(run_dir, 0700) < 0 ? -1 : 0;
}

/* Removes the files of one directory, and it; how many of the names hold WORD in *ret. */
static void empty(const char *name)
{
	DIR *d = opendir(name);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		(void)closedir(d);
	(void)rmdir(name);
}

static unsigned count_files(const char *name, const char *word)
{
	DIR *d = opendir(name);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += strstr(e->d_name, word) != NULL;
	if (d)
		(void)closedir(d);
	return n;
}

static int teardown(void **state _unused_)
{
	empty(state_dir);
	empty(run_dir);
	return rmdir(dir);
}

static struct log_options options(void)
{
	return (struct log_options){
		.db_path = db,
		.ring_dir = run_dir,
		.n_rings = 2,
		.ring_bytes = SIZE,
		.batch_ms = 5,
		.journal_burst = 100,
	};
}

static struct log *start(const struct log_options *o)
{
	struct log *l = NULL;
	char err[256] = "";

	if (log_new(o, &l, err, sizeof(err)) < 0)
		fail_msg("log_new: %s", err);
	return l;
}

static struct decision sample(uint64_t n)
{
	return (struct decision){
		.time_us = T0 + (int64_t)n * 1000,
		.last_us = T0 + (int64_t)n * 1000,
		.client = n % 5 + 1,
		.unit = n % 2 ? "odd.service" : "even.service",
		.profile = "p",
		.pid = 100,
		.tid = 101,
		.uid = 1000,
		.gid = 1001,
		.comm = "comm",
		.exe = "/bin/exe",
		.arch = AUDIT_ARCH_X86_64,
		.nr = n % 3 ? 1 : 110, /* write, getppid */
		.syscall = "",
		.args = {n, UINT64_MAX - n},
		.detail = "",
		.rule = n % 7 ? "some" : "seventh",
		.verdict = n % 4 ? VERDICT_ALLOW : VERDICT_DENY,
		.err = n % 4 ? 0 : EPERM,
		.operator_user = "",
		.latency_us = 3,
		.count = 1,
	};
}

static void commit(struct log *l, struct ring *r, const struct decision *d, enum log_mode mode)
{
	struct ring_entry *e;

	for (int i = 0; !(e = ring_reserve(r, ring_entry_size(d))); i++) {
		if (i > 20000)
			fail_msg("the ring stays full");
		(void)usleep(1000);
	}
	ring_entry_fill(e, d, (uint8_t)mode);
	ring_commit(r);
	if (l)
		log_kick(l, r);
}

static void put(struct log *l, unsigned ring, uint64_t n)
{
	struct decision d = sample(n);

	commit(l, log_ring(l, ring), &d, LOG_MODE_EACH);
}

static int64_t ask(const char *sql)
{
	sqlite3 *c = NULL;
	sqlite3_stmt *s = NULL;
	int64_t v = -1;

	if (sqlite3_open_v2(db, &c, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(c, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		v = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	(void)sqlite3_close(c);
	return v;
}

/* Each of 0..N-1 stands there exactly once, and seq is dense from 1. */
static void expect_all(uint64_t n)
{
	assert_int_equal(ask("SELECT count(*) FROM decisions"), n);
	assert_int_equal(ask("SELECT count(DISTINCT arg0) FROM decisions"), n);
	if (n == 0)
		return;
	assert_int_equal(ask("SELECT min(arg0) FROM decisions"), 0);
	assert_int_equal(ask("SELECT max(arg0) FROM decisions"), n - 1);
	assert_int_equal(ask("SELECT min(seq) FROM decisions"), 1);
	assert_int_equal(ask("SELECT max(seq) FROM decisions"), n);
}

static void wait_for_failing(struct log *l, bool failing)
{
	struct log_stats st;

	for (int i = 0; i < 10000; i++) {
		log_stats(l, &st);
		if (st.failing == failing)
			return;
		(void)usleep(2000);
	}
	fail_msg("failing did not become %d", failing);
}

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

static void count_cb(const struct decision *d, void *data)
{
	uint64_t *n = data;

	if (d->seq != n[0] + 1)
		fail_msg("seq %llu after %llu", (unsigned long long)d->seq,
			 (unsigned long long)n[0]);
	n[0] = d->seq;
	n[1]++;
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

static void fill_ring(unsigned i, size_t size, uint64_t from, uint64_t to)
{
	struct ring *r = NULL;
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/ring.%u", run_dir, i);
	assert_int_equal(ring_open(path, size, &r), 0);
	for (uint64_t n = from; n < to; n++) {
		struct decision d = sample(n);

		commit(NULL, r, &d, LOG_MODE_EACH);
	}
	(void)ring_close(r);
}

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

/* ---- failing databases -------------------------------------------------------------- */

static void scribble(const char *path, off_t at, size_t n)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pwrite(fd, "garbage!", 8, at + (off_t)i * 8), 8);
}

static void test_corrupt_at_start(void **state _unused_)
{
	struct log_options o = options();
	struct log *l;

	scribble(db, 0, 1000);
	fill_ring(0, SIZE, 0, 10);
	l = start(&o);
	put(l, 0, 10);
	(void)log_free(l);
	expect_all(11);
	assert_int_equal(count_files(state_dir, ".corrupt-"), 1);
}

static void test_other_version(void **state _unused_)
{
	struct log_options o = options();
	sqlite3 *c = NULL;
	struct log *l;

	assert_int_equal(sqlite3_open(db, &c), SQLITE_OK);
	assert_int_equal(sqlite3_exec(c,
				      "CREATE TABLE meta (key TEXT PRIMARY KEY, value);"
				      "CREATE TABLE decisions (seq INTEGER PRIMARY KEY, time);"
				      "INSERT INTO meta VALUES ('schema', 99)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	(void)sqlite3_close(c);
	l = start(&o);
	put(l, 0, 0);
	(void)log_free(l);
	expect_all(1);
	assert_int_equal(count_files(state_dir, ".corrupt-"), 1);
}

/* The file is overwritten under the running daemon. */
static void test_corrupt_at_run_time(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);
	struct log_stats st;

	for (uint64_t n = 0; n < 2000; n++)
		put(l, 0, n);
	assert_true(log_flush(l, 10000));
	(void)log_free(l);
	l = start(&o);
	put(l, 0, 2000);
	assert_true(log_flush(l, 10000));
	/* All pages, and the log that could mend them. */
	for (int i = 0; i < 2; i++) {
		char name[160];

		(void)snprintf(name, sizeof(name), "%s%s", db, i ? "-wal" : "");
		scribble(name, i ? 0 : 4096, 30000);
	}
	for (uint64_t n = 2001; n < 2101; n++)
		put(l, 0, n);
	for (int i = 0; i < 100 && !log_flush(l, 200); i++)
		;
	log_stats(l, &st);
	assert_false(st.failing);
	assert_true(st.last_seq >= 2101); /* numbers go on */
	(void)log_free(l);
	assert_true(st.failures >= 2);
	assert_int_equal(count_files(state_dir, ".corrupt-") > 0, 1);
	/* A first few may have gone to the broken file before SQLite noticed; the rest is here. */
	assert_int_equal(ask("SELECT max(arg0) FROM decisions"), 2100);
	assert_int_equal(ask("SELECT 2101 - min(arg0) - count(*) FROM decisions"), 0);
}

static void test_locked(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);
	struct log_stats st;
	sqlite3 *c = NULL;

	put(l, 0, 0);
	assert_true(log_flush(l, 10000));
	assert_int_equal(sqlite3_open(db, &c), SQLITE_OK);
	(void)sqlite3_busy_timeout(c, 5000);
	assert_int_equal(sqlite3_exec(c, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (uint64_t n = 1; n < 50; n++)
		put(l, n % 2, n);
	wait_for_failing(l, true);
	log_stats(l, &st);
	assert_true(st.failures >= 1);
	assert_int_equal(st.last_seq, 1);
	assert_non_null(strstr(st.error, "locked"));
	assert_false(log_flush(l, 50));
	assert_int_equal(sqlite3_exec(c, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(c);
	wait_for_failing(l, false);
	assert_true(log_flush(l, 10000));
	expect_all(50);
	log_stats(l, &st);
	assert_int_equal(st.written, 50);
	assert_string_equal(st.error, "");
	(void)log_free(l);
}

/* Everything that writes without a privilege: modes count. */
static void as_nobody(void (*fn)(void))
{
	pid_t child;
	int status;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chown(state_dir, 65534, 65534), 0);
	assert_int_equal(chown(run_dir, 65534, 65534), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(77);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define CHECK(cond)                                                                \
	do {                                                                       \
		if (!(cond)) {                                                     \
			(void)fprintf(stderr, "# line %d: %s\n", __LINE__, #cond); \
			_exit(1);                                                  \
		}                                                                  \
	} while (0)

static void read_only_child(void)
{
	struct log_options o = options();
	struct log_stats st;
	struct log *l = NULL;
	char err[256];

	CHECK(chmod(state_dir, 0500) == 0);
	CHECK(log_new(&o, &l, err, sizeof(err)) == 0);
	CHECK(log_next_client(l) > 1700000000);
	for (uint64_t n = 0; n < 30; n++)
		put(l, n % 2, n);
	CHECK(!log_flush(l, 300));
	log_stats(l, &st);
	CHECK(st.failing && st.failures >= 1 && *st.error);
	CHECK(chmod(state_dir, 0700) == 0);
	CHECK(log_flush(l, 20000));
	log_stats(l, &st);
	CHECK(!st.failing && st.written == 30);
	CHECK(!log_free(l));
	CHECK(ask("SELECT count(DISTINCT arg0) FROM decisions") == 30);
	CHECK(ask("SELECT count(*) FROM decisions") == 30);
}

static void test_read_only_directory(void **state _unused_)
{
	as_nobody(read_only_child);
}

/* Read-only all the time: the records wait in the ring files for the next run. */
static void never_writable_child(void)
{
	struct log_options o = options();
	struct log *l = NULL;
	char err[256];

	CHECK(chmod(state_dir, 0500) == 0);
	CHECK(log_new(&o, &l, err, sizeof(err)) == 0);
	for (uint64_t n = 0; n < 30; n++)
		put(l, n % 2, n);
	CHECK(!log_free(l));
	CHECK(chmod(state_dir, 0700) == 0);
	CHECK(log_new(&o, &l, err, sizeof(err)) == 0);
	CHECK(!log_free(l));
	CHECK(ask("SELECT count(DISTINCT arg0) FROM decisions") == 30);
	CHECK(ask("SELECT count(*) FROM decisions") == 30);
}

static void test_never_writable(void **state _unused_)
{
	as_nobody(never_writable_child);
}

static void test_removed_at_run_time(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = start(&o);
	struct log_filter f = {0};
	struct query *q = NULL;
	uint64_t seen[2] = {0, 0};

	for (uint64_t n = 0; n < 10; n++)
		put(l, 0, n);
	assert_true(log_flush(l, 10000));
	assert_int_equal(query_new(db, &f, &q), 0);
	while (query_step(q, 100, count_cb, seen) == 1)
		;
	assert_int_equal(seen[1], 10);
	empty(state_dir);
	assert_int_equal(mkdir(state_dir, 0700), 0);
	for (uint64_t n = 10; n < 20; n++)
		put(l, 0, n);
	assert_true(log_flush(l, 20000));
	assert_int_equal(ask("SELECT count(*) FROM decisions"), 10);
	assert_int_equal(ask("SELECT min(seq) FROM decisions"), 11);
	/* Who follows goes on with the new file. */
	while (query_step(q, 100, count_cb, seen) == 1)
		;
	assert_int_equal(seen[1], 20);
	(void)query_free(q);
	(void)log_free(l);
}

static void test_no_directory(void **state _unused_)
{
	struct log_options o = options();
	struct log *l = NULL;
	char err[256] = "";

	o.db_path = "/nonexistent/decisions.db";
	assert_int_equal(log_new(&o, &l, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nonexistent/decisions.db"));
	o.db_path = db;
	o.ring_dir = "/nonexistent";
	assert_int_equal(log_new(&o, &l, err, sizeof(err)), -ENOENT);
}

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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define Q(name) cmocka_unit_test_setup_teardown(name, query_setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_durable),
		T(test_fields),
		T(test_wakes_from_idle),
		T(test_two_producers_and_a_follower),
		T(test_client_numbers),
		T(test_left_over_rings),
		T(test_crash_after_commit),
		T(test_kill_at_random),
		T(test_ring_made_anew),
		T(test_second_daemon),
		T(test_corrupt_at_start),
		T(test_other_version),
		T(test_corrupt_at_run_time),
		T(test_locked),
		T(test_read_only_directory),
		T(test_never_writable),
		T(test_removed_at_run_time),
		T(test_no_directory),
		T(test_fold),
		T(test_fold_with_failures),
		T(test_retention_by_age),
		T(test_retention_by_size),
		T(test_private),
		Q(test_query_filters),
		Q(test_query_slices),
		Q(test_query_gaps),
		Q(test_query_errors),
		Q(test_query_follows),
	};

	/* What the daemon says of failures is not this test's output. Stopped at once: the tests
	 * fork, and a thread would be missing in the child. */
	(void)journal_start(false, -1);
	journal_stop();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
