/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sink_sqlite.c - the decision log as an SQLite database (write-ahead log, synchronous=FULL: what
 * is committed survives a power cut).
 *
 * Where the log thread stands in its rings is stored in the transaction that stores the records,
 * so whether a commit that failed half-way took effect never matters: rows and positions tell the
 * same story.
 */
#include "daemon/sink_sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/base.h"

#define RETAIN_ROWS	 10000
#define VACUUM_PAGES	 2000
#define BUSY_TIMEOUT_MS	 250
#define SQL_MAX		 2048
#define META_LAST_SEQ	 "last_seq"
#define META_NEXT_CLIENT "next_client"

const char *const sink_columns[COL_MAX] = {
	[COL_SEQ] = "seq",
	[COL_TIME] = "time",
	[COL_LAST] = "last_time",
	[COL_CLIENT] = "client",
	[COL_UNIT] = "unit",
	[COL_PROFILE] = "profile",
	[COL_PID] = "pid",
	[COL_TID] = "tid",
	[COL_UID] = "uid",
	[COL_GID] = "gid",
	[COL_COMM] = "comm",
	[COL_EXE] = "exe",
	[COL_ARCH] = "arch",
	[COL_SYSCALL] = "syscall",
	[COL_NR] = "nr",
	[COL_ARG0] = "arg0",
	[COL_ARG0 + 1] = "arg1",
	[COL_ARG0 + 2] = "arg2",
	[COL_ARG0 + 3] = "arg3",
	[COL_ARG0 + 4] = "arg4",
	[COL_ARG5] = "arg5",
	[COL_DETAIL] = "detail",
	[COL_RULE] = "rule",
	[COL_VERDICT] = "verdict",
	[COL_ERRNO] = "errno",
	[COL_VALUE] = "value",
	[COL_BASIS] = "basis",
	[COL_BY] = "decided_by",
	[COL_OPERATOR_UID] = "operator_uid",
	[COL_OPERATOR] = "operator",
	[COL_MODE] = "mode",
	[COL_LATENCY] = "latency_us",
	[COL_COUNT] = "count",
};
/* Verdict, basis, by and mode are stored as numbers: those that exist must never change. */
static_assert(VERDICT_ALLOW == 0 && VERDICT_DENY == 1 && VERDICT_RETURN == 2 && VERDICT_KILL == 3 &&
		      VERDICT_ERROR == 4 && VERDICT_GONE == 5 && BASIS_REGISTERS == 0 &&
		      BASIS_EMULATED == 1 && BASIS_UNPROVEN == 2 && BY_RULE == 0 &&
		      BY_DEFAULT == 1 && BY_OPERATOR == 2 && BY_TIMEOUT == 3 && BY_FAILURE == 4 &&
		      MODE_ENFORCE == 0 && MODE_PERMISSIVE == 1,
	      "numbers that databases hold have changed");

enum statement {
	S_BEGIN,
	S_COMMIT,
	S_ROLLBACK,
	S_INSERT,
	S_FOLD,
	S_SET_META,
	S_GET_META,
	S_USED, /* bytes in use, and a row's share of them */
	S_RETAIN_AGE,
	S_RETAIN_SIZE,
	S_MAX,
};

struct sink {
	sqlite3 *db;
	sqlite3_stmt *st[S_MAX];
	uint64_t last_seq, next_client;
};

/* auto_vacuum must come before the first table, and before the file is made a WAL one. */
static const char open_sql[] = "PRAGMA auto_vacuum=INCREMENTAL;"
			       "PRAGMA journal_mode=WAL;"
			       "PRAGMA synchronous=FULL;"
			       "PRAGMA journal_size_limit=67108864;"
			       "PRAGMA temp_store=MEMORY;";

static const char schema_sql[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS decisions ("
	" seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, last_time INTEGER NOT NULL,"
	" client INTEGER NOT NULL, unit TEXT, profile TEXT, pid INTEGER, tid INTEGER,"
	" uid INTEGER, gid INTEGER, comm TEXT, exe TEXT, arch INTEGER, syscall TEXT, nr INTEGER,"
	" arg0 INTEGER, arg1 INTEGER, arg2 INTEGER, arg3 INTEGER, arg4 INTEGER, arg5 INTEGER,"
	" detail TEXT, rule TEXT,"
	" verdict INTEGER," /* 0 allow, 1 deny, 2 return, 3 kill, 4 error, 5 gone */
	" errno INTEGER, value INTEGER,"
	" basis INTEGER,"      /* 0 registers, 1 emulated, 2 unproven */
	" decided_by INTEGER," /* 0 rule, 1 default, 2 operator, 3 timeout, 4 failure */
	" operator_uid INTEGER, operator TEXT,"
	" mode INTEGER," /* 0 enforce, 1 permissive */
	" latency_us INTEGER, count INTEGER NOT NULL);"
	"CREATE INDEX IF NOT EXISTS decisions_time ON decisions (time);"
	"INSERT OR IGNORE INTO meta VALUES ('schema', 1);"
	"COMMIT;";
static_assert(SINK_SCHEMA == 1, "schema_sql says 1");

static const char *const statement_sql[S_MAX] = {
	[S_BEGIN] = "BEGIN IMMEDIATE",
	[S_COMMIT] = "COMMIT",
	[S_ROLLBACK] = "ROLLBACK",
	[S_INSERT] = NULL, /* from the columns */
	[S_FOLD] = "UPDATE decisions SET count = count + ?2, last_time = ?3 WHERE seq = ?1",
	[S_SET_META] = "INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
	[S_GET_META] = "SELECT value FROM meta WHERE key = ?1",
	[S_USED] = "SELECT (SELECT page_count FROM pragma_page_count) -"
		   " (SELECT freelist_count FROM pragma_freelist_count),"
		   " (SELECT page_size FROM pragma_page_size),"
		   " coalesce((SELECT max(seq) FROM decisions), 0) -"
		   " coalesce((SELECT min(seq) FROM decisions), 0) + 1",
	[S_RETAIN_AGE] = "DELETE FROM decisions WHERE seq IN"
			 " (SELECT seq FROM decisions WHERE time < ?1 ORDER BY time LIMIT ?2)",
	[S_RETAIN_SIZE] = "DELETE FROM decisions WHERE seq IN"
			  " (SELECT seq FROM decisions ORDER BY seq LIMIT ?1)",
};

int sink_errno(sqlite3 *db, int rc)
{
	int sys = db ? sqlite3_system_errno(db) : 0;

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CANTOPEN:
		return sys > 0 ? -sys : -ENOENT;
	default:
		return -EIO;
	}
}

void sink_column_list(char buf[static SINK_COLUMN_LIST_MAX])
{
	size_t n = 0;

	for (int i = 0; i < COL_MAX; i++) {
		int len = snprintf(buf + n, SINK_COLUMN_LIST_MAX - n, "%s%s", i ? ", " : "",
				   sink_columns[i]);

		assert(len > 0 && n + (size_t)len < SINK_COLUMN_LIST_MAX);
		n += (size_t)len;
	}
}

static const char *row_text(sqlite3_stmt *s, int col)
{
	const char *t = (const char *)sqlite3_column_text(s, col);

	return t ? t : "";
}

/* A number below MAX; what a foreign hand wrote into the database becomes the last one. */
static unsigned row_enum(sqlite3_stmt *s, int col, unsigned max)
{
	sqlite3_int64 v = sqlite3_column_int64(s, col);

	return v >= 0 && v < (sqlite3_int64)max ? (unsigned)v : max - 1;
}

void sink_row(sqlite3_stmt *s, struct decision *ret)
{
	*ret = (struct decision){
		.seq = (uint64_t)sqlite3_column_int64(s, COL_SEQ),
		.time_us = sqlite3_column_int64(s, COL_TIME),
		.last_us = sqlite3_column_int64(s, COL_LAST),
		.client = (uint64_t)sqlite3_column_int64(s, COL_CLIENT),
		.unit = row_text(s, COL_UNIT),
		.profile = row_text(s, COL_PROFILE),
		.pid = sqlite3_column_int(s, COL_PID),
		.tid = sqlite3_column_int(s, COL_TID),
		.uid = (uint32_t)sqlite3_column_int64(s, COL_UID),
		.gid = (uint32_t)sqlite3_column_int64(s, COL_GID),
		.comm = row_text(s, COL_COMM),
		.exe = row_text(s, COL_EXE),
		.arch = (uint32_t)sqlite3_column_int64(s, COL_ARCH),
		.syscall = row_text(s, COL_SYSCALL),
		.nr = sqlite3_column_int(s, COL_NR),
		.detail = row_text(s, COL_DETAIL),
		.rule = row_text(s, COL_RULE),
		.verdict = row_enum(s, COL_VERDICT, VERDICT_MAX),
		.err = sqlite3_column_int(s, COL_ERRNO),
		.value = sqlite3_column_int64(s, COL_VALUE),
		.basis = row_enum(s, COL_BASIS, BASIS_MAX),
		.by = row_enum(s, COL_BY, BY_MAX),
		.operator_uid = (uint32_t)sqlite3_column_int64(s, COL_OPERATOR_UID),
		.operator_user = row_text(s, COL_OPERATOR),
		.mode = row_enum(s, COL_MODE, MODE_MAX),
		.latency_us = (uint32_t)sqlite3_column_int64(s, COL_LATENCY),
		.count = (uint32_t)sqlite3_column_int64(s, COL_COUNT),
	};
	for (int i = 0; i < 6; i++)
		ret->args[i] = (uint64_t)sqlite3_column_int64(s, COL_ARG0 + i);
}

/* SQLite would make the file 0644; its companions take the mode of the file. Only a file that is
 * not there yet is opened here: closing a descriptor of a database in use drops its locks. */
static void make_file(const char *path)
{
	(void)close_fd(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
}

/* Runs a statement that gives no rows. */
static int run(struct sink *s, enum statement i)
{
	int rc = sqlite3_step(s->st[i]);

	(void)sqlite3_reset(s->st[i]);
	return sink_errno(s->db, rc);
}

static int get_meta(struct sink *s, const char *key, int64_t *ret)
{
	sqlite3_stmt *st = s->st[S_GET_META];
	int rc;

	*ret = 0;
	(void)sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return sink_errno(s->db, rc);
}

static int set_meta(struct sink *s, const char *key, uint64_t value)
{
	sqlite3_stmt *st = s->st[S_SET_META];

	(void)sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 2, (sqlite3_int64)value);
	return run(s, S_SET_META);
}

/* SQL that does not fit the tables: they are not ours, or of another version. */
static int schema_errno(struct sink *s, int rc)
{
	return (rc & 0xff) == SQLITE_ERROR ? -EUCLEAN : sink_errno(s->db, rc);
}

static int check_schema(struct sink *s)
{
	int64_t schema = 0;
	int rc, r;

	rc = sqlite3_prepare_v3(s->db, statement_sql[S_GET_META], -1, SQLITE_PREPARE_PERSISTENT,
				&s->st[S_GET_META], NULL);
	if (rc != SQLITE_OK)
		return schema_errno(s, rc);
	r = get_meta(s, "schema", &schema);
	if (r < 0)
		return r;
	return schema == SINK_SCHEMA ? 0 : -EUCLEAN;
}

static int prepare(struct sink *s)
{
	char columns[SINK_COLUMN_LIST_MAX], sql[SQL_MAX], marks[3 * COL_MAX] = "?";
	int rc = SQLITE_OK;

	sink_column_list(columns);
	for (int i = 1; i < COL_MAX; i++)
		strcat(marks, ",?");
	(void)snprintf(sql, sizeof(sql), "INSERT INTO decisions (%s) VALUES (%s)", columns, marks);
	for (int i = 0; i < S_MAX && rc == SQLITE_OK; i++)
		if (!s->st[i])
			rc = sqlite3_prepare_v3(s->db, i == S_INSERT ? sql : statement_sql[i], -1,
						SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL);
	return schema_errno(s, rc);
}

/* max(seq) as well as the stored one: after retention the table may be empty, and someone may
 * have added rows by hand. */
static int read_meta(struct sink *s)
{
	int64_t seq = 0, client = 0, max = 0;
	sqlite3_stmt *st = NULL;
	int r, rc;

	r = get_meta(s, META_LAST_SEQ, &seq);
	if (r == 0)
		r = get_meta(s, META_NEXT_CLIENT, &client);
	if (r < 0)
		return r;

	rc = sqlite3_prepare_v2(s->db, "SELECT max(seq) FROM decisions", -1, &st, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			max = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	s->last_seq = (uint64_t)(max > seq ? max : seq);
	s->next_client = client > 0 ? (uint64_t)client : 1;
	return sink_errno(s->db, rc);
}

static int sink_init(struct sink *s, const char *path)
{
	int rc, r;

	make_file(path);
	rc = sqlite3_open_v2(path, &s->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				     SQLITE_OPEN_EXRESCODE,
			     NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, open_sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return sink_errno(s->db, rc);
	rc = sqlite3_exec(s->db, schema_sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return schema_errno(s, rc);
	r = check_schema(s);
	if (r == 0)
		r = prepare(s);
	return r < 0 ? r : read_meta(s);
}

int sink_open(const char *path, struct sink **ret, char *err, size_t err_size)
{
	struct sink *s = calloc(1, sizeof(*s));
	int r = s ? sink_init(s, path) : -ENOMEM;

	if (r < 0) {
		/* Of another schema: SQLite itself has nothing to complain about. */
		bool foreign = s && r == -EUCLEAN && sqlite3_errcode(s->db) == SQLITE_OK;

		(void)snprintf(err, err_size, "%s: %s", path,
			       !s	 ? "out of memory"
			       : foreign ? "made by another version"
					 : sqlite3_errmsg(s->db));
		(void)sink_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct sink *sink_close(struct sink *s)
{
	if (!s)
		return NULL;
	for (int i = 0; i < S_MAX; i++)
		(void)sqlite3_finalize(s->st[i]);
	(void)sqlite3_close(s->db);
	free(s);
	return NULL;
}

const char *sink_error(struct sink *s)
{
	return sqlite3_errmsg(s->db);
}

static int rename_part(const char *from, const char *to, const char *suffix)
{
	_cleanup_free_ char *a = NULL, *b = NULL;

	if (asprintf(&a, "%s%s", from, suffix) < 0) {
		a = NULL;
		return -ENOMEM;
	}
	if (asprintf(&b, "%s%s", to, suffix) < 0) {
		b = NULL;
		return -ENOMEM;
	}
	return rename(a, b) < 0 && errno != ENOENT ? -errno : 0;
}

int sink_set_aside(const char *path, char *ret_name, size_t size)
{
	char stamp[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	int r, n;

	if (gmtime_r(&now, &tm))
		(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	/* A second one of the same second must not replace the first. */
	for (unsigned i = 0; i < 1000; i++) {
		n = i ? snprintf(ret_name, size, "%s.corrupt-%s.%u", path, stamp, i)
		      : snprintf(ret_name, size, "%s.corrupt-%s", path, stamp);
		if (n < 0 || (size_t)n >= size)
			return -ENAMETOOLONG;
		if (access(ret_name, F_OK) < 0)
			break;
	}
	/* The companions first: a database without its log is whole, a log without its database
	 * would be taken for the new one's. */
	r = rename_part(path, ret_name, "-wal");
	if (r == 0)
		r = rename_part(path, ret_name, "-shm");
	return r < 0 ? r : rename_part(path, ret_name, "");
}

uint64_t sink_last_seq(const struct sink *s)
{
	return s->last_seq;
}

uint64_t sink_next_client(const struct sink *s)
{
	return s->next_client;
}

static void position_key(char *buf, size_t size, const char *id)
{
	(void)snprintf(buf, size, "ring:%s", id);
}

int sink_position(struct sink *s, const char *id, uint64_t *ret)
{
	char key[64];
	int64_t value;
	int r;

	position_key(key, sizeof(key), id);
	r = get_meta(s, key, &value);
	if (r == 0)
		*ret = (uint64_t)value;
	return r;
}

int sink_set_position(struct sink *s, const char *id, uint64_t position)
{
	char key[64];

	position_key(key, sizeof(key), id);
	return set_meta(s, key, position);
}

int sink_set_last_seq(struct sink *s, uint64_t seq)
{
	return set_meta(s, META_LAST_SEQ, seq);
}

int sink_set_next_client(struct sink *s, uint64_t client)
{
	return set_meta(s, META_NEXT_CLIENT, client);
}

int sink_forget_rings(struct sink *s, const char *const *ids, size_t n)
{
	sqlite3_str *sql = sqlite3_str_new(s->db);
	char *text;
	int rc;

	sqlite3_str_appendall(sql, "DELETE FROM meta WHERE key GLOB 'ring:*' AND key NOT IN (''");
	for (size_t i = 0; i < n; i++)
		sqlite3_str_appendf(sql, ",'ring:%q'", ids[i]);
	sqlite3_str_appendall(sql, ")");
	text = sqlite3_str_finish(sql);
	if (!text)
		return -ENOMEM;
	rc = sqlite3_exec(s->db, text, NULL, NULL, NULL);
	sqlite3_free(text);
	return sink_errno(s->db, rc);
}

int sink_begin(struct sink *s)
{
	int moved = 0;

	/* A WAL connection would go on writing to a file that was removed, and nobody would see. */
	(void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved ? -ESTALE : run(s, S_BEGIN);
}

/* Other programs expect TEXT to be UTF-8; what a target chose may be anything. */
static void bind_bytes(sqlite3_stmt *st, int i, const char *str)
{
	size_t n = 0, step;

	while (str[n] && (step = record_utf8(str + n, NULL)) > 0)
		n += step;
	if (!str[n])
		(void)sqlite3_bind_text(st, i, str, (int)n, SQLITE_STATIC);
	else
		(void)sqlite3_bind_blob(st, i, str, (int)strlen(str), SQLITE_STATIC);
}

static void bind_text(sqlite3_stmt *st, int i, const char *str)
{
	(void)sqlite3_bind_text(st, i, str, -1, SQLITE_STATIC);
}

static void bind_who(sqlite3_stmt *st, const struct decision *d)
{
	(void)sqlite3_bind_int64(st, COL_SEQ + 1, (sqlite3_int64)d->seq);
	(void)sqlite3_bind_int64(st, COL_TIME + 1, d->time_us);
	(void)sqlite3_bind_int64(st, COL_LAST + 1, d->last_us);
	(void)sqlite3_bind_int64(st, COL_CLIENT + 1, (sqlite3_int64)d->client);
	bind_bytes(st, COL_UNIT + 1, d->unit);
	bind_bytes(st, COL_PROFILE + 1, d->profile);
	(void)sqlite3_bind_int(st, COL_PID + 1, d->pid);
	(void)sqlite3_bind_int(st, COL_TID + 1, d->tid);
	(void)sqlite3_bind_int64(st, COL_UID + 1, d->uid);
	(void)sqlite3_bind_int64(st, COL_GID + 1, d->gid);
	bind_bytes(st, COL_COMM + 1, d->comm);
	bind_bytes(st, COL_EXE + 1, d->exe);
}

static void bind_what(sqlite3_stmt *st, const struct decision *d)
{
	(void)sqlite3_bind_int64(st, COL_ARCH + 1, d->arch);
	bind_text(st, COL_SYSCALL + 1, d->syscall);
	(void)sqlite3_bind_int(st, COL_NR + 1, d->nr);
	for (int i = 0; i < 6; i++)
		(void)sqlite3_bind_int64(st, COL_ARG0 + i + 1, (sqlite3_int64)d->args[i]);
	bind_bytes(st, COL_DETAIL + 1, d->detail);
	bind_bytes(st, COL_RULE + 1, d->rule);
	(void)sqlite3_bind_int(st, COL_VERDICT + 1, (int)d->verdict);
	(void)sqlite3_bind_int(st, COL_ERRNO + 1, d->err);
	(void)sqlite3_bind_int64(st, COL_VALUE + 1, d->value);
	(void)sqlite3_bind_int(st, COL_BASIS + 1, (int)d->basis);
	(void)sqlite3_bind_int(st, COL_BY + 1, (int)d->by);
	(void)sqlite3_bind_int64(st, COL_OPERATOR_UID + 1, d->operator_uid);
	bind_bytes(st, COL_OPERATOR + 1, d->operator_user);
	(void)sqlite3_bind_int(st, COL_MODE + 1, (int)d->mode);
	(void)sqlite3_bind_int64(st, COL_LATENCY + 1, d->latency_us);
	(void)sqlite3_bind_int64(st, COL_COUNT + 1, d->count);
}

int sink_insert(struct sink *s, const struct decision *d)
{
	/* Every column is bound anew, so the bindings need no clearing; the strings are not looked
	 * at after the step. */
	bind_who(s->st[S_INSERT], d);
	bind_what(s->st[S_INSERT], d);
	return run(s, S_INSERT);
}

int sink_fold(struct sink *s, uint64_t seq, uint32_t add, int64_t last_us)
{
	sqlite3_stmt *st = s->st[S_FOLD];
	int r;

	(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)seq);
	(void)sqlite3_bind_int64(st, 2, add);
	(void)sqlite3_bind_int64(st, 3, last_us);
	r = run(s, S_FOLD);
	if (r == 0 && sqlite3_changes(s->db) != 1)
		return -ESTALE;
	return r;
}

int sink_commit(struct sink *s)
{
	return run(s, S_COMMIT);
}

void sink_rollback(struct sink *s)
{
	if (!sqlite3_get_autocommit(s->db))
		(void)run(s, S_ROLLBACK);
}

/* How many of the oldest rows make up what is above MAX_BYTES and a twentieth of it, so that this
 * is not due again with the next batch. */
static int rows_above(struct sink *s, uint64_t max_bytes, int64_t *ret)
{
	sqlite3_stmt *st = s->st[S_USED];
	uint64_t used = 0, target = max_bytes - max_bytes / 20;
	int64_t rows = 0;
	int rc = sqlite3_step(st);

	*ret = 0;
	if (rc == SQLITE_ROW) {
		used = (uint64_t)sqlite3_column_int64(st, 0) *
		       (uint64_t)sqlite3_column_int64(st, 1);
		rows = sqlite3_column_int64(st, 2);
	}
	(void)sqlite3_reset(st);
	if (rc == SQLITE_ROW && used > max_bytes && rows > 0) {
		double share = (double)(used - target) / (double)used;
		int64_t n = (int64_t)((double)rows * share) + 1;

		*ret = n < RETAIN_ROWS ? n : RETAIN_ROWS;
	}
	return sink_errno(s->db, rc);
}

static int retain_age(struct sink *s, int64_t before_us)
{
	(void)sqlite3_bind_int64(s->st[S_RETAIN_AGE], 1, before_us);
	(void)sqlite3_bind_int(s->st[S_RETAIN_AGE], 2, RETAIN_ROWS);
	return run(s, S_RETAIN_AGE);
}

static int retain_size(struct sink *s, int64_t rows)
{
	(void)sqlite3_bind_int64(s->st[S_RETAIN_SIZE], 1, rows);
	return run(s, S_RETAIN_SIZE);
}

int sink_retain(struct sink *s, int64_t before_us, uint64_t max_bytes)
{
	char vacuum[64];
	int64_t rows = 0;
	int deleted = 0, r = 0;

	if (before_us > 0) {
		r = retain_age(s, before_us);
		deleted = r == 0 ? sqlite3_changes(s->db) : 0;
	}
	if (r == 0 && deleted == 0 && max_bytes > 0) {
		r = rows_above(s, max_bytes, &rows);
		if (r == 0 && rows > 0) {
			r = retain_size(s, rows);
			deleted = r == 0 ? sqlite3_changes(s->db) : 0;
		}
	}
	if (r == 0 && deleted > 0) {
		(void)snprintf(vacuum, sizeof(vacuum), "PRAGMA incremental_vacuum(%d)",
			       VACUUM_PAGES);
		r = sink_errno(s->db, sqlite3_exec(s->db, vacuum, NULL, NULL, NULL));
	}
	return r < 0 ? r : deleted;
}
