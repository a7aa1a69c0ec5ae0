/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reused_tid.c - a thread makes a notified call and execs, by which it takes its leader's number
 * and its own becomes free; a child that gets that number then makes a call that is answered by
 * a kill. "child SIGNAL" says what became of the child; whoever says it is not the one killed.
 *
 * usage: reused_tid (for itself: reused_tid TID)
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "proto/base.h"

#define TRIES 200

static char **arguments;

static void *call_and_exec(void *data)
{
	char tid[16];
	char *argv[] = {arguments[0], tid, NULL};

	(void)syscall(SYS_getppid);
	(void)snprintf(tid, sizeof(tid), "%d", (int)syscall(SYS_gettid));
	execv("/proc/self/exe", argv);
	return data;
}

static int try_child(int tid)
{
	int status, fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	pid_t pid;

	if (fd < 0 || dprintf(fd, "%d", tid - 1) < 0)
		return -1;
	close(fd);
	pid = fork();
	if (pid == 0) {
		if (getpid() != tid)
			_exit(0);
		(void)syscall(SYS_getpgid, 0); /* the killed call */
		_exit(1);
	}
	if (waitpid(pid, &status, 0) < 0)
		return -1;
	return pid == tid ? status : -2;
}

int main(int argc, char **argv)
{
	pthread_t t;
	int status = -2;

	arguments = argv;
	if (argc == 1) {
		pthread_create(&t, NULL, call_and_exec, NULL);
		pthread_join(t, NULL);
		return 1;
	}
	for (int i = 0; i < TRIES && status == -2; i++)
		status = try_child(atoi(argv[1]));
	if (status < 0)
		printf("number not reused\n");
	else
		printf("child %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	return 0;
}
