/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stalls.c - makes a notified call again and again for some seconds and says how long the
 * slowest took and how many were not denied with EUSERS.
 *
 * usage: stalls SECONDS    "slowest N ms, M wrong" on stdout
 */
#include <sys/syscall.h>

#include "proto/base.h"
#include "proto/clock.h"

int main(int argc, char **argv)
{
	uint64_t start = now_ns(), slowest = 0, before;
	long wrong = 0;

	if (argc != 2)
		return 2;
	while ((double)(now_ns() - start) < atof(argv[1]) * 1e9) {
		before = now_ns();
		errno = 0;
		wrong += syscall(SYS_getppid) != -1 || errno != EUSERS;
		if (now_ns() - before > slowest)
			slowest = now_ns() - before;
	}
	printf("slowest %.0f ms, %ld wrong\n", (double)slowest / 1e6, wrong);
	return 0;
}
