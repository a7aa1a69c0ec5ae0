/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf.c - classic BPF for seccomp as a graph of decisions
 *
 * Theory of operation. A node is an end (return a value) or a test: load a word of struct
 * seccomp_data, mask it, compare it, go on at one of two nodes. Nodes are made before those that
 * lead to them, so a greater number is always nearer to the program's beginning, there are no
 * cycles, and the order of numbers is an order for the program: the assembler writes nodes in
 * ascending order from the last instruction to the first. Every jump's target is then known when
 * the jump is written. Conditional jumps reach 255 instructions only: where a target is further
 * away, a copy of it (an end) or an unconditional jump to it is put right behind the test, and
 * later tests use the nearest copy.
 *
 * A test has three entries: before the load, behind it (for one that comes with the same word in
 * the accumulator), and behind the mask. The accumulator is not spoilt by jumps, so a chain of
 * tests on one argument loads it once.
 */
#include "daemon/bpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base.h"

#define MASK_ALL UINT32_MAX
#define REACH	 255 /* of a conditional jump */

/* op BPF_RET: k is the value, the rest 0. */
struct bpf_node {
	uint32_t offset, mask, k;
	uint32_t then_node, else_node;
	uint16_t op;
};

struct bpf {
	struct bpf_node *nodes;
	unsigned n, size;
	uint32_t *table; /* node + 1 by hash; size is a power of two */
	unsigned table_size;
	int error;
};

struct bpf *bpf_new(void)
{
	return calloc(1, sizeof(struct bpf));
}

struct bpf *bpf_free(struct bpf *b)
{
	if (!b)
		return NULL;
	free(b->nodes);
	free(b->table);
	free(b);
	return NULL;
}

int bpf_error(const struct bpf *b)
{
	return b->error;
}

unsigned bpf_count(const struct bpf *b)
{
	return b->n;
}

/* ---- nodes ---------------------------------------------------------------- */

static uint32_t hash_node(const struct bpf_node *n)
{
	const uint32_t words[] = {n->offset, n->mask, n->k, n->then_node, n->else_node, n->op};
	uint64_t h = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		h = (h ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (uint32_t)h;
}

static bool node_equal(const struct bpf_node *a, const struct bpf_node *b)
{
	return a->offset == b->offset && a->mask == b->mask && a->k == b->k &&
	       a->then_node == b->then_node && a->else_node == b->else_node && a->op == b->op;
}

static void table_put(struct bpf *b, unsigned node)
{
	unsigned i = hash_node(&b->nodes[node]) & (b->table_size - 1);

	while (b->table[i])
		i = (i + 1) & (b->table_size - 1);
	b->table[i] = node + 1;
}

static bool bpf_grow(struct bpf *b)
{
	unsigned size = b->size ? b->size * 2 : 256;
	struct bpf_node *nodes = realloc(b->nodes, size * sizeof(*nodes));
	uint32_t *table;

	if (!nodes)
		return false;
	b->nodes = nodes;
	table = calloc((size_t)size * 2, sizeof(*table));
	if (!table)
		return false;
	free(b->table);
	b->table = table;
	b->table_size = size * 2;
	b->size = size;
	for (unsigned i = 0; i < b->n; i++)
		table_put(b, i);
	return true;
}

static unsigned bpf_intern(struct bpf *b, const struct bpf_node *node)
{
	unsigned i;

	if (b->error)
		return 0;
	for (i = b->table_size ? hash_node(node) & (b->table_size - 1) : 0;
	     b->table_size && b->table[i]; i = (i + 1) & (b->table_size - 1)) {
		if (node_equal(&b->nodes[b->table[i] - 1], node))
			return b->table[i] - 1;
	}
	if (b->n >= BPF_NODES_MAX)
		b->error = -E2BIG;
	else if (b->n == b->size && !bpf_grow(b))
		b->error = -ENOMEM;
	if (b->error)
		return 0;
	b->nodes[b->n] = *node;
	table_put(b, b->n);
	return b->n++;
}

unsigned bpf_ret(struct bpf *b, uint32_t value)
{
	return bpf_intern(b, &(struct bpf_node){.op = BPF_RET, .k = value});
}

/* 1 or 0 where the result is known whatever the word is, else -1. */
static int test_known(uint32_t mask, uint16_t op, uint32_t k)
{
	switch (op) {
	case BPF_JEQ:
		return (k & ~mask) != 0 ? 0 : mask == 0 ? 1 : -1;
	case BPF_JGE:
		return k == 0 ? 1 : k > mask ? 0 : -1;
	case BPF_JGT:
		return k >= mask ? 0 : -1;
	default:
		return (k & mask) == 0 ? 0 : -1;
	}
}

unsigned bpf_test(struct bpf *b, uint32_t offset, uint32_t mask, uint16_t op, uint32_t k,
		  unsigned then_node, unsigned else_node)
{
	struct bpf_node n = {.offset = offset, .mask = mask, .op = op, .k = k};
	int known = test_known(mask, op, k);

	if (then_node == else_node || known == 1)
		return then_node;
	if (known == 0)
		return else_node;
	n.then_node = then_node;
	n.else_node = else_node;
	/* One instruction less, and the word stays whole for the next test. */
	if (op == BPF_JEQ && k == 0 && mask != MASK_ALL) {
		n.op = BPF_JSET;
		n.k = mask;
		n.then_node = else_node;
		n.else_node = then_node;
	} else if (op == BPF_JEQ && k == mask && (k & (k - 1)) == 0) {
		n.op = BPF_JSET;
	}
	if (n.op == BPF_JSET) {
		n.k &= mask;
		n.mask = MASK_ALL;
	}
	return bpf_intern(b, &n);
}

bool bpf_is_ret(const struct bpf *b, unsigned node)
{
	return !b->error && b->nodes[node].op == BPF_RET;
}

/* ---- reachable nodes --------------------------------------------------------- */

enum entry { ENTRY_LOAD, ENTRY_MASK, ENTRY_TEST, ENTRY_MAX };

/* Where FROM, a test, may enter TO. */
static enum entry entry_between(const struct bpf_node *from, const struct bpf_node *to)
{
	if (to->op == BPF_RET)
		return ENTRY_LOAD;
	if (from->offset != to->offset)
		return ENTRY_LOAD;
	if (from->mask == to->mask)
		return ENTRY_TEST;
	return from->mask == MASK_ALL ? ENTRY_MASK : ENTRY_LOAD;
}

/* For each node up to ROOT a set of the entries by which it is reached from there; to be freed.
 * NULL: no memory. */
static uint8_t *bpf_reach(const struct bpf *b, unsigned root)
{
	uint8_t *used = calloc((size_t)root + 1, 1);

	if (!used)
		return NULL;
	used[root] = 1u << ENTRY_LOAD;
	for (unsigned i = root + 1; i-- > 0;) {
		const struct bpf_node *n = &b->nodes[i];

		if (!used[i] || n->op == BPF_RET)
			continue;
		used[n->then_node] |= (uint8_t)(1u << entry_between(n, &b->nodes[n->then_node]));
		used[n->else_node] |= (uint8_t)(1u << entry_between(n, &b->nodes[n->else_node]));
	}
	return used;
}

size_t bpf_size(const struct bpf *b, unsigned node)
{
	_cleanup_free_ uint8_t *used = b->error ? NULL : bpf_reach(b, node);
	size_t size = 0;

	for (unsigned i = 0; used && i <= node; i++) {
		if (!used[i])
			continue;
		size++;
		if (b->nodes[i].op == BPF_RET)
			continue;
		size += (used[i] >> ENTRY_LOAD) & 1;
		size += b->nodes[i].mask != MASK_ALL && (used[i] & ~(1u << ENTRY_TEST));
	}
	return size;
}

/* ---- assembler ------------------------------------------------------------------ */

struct assembler {
	const struct bpf *b;
	uint8_t *used;
	struct sock_filter *out; /* the last instruction of the program first */
	size_t n, size;
	uint32_t (*at)[ENTRY_MAX]; /* index in out of the nearest way to a node's entry */
};

static int emit(struct assembler *a, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (a->n == a->size) {
		size_t size = a->size ? a->size * 2 : 256;
		struct sock_filter *out = realloc(a->out, size * sizeof(*out));

		if (!out)
			return -ENOMEM;
		a->out = out;
		a->size = size;
	}
	a->out[a->n++] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
	return 0;
}

static int emit_ret(struct assembler *a, unsigned node)
{
	int r = emit(a, BPF_RET | BPF_K, 0, 0, a->b->nodes[node].k);

	for (unsigned e = 0; e < ENTRY_MAX && r == 0; e++)
		a->at[node][e] = (uint32_t)a->n - 1;
	return r;
}

/* How many instructions the next one would have to skip. */
static size_t distance(const struct assembler *a, unsigned node, enum entry e)
{
	return a->n - 1 - a->at[node][e];
}

static int emit_nearer(struct assembler *a, unsigned node, enum entry e)
{
	int r;

	if (a->b->nodes[node].op == BPF_RET)
		return emit_ret(a, node);
	r = emit(a, BPF_JMP | BPF_JA, 0, 0, (uint32_t)distance(a, node, e));
	if (r == 0)
		a->at[node][e] = (uint32_t)a->n - 1;
	return r;
}

static int emit_test(struct assembler *a, unsigned node)
{
	const struct bpf_node *n = &a->b->nodes[node];
	enum entry te = entry_between(n, &a->b->nodes[n->then_node]);
	enum entry ee = entry_between(n, &a->b->nodes[n->else_node]);
	int r = 0;

	/* Bringing one nearer puts the other further away. */
	while (r == 0 &&
	       (distance(a, n->then_node, te) > REACH || distance(a, n->else_node, ee) > REACH)) {
		if (distance(a, n->then_node, te) > REACH)
			r = emit_nearer(a, n->then_node, te);
		else
			r = emit_nearer(a, n->else_node, ee);
	}
	if (r == 0)
		r = emit(a, BPF_JMP | n->op | BPF_K, (uint8_t)distance(a, n->then_node, te),
			 (uint8_t)distance(a, n->else_node, ee), n->k);
	if (r < 0)
		return r;
	a->at[node][ENTRY_TEST] = a->at[node][ENTRY_MASK] = (uint32_t)a->n - 1;
	if (n->mask != MASK_ALL && (a->used[node] & ~(1u << ENTRY_TEST))) {
		r = emit(a, BPF_ALU | BPF_AND | BPF_K, 0, 0, n->mask);
		a->at[node][ENTRY_MASK] = (uint32_t)a->n - 1;
	}
	if (r == 0 && (a->used[node] & (1u << ENTRY_LOAD))) {
		r = emit(a, BPF_LD | BPF_W | BPF_ABS, 0, 0, n->offset);
		a->at[node][ENTRY_LOAD] = (uint32_t)a->n - 1;
	}
	return r;
}

static void reverse(struct sock_filter *insns, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct sock_filter t = insns[i];

		insns[i] = insns[n - 1 - i];
		insns[n - 1 - i] = t;
	}
}

int bpf_assemble(const struct bpf *b, unsigned root, struct sock_filter **ret, size_t *ret_n)
{
	struct assembler a = {.b = b};
	int r = b->error;

	if (r < 0)
		return r;
	a.used = bpf_reach(b, root);
	a.at = calloc((size_t)root + 1, sizeof(*a.at));
	if (!a.used || !a.at)
		r = -ENOMEM;
	for (unsigned i = 0; r == 0 && i <= root; i++) {
		if (a.used[i])
			r = b->nodes[i].op == BPF_RET ? emit_ret(&a, i) : emit_test(&a, i);
	}
	free(a.used);
	free(a.at);
	if (r < 0) {
		free(a.out);
		return r;
	}
	reverse(a.out, a.n);
	*ret = a.out;
	*ret_n = a.n;
	return 0;
}
