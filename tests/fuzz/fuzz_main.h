/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_main.h - a main for a fuzz harness where libFuzzer is not at hand: runs the files that
 * are named, else mutations of the harness' own seeds, always the same ones. Included once, by
 * a harness that has defined fuzz_seeds, an array of strings.
 */
#ifndef SECCOMPD_TESTS_FUZZ_MAIN_H
#define SECCOMPD_TESTS_FUZZ_MAIN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef FUZZ_LIBFUZZER

#ifndef FUZZ_RUNS
#define FUZZ_RUNS 2000
#endif
#define FUZZ_SIZE ((size_t)64 * 1024)

/* xorshift64*: the same run everywhere. */
static uint64_t fuzz_random(uint64_t *x)
{
	*x ^= *x >> 12;
	*x ^= *x << 25;
	*x ^= *x >> 27;
	return *x * UINT64_C(0x2545f4914f6cdd1d);
}

/* One change of the N bytes at BUF: a byte, a piece taken out, doubled, or from another place. */
static size_t fuzz_mutate(char *buf, size_t n, uint64_t *x)
{
	static const char special[] = "{}[]:,-|>&*!%@`'\"#\n \t\0\xff\xc3?~0x.";
	size_t at, len;

	if (n == 0) {
		buf[0] = special[fuzz_random(x) % sizeof(special)];
		return 1;
	}
	at = fuzz_random(x) % n;
	len = 1 + fuzz_random(x) % 32;
	len = len > n - at ? n - at : len;
	switch (fuzz_random(x) % 6) {
	case 0:
		buf[at] = (char)fuzz_random(x);
		return n;
	case 1:
		buf[at] = special[fuzz_random(x) % sizeof(special)];
		return n;
	case 2:
		memmove(buf + at, buf + at + len, n - at - len);
		return n - len;
	case 3:
		if (n + len > FUZZ_SIZE)
			return n;
		memmove(buf + at + len, buf + at, n - at);
		return n + len;
	case 4:
		memmove(buf + at, buf + fuzz_random(x) % (n - len + 1), len);
		return n;
	default:
		return at;
	}
}

static void fuzz_one(const char *seed, size_t n, uint64_t *x)
{
	_cleanup_free_ char *buf = malloc(FUZZ_SIZE);
	size_t changes = 1 + fuzz_random(x) % 6;
	char *exact;

	if (!buf)
		abort();
	memcpy(buf, seed, n);
	while (changes-- > 0)
		n = fuzz_mutate(buf, n, x);
	/* A block of just the size, so that a sanitizer sees the first byte too many. */
	exact = malloc(n ? n : 1);
	if (!exact)
		abort();
	memcpy(exact, buf, n);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)exact, n);
	free(exact);
}

static int fuzz_file(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *buf = malloc(4 << 20);
	size_t n;

	if (!f || !buf) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	n = fread(buf, 1, 4 << 20, f);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)buf, n);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t x = UINT64_C(0x5ecc0de5);
	int r = 0;

	for (int i = 1; i < argc; i++)
		r |= fuzz_file(argv[i]);
	if (argc > 1)
		return r;
	printf("1..1\n");
	for (size_t i = 0; i < ARRAY_SIZE(fuzz_seeds); i++)
		(void)LLVMFuzzerTestOneInput((const uint8_t *)fuzz_seeds[i], strlen(fuzz_seeds[i]));
	for (unsigned i = 0; i < FUZZ_RUNS; i++) {
		const char *seed = fuzz_seeds[i % ARRAY_SIZE(fuzz_seeds)];

		fuzz_one(seed, strlen(seed), &x);
	}
	printf("ok 1 - %d mutations\n", FUZZ_RUNS);
	return 0;
}

#endif
#endif
