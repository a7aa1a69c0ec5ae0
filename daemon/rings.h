/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rings.h - all rings that the log thread reads: one a worker, and what an
 * earlier run left behind, which goes away once it is drained.
 */
#ifndef SECCOMPD_DAEMON_RINGS_H
#define SECCOMPD_DAEMON_RINGS_H

#include "daemon/ring.h"

struct rings;

/*
 * Opens ring.0 to ring.N-1 of SIZE bytes in DIR (NULL: anonymous memory), and every other ring
 * there, also one of another size in the place of one of these. 0; -EBUSY: another process has
 * them; other -errno.
 */
int rings_open(const char *dir, unsigned n, size_t size, struct rings **ret);
struct rings *rings_close(struct rings *s); /* keeps the files */

struct ring *rings_own(struct rings *s, unsigned i); /* i < N */
unsigned rings_n_own(const struct rings *s);
/* Any thread: left-over rings that are not drained yet, and entries and files that could not be
 * read. */
unsigned rings_n_left(const struct rings *s);
uint64_t rings_broken(const struct rings *s);

/* The rest is the log thread's. All rings, left-over ones after the own: */
struct ring *rings_at(struct rings *s, unsigned i); /* NULL past the end */

/* The oldest entries by time, at most MAX; all of them stay where they are until
 * rings_release(). */
size_t rings_collect(struct rings *s, const struct ring_entry **ret, size_t max);
void rings_release(struct rings *s); /* and unlinks left-over rings that are drained */
void rings_rewind(struct rings *s);
bool rings_any(struct rings *s); /* an entry to collect? */
/* The greatest client number in what is not released yet. */
uint64_t rings_max_client(struct rings *s);

/* Asks for a wake-up; false: do not sleep, there is something already (an entry where ANY, a half
 * full ring where not). */
bool rings_arm(struct rings *s, bool any);

#endif
