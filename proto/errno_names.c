/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * errno_names.c - error numbers and their names.
 */
#include "proto/record.h"

#include <errno.h>
#include <string.h>

#include "proto/base.h"

/* The kernel's own numbers go up to MAX_ERRNO; those that have a name stay far below. */
#define ERRNO_NAMED_MAX 256

/* Second names of a number, which strerrorname_np(3) does not give. */
static const struct {
	const char *name;
	int err;
} errno_aliases[] = {
	{"EWOULDBLOCK", EWOULDBLOCK},
	{"EDEADLOCK", EDEADLOCK},
	{"EOPNOTSUPP", EOPNOTSUPP},
	{"ENOTSUP", ENOTSUP},
};

const char *errno_to_name(int err)
{
	if (err <= 0 || err > ERRNO_NAMED_MAX)
		return NULL;
	return strerrorname_np(err);
}

int errno_from_name(const char *name)
{
	if (!name)
		return 0;
	for (int err = 1; err <= ERRNO_NAMED_MAX; err++) {
		const char *known = strerrorname_np(err);

		if (known && strcmp(known, name) == 0)
			return err;
	}
	for (size_t i = 0; i < ARRAY_SIZE(errno_aliases); i++)
		if (strcmp(errno_aliases[i].name, name) == 0)
			return errno_aliases[i].err;
	return 0;
}
