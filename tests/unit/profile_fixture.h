/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * profile_fixture.h - profiles from text.
 */
#ifndef SECCOMPD_TESTS_PROFILE_FIXTURE_H
#define SECCOMPD_TESTS_PROFILE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/profile.h"
#include "proto/base.h"

#define RULE "default: allow\nrules:\n  - " /* the rule's keys stand at column 5 of line 3 */
#define NEXT "\n    "

static inline struct profile *parse(const char *text)
{
	struct diag d = {0};
	struct profile *p = NULL;
	int r = profile_parse("t", "t.yaml", text, strlen(text), &p, &d);

	if (r < 0)
		diag_print(&d, stderr);
	assert_int_equal(r, 0);
	assert_int_equal(d.n, 0);
	diag_done(&d);
	return p;
}

static inline const struct match *match_of(const struct profile *p, const char *call, unsigned i)
{
	const struct sysent *s = profile_sysent(p, ARCH_X86_64, syscall_nr(ARCH_X86_64, call));

	assert_non_null(s);
	assert_true(i < s->n_matches);
	return &s->matches[i];
}

#endif
