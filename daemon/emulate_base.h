/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* emulate_base.h - what emulated operations share: the object that the target means, its name */
#ifndef SECCOMPD_DAEMON_EMULATE_BASE_H
#define SECCOMPD_DAEMON_EMULATE_BASE_H

#include "daemon/emulate.h"

/* A register as the target means it: i386 has half of one. x32 has the kernel look at whole ones.
 */
uint64_t emulate_register(const struct emulate *e, uint64_t reg);

/* resolve() from the descriptor DIRFD (or AT_FDCWD) of the target, with its rights. Flags and
 * results are its, but -ENOTRECOVERABLE where the rights could not be taken. */
int emulate_find(const struct emulate *e, int dirfd, const char *path, unsigned flags, uint64_t how,
		 struct resolved *ret);
/* The file of the target's descriptor DIRFD, or its working directory: O_PATH, or -errno. */
int emulate_start(const struct emulate *e, int dirfd);
/* Does the file system of FD answer at once? */
bool emulate_is_prompt(const struct emulate *e, int fd);

/*
 * The name of the object FD, or of ENTRY (up to its first slash, if any) in the directory FD; NULL:
 * of FD. -ENOTRECOVERABLE: there is none that a rule could be asked about: it is not below the
 * client's root, or on none of the target's mounts (what was handed to it from elsewhere).
 */
int emulate_name(const struct emulate *e, int fd, const char *entry, char *buf, size_t size);

/*
 * Cgroups say who may make and open device nodes, and the kernel looks at those of the caller: the
 * daemon's. Are the target's the same?
 */
bool emulate_same_cgroups(const struct emulate *e);

#endif
