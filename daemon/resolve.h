/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.h - which object a path means to the target: its root, its working
 * directory or descriptor, symbolic links, `..`, /proc/self, openat2's RESOLVE_*.
 */
#ifndef SECCOMPD_DAEMON_RESOLVE_H
#define SECCOMPD_DAEMON_RESOLVE_H

#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* From where, and for whom. The calling thread has the target's rights (rights.h), so that the
 * kernel checks each step as it would have for the target. Descriptors are borrowed. */
struct resolve_ctx {
	int root;  /* the target's root, O_PATH */
	int start; /* where a relative path begins, or -errno: what such a path gets */
	uid_t fsuid;
	pid_t tgid, tid;	     /* what the target is called in our /proc, ... */
	pid_t inner_tgid, inner_tid; /* ... and in that of its own pid namespace */
	bool may_block;		     /* false: -EAGAIN where the answer is not in memory */
	/* Does a file system answer from memory or a local disk? Asked where may_block is false,
	 * with an O_PATH descriptor; NULL: none does. */
	bool (*is_prompt)(void *data, int fd);
	/* openat2(2) with the daemon's rights, for what is below the target's own directory in
	 * /proc: to a process that cannot be looked at (PR_SET_DUMPABLE) that is open all the
	 * same. A descriptor or -errno. NULL: with the thread's rights. */
	int (*open_own)(void *data, int dirfd, const char *name, const struct open_how *how);
	void *data;
};

#define RESOLVED_LINKS_MAX 40 /* symbolic links on the way, as in the kernel */

enum resolve_flags {
	RESOLVE_LINK = 1 << 0,	/* a symbolic link at the end is itself what is meant */
	RESOLVE_ENTRY = 1 << 1, /* the entry of a directory is meant, which need not be there yet */
};

/* What was found. Owned: resolved_done(). */
struct resolved {
	int fd;	    /* the object, O_PATH; -1: there is none (RESOLVE_ENTRY only) */
	int dir;    /* RESOLVE_ENTRY: the directory of the entry, O_PATH; -1 where the path ends in
		       `.`, `..`, `/` or a magic link, and so names no entry */
	bool slash; /* a slash at the end: it must be a directory. Of an entry it is not looked at
		     */
	char last[NAME_MAX + 1]; /* RESOLVE_ENTRY: the entry's name, "" where there is none */
};
void resolved_done(struct resolved *r);

/*
 * HOW: openat2(2)'s RESOLVE_* bits. 0, or -errno as the kernel's: ENOENT, ENOTDIR, EACCES, ELOOP,
 * ENAMETOOLONG, EXDEV, ...; -EAGAIN: it takes a thread that may block. Where it differs from the
 * kernel: a path that grows beyond 12 KiB by links is ENAMETOOLONG, and RESOLVE_CACHED is left
 * out (may_block is what decides).
 */
int resolve(const struct resolve_ctx *ctx, const char *path, unsigned flags, uint64_t how,
	    struct resolved *ret);

/*
 * The name of the object FD by the kernel's word, at this moment, as it is below the directory ROOT
 * (O_PATH; the client's root): an absolute path, or a name such as "pipe:[1]" of what has no path.
 * A file that was removed has the name that it had last. 0; -EXDEV: it is not below that root;
 * -ENAMETOOLONG; other -errno. May read from the disk only for a name that ends in " (deleted)".
 */
int resolve_name(int fd, int root, char *buf, size_t size);

#endif
