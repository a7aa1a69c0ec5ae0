/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log_fixture.h - a log with its rings and its database in a directory of its own.
 */
#ifndef SECCOMPD_TESTS_LOG_FIXTURE_H
#define SECCOMPD_TESTS_LOG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <linux/audit.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/journal.h"
#include "daemon/log.h"
#include "daemon/profile.h"
#include "proto/base.h"

#define SIZE ((size_t)256 * 1024)
#define T0   1763978400000000 /* microseconds */

static char dir[64], state_dir[96], run_dir[96], db[128];

static inline int setup(void **state _unused_)
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
static inline void empty(const char *name)
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

static inline unsigned count_files(const char *name, const char *word)
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

static inline int teardown(void **state _unused_)
{
	empty(state_dir);
	empty(run_dir);
	return rmdir(dir);
}

static inline struct log_options options(void)
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

static inline struct log *start(const struct log_options *o)
{
	struct log *l = NULL;
	char err[256] = "";

	if (log_new(o, &l, err, sizeof(err)) < 0)
		fail_msg("log_new: %s", err);
	return l;
}

static inline struct decision sample(uint64_t n)
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

static inline void commit(struct log *l, struct ring *r, const struct decision *d,
			  enum log_mode mode)
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

static inline void put(struct log *l, unsigned ring, uint64_t n)
{
	struct decision d = sample(n);

	commit(l, log_ring(l, ring), &d, LOG_MODE_EACH);
}

static inline void fill_ring(unsigned i, size_t size, uint64_t from, uint64_t to)
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

static inline void count_cb(const struct decision *d, void *data)
{
	uint64_t *n = data;

	if (d->seq != n[0] + 1)
		fail_msg("seq %llu after %llu", (unsigned long long)d->seq,
			 (unsigned long long)n[0]);
	n[0] = d->seq;
	n[1]++;
}

static inline int64_t ask(const char *sql)
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
static inline void expect_all(uint64_t n)
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

static inline void wait_for_failing(struct log *l, bool failing)
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

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline int run_log_tests(const char *name, const struct CMUnitTest *tests, size_t n)
{
	/* What the daemon says of failures is not this test's output. Stopped at once: the tests
	 * fork, and a thread would be missing in the child. */
	(void)journal_start(false, -1);
	journal_stop();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}

#endif
