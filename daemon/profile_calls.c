/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile_calls.c - the names of a rule to numbers, and the tables of who matches what */
#include <string.h>

#include "daemon/profile_build.h"

#define GROUP_DEPTH_MAX 16

static void calls_add_cb(const char *name, void *data)
{
	struct build *b = data;
	struct call *calls;

	if (b->n_calls == b->size_calls) {
		b->size_calls = b->size_calls ? b->size_calls * 2 : 1024;
		calls = realloc(b->calls, b->size_calls * sizeof(*calls));
		if (!calls) {
			b->failed = true;
			b->size_calls = b->n_calls;
			return;
		}
		b->calls = calls;
	}
	b->calls[b->n_calls] = (struct call){.name = arena_strdup(b->scratch, name)};
	if (b->calls[b->n_calls].name)
		b->n_calls++;
}

static int calls_compare(const void *a, const void *b)
{
	return strcmp(((const struct call *)a)->name, ((const struct call *)b)->name);
}

int profile_calls_start(struct build *b)
{
	syscall_foreach(calls_add_cb, b);
	if (b->n_calls > 0)
		qsort(b->calls, b->n_calls, sizeof(*b->calls), calls_compare);
	b->chosen = calloc(b->n_calls + 1, sizeof(*b->chosen));
	return b->chosen && !b->failed && !arena_failed(b->scratch) ? 0 : -ENOMEM;
}

void profile_calls_done(struct build *b)
{
	free(b->calls);
	free(b->chosen);
	free(b->paths);
	for (int a = 0; a < ARCH_MAX; a++)
		free(b->drafts[a]);
}

static bool calls_multiplexed(const char *name)
{
	size_t n;
	const struct syscall_mux *muxes = syscall_muxes(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(muxes[i].name, name) == 0)
			return true;
	return false;
}

static struct call *calls_find(struct build *b, const char *name)
{
	struct call key = {.name = name};
	struct call *c;

	if (b->n_calls == 0)
		return NULL;
	c = bsearch(&key, b->calls, b->n_calls, sizeof(key), calls_compare);
	if (c && !c->resolved) {
		for (int a = 0; a < ARCH_MAX; a++)
			c->nr[a] = syscall_nr((enum arch)a, name);
		c->multiplexed = calls_multiplexed(name);
		c->resolved = true;
	}
	return c;
}

static bool calls_covered(const struct build *b, const struct call *c)
{
	for (int a = 0; a < ARCH_MAX; a++)
		if ((b->p->archs & ARCH_BIT(a)) && c->nr[a] >= 0)
			return true;
	return c->multiplexed && (b->p->archs & ARCH_BIT(ARCH_X86));
}

/* A call too new for our tables, or gone from the architectures at hand, is skipped: groups are
 * systemd's lists for all of them. True where a call was chosen. */
static bool calls_choose_group(struct build *b, const char *group, unsigned depth)
{
	const char *const *members = syscall_group(group);
	bool any = false;

	if (depth > GROUP_DEPTH_MAX)
		return false;
	for (; members && *members; members++) {
		struct call *c;

		if (**members == '@') {
			any |= calls_choose_group(b, *members, depth + 1);
			continue;
		}
		c = calls_find(b, *members);
		if (!c || !calls_covered(b, c))
			continue;
		b->chosen[c - b->calls] = true;
		any = true;
	}
	return any;
}

static void calls_archs(const struct build *b, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (int a = 0; a < ARCH_MAX; a++)
		if ((b->p->archs & ARCH_BIT(a)) && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
						 arch_names[a]);
}

static void calls_unknown(struct yaml_file *f, const yaml_node_t *n, const char *what,
			  enum syscall_suggest kind)
{
	const char *s = yaml_text(n);
	const char *near = syscall_suggest(kind, s);

	if (near)
		yaml_error(f, n, "unknown %s '%.60s'; did you mean '%s'?", what, s, near);
	else
		yaml_error(f, n, "unknown %s '%.60s', expected a name as %s", what, s,
			   kind == SUGGEST_GROUP ? "@system-service" : "openat");
}

static void calls_choose(struct build *b, struct yaml_file *f, const yaml_node_t *n)
{
	const char *s = yaml_scalar(f, n, "the name of a system call or @group");
	char archs[64];
	struct call *c;

	if (!s)
		return;
	calls_archs(b, archs, sizeof(archs));
	if (s[0] == '@') {
		if (!syscall_group(s))
			calls_unknown(f, n, "group", SUGGEST_GROUP);
		else if (!calls_choose_group(b, s, 0))
			yaml_error(f, n, "no system call of group '%.60s' exists on %s", s, archs);
		return;
	}
	c = calls_find(b, s);
	if (!c) {
		/* "module" for "@module" */
		char group[64];

		(void)snprintf(group, sizeof(group), "@%.60s", s);
		if (syscall_group(group))
			yaml_error(f, n, "unknown system call '%.60s'; did you mean '%s'?", s,
				   group);
		else
			calls_unknown(f, n, "system call", SUGGEST_SYSCALL);
		return;
	}
	if (!calls_covered(b, c))
		yaml_error(f, n,
			   "system call '%.60s' does not exist on %s, which 'architectures' "
			   "covers",
			   s, archs);
	b->chosen[c - b->calls] = true;
}

static void calls_draft(struct build *b, enum arch a, const struct draft *d)
{
	struct draft *drafts;

	if (b->total_drafts >= PROFILE_MATCHES_MAX) {
		if (!b->failed)
			diag_add(b->diag, b->p->path, 0, 0,
				 "too large: its rules name system calls more than %u times",
				 PROFILE_MATCHES_MAX);
		b->failed = true;
		return;
	}
	if (b->n_drafts[a] == b->size_drafts[a]) {
		size_t size = b->size_drafts[a] ? b->size_drafts[a] * 2 : 64;

		drafts = realloc(b->drafts[a], size * sizeof(*drafts));
		if (!drafts) {
			if (!b->failed)
				diag_add(b->diag, b->p->path, 0, 0, "out of memory");
			b->failed = true;
			return;
		}
		b->drafts[a] = drafts;
		b->size_drafts[a] = size;
	}
	b->drafts[a][b->n_drafts[a]++] = *d;
	b->total_drafts++;
}

static void calls_match(struct build *b, struct yaml_file *f, const struct call *c,
			struct args *args, unsigned rule)
{
	for (int a = 0; a < ARCH_MAX; a++) {
		struct draft d = {.rule = rule, .n_conds = args->n};

		if (!(b->p->archs & ARCH_BIT(a)) || c->nr[a] < 0 || b->failed)
			continue;
		d.nr = (uint32_t)c->nr[a];
		if (args->n > 0 &&
		    profile_args_resolve(b, f, args, (enum arch)a, c->name, &d.conds) < 0)
			continue;
		calls_draft(b, (enum arch)a, &d);
	}
}

/* The condition "one of the chosen calls that ENTRY carries" on its first argument, of which 16
 * bits say which (ipc(2) has a version above them). False where there is none. */
static bool calls_mux_cond(struct build *b, const char *entry, struct cond **ret)
{
	size_t n;
	const struct syscall_mux *muxes = syscall_muxes(&n);
	struct cond *cond = arena_alloc(b->p->arena, 1, sizeof(*cond));
	struct cmp *cmps = arena_alloc(b->p->arena, n, sizeof(*cmps));

	if (!cond || !cmps)
		return false;
	*cond = (struct cond){.width = 16, .any = true, .cmps = cmps};
	for (size_t i = 0; i < n; i++) {
		const struct call *c = calls_find(b, muxes[i].name);

		if (c && b->chosen[c - b->calls] && strcmp(muxes[i].entry, entry) == 0)
			cmps[cond->n_cmps++] = (struct cmp){.op = CMP_EQ, .value = muxes[i].number};
	}
	*ret = cond;
	return cond->n_cmps > 0;
}

static void calls_mux(struct build *b, struct yaml_file *f, const struct args *args, unsigned rule,
		      const char *entry)
{
	const struct call *c = calls_find(b, entry);
	struct draft d = {.rule = rule, .n_conds = 1};

	if (!(b->p->archs & ARCH_BIT(ARCH_X86)) || !c || c->nr[ARCH_X86] < 0 ||
	    b->chosen[c - b->calls] || !calls_mux_cond(b, entry, &d.conds))
		return;
	if (args->n > 0) {
		yaml_error(f, args->arg[0].key,
			   "on x86 %s(2) carries the call too and has its arguments in memory, so "
			   "they cannot be matched there; leave x86 out of 'architectures'",
			   entry);
		return;
	}
	d.nr = (uint32_t)c->nr[ARCH_X86];
	calls_draft(b, ARCH_X86, &d);
}

void profile_calls_add(struct build *b, struct yaml_file *f, const yaml_node_t *node,
		       struct args *args, unsigned rule)
{
	size_t n = yaml_items(f, node, "the name of a system call, an @group or a list of them");

	memset(b->chosen, 0, b->n_calls * sizeof(*b->chosen));
	for (size_t i = 0; i < n; i++)
		calls_choose(b, f, yaml_item(f, node, i));
	for (size_t i = 0; i < b->n_calls; i++)
		if (b->chosen[i])
			calls_match(b, f, &b->calls[i], args, rule);
	calls_mux(b, f, args, rule, "socketcall");
	calls_mux(b, f, args, rule, "ipc");
}

void profile_calls_add_op(struct build *b, enum operation op, unsigned rule)
{
	size_t n;
	const struct operation_call *calls = operation_calls(&n);
	struct args none = {0};

	for (size_t i = 0; i < n; i++) {
		const struct call *c = calls[i].op == op ? calls_find(b, calls[i].name) : NULL;

		if (c)
			calls_match(b, NULL, c, &none, rule);
	}
}

static int draft_compare(const void *x, const void *y)
{
	const struct draft *a = x, *b = y;

	if (a->nr != b->nr)
		return a->nr < b->nr ? -1 : 1;
	return a->rule < b->rule ? -1 : a->rule > b->rule;
}

/* Two names may have one number (umount2 and its alias): a rule stands once. */
static size_t drafts_unique(struct draft *d, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (kept == 0 || draft_compare(&d[kept - 1], &d[i]) != 0)
			d[kept++] = d[i];
	return kept;
}

/* What the call of number NR on A does. */
static const struct operation_call *calls_operation(enum arch a, int nr)
{
	size_t n;
	const struct operation_call *calls = operation_calls(&n);

	for (size_t i = 0; i < n; i++) {
		if (syscall_nr(a, calls[i].name) == nr)
			return &calls[i];
	}
	return NULL;
}

static void calls_table(enum arch a, struct arena *arena, struct draft *d, size_t n,
			struct archent *ret)
{
	struct match *matches = arena_alloc(arena, n, sizeof(*matches));
	struct sysent *entries;
	size_t n_entries = 0;

	for (size_t i = 0; i < n; i++)
		n_entries += i == 0 || d[i].nr != d[i - 1].nr;
	entries = arena_alloc(arena, n_entries, sizeof(*entries));
	if (!matches || !entries)
		return;
	ret->sysents = entries;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || d[i].nr != d[i - 1].nr) {
			entries[ret->n_sysents].nr = (int)d[i].nr;
			entries[ret->n_sysents].op = calls_operation(a, (int)d[i].nr);
			entries[ret->n_sysents++].matches = &matches[i];
		}
		matches[i] = (struct match){
			.rule = d[i].rule, .n_conds = d[i].n_conds, .conds = d[i].conds};
		entries[ret->n_sysents - 1].n_matches++;
	}
}

void profile_calls_finish(struct build *b)
{
	for (int a = 0; a < ARCH_MAX; a++) {
		size_t n = b->n_drafts[a];

		b->p->arch[a].covered = (b->p->archs & ARCH_BIT(a)) != 0;
		if (n == 0)
			continue;
		qsort(b->drafts[a], n, sizeof(*b->drafts[a]), draft_compare);
		n = drafts_unique(b->drafts[a], n);
		calls_table((enum arch)a, b->p->arena, b->drafts[a], n, &b->p->arch[a]);
	}
}
