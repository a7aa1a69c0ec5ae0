/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * notif.c - the one boundary to the kernel's notification interface: probing,
 * loading a filter, receiving and answering. libseccomp does what it can; what
 * 2.5.4 lacks (WAIT_KILLABLE_RECV, SYNC_WAKE_UP) are calls of the kernel's.
 */
#include "daemon/notif.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "proto/base.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   _IOW('!', 4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef PIDFD_GET_INFO_SIZED
/* struct pidfd_info of Linux 6.13, its first published size. */
#define PIDFD_GET_INFO_SIZED _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, 64)
#endif

enum probe_bit { PROBE_CONTINUE = 1, PROBE_ADDFD = 2, PROBE_ADDFD_SEND = 4, PROBE_SYNC = 8 };

int notif_load(const struct sock_fprog *prog, bool killable)
{
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	long fd;

	if (killable)
		flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);
	return fd < 0 ? -errno : (int)fd;
}

static bool probe_addfd(int listener, uint32_t flags)
{
	struct seccomp_notif_addfd a = {.flags = flags, .srcfd = (uint32_t)listener};

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a) < 0 && errno == ENOENT;
}

/* In a child: loads a filter that allows everything and asks its listener about calls that do
 * not exist; ENOENT says that the request itself was understood. */
static int probe_listener(void)
{
	struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
	struct sock_fprog prog = {1, &allow};
	struct seccomp_notif_resp r = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
	__u64 sync = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
	int bits = 0, fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 0;
	fd = notif_load(&prog, false);
	if (fd < 0)
		return 0;
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r) < 0 && errno == ENOENT)
		bits |= PROBE_CONTINUE;
	if (probe_addfd(fd, 0))
		bits |= PROBE_ADDFD;
	if (probe_addfd(fd, SECCOMP_ADDFD_FLAG_SEND))
		bits |= PROBE_ADDFD_SEND;
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, sync) == 0)
		bits |= PROBE_SYNC;
	return bits;
}

static int probe_in_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(probe_listener());
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static bool probe_peer_pidfd(void)
{
	int sv[2], fd = -1;
	socklen_t len = sizeof(fd);
	bool ok;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return false;
	ok = getsockopt(sv[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0;
	if (ok)
		close_fd(fd);
	close_fd(sv[0]);
	close_fd(sv[1]);
	return ok;
}

static bool probe_pidfd_info(void)
{
	uint64_t info[8] = {1}; /* mask: PIDFD_INFO_PID */
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	return fd >= 0 && ioctl(fd, PIDFD_GET_INFO_SIZED, info) == 0;
}

int notif_probe(struct notif_features *ret)
{
	struct notif_features f = {0};
	uint32_t action = SECCOMP_RET_USER_NOTIF;
	int bits;

	f.user_notif = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
	/* Unknown flags are EINVAL, known ones get as far as the missing program. */
	f.wait_killable = notif_load(NULL, true) == -EFAULT;
	bits = probe_in_child();
	if (bits < 0)
		return bits;
	f.cont = bits & PROBE_CONTINUE;
	f.addfd = bits & PROBE_ADDFD;
	f.addfd_send = bits & PROBE_ADDFD_SEND;
	f.sync_wake_up = bits & PROBE_SYNC;
	f.peer_pidfd = probe_peer_pidfd();
	f.pidfd_info = probe_pidfd_info();
	*ret = f;
	return 0;
}

bool notif_is_listener(int fd)
{
	char path[64], target[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	if (strcmp(target, "anon_inode:seccomp notify") != 0)
		return false;
	/* libseccomp says -ENOENT for every failure: errno is the kernel's word. */
	errno = 0;
	return seccomp_notify_id_valid(fd, 0) == 0 || errno == ENOENT;
}

void notif_set_sync(int fd)
{
	(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		    (unsigned long)SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

int notif_init(struct notif *n)
{
	struct seccomp_notif_sizes sizes;
	int r;

	memset(n, 0, sizeof(*n));
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return -errno;
	r = seccomp_notify_alloc(&n->req, &n->resp);
	if (r < 0)
		return r;
	/* The library allocates what the kernel says, or its own struct where that is greater. */
	n->req_size = sizes.seccomp_notif;
	if (n->req_size < sizeof(*n->req))
		n->req_size = sizeof(*n->req);
	n->resp_size = sizes.seccomp_notif_resp;
	if (n->resp_size < sizeof(*n->resp))
		n->resp_size = sizeof(*n->resp);
	return 0;
}

void notif_done(struct notif *n)
{
	if (n->req || n->resp)
		seccomp_notify_free(n->req, n->resp);
	memset(n, 0, sizeof(*n));
}

/* libseccomp 2.5.4 folds every failure of RECV and SEND into -ECANCELED and leaves the reason
 * in errno. */
static int notif_errno(int r)
{
	if (r == 0)
		return 0;
	return r == -ECANCELED && errno > 0 ? -errno : r;
}

int notif_receive(struct notif *n, int fd)
{
	memset(n->req, 0, n->req_size);
	errno = 0;
	return notif_errno(seccomp_notify_receive(fd, n->req));
}

static int notif_respond(struct notif *n, int fd, uint64_t id, int err, int64_t value,
			 uint32_t flags)
{
	int r;

	memset(n->resp, 0, n->resp_size);
	n->resp->id = id;
	n->resp->error = -err;
	n->resp->val = value;
	n->resp->flags = flags;
	do { /* the kernel takes its lock interruptibly: nothing was answered yet */
		errno = 0;
		r = notif_errno(seccomp_notify_respond(fd, n->resp));
	} while (r == -EINTR);
	return r;
}

int notif_continue(struct notif *n, int fd, uint64_t id)
{
	return notif_respond(n, fd, id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

int notif_error(struct notif *n, int fd, uint64_t id, int err)
{
	return notif_respond(n, fd, id, err, 0, 0);
}

int notif_return(struct notif *n, int fd, uint64_t id, int64_t value)
{
	return notif_respond(n, fd, id, 0, value, 0);
}

bool notif_valid(int fd, uint64_t id)
{
	int r;

	do {
		errno = 0;
		r = seccomp_notify_id_valid(fd, id);
	} while (r < 0 && errno == EINTR);
	return r == 0;
}

static int addfd(int fd, struct seccomp_notif_addfd *a)
{
	int r;

	do { /* what was interrupted did not happen */
		r = ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD, a);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int notif_addfd(int fd, uint64_t id, int src, int flags, bool send)
{
	struct seccomp_notif_addfd a = {
		.id = id,
		.flags = send ? SECCOMP_ADDFD_FLAG_SEND : 0,
		.srcfd = (uint32_t)src,
		.newfd_flags = (uint32_t)flags,
	};
	sigset_t all, old;
	int r;

	if (!send)
		return addfd(fd, &a);
	/* Interrupted, the call would be answered with 0 and have no descriptor. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = addfd(fd, &a);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}
