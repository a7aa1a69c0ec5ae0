/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sink_sqlite.h - the decision log as an SQLite database: one writer (the log
 * thread), any number of readers (query.h). One table, `decisions`, and `meta`
 * for what must change in the same transaction.
 */
#ifndef SECCOMPD_DAEMON_SINK_SQLITE_H
#define SECCOMPD_DAEMON_SINK_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record.h"

#define SINK_SCHEMA 1

/* Columns of `decisions`, in this order in every statement. */
enum sink_column {
	COL_SEQ,
	COL_TIME,
	COL_LAST,
	COL_CLIENT,
	COL_UNIT,
	COL_PROFILE,
	COL_PID,
	COL_TID,
	COL_UID,
	COL_GID,
	COL_COMM,
	COL_EXE,
	COL_ARCH,
	COL_SYSCALL,
	COL_NR,
	COL_ARG0,
	COL_ARG5 = COL_ARG0 + 5,
	COL_DETAIL,
	COL_RULE,
	COL_VERDICT,
	COL_ERRNO,
	COL_VALUE,
	COL_BASIS,
	COL_BY,
	COL_OPERATOR_UID,
	COL_OPERATOR,
	COL_MODE,
	COL_LATENCY,
	COL_COUNT,
	COL_MAX,
};
extern const char *const sink_columns[COL_MAX];
/* "seq, time, ...", a constant string made once. */
#define SINK_COLUMN_LIST_MAX 512
void sink_column_list(char buf[static SINK_COLUMN_LIST_MAX]);
/* The current row of a statement that selects all columns. Strings are the statement's. */
void sink_row(sqlite3_stmt *s, struct decision *ret);
/* -errno for a result code of DB (may be NULL). -EUCLEAN: the file is corrupt or no database. */
int sink_errno(sqlite3 *db, int rc);

struct sink;

/* Opens or makes the database for writing. 0; -EUCLEAN: corrupt, or made by another version;
 * other -errno. ERR gets a text. */
int sink_open(const char *path, struct sink **ret, char *err, size_t err_size);
struct sink *sink_close(struct sink *s);
/* What the last failed call failed with. */
const char *sink_error(struct sink *s);
/* Renames the database and what belongs to it to PATH.corrupt-TIME (in RET_NAME). 0 or -errno. */
int sink_set_aside(const char *path, char *ret_name, size_t size);

/* The greatest seq that ever was in the database, and the next client number as it was stored. */
uint64_t sink_last_seq(const struct sink *s);
uint64_t sink_next_client(const struct sink *s);
/* The stored position of ring ID, 0 where there is none. */
int sink_position(struct sink *s, const char *id, uint64_t *ret);
/* Forgets the positions of all rings but the N in IDS. */
int sink_forget_rings(struct sink *s, const char *const *ids, size_t n);

/* One transaction: begin, any of the writes, commit. After a failure: sink_rollback().
 * -ESTALE from begin: the file under that name is another one by now; from fold: the row is gone.
 */
int sink_begin(struct sink *s);
int sink_insert(struct sink *s, const struct decision *d);
int sink_fold(struct sink *s, uint64_t seq, uint32_t add, int64_t last_us);
int sink_set_position(struct sink *s, const char *id, uint64_t position);
int sink_set_last_seq(struct sink *s, uint64_t seq);
int sink_set_next_client(struct sink *s, uint64_t client);
int sink_commit(struct sink *s);
void sink_rollback(struct sink *s);

/* One round of retention, a transaction of its own of at most 10,000 rows: what is older than
 * BEFORE_US, then what is above MAX_BYTES (0: no bound, each). Rows deleted, or -errno. */
int sink_retain(struct sink *s, int64_t before_us, uint64_t max_bytes);

#endif
