/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * caller.h - for tests: a process whose getppid(2) is notified, with registers of its choice.
 */
#ifndef SECCOMPD_TESTS_LIVE_CALLER_H
#define SECCOMPD_TESTS_LIVE_CALLER_H

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/helpers.h"
#include "tests/tap.h"

struct caller {
	pid_t pid;
	int listener;
	struct notif n; /* n.req: the last call */
};

/* In the caller. */
static inline long call(uint64_t a, uint64_t b, uint64_t c)
{
	return syscall(SYS_getppid, a, b, c);
}

/* A child that runs RUN(DATA) under the filter and ends. */
static inline void caller_start(struct caller *c, void (*run)(void *), void *data)
{
	int from[2], to[2], fd, pidfd;
	char b = 0;

	if (pipe2(from, O_CLOEXEC) < 0 || pipe2(to, O_CLOEXEC) < 0 || notif_init(&c->n) < 0)
		exit(99);
	c->pid = fork();
	if (c->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = load_getppid(true);
		if (write(from[1], &fd, sizeof(fd)) != sizeof(fd) || read(to[0], &b, 1) != 1)
			_exit(99);
		close(fd);
		run(data);
		_exit(0);
	}
	pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (read(from[0], &fd, sizeof(fd)) != sizeof(fd))
		exit(99);
	c->listener = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (c->listener < 0 || write(to[1], &b, 1) != 1)
		exit(99);
	close(pidfd);
	for (int i = 0; i < 2; i++) {
		close(from[i]);
		close(to[i]);
	}
}

/* Its next call. False: it ended. */
static inline bool caller_next(struct caller *c)
{
	struct pollfd p = {.fd = c->listener, .events = POLLIN};

	return poll(&p, 1, 20000) == 1 && (p.revents & POLLIN) &&
	       notif_receive(&c->n, c->listener) == 0;
}

static inline void caller_answer(struct caller *c, int64_t value)
{
	(void)notif_return(&c->n, c->listener, c->n.req->id, value);
}

static inline void caller_end(struct caller *c)
{
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(c->listener);
	notif_done(&c->n);
}

#endif
