/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile.c - a profile as an immutable, counted snapshot */
#include "daemon/profile.h"

#include <assert.h>
#include <fnmatch.h>
#include <inttypes.h>

#include "daemon/arena.h"

const char *const action_names[] = {
	[ACTION_ALLOW] = "allow", [ACTION_DENY] = "deny",   [ACTION_RETURN] = "return",
	[ACTION_ASK] = "ask",	  [ACTION_KILL] = "kill",   [ACTION_KILL_THREAD] = "kill-thread",
	[ACTION_TRAP] = "trap",	  [ACTION_TRACE] = "trace", [ACTION_LOG] = "log",
};
static_assert(ARRAY_SIZE(action_names) == ACTION_MAX, "a name for each action");

const char *const log_mode_names[] = {
	[LOG_MODE_DENIED] = "denied",
	[LOG_MODE_EACH] = "each",
	[LOG_MODE_CHANGES] = "changes",
	[LOG_MODE_NONE] = "none",
};
static_assert(ARRAY_SIZE(log_mode_names) == LOG_MODE_MAX, "a name for each log mode");

bool action_kernel_only(enum action a)
{
	return a == ACTION_KILL_THREAD || a == ACTION_TRAP || a == ACTION_TRACE || a == ACTION_LOG;
}

bool strv_match(const struct strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (fnmatch(v->v[i], s, 0) == 0)
			return true;
	return false;
}

static int idlist_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void idlist_sort(struct idlist *ids)
{
	if (ids->n > 0)
		qsort(ids->v, ids->n, sizeof(*ids->v), idlist_compare);
}

bool idlist_match(const struct idlist *ids, const struct strv *list, uint32_t id)
{
	char decimal[16];

	if (ids->n > 0 && bsearch(&id, ids->v, ids->n, sizeof(*ids->v), idlist_compare))
		return true;
	if (!ids->globs)
		return false;
	(void)snprintf(decimal, sizeof(decimal), "%" PRIu32, id);
	return strv_match(list, decimal);
}

struct profile *profile_ref(struct profile *p)
{
	(void)__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

struct profile *profile_unref(struct profile *p)
{
	if (p && __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		(void)arena_free(p->arena);
		free(p);
	}
	return NULL;
}

const struct sysent *profile_sysent(const struct profile *p, enum arch a, int32_t nr)
{
	const struct archent *arch = &p->arch[a];
	size_t low = 0, high = arch->n_sysents;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint32_t at = (uint32_t)arch->sysents[middle].nr;

		if (at == (uint32_t)nr)
			return &arch->sysents[middle];
		if (at < (uint32_t)nr)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
