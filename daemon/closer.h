/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * closer.h - closing descriptors that a stranger gave or may have filled, where
 * close(2) can take as long as he likes, outside of the main thread.
 */
#ifndef SECCOMPD_DAEMON_CLOSER_H
#define SECCOMPD_DAEMON_CLOSER_H

#include <stddef.h>
#include <sys/types.h>

struct closer;

struct closer *closer_new(void);
/* Does not wait for what still hangs. Always NULL. */
struct closer *closer_free(struct closer *c);

/* Takes the N descriptors of FDS over, on the account of UID. Never blocks. */
void closer_add(struct closer *c, uid_t uid, const int *fds, size_t n);
/* Before the first read of a connection that a stranger has made. */
void closer_prepare_connection(int fd);
/* Closes connection FD, a Unix socket, and the N descriptors of FDS (taken over): at once where
 * that takes no time, else as a job. */
void closer_add_connection(struct closer *c, uid_t uid, int fd, const int *fds, size_t n);
/* Jobs that are not done yet: of everybody, and of one uid. */
#define CLOSER_FULL 16384 /* of everybody: nothing should be accepted that may make more */
size_t closer_count(struct closer *c);
size_t closer_count_uid(struct closer *c, uid_t uid);

#endif
