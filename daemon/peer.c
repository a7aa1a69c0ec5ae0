/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer.c - who is at the other end of a Unix socket, by the kernel's word.
 *
 * SO_PEERCRED and SO_PEERPIDFD are of the moment of connect(2) and stay true. What /proc and
 * the control group say is found by number, and a number can be given to another process: it is
 * believed only where the descriptor says afterwards that the process is still there.
 */
#include "daemon/peer.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <systemd/sd-login.h>

#include "proto/base.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

#define SECCOMP_MODE_OF_FILTER '2'

void peer_done(struct peer *p)
{
	free(p->groups);
	free(p->unit);
	free(p->slice);
	close_fd(p->pidfd);
	memset(p, 0, sizeof(*p));
	p->pidfd = -1;
}

static int peer_groups(int fd, struct peer *p)
{
	socklen_t len = 0;
	gid_t *groups = NULL;

	/* The number does not change: it is of the moment of connect(2). */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) < 0 && errno != ERANGE)
		return errno == ENOPROTOOPT || errno == ENODATA ? 0 : -errno;
	if (len == 0)
		return 0;
	groups = malloc(len);
	if (!groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0) {
		free(groups);
		return -errno;
	}
	p->groups = groups;
	p->n_groups = len / sizeof(*groups);
	return 0;
}

static int peer_open_pidfd(int fd, struct peer *p)
{
	socklen_t len = sizeof(p->pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &p->pidfd, &len) == 0)
		return 0;
	p->pidfd = -1;
	if (errno == ESRCH || errno == EINVAL) /* reaped */
		return -ESRCH;
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return -errno;
	if (p->pid <= 0)
		return 0;
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd >= 0)
		return 0;
	p->pidfd = -1;
	return errno == ESRCH || errno == EMFILE || errno == ENFILE ? -errno : 0;
}

/* A small file of /proc/PID, NUL-terminated. Its length or -errno. */
static ssize_t proc_file(pid_t pid, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	size_t len = 0;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

static void peer_comm(struct peer *p)
{
	char buf[32];

	if (proc_file(p->pid, "comm", buf, sizeof(buf)) < 0)
		return;
	buf[strcspn(buf, "\n")] = '\0';
	(void)snprintf(p->comm, sizeof(p->comm), "%.15s", buf);
}

/* What cannot be told counts as supervised: it takes rights away, it gives none. */
static bool peer_is_supervised(const struct peer *p)
{
	char buf[8192];
	const char *line;

	if (proc_file(p->pid, "status", buf, sizeof(buf)) < 0)
		return true;
	line = strstr(buf, "\nSeccomp:");
	if (!line)
		return true;
	line += strlen("\nSeccomp:");
	while (*line == ' ' || *line == '\t')
		line++;
	return !isdigit((unsigned char)*line) || *line == SECCOMP_MODE_OF_FILTER;
}

static int peer_unit(struct peer *p)
{
	int r = sd_pid_get_unit(p->pid, &p->unit);

	if (r == -ESRCH || r == -ENOMEM)
		return r;
	if (r < 0 && !(p->unit = strdup("")))
		return -ENOMEM;
	r = sd_pid_get_slice(p->pid, &p->slice);
	if (r == -ESRCH || r == -ENOMEM)
		return r;
	if (r < 0 && !(p->slice = strdup("")))
		return -ENOMEM;
	return 0;
}

static bool peer_alive(const struct peer *p)
{
	struct pollfd pfd = {.fd = p->pidfd, .events = POLLIN};

	/* Without such a descriptor nothing better can be said. */
	return p->pidfd < 0 || poll(&pfd, 1, 0) == 0;
}

/* All that is found by the number of the process. */
static int peer_describe(struct peer *p)
{
	int r;

	p->supervised = true;
	if (p->pid <= 0) {
		/* Of a pid namespace beside ours; 0 would mean this very process to sd-login. */
		p->pid = 0;
		p->unit = strdup("");
		p->slice = strdup("");
		return p->unit && p->slice ? 0 : -ENOMEM;
	}
	p->supervised = peer_is_supervised(p);
	peer_comm(p);
	r = peer_unit(p);
	if (r < 0)
		return r;
	return peer_alive(p) ? 0 : -ESRCH;
}

int peer_read(int fd, struct peer *ret)
{
	struct peer p = {.pidfd = -1};
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	p.pid = cred.pid;
	p.uid = cred.uid;
	p.gid = cred.gid;
	r = peer_open_pidfd(fd, &p);
	if (r == 0)
		r = peer_groups(fd, &p);
	if (r == 0)
		r = peer_describe(&p);
	if (r < 0) {
		peer_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

int peer_check_free(const struct peer *p)
{
	bool supervised = p->supervised || peer_is_supervised(p);

	/* Only now it is sure that it was this process that was looked at. */
	if (!peer_alive(p))
		return -ESRCH;
	return supervised ? -EPERM : 0;
}

int peer_root(const struct peer *p)
{
	char path[64];
	int fd;

	if (p->pid <= 0 || p->pidfd < 0)
		return -ESRCH;
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)p->pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (peer_alive(p))
		return fd;
	close_fd(fd);
	return -ESRCH;
}
