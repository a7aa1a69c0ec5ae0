/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stalls.c - makes a notified call again and again for some seconds and says how long the
 * slowest took and how many were not denied with EUSERS.
 *
 * usage: stalls SECONDS    "slowest N ms, M wrong" on stdout
 */
#include <sys/syscall.h>
#include <time.h>

#include "proto/base.h"

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	double start = now_ms(), slowest = 0, before;
	long wrong = 0;

	if (argc != 2)
		return 2;
	while (now_ms() - start < atof(argv[1]) * 1000) {
		before = now_ms();
		errno = 0;
		wrong += syscall(SYS_getppid) != -1 || errno != EUSERS;
		if (now_ms() - before > slowest)
			slowest = now_ms() - before;
	}
	printf("slowest %.0f ms, %ld wrong\n", slowest, wrong);
	return 0;
}
