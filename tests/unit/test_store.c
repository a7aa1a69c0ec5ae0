/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_store.c - profiles by name: directories in order, drop-ins from all of them, reload.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store.h"
#include "proto/base.h"

static char root[] = "/tmp/test-store-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A shell command in the directory. */
static int run(const char *what)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "cd %s && %s", root, what);
	return system(command);
}

static int setup(void **state)
{
	static char etc[256], vendor[256];
	static const char *dirs[2] = {etc, vendor};

	(void)strcpy(root + strlen(root) - 6, "XXXXXX");
	if (!mkdtemp(root))
		return -1;
	(void)snprintf(etc, sizeof(etc), "%s/etc", root);
	(void)snprintf(vendor, sizeof(vendor), "%s/vendor", root);
	if (mkdir(etc, 0700) < 0 || mkdir(vendor, 0700) < 0)
		return -1;
	*state = store_new(dirs, 2);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	store_free(*state);
	return run("rm -rf \"$PWD\"");
}

static void load_as(struct store *s, int r, size_t items)
{
	struct diag d = {0};

	assert_int_equal(store_load(s, &d), r);
	if (d.n != items)
		diag_print(&d, stderr);
	assert_int_equal(d.n, items);
	diag_done(&d);
}

static void empty_test(void **state)
{
	struct store *s = *state;

	assert_int_equal(store_count(s), 0);
	load_as(s, 0, 0);
	assert_int_equal(store_count(s), 0);
	assert_null(store_at(s, 0));
	assert_null(store_get(s, "a"));
	assert_null(store_error(s, "a"));
	assert_int_equal(run("rmdir vendor"), 0);
	load_as(s, 0, 0);
}

static void order_test(void **state)
{
	struct store *s = *state;

	put("etc/web.yaml", "default: allow\ndescription: etc\n");
	put("vendor/web.yaml", "default: allow\ndescription: vendor\n");
	put("vendor/db.yaml", "default: kill\n");
	put("vendor/db-x.yaml", "default: deny\n");
	put("vendor/other.yml", "default: deny\n");
	put("vendor/.hidden.yaml", "default: deny\n");
	load_as(s, 0, 0);
	assert_int_equal(store_count(s), 3);
	assert_string_equal(store_at(s, 0)->name, "db");
	assert_string_equal(store_at(s, 1)->name, "db-x");
	assert_string_equal(store_at(s, 2)->name, "web");
	assert_null(store_at(s, 3));
	assert_string_equal(store_get(s, "web")->description, "etc");
	assert_int_equal(store_get(s, "db")->default_action, ACTION_KILL);
	assert_null(store_get(s, "../etc/web"));
	assert_null(store_get(s, ".hidden"));
	assert_null(store_get(s, ""));
}

/* An administrator's drop-in applies to a vendor's profile, and hides the vendor's of its name. */
static void dropins_test(void **state)
{
	struct store *s = *state;

	put("vendor/web.yaml", "default: allow\n");
	assert_int_equal(run("mkdir vendor/web.yaml.d"), 0);
	assert_int_equal(run("mkdir etc/web.yaml.d"), 0);
	put("vendor/web.yaml.d/10-a.yaml", "description: vendor\n");
	put("vendor/web.yaml.d/20-b.yaml", "errno: ENOENT\n");
	put("etc/web.yaml.d/10-a.yaml", "mode: permissive\n");
	put("etc/web.yaml.d/15-c.yaml", "errno: ENOSYS\nlog: each\n");
	load_as(s, 0, 0);
	assert_string_equal(store_get(s, "web")->description, "");
	assert_int_equal(store_get(s, "web")->mode, MODE_PERMISSIVE);
	assert_int_equal(store_get(s, "web")->err, ENOENT);
	assert_int_equal(store_get(s, "web")->log, LOG_MODE_EACH);
	assert_non_null(store_get(s, "web")->files[3]);
	assert_null(store_get(s, "web")->files[4]);
}

static void reload_test(void **state)
{
	struct store *s = *state;
	struct profile *kept;

	put("etc/web.yaml", "default: allow\ndescription: one\n");
	put("etc/db.yaml", "default: allow\n");
	load_as(s, 0, 0);
	kept = profile_ref(store_get(s, "web"));

	/* Refused: the running one stays, with the reason; the vendor's is no way out. */
	put("etc/web.yaml", "default: alow\n");
	put("vendor/web.yaml", "default: allow\ndescription: vendor\n");
	put("etc/new.yaml", "foo: bar\n");
	load_as(s, -EINVAL, 3);
	assert_ptr_equal(store_get(s, "web"), kept);
	assert_non_null(strstr(store_error(s, "web"), "etc/web.yaml:1:10: "));
	assert_non_null(store_error(s, "new"));
	assert_null(store_get(s, "new"));
	assert_null(store_error(s, "db"));
	assert_int_equal(store_count(s), 2);
	assert_string_equal(store_refused_at(s, 0), "new");
	assert_string_equal(store_refused_at(s, 1), "web");
	assert_null(store_refused_at(s, 2));
	load_as(s, -EINVAL, 3);
	assert_ptr_equal(store_get(s, "web"), kept);

	/* Good again: another snapshot; who holds the old one keeps it. */
	put("etc/web.yaml", "default: deny\ndescription: two\n");
	assert_int_equal(unlink(path_of("etc/new.yaml")), 0);
	assert_int_equal(unlink(path_of("etc/db.yaml")), 0);
	load_as(s, 0, 0);
	assert_string_equal(store_get(s, "web")->description, "two");
	assert_string_equal(kept->description, "one");
	assert_null(store_error(s, "web"));
	assert_null(store_error(s, "new"));
	assert_null(store_get(s, "db"));
	assert_int_equal(store_count(s), 1);
	(void)profile_unref(kept);
}

static void bad_files_test(void **state)
{
	struct store *s = *state;

	put("etc/good.yaml", "default: allow\n");
	put("etc/bad name.yaml", "default: allow\n");
	put("etc/-option.yaml", "default: allow\n");
	assert_int_equal(run("mkdir etc/directory.yaml"), 0);
	assert_int_equal(run("mkfifo etc/fifo.yaml"), 0);
	assert_int_equal(run("ln -s nowhere etc/dangling.yaml"), 0);
	load_as(s, -EINVAL, 5);
	assert_int_equal(store_count(s), 1);
	assert_non_null(store_get(s, "good"));
	assert_non_null(strstr(store_error(s, "fifo"), "is a FIFO"));

	/* Where a directory cannot be read, nothing is taken for gone. */
	assert_int_equal(run("rm -r etc"), 0);
	put("etc", "a file\n");
	load_as(s, -EINVAL, 1);
	assert_non_null(store_get(s, "good"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_test),  TEST(order_test),	 TEST(dropins_test),
		TEST(reload_test), TEST(bad_files_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
