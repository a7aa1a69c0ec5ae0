/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * diag.h - what is wrong with a file, all of it in one pass.
 */
#ifndef SECCOMPD_DAEMON_DIAG_H
#define SECCOMPD_DAEMON_DIAG_H

#include <stddef.h>
#include <stdio.h>

#include "proto/base.h"

struct diag_item {
	char *file;
	unsigned line; /* from 1; 0 where the whole file is meant */
	unsigned column;
	char *text;
};

/* Zero-initialised is empty. Keeps at most DIAG_ITEMS_MAX items and counts the rest. */
#define DIAG_ITEMS_MAX 200
struct diag {
	struct diag_item *items;
	size_t n;
	size_t dropped;
};

void diag_add(struct diag *d, const char *file, unsigned line, unsigned column, const char *fmt,
	      ...) _printf_(5, 6);
/* FILE:LINE:COLUMN: TEXT, a line each, sorted by file and position. */
void diag_print(struct diag *d, FILE *f);
/* The same as one allocated string, NULL where memory is short. */
char *diag_to_string(struct diag *d);
void diag_done(struct diag *d);

#endif
