/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * generate.h - random profiles and calls, biased to where filters go wrong: boundary values,
 * overlapping rules, the upper halves of registers, neighbouring numbers.
 */
#ifndef SECCOMPD_TESTS_SIM_GENERATE_H
#define SECCOMPD_TESTS_SIM_GENERATE_H

#include <inttypes.h>
#include <linux/audit.h>

#include "daemon/decide.h"
#include "tests/sim/builder.h"

#define GENERATE_CALLS 16

struct generator {
	uint64_t state;
	bool safe;  /* only what a process survives: no kills, no traps, all architectures */
	bool huge;  /* long lists and many rules: programs beyond the kernel's limit */
	bool quiet; /* `log: none` in most rules, so that the kernel decides */
};

static const uint64_t generate_pool[] = {
	0,
	1,
	2,
	3,
	7,
	0x8000,
	0xffff,
	0x10000,
	0x10001,
	0x7fffffff,
	0x80000000,
	0xfffffffe,
	0xffffffff,
	0x100000000,
	0x100000001,
	0x1ffffffff,
	0x200000000,
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffffffff00000000,
	0xffffffff00000001,
	0xfffffffffffffffe,
	0xffffffffffffffff,
};

/* Steele, Lea, Flood: SplitMix64 */
static inline uint64_t generate_number(struct generator *g)
{
	uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0..n-1 */
static inline unsigned generate_below(struct generator *g, unsigned n)
{
	return (unsigned)(generate_number(g) >> 33) % n;
}

static inline bool generate_one_in(struct generator *g, unsigned n)
{
	return generate_below(g, n) == 0;
}

static inline uint64_t generate_value(struct generator *g)
{
	uint64_t x = generate_pool[generate_below(g, ARRAY_SIZE(generate_pool))];

	if (generate_one_in(g, 8))
		x = generate_number(g);
	return generate_one_in(g, 8) ? x + generate_below(g, 3) - 1 : x;
}

/* ---- rules ------------------------------------------------------------------- */

static inline uint64_t generate_width_bits(unsigned width)
{
	return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static inline struct cmp generate_cmp(struct generator *g, unsigned width, bool equal)
{
	static const enum cmp_op ops[] = {CMP_EQ, CMP_EQ, CMP_NE, CMP_LT,      CMP_LE,
					  CMP_GT, CMP_GE, CMP_GE, CMP_MASK_EQ, CMP_MASK_NE};
	struct cmp c = {
		.op = equal ? CMP_EQ : ops[generate_below(g, ARRAY_SIZE(ops))],
		.mask = generate_value(g) & generate_width_bits(width),
		.value = generate_value(g) & generate_width_bits(width),
	};

	/* Mostly a mask that its value fits. */
	if ((c.op == CMP_MASK_EQ || c.op == CMP_MASK_NE) && !generate_one_in(g, 8))
		c.value &= c.mask;
	if (c.op != CMP_MASK_EQ && c.op != CMP_MASK_NE)
		c.mask = 0;
	return c;
}

static inline void generate_cond(struct generator *g, struct profile *p, struct cond *c)
{
	static const uint8_t widths[] = {64, 64, 32, 32, 32, 16};
	bool equal = generate_one_in(g, 3);

	c->arg = (uint8_t)(generate_one_in(g, 4) ? generate_below(g, 6) : generate_below(g, 2));
	c->width = widths[generate_below(g, ARRAY_SIZE(widths))];
	c->any = generate_one_in(g, 2);
	c->n_cmps = 1 + generate_below(g, 3);
	if (c->any && generate_one_in(g, 3))
		c->n_cmps = 1 + generate_below(g, 12);
	if (c->any && g->huge)
		c->n_cmps = 1 + generate_below(g, 300);
	c->cmps = build_alloc(p, c->n_cmps, sizeof(*c->cmps));
	for (unsigned i = 0; i < c->n_cmps; i++)
		c->cmps[i] = generate_cmp(g, c->width, equal);
}

static inline void generate_when(struct generator *g, struct profile *p, struct rule *r)
{
	switch (generate_below(g, 6)) {
	case 0:
		build_glob(p, &r->when.unit, generate_one_in(g, 2) ? "a.service" : "b*");
		r->when_static = true;
		return;
	case 1:
		r->when.labels = build_alloc(p, 1, sizeof(*r->when.labels));
		r->when.n_labels = 1;
		r->when.labels[0].key = build_text(p, "k");
		build_glob(p, &r->when.labels[0].globs, generate_one_in(g, 2) ? "v" : "w");
		r->when_static = true;
		return;
	case 2:
		build_glob(p, &r->when.user, generate_one_in(g, 2) ? "1000" : "0");
		break;
	case 3:
		build_glob(p, &r->when.group, generate_one_in(g, 2) ? "1000" : "0");
		break;
	case 4:
		build_glob(p, &r->when.comm, generate_one_in(g, 2) ? "nginx" : "p*");
		break;
	default:
		build_glob(p, &r->when.exe, generate_one_in(g, 2) ? "/usr/bin/*" : "/opt/**");
		break;
	}
	r->when_dynamic = true;
}

static inline enum action generate_action(struct generator *g)
{
	static const enum action actions[] = {
		ACTION_ALLOW,  ACTION_ALLOW, ACTION_DENY,	 ACTION_DENY, ACTION_DENY,
		ACTION_RETURN, ACTION_LOG,   ACTION_KILL,	 ACTION_TRAP, ACTION_TRACE,
		ACTION_KILL,   ACTION_ALLOW, ACTION_KILL_THREAD,
	};

	/* The first seven are survived, and but for the seventh the daemon can do them. */
	if (g->huge && !generate_one_in(g, 100))
		return actions[generate_below(g, 6)];
	return actions[generate_below(g, g->safe ? 7 : ARRAY_SIZE(actions))];
}

struct generate_numbers {
	enum arch arch[GENERATE_CALLS];
	int nr[GENERATE_CALLS];
	unsigned n;
};

static inline void generate_rule(struct generator *g, struct profile *p,
				 const struct generate_numbers *calls, unsigned uncertain_one_in)
{
	unsigned index = build_rule(p, generate_action(g));
	struct rule *r = &p->rules[index];
	unsigned n_conds = generate_below(g, 4), n_calls = 1 + generate_below(g, 4);
	struct cond *conds;

	/* A rule without conditions would end the chain. */
	if (g->huge && n_conds == 0)
		n_conds = 1;
	conds = build_alloc(p, n_conds, sizeof(*conds));
	if (!action_kernel_only(r->action) && generate_one_in(g, 2))
		r->log = (enum log_mode)generate_below(g, LOG_MODE_MAX);
	if (!action_kernel_only(r->action) && (g->quiet || generate_one_in(g, 3)))
		r->log = LOG_MODE_NONE;
	if (generate_one_in(g, 6))
		r->mode = (enum record_mode)generate_below(g, MODE_MAX);
	if (generate_one_in(g, 4))
		r->err = 1 + (int)generate_below(g, 4095);
	if (r->action == ACTION_RETURN && generate_one_in(g, 2))
		r->value = (int64_t)generate_below(g, 100) - 50;
	if (generate_one_in(g, uncertain_one_in))
		generate_when(g, p, r);
	if (generate_one_in(g, uncertain_one_in))
		r->limit = (struct limit){.rate = 10, .burst = 1 + generate_below(g, 3)};
	for (unsigned i = 0; i < n_conds; i++)
		generate_cond(g, p, &conds[i]);
	for (unsigned i = 0; i < n_calls; i++) {
		unsigned c = generate_below(g, calls->n);

		build_match(p, index, calls->arch[c], calls->nr[c], conds, n_conds);
	}
}

static inline void generate_numbers(struct generator *g, unsigned archs,
				    struct generate_numbers *ret)
{
	/* Neighbours, so that ranges merge and split; getppid and its like where calls are made. */
	static const int wild[] = {0, 1, 2, 3, 4, 5, 7, 39, 102, 110, 231, 300, 450, 0x3fffffff};
	static const int safe[] = {39, 102, 104, 107, 108, 110, 111, 121, 124, 140};

	ret->n = 0;
	while (ret->n < GENERATE_CALLS) {
		enum arch a = (enum arch)generate_below(g, ARCH_MAX);
		int nr = g->safe ? safe[generate_below(g, ARRAY_SIZE(safe))]
				 : wild[generate_below(g, ARRAY_SIZE(wild))];

		if (!(archs & ARCH_BIT(a)))
			continue;
		ret->arch[ret->n] = a;
		ret->nr[ret->n++] = a == ARCH_X32 ? nr | SYSCALL_X32_BIT : nr;
	}
}

/* A profile that profile_unref() frees. It may be one that filter_check() refuses. */
static inline struct profile *generate_profile(struct generator *g)
{
	static const enum action defaults[] = {ACTION_ALLOW, ACTION_DENY, ACTION_KILL};
	unsigned archs = 1 + generate_below(g, (1u << ARCH_MAX) - 1);
	unsigned n_rules =
		generate_one_in(g, 4) ? 1 + generate_below(g, 60) : 1 + generate_below(g, 8);
	unsigned uncertain_one_in = generate_one_in(g, 2) ? 4 : 40;
	struct generate_numbers calls;
	struct profile *p;

	if (g->huge)
		n_rules = 40 + generate_below(g, 200);
	if (g->safe)
		archs = ARCH_BIT(ARCH_X86_64) | ARCH_BIT(ARCH_X32) | ARCH_BIT(ARCH_X86);
	p = build_profile(archs, n_rules);
	p->default_action = g->safe ? ACTION_ALLOW : defaults[generate_below(g, 3)];
	p->log = (enum log_mode)generate_below(g, LOG_MODE_MAX);
	if (g->quiet)
		p->log = LOG_MODE_NONE;
	p->mode = generate_one_in(g, 4) ? MODE_PERMISSIVE : MODE_ENFORCE;
	p->err = generate_one_in(g, 2) ? EPERM : 1 + (int)generate_below(g, 4095);
	generate_numbers(g, archs, &calls);
	for (unsigned i = 0; i < n_rules; i++)
		generate_rule(g, p, &calls, uncertain_one_in);
	return p;
}

/* A deny rule with a limit, then a trap: one condition each, on the same argument of call 0 of
 * x86-64, 16 bits wide, with values below 16. */
static inline struct profile *generate_pair(struct generator *g)
{
	struct profile *p = build_profile(ARCH_BIT(ARCH_X86_64), 2);

	for (unsigned i = 0; i < 2; i++) {
		unsigned rule = build_rule(p, i == 0 ? ACTION_DENY : ACTION_TRAP);
		struct cond *c = build_alloc(p, 1, sizeof(*c));

		if (i == 0)
			p->rules[rule].limit = (struct limit){.rate = 1, .burst = 1};
		*c = (struct cond){.width = 16, .any = generate_one_in(g, 2)};
		c->n_cmps = generate_below(g, 4);
		c->cmps = build_alloc(p, c->n_cmps, sizeof(*c->cmps));
		for (unsigned j = 0; j < c->n_cmps; j++) {
			c->cmps[j] = generate_cmp(g, 16, false);
			c->cmps[j].mask &= 15;
			c->cmps[j].value = generate_below(g, 16);
			if (c->cmps[j].op >= CMP_MASK_EQ && generate_one_in(g, 2))
				c->cmps[j].value &= c->cmps[j].mask;
		}
		build_match(p, rule, ARCH_X86_64, 0, c, 1);
	}
	return p;
}

/* ---- calls --------------------------------------------------------------------- */

/* A value that a condition of S on argument ARG is about, or any. */
static inline uint64_t generate_arg(struct generator *g, const struct sysent *s, unsigned arg)
{
	const struct match *m =
		s && s->n_matches > 0 ? &s->matches[generate_below(g, s->n_matches)] : NULL;
	uint64_t x = generate_value(g);

	for (unsigned i = 0; m && i < m->n_conds; i++) {
		const struct cond *c = &m->conds[i];
		const struct cmp *cmp = &c->cmps[generate_below(g, c->n_cmps)];

		if (c->arg != arg || generate_one_in(g, 6))
			continue;
		x = cmp->value;
		if (generate_one_in(g, 3))
			x += generate_below(g, 3) - 1;
		if (cmp->mask && generate_one_in(g, 2))
			x |= generate_value(g) & ~cmp->mask;
		if (generate_one_in(g, 4))
			x |= generate_value(g) << c->width % 64;
		break;
	}
	if (generate_one_in(g, 4))
		x = (x & UINT32_MAX) | (generate_value(g) << 32);
	return x;
}

static const struct sysent *generate_sysent(struct generator *g, const struct profile *p,
					    enum arch *ret)
{
	for (unsigned tries = 0; tries < 20; tries++) {
		enum arch a = (enum arch)generate_below(g, ARCH_MAX);
		const struct archent *e = &p->arch[a];

		*ret = a;
		if (e->n_sysents > 0)
			return &e->sysents[generate_below(g, e->n_sysents)];
	}
	return NULL;
}

/* Number and arguments of a call, most of them near what P's rules ask for. */
struct generated_call {
	uint32_t arch;
	int32_t nr;
	uint64_t args[6];
};
static inline void generate_call(struct generator *g, const struct profile *p,
				 struct generated_call *ret)
{
	static const uint32_t audits[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
					  AUDIT_ARCH_RISCV64, 0};
	static const uint32_t numbers[] = {0,	       1,	   0x3fffffff, 0x40000000,
					   0x40000001, 0x7fffffff, 0x80000000, 0xbfffffff,
					   0xc0000000, 0xfffffffe, 0xffffffff};
	enum arch a = ARCH_X86_64;
	const struct sysent *s = generate_sysent(g, p, &a);

	ret->arch = arch_audit(a);
	ret->nr = s ? s->nr : 0;
	if (generate_one_in(g, 16))
		ret->nr = (int32_t)((uint32_t)ret->nr + generate_below(g, 3) - 1);
	if (generate_one_in(g, 24))
		ret->nr = (int32_t)numbers[generate_below(g, ARRAY_SIZE(numbers))];
	if (generate_one_in(g, 24))
		ret->nr ^= SYSCALL_X32_BIT;
	if (generate_one_in(g, 24))
		ret->arch = audits[generate_below(g, ARRAY_SIZE(audits))];
	for (unsigned i = 0; i < 6; i++)
		ret->args[i] = generate_arg(g, s, i);
}

/* ---- for people ------------------------------------------------------------------ */

static inline void generate_print_cond(FILE *f, const struct cond *c)
{
	static const char *const ops[] = {"eq", "ne", "lt", "le", "gt", "ge", "mask", "mask-ne"};

	fprintf(f, " arg%u/%u %s(", c->arg, c->width, c->any ? "any" : "all");
	for (unsigned i = 0; i < c->n_cmps && i < 8; i++) {
		fprintf(f, " %s", ops[c->cmps[i].op]);
		if (c->cmps[i].op >= CMP_MASK_EQ)
			fprintf(f, " %#" PRIx64, c->cmps[i].mask);
		fprintf(f, " %#" PRIx64, c->cmps[i].value);
	}
	fprintf(f, "%s )", c->n_cmps > 8 ? " ..." : "");
}

static inline void generate_print(FILE *f, const struct profile *p)
{
	fprintf(f, "# default %s errno %d log %s mode %s archs %#x\n",
		action_names[p->default_action], p->err, log_mode_names[p->log],
		record_mode_names[p->mode], p->archs);
	for (unsigned i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];

		fprintf(f, "# rule %u: %s errno %d value %" PRId64 " log %s mode %s%s%s%s\n", i,
			action_names[r->action], r->err, r->value, log_mode_names[r->log],
			record_mode_names[r->mode], r->when_static ? " static" : "",
			r->when_dynamic ? " dynamic" : "", r->limit.rate > 0 ? " limit" : "");
	}
	for (unsigned a = 0; a < ARCH_MAX; a++) {
		for (unsigned n = 0; n < p->arch[a].n_sysents; n++) {
			const struct sysent *s = &p->arch[a].sysents[n];

			fprintf(f, "# %s %#x:\n", arch_names[a], (unsigned)s->nr);
			for (unsigned i = 0; i < s->n_matches; i++) {
				fprintf(f, "#   rule %u:", s->matches[i].rule);
				for (unsigned j = 0; j < s->matches[i].n_conds; j++)
					generate_print_cond(f, &s->matches[i].conds[j]);
				fprintf(f, "\n");
			}
		}
	}
}

#endif
