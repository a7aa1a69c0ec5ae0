/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.h - rows of cells as aligned lines. Cells are escaped: what a target or
 * a client chose cannot steer a terminal.
 */
#ifndef SECCOMPD_CLIENT_TABLE_H
#define SECCOMPD_CLIENT_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "proto/base.h"

enum table_style { TABLE_PLAIN, TABLE_BOLD, TABLE_GOOD, TABLE_BAD, TABLE_DIM };

struct table;
/* HEADERS: N texts, borrowed; NULL: no line of headers. NULL where memory is short. */
struct table *table_new(const char *const *headers, size_t n);
struct table *table_free(struct table *t);
/* The next cell, row by row; what is missing at the end of a row stays empty. Where memory is
 * short the table is broken and says so when it is printed. */
void table_add(struct table *t, const char *text);
void table_addf(struct table *t, const char *fmt, ...) _printf_(2, 3);
void table_styled(struct table *t, enum table_style style, const char *text);
void table_end_row(struct table *t);
/* 0 or -ENOMEM. */
int table_print(const struct table *t, FILE *f, bool colour);

/* TEXT escaped, allocated; NULL where memory is short. */
char *table_escape(const char *text);

#endif
