/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* diag.c - what is wrong with a file, all of it in one pass */
#include "daemon/diag.h"

#include <stdarg.h>
#include <string.h>

#include "daemon/utf8.h"

#define DIAG_TEXT_MAX 1024

/* Texts quote files that anyone may have written: nothing in them may steer a terminal, or be
 * no UTF-8. */
static char *diag_clean(const char *s)
{
	size_t len = strlen(s), n = 0;
	char *clean = malloc(len * 4 + 1);

	if (!clean)
		return NULL;
	while (len > 0) {
		uint32_t c;
		unsigned bytes = utf8_decode(s, len, &c);

		if (bytes == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			bytes = bytes ? bytes : 1;
			for (unsigned i = 0; i < bytes; i++)
				n += (size_t)snprintf(clean + n, 5, "\\x%02x",
						      (unsigned)(unsigned char)s[i]);
		} else {
			memcpy(clean + n, s, bytes);
			n += bytes;
		}
		s += bytes;
		len -= bytes;
	}
	clean[n] = '\0';
	return clean;
}

void diag_add(struct diag *d, const char *file, unsigned line, unsigned column, const char *fmt,
	      ...)
{
	char text[DIAG_TEXT_MAX];
	struct diag_item item = {.line = line, .column = column};
	struct diag_item *items;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (d->n >= DIAG_ITEMS_MAX) {
		d->dropped++;
		return;
	}
	item.file = diag_clean(file);
	item.text = diag_clean(text);
	items = realloc(d->items, (d->n + 1) * sizeof(*items));
	if (items)
		d->items = items;
	if (!item.file || !item.text || !items) {
		free(item.file);
		free(item.text);
		d->dropped++;
		return;
	}
	d->items[d->n++] = item;
}

static int diag_compare(const struct diag_item *a, const struct diag_item *b)
{
	int r = strcmp(a->file, b->file);

	if (r != 0)
		return r;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

/* Insertion: stable, and there are few. */
static void diag_sort(struct diag *d)
{
	for (size_t i = 1; i < d->n; i++) {
		struct diag_item item = d->items[i];
		size_t j = i;

		for (; j > 0 && diag_compare(&d->items[j - 1], &item) > 0; j--)
			d->items[j] = d->items[j - 1];
		d->items[j] = item;
	}
}

void diag_print(struct diag *d, FILE *f)
{
	diag_sort(d);
	for (size_t i = 0; i < d->n; i++) {
		const struct diag_item *item = &d->items[i];

		if (item->line > 0)
			fprintf(f, "%s:%u:%u: %s\n", item->file, item->line, item->column,
				item->text);
		else
			fprintf(f, "%s: %s\n", item->file, item->text);
	}
	if (d->dropped > 0)
		fprintf(f, "and %zu more\n", d->dropped);
}

char *diag_to_string(struct diag *d)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	bool failed;

	if (!f)
		return NULL;
	diag_print(d, f);
	failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

void diag_done(struct diag *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->items[i].file);
		free(d->items[i].text);
	}
	free(d->items);
	*d = (struct diag){0};
}
