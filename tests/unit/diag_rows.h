/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * diag_rows.h - tables of bad files: text -> each "LINE:COLUMN: " and a part of the message.
 */
#ifndef SECCOMPD_TESTS_DIAG_ROWS_H
#define SECCOMPD_TESTS_DIAG_ROWS_H

#include <string.h>

#include "daemon/diag.h"

#define DIAG_ROW_ERRORS 12

struct diag_row {
	const char *text;
	const char *errors[DIAG_ROW_ERRORS]; /* "3:5: unknown key", all of them, in any order */
};

static inline bool diag_row_has(const struct diag *d, const char *error)
{
	for (size_t i = 0; i < d->n; i++) {
		char position[64];
		size_t n;

		n = (size_t)snprintf(position, sizeof(position), "%u:%u: ", d->items[i].line,
				     d->items[i].column);
		if (strncmp(error, position, n) == 0 && strstr(d->items[i].text, error + n))
			return true;
	}
	return false;
}

/* Exactly the errors of the row? Says on stderr what is not as it should be. */
static inline bool diag_row_check(const struct diag_row *row, struct diag *d)
{
	size_t n = 0;
	bool good = true;

	for (; n < DIAG_ROW_ERRORS && row->errors[n]; n++) {
		if (diag_row_has(d, row->errors[n]))
			continue;
		fprintf(stderr, "# missing: %s\n", row->errors[n]);
		good = false;
	}
	if (good && d->n == n && d->dropped == 0)
		return true;
	fprintf(stderr, "# for:\n%s\n# got (%zu, expected %zu):\n", row->text, d->n, n);
	diag_print(d, stderr);
	return false;
}

#endif
