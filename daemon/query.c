/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * query.c - reading the decision log in slices.
 *
 * Each query has a connection of its own that only reads. A step is one short transaction, never
 * beyond what was committed when it began. It goes by windows of WINDOW rows by seq, until it has
 * looked at SLICE_ROWS or SLICE_NS have gone: rows that must come from the disk are fewer a step.
 * Seqs are in the order of the commits, so the cursor misses nothing. Between steps no transaction
 * is open, and a slow reader holds up neither the writer nor its checkpoints.
 *
 * The last N: windows from the newest backwards until N matches are counted, then forward from
 * there.
 */
#include "daemon/query.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "daemon/fold.h"
#include "daemon/sink_sqlite.h"
#include "proto/base.h"
#include "proto/clock.h"

#define WINDOW		100
#define SLICE_ROWS	1000
#define SLICE_NS	1000000
#define BUSY_TIMEOUT_MS 20
#define SQL_MAX		2048
#define SECOND_US	1000000

/* Each query has its own cache, and most pages are read once. */
static const char pragma_sql[] = "PRAGMA cache_size = -256; PRAGMA mmap_size = 0;";

enum statement {
	Q_BEGIN,
	Q_END,
	Q_MAX,	 /* greatest seq */
	Q_AFTER, /* the first seq after one: retention leaves gaps */
	Q_SINCE, /* where a time begins */
	Q_UNTIL, /* where it ends */
	Q_FORWARD,
	Q_BACKWARD,
	Q_STATEMENTS,
};

/* Parameters of the two that look at rows. */
enum parameter {
	P_LOW = 1, /* seq > */
	P_HIGH,	   /* seq <= */
	P_LIMIT,
	P_SINCE,
	P_UNTIL,
	P_UNIT,
	P_PROFILE,
	P_SYSCALL,
	P_VERDICT,
	P_RULE,
	P_CLIENT,
};

/* The plus keeps SQLite from going by the index on time: the window goes by seq. */
#define CONDITIONS                                                              \
	" WHERE seq > ?1 AND seq <= ?2"                                         \
	" AND (?4 IS NULL OR +last_time >= ?4) AND (?5 IS NULL OR +time <= ?5)" \
	" AND (?6 IS NULL OR unit = ?6) AND (?7 IS NULL OR profile = ?7)"       \
	" AND (?8 IS NULL OR syscall = ?8) AND (?9 IS NULL OR verdict = ?9)"    \
	" AND (?10 IS NULL OR rule = ?10) AND (?11 IS NULL OR client = ?11)"

static const char *const query_sql[Q_STATEMENTS] = {
	[Q_BEGIN] = "BEGIN",
	[Q_END] = "COMMIT",
	[Q_MAX] = "SELECT max(seq) FROM decisions",
	[Q_AFTER] = "SELECT min(seq) FROM decisions WHERE seq > ?1",
	[Q_SINCE] = "SELECT min(seq) FROM"
		    " (SELECT seq FROM decisions WHERE time >= ?1 ORDER BY time LIMIT 20000)",
	[Q_UNTIL] = "SELECT max(seq) FROM"
		    " (SELECT seq FROM decisions WHERE time <= ?1 ORDER BY time DESC LIMIT 20000)",
	[Q_FORWARD] = NULL, /* from the columns */
	[Q_BACKWARD] = "SELECT seq FROM decisions" CONDITIONS " ORDER BY seq DESC LIMIT ?3",
};

enum phase {
	PHASE_START,
	PHASE_BACK, /* looking for the first of the last N */
	PHASE_FORWARD,
};

struct query {
	char *path;
	sqlite3 *db;
	sqlite3_stmt *st[Q_STATEMENTS];
	struct log_filter f;
	int verdict; /* -1: any */
	enum phase phase;
	uint64_t low;  /* of the whole question: nothing at or before it matters */
	uint64_t high; /* nothing beyond it matters; UINT64_MAX: open */
	uint64_t cursor;
	uint64_t left;	/* PHASE_BACK: matches still to count */
	uint64_t pause; /* last_n: the newest record at the first call; 0: passed */
};

void log_filter_done(struct log_filter *f)
{
	free(f->unit);
	free(f->profile);
	free(f->syscall);
	free(f->verdict);
	free(f->rule);
	*f = (struct log_filter){0};
}

static int set_verdict(struct query *q)
{
	q->verdict = -1;
	if (!q->f.verdict)
		return 0;
	for (int i = 0; i < VERDICT_MAX; i++) {
		if (strcmp(record_verdict_names[i], q->f.verdict) == 0) {
			q->verdict = i;
			return 0;
		}
	}
	return -EINVAL;
}

static void bind_text(sqlite3_stmt *st, int i, const char *s)
{
	if (s)
		(void)sqlite3_bind_text(st, i, s, -1, SQLITE_STATIC);
}

static void bind_filter(const struct query *q, sqlite3_stmt *st)
{
	const struct log_filter *f = &q->f;

	if (f->since_us)
		(void)sqlite3_bind_int64(st, P_SINCE, f->since_us);
	if (f->until_us)
		(void)sqlite3_bind_int64(st, P_UNTIL, f->until_us);
	bind_text(st, P_UNIT, f->unit);
	bind_text(st, P_PROFILE, f->profile);
	bind_text(st, P_SYSCALL, f->syscall);
	bind_text(st, P_RULE, f->rule);
	if (q->verdict >= 0)
		(void)sqlite3_bind_int(st, P_VERDICT, q->verdict);
	if (f->client)
		(void)sqlite3_bind_int64(st, P_CLIENT, (sqlite3_int64)f->client);
}

static int prepare(struct query *q)
{
	char columns[SINK_COLUMN_LIST_MAX], sql[SQL_MAX];
	int rc = SQLITE_OK;

	sink_column_list(columns);
	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s FROM decisions" CONDITIONS " ORDER BY seq LIMIT ?3", columns);
	for (int i = 0; i < Q_STATEMENTS && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(q->db, i == Q_FORWARD ? sql : query_sql[i], -1,
					SQLITE_PREPARE_PERSISTENT, &q->st[i], NULL);
	if (rc != SQLITE_OK)
		return sink_errno(q->db, rc);
	bind_filter(q, q->st[Q_FORWARD]);
	bind_filter(q, q->st[Q_BACKWARD]);
	return 0;
}

static void disconnect(struct query *q)
{
	for (int i = 0; i < Q_STATEMENTS; i++) {
		(void)sqlite3_finalize(q->st[i]);
		q->st[i] = NULL;
	}
	(void)sqlite3_close(q->db);
	q->db = NULL;
}

static int connect_db(struct query *q)
{
	int rc, r;

	rc = sqlite3_open_v2(q->path, &q->db,
			     SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			     NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(q->db, BUSY_TIMEOUT_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(q->db, pragma_sql, NULL, NULL, NULL);
	r = rc == SQLITE_OK ? prepare(q) : sink_errno(q->db, rc);
	if (r < 0)
		disconnect(q);
	return r;
}

/* A database that was corrupt is replaced by a new one, whose seqs go on where it ended. */
static int follow_file(struct query *q)
{
	int moved = 0;

	if (q->db)
		(void)sqlite3_file_control(q->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved)
		disconnect(q);
	return q->db ? 0 : connect_db(q);
}

int query_new(const char *db_path, struct log_filter *f, struct query **ret)
{
	struct query *q = calloc(1, sizeof(*q));
	int r;

	if (!q) {
		log_filter_done(f);
		return -ENOMEM;
	}
	q->f = *f;
	*f = (struct log_filter){0};
	q->high = UINT64_MAX;
	q->path = strdup(db_path);
	r = q->path ? set_verdict(q) : -ENOMEM;
	if (r == 0)
		r = connect_db(q);
	if (r < 0) {
		(void)query_free(q);
		return r;
	}
	*ret = q;
	return 0;
}

struct query *query_free(struct query *q)
{
	if (!q)
		return NULL;
	disconnect(q);
	log_filter_done(&q->f);
	free(q->path);
	free(q);
	return NULL;
}

/* The one number that a statement gives; 0 where it is NULL. */
static int scalar(struct query *q, enum statement i, uint64_t *ret)
{
	int rc = sqlite3_step(q->st[i]);

	*ret = 0;
	if (rc == SQLITE_ROW && sqlite3_column_int64(q->st[i], 0) > 0)
		*ret = (uint64_t)sqlite3_column_int64(q->st[i], 0);
	(void)sqlite3_reset(q->st[i]);
	return sink_errno(q->db, rc);
}

static int scalar_of(struct query *q, enum statement i, int64_t arg, uint64_t *ret)
{
	(void)sqlite3_bind_int64(q->st[i], 1, arg);
	return scalar(q, i, ret);
}

/* Where a question about a time begins. A run of equal decisions that goes on may have begun up to
 * FOLD_RUN_MAX_S before. */
static int find_low(struct query *q, uint64_t max)
{
	uint64_t first;
	int r;

	q->low = q->f.after_seq < INT64_MAX ? q->f.after_seq : INT64_MAX;
	r = scalar_of(q, Q_AFTER, (int64_t)q->low, &first);
	if (r == 0 && first > 0)
		q->low = first - 1;
	if (r < 0 || !q->f.since_us)
		return r;
	r = scalar_of(q, Q_SINCE, q->f.since_us - (int64_t)FOLD_RUN_MAX_S * SECOND_US, &first);
	if (first == 0)
		first = max + 1;
	if (r == 0 && first - 1 > q->low)
		q->low = first - 1;
	return r;
}

/* A time that is over by a minute has an end; later records cannot belong to it, whatever small
 * steps the clock makes. */
static int find_high(struct query *q)
{
	uint64_t last;
	int r;

	if (!q->f.until_us || q->f.until_us / SECOND_US + 60 > (int64_t)time(NULL))
		return 0;
	r = scalar_of(q, Q_UNTIL, q->f.until_us, &last);
	if (r == 0)
		q->high = last;
	return r;
}

static int begin_question(struct query *q, uint64_t max)
{
	int r = find_low(q, max);

	if (r == 0)
		r = find_high(q);
	if (r < 0)
		return r;
	q->cursor = q->low;
	q->phase = PHASE_FORWARD;
	if (q->f.last_n) {
		q->left = q->f.last_n;
		q->pause = max;
		q->cursor = max < q->high ? max : q->high;
		q->phase = PHASE_BACK;
	}
	return 0;
}

static void bind_window(sqlite3_stmt *st, uint64_t low, uint64_t high, uint64_t limit)
{
	(void)sqlite3_bind_int64(st, P_LOW, (sqlite3_int64)low);
	(void)sqlite3_bind_int64(st, P_HIGH, (sqlite3_int64)high);
	(void)sqlite3_bind_int64(st, P_LIMIT, limit < INT64_MAX ? (sqlite3_int64)limit : INT64_MAX);
}

/* One window backwards: counts matches. Always 1 or -errno. */
static int step_back(struct query *q)
{
	sqlite3_stmt *st = q->st[Q_BACKWARD];
	uint64_t low = q->cursor > WINDOW ? q->cursor - WINDOW : 0;
	uint64_t seq = 0;
	int rc;

	if (low < q->low)
		low = q->low;
	bind_window(st, low, q->cursor, q->left);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		seq = (uint64_t)sqlite3_column_int64(st, 0);
		q->left--;
	}
	(void)sqlite3_reset(st);
	if (rc != SQLITE_DONE) {
		/* Nothing of this window counts; the question starts anew. */
		q->phase = PHASE_START;
		return sink_errno(q->db, rc);
	}
	q->cursor = low;
	if (q->left == 0 || low <= q->low) {
		q->cursor = q->left == 0 ? seq - 1 : q->low;
		q->phase = PHASE_FORWARD;
	}
	return 1;
}

/* Gives the rows of one window, *MAX at most, and takes them from *MAX; 1 where there is more
 * behind it. */
static int step_forward(struct query *q, uint64_t max_seq, unsigned *max,
			void (*fn)(const struct decision *d, void *data), void *data)
{
	sqlite3_stmt *st = q->st[Q_FORWARD];
	uint64_t end = max_seq < q->high ? max_seq : q->high;
	uint64_t first, high;
	struct decision d;
	int rc, r;

	if (q->pause && q->cursor >= q->pause)
		q->pause = 0;
	if (q->pause && q->pause < end)
		end = q->pause;
	if (q->cursor >= end)
		return 0;
	r = scalar_of(q, Q_AFTER, (int64_t)q->cursor, &first);
	if (r < 0)
		return r;
	if (first == 0 || first > end) {
		q->cursor = end;
		return 0;
	}
	high = first - 1 + WINDOW < end ? first - 1 + WINDOW : end;
	bind_window(st, q->cursor, high, *max);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		sink_row(st, &d);
		q->cursor = d.seq;
		(*max)--;
		fn(&d, data);
	}
	(void)sqlite3_reset(st);
	if (rc != SQLITE_DONE)
		return sink_errno(q->db, rc);
	if (*max > 0)
		q->cursor = high;
	return q->cursor < end;
}

/* Windows in the one direction that it goes, as many as fit a slice that ends at DEADLINE. */
static int step_windows(struct query *q, uint64_t newest, uint64_t deadline, unsigned max,
			void (*fn)(const struct decision *d, void *data), void *data)
{
	enum phase phase = q->phase;
	unsigned rows = 0;
	int r;

	do {
		r = phase == PHASE_BACK ? step_back(q) : step_forward(q, newest, &max, fn, data);
		rows += WINDOW;
	} while (r == 1 && q->phase == phase && max > 0 && rows < SLICE_ROWS &&
		 now_ns() < deadline);
	return r;
}

int query_step(struct query *q, unsigned max, void (*fn)(const struct decision *d, void *data),
	       void *data)
{
	uint64_t deadline = now_ns() + SLICE_NS;
	uint64_t newest;
	int r, end;

	if (max == 0)
		return -EINVAL;
	r = follow_file(q);
	if (r < 0)
		return r;
	r = sink_errno(q->db, sqlite3_step(q->st[Q_BEGIN]));
	(void)sqlite3_reset(q->st[Q_BEGIN]);
	if (r < 0)
		return r;
	r = scalar(q, Q_MAX, &newest);
	if (r == 0 && q->phase == PHASE_START)
		r = begin_question(q, newest);
	if (r == 0)
		r = step_windows(q, newest, deadline, max, fn, data);
	end = sqlite3_step(q->st[Q_END]);
	(void)sqlite3_reset(q->st[Q_END]);
	return r < 0 || end == SQLITE_DONE ? r : sink_errno(q->db, end);
}
