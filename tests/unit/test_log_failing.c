/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_log_failing.c - the log thread with a database that fails.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "daemon/query.h"
#include "tests/unit/log_fixture.h"

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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LOG_TEST(test_corrupt_at_start),    LOG_TEST(test_other_version),
		LOG_TEST(test_corrupt_at_run_time), LOG_TEST(test_locked),
		LOG_TEST(test_read_only_directory), LOG_TEST(test_never_writable),
		LOG_TEST(test_removed_at_run_time), LOG_TEST(test_no_directory),
	};

	return run_log_tests("log_failing", tests, ARRAY_SIZE(tests));
}
