/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mounts.h - the mounts that a target sees, as its kernel lists them: which of them answer at
 * once, and whether an object is on one of them at all.
 */
#ifndef SECCOMPD_DAEMON_MOUNTS_H
#define SECCOMPD_DAEMON_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct mounts;

/* The mounts of the process whose /proc directory is PROCDIR (not kept), under its root as it is
 * now. 0 or -errno. Several threads may use it. */
int mounts_new(int procdir, struct mounts **ret);
struct mounts *mounts_ref(struct mounts *m);
struct mounts *mounts_unref(struct mounts *m); /* always NULL; NULL is fine */

/*
 * The mount of an open (or O_PATH) descriptor's object. While the descriptor is open its mount
 * stays, and so does its number: the answer is of this very mount, whatever was mounted or
 * unmounted meanwhile. 0; -ENOENT: the object is on none of these mounts; -errno: it cannot be
 * told. *ret_prompt: does its file system answer from memory or a local disk, with no other
 * process or machine to wait for?
 */
int mounts_find(struct mounts *m, int fd, bool *ret_prompt);

#endif
