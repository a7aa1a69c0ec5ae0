/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * base.h - small helpers that every program of the tree uses: cleanup
 * attributes, ownership transfer, array sizes, bounded string formatting.
 */
#ifndef SECCOMPD_PROTO_BASE_H
#define SECCOMPD_PROTO_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))
#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))

#define _cleanup_free_	 _cleanup_(base_freep)
#define _cleanup_close_	 _cleanup_(base_closep)
#define _cleanup_fclose_ _cleanup_(base_fclosep)

/* Give ownership away: the variable is left empty, its old value is the result. */
#define TAKE_PTR(p)                         \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})
#define TAKE_FD(fd)                \
	({                         \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

static inline void base_freep(void *p)
{
	free(*(void **)p);
}

/* Closes FD where it is one, keeping errno; always returns -1: fd = close_fd(fd). */
static inline int close_fd(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return -1;
}

static inline void base_closep(int *fd)
{
	*fd = close_fd(*fd);
}

static inline void base_fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f);
	*f = NULL;
}

#endif
