/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer.h - who is at the other end of a Unix socket, by the kernel's word.
 */
#ifndef SECCOMPD_DAEMON_PEER_H
#define SECCOMPD_DAEMON_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct peer {
	pid_t pid; /* 0: not visible from here */
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary, SO_PEERGROUPS */
	size_t n_groups;
	int pidfd;  /* SO_PEERPIDFD, or pidfd_open() at once; -1 where neither works */
	char *unit; /* system unit, "" where there is none */
	char *slice;
	char comm[16];
	bool supervised; /* runs under a seccomp filter (mode 2), or that cannot be told */
};

/* What is read by pid is checked against the pidfd afterwards: a peer that died in between
 * gives -ESRCH. 0 or -errno. */
int peer_read(int fd, struct peer *ret);
/* Is the process still there, and under no filter? 0, -ESRCH, -EPERM. */
int peer_check_free(const struct peer *p);
/* The root directory of the process, O_PATH, or -errno: -ESRCH where it is gone, or cannot be told
 * from another of its number. */
int peer_root(const struct peer *p);
void peer_done(struct peer *p);

#endif
