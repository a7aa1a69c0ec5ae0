/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter.c - a client's view of a profile -> a BPF program
 *
 * Theory of operation. The rules of a call are a chain, built from the last to the first, so that
 * each knows where a call goes that it does not match: the first that matches decides. A rule
 * that only the daemon can evaluate, and a verdict that is to be recorded, end in a notification.
 * The chains of one architecture hang on a binary search over ranges of numbers, in which
 * neighbours with the same chain are one range. libseccomp cannot express this: it neither keeps
 * the order of rules nor masks 32-bit arguments (tests/live/libseccomp_order.c).
 *
 * Where the program becomes longer than the kernel takes, the calls with the longest chains are
 * notified whatever their arguments: slower, never weaker. A call with an action that only the
 * kernel can do cannot be treated so.
 */
#include "daemon/filter.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>

#include "daemon/bpf.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* 6.3 */
#endif

#define OFFSET_NR   ((uint32_t)offsetof(struct seccomp_data, nr))
#define OFFSET_ARCH ((uint32_t)offsetof(struct seccomp_data, arch))
#define WORD_ALL    UINT32_MAX
#define ERRNO_MAX   4095 /* the kernel's; SECCOMP_RET_ERRNO clamps to it */

struct call {
	enum arch arch;
	const struct sysent *sys;
	unsigned node;
	size_t weight; /* instructions, once for all calls with the same node */
	bool fixed;    /* has an action that only the kernel can do */
	bool wide;     /* notified whatever its arguments */
};

struct build {
	const struct view *view;
	struct bpf *bpf;
	struct call *calls; /* by architecture and number */
	size_t n_calls;
	unsigned ret_default, ret_uncovered, ret_notify;
};

/* A range begins at a number and ends where the next one begins. */
struct range {
	uint32_t start;
	unsigned node;
};
struct ranges {
	struct range *r;
	size_t n;
};

/* ---- verdicts --------------------------------------------------------------- */

/* What the kernel returns for a verdict that it may give by itself. */
static uint32_t ret_of_verdict(const struct verdict *v)
{
	if (v->record)
		return SECCOMP_RET_USER_NOTIF;
	if (v->kind == VERDICT_ALLOW || v->mode == MODE_PERMISSIVE)
		return SECCOMP_RET_ALLOW;
	if (v->kind == VERDICT_KILL)
		return SECCOMP_RET_KILL_PROCESS;
	if (v->kind == VERDICT_DENY && v->err > 0 && v->err <= ERRNO_MAX)
		return SECCOMP_RET_ERRNO | (uint32_t)v->err;
	if (v->kind == VERDICT_RETURN && v->value == 0)
		return SECCOMP_RET_ERRNO; /* error 0: the call is not made and returns 0 */
	return SECCOMP_RET_USER_NOTIF;
}

/* RULE: -1 for the default. */
static uint32_t ret_of_rule(const struct view *v, int rule)
{
	const struct profile *p = v->profile;
	const struct rule *r = rule >= 0 ? &p->rules[rule] : NULL;
	struct verdict verdict;

	if (r && view_uncertain(v, (unsigned)rule))
		return SECCOMP_RET_USER_NOTIF;
	if (r && r->action == ACTION_LOG)
		return SECCOMP_RET_LOG;
	if (r && r->mode != MODE_PERMISSIVE) {
		switch (r->action) {
		case ACTION_KILL_THREAD:
			return SECCOMP_RET_KILL_THREAD;
		case ACTION_TRAP:
			return SECCOMP_RET_TRAP;
		case ACTION_TRACE:
			return SECCOMP_RET_TRACE;
		case ACTION_ASK:
			return SECCOMP_RET_USER_NOTIF;
		default:
			break;
		}
	}
	decide_rule(p, rule, &verdict);
	return ret_of_verdict(&verdict);
}

static uint32_t ret_of_uncovered(const struct view *v)
{
	if (!v->permissive)
		return SECCOMP_RET_KILL_PROCESS;
	return v->profile->log == LOG_MODE_NONE ? SECCOMP_RET_ALLOW : SECCOMP_RET_USER_NOTIF;
}

static bool ret_is_kernel_only(uint32_t ret)
{
	return ret == SECCOMP_RET_KILL_THREAD || ret == SECCOMP_RET_TRAP ||
	       ret == SECCOMP_RET_TRACE || ret == SECCOMP_RET_LOG;
}

/* ---- conditions ---------------------------------------------------------------- */

static uint32_t offset_low(unsigned arg)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t) +
			  (__BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4));
}

static uint32_t offset_high(unsigned arg)
{
	return offset_low(arg) ^ 4;
}

/* The bits of the lower word that count. */
static uint32_t low_mask(const struct cond *c)
{
	return c->width >= 32 ? WORD_ALL : (1u << c->width) - 1;
}

/* (argument & mask) == value */
static unsigned node_equal(struct bpf *b, const struct cond *c, uint64_t mask, uint64_t value,
			   unsigned yes, unsigned no)
{
	unsigned node;

	node = bpf_test(b, offset_low(c->arg), low_mask(c) & (uint32_t)mask, BPF_JEQ,
			(uint32_t)value, yes, no);
	if (c->width < 64)
		return value >> 32 ? no : node;
	return bpf_test(b, offset_high(c->arg), (uint32_t)(mask >> 32), BPF_JEQ,
			(uint32_t)(value >> 32), node, no);
}

/* argument OP value; OP is BPF_JGT or BPF_JGE */
static unsigned node_greater(struct bpf *b, const struct cond *c, uint16_t op, uint64_t value,
			     unsigned yes, unsigned no)
{
	uint32_t high = (uint32_t)(value >> 32);
	unsigned node;

	node = bpf_test(b, offset_low(c->arg), low_mask(c), op, (uint32_t)value, yes, no);
	if (c->width < 64)
		return high ? no : node;
	node = bpf_test(b, offset_high(c->arg), WORD_ALL, BPF_JEQ, high, node, no);
	return bpf_test(b, offset_high(c->arg), WORD_ALL, BPF_JGT, high, yes, node);
}

static unsigned node_cmp(struct bpf *b, const struct cond *c, const struct cmp *cmp, unsigned yes,
			 unsigned no)
{
	switch (cmp->op) {
	case CMP_EQ:
		return node_equal(b, c, UINT64_MAX, cmp->value, yes, no);
	case CMP_NE:
		return node_equal(b, c, UINT64_MAX, cmp->value, no, yes);
	case CMP_MASK_EQ:
		return node_equal(b, c, cmp->mask, cmp->value, yes, no);
	case CMP_MASK_NE:
		return node_equal(b, c, cmp->mask, cmp->value, no, yes);
	case CMP_GT:
		return node_greater(b, c, BPF_JGT, cmp->value, yes, no);
	case CMP_GE:
		return node_greater(b, c, BPF_JGE, cmp->value, yes, no);
	case CMP_LT:
		return node_greater(b, c, BPF_JGE, cmp->value, no, yes);
	case CMP_LE:
		return node_greater(b, c, BPF_JGT, cmp->value, no, yes);
	}
	return no;
}

/* Of a list of 64-bit values, those from *I downwards that share the upper word: one test of it
 * for all. *I is left at the last one taken. */
static unsigned node_same_high(struct bpf *b, const struct cond *c, unsigned *i, unsigned yes,
			       unsigned no)
{
	uint32_t high = (uint32_t)(c->cmps[*i].value >> 32);
	unsigned node = no;

	for (;; (*i)--) {
		node = bpf_test(b, offset_low(c->arg), WORD_ALL, BPF_JEQ,
				(uint32_t)c->cmps[*i].value, yes, node);
		if (*i == 0 || c->cmps[*i - 1].op != CMP_EQ || c->cmps[*i - 1].value >> 32 != high)
			break;
	}
	return bpf_test(b, offset_high(c->arg), WORD_ALL, BPF_JEQ, high, node, no);
}

static unsigned node_cond(struct bpf *b, const struct cond *c, unsigned yes, unsigned no)
{
	unsigned node = c->any ? no : yes;

	for (unsigned i = c->n_cmps; i-- > 0;) {
		if (c->any && c->width == 64 && c->cmps[i].op == CMP_EQ)
			node = node_same_high(b, c, &i, yes, node);
		else if (c->any)
			node = node_cmp(b, c, &c->cmps[i], yes, node);
		else
			node = node_cmp(b, c, &c->cmps[i], node, no);
	}
	return node;
}

/* ---- calls ------------------------------------------------------------------------ */

/* How many of the matches can be reached: those up to the first without conditions. */
static unsigned chain_length(const struct view *v, const struct sysent *s)
{
	for (unsigned i = 0; i < s->n_matches; i++) {
		if (!v->dead[s->matches[i].rule] && s->matches[i].n_conds == 0)
			return i + 1;
	}
	return s->n_matches;
}

static bool call_is_fixed(const struct view *v, const struct sysent *s)
{
	unsigned n = chain_length(v, s);

	for (unsigned i = 0; i < n; i++) {
		unsigned rule = s->matches[i].rule;

		if (!v->dead[rule] && ret_is_kernel_only(ret_of_rule(v, (int)rule)))
			return true;
	}
	return false;
}

static unsigned node_chain(const struct build *x, const struct sysent *s)
{
	unsigned node = x->ret_default;

	for (unsigned i = chain_length(x->view, s); i-- > 0;) {
		const struct match *m = &s->matches[i];
		unsigned no = node;

		if (x->view->dead[m->rule])
			continue;
		node = bpf_ret(x->bpf, ret_of_rule(x->view, (int)m->rule));
		for (unsigned j = m->n_conds; j-- > 0;)
			node = node_cond(x->bpf, &m->conds[j], node, no);
	}
	return node;
}

static int collect_calls(struct build *x)
{
	const struct profile *p = x->view->profile;
	size_t n = 0;

	for (unsigned a = 0; a < ARCH_MAX; a++)
		n += p->arch[a].covered ? p->arch[a].n_sysents : 0;
	x->calls = calloc(n + 1, sizeof(*x->calls));
	if (!x->calls)
		return -ENOMEM;
	for (unsigned a = 0; a < ARCH_MAX; a++) {
		for (unsigned i = 0; p->arch[a].covered && i < p->arch[a].n_sysents; i++) {
			const struct sysent *s = &p->arch[a].sysents[i];

			x->calls[x->n_calls++] = (struct call){
				.arch = (enum arch)a,
				.sys = s,
				.fixed = call_is_fixed(x->view, s),
			};
		}
	}
	return 0;
}

static void build_chains(struct build *x)
{
	x->ret_default = bpf_ret(x->bpf, ret_of_rule(x->view, -1));
	x->ret_uncovered = bpf_ret(x->bpf, ret_of_uncovered(x->view));
	x->ret_notify = bpf_ret(x->bpf, SECCOMP_RET_USER_NOTIF);
	for (size_t i = 0; i < x->n_calls; i++) {
		struct call *c = &x->calls[i];

		/* Half of what there can be is far too much already: save the other half for
		 * those that cannot be widened. */
		if (!c->fixed && bpf_count(x->bpf) > BPF_NODES_MAX / 2)
			c->wide = true;
		c->node = c->wide ? x->ret_notify : node_chain(x, c->sys);
	}
}

/* ---- numbers ---------------------------------------------------------------------- */

static void ranges_push(struct ranges *rs, uint32_t start, unsigned node)
{
	if (rs->n > 0 && rs->r[rs->n - 1].start == start)
		rs->n--;
	if (rs->n > 0 && rs->r[rs->n - 1].node == node)
		return;
	rs->r[rs->n++] = (struct range){.start = start, .node = node};
}

/* The numbers FIRST to LAST are A's. */
static void ranges_span(const struct build *x, struct ranges *rs, enum arch a, uint32_t first,
			uint32_t last)
{
	unsigned rest = x->view->profile->arch[a].covered ? x->ret_default : x->ret_uncovered;

	ranges_push(rs, first, rest);
	for (size_t i = 0; i < x->n_calls; i++) {
		uint32_t nr = (uint32_t)x->calls[i].sys->nr;

		if (x->calls[i].arch != a || nr < first || nr > last)
			continue;
		ranges_push(rs, nr, x->calls[i].node);
		if (nr < last)
			ranges_push(rs, nr + 1, rest);
	}
}

static unsigned node_search(struct bpf *b, const struct range *r, size_t n)
{
	size_t half = n / 2;
	unsigned low, high;

	if (n == 1)
		return r[0].node;
	if (n == 3 && r[0].node == r[2].node && r[2].start == r[1].start + 1)
		return bpf_test(b, OFFSET_NR, WORD_ALL, BPF_JEQ, r[1].start, r[1].node, r[0].node);
	low = node_search(b, r, half);
	high = node_search(b, r + half, n - half);
	return bpf_test(b, OFFSET_NR, WORD_ALL, BPF_JGE, r[half].start, high, low);
}

/* The calls of all architectures that the kernel reports as AUDIT. */
static int node_audit(const struct build *x, uint32_t audit, unsigned *ret)
{
	const struct profile *p = x->view->profile;
	struct ranges rs = {.r = calloc(2 * x->n_calls + 8, sizeof(*rs.r))};

	if (!rs.r)
		return -ENOMEM;
	if (audit == AUDIT_ARCH_X86_64) {
		bool any = p->arch[ARCH_X86_64].covered || p->arch[ARCH_X32].covered;

		ranges_span(x, &rs, ARCH_X86_64, 0, 0x3fffffff);
		ranges_span(x, &rs, ARCH_X32, 0x40000000, 0x7fffffff);
		ranges_span(x, &rs, ARCH_X86_64, 0x80000000, 0xbfffffff);
		ranges_span(x, &rs, ARCH_X32, 0xc0000000, 0xfffffffe);
		/* A tracer sets it to skip a call: none of x32's. */
		ranges_push(&rs, UINT32_MAX, any ? x->ret_default : x->ret_uncovered);
	} else if (audit == AUDIT_ARCH_I386) {
		ranges_span(x, &rs, ARCH_X86, 0, UINT32_MAX);
	} else {
		ranges_span(x, &rs, ARCH_ARM64, 0, UINT32_MAX);
	}
	*ret = node_search(x->bpf, rs.r, rs.n);
	free(rs.r);
	return 0;
}

static int build_root(const struct build *x, unsigned *ret)
{
	/* The last one is the first in the program. */
	static const uint32_t audits[] = {
#ifdef __aarch64__
		AUDIT_ARCH_I386,
		AUDIT_ARCH_X86_64,
		AUDIT_ARCH_AARCH64,
#else
		AUDIT_ARCH_AARCH64,
		AUDIT_ARCH_I386,
		AUDIT_ARCH_X86_64,
#endif
	};
	unsigned root = x->ret_uncovered;

	for (size_t i = 0; i < ARRAY_SIZE(audits); i++) {
		unsigned node;
		int r = node_audit(x, audits[i], &node);

		if (r < 0)
			return r;
		root = bpf_test(x->bpf, OFFSET_ARCH, WORD_ALL, BPF_JEQ, audits[i], node, root);
	}
	*ret = root;
	return 0;
}

/* ---- widening -------------------------------------------------------------------- */

/* Gives each call's chain its weight: the first call with a chain has it, the others 0. */
static int weigh_calls(struct build *x)
{
	_cleanup_free_ bool *seen = calloc((size_t)bpf_count(x->bpf) + 1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	for (size_t i = 0; i < x->n_calls; i++) {
		struct call *c = &x->calls[i];

		c->weight = 0;
		if (seen[c->node] || bpf_is_ret(x->bpf, c->node))
			continue;
		seen[c->node] = true;
		c->weight = bpf_size(x->bpf, c->node);
		if (c->weight == 0)
			return -ENOMEM;
	}
	return 0;
}

/* The longest chain that a call which can (or, with FIXED, cannot) be widened has, or NULL. */
static struct call *heaviest_call(struct build *x, bool fixed)
{
	struct call *best = NULL;

	for (size_t i = 0; i < x->n_calls; i++) {
		struct call *c = &x->calls[i];

		if (c->fixed != fixed || c->wide || c->weight == 0)
			continue;
		if (!best || c->weight > best->weight)
			best = c;
	}
	return best;
}

/* Widens calls until EXCESS instructions may have gone, at least one. -E2BIG: nothing is left. */
static int widen_calls(struct build *x, size_t excess)
{
	size_t gone = 0;
	int r = weigh_calls(x);

	if (r < 0)
		return r;
	do {
		const struct call *c = heaviest_call(x, false);

		if (!c)
			return gone > 0 ? 0 : -E2BIG;
		gone += c->weight;
		for (size_t i = 0, node = c->node; i < x->n_calls; i++) {
			if (x->calls[i].node == node && !x->calls[i].fixed)
				x->calls[i].wide = true;
		}
	} while (gone < excess);
	return 0;
}

static void name_rules(const struct build *x, const struct call *c, char *err, size_t size)
{
	unsigned n = chain_length(x->view, c->sys), named = 0;
	size_t len;

	for (unsigned i = 0; i < n; i++) {
		const struct rule *r = &x->view->profile->rules[c->sys->matches[i].rule];

		len = strlen(err);
		if (x->view->dead[c->sys->matches[i].rule] || len + 1 >= size)
			continue;
		if (named++ == 8) {
			(void)snprintf(err + len, size - len, ", ...");
			break;
		}
		(void)snprintf(err + len, size - len, "%s'%s' (%s:%u)", named > 1 ? ", " : "",
			       r->name, r->file ? r->file : "?", r->line);
	}
}

static void describe_too_long(struct build *x, size_t n, char *err, size_t size)
{
	struct call *c = heaviest_call(x, true);

	if (size == 0)
		return;
	(void)snprintf(err, size, "the filter takes %zu instructions, the kernel at most %d", n,
		       BPF_MAXINSNS);
	if (c) {
		size_t len = strlen(err);
		const char *name = syscall_name(arch_audit(c->arch), c->sys->nr);

		(void)snprintf(err + len, size - len,
			       "; most are for %s, which cannot be left to the daemon, rules ",
			       name ? name : "a call");
		name_rules(x, c, err, size);
	}
}

/* ---- the whole ---------------------------------------------------------------------- */

static int build_once(struct build *x, struct filter *ret)
{
	unsigned root;
	int r;

	x->bpf = bpf_free(x->bpf);
	x->bpf = bpf_new();
	if (!x->bpf)
		return -ENOMEM;
	build_chains(x);
	r = build_root(x, &root);
	if (r == 0)
		r = bpf_assemble(x->bpf, root, &ret->insns, &ret->n);
	return r;
}

static int build_until_short(struct build *x, struct filter *ret, char *err, size_t err_size)
{
	for (;;) {
		size_t n;
		int r = build_once(x, ret);

		if (r < 0) {
			if (r == -E2BIG)
				describe_too_long(x, BPF_NODES_MAX, err, err_size);
			return r;
		}
		n = ret->n;
		if (n <= BPF_MAXINSNS)
			return 0;
		filter_done(ret);
		r = widen_calls(x, n - BPF_MAXINSNS);
		if (r < 0) {
			if (r == -E2BIG)
				describe_too_long(x, n, err, err_size);
			return r;
		}
	}
}

int filter_compile(const struct view *v, struct filter *ret, char *err, size_t err_size)
{
	struct build x = {.view = v};
	struct filter f = {0};
	int r;

	if (err_size > 0)
		err[0] = '\0';
	r = collect_calls(&x);
	if (r == 0)
		r = build_until_short(&x, &f, err, err_size);
	bpf_free(x.bpf);
	free(x.calls);
	if (r < 0)
		return r;
	for (size_t i = 0; i < f.n; i++) {
		if (f.insns[i].code == (BPF_RET | BPF_K) && f.insns[i].k == SECCOMP_RET_USER_NOTIF)
			f.notifies = true;
	}
	*ret = f;
	return 0;
}

void filter_done(struct filter *f)
{
	free(f->insns);
	*f = (struct filter){0};
}

/* ---- memfd ---------------------------------------------------------------------------- */

static int write_all(int fd, const void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		/* Not write(2): whoever gets the descriptor begins at its beginning. */
		ssize_t n = pwrite(fd, (const char *)data + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int filter_memfd(const struct filter *f)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	_cleanup_close_ int fd = -1;
	int r;

	/* A kernel may be set to refuse one that could be executed; before 6.3 there is no flag. */
	fd = memfd_create("seccompd-filter", flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("seccompd-filter", flags);
	if (fd < 0)
		return -errno;
	r = write_all(fd, f->insns, f->n * sizeof(*f->insns));
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return TAKE_FD(fd);
}
