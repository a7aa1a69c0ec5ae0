/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fold.h - `log: changes`: runs of equal decisions become one record with a count.
 *
 * A run belongs to one thread of one client. Decisions are equal where all but time, latency and
 * registers is: a pointer that moves makes no new record, and the record's args are the first
 * call's. A run ends with the thread's next other record, and after an hour.
 */
#ifndef SECCOMPD_DAEMON_FOLD_H
#define SECCOMPD_DAEMON_FOLD_H

#include "daemon/ring.h"

#define FOLD_RUN_MAX_S 3600

struct fold;

/* At most MAX entries come between two fold_flush(). NULL: no memory. */
struct fold *fold_new(size_t max);
struct fold *fold_free(struct fold *f);

/* Does E belong to the run of its thread? Then it is counted there, and needs no record. */
bool fold_add(struct fold *f, const struct ring_entry *e);
/* E became record SEQ: a run begins (where E's log mode says so), another one ends. */
void fold_start(struct fold *f, const struct ring_entry *e, uint64_t seq);
/* Gives what was counted since the last flush to FN, a call for each record (0 or -errno), and
 * forgets it: 0, or the first error. FN NULL: only forgets. */
int fold_flush(struct fold *f, int (*fn)(uint64_t seq, uint32_t add, int64_t last_us, void *data),
	       void *data);
/* Ends all runs, forgets what was counted. */
void fold_clear(struct fold *f);

#endif
