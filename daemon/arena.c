/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arena.c - memory that is given back all at once, with an upper bound */
#include "daemon/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK ((size_t)16 * 1024)

struct chunk {
	struct chunk *next;
	size_t size, used;
	alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk *chunks; /* the one in use first */
	size_t limit, total;
	bool failed;
};

struct arena *arena_new(size_t limit)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a)
		a->limit = limit;
	return a;
}

struct arena *arena_free(struct arena *a)
{
	struct chunk *c, *next;

	if (!a)
		return NULL;
	for (c = a->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
	return NULL;
}

static struct chunk *arena_grow(struct arena *a, size_t need)
{
	size_t size = need > ARENA_CHUNK ? need : ARENA_CHUNK;
	struct chunk *c;

	if (size > a->limit - a->total)
		size = need;
	if (size > a->limit - a->total)
		return NULL;
	c = calloc(1, sizeof(*c) + size);
	if (!c)
		return NULL;
	c->size = size;
	a->total += size;
	/* An object larger than a chunk leaves the one in use where it is. */
	if (need > ARENA_CHUNK && a->chunks) {
		c->next = a->chunks->next;
		a->chunks->next = c;
	} else {
		c->next = a->chunks;
		a->chunks = c;
	}
	return c;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	size_t align = alignof(max_align_t), bytes;
	struct chunk *c = a->chunks;
	void *p;

	if (n == 0)
		n = 1;
	if (a->failed || __builtin_mul_overflow(n, size, &bytes) || bytes > a->limit) {
		a->failed = true;
		return NULL;
	}
	bytes = (bytes + align - 1) / align * align;
	if (!c || c->size - c->used < bytes)
		c = arena_grow(a, bytes);
	if (!c) {
		a->failed = true;
		return NULL;
	}
	p = c->data + c->used;
	c->used += bytes;
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = arena_alloc(a, n, 1);

	if (p)
		memcpy(p, s, n);
	return p;
}

bool arena_failed(const struct arena *a)
{
	return a->failed;
}
