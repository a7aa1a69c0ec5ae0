/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.c - rows of cells as aligned lines.
 */
#include "client/table.h"

#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "proto/record.h"

#define GAP	  2
#define WIDTH_MAX 60 /* a longer cell does not widen its column */

struct cell {
	char *text;
	enum table_style style;
};

struct table {
	const char *const *headers;
	size_t columns;
	struct cell *cells;
	size_t n, size;
	bool broken;
};

static const char *const style_codes[] = {
	[TABLE_PLAIN] = "",	  [TABLE_BOLD] = "\033[1m", [TABLE_GOOD] = "\033[32m",
	[TABLE_BAD] = "\033[31m", [TABLE_DIM] = "\033[2m",
};

struct table *table_new(const char *const *headers, size_t n)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t) {
		t->headers = headers;
		t->columns = n;
	}
	return t;
}

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
	return NULL;
}

char *table_escape(const char *text)
{
	size_t size = 4 * strlen(text) + 2;
	char *buf = malloc(size);

	if (buf)
		(void)record_escape(buf, size, text);
	return buf;
}

void table_styled(struct table *t, enum table_style style, const char *text)
{
	struct cell *cells;

	if (t->n == t->size) {
		size_t size = t->size ? 2 * t->size : 64;

		cells = realloc(t->cells, size * sizeof(*cells));
		if (!cells) {
			t->broken = true;
			return;
		}
		t->cells = cells;
		t->size = size;
	}
	t->cells[t->n] = (struct cell){table_escape(text), style};
	if (t->cells[t->n].text)
		t->n++;
	else
		t->broken = true;
}

void table_add(struct table *t, const char *text)
{
	table_styled(t, TABLE_PLAIN, text);
}

void table_addf(struct table *t, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		t->broken = true;
	}
	va_end(ap);
	if (text)
		table_add(t, text);
}

void table_end_row(struct table *t)
{
	while (!t->broken && t->n % t->columns)
		table_add(t, "");
}

/* Columns on a terminal. */
static size_t text_width(const char *s)
{
	size_t width = 0, step;
	uint32_t cp;

	for (; *s; s += step) {
		int w;

		step = record_utf8(s, &cp);
		w = step ? wcwidth((wchar_t)cp) : 1;
		width += w < 0 ? 1 : (size_t)w;
		if (!step)
			step = 1;
	}
	return width;
}

static void widen(size_t *width, const char *text)
{
	size_t w = text_width(text);

	if (w <= WIDTH_MAX && w > *width)
		*width = w;
}

static size_t *column_widths(const struct table *t)
{
	size_t *widths = calloc(t->columns, sizeof(*widths));

	if (!widths)
		return NULL;
	for (size_t c = 0; t->headers && c < t->columns; c++)
		widen(&widths[c], t->headers[c]);
	for (size_t i = 0; i < t->n; i++)
		widen(&widths[i % t->columns], t->cells[i].text);
	return widths;
}

static void print_cell(FILE *f, const char *text, enum table_style style, size_t width, bool last,
		       bool colour)
{
	size_t w = text_width(text);

	if (colour && style != TABLE_PLAIN)
		(void)fprintf(f, "%s%s\033[0m", style_codes[style], text);
	else
		(void)fputs(text, f);
	if (!last)
		(void)fprintf(f, "%*s", (int)((w < width ? width - w : 0) + GAP), "");
	else
		(void)fputc('\n', f);
}

/* Is everything behind column C of the row empty? Nothing is to be aligned to then. */
static bool rest_is_empty(const struct table *t, size_t row, size_t c)
{
	while (++c < t->columns)
		if (t->cells[row * t->columns + c].text[0])
			return false;
	return true;
}

int table_print(const struct table *t, FILE *f, bool colour)
{
	_cleanup_free_ size_t *widths = t->broken ? NULL : column_widths(t);

	if (!widths)
		return -ENOMEM;
	for (size_t c = 0; t->headers && c < t->columns; c++)
		print_cell(f, t->headers[c], TABLE_BOLD, widths[c], c + 1 == t->columns, colour);
	for (size_t row = 0; row < t->n / t->columns; row++) {
		for (size_t c = 0; c < t->columns; c++) {
			const struct cell *cell = &t->cells[row * t->columns + c];
			bool last = rest_is_empty(t, row, c);

			print_cell(f, cell->text, cell->style, widths[c], last, colour);
			if (last)
				break;
		}
	}
	return 0;
}
