/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * helpers.h - what several test programs do to the kernel.
 */
#ifndef SECCOMPD_TESTS_HELPERS_H
#define SECCOMPD_TESTS_HELPERS_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "daemon/notif.h"
#include "proto/base.h"

#define SEND_FDS_MAX 253 /* the kernel's */

/* A filter that notifies system call NR alone: its listener, or -errno. */
static inline int load_one(int nr, bool wait_killable)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY_SIZE(insns), insns};

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return notif_load(&prog, wait_killable);
}

static inline int load_getppid(bool wait_killable)
{
	return load_one(SYS_getppid, wait_killable);
}

/* TEXT with the N descriptors of FDS; FLAGS (MSG_NOSIGNAL among them) and result as sendmsg(2)'s.
 */
static inline ssize_t send_fds(int sock, const char *text, const int *fds, size_t n, int flags)
{
	char control[CMSG_SPACE(sizeof(int) * SEND_FDS_MAX)] = {0};
	struct iovec iov = {.iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = CMSG_SPACE(sizeof(int) * n)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	return sendmsg(sock, &m, flags | MSG_NOSIGNAL);
}

#endif
