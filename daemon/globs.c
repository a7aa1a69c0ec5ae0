/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* globs.c - the lists of globs by which files select clients and processes */
#include "daemon/globs.h"

#include <string.h>

#include "daemon/userdb.h"

#define GLOB_MAX  1024 /* bytes of one */
#define GLOBS_MAX 256  /* of one list */

static const char *const globs_what[] = {
	[GLOBS_UNIT] = "a unit or a list of units",
	[GLOBS_SLICE] = "a slice or a list of slices",
	[GLOBS_USER] = "a user or a list of users",
	[GLOBS_GROUP] = "a group or a list of groups",
	[GLOBS_EXE] = "a program's path or a list of paths",
	[GLOBS_COMM] = "a command name or a list of command names",
	[GLOBS_LABEL] = "a label's value or a list of values",
	[GLOBS_PROFILE] = "a profile's name or a list of names",
};

static bool globs_has_magic(const char *s)
{
	return strpbrk(s, "*?[\\") != NULL;
}

static bool globs_ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && strcmp(s + n - m, suffix) == 0;
}

static bool globs_check_unit(struct yaml_file *f, const yaml_node_t *n, const char *s)
{
	static const char *const suffixes[] = {".service", ".scope", ".socket",
					       ".mount",   ".swap",  ".slice"};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (globs_ends_with(s, suffixes[i]))
			return true;
	yaml_error(f, n, "unit '%.60s' has no suffix of a unit; did you mean '%.60s.service'?", s,
		   s);
	return false;
}

static bool globs_check_slice(struct yaml_file *f, const yaml_node_t *n, const char *s)
{
	if (globs_ends_with(s, ".slice"))
		return true;
	yaml_error(f, n, "slice '%.60s' has no suffix; did you mean '%.60s.slice'?", s, s);
	return false;
}

static bool globs_check_comm(struct yaml_file *f, const yaml_node_t *n, const char *s)
{
	if (strlen(s) <= 15)
		return true;
	yaml_error(f, n,
		   "comm '%.60s' never matches: the kernel keeps 15 bytes; did you mean '%.15s'?",
		   s, s);
	return false;
}

static bool globs_check_exe(struct yaml_file *f, const yaml_node_t *n, const char *s)
{
	const char *deep = strstr(s, "**");

	if (s[0] != '/') {
		yaml_error(f, n, "exe '%.60s' never matches, expected an absolute path", s);
		return false;
	}
	if (deep && (deep[2] != '\0' || deep[-1] != '/')) {
		yaml_error(f, n,
			   "exe '%.60s' has '**' within, expected it at the end only, as in "
			   "/opt/app/**",
			   s);
		return false;
	}
	return true;
}

static const char *globs_id_what(enum globs_kind kind)
{
	return kind == GLOBS_USER ? "user" : "group";
}

/* The number of a user or group as text, or NULL with an error. */
static char *globs_resolve(struct yaml_file *f, const yaml_node_t *n, const char *s,
			   enum globs_kind kind, struct arena *a)
{
	const char *what = globs_id_what(kind);
	char number[16];
	unsigned id = 0;
	int r = kind == GLOBS_USER ? userdb_uid(s, &id) : userdb_gid(s, &id);

	if (r == -ESRCH || r == -ERANGE) {
		yaml_error(f, n, "there is no %s '%.60s' on this system", what, s);
		return NULL;
	}
	if (r < 0) {
		yaml_error(f, n, "%s '%.60s' cannot be looked up: %s", what, s, strerror(-r));
		return NULL;
	}
	(void)snprintf(number, sizeof(number), "%u", id);
	return arena_strdup(a, number);
}

/* The glob at N as it is kept, or NULL with an error. */
static char *globs_one(struct yaml_file *f, const yaml_node_t *n, enum globs_kind kind,
		       struct arena *a)
{
	const char *s = yaml_scalar(f, n, globs_what[kind]);
	bool good = true;

	if (!s)
		return NULL;
	if (strlen(s) > GLOB_MAX) {
		yaml_error(f, n, "longer than %d bytes", GLOB_MAX);
		return NULL;
	}
	if (kind == GLOBS_EXE)
		good = globs_check_exe(f, n, s);
	else if (globs_has_magic(s))
		good = true;
	else if (kind == GLOBS_USER || kind == GLOBS_GROUP)
		return globs_resolve(f, n, s, kind, a);
	else if (kind == GLOBS_UNIT)
		good = globs_check_unit(f, n, s);
	else if (kind == GLOBS_SLICE)
		good = globs_check_slice(f, n, s);
	else if (kind == GLOBS_COMM)
		good = globs_check_comm(f, n, s);
	return good ? arena_strdup(a, s) : NULL;
}

void globs_parse(struct yaml_file *f, const yaml_node_t *n, enum globs_kind kind, struct arena *a,
		 struct strv *ret)
{
	size_t count = yaml_items(f, n, globs_what[kind]);

	if (count > GLOBS_MAX) {
		yaml_error(f, n, "%zu items, expected at most %d", count, GLOBS_MAX);
		return;
	}
	ret->v = arena_alloc(a, count, sizeof(*ret->v));
	if (!ret->v)
		return;
	for (size_t i = 0; i < count; i++) {
		char *s = globs_one(f, yaml_item(f, n, i), kind, a);

		if (s)
			ret->v[ret->n++] = s;
	}
}

/* The numbers of those whose name matches; RET NULL: only how many. */
static size_t globs_find(const struct userdb_names *all, const struct strv *list, uint32_t *ret)
{
	size_t n = 0;

	for (size_t i = 0; all && i < all->n; i++) {
		if (!strv_match(list, all->v[i].name))
			continue;
		if (ret)
			ret[n] = all->v[i].id;
		n++;
	}
	return n;
}

void globs_parse_ids(struct yaml_file *f, const yaml_node_t *n, enum globs_kind kind,
		     struct arena *a, struct strv *ret, struct idlist *ret_ids)
{
	const struct userdb_names *all = NULL;
	int r = 0;

	globs_parse(f, n, kind, a, ret);
	for (size_t i = 0; i < ret->n; i++)
		ret_ids->globs |= globs_has_magic(ret->v[i]);
	if (ret_ids->globs)
		r = userdb_list(kind == GLOBS_GROUP, &all);
	if (r < 0)
		yaml_error(f, n, "%ss cannot be listed: %s", globs_id_what(kind), strerror(-r));
	ret_ids->v = arena_alloc(a, ret->n + globs_find(all, ret, NULL), sizeof(*ret_ids->v));
	if (!ret_ids->v)
		return;
	ret_ids->n = globs_find(all, ret, ret_ids->v);
	for (size_t i = 0; i < ret->n; i++)
		if (!globs_has_magic(ret->v[i]))
			ret_ids->v[ret_ids->n++] = (uint32_t)strtoul(ret->v[i], NULL, 10);
	idlist_sort(ret_ids);
}

void globs_parse_labels(struct yaml_file *f, const yaml_node_t *n, struct arena *a,
			struct when_label **ret, size_t *ret_n)
{
	size_t count = yaml_pairs(f, n, "labels (key: value)");
	struct when_label *labels = arena_alloc(a, count, sizeof(*labels));

	if (!labels)
		return;
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *key, *value;

		yaml_pair(f, n, i, &key, &value);
		if (key->type != YAML_SCALAR_NODE)
			continue;
		if (yaml_text(key)[0] == '\0') {
			yaml_error(f, key, "a label without a name");
			continue;
		}
		labels[i].key = arena_strdup(a, yaml_text(key));
		globs_parse(f, value, GLOBS_LABEL, a, &labels[i].globs);
	}
	*ret = labels;
	*ret_n = count;
}
