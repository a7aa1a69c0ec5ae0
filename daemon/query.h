/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * query.h - reading the decision log in slices, so that no question blocks the
 * main thread for longer than a slice: about a millisecond.
 */
#ifndef SECCOMPD_DAEMON_QUERY_H
#define SECCOMPD_DAEMON_QUERY_H

#include "proto/record.h"

/*
 * Conditions: equality; verdict by its name. A folded record matches since and until where any of
 * its time does. Reading looks for the first record of a time by the index; where the clock was set
 * back by more than an hour, records of around that moment may be missed.
 */
struct log_filter { /* NULL or 0: no condition */
	int64_t since_us, until_us;
	char *unit, *profile, *syscall, *verdict, *rule;
	uint64_t client;
	uint64_t after_seq; /* only records after this one */
	uint64_t last_n;    /* only the last N that match; 0: all */
};
void log_filter_done(struct log_filter *f);

struct query;
/* F's strings are taken over (also on failure). 0; -EINVAL: no such verdict; -ENOENT: no database;
 * other -errno. */
int query_new(const char *db_path, struct log_filter *f, struct query **ret);
struct query *query_free(struct query *q);

/* Gives at most MAX matching records in ascending order of seq to FN, looking at no more than
 * about 1,000 rows and for about a millisecond. 1: there may be more, call again; 0: at the end
 * for now (a later call looks for newer ones); -errno (-EBUSY: try again later; nothing was
 * skipped). With last_n, the first 0 comes when those that were there at the first call are
 * given. */
int query_step(struct query *q, unsigned max, void (*fn)(const struct decision *d, void *data),
	       void *data);
#endif
