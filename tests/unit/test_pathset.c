/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_pathset.c - path globs, in rows and against a matcher that tries everything */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <time.h>

#include "daemon/pathset.h"
#include "proto/base.h"

#define MEMORY ((size_t)256 << 20)
#define ROUNDS 20000

/* ---- what is refused ------------------------------------------------------------ */

struct check_row {
	enum pathset_kind kind;
	const char *pattern;
	size_t offset;
	const char *why; /* NULL: good */
};

static void check_rows(void **state)
{
	static const struct check_row rows[] = {
		{PATHSET_FILES, "/", 0, NULL},
		{PATHSET_FILES, "/etc/passwd", 0, NULL},
		{PATHSET_FILES, "/**", 0, NULL},
		{PATHSET_FILES, "/a/**/**/b*[!]x-z\\]]?/\\*\\*", 0, NULL},
		{PATHSET_FILES, "/.../.a/..b/.*/?./[.a].", 0, NULL},
		{PATHSET_FILES, "/a]b}{", 0, NULL},
		{PATHSET_FILES, "/[]]", 0, NULL},
		{PATHSET_FILES, "/[!]]", 0, NULL},
		{PATHSET_FILES, "/[a-]", 0, NULL},
		{PATHSET_FILES, "/[--a]", 0, NULL},
		{PATHSET_FILES, "/\xc3\xa4?", 0, NULL},
		{PATHSET_FILES, "pipe:*", 0, NULL},
		{PATHSET_FILES, "socket:\\[12\\]", 0, NULL},
		{PATHSET_FILES, "anon_inode:[[]event*]", 0, NULL},
		{PATHSET_FILES, "memfd:a/b//[!/]", 0, NULL},
		{PATHSET_FILES, "net:*", 0, NULL},
		{PATHSET_SOCKETS, "/run/*.sock", 0, NULL},
		{PATHSET_SOCKETS, "@", 0, NULL},
		{PATHSET_SOCKETS, "@/tmp/.X11-unix/X?", 0, NULL},

		{PATHSET_FILES, "", 0, "no absolute path"},
		{PATHSET_FILES, "etc", 0, "no absolute path"},
		{PATHSET_FILES, "**", 0, "no absolute path"},
		{PATHSET_FILES, "@x", 0, "no absolute path"},
		{PATHSET_FILES, "unix:/x", 0, "no absolute path"},
		{PATHSET_FILES, "\\/x", 0, "no absolute path"},
		{PATHSET_SOCKETS, "pipe:*", 0,
		 "neither an absolute path nor '@' and an abstract name"},
		{PATHSET_SOCKETS, "", 0, "neither an absolute path nor '@' and an abstract name"},
		{PATHSET_FILES, "//", 1, "an empty component"},
		{PATHSET_FILES, "/a//b", 3, "an empty component"},
		{PATHSET_FILES, "/a/**//b", 6, "an empty component"},
		{PATHSET_FILES, "/a/", 2, "a slash at the end"},
		{PATHSET_FILES, "/a/**/", 5, "a slash at the end"},
		{PATHSET_FILES, "/a/./b", 3, "a component '.' or '..'"},
		{PATHSET_FILES, "/..", 1, "a component '.' or '..'"},
		{PATHSET_FILES, "/a/**/..", 6, "a component '.' or '..'"},
		{PATHSET_FILES, "/\\./x", 1, "a component '.' or '..'"},
		{PATHSET_FILES, "/x/.[.]", 3, "a component '.' or '..'"},
		{PATHSET_FILES, "/a**", 2, "'**' within a component"},
		{PATHSET_FILES, "/**a", 1, "'**' within a component"},
		{PATHSET_FILES, "/***", 1, "'**' within a component"},
		{PATHSET_FILES, "pipe:**", 5, "'**' within a component"},
		{PATHSET_SOCKETS, "@**", 1, "'**' within a component"},
		{PATHSET_FILES, "/x[ab", 2, "'[' without its ']'"},
		{PATHSET_FILES, "/x[", 2, "'[' without its ']'"},
		{PATHSET_FILES, "/x[!", 2, "'[' without its ']'"},
		{PATHSET_FILES, "/x[]", 2, "'[' without its ']'"},
		{PATHSET_FILES, "/x[a-", 2, "'[' without its ']'"},
		{PATHSET_FILES, "/x[a\\", 2, "'[' without its ']'"},
		{PATHSET_FILES, "/x[a-\\", 2, "'[' without its ']'"},
		{PATHSET_FILES, "/x[a\\]", 2, "'[' without its ']'"},
		{PATHSET_FILES, "/x[z-a]", 3, "a range that runs backwards"},
		{PATHSET_FILES, "/x[a/b]", 4, "a slash in brackets"},
		{PATHSET_FILES, "/x[[:alpha:]]", 3, "classes of characters are not known here"},
		{PATHSET_FILES, "/x[\xc3\xa4]", 3, "a byte beyond ASCII in brackets"},
		{PATHSET_FILES, "/x\\", 2, "'\\' with nothing to escape"},
		{PATHSET_FILES, "/x\\/y", 2, "'\\' with nothing to escape"},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct check_row *row = &rows[i];
		const char *why = NULL;
		size_t offset = 0;
		int r = pathset_check(row->pattern, row->kind, &offset, &why);

		if (r != (row->why ? -EINVAL : 0) || offset != row->offset ||
		    strcmp(why ? why : "", row->why ? row->why : "") != 0)
			fail_msg("'%s': %d, '%s' at %zu", row->pattern, r, why ? why : "", offset);
	}
}

static void check_length(void **state)
{
	char pattern[PATHSET_PATTERN_MAX + 2];
	const char *why;
	size_t offset;
	(void)state;

	memset(pattern, 'a', sizeof(pattern));
	pattern[0] = '/';
	pattern[sizeof(pattern) - 1] = '\0';
	assert_int_equal(pathset_check(pattern, PATHSET_FILES, &offset, &why), -EINVAL);
	assert_int_equal(offset, PATHSET_PATTERN_MAX);
	pattern[sizeof(pattern) - 2] = '\0';
	assert_int_equal(pathset_check(pattern, PATHSET_FILES, &offset, &why), 0);
}

/* ---- what matches ------------------------------------------------------------------ */

static struct pathset *set_new(struct arena *a, enum pathset_kind kind,
			       const struct pathset_item *items, size_t n)
{
	struct pathset *s = NULL;

	assert_int_equal(pathset_new(a, kind, items, n, &s), 0);
	return s;
}

static bool match_one(enum pathset_kind kind, const char *pattern, const char *path, size_t len)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(MEMORY);
	struct pathset_item item = {pattern, 0};
	uint64_t bitmap = 0;

	assert_int_equal(pathset_match(set_new(a, kind, &item, 1), path, len, &bitmap), 0);
	return bitmap;
}

struct match_row {
	const char *pattern, *path;
	bool yes;
};

static void match_rows(void **state)
{
	static const struct match_row rows[] = {
		{"/", "/", true},
		{"/", "/a", false},
		{"/*", "/", false},
		{"/**", "/", false},
		{"/**/*", "/", false},
		{"/?", "/", false},
		{"/etc", "/etc", true},
		{"/etc", "/etc2", false},
		{"/etc2", "/etc", false},
		{"/etc", "/etc/x", false},
		{"/etc/**", "/etc", false},
		{"/etc/**", "/etcx", false},
		{"/etc/**", "/etc/a", true},
		{"/etc/**", "/etc/a/b/c", true},
		{"/etc/**", "/etc/.hidden", true},
		{"/**", "/a", true},
		{"/**/b", "/b", true},
		{"/**/b", "/a/b", true},
		{"/**/b", "/a/bb", false},
		{"/**/b", "/ab", false},
		{"/a/**/b", "/a/b", true},
		{"/a/**/b", "/a/x/y/b", true},
		{"/a/**/b", "/a/b/x", false},
		{"/a/**/b", "/ab", false},
		{"/a/**/b/**/c", "/a/b/c", true},
		{"/a/**/b/**/c", "/a/b/b/c/c", true},
		{"/a/**/b/**/c", "/a/c/b", false},
		{"/a/**/**", "/a", false},
		{"/a/**/**", "/a/b", true},
		{"/a/**/*", "/a/b/c", true},
		{"/*", "/a", true},
		{"/*", "/a/b", false},
		{"/*", "/.a", true},
		{"/*/b", "/a/b", true},
		{"/*/b", "/b", false},
		{"/x*", "/x", true},
		{"/*.so", "/lib.so", true},
		{"/*.so", "/.so", true},
		{"/*.so", "/lib.so.1", false},
		{"/*.so", "/a/lib.so", false},
		{"/*a*a*", "/banana", true},
		{"/*a*a*a*a", "/banana", false},
		{"/a?c", "/abc", true},
		{"/a?c", "/a/c", false},
		{"/a?", "/a", false},
		{"/[a-c]", "/b", true},
		{"/[a-c]", "/d", false},
		{"/[!a-c]", "/d", true},
		{"/[^a-c]", "/b", false},
		{"/a[!b]c", "/a/c", false},
		{"/a[+-9]c", "/a/c", false},
		{"/a[+-9]c", "/a.c", true},
		{"/[]]", "/]", true},
		{"/[]-a]", "/^", true},
		{"/[a-]", "/-", true},
		{"/[\\]]", "/]", true},
		{"/[\\!a]", "/!", true},
		{"/[!\\!a]", "/!", false},
		{"/[!a]", "/\xff", true},
		{"/\\*", "/*", true},
		{"/\\*", "/a", false},
		{"/\\[a]", "/[a]", true},
		{"/\\a", "/a", true},
		{"/\xc3\xa4", "/\xc3\xa4", true},
		{"/?", "/\xc3\xa4", false},
		{"/??", "/\xc3\xa4", true},
		{"pipe:*", "pipe:[123]", true},
		{"pipe:*", "/pipe:[123]", false},
		{"pipe:\\[1?3\\]", "pipe:[123]", true},
		{"memfd:*", "memfd:../a/b", true},
		{"memfd:*/b", "memfd:/a/b", true},
		{"memfd:?[!a]", "memfd://", true},
		{"/**", "memfd:x", false},
		{"anon_inode:[[]event*]", "anon_inode:[eventfd]", true},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct match_row *row = &rows[i];

		if (match_one(PATHSET_FILES, row->pattern, row->path, strlen(row->path)) !=
		    row->yes)
			fail_msg("'%s' %s '%s'", row->pattern,
				 row->yes ? "does not match" : "matches", row->path);
	}
}

static void match_abstract(void **state)
{
	(void)state;
	assert_true(match_one(PATHSET_SOCKETS, "@", "\0", 1));
	assert_false(match_one(PATHSET_SOCKETS, "@", "@", 1));
	assert_false(match_one(PATHSET_SOCKETS, "@", "", 0));
	assert_true(match_one(PATHSET_SOCKETS, "@/tmp/*", "\0/tmp/a/b", 9));
	assert_true(match_one(PATHSET_SOCKETS, "@a?b", "\0a\0b", 4));
	assert_true(match_one(PATHSET_SOCKETS, "@*", "\0\0\0", 3));
	assert_false(match_one(PATHSET_SOCKETS, "@a", "\0a\0", 3));
	assert_false(match_one(PATHSET_SOCKETS, "/**", "\0/a", 3));
	assert_true(match_one(PATHSET_SOCKETS, "/run/*", "/run/a", 6));
}

/* One id with several patterns, several ids with one pattern, ids in several words. */
static void match_ids(void **state)
{
	static const struct pathset_item items[] = {
		{"/a/**", 3}, {"/b", 3}, {"/a/b", 64}, {"/a/*", 200}, {"/a/b", 130}, {"/a/b", 0},
	};
	_cleanup_(arena_freep) struct arena *a = arena_new(MEMORY);
	struct pathset *s = set_new(a, PATHSET_FILES, items, ARRAY_SIZE(items));
	uint64_t bitmap[4] = {0, 0, 0, 1};
	(void)state;

	assert_int_equal(pathset_match(s, "/a/b", 4, bitmap), 0);
	assert_int_equal(bitmap[0], 1 << 3 | 1);
	assert_int_equal(bitmap[1], 1);
	assert_int_equal(bitmap[2], 1 << 2);
	assert_int_equal(bitmap[3], 1 << 8 | 1);
	assert_int_equal(pathset_match(s, "/b", 2, memset(bitmap, 0, sizeof(bitmap))), 0);
	assert_int_equal(bitmap[0], 1 << 3);
}

static void limits(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(MEMORY);
	_cleanup_(arena_freep) struct arena *small = arena_new(100);
	struct pathset_item bad = {"/a/", 0}, good = {"/a", 0};
	struct pathset *s = set_new(a, PATHSET_FILES, NULL, 0);
	char path[PATHSET_PATH_MAX + 1] = "/";
	uint64_t bitmap = 0;
	(void)state;

	assert_int_equal(pathset_match(s, "/a", 2, &bitmap), 0);
	assert_int_equal(pathset_match(s, "", 0, &bitmap), 0);
	assert_int_equal(pathset_match(s, path, PATHSET_PATH_MAX, &bitmap), 0);
	assert_int_equal(pathset_match(s, path, sizeof(path), &bitmap), -ENAMETOOLONG);
	assert_int_equal(bitmap, 0);
	assert_int_equal(pathset_new(a, PATHSET_FILES, &bad, 1, &s), -EINVAL);
	assert_int_equal(pathset_new(small, PATHSET_FILES, &good, 1, &s), -ENOMEM);
}

/* ---- against a matcher that tries everything --------------------------------------- */

static bool naive_class(const char **pp, char c, bool flat)
{
	const char *p = *pp + 1;
	bool not = *p == '!' || *p == '^', in = false, first = true;

	for (p += not ; first || *p != ']'; first = false) {
		unsigned char low, high;

		p += *p == '\\';
		low = high = (unsigned char)*p++;
		if (*p == '-' && p[1] != ']') {
			p++;
			p += *p == '\\';
			high = (unsigned char)*p++;
		}
		in = in || (low <= (unsigned char)c && (unsigned char)c <= high);
	}
	*pp = p + 1;
	return in != not &&(flat || c != '/');
}

/* All of S to END by P, which ends at a slash if it is not FLAT. */
static bool naive_glob(const char *p, const char *s, const char *end, bool flat)
{
	if (*p == '\0' || (!flat && *p == '/'))
		return s == end;
	if (*p == '*')
		return naive_glob(p + 1, s, end, flat) ||
		       (s < end && naive_glob(p, s + 1, end, flat));
	if (s == end)
		return false;
	if (*p == '[')
		return naive_class(&p, *s, flat) && naive_glob(p, s + 1, end, flat);
	p += *p == '\\';
	return (*p == *s || (*p == '?' && p[-1] != '\\')) && naive_glob(p + 1, s + 1, end, flat);
}

/* P and S at a slash or at their end. */
static bool naive_path(const char *p, const char *s)
{
	const char *p_next = *p ? strchrnul(p + 1, '/') : p;
	const char *s_next = *s ? strchrnul(s + 1, '/') : s;

	if (*p == '\0')
		return *s == '\0';
	if (strncmp(p, "/**", 3) == 0) {
		if (*p_next == '\0')
			return *s != '\0';
		return naive_path(p_next, s) || (*s && naive_path(p, s_next));
	}
	return *s && naive_glob(p + 1, s + 1, s_next, false) && naive_path(p_next, s_next);
}

static bool naive(const char *p, const char *s)
{
	if (*p != '/' || *s != '/')
		return naive_glob(p, s, s + strlen(s), true);
	if (p[1] == '\0' || s[1] == '\0')
		return strcmp(p, s) == 0;
	return naive_path(p, s);
}

static unsigned roll(unsigned *seed, unsigned n)
{
	return (unsigned)rand_r(seed) % n;
}

static void random_component(unsigned *seed, char *s, bool glob)
{
	static const char *const globs[] = {"*",   "*",	     "?",     "[ab]",	  "[!a]",
					    "\\a", "[b-d.]", "[]a-]", "[^\\]b-c]"};
	unsigned n = 1 + roll(seed, glob ? 4 : 6);
	char *end = s + strlen(s);

	if (glob && roll(seed, 5) == 0) {
		strcat(s, "**");
		return;
	}
	while (n--) {
		if (glob && roll(seed, 2) && !(end[0] && end[strlen(end) - 1] == '*'))
			strcat(s, globs[roll(seed, ARRAY_SIZE(globs))]);
		else
			strncat(s, &"aaabbbc.-]"[roll(seed, 10)], 1);
	}
}

static void random_path(unsigned *seed, char *s, bool glob)
{
	unsigned n = roll(seed, 12) ? 1 + roll(seed, 5) : 0;

	s[0] = '\0';
	if (roll(seed, 12) == 0) {
		strcpy(s, "pipe:");
		random_component(seed, s, glob);
		return;
	}
	if (n == 0)
		strcpy(s, "/");
	while (n--) {
		strcat(s, "/");
		random_component(seed, s, glob);
	}
}

/* A set of random patterns, held against the naive matcher with random paths. Returns matches. */
static unsigned one_set(unsigned *seed)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(MEMORY);
	static char patterns[100][256];
	struct pathset_item items[100];
	unsigned n = 0, matches = 0, want_n = 1 + roll(seed, roll(seed, 4) ? 12 : 100);
	unsigned share = 1 + roll(seed, 3);
	struct pathset *s;

	while (n < want_n) {
		const char *why;
		size_t at;

		random_path(seed, patterns[n], true);
		if (pathset_check(patterns[n], PATHSET_FILES, &at, &why) < 0)
			continue;
		items[n] = (struct pathset_item){patterns[n], n / share};
		n++;
	}
	s = set_new(a, PATHSET_FILES, items, n);
	for (unsigned i = 0; i < 30; i++) {
		uint64_t bitmap[2] = {0}, want[2] = {0};
		char path[256];

		do
			random_path(seed, path, false);
		while (strstr(path, "/./") || strstr(path, "/../"));
		assert_int_equal(pathset_match(s, path, strlen(path), bitmap), 0);
		for (unsigned j = 0; j < n; j++) {
			if (naive(patterns[j], path))
				want[items[j].id / 64] |= UINT64_C(1) << items[j].id % 64;
		}
		for (unsigned j = 0; j < n; j++) {
			uint64_t bit = UINT64_C(1) << items[j].id % 64;

			if ((bitmap[items[j].id / 64] ^ want[items[j].id / 64]) & bit)
				fail_msg("'%s' among %u patterns, path '%s'", patterns[j], n, path);
		}
		matches += (want[0] | want[1]) != 0;
	}
	return matches;
}

static void property(void **state)
{
	const char *text = getenv("PATHSET_SEED"), *rounds = getenv("PATHSET_ROUNDS");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : 20261124, matches = 0;
	unsigned n = rounds ? (unsigned)strtoul(rounds, NULL, 10) : ROUNDS;
	(void)state;

	for (unsigned i = 0; i < n; i++)
		matches += one_set(&seed);
	/* A test in which nothing matches would show little. */
	assert_true(matches > n);
}

/* ---- hostile ----------------------------------------------------------------------------- */

/* N bytes of UNIT again and again, behind HEAD and before TAIL. */
static char *repeat(const char *head, const char *unit, size_t n, const char *tail)
{
	char *s = malloc(strlen(head) + n + strlen(tail) + 1);

	assert_non_null(s);
	strcpy(s, head);
	while (strlen(s) + strlen(unit) <= strlen(head) + n)
		strcat(s, unit);
	return strcat(s, tail);
}

/* Would take longer than the universe lasts, if every way were tried; the limit is generous, since
 * the machine may be slow or a sanitizer at work. */
static void hostile(void **state)
{
	static const struct {
		const char *head, *unit, *tail, *path_head, *path_unit, *path_tail;
		bool yes;
	} rows[] = {
		{"/", "*a", "*b", "/", "a", "", false},
		{"/", "*a", "*", "/", "a", "", true},
		{"/**", "/a/**", "/b", "/a", "/a", "", false},
		{"/**", "/a/**", "/b", "/a", "/a", "/b", true},
		{"/**", "/*/**", "/b", "/a", "/a", "", false},
		{"/**", "/*a*a*/**", "/b", "/a", "/aaaaaaa", "", false},
		{"/**", "/*a*a*/**", "/b", "/a", "/aaaaaaa", "/b", true},
		{"", "/*a*", "/b", "", "/aaa", "", false},
		{"", "/?*?*", "/b", "", "/aaaa", "", false},
		{"/", "[ab]*", "c", "/", "ab", "", false},
		{"/", "?", "", "/", "a", "", true},
		{"memfd:", "*/", "b", "memfd:", "/", "", false},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *pattern =
			repeat(rows[i].head, rows[i].unit, PATHSET_PATTERN_MAX - 10, rows[i].tail);
		_cleanup_free_ char *path = repeat(rows[i].path_head, rows[i].path_unit,
						   PATHSET_PATH_MAX - 10, rows[i].path_tail);
		clock_t start = clock();
		bool yes = match_one(PATHSET_FILES, pattern, path, strlen(path));

		if (getenv("PATHSET_TIMES"))
			print_message("row %zu: %.1f ms\n", i,
				      (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC);
		if (yes != rows[i].yes)
			fail_msg("row %zu", i);
		assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	}
}

/* Many globs that overlap, all of them within each other's loops. */
static void hostile_set(void **state)
{
	enum { N = 2000 };
	_cleanup_(arena_freep) struct arena *a = arena_new(MEMORY);
	_cleanup_free_ char *path = repeat("", "/ab", PATHSET_PATH_MAX - 3, "");
	struct pathset_item *items = calloc(N, sizeof(*items));
	uint64_t bitmap[IDSET_WORDS(N)] = {0};
	unsigned seed = 1;
	clock_t start;
	(void)state;

	assert_non_null(items);
	for (unsigned i = 0; i < N; i++) {
		static const char *const parts[] = {"/**", "/*a*b*", "/*b*", "/a?", "/[ab]*"};
		char *s = calloc(1, 256);

		assert_non_null(s);
		for (unsigned j = 0; j < 12; j++)
			strcat(s, parts[roll(&seed, ARRAY_SIZE(parts))]);
		items[i] = (struct pathset_item){strcat(s, i % 2 ? "/**" : "/x"), i};
	}
	start = clock();
	assert_int_equal(
		pathset_match(set_new(a, PATHSET_FILES, items, N), path, strlen(path), bitmap), 0);
	if (getenv("PATHSET_TIMES"))
		print_message("set: %.1f ms\n", (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC);
	assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
	for (unsigned i = 0; i < N; i++)
		free((char *)items[i].pattern);
	free(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_rows),  cmocka_unit_test(check_length),
		cmocka_unit_test(match_rows),  cmocka_unit_test(match_abstract),
		cmocka_unit_test(match_ids),   cmocka_unit_test(limits),
		cmocka_unit_test(property),    cmocka_unit_test(hostile),
		cmocka_unit_test(hostile_set),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
