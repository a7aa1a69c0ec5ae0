/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arena.h - memory that is given back all at once, with an upper bound.
 */
#ifndef SECCOMPD_DAEMON_ARENA_H
#define SECCOMPD_DAEMON_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* At most LIMIT bytes in all. NULL where memory is short. */
struct arena *arena_new(size_t limit);
struct arena *arena_free(struct arena *a); /* always NULL; NULL is fine */

/* N zeroed objects of SIZE bytes, aligned for any type; NULL where memory is short or the limit
 * reached, which arena_failed() tells from then on. N of 0 gives one object. */
void *arena_alloc(struct arena *a, size_t n, size_t size);
char *arena_strdup(struct arena *a, const char *s);
bool arena_failed(const struct arena *a);

static inline void arena_freep(struct arena **a)
{
	*a = arena_free(*a);
}

#endif
