/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notif.h - the one boundary to the kernel's notification interface.
 */
#ifndef SECCOMPD_DAEMON_NOTIF_H
#define SECCOMPD_DAEMON_NOTIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <seccomp.h>

/* What this kernel has; found by trying, in a child process where a filter must be loaded. */
struct notif_features {
	bool user_notif;    /* SECCOMP_RET_USER_NOTIF, 5.0 */
	bool cont;	    /* SECCOMP_USER_NOTIF_FLAG_CONTINUE, 5.5 */
	bool addfd;	    /* SECCOMP_IOCTL_NOTIF_ADDFD, 5.9 */
	bool addfd_send;    /* SECCOMP_ADDFD_FLAG_SEND, 5.14 */
	bool wait_killable; /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, 5.19 */
	bool sync_wake_up;  /* SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, 6.6 */
	bool peer_pidfd;    /* SO_PEERPIDFD, 6.5 */
	bool pidfd_info;    /* PIDFD_GET_INFO, 6.13 */
};
/* 0 or -errno. */
int notif_probe(struct notif_features *ret);

/* Is FD a seccomp listener? The kernel's name of the file and its answer to ID_VALID decide. */
bool notif_is_listener(int fd);
/* SYNC_WAKE_UP where the kernel has it; no error where not. */
void notif_set_sync(int fd);

/* The buffers of one thread, sized by the kernel. */
struct notif {
	struct seccomp_notif *req;
	struct seccomp_notif_resp *resp;
	size_t req_size, resp_size;
};
int notif_init(struct notif *n);
void notif_done(struct notif *n);

/* The next notification into n->req (zeroed before). Call only after poll(2) said POLLIN. 0;
 * -ENOENT: its target went in between; -EINTR; other -errno. */
int notif_receive(struct notif *n, int fd);
/* Answers ID. 0; -ENOENT: the target is gone; -EINPROGRESS: answered already. */
int notif_continue(struct notif *n, int fd, uint64_t id);
int notif_error(struct notif *n, int fd, uint64_t id, int err); /* err: positive */
int notif_return(struct notif *n, int fd, uint64_t id, int64_t value);
bool notif_valid(int fd, uint64_t id);
/*
 * Puts a copy of the descriptor SRC into the target, with O_CLOEXEC or 0 as FLAGS: its number
 * there, or -errno; -EMFILE where the target may have no more. Waits until the target has run.
 * SEND: that number is the answer too, in one step. Where not, a call that a signal ends in between
 * leaves the target a descriptor that it knows nothing of: only with WAIT_KILLABLE_RECV.
 */
int notif_addfd(int fd, uint64_t id, int src, int flags, bool send);

/* seccomp(2) with SECCOMP_SET_MODE_FILTER and NEW_LISTENER (WAIT_KILLABLE_RECV where KILLABLE):
 * the listener, close-on-exec, or -errno. */
struct sock_fprog;
int notif_load(const struct sock_fprog *prog, bool killable);

#endif
