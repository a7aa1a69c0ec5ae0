/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * counter.c - makes a system call that is denied, again and again, until it is not answered any
 * more, and says on stdout how many times it was: "1" as soon as there is one, the sum at the end.
 *
 * usage: counter NR ERRNO TAG
 *
 * The arguments of the call are TAG and its number, from 1: each can be found in the decision log.
 * Exit status 0: it ended as the supervisor's end does (ENOSYS); 1: by anything else, said on
 * stderr.
 */
#include <sys/syscall.h>

#include "proto/base.h"

int main(int argc, char **argv)
{
	long nr, wanted, tag, n = 0, r;

	if (argc != 4)
		return 2;
	nr = strtol(argv[1], NULL, 0);
	wanted = strtol(argv[2], NULL, 0);
	tag = strtol(argv[3], NULL, 0);
	for (;;) {
		r = syscall(nr, tag, ++n);
		if (r != -1 || errno != wanted)
			break;
		if (n == 1)
			(void)!write(STDOUT_FILENO, "1\n", 2);
	}
	if (r != -1 || errno != ENOSYS)
		(void)fprintf(stderr, "call %ld: %ld, errno %d\n", n, r, r == -1 ? errno : 0);
	(void)printf("%ld\n", n - 1);
	return r != -1 || errno != ENOSYS;
}
