/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf.h - classic BPF for seccomp as a graph of decisions. It is built from its
 * ends to its beginning: a node names nodes that are there already. Equal
 * nodes are one, so what calls and rules share is in the program once.
 */
#ifndef SECCOMPD_DAEMON_BPF_H
#define SECCOMPD_DAEMON_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>

struct bpf;

#define BPF_NODES_MAX (1u << 18) /* far more than fit into a program */

struct bpf *bpf_new(void);
struct bpf *bpf_free(struct bpf *b); /* always NULL; NULL is fine */
/* 0, or -ENOMEM or -E2BIG (BPF_NODES_MAX) since bpf_new(): nodes made after that are not real. */
int bpf_error(const struct bpf *b);
unsigned bpf_count(const struct bpf *b); /* nodes made */

/* The end of a program: SECCOMP_RET_* with its data. */
unsigned bpf_ret(struct bpf *b, uint32_t value);
/*
 * Compares (the 32-bit word at OFFSET of struct seccomp_data & MASK) with K and goes on at THEN
 * or ELSE. OP is BPF_JEQ, BPF_JGT, BPF_JGE (unsigned) or BPF_JSET (any bit of K set). What is
 * known beforehand makes no node.
 */
unsigned bpf_test(struct bpf *b, uint32_t offset, uint32_t mask, uint16_t op, uint32_t k,
		  unsigned then_node, unsigned else_node);

bool bpf_is_ret(const struct bpf *b, unsigned node);
/* About how many instructions NODE and all below it take; 0 where memory is short. */
size_t bpf_size(const struct bpf *b, unsigned node);

/* The program that begins at ROOT, of any length: the caller compares with BPF_MAXINSNS. 0, or
 * -errno. */
int bpf_assemble(const struct bpf *b, unsigned root, struct sock_filter **ret, size_t *ret_n);

#endif
