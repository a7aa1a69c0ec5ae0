/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check.c - `seccompd --check` */
#include "daemon/check.h"

#include <string.h>

#include "daemon/dropins.h"

static void check_ok(const char *path, FILE *out)
{
	fprintf(out, "%s: OK\n", path);
}

/* The name that the file would have in a store. */
static char *check_name(const char *path)
{
	const char *base = dropins_base(path);
	size_t n = strlen(base);

	if (n > 5 && strcmp(base + n - 5, ".yaml") == 0)
		n -= 5;
	return strndup(base, n);
}

/* Is it in a directory of drop-ins, NAME.yaml.d? */
static bool is_dropin(const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;
	size_t n = slash ? (size_t)(slash - real) : 0;

	return n > strlen(".yaml.d") && strncmp(slash - strlen(".yaml.d"), ".yaml.d", 7) == 0;
}

static int check_file(const char *path, FILE *out)
{
	_cleanup_(diag_done) struct diag d = {0};
	_cleanup_free_ char *name = check_name(path);
	struct profile *p = NULL;
	int r = -ENOMEM;

	if (name)
		r = is_dropin(path) ? profile_load_dropin(name, path, &p, &d)
				    : profile_load(name, path, true, &p, &d);
	if (r < 0) {
		diag_print(&d, out);
		return 1;
	}
	p = profile_unref(p);
	check_ok(path, out);
	return 0;
}

static void check_stored(struct store *s, FILE *out)
{
	for (size_t i = 0; i < store_count(s); i++)
		for (char **file = store_at(s, i)->files; *file; file++)
			check_ok(*file, out);
}

size_t check_assigned(const struct config *c, const char *path, struct store *s, struct diag *d)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_assignments; i++) {
		const struct assignment *a = &c->assignments[i];

		if (!a->profile || store_get(s, a->profile) || store_error(s, a->profile))
			continue;
		diag_add(d, path, a->line, a->column, "there is no profile '%.64s'", a->profile);
		n++;
	}
	return n;
}

static int check_all(const char *config_path, struct store *s, FILE *out)
{
	_cleanup_(diag_done) struct diag d = {0};
	struct config *config = NULL;
	int r, failed = 0;

	if (store_load(s, &d) < 0)
		failed = 1;
	r = config_load(config_path, &config, &d);
	if (r < 0 && r != -ENOENT)
		failed = 1;
	if (r == 0 && check_assigned(config, config_path, s, &d) == 0)
		check_ok(config_path, out);
	else if (r == 0)
		failed = 1;
	else if (r == -ENOENT)
		fprintf(out, "%s: is not there, the defaults apply\n", config_path);
	check_stored(s, out);
	diag_print(&d, out);
	config_free(config);
	return failed;
}

int check_run(const char *config_path, const char *const *dirs, size_t n_dirs, char **files,
	      int n_files, FILE *out)
{
	struct store *s;
	int r = 0;

	for (int i = 0; i < n_files; i++)
		r |= check_file(files[i], out);
	if (n_files > 0)
		return r;
	s = store_new(dirs, n_dirs);
	if (!s) {
		fprintf(out, "out of memory\n");
		return 1;
	}
	r = check_all(config_path, s, out);
	store_free(s);
	return r;
}
