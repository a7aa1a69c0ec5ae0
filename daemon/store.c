/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* store.c - the profiles in force, by name */
#include "daemon/store.h"

#include <limits.h>
#include <string.h>

#include "daemon/dropins.h"

#define STORE_NAME_MAX 64

struct stored {
	char *name;
	struct profile *profile; /* NULL: was never accepted */
	char *error;		 /* of the last reading, NULL: none */
};

struct stored_list {
	struct stored *v; /* sorted by name */
	size_t n;
};

struct store {
	char **dirs;
	size_t n_dirs;
	struct stored_list list;
};

static void stored_list_done(struct stored_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].error);
		l->v[i].profile = profile_unref(l->v[i].profile);
	}
	free(l->v);
	*l = (struct stored_list){0};
}

struct store *store_new(const char *const *dirs, size_t n)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->dirs = calloc(n + 1, sizeof(*s->dirs));
	for (; s->dirs && s->n_dirs < n; s->n_dirs++) {
		s->dirs[s->n_dirs] = strdup(dirs[s->n_dirs]);
		if (!s->dirs[s->n_dirs])
			break;
	}
	if (!s->dirs || s->n_dirs < n) {
		store_free(s);
		return NULL;
	}
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	stored_list_done(&s->list);
	for (size_t i = 0; i < s->n_dirs; i++)
		free(s->dirs[i]);
	free(s->dirs);
	free(s);
}

static struct stored *store_find(const struct store *s, const char *name)
{
	size_t low = 0, high = s->list.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = strcmp(name, s->list.v[middle].name);

		if (r == 0)
			return &s->list.v[middle];
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* A name as files, messages and the journal can carry it. */
static bool store_name_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				"@:_.+-");

	return n > 0 && n <= STORE_NAME_MAX && name[n] == '\0' && name[0] != '.' && name[0] != '-';
}

/* Drop-ins come from every directory, so that an administrator's apply to a vendor's profile. */
static int store_read(struct store *s, const char *name, const char *path, struct profile **ret,
		      struct diag *d)
{
	_cleanup_(dropins_done) struct dropins list = {0};
	char dir[PATH_MAX];

	for (size_t i = 0; i < s->n_dirs; i++) {
		int r = -ENAMETOOLONG;

		if (snprintf(dir, sizeof(dir), "%s/%s.yaml.d", s->dirs[i], name) < (int)sizeof(dir))
			r = dropins_add(&list, dir, d);
		if (r < 0)
			return r;
	}
	return profile_load_with(name, path, (const char *const *)list.paths, list.n, ret, d);
}

static void store_move_items(struct diag *from, struct diag *to)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct diag_item *item = &from->items[i];

		diag_add(to, item->file, item->line, item->column, "%s", item->text);
	}
	to->dropped += from->dropped;
}

/* Reads NAME into ENTRY: a new snapshot, or the one in force with the reasons. */
static int store_load_one(struct store *s, const char *name, const char *path, struct stored *entry,
			  struct diag *d)
{
	_cleanup_(diag_done) struct diag own = {0};
	struct stored *old = store_find(s, name);
	int r = -EINVAL;

	if (store_name_good(name))
		r = store_read(s, name, path, &entry->profile, &own);
	else
		diag_add(&own, path, 0, 0,
			 "bad name of a profile, expected at most %d letters, digits and any of "
			 "@:_.+-",
			 STORE_NAME_MAX);
	if (r == 0)
		return 0;
	if (old && old->profile)
		entry->profile = profile_ref(old->profile);
	entry->error = diag_to_string(&own);
	if (!entry->error)
		entry->error = strdup("out of memory");
	store_move_items(&own, d);
	return -EINVAL;
}

static int store_load_list(struct store *s, const struct dropins *files, struct stored_list *new,
			   struct diag *d)
{
	int r = 0;

	new->v = calloc(files->n + 1, sizeof(*new->v));
	if (!new->v)
		return -ENOMEM;
	for (size_t i = 0; i < files->n; i++) {
		const char *base = dropins_base(files->paths[i]);
		struct stored *entry = &new->v[new->n];

		entry->name = strndup(base, strlen(base) - strlen(".yaml"));
		if (!entry->name)
			return -ENOMEM;
		new->n++;
		if (store_load_one(s, entry->name, files->paths[i], entry, d) < 0)
			r = -EINVAL;
	}
	return r;
}

static int stored_compare(const void *a, const void *b)
{
	return strcmp(((const struct stored *)a)->name, ((const struct stored *)b)->name);
}

int store_load(struct store *s, struct diag *d)
{
	_cleanup_(dropins_done) struct dropins files = {0};
	struct stored_list new = {0};
	int r = 0;

	/* Where a directory cannot be read, none of its profiles went: all stays as it is. */
	for (size_t i = 0; i < s->n_dirs && r == 0; i++)
		r = dropins_add(&files, s->dirs[i], d);
	if (r < 0)
		return -EINVAL;
	r = store_load_list(s, &files, &new, d);
	if (r == -ENOMEM) {
		stored_list_done(&new);
		diag_add(d, s->n_dirs ? s->dirs[0] : "profiles", 0, 0, "out of memory");
		return -EINVAL;
	}
	/* "a-b.yaml" sorts before "a.yaml", but "a" before "a-b". */
	if (new.n > 0)
		qsort(new.v, new.n, sizeof(*new.v), stored_compare);
	stored_list_done(&s->list);
	s->list = new;
	return r;
}

struct profile *store_get(struct store *s, const char *name)
{
	struct stored *found = store_find(s, name);

	return found ? found->profile : NULL;
}

size_t store_count(const struct store *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->list.n; i++)
		n += s->list.v[i].profile != NULL;
	return n;
}

struct profile *store_at(struct store *s, size_t i)
{
	for (size_t k = 0; k < s->list.n; k++)
		if (s->list.v[k].profile && i-- == 0)
			return s->list.v[k].profile;
	return NULL;
}

const char *store_error(struct store *s, const char *name)
{
	struct stored *found = store_find(s, name);

	return found ? found->error : NULL;
}

const char *store_refused_at(struct store *s, size_t i)
{
	for (size_t k = 0; k < s->list.n; k++)
		if (s->list.v[k].error && i-- == 0)
			return s->list.v[k].name;
	return NULL;
}
