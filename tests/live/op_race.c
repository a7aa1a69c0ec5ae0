/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * op_race.c - an attacker: one thread opens a file while another one makes the same path mean now
 * the allowed file and now the denied one.
 *
 *   op_race MODE CALLS     in the current directory: "A allowed, D denied, E errors"
 *
 * MODE is `path` (the bytes in memory), `link` (a symbolic link) or `dir` (a directory by
 * rename(2)). The file good/f begins with A, evil/f with D.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base.h"

static char shared_path[] = "good/f";
static _Atomic bool stop;

static void *flip_path(void *data)
{
	volatile char *p = shared_path;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		/* In between it is neither: that is ENOENT. */
		for (int i = 0; i < 4; i++)
			p[i] = "evil"[i];
		for (int i = 0; i < 4; i++)
			p[i] = "good"[i];
	}
	return data;
}

static void *flip_names(void *data)
{
	const char *const *names = data;

	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		(void)renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE);
	return NULL;
}

static void make_links(void)
{
	(void)symlink("good/f", "link0");
	(void)symlink("evil/f", "link1");
}

/* Below the one the entry is the directory, below the other a link to the denied one. */
static void make_dirs(void)
{
	int fd;

	(void)mkdir("dir0", 0755);
	(void)mkdir("dir0/d", 0755);
	(void)mkdir("dir1", 0755);
	(void)symlink("../evil", "dir1/d");
	fd = open("dir0/d/f", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	(void)!write(fd, "A\n", 2);
	close_fd(fd);
}

static void try(const char *path, long counts[3])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;

	if (fd < 0 || read(fd, &c, 1) != 1)
		counts[2]++;
	else
		counts[c == 'A' ? 0 : 1]++;
	close_fd(fd);
}

static int attack(const char *path, long calls, void *(*flip)(void *), const char *const *names)
{
	long counts[3] = {0};
	pthread_t t;

	if (pthread_create(&t, NULL, flip, (void *)(uintptr_t)names) != 0)
		return 1;
	for (long i = 0; i < calls; i++)
		try(path, counts);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	printf("%ld allowed, %ld denied, %ld errors\n", counts[0], counts[1], counts[2]);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const links[] = {"link0", "link1"}, *const dirs[] = {"dir0", "dir1"};
	long calls = argc == 3 ? atol(argv[2]) : 0;

	if (calls > 0 && strcmp(argv[1], "path") == 0)
		return attack(shared_path, calls, flip_path, NULL);
	if (calls > 0 && strcmp(argv[1], "link") == 0) {
		make_links();
		return attack("link0", calls, flip_names, links);
	}
	if (calls > 0 && strcmp(argv[1], "dir") == 0) {
		make_dirs();
		return attack("dir0/d/f", calls, flip_names, dirs);
	}
	(void)fputs("usage: op_race path|link|dir CALLS\n", stderr);
	return 2;
}
