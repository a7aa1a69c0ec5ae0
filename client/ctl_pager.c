/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_pager.c - standard output through a pager.
 */
#include "client/ctl_pager.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "proto/base.h"

static const char *pager_command(void)
{
	const char *command = getenv("SECCOMPD_PAGER");

	if (!command)
		command = getenv("PAGER");
	if (!command)
		command = "command -v less >/dev/null && exec less -FRSX; exec cat";
	return *command && strcmp(command, "cat") != 0 ? command : NULL;
}

static _Noreturn void run_pager(const char *command, int in)
{
	(void)dup2(in, STDIN_FILENO);
	(void)signal(SIGPIPE, SIG_DFL);
	/* Where there is no such pager, it is read all the same. An interrupt is the pager's own.
	 */
	(void)execl("/bin/sh", "sh", "-c",
		    "trap : INT; sh -c \"$1\"; case $? in 126 | 127) exec cat ;; esac", "sh",
		    command, (char *)NULL);
	_exit(127);
}

void ctl_pager_start(struct ctl_pager *p)
{
	const char *command = pager_command();
	int fds[2];

	if (!command || pipe2(fds, O_CLOEXEC) < 0)
		return;
	(void)fflush(stdout);
	p->pid = fork();
	if (p->pid == 0)
		run_pager(command, fds[0]);
	if (p->pid > 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		/* An interrupt is the pager's to deal with. */
		(void)signal(SIGINT, SIG_IGN);
	} else {
		p->pid = 0;
	}
	close_fd(fds[0]);
	close_fd(fds[1]);
}

void ctl_pager_end(struct ctl_pager *p)
{
	int null;

	if (p->pid <= 0)
		return;
	(void)fflush(stdout);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0)
		(void)dup2(null, STDOUT_FILENO);
	close_fd(null);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
}
