/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill_rounds.c - starts a command and kills it at a random moment, again and again.
 *
 * usage: kill_rounds ROUNDS SEED COMMAND...
 *
 * Half of the moments lie in the command's first 8 ms, where a launcher is at work, the others
 * in its first 80 ms. Says on stdout how many were still there 10 s after their SIGKILL.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "proto/base.h"

#define PATIENCE_MS 10000

static void sleep_us(long us)
{
	struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

	(void)nanosleep(&t, NULL);
}

static pid_t start(char **command)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execv(command[0], command);
		_exit(127);
	}
	return pid;
}

static bool ends(pid_t pid)
{
	for (int i = 0; i < PATIENCE_MS; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return true;
		sleep_us(1000);
	}
	return false;
}

int main(int argc, char **argv)
{
	long rounds = argc > 3 ? atol(argv[1]) : 0, hung = 0;
	pid_t pid;

	if (rounds <= 0)
		return 2;
	srand48(atol(argv[2]));
	for (long i = 0; i < rounds; i++) {
		pid = start(argv + 3);
		if (pid < 0)
			return 1;
		sleep_us((long)(drand48() * (i % 2 ? 8000 : 80000)));
		(void)kill(pid, SIGKILL);
		hung += !ends(pid);
	}
	printf("%ld hung\n", hung);
	return hung != 0;
}
