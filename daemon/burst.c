/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * burst.c - a window for each client that caused a journal entry lately.
 *
 * An open-addressed table that doubles as it fills, and is packed anew when windows end. Where
 * memory is short a client without a window gets no entry: fewer lines, never a flood.
 */
#include "daemon/burst.h"

#include <stdlib.h>

#include "proto/base.h"

#define SLOTS_MIN 64 /* a power of two */

struct window {
	bool used;
	uint64_t client;
	int64_t since_us;
	uint64_t taken, suppressed;
};

struct burst {
	unsigned burst;
	size_t n, size;
	struct window *slots;
};

struct burst *burst_new(unsigned burst)
{
	struct burst *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->burst = burst;
	b->size = SLOTS_MIN;
	b->slots = calloc(b->size, sizeof(*b->slots));
	return b->slots ? b : burst_free(b);
}

struct burst *burst_free(struct burst *b)
{
	if (b)
		free(b->slots);
	free(b);
	return NULL;
}

/* CLIENT's slot, or the free one where it belongs. */
static struct window *find(struct window *slots, size_t size, uint64_t client)
{
	uint64_t x = client * 0x9e3779b97f4a7c15;
	size_t i = (x >> 32) & (size - 1);

	while (slots[i].used && slots[i].client != client)
		i = (i + 1) & (size - 1);
	return &slots[i];
}

static bool is_over(const struct window *w, int64_t now_us)
{
	return now_us - w->since_us >= BURST_WINDOW_US;
}

/* Moves what still counts into a table of SIZE. */
static bool rebuild(struct burst *b, size_t size, int64_t now_us)
{
	struct window *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return false;
	b->n = 0;
	for (size_t i = 0; i < b->size; i++) {
		const struct window *w = &b->slots[i];

		if (!w->used || (is_over(w, now_us) && w->suppressed == 0))
			continue;
		*find(slots, size, w->client) = *w;
		b->n++;
	}
	free(b->slots);
	b->slots = slots;
	b->size = size;
	return true;
}

bool burst_take(struct burst *b, uint64_t client, int64_t now_us)
{
	struct window *w = find(b->slots, b->size, client);

	if (!w->used) {
		if (b->n >= b->size / 2) {
			/* Never full, or find() would not end. */
			if (!rebuild(b, 2 * b->size, now_us) && b->n >= b->size - 1)
				return false;
			w = find(b->slots, b->size, client);
		}
		*w = (struct window){.used = true, .client = client, .since_us = now_us};
		b->n++;
	}
	/* Over, but not reported yet: what was left out is carried on. */
	if (is_over(w, now_us) && w->suppressed == 0) {
		w->since_us = now_us;
		w->taken = 0;
	}
	if (w->taken < b->burst) {
		w->taken++;
		return true;
	}
	w->suppressed++;
	return false;
}

bool burst_expire(struct burst *b, int64_t now_us,
		  void (*fn)(uint64_t client, uint64_t suppressed, void *data), void *data)
{
	size_t over = 0;

	for (size_t i = 0; i < b->size; i++) {
		struct window *w = &b->slots[i];

		if (!w->used || !is_over(w, now_us))
			continue;
		if (w->suppressed)
			fn(w->client, w->suppressed, data);
		w->suppressed = w->taken = 0;
		over++;
	}
	/* Where memory is short they stay, and count for nothing. */
	if (over)
		(void)rebuild(b, b->size, now_us);
	return b->n > 0;
}
