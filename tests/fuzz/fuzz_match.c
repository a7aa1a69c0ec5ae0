/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_match.c - lines of any text as path globs, addresses and ports: refused with a reason, or
 * matched with each line as a name, where a pattern among others says what it says alone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/netset.h"
#include "daemon/pathset.h"
#include "proto/base.h"

#define LINES_MAX 64
#define MEMORY	  ((size_t)64 << 20)

static const char *const _unused_ fuzz_seeds[] = {
	"/etc/**\n/etc/a/b\n/**/*a*/**/b?[!c-e]\n/x/aba/y/bbb\n/**/[]a-]*b/*.so\n/a/]b/lib.so\n",
	"/*a*b*c\n/**/a/**/*b\n/a/**/a/**/*\n/abacbc\n/a/a/b/a/b\n/\\*\\?/[\\]x]\n/*?/]\n/**\n/\n",
	"pipe:*\npipe:[12]\nmemfd:*a*/[!b]\nmemfd:xa//c\n/data/*/x-1/**\n/data/q/x-1/y\n",
	"10.0.0.0/8\n::1\n8080\n9000-9010\n::ffff:10.0.0.0/104\nfe80::/10\nunix:/run/*\n",
	"unix:/run/*.sock\nunix:@a*\n0-65535\n/run/a.sock\nunix:/**/a\n1-9\n0.0.0.0/0\n",
};

struct lines {
	char *v[LINES_MAX];
	size_t n;
};

static void split(char *text, struct lines *ret)
{
	for (char *end; *text != '\0' && ret->n < LINES_MAX; text = end) {
		end = strchrnul(text, '\n');
		if (*end != '\0')
			*end++ = '\0';
		ret->v[ret->n++] = text;
	}
}

static uint64_t match(const struct pathset_item *items, size_t n, const char *name)
{
	struct arena *a = arena_new(MEMORY);
	struct pathset *s = NULL;
	uint64_t bitmap = 0;

	if (!a || pathset_new(a, PATHSET_FILES, items, n, &s) < 0)
		abort();
	if (pathset_match(s, name, strlen(name), &bitmap) < 0 && bitmap)
		abort();
	(void)arena_free(a);
	return bitmap;
}

static void try_paths(const struct lines *lines)
{
	struct pathset_item items[LINES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < lines->n; i++) {
		const char *why = NULL;
		size_t at = 0;

		if (pathset_check(lines->v[i], PATHSET_FILES, &at, &why) == 0) {
			items[n] = (struct pathset_item){lines->v[i], (unsigned)n};
			n++;
		} else if (!why || at > strlen(lines->v[i])) {
			abort();
		}
	}
	for (size_t i = 0; i < lines->n; i++) {
		uint64_t all = match(items, n, lines->v[i]), each = 0;

		for (size_t j = 0; j < n; j++)
			each |= match(&items[j], 1, lines->v[i]);
		if (all != each)
			abort();
	}
}

static void try_net(const struct lines *lines)
{
	struct netset_item items[2 * LINES_MAX];
	struct arena *a = arena_new(MEMORY);
	struct netset *s = NULL;
	size_t n = 0;

	for (size_t i = 0; i < lines->n; i++) {
		char why[2][NETSET_WHY_MAX] = {"", ""};
		bool address = netset_parse_address(lines->v[i], &items[n], why[0]) == 0;
		bool port;

		n += address;
		port = netset_parse_port(lines->v[i], &items[n], why[1]) == 0;
		n += port;
		if (address == (*why[0] != '\0') || port == (*why[1] != '\0'))
			abort();
	}
	for (size_t i = 0; i < n; i++)
		items[i].id = (unsigned)i;
	if (!a || netset_new(a, items, n, (unsigned)n, &s) < 0)
		abort();
	for (size_t i = 0; i < lines->n; i++) {
		static const sa_family_t families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
		size_t len = strlen(lines->v[i]);
		struct netset_facts f = {
			.port = (uint16_t)len, .name = lines->v[i], .name_len = len};
		uint64_t bitmap[IDSET_WORDS(2 * LINES_MAX)] = {0};

		memcpy(f.address, lines->v[i], len < 16 ? len : 16);
		for (size_t j = 0; j < ARRAY_SIZE(families); j++) {
			f.family = families[j];
			(void)netset_match(s, &f, bitmap);
		}
	}
	(void)arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	struct lines lines = {0};

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	split(text, &lines);
	try_paths(&lines);
	try_net(&lines);
	return 0;
}

#include "tests/fuzz/fuzz_main.h"
