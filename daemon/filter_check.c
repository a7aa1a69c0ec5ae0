/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter_check.c - refuses actions that only the kernel can do where only the daemon can tell
 * whether their rule is the one that decides
 *
 * A call that matches an earlier rule with a `limit` or a condition on the calling process is
 * notified, and when that rule turns out not to hold there is no way back into the filter. Unless
 * the two rules provably never match the same registers, the later one must not be kernel-only.
 * `mode: permissive` makes no difference: what passes on trial must pass in earnest.
 */
#include "daemon/filter.h"

#include <string.h>

/* ---- can two rules match the same registers? ------------------------------------- */

/* The values that a comparison lets by, as an interval where they are one. */
static bool cmp_interval(const struct cmp *c, uint64_t *ret_min, uint64_t *ret_max)
{
	*ret_min = 0;
	*ret_max = UINT64_MAX;
	switch (c->op) {
	case CMP_EQ:
		*ret_min = *ret_max = c->value;
		return true;
	case CMP_LE:
		*ret_max = c->value;
		return true;
	case CMP_GE:
		*ret_min = c->value;
		return true;
	case CMP_LT: /* where there is no lesser value this says too much, never too little */
		*ret_max = c->value > 0 ? c->value - 1 : 0;
		return true;
	case CMP_GT:
		*ret_min = c->value < UINT64_MAX ? c->value + 1 : UINT64_MAX;
		return true;
	default:
		return false;
	}
}

static bool cmp_lets_by(const struct cmp *c, uint64_t x, unsigned width)
{
	struct cmp copy = *c;
	const struct cond one = {.width = (uint8_t)width, .n_cmps = 1, .cmps = &copy};

	return cond_holds(&one, x);
}

static bool cmps_disjoint(const struct cmp *a, const struct cmp *b, unsigned width)
{
	uint64_t a_min, a_max, b_min, b_max;

	if (a->op == CMP_EQ)
		return !cmp_lets_by(b, a->value, width);
	if (b->op == CMP_EQ)
		return !cmp_lets_by(a, b->value, width);
	if (a->op == CMP_MASK_EQ && b->op == CMP_MASK_EQ)
		return ((a->value ^ b->value) & a->mask & b->mask) != 0;
	if ((a->op == CMP_MASK_EQ && b->op == CMP_MASK_NE) ||
	    (a->op == CMP_MASK_NE && b->op == CMP_MASK_EQ))
		return a->mask == b->mask && a->value == b->value;
	if (!cmp_interval(a, &a_min, &a_max) || !cmp_interval(b, &b_min, &b_max))
		return false;
	return a_max < b_min || b_max < a_min;
}

/* A condition is one of its comparisons, or all of them: N of terms with LEN comparisons. */
static bool conds_disjoint(const struct cond *a, const struct cond *b)
{
	unsigned a_terms = a->any ? a->n_cmps : 1, a_len = a->any ? 1 : a->n_cmps;
	unsigned b_terms = b->any ? b->n_cmps : 1, b_len = b->any ? 1 : b->n_cmps;

	if (a->arg != b->arg || a->width != b->width)
		return false;
	for (unsigned s = 0; s < a_terms; s++) {
		for (unsigned t = 0; t < b_terms; t++) {
			bool apart = false;

			for (unsigned i = 0; i < a_len * b_len && !apart; i++)
				apart = cmps_disjoint(&a->cmps[s + i / b_len],
						      &b->cmps[t + i % b_len], a->width);
			if (!apart)
				return false;
		}
	}
	return true;
}

static bool matches_disjoint(const struct match *a, const struct match *b)
{
	for (unsigned i = 0; i < a->n_conds; i++) {
		for (unsigned j = 0; j < b->n_conds; j++) {
			if (conds_disjoint(&a->conds[i], &b->conds[j]))
				return true;
		}
	}
	return false;
}

/* ---- the check --------------------------------------------------------------------- */

/* Why the daemon has to be asked, or NULL. */
static const char *uncertainty(const struct rule *r)
{
	if (r->op != OPERATION_NONE)
		return operation_names[r->op];
	if (r->when_dynamic)
		return "when";
	return r->limit.rate > 0 ? "limit" : NULL;
}

static void refuse_own(const struct rule *r, struct diag *d)
{
	const char *why = uncertainty(r);

	diag_add(d, r->file, r->line, r->column,
		 "rule '%s': only the kernel can do '%s', but only the daemon can tell whether its "
		 "'%s' holds",
		 r->name, action_names[r->action], why);
}

static void refuse_earlier(const struct rule *r, const struct rule *earlier, const char *call,
			   struct diag *d)
{
	diag_add(d, r->file, r->line, r->column,
		 "rule '%s': only the kernel can do '%s', but %s may match the earlier rule '%s' "
		 "(line %u) too, whose '%s' only the daemon can tell: put this rule first, or make "
		 "their arguments disjoint",
		 r->name, action_names[r->action], call, earlier->name, earlier->line,
		 uncertainty(earlier));
}

/* A rule without conditions, on registers or clients, hides all that come later. */
static bool hides_rest(const struct rule *r, const struct match *m)
{
	return m->n_conds == 0 && !uncertainty(r) && !r->when_static;
}

/* REFUSED: of each rule whether it was refused already; one reason is enough. */
static void check_match(const struct profile *p, enum arch a, const struct sysent *s, unsigned i,
			bool *refused, struct diag *d)
{
	const struct match *m = &s->matches[i];
	const struct rule *r = &p->rules[m->rule];

	for (unsigned j = 0; j < i; j++) {
		const struct rule *earlier = &p->rules[s->matches[j].rule];
		const char *name;

		if (hides_rest(earlier, &s->matches[j]))
			return;
		if (!uncertainty(earlier) || matches_disjoint(&s->matches[j], m))
			continue;
		name = syscall_name(arch_audit(a), s->nr);
		refuse_earlier(r, earlier, name ? name : "a call", d);
		refused[m->rule] = true;
		return;
	}
}

static void check_calls(const struct profile *p, enum arch a, bool *refused, struct diag *d)
{
	for (unsigned n = 0; n < p->arch[a].n_sysents; n++) {
		const struct sysent *s = &p->arch[a].sysents[n];

		for (unsigned i = 0; i < s->n_matches; i++) {
			unsigned rule = s->matches[i].rule;

			if (action_kernel_only(p->rules[rule].action) && !refused[rule])
				check_match(p, a, s, i, refused, d);
		}
	}
}

int filter_check(const struct profile *p, struct diag *d)
{
	_cleanup_free_ bool *refused = calloc(p->n_rules + 1, sizeof(*refused));
	bool bad = false;

	if (!refused) {
		diag_add(d, p->path, 0, 0, "%s", strerror(ENOMEM));
		return -EINVAL;
	}
	for (unsigned i = 0; i < p->n_rules; i++) {
		if (!action_kernel_only(p->rules[i].action) || !uncertainty(&p->rules[i]))
			continue;
		refuse_own(&p->rules[i], d);
		refused[i] = true;
	}
	for (unsigned a = 0; a < ARCH_MAX; a++) {
		if (p->arch[a].covered)
			check_calls(p, (enum arch)a, refused, d);
	}
	for (unsigned i = 0; i < p->n_rules; i++)
		bad = bad || refused[i];
	return bad ? -EINVAL : 0;
}
