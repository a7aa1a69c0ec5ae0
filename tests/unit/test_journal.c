/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_journal.c - what is said, to whom, and how often: lines on stderr, the catalog, the limit of
 * a client, the folding of equal decisions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <string.h>

#include "daemon/burst.h"
#include "daemon/fold.h"
#include "daemon/journal.h"
#include "daemon/journal_ids.h"
#include "daemon/profile.h"
#include "proto/base.h"

#ifndef CATALOG
#define CATALOG "units/seccompd.catalog"
#endif

static const struct decision sample = {
	.client = 17,
	.unit = "u.service",
	.profile = "p",
	.pid = 5,
	.tid = 6,
	.comm = "evil\nMESSAGE=x",
	.exe = "/bin/e\nPRIORITY=0",
	.arch = AUDIT_ARCH_X86_64,
	.syscall = "write",
	.nr = 1,
	.detail = "",
	.rule = "r",
	.verdict = VERDICT_DENY,
	.err = EPERM,
	.operator_user = "",
	.count = 1,
};

/* Runs FN with stderr in a file, and gives what it wrote. */
static char *captured(void (*fn)(void))
{
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);
	char *text = calloc(1, 65536);
	size_t n;

	assert_non_null(f);
	assert_non_null(text);
	assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
	fn();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	rewind(f);
	n = fread(text, 1, 65535, f);
	text[n] = '\0';
	(void)fclose(f);
	return text;
}

static void say(void)
{
	static const char *const fields[] = {"SECCOMPD_X=1", NULL};

	log_info("before");
	assert_int_equal(journal_start(false, 6), 0);
	assert_int_equal(journal_start(false, 6), -EALREADY);
	log_info("one\ntwo %d", 2);
	log_debug("not this");
	journal_event(EVENT_STARTED, 5, fields, "event");
	journal_decision(&sample);
	journal_stop();
	journal_stop();
	log_error("after");
}

static void test_stderr(void **state _unused_)
{
	_cleanup_free_ char *text = captured(say);

	assert_string_equal(text,
			    "seccompd: before\n"
			    "seccompd: one\\x0atwo 2\n"
			    "seccompd: event\n"
			    "seccompd: c17 u.service evil\\x0aMESSAGE=x[5] write(0x0, 0x0, 0x0) = "
			    "deny EPERM (rule r)\n"
			    "seccompd: after\n");
}

static void test_wanted(void **state _unused_)
{
	static const struct {
		enum record_verdict verdict;
		enum record_by by;
		bool wanted;
	} rows[] = {
		{VERDICT_ALLOW, BY_RULE, false},    {VERDICT_ALLOW, BY_DEFAULT, false},
		{VERDICT_ALLOW, BY_OPERATOR, true}, {VERDICT_ALLOW, BY_FAILURE, true},
		{VERDICT_DENY, BY_RULE, true},	    {VERDICT_DENY, BY_TIMEOUT, true},
		{VERDICT_KILL, BY_DEFAULT, true},   {VERDICT_RETURN, BY_RULE, false},
		{VERDICT_GONE, BY_RULE, false},	    {VERDICT_ERROR, BY_RULE, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct decision d = sample;

		d.verdict = rows[i].verdict;
		d.by = rows[i].by;
		assert_int_equal(journal_decision_wanted(&d), rows[i].wanted);
		d.mode = MODE_PERMISSIVE;
		assert_int_equal(journal_decision_wanted(&d), rows[i].wanted);
	}
}

/* Every event has an entry of its own in the catalog. */
static void test_catalog(void **state _unused_)
{
	static const char *const ids[] = {
		MESSAGE_ID_STARTED,	    MESSAGE_ID_STOPPED,	       MESSAGE_ID_RELOADED,
		MESSAGE_ID_PROFILE_REFUSED, MESSAGE_ID_CLIENT_STARTED, MESSAGE_ID_CLIENT_ENDED,
		MESSAGE_ID_CLIENT_REFUSED,  MESSAGE_ID_LOG_FAILING,    MESSAGE_ID_LOG_RECOVERED,
		MESSAGE_ID_OVERLOAD,	    MESSAGE_ID_DENIED,	       MESSAGE_ID_KILLED,
		MESSAGE_ID_FAILURE,	    MESSAGE_ID_ANSWERED,       MESSAGE_ID_SUPPRESSED,
	};
	const char *name = getenv("CATALOG") ? getenv("CATALOG") : CATALOG;
	_cleanup_fclose_ FILE *f = fopen(name, "re");
	char text[32768];
	size_t n, entries = 0;

	assert_int_equal(ARRAY_SIZE(ids), EVENT_MAX);
	if (!f)
		skip();
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	for (const char *p = text; (p = strstr(p, "\n-- ")); p += 4)
		entries++;
	assert_int_equal(entries, EVENT_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		char head[64];

		assert_int_equal(strlen(ids[i]), 32);
		(void)snprintf(head, sizeof(head), "\n-- %s\nSubject: ", ids[i]);
		assert_non_null(strstr(text, head));
	}
}

struct told {
	uint64_t clients, sum;
};

static void told_cb(uint64_t client _unused_, uint64_t n, void *data)
{
	struct told *t = data;

	t->clients++;
	t->sum += n;
}

static void test_burst(void **state _unused_)
{
	struct burst *b = burst_new(3);
	struct told t = {0, 0};

	/* Many clients, so that the table grows. */
	for (uint64_t c = 1; c <= 5000; c++)
		for (int i = 0; i < 5; i++)
			assert_int_equal(burst_take(b, c, 1000), i < 3);
	assert_true(burst_expire(b, 1000 + BURST_WINDOW_US - 1, told_cb, &t));
	assert_int_equal(t.clients, 0);
	assert_false(burst_take(b, 1, 1000 + BURST_WINDOW_US)); /* not told yet: still counted */
	assert_false(burst_expire(b, 1000 + BURST_WINDOW_US, told_cb, &t));
	assert_int_equal(t.clients, 5000);
	assert_int_equal(t.sum, 10001);
	assert_true(burst_take(b, 1, 2000 + BURST_WINDOW_US));
	/* A window that is over and had nothing left out begins anew by itself. */
	assert_true(burst_take(b, 1, 2000 + 2 * BURST_WINDOW_US));
	assert_null(burst_free(b));

	b = burst_new(0);
	assert_false(burst_take(b, 1, 0));
	(void)burst_free(b);
	(void)burst_free(NULL);
}

struct entry {
	_Alignas(8) char bytes[1024];
};

static const struct ring_entry *entry(struct entry *e, const struct decision *d, uint8_t log)
{
	struct ring_entry *p = (struct ring_entry *)(void *)e->bytes;

	assert_true(ring_entry_size(d) <= sizeof(e->bytes));
	memset(p, 0, sizeof(*e));
	ring_entry_fill(p, d, log);
	return p;
}

static int add_cb(uint64_t seq, uint32_t add, int64_t last_us, void *data)
{
	uint64_t *sum = data;

	sum[0] = seq;
	sum[1] += add;
	sum[2] = (uint64_t)last_us;
	return 0;
}

/* What may differ within a run, and what ends it. */
static void test_fold_keys(void **state _unused_)
{
	struct fold *f = fold_new(10);
	uint64_t sum[3] = {0, 0, 0};
	struct decision d = sample;
	struct entry e;

	assert_false(fold_add(f, entry(&e, &d, LOG_MODE_CHANGES)));
	fold_start(f, entry(&e, &d, LOG_MODE_CHANGES), 8);
	d.args[0] = 99;
	d.latency_us = 5;
	d.time_us = 77;
	assert_true(fold_add(f, entry(&e, &d, LOG_MODE_CHANGES)));
	assert_int_equal(fold_flush(f, add_cb, sum), 0);
	assert_int_equal(sum[0], 8);
	assert_int_equal(sum[1], 1);
	assert_int_equal(sum[2], 77);
	assert_int_equal(fold_flush(f, add_cb, sum), 0); /* counted once */
	assert_int_equal(sum[1], 1);

#define DIFFERS(field, v)                                                       \
	do {                                                                    \
		struct decision other = d;                                      \
		other.field = v;                                                \
		assert_false(fold_add(f, entry(&e, &other, LOG_MODE_CHANGES))); \
	} while (0)
	DIFFERS(client, 18);
	DIFFERS(unit, "v.service");
	DIFFERS(profile, "q");
	DIFFERS(pid, 6);
	DIFFERS(tid, 7);
	DIFFERS(uid, 1);
	DIFFERS(gid, 1);
	DIFFERS(comm, "other");
	DIFFERS(exe, "/bin/other");
	DIFFERS(arch, AUDIT_ARCH_I386);
	DIFFERS(nr, 2);
	DIFFERS(detail, "{\"a\":1}");
	DIFFERS(rule, "s");
	DIFFERS(verdict, VERDICT_ALLOW);
	DIFFERS(err, EACCES);
	DIFFERS(value, 1);
	DIFFERS(basis, BASIS_EMULATED);
	DIFFERS(by, BY_FAILURE);
	DIFFERS(operator_uid, 1);
	DIFFERS(operator_user, "eve");
	DIFFERS(mode, MODE_PERMISSIVE);
	/* Strings that run together the same way. */
	d.unit = "u.servicep";
	d.profile = "";
	assert_false(fold_add(f, entry(&e, &d, LOG_MODE_CHANGES)));
	d = sample;
	assert_true(fold_add(f, entry(&e, &d, LOG_MODE_CHANGES)));
	assert_false(fold_add(f, entry(&e, &d, LOG_MODE_EACH)));
	d.time_us = (int64_t)FOLD_RUN_MAX_S * 1000000 + 1;
	assert_false(fold_add(f, entry(&e, &d, LOG_MODE_CHANGES)));
	fold_clear(f);
	d = sample;
	assert_false(fold_add(f, entry(&e, &d, LOG_MODE_CHANGES)));
	assert_null(fold_free(f));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stderr),	  cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_catalog),	  cmocka_unit_test(test_burst),
		cmocka_unit_test(test_fold_keys),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
