/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_profile_files.c - profiles: files, drop-ins, and `seccompd --check`.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/check.h"
#include "tests/unit/profile_fixture.h"

static char dir[] = "/tmp/test-profile-XXXXXX";

static int dir_setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int dir_teardown(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const char *path_of(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(path_of(name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void puts_to(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* Refused with R and exactly one item, which has TEXT. */
static void assert_refused(const char *path, int r, const char *text)
{
	struct diag d = {0};
	struct profile *p = NULL;

	assert_int_equal(profile_load("t", path, true, &p, &d), r);
	assert_null(p);
	assert_int_equal(d.n, 1);
	if (!strstr(d.items[0].text, text))
		fail_msg("'%s' has no '%s'", d.items[0].text, text);
	diag_done(&d);
}

static void not_a_file_test(void **state)
{
	(void)state;
	assert_refused(dir, -EISDIR, "is a directory");
	assert_refused("/dev/null", -EINVAL, "is a device");
	assert_refused("/nonexistent.yaml", -ENOENT, "no such file");
	assert_int_equal(mkfifo(path_of("fifo.yaml"), 0600), 0);
	assert_refused(path_of("fifo.yaml"), -EINVAL, "is a FIFO");
	assert_int_equal(symlink("loop.yaml", path_of("loop.yaml")), 0);
	assert_refused(path_of("loop.yaml"), -ELOOP, "cannot be opened");
}

static void large_test(void **state)
{
	size_t len = 10 * 1000 * 1000;
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	memset(text, '#', len);
	put("large.yaml", text, len);
	assert_refused(path_of("large.yaml"), -EFBIG, "too large");
	/* What a size cannot tell is found out by reading. */
	put("just.yaml", text, 1024 * 1024 + 1);
	assert_refused(path_of("just.yaml"), -EFBIG, "too large");
	memcpy(text, "default: allow\n", 15);
	put("fits.yaml", text, 1024 * 1024);
	{
		struct diag d = {0};
		struct profile *p = NULL;

		assert_int_equal(profile_load("t", path_of("fits.yaml"), true, &p, &d), 0);
		(void)profile_unref(p);
	}
	free(text);
}

static void binary_test(void **state)
{
	static const char elf[] = "\x7f"
				  "ELF\2\1\1\0\0\0\0\0\0\0\0\0";

	(void)state;
	put("binary.yaml", elf, sizeof(elf));
	assert_refused(path_of("binary.yaml"), -EINVAL, "expected a text file");
	put("nul.yaml", "default: al\0low\n", 16);
	assert_refused(path_of("nul.yaml"), -EINVAL, "character U+0000");
}

static void dropins_test(void **state)
{
	struct diag d = {0};
	struct profile *p = NULL;

	(void)state;
	puts_to("p.yaml", "default: allow\nerrno: EPERM\ndescription: main\nlog: none\nrules:\n"
			  "  - {name: m1, syscall: close, action: deny}\n"
			  "  - {syscall: close, action: deny}\n");
	assert_int_equal(mkdir(path_of("p.yaml.d"), 0700), 0);
	puts_to("p.yaml.d/10-a.yaml", "errno: EACCES\narchitectures: [x86-64, x32]\nrules:\n"
				      "  - {name: a1, syscall: close, action: kill}\n"
				      "  - {syscall: close, action: kill}\n");
	puts_to("p.yaml.d/20-b.yaml", "errno: ENOSYS\nmode: permissive\nrules:\n"
				      "  - {name: b1, syscall: close, action: allow}\n");
	puts_to("p.yaml.d/30-c.yml", "not: a drop-in\n");
	puts_to("p.yaml.d/.hidden.yaml", "not: a drop-in\n");
	assert_int_equal(profile_load("p", path_of("p.yaml"), true, &p, &d), 0);
	assert_int_equal(p->n_rules, 5);
	assert_string_equal(p->rules[0].name, "b1");
	assert_string_equal(p->rules[1].name, "a1");
	assert_string_equal(p->rules[2].name, "10-a.yaml rule 2");
	assert_string_equal(p->rules[3].name, "m1");
	assert_string_equal(p->rules[4].name, "rule 2");
	assert_int_equal(p->err, ENOSYS);
	assert_int_equal(p->rules[3].err, ENOSYS);
	assert_int_equal(p->mode, MODE_PERMISSIVE);
	assert_int_equal(p->log, LOG_MODE_NONE);
	assert_int_equal(p->archs, ARCH_BIT(ARCH_X86_64) | ARCH_BIT(ARCH_X32));
	assert_string_equal(p->description, "main");
	assert_non_null(strstr(p->rules[0].file, "20-b.yaml"));
	assert_non_null(strstr(p->files[1], "10-a.yaml"));
	assert_non_null(strstr(p->files[2], "20-b.yaml"));
	assert_null(p->files[3]);
	assert_int_equal(match_of(p, "close", 4)->rule, 4);
	(void)profile_unref(p);

	assert_int_equal(profile_load("p", path_of("p.yaml"), false, &p, &d), 0);
	assert_int_equal(p->n_rules, 2);
	(void)profile_unref(p);
	p = NULL;

	/* Errors name the file they are in, those of all files at once. */
	puts_to("p.yaml.d/20-b.yaml", "mode: off\nrules:\n"
				      "  - {name: m1, syscall: close, action: allow}\n");
	puts_to("p.yaml.d/10-a.yaml", "errno: 0\n");
	assert_int_equal(profile_load("p", path_of("p.yaml"), true, &p, &d), -EINVAL);
	assert_null(p);
	{
		_cleanup_free_ char *text = diag_to_string(&d);

		assert_int_equal(d.n, 3);
		assert_non_null(strstr(text, "10-a.yaml:1:8: errno 0"));
		assert_non_null(strstr(text, "20-b.yaml:1:7: 'off' is not a mode"));
		assert_non_null(strstr(text, "p.yaml:6:5: rule name 'm1' is taken"));
	}
	diag_done(&d);
}

static void many_rules_test(void **state)
{
	size_t size = 1024 * 1024;
	char *text = malloc(size);
	size_t n = (size_t)snprintf(text, size, "default: allow\nrules:\n");
	struct diag d = {0};
	struct profile *p = NULL;

	(void)state;
	for (int i = 0; i < 10000; i++)
		n += (size_t)snprintf(text + n, size - n, "  - {syscall: read, action: deny}\n");
	p = parse(text);
	assert_int_equal(p->n_rules, 10000);
	p = profile_unref(p);
	(void)snprintf(text + n, size - n, "  - {syscall: read, action: deny}\n");
	assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), -EINVAL);
	assert_int_equal(d.n, 1);
	assert_non_null(strstr(d.items[0].text, "10001 rules"));
	diag_done(&d);

	/* More errors than are kept are counted. */
	n = (size_t)snprintf(text, size, "default: allow\nrules:\n");
	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(text + n, size - n, "  - {syscall: raed, action: deny}\n");
	assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), -EINVAL);
	assert_int_equal(d.n, DIAG_ITEMS_MAX);
	assert_int_equal(d.dropped, 1000 - DIAG_ITEMS_MAX);
	diag_done(&d);

	/* Rules times calls are bounded too. */
	n = (size_t)snprintf(text, size, "default: allow\nrules:\n");
	for (int i = 0; i < 10000; i++)
		n += (size_t)snprintf(text + n, size - n,
				      "  - {syscall: '@known', action: deny}\n");
	assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), -EINVAL);
	assert_int_equal(d.n, 1);
	assert_non_null(strstr(d.items[0].text, "too large"));
	diag_done(&d);
	free(text);
}

/* `seccompd --check FILE...` */
static void check_files_test(void **state)
{
	char good[256], bad[256], *text = NULL;
	char *files[] = {good, bad};
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	puts_to("good.yaml", "default: allow\n");
	puts_to("bad.yaml", "default: alow\nfoo: 1\n");
	(void)snprintf(good, sizeof(good), "%s", path_of("good.yaml"));
	(void)snprintf(bad, sizeof(bad), "%s", path_of("bad.yaml"));
	assert_int_equal(check_run("/nonexistent", NULL, 0, files, 1, out), 0);
	assert_int_equal(check_run("/nonexistent", NULL, 0, files, 2, out), 1);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "good.yaml: OK\n"));
	assert_non_null(strstr(text, "bad.yaml:1:10: "));
	assert_non_null(strstr(text, "bad.yaml:2:1: "));
	assert_null(strstr(text, "bad.yaml: OK"));
	free(text);
}

/* A drop-in alone: it needs not be a whole profile. */
static void check_dropin_test(void **state)
{
	char good[256], bad[256], *text = NULL;
	char *files[] = {good, bad};
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	(void)snprintf(good, sizeof(good), "%s", path_of("web.yaml.d"));
	assert_int_equal(mkdir(good, 0700), 0);
	puts_to("web.yaml.d/1.yaml", "rules:\n  - {syscall: getppid, action: deny}\n");
	puts_to("web.yaml.d/2.yaml", "rules:\n  - {syscall: getpppid, action: deny}\n");
	(void)snprintf(good, sizeof(good), "%s", path_of("web.yaml.d/1.yaml"));
	(void)snprintf(bad, sizeof(bad), "%s", path_of("web.yaml.d/2.yaml"));
	assert_int_equal(check_run("/nonexistent", NULL, 0, files, 2, out), 1);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "web.yaml.d/1.yaml: OK\n"));
	assert_non_null(strstr(text, "web.yaml.d/2.yaml:2:15: unknown system call 'getpppid'"));
	assert_null(strstr(text, "default"));
	free(text);
	(void)unlink(good);
	(void)unlink(bad);
	(void)rmdir(path_of("web.yaml.d"));
}

/* Errors of the text and errors between rules are told in one go. */
static void check_both_test(void **state)
{
	static const char text[] = "default: allow\nbogus: 1\nrules:\n"
				   "  - {syscall: read, when: {comm: x}, action: deny}\n"
				   "  - {syscall: read, action: trap}\n";
	_cleanup_(diag_done) struct diag d = {0};
	struct profile *p = NULL;

	(void)state;
	assert_int_equal(profile_parse("t", "t.yaml", text, strlen(text), &p, &d), -EINVAL);
	assert_int_equal(d.n, 2);
	assert_int_equal(d.items[0].line + d.items[1].line, 2 + 5);
}

/* Without files: the configuration and every profile. */
static void check_all_test(void **state)
{
	char profiles[256], config[256], *text = NULL;
	const char *dirs[] = {profiles};
	size_t size = 0;
	FILE *out;

	(void)state;
	(void)snprintf(profiles, sizeof(profiles), "%s", path_of("all"));
	(void)snprintf(config, sizeof(config), "%s", path_of("all.yaml"));
	assert_int_equal(mkdir(profiles, 0700), 0);
	puts_to("all/web.yaml", "default: allow\n");
	puts_to("all.yaml", "clients:\n  - {profile: web}\n");
	out = open_memstream(&text, &size);
	assert_int_equal(check_run(config, dirs, 1, NULL, 0, out), 0);
	assert_int_equal(check_run("/nonexistent", dirs, 1, NULL, 0, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "all.yaml: OK\n"));
	assert_non_null(strstr(text, "all/web.yaml: OK\n"));
	free(text);

	puts_to("all.yaml", "clients:\n  - {profile: wbe}\n");
	puts_to("all/bad.yaml", "default: maybe\n");
	out = open_memstream(&text, &size);
	assert_int_equal(check_run(config, dirs, 1, NULL, 0, out), 1);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "all.yaml:2:15: there is no profile 'wbe'"));
	assert_non_null(strstr(text, "all/bad.yaml:1:10: "));
	assert_non_null(strstr(text, "all/web.yaml: OK\n"));
	free(text);
}

/* Nothing of a file may steer a terminal. */
static void diag_clean_test(void **state)
{
	struct diag d = {0};
	_cleanup_free_ char *text = NULL;

	(void)state;
	diag_add(&d, "b\n", 2, 1, "%s", "\x1b[31m\xff \xc3\xa4\xc2\x9b");
	diag_add(&d, "b\n", 1, 7, "second");
	diag_add(&d, "a", 0, 0, "whole");
	diag_add(&d, "b\n", 1, 3, "first");
	text = diag_to_string(&d);
	assert_string_equal(text, "a: whole\nb\\x0a:1:3: first\nb\\x0a:1:7: second\n"
				  "b\\x0a:2:1: \\x1b[31m\\xff \xc3\xa4\\xc2\\x9b\n");
	diag_done(&d);
	assert_int_equal(d.n, 0);
}

/* The profiles that come with the project. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_a_file_test),   cmocka_unit_test(large_test),
		cmocka_unit_test(binary_test),	     cmocka_unit_test(dropins_test),
		cmocka_unit_test(many_rules_test),   cmocka_unit_test(check_files_test),
		cmocka_unit_test(check_dropin_test), cmocka_unit_test(check_both_test),
		cmocka_unit_test(check_all_test),    cmocka_unit_test(diag_clean_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("profile_files", tests, dir_setup, dir_teardown);
}
