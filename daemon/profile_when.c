/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile_when.c - which processes a rule is for, and how often */
#include <string.h>

#include "daemon/globs.h"
#include "daemon/profile_build.h"

struct when_build {
	struct arena *arena;
	struct rule *rule;
};

#define WHEN_GLOBS(key, kind, flag)                                            \
	static void when_##key##_cb(struct yaml_file *f, const yaml_node_t *k, \
				    const yaml_node_t *v, void *data)          \
	{                                                                      \
		struct when_build *w = data;                                   \
                                                                               \
		(void)k;                                                       \
		globs_parse(f, v, kind, w->arena, &w->rule->when.key);         \
		w->rule->flag = true;                                          \
	}

WHEN_GLOBS(unit, GLOBS_UNIT, when_static)
WHEN_GLOBS(slice, GLOBS_SLICE, when_static)
WHEN_GLOBS(exe, GLOBS_EXE, when_dynamic)
WHEN_GLOBS(comm, GLOBS_COMM, when_dynamic)

static void when_user_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct when_build *w = data;

	(void)key;
	globs_parse_ids(f, value, GLOBS_USER, w->arena, &w->rule->when.user, &w->rule->when.uids);
	w->rule->when_dynamic = true;
}

static void when_group_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  void *data)
{
	struct when_build *w = data;

	(void)key;
	globs_parse_ids(f, value, GLOBS_GROUP, w->arena, &w->rule->when.group, &w->rule->when.gids);
	w->rule->when_dynamic = true;
}

static void when_label_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  void *data)
{
	struct when_build *w = data;

	(void)key;
	globs_parse_labels(f, value, w->arena, &w->rule->when.labels, &w->rule->when.n_labels);
	w->rule->when_static = true;
}

static const struct yaml_key when_keys[] = {
	{"unit", when_unit_cb, false},	 {"slice", when_slice_cb, false},
	{"user", when_user_cb, false},	 {"group", when_group_cb, false},
	{"exe", when_exe_cb, false},	 {"comm", when_comm_cb, false},
	{"label", when_label_cb, false},
};

void profile_when_parse(struct build *b, struct yaml_file *f, const yaml_node_t *node,
			struct rule *r)
{
	struct when_build w = {.arena = b->p->arena, .rule = r};
	unsigned errors = f->errors;

	if (yaml_walk(f, node, "'when'", when_keys, ARRAY_SIZE(when_keys), &w) && !r->when_static &&
	    !r->when_dynamic && f->errors == errors)
		yaml_error(f, node, "'when' is empty, expected at least one condition");
}

struct limit_build {
	struct rule *rule;
	double count;
	bool have_burst;
};

#define LIMIT_MAX 1000000000u

static void limit_rate_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  void *data)
{
	struct limit_build *l = data;
	const char *s = yaml_scalar(f, value, "a rate, as 100/s");
	size_t digits = s ? strspn(s, "0123456789") : 0;
	const char *unit = s ? s + digits : "";
	double seconds;
	uint64_t count = 0;

	(void)key;
	if (!s)
		return;
	seconds = strcmp(unit, "/s") == 0   ? 1
		  : strcmp(unit, "/m") == 0 ? 60
		  : strcmp(unit, "/h") == 0 ? 3600
					    : 0;
	if (seconds == 0 || yaml_digits(s, digits, 10, &count) < 0 || count < 1 ||
	    count > LIMIT_MAX) {
		yaml_error(f, value,
			   "'%.60s' is not a rate, expected a number of at least 1 and /s, "
			   "/m or /h, as in 100/s",
			   s);
		return;
	}
	l->count = (double)count;
	l->rule->limit.rate = (double)count / seconds;
}

static void limit_burst_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			   void *data)
{
	struct limit_build *l = data;
	uint64_t burst;

	(void)key;
	l->have_burst = true;
	if (yaml_unsigned(f, value, "a burst", 1, LIMIT_MAX, &burst))
		l->rule->limit.burst = (uint32_t)burst;
}

static const struct yaml_key limit_keys[] = {
	{"rate", limit_rate_cb, true},
	{"burst", limit_burst_cb, false},
};

void profile_limit_parse(struct yaml_file *f, const yaml_node_t *node, struct rule *r)
{
	struct limit_build l = {.rule = r};

	if (yaml_walk(f, node, "'limit'", limit_keys, ARRAY_SIZE(limit_keys), &l) && !l.have_burst)
		r->limit.burst = (uint32_t)l.count;
}
