/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.c - which files execvp(3) would try for a command.
 */
#include "client/resolve.h"

#include <string.h>

#include "proto/base.h"

#define DEFAULT_PATH "/bin:/usr/bin" /* as execvp(3) */

void resolve_free(char **paths)
{
	for (char **p = paths; p && *p; p++)
		free(*p);
	free(paths);
}

/* What execve(2) would not find is left out: each try would be a call that the profile decides. */
static bool is_there(const char *path)
{
	return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static int add(char **paths, size_t *n, const char *dir, int len, const char *command)
{
	char *path = NULL;
	int r;

	/* An empty element of PATH is the current directory. */
	r = len > 0 ? asprintf(&path, "%.*s/%s", len, dir, command)
		    : asprintf(&path, "%s", command);
	if (r < 0)
		return -ENOMEM;
	if (is_there(path))
		paths[(*n)++] = path;
	else
		free(path);
	return 0;
}

static size_t count_elements(const char *list)
{
	size_t n = 1;

	for (; *list; list++)
		n += *list == ':';
	return n;
}

int resolve_command(const char *command, char ***ret)
{
	const char *list = getenv("PATH");
	char **paths;
	size_t n = 0;
	int r = 0;

	if (!command[0])
		return -ENOENT;
	if (!list)
		list = DEFAULT_PATH;
	if (strchr(command, '/'))
		list = "";
	paths = calloc(count_elements(list) + 1, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	for (;;) {
		size_t len = strcspn(list, ":");

		r = add(paths, &n, list, (int)len, command);
		if (r < 0 || !list[len])
			break;
		list += len + 1;
	}
	if (r == 0 && n == 0)
		r = -ENOENT;
	if (r < 0) {
		resolve_free(paths);
		return r;
	}
	*ret = paths;
	return 0;
}
