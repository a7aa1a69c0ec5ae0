/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * builder.h - profiles made by hand, without a file: for tests that need what no file can say,
 * or thousands of them. Out of memory ends the test.
 */
#ifndef SECCOMPD_TESTS_SIM_BUILDER_H
#define SECCOMPD_TESTS_SIM_BUILDER_H

#include <string.h>

#include "daemon/arena.h"
#include "daemon/profile.h"

#define BUILD_BYTES_MAX ((size_t)256 * 1024 * 1024)

static inline void *build_alloc(struct profile *p, size_t n, size_t size)
{
	void *m = arena_alloc(p->arena, n, size);

	if (!m)
		abort();
	return m;
}

static inline char *build_text(struct profile *p, const char *s)
{
	return strcpy(build_alloc(p, strlen(s) + 1, 1), s);
}

/* ARCHS: ARCH_BITs. Room for MAX_RULES rules. The caller has the one reference. */
static inline struct profile *build_profile(unsigned archs, unsigned max_rules)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->arena = arena_new(BUILD_BYTES_MAX);
	if (!p->arena)
		abort();
	p->refs = 1;
	p->name = build_text(p, "built");
	p->path = build_text(p, "built.yaml");
	p->description = build_text(p, "");
	p->files = build_alloc(p, 2, sizeof(*p->files));
	p->files[0] = p->path;
	p->err = EPERM;
	p->archs = archs;
	p->rules = build_alloc(p, max_rules, sizeof(*p->rules));
	for (unsigned a = 0; a < ARCH_MAX; a++)
		p->arch[a].covered = archs & ARCH_BIT(a);
	return p;
}

/* The profile's settings as they are now are the rule's. Its index. */
static inline unsigned build_rule(struct profile *p, enum action action)
{
	struct rule *r = &p->rules[p->n_rules];
	char name[32];

	(void)snprintf(name, sizeof(name), "rule %u", p->n_rules + 1);
	*r = (struct rule){
		.name = build_text(p, name),
		.file = p->path,
		.line = p->n_rules + 1,
		.column = 1,
		.action = action,
		.err = p->err,
		.log = action_kernel_only(action) ? LOG_MODE_NONE : p->log,
		.mode = p->mode,
	};
	return p->n_rules++;
}

static inline struct sysent *build_sysent(struct profile *p, enum arch a, int nr)
{
	struct archent *e = &p->arch[a];
	struct sysent *more;
	unsigned i;

	for (i = 0; i < e->n_sysents && (uint32_t)e->sysents[i].nr < (uint32_t)nr; i++)
		;
	if (i < e->n_sysents && e->sysents[i].nr == nr)
		return &e->sysents[i];
	more = build_alloc(p, e->n_sysents + 1, sizeof(*more));
	if (e->n_sysents > 0) {
		memcpy(more, e->sysents, i * sizeof(*more));
		memcpy(more + i + 1, e->sysents + i, (e->n_sysents - i) * sizeof(*more));
	}
	more[i] = (struct sysent){.nr = nr};
	e->sysents = more;
	e->n_sysents++;
	return &more[i];
}

/* Call NR (with the x32 bit where A is x32) for RULE, the newest rule. CONDS are the profile's. */
static inline void build_match(struct profile *p, unsigned rule, enum arch a, int nr,
			       struct cond *conds, unsigned n_conds)
{
	struct sysent *s = build_sysent(p, a, nr);
	struct match *more;

	if (s->n_matches > 0 && s->matches[s->n_matches - 1].rule == rule)
		return;
	more = build_alloc(p, s->n_matches + 1, sizeof(*more));
	if (s->n_matches > 0)
		memcpy(more, s->matches, s->n_matches * sizeof(*more));
	more[s->n_matches++] = (struct match){.rule = rule, .n_conds = n_conds, .conds = conds};
	s->matches = more;
}

static inline void build_glob(struct profile *p, struct strv *v, const char *glob)
{
	char **more = build_alloc(p, v->n + 1, sizeof(*more));

	if (v->n > 0)
		memcpy(more, v->v, v->n * sizeof(*more));
	more[v->n++] = build_text(p, glob);
	v->v = more;
}

#endif
