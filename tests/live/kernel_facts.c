/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kernel_facts.c - what the design takes for granted about the kernel, tried out: should a
 * future kernel answer otherwise, this test says so before a user does.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "tests/helpers.h"
#include "tests/tap.h"

/* ---- a target that shares our descriptors until it is told apart --------------------- */

static _Atomic int shared_listener = -1;

/* Filters are a thread's: this thread takes one, the others stay free of it. */
static void *filtered_thread(void *data)
{
	long *result = data;

	atomic_store(&shared_listener, load_getppid(true));
	*result = syscall(SYS_getppid);
	return NULL;
}

static int poll_for(int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, ms) > 0 ? p.revents : 0;
}

static int wait_for_listener(void)
{
	int fd;

	while ((fd = atomic_load(&shared_listener)) == -1)
		usleep(1000);
	return fd;
}

static void test_thread(struct notif *n)
{
	pthread_t t;
	long result = 0;
	int fd, r;

	pthread_create(&t, NULL, filtered_thread, &result);
	fd = wait_for_listener();
	check(fd >= 0, "a filter with WAIT_KILLABLE_RECV and a listener is loaded");
	check(notif_is_listener(fd), "its descriptor is known for a listener");
	check(syscall(SYS_getppid) >= 0, "a thread from before the filter stays unfiltered");
	check(poll_for(fd, POLLIN, 2000) == POLLIN, "a waiting call is POLLIN");
	check(notif_receive(n, fd) == 0 && n->req->data.nr == SYS_getppid, "it is received");
	check(n->req->id != 0, "its id is not 0");
	check(notif_valid(fd, n->req->id), "its id is valid");
	check(poll_for(fd, POLLIN | POLLOUT, 0) == POLLOUT,
	      "after that it is POLLOUT: never wait for it");
	check(notif_return(n, fd, n->req->id, 0x123456789abcLL) == 0,
	      "an answer of 64 bits is taken");
	r = notif_error(n, fd, n->req->id, EPERM);
	check(r == -ENOENT || r == -EINPROGRESS, "a second answer is not");
	pthread_join(t, NULL);
	check(result == 0x123456789abcLL, "and arrives");
	check(poll_for(fd, POLLIN, 2000) & POLLHUP, "when the last user has gone: POLLHUP");
	check(!(poll_for(fd, POLLIN, 0) & POLLIN), "and no POLLIN");
	close(fd);
}

/* ---- a target that dies ------------------------------------------------------------- */

/* A child that runs RUN(DATA) under the filter. */
static pid_t start_target(bool killable, int *ret_listener, int (*run)(const void *),
			  const void *data)
{
	int p[2];
	pid_t pid;

	if (pipe(p) < 0)
		exit(99);
	pid = fork();
	if (pid == 0) {
		int fd = load_getppid(killable);

		(void)!write(p[1], &fd, sizeof(fd));
		_exit(run(data));
	}
	if (read(p[0], ret_listener, sizeof(int)) != sizeof(int))
		exit(99);
	close(p[0]);
	close(p[1]);
	/* The target does not close its copy; we take ours by pidfd_getfd(2). */
	*ret_listener =
		(int)syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), *ret_listener, 0);
	return pid;
}

static int call_for_ever(const void *data)
{
	for (;;)
		(void)syscall(SYS_getppid);
	return data != NULL;
}

static void test_death(struct notif *n)
{
	int fd;
	pid_t pid = start_target(true, &fd, call_for_ever, NULL);

	check(fd >= 0 && notif_is_listener(fd), "a listener is taken over by pidfd_getfd");
	check(poll_for(fd, POLLIN, 2000) == POLLIN, "the target calls");
	check(notif_receive(n, fd) == 0 && (pid_t)n->req->pid == pid, "received, with its pid");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	check(!notif_valid(fd, n->req->id), "a dead target's id is not valid");
	check(notif_continue(n, fd, n->req->id) == -ENOENT, "and cannot be answered: ENOENT");
	close(fd);
}

/* ---- a signal ends a call -------------------------------------------------------------- */

#define RESTART_SYSCALL 512 /* the kernel's ERESTARTSYS */

static volatile sig_atomic_t handled;

static void handle(int sig)
{
	(void)sig;
	handled = 1;
}

/* 0: answered 7; 1: EINTR; 2: something else. And 10 more where no handler ran. */
static int call_with_handler(const void *flags)
{
	struct sigaction act = {.sa_handler = handle, .sa_flags = *(const int *)flags};
	long r;

	(void)sigaction(SIGUSR1, &act, NULL);
	r = syscall(SYS_getppid);
	return (r == 7 ? 0 : r < 0 && errno == EINTR ? 1 : 2) + (handled ? 0 : 10);
}

/* What a notification is answered is handled as what the call itself had returned. */
static void test_restart(struct notif *n, int flags, int wanted, const char *name)
{
	int fd, status;
	pid_t pid = start_target(true, &fd, call_with_handler, &flags);
	uint64_t id;

	if (poll_for(fd, POLLIN, 2000) != POLLIN || notif_receive(n, fd) < 0)
		exit(99);
	id = n->req->id;
	kill(pid, SIGUSR1);
	check(notif_valid(fd, id), "a signal leaves the notification as it is");
	check(notif_error(n, fd, id, RESTART_SYSCALL) == 0, "ERESTARTSYS is an answer");
	if (flags & SA_RESTART) {
		check(poll_for(fd, POLLIN, 2000) == POLLIN && notif_receive(n, fd) == 0,
		      "the call is made again after the handler");
		(void)notif_return(n, fd, n->req->id, 7);
	}
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == wanted, name);
	close(fd);
}

/* ---- a descriptor for the target ----------------------------------------------------------- */

static int call_for_descriptor(const void *data)
{
	int fd = (int)syscall(SYS_getppid);

	(void)data;
	return fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) >= 0 ? fd : 0;
}

static void test_addfd(struct notif *n, bool send)
{
	int fd, src = open("/dev/null", O_RDONLY | O_CLOEXEC), path, status, r;
	pid_t pid = start_target(!send, &fd, call_for_descriptor, NULL);

	path = open("/dev/null", O_PATH | O_CLOEXEC);
	if (poll_for(fd, POLLIN, 2000) != POLLIN || notif_receive(n, fd) < 0)
		exit(99);
	check(notif_addfd(fd, n->req->id, path, O_CLOEXEC, send) == -EBADF,
	      "an O_PATH descriptor cannot be put into a target");
	r = notif_addfd(fd, n->req->id, src, O_CLOEXEC, send);
	check(r > 0, send ? "another one can, as the answer" : "another one can");
	if (!send)
		(void)notif_return(n, fd, n->req->id, r);
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == r, "and its number arrives");
	check(notif_addfd(fd, n->req->id, src, 0, send) == -ENOENT, "but in none that is gone");
	close(src);
	close(path);
	close(fd);
}

static void test_not_listeners(void)
{
	int p[2];

	if (pipe(p) < 0)
		return;
	check(!notif_is_listener(p[0]), "a pipe is no listener");
	check(!notif_is_listener(-1), "nor is no descriptor");
	check(!notif_is_listener(0), "nor standard input");
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	struct notif_features f;
	struct notif n;

	alarm(60);
	if (notif_probe(&f) < 0 || !f.user_notif || !f.wait_killable || !f.cont) {
		printf("1..0 # SKIP the kernel has no user notification with WAIT_KILLABLE_RECV\n");
		return 77;
	}
	if (notif_init(&n) < 0)
		return 99;
	test_thread(&n);
	test_death(&n);
	test_restart(&n, SA_RESTART, 0, "and has its second answer");
	test_restart(&n, 0, 1, "without SA_RESTART it is EINTR");
	test_addfd(&n, false);
	test_addfd(&n, true);
	test_not_listeners();
	notif_done(&n);
	return tap_done();
}
