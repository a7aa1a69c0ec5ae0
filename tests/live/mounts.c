/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mounts.c - the table of a target's mounts is of this moment: a mount that was made after it was
 * read is found, and one that took the number of another is not mistaken for it.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/mounts.h"
#include "proto/base.h"
#include "tests/tap.h"

static char top[] = "/tmp/mounts.XXXXXX";

static bool prompt(struct mounts *m, const char *path, int want)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	bool p = false;
	int r = mounts_find(m, fd, &p);

	if ((r < 0 ? r : p) != want)
		printf("# %s: %d, prompt %d\n", path, r, p);
	return (r < 0 ? r : p) == want;
}

/* A FUSE file system whose daemon (we) never answers: whoever asks it anything waits. */
static bool mount_silent(int fuse)
{
	char options[128];

	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	return mount("x", top, "fuse", 0, options) == 0;
}

/* Mounts come and go under one name, and get each other's numbers: the table never lags behind. */
static bool reuse(struct mounts *m)
{
	for (int i = 0; i < 500; i++) {
		_cleanup_close_ int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);

		/* A kernel without FUSE has nothing of that kind to mistake. */
		if (fuse >= 0 &&
		    (!mount_silent(fuse) || !prompt(m, top, 0) || umount2(top, MNT_DETACH) < 0))
			return false;
		if (mount("x", top, "tmpfs", 0, NULL) < 0 || !prompt(m, top, 1) || umount(top) < 0)
			return false;
	}
	return true;
}

/* Another mount namespace, whose mounts are none of ours. */
static bool elsewhere(struct mounts *m)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		_exit(unshare(CLONE_NEWNS) == 0 && mount("x", top, "tmpfs", 0, NULL) == 0 &&
				      prompt(m, top, -ENOENT)
			      ? 0
			      : 1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
	_cleanup_close_ int procdir = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct mounts *m = NULL;

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 77;
	}
	if (!mkdtemp(top) || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("Bail out! no mount namespace: %s\n", strerror(errno));
		return 1;
	}
	check(mounts_new(procdir, &m) == 0, "the mounts of a process are read");
	check(prompt(m, "/proc", 1) && prompt(m, "/proc/self", 1), "procfs answers at once");
	check(mount("x", top, "tmpfs", 0, NULL) == 0 && prompt(m, top, 1),
	      "a mount that was made later is found");
	check(umount(top) == 0 && reuse(m), "mounts that come and go are told apart");
	check(elsewhere(m), "a mount of another namespace is none of these");
	mounts_unref(m);
	check(mounts_new(-1, &m) < 0, "without a process there is no table");
	(void)rmdir(top);
	return tap_done();
}
