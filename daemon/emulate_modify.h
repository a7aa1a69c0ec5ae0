/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * emulate_modify.h - making, removing, renaming and linking files, and changing their mode, owner,
 * size, times and extended attributes by a path, done for the target.
 *
 * Calls that do this to an open descriptor (fchmod, fchown, ftruncate, fsetxattr, fremovexattr,
 * futimens) are none of these: it was decided when the descriptor was opened.
 *
 * What remains different from the kernel's own:
 *   - fsnotify, audit and security modules see the daemon; pages and inodes are accounted to it
 *   - linkat(2) with AT_EMPTY_PATH wants CAP_DAC_READ_SEARCH, as before Linux 6.10, which also
 *     takes it from who opened the descriptor
 *   - truncate(2) beyond RLIMIT_FSIZE is EFBIG, but no SIGXFSZ is sent
 *   - setxattrat(2) and removexattrat(2) with an empty path take descriptors of O_PATH too, and
 *     both take AT_FDCWD
 *   - below /proc/self/fd and the like nothing is found to be made or removed: EACCES is another
 *     error than the kernel's
 *   - mount points of the target's namespace are EBUSY before what else is wrong with removing or
 *     renaming them, and so are those of the daemon's that are none to the target
 *   - nodes of devices are made only where the target is in the daemon's cgroups, since those of
 *     the caller would be asked for the permission
 */
#ifndef SECCOMPD_DAEMON_EMULATE_MODIFY_H
#define SECCOMPD_DAEMON_EMULATE_MODIFY_H

#include <linux/limits.h>
#include <time.h>

#include "daemon/emulate.h"

/* One path of a call. */
struct modify_path {
	/* As the target said it. */
	int dirfd;
	int err; /* 0, or what reading it gave */
	char given[PATH_MAX];

	/* What is meant. */
	int fd;		  /* the object, or the directory of the entry, O_PATH */
	const char *last; /* of an entry: its name, with the slashes behind it; in `given` */
	char name[PATH_MAX];
};

struct emulate_modify {
	const struct modify_way *way; /* how the call is done */
	/* It is about a descriptor alone, as the registers say, and goes on by itself: no rule on
	 * path changes is to be asked. */
	bool by_descriptor;
	bool nothing; /* it does nothing, and does not even look at the path */

	/* As the target said it; what the call does not have is not set. */
	struct modify_path paths[2]; /* rename and link: from and to */
	unsigned flags;		     /* AT_* and RENAME_* */
	mode_t mode;
	unsigned dev;
	uid_t uid;
	gid_t gid;
	int64_t length;
	uint64_t size_limit;
	bool now; /* no times were given */
	struct timespec times[2];
	char xattr[XATTR_NAME_MAX + 1];
	void *value; /* owned */
	size_t value_size;
	int xattr_flags;

	/* What is meant: the names that rules are asked about, of objects and entries. */
	unsigned n_names;
	const char *names[2];
};

/* Results are those of emulate.h; 0 of emulate_modify_do() is the call's. emulate_modify_done() in
 * any case. */
int emulate_modify_read(const struct emulate *e, enum modify_form form, const uint64_t args[6],
			struct emulate_modify *ret);
/* Finds the objects and directories, and their names. May be called again: what it finds is of now.
 */
int emulate_modify_look(const struct emulate *e, struct emulate_modify *m);
int emulate_modify_do(const struct emulate *e, struct emulate_modify *m);
void emulate_modify_done(struct emulate_modify *m);

#endif
