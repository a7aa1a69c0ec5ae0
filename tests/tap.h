/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tap.h - the results of a live test program that does without cmocka: a line each, in TAP.
 */
#ifndef SECCOMPD_TESTS_TAP_H
#define SECCOMPD_TESTS_TAP_H

#include <stdbool.h>
#include <stdio.h>

static int tests, failures;

static inline void check(bool ok, const char *name)
{
	tests++;
	failures += !ok;
	printf("%sok %d - %s\n", ok ? "" : "not ", tests, name);
	/* Nothing is left for a child to print again. */
	(void)fflush(stdout);
}

/* The plan, and the exit status. */
static inline int tap_done(void)
{
	printf("1..%d\n", tests);
	return failures != 0;
}

#endif
