/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* idset.c - a fixed set of small numbers */
#include "daemon/idset.h"

#include <errno.h>

int idset_make(struct arena *a, const unsigned *ids, size_t n, struct idset *ret)
{
	struct idset s = {0};
	struct idword *w;

	for (size_t i = 0; i < n; i++)
		s.n += i == 0 || ids[i] / 64 != ids[i - 1] / 64;
	if (n > 0) {
		w = arena_alloc(a, s.n, sizeof(*w));
		if (!w)
			return -ENOMEM;
		s.words = w;
		for (size_t i = 0; i < n; i++) {
			if (i > 0 && ids[i] / 64 != ids[i - 1] / 64)
				w++;
			w->at = ids[i] / 64;
			w->bits |= UINT64_C(1) << ids[i] % 64;
		}
	}
	*ret = s;
	return 0;
}
