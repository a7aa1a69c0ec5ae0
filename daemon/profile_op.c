/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* profile_op.c - the rules on operations, and what they are about */
#include <string.h>

#include "daemon/pathset.h"
#include "daemon/profile_build.h"

struct op_build {
	struct build *b;
	unsigned rule;
	bool have_path;
};

static bool op_add_path(struct build *b, const char *pattern, unsigned rule)
{
	if (b->n_paths == b->size_paths) {
		size_t size = b->size_paths ? b->size_paths * 2 : 64;
		struct path_draft *paths = realloc(b->paths, size * sizeof(*paths));

		if (!paths)
			return false;
		b->paths = paths;
		b->size_paths = size;
	}
	b->paths[b->n_paths++] = (struct path_draft){.pattern = pattern, .rule = rule};
	return true;
}

static void op_path(struct yaml_file *f, const yaml_node_t *n, struct op_build *ob)
{
	const char *s = yaml_scalar(f, n, "a path");
	const char *why;
	size_t offset;

	if (!s)
		return;
	if (pathset_check(s, PATHSET_FILES, &offset, &why) < 0) {
		yaml_error_in(f, n, offset, "%s, expected a path such as /etc/nginx/**", why);
		return;
	}
	if (!op_add_path(ob->b, arena_strdup(ob->b->scratch, s), ob->rule))
		ob->b->failed = true;
}

static void op_path_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
		       void *data)
{
	struct op_build *ob = data;
	size_t n = yaml_items(f, value, "a path or a list of them");

	(void)key;
	ob->have_path = true;
	for (size_t i = 0; i < n; i++)
		op_path(f, yaml_item(f, value, i), ob);
}

static void op_access_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct op_build *ob = data;
	size_t n = yaml_items(f, value, "read, write, create or a list of them");

	(void)key;
	for (size_t i = 0; i < n; i++) {
		int bit = yaml_enum(f, yaml_item(f, value, i), "an access", access_names,
				    ACCESS_NAMES_N);

		if (bit >= 0)
			ob->b->p->rules[ob->rule].access |= 1u << bit;
	}
}

static const struct yaml_key open_keys[] = {
	{"path", op_path_cb, false},
	{"access", op_access_cb, false},
};

static enum operation op_from_name(const char *name)
{
	for (int op = OPERATION_NONE + 1; op < OPERATION_MAX; op++) {
		if (strcmp(operation_names[op], name) == 0)
			return (enum operation)op;
	}
	return OPERATION_NONE;
}

void profile_op_parse(struct build *b, struct yaml_file *f, const yaml_node_t *key,
		      const yaml_node_t *node, unsigned rule)
{
	struct op_build ob = {.b = b, .rule = rule};
	struct rule *r = &b->p->rules[rule];

	r->op = op_from_name(yaml_text(key));
	if (!yaml_is_map(node)) {
		yaml_error(f, node, "'%s' is a mapping, as {} or {path: ...}", yaml_text(key));
		return;
	}
	if (r->op != OPERATION_OPEN) {
		if (profile_operations)
			yaml_error(f, key, "operation '%s' is not supported yet", yaml_text(key));
		return;
	}
	if (!yaml_walk(f, node, "open", open_keys, ARRAY_SIZE(open_keys), &ob))
		return;
	if (r->access == 0)
		r->access = ACCESS_READ | ACCESS_WRITE | ACCESS_CREATE;
	r->any_path = !ob.have_path;
	profile_calls_add_op(b, r->op, rule);
}

int profile_op_finish(struct build *b)
{
	struct pathset_item *items = arena_alloc(b->scratch, b->n_paths, sizeof(*items));
	int r;

	if (b->n_paths == 0)
		return 0;
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < b->n_paths; i++)
		items[i] = (struct pathset_item){.pattern = b->paths[i].pattern,
						 .id = b->paths[i].rule};
	r = pathset_new(b->p->arena, PATHSET_FILES, items, b->n_paths, &b->p->paths);
	if (r == -E2BIG)
		diag_add(b->diag, b->p->path, 0, 0,
			 "too large: its paths have more wildcards than fit");
	else if (r < 0)
		diag_add(b->diag, b->p->path, 0, 0, "%s", strerror(-r));
	return r;
}
