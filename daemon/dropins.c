/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dropins.c - the *.yaml files of directories, sorted by name */
#include "daemon/dropins.h"

#include <dirent.h>
#include <string.h>

#define DROPINS_MAX 4096 /* files of one list */

const char *dropins_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool dropins_is_yaml(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > 5 && strcmp(name + n - 5, ".yaml") == 0;
}

static int dropins_insert(struct dropins *l, const char *dir, const char *name)
{
	char **paths, *path;
	size_t at = 0;
	int r = 1;

	while (at < l->n && (r = strcmp(dropins_base(l->paths[at]), name)) < 0)
		at++;
	if (at < l->n && r == 0)
		return 0;
	if (l->n == DROPINS_MAX)
		return -E2BIG;
	paths = realloc(l->paths, (l->n + 1) * sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	l->paths = paths;
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	memmove(paths + at + 1, paths + at, (l->n - at) * sizeof(*paths));
	paths[at] = path;
	l->n++;
	return 0;
}

int dropins_add(struct dropins *l, const char *dir, struct diag *d)
{
	DIR *dp = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!dp && errno == ENOENT)
		return 0;
	if (!dp) {
		r = -errno;
		diag_add(d, dir, 0, 0, "cannot be read: %s", strerror(-r));
		return r;
	}
	errno = 0;
	while (r == 0 && (e = readdir(dp))) {
		if (dropins_is_yaml(e->d_name))
			r = dropins_insert(l, dir, e->d_name);
		errno = 0;
	}
	if (r == 0 && errno != 0)
		r = -errno;
	(void)closedir(dp);
	if (r < 0)
		diag_add(d, dir, 0, 0, "cannot be read: %s", strerror(-r));
	return r;
}

void dropins_done(struct dropins *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->paths[i]);
	free(l->paths);
	*l = (struct dropins){0};
}
