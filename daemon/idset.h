/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * idset.h - a fixed set of small numbers, kept as the words of a bitmap that are not zero: short
 * where few are in it, never longer than the bitmap where many are.
 */
#ifndef SECCOMPD_DAEMON_IDSET_H
#define SECCOMPD_DAEMON_IDSET_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/arena.h"

#define IDSET_WORDS(n) (((size_t)(n) + 63) / 64) /* of a bitmap for N ids */

struct idword {
	uint32_t at; /* bitmap[at] */
	uint64_t bits;
};

struct idset {
	const struct idword *words;
	uint32_t n;
};

/* IDS ascend; one may be there several times. 0 or -ENOMEM. Memory is A's. */
int idset_make(struct arena *a, const unsigned *ids, size_t n, struct idset *ret);

static inline void idset_add(const struct idset *s, uint64_t *bitmap)
{
	for (uint32_t i = 0; i < s->n; i++)
		bitmap[s->words[i].at] |= s->words[i].bits;
}

/* Those alone that are in MASK too. */
static inline void idset_add_masked(const struct idset *s, const uint64_t *mask, uint64_t *bitmap)
{
	for (uint32_t i = 0; i < s->n; i++)
		bitmap[s->words[i].at] |= s->words[i].bits & mask[s->words[i].at];
}

#endif
