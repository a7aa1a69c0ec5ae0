/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * measure.c - what the benchmarks time, one figure a run on stdout.
 *
 *   measure calls N           ns a getppid(2), from within
 *   measure raw N             the same under a bare RECV+SEND loop with SYNC_WAKE_UP: the floor
 *   measure opens N           ns an open(2) of /etc/passwd with its close(2), from within
 *   measure rawopens N        the same under a bare loop that copies the path, looks at the id,
 *                             opens and puts the descriptor into the target
 *   measure spawn N CMD...    us to start CMD and wait for its end
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "proto/clock.h"
#include "tests/helpers.h"

extern char **environ;

static int calls(long n)
{
	uint64_t start;

	for (long i = 0; i < n / 10; i++)
		(void)syscall(SYS_getppid);
	start = now_ns();
	for (long i = 0; i < n; i++)
		(void)syscall(SYS_getppid);
	printf("%.0f\n", (double)(now_ns() - start) / (double)n);
	return 0;
}

static int opens(long n)
{
	uint64_t start;

	for (long i = 0; i < n / 10; i++)
		close_fd(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	start = now_ns();
	for (long i = 0; i < n; i++)
		close_fd(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	printf("%.0f\n", (double)(now_ns() - start) / (double)n);
	return 0;
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(sock, &m, 0) > 0 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

static int supervise(int listener)
{
	struct seccomp_notif req;
	struct seccomp_notif_resp resp;

	notif_set_sync(listener);
	for (;;) {
		memset(&req, 0, sizeof(req));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0)
			return errno == ENOENT ? 0 : 1;
		memset(&resp, 0, sizeof(resp));
		resp.id = req.id;
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0 && errno != ENOENT)
			return 1;
	}
}

static int open_copy(int listener, int mem, const struct seccomp_notif *req)
{
	char path[256];

	if (pread(mem, path, sizeof(path), (off_t)req->data.args[1]) <= 0)
		return -EFAULT;
	path[sizeof(path) - 1] = '\0';
	return notif_valid(listener, req->id) ? open(path, (int)req->data.args[2]) : -ENOENT;
}

static int supervise_opens(int listener)
{
	struct notif n;
	int fd, r, mem = -1;
	char path[32];

	if (notif_init(&n) < 0)
		return 1;
	notif_set_sync(listener);
	for (;;) {
		r = notif_receive(&n, listener);
		if (r < 0)
			return r == -ENOENT ? 0 : 1;
		(void)snprintf(path, sizeof(path), "/proc/%u/mem", n.req->pid);
		if (mem < 0)
			mem = open(path, O_RDONLY | O_CLOEXEC);
		fd = open_copy(listener, mem, n.req);
		r = fd < 0 ? fd : notif_addfd(listener, n.req->id, fd, O_CLOEXEC, false);
		close_fd(fd);
		if (r < 0)
			(void)notif_error(&n, listener, n.req->id, -r);
		else
			(void)notif_return(&n, listener, n.req->id, r);
	}
}

/* WORK(N) in a child whose system call NR is notified to SUPERVISOR in another one. */
static int raw(long n, int nr, int (*work)(long), int (*supervisor)(int))
{
	int sv[2], listener, status = 1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) < 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		listener = load_one(nr, true);
		if (listener < 0 || send_fds(sv[1], "x", &listener, 1, 0) < 0)
			_exit(1);
		close(listener);
		status = work(n);
		(void)fflush(stdout);
		_exit(status);
	}
	close(sv[1]);
	listener = receive_fd(sv[0]);
	if (listener < 0)
		return 1;
	/* The last user's exit ends the loop, at once or by the child's end. */
	if (fork() == 0)
		_exit(supervisor(listener));
	close(listener);
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int spawn(long n, char **cmd)
{
	uint64_t start = now_ns();
	int status;
	pid_t pid;

	for (long i = 0; i < n; i++) {
		if (posix_spawnp(&pid, cmd[0], NULL, NULL, cmd, environ) != 0)
			return 1;
		if (waitpid(pid, &status, 0) < 0 || status != 0)
			return 1;
	}
	printf("%.0f\n", (double)(now_ns() - start) / 1000 / (double)n);
	return 0;
}

int main(int argc, char **argv)
{
	long n = argc > 2 ? atol(argv[2]) : 0;

	if (n > 0 && strcmp(argv[1], "calls") == 0)
		return calls(n);
	if (n > 0 && strcmp(argv[1], "raw") == 0)
		return raw(n, SYS_getppid, calls, supervise);
	if (n > 0 && strcmp(argv[1], "opens") == 0)
		return opens(n);
	if (n > 0 && strcmp(argv[1], "rawopens") == 0)
		return raw(n, SYS_openat, opens, supervise_opens);
	if (n > 0 && argc > 3 && strcmp(argv[1], "spawn") == 0)
		return spawn(n, argv + 3);
	(void)fputs("usage: measure calls|raw|opens|rawopens N | measure spawn N CMD...\n", stderr);
	return 2;
}
