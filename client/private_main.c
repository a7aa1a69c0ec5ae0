/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * private_main.c - seccomp-private, what seccomp-run --private becomes: forks, launches the
 * command in the child, supervises it in the parent and ends as the command did.
 */
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "client/launch.h"
#include "client/private.h"
#include "proto/base.h"

#define KERNEL_SIGSET sizeof(uint64_t)

/* Left alone: what cannot be caught, what faults of one's own raise, job control. */
static const int not_forwarded[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,	SIGFPE,	 SIGILL,
				    SIGSYS,  SIGTRAP, SIGABRT, SIGTSTP, SIGTTIN, SIGTTOU};

/* What the command is to find as it was. */
struct inherited {
	uint64_t mask;
	struct sigaction child;
};

static int take_signals(struct inherited *in)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t set;

	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &in->mask, KERNEL_SIGSET);
	/* Who inherited SIG_IGN would never hear how the command ended. */
	(void)sigaction(SIGCHLD, &sa, &in->child);
	(void)sigfillset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(not_forwarded); i++)
		(void)sigdelset(&set, not_forwarded[i]);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	/* A closed stderr is no reason to end: it stays blocked, and write(2) says EPIPE. */
	(void)sigdelset(&set, SIGPIPE);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void restore_signals(const struct inherited *in)
{
	(void)sigaction(SIGCHLD, &in->child, NULL);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &in->mask, NULL, KERNEL_SIGSET);
}

static int status_of(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}

int main(int argc, char **argv)
{
	struct inherited in;
	struct private *p;
	static struct options o; /* its labels live as long as the program */
	int sv[2], signal_fd, status;
	pid_t child;

	status = options_parse(argc, argv, &o);
	if (status >= 0)
		return status;
	signal_fd = take_signals(&in);
	if (private_prepare(&o, &p) < 0)
		return EXIT_LAUNCHER;
	if (signal_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0) {
		say("cannot supervise: %s", strerror(errno));
		return EXIT_LAUNCHER;
	}
	child = fork();
	if (child < 0) {
		say("cannot fork: %s", strerror(errno));
		return EXIT_LAUNCHER;
	}
	if (child == 0) {
		close_fd(sv[0]);
		restore_signals(&in);
		_exit(launch(&o, sv[1]));
	}
	close_fd(sv[1]);
	status = private_supervise(p, sv[0], signal_fd, child);
	private_free(p);
	close_fd(signal_fd);
	return status_of(status);
}
