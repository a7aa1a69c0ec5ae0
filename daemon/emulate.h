/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * emulate.h - doing a system call for its target: first it is looked at (what is meant, so that
 * rules can be asked), then done on just the object that was looked at.
 */
#ifndef SECCOMPD_DAEMON_EMULATE_H
#define SECCOMPD_DAEMON_EMULATE_H

#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "daemon/mounts.h"
#include "daemon/operation.h"
#include "daemon/resolve.h"
#include "daemon/rights.h"
#include "daemon/syscalls.h"
#include "daemon/target.h"

/* For whom, shared by all operations. Borrowed but for what is said. */
struct emulate {
	struct target *target;
	const struct rights *rights;
	pid_t tgid, inner_tgid, inner_tid; /* see struct resolve_ctx */
	struct mounts *mounts;		   /* of the target; NULL: nothing answers at once */
	int client_root;		   /* names are below it */
	enum arch arch;
	bool may_block; /* on a thread of the slow lane */
};

/*
 * open, creat, openat, openat2. Results, of all functions: 0 or a descriptor; -EAGAIN where
 * may_block is false: to be done again where it may; any other -errno is the answer to the target,
 * but that
 *   -ESRCH    the target is gone, where its notification is not valid any more
 *   -ENOTRECOVERABLE  it cannot be worked out: the configured denial
 */
struct emulate_open {
	/* As the target said it. */
	int dirfd;
	uint64_t path_addr;
	struct open_how how; /* with O_LARGEFILE as the call has it */
	bool small_files;    /* a 32-bit call without O_LARGEFILE: EOVERFLOW from 2 GiB on */
	bool by_kernel;	     /* once it is allowed the kernel does it: see below */
	char path[PATH_MAX];

	/* What is meant. */
	unsigned access;     /* ACCESS_* */
	char name[PATH_MAX]; /* of the object, or of the entry that is to be made */
	struct resolved found;
	struct statx st; /* of found.fd, where there is an object */
};

/*
 * O_PATH: the kernel puts no such descriptor into another process (ADDFD: EBADF). It gives nothing
 * that stat(2) would not: whatever is opened, connected to or executed through it is decided then.
 * So a call whose flags are in registers, and cannot change any more, goes on by itself, though its
 * path may change (BASIS_UNPROVEN); openat2(2) has the flags in memory and gets ENOSYS.
 */
/* Reads the arguments: ARGS are the registers. Where it fails there is nothing to be done() with.
 */
int emulate_open_read(const struct emulate *e, enum operation_form form, const uint64_t args[6],
		      struct emulate_open *ret);
/* Finds the object, and fills what is meant. May be called again: what it finds is of now. */
int emulate_open_look(const struct emulate *e, struct emulate_open *o);
/* Opens it: a descriptor of the daemon's with the flags of the call. -ESTALE: it changed since
 * emulate_open_look(), which is to be called again, and the rules be asked again. */
int emulate_open_do(const struct emulate *e, struct emulate_open *o);
void emulate_open_done(struct emulate_open *o);

#endif
