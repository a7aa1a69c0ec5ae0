/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.h - the log thread: rings -> SQLite (durable in batches of milliseconds)
 * and journal. The one place that decides when a record counts as kept.
 */
#ifndef SECCOMPD_DAEMON_LOG_H
#define SECCOMPD_DAEMON_LOG_H

#include "daemon/config.h"
#include "daemon/ring.h"

struct log;

struct log_options {
	const char *db_path;  /* NULL: no database (private mode) */
	const char *ring_dir; /* NULL: anonymous rings */
	unsigned n_rings;     /* one a worker; left-over rings of an earlier run are drained too */
	size_t ring_bytes;
	unsigned batch_ms;
	uint64_t max_bytes, max_age_s;
	bool journal;
	unsigned journal_burst;
	/* Called by the log thread for each decision once it is durable (private mode prints
	 * there); may be NULL. */
	void (*sink)(const struct decision *d, void *data);
	void *sink_data;
	/* Called by the log thread after a batch: everything up to seq LAST is in the database.
	 * Must be quick and thread-safe (writes an eventfd); may be NULL. */
	void (*committed)(uint64_t last, void *data);
	void *committed_data;
};

/*
 * Opens the database and rings, takes over what an earlier run left, starts the thread. 0 or
 * -errno; ERR gets a text. A database that is corrupt is moved aside to *.corrupt-TIME and said so.
 * One that cannot be opened for now (full, read-only, locked) is no error: records wait in the
 * rings and the thread tries again. -EBUSY: another daemon has the rings.
 *
 * The log thread numbers the records: entries in the rings carry seq 0, seq in the database is
 * dense and in the order of commits, so that who has read up to N has missed nothing before N.
 */
int log_new(const struct log_options *o, struct log **ret, char *err, size_t err_size);
/* Drains, commits, ends the thread. The producers must have ended. What a failing database does
 * not take stays in the ring files for the next run. */
struct log *log_free(struct log *l);

struct ring *log_ring(struct log *l, unsigned i);
/* Any thread, after ring_commit(): wakes the log thread where it sleeps. */
void log_kick(struct log *l, struct ring *r);
/* Main thread. A client number that no client in the database has. */
uint64_t log_next_client(struct log *l);
/* Waits until all that was committed to the rings before the call is durable; false on timeout. */
bool log_flush(struct log *l, unsigned timeout_ms);

struct log_stats {
	uint64_t written;  /* records since start */
	uint64_t last_seq; /* durable */
	uint64_t db_bytes;
	uint64_t broken;   /* entries that could not be read */
	uint64_t failures; /* batches that the database refused, since start */
	bool failing;	   /* the last batch was refused: records wait in the rings */
	char error[256];   /* the last reason */
	uint64_t journal_dropped;
};
void log_stats(struct log *l, struct log_stats *ret);

#endif
