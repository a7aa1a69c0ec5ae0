/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fold.c - runs of equal decisions.
 *
 * A fixed table with one slot for a thread (two that meet in a slot end each other's runs: more
 * records, never fewer). Equality is that of a keyed hash, SipHash-2-4 under a key of this process:
 * a target that chooses its exe and comm cannot make two decisions look equal.
 */
#include "daemon/fold.h"

#include <string.h>
#include <sys/random.h>

#include "daemon/profile.h"
#include "proto/base.h"

#define SLOTS	  4096
#define COUNT_MAX (1u << 30)

struct slot {
	uint64_t client;
	uint64_t hash;
	uint64_t seq; /* 0: no run */
	int64_t since_us;
	uint32_t count;
	int32_t tid;
	uint32_t update, round; /* place in updates, where round is the current one */
};

struct update {
	uint64_t seq;
	int64_t last_us;
	uint32_t add;
};

struct fold {
	uint64_t key[2];
	uint32_t round;
	size_t n, max;
	struct update *updates;
	struct slot slots[SLOTS];
};

struct fold *fold_new(size_t max)
{
	struct fold *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->updates = calloc(max, sizeof(*f->updates));
	f->max = max;
	f->round = 1;
	if (!f->updates || getrandom(f->key, sizeof(f->key), 0) != sizeof(f->key))
		return fold_free(f);
	return f;
}

struct fold *fold_free(struct fold *f)
{
	if (f)
		free(f->updates);
	free(f);
	return NULL;
}

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

/* Whole words; the rest of the last one is taken as zero. */
static void sip_bytes(uint64_t v[4], const void *data, size_t n)
{
	const char *p = data;
	uint64_t m;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&m, p, 8);
		sip_word(v, m);
	}
	m = 0;
	memcpy(&m, p, n);
	sip_word(v, m | (uint64_t)n << 56);
}

static uint64_t sip_end(uint64_t v[4])
{
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void sip_start(const struct fold *f, uint64_t v[4])
{
	v[0] = f->key[0] ^ 0x736f6d6570736575;
	v[1] = f->key[1] ^ 0x646f72616e646f6d;
	v[2] = f->key[0] ^ 0x6c7967656e657261;
	v[3] = f->key[1] ^ 0x7465646279746573;
}

/* The fixed part holds the lengths of the strings, so that no two entries give the same bytes. */
static uint64_t entry_hash(const struct fold *f, const struct ring_entry *e)
{
	struct ring_entry fixed;
	uint64_t v[4];
	size_t strings = (size_t)e->unit_len + e->profile_len + e->rule_len + e->exe_len +
			 e->detail_len + e->operator_len + 6;

	memcpy(&fixed, e, sizeof(fixed));
	fixed.size = 0;
	fixed.seq = 0;
	fixed.time_us = 0;
	fixed.latency_us = 0;
	memset(fixed.args, 0, sizeof(fixed.args));
	sip_start(f, v);
	sip_bytes(v, &fixed, sizeof(fixed));
	sip_bytes(v, e->strings, strings);
	return sip_end(v);
}

static struct slot *slot_of(struct fold *f, const struct ring_entry *e)
{
	uint64_t x = (e->client * 0x9e3779b97f4a7c15) ^ ((uint32_t)e->tid * 0xc2b2ae3d27d4eb4f);

	return &f->slots[(x ^ x >> 29) % SLOTS];
}

static bool same_thread(const struct slot *s, const struct ring_entry *e)
{
	return s->seq && s->client == e->client && s->tid == e->tid;
}

bool fold_add(struct fold *f, const struct ring_entry *e)
{
	struct slot *s = slot_of(f, e);
	struct update *u;

	if (e->log != LOG_MODE_CHANGES || !same_thread(s, e) || s->count >= COUNT_MAX ||
	    e->time_us - s->since_us > (int64_t)FOLD_RUN_MAX_S * 1000000 ||
	    s->hash != entry_hash(f, e))
		return false;
	if (s->round != f->round) {
		if (f->n == f->max)
			return false;
		s->round = f->round;
		s->update = (uint32_t)f->n;
		f->updates[f->n++] = (struct update){.seq = s->seq};
	}
	u = &f->updates[s->update];
	u->add++;
	u->last_us = e->time_us;
	s->count++;
	return true;
}

void fold_start(struct fold *f, const struct ring_entry *e, uint64_t seq)
{
	struct slot *s = slot_of(f, e);

	if (e->log == LOG_MODE_CHANGES)
		*s = (struct slot){
			.client = e->client,
			.hash = entry_hash(f, e),
			.seq = seq,
			.since_us = e->time_us,
			.count = 1,
			.tid = e->tid,
		};
	else if (same_thread(s, e))
		s->seq = 0;
}

int fold_flush(struct fold *f, int (*fn)(uint64_t seq, uint32_t add, int64_t last_us, void *data),
	       void *data)
{
	int r = 0;

	for (size_t i = 0; fn && i < f->n && r == 0; i++)
		r = fn(f->updates[i].seq, f->updates[i].add, f->updates[i].last_us, data);
	f->n = 0;
	f->round++;
	if (f->round == 0) /* wrapped: no slot may seem to be of this round */
		fold_clear(f);
	return r;
}

void fold_clear(struct fold *f)
{
	memset(f->slots, 0, sizeof(f->slots));
	f->n = 0;
	f->round = 1;
}
