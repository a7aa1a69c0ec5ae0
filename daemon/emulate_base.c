/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* emulate_base.c - what emulated operations share: the object that the target means, its name */
#include "daemon/emulate_base.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "proto/base.h"

#define CGROUPS_MAX 4096

uint64_t emulate_register(const struct emulate *e, uint64_t reg)
{
	return e->arch == ARCH_X86 ? (uint32_t)reg : reg;
}

/* ---- finding ------------------------------------------------------------------------ */

static int open_own(void *data, int dirfd, const char *name, const struct open_how *how)
{
	const struct emulate *e = data;
	struct open_how copy = *how;
	int fd, r = rights_raise();

	if (r < 0)
		return r;
	fd = (int)syscall(SYS_openat2, dirfd, name, &copy, sizeof(copy));
	fd = fd < 0 ? -errno : fd;
	r = rights_assume(e->rights);
	if (r < 0) {
		close_fd(fd);
		return r;
	}
	return fd;
}

bool emulate_is_prompt(const struct emulate *e, int fd)
{
	bool prompt;

	return e->mounts && mounts_find(e->mounts, fd, &prompt) == 0 && prompt;
}

static bool is_prompt(void *data, int fd)
{
	return emulate_is_prompt(data, fd);
}

int emulate_start(const struct emulate *e, int dirfd)
{
	return dirfd == AT_FDCWD ? target_cwd(e->target, NULL) : target_path_fd(e->target, dirfd);
}

int emulate_find(const struct emulate *e, int dirfd, const char *path, unsigned flags, uint64_t how,
		 struct resolved *ret)
{
	bool relative = *path != '/' || (how & (RESOLVE_BENEATH | RESOLVE_IN_ROOT));
	_cleanup_close_ int root = target_root(e->target);
	_cleanup_close_ int start = relative ? emulate_start(e, dirfd) : -ENOENT;
	struct resolve_ctx ctx = {
		.root = root,
		.start = start,
		.fsuid = e->rights->fsuid,
		.tgid = e->tgid,
		.tid = e->target->tid,
		.inner_tgid = e->inner_tgid,
		.inner_tid = e->inner_tid,
		.may_block = e->may_block,
		.is_prompt = is_prompt,
		.open_own = open_own,
		.data = (void *)e,
	};
	int r;

	if (root < 0)
		return root == -ESRCH ? root : -ENOTRECOVERABLE;
	if (rights_assume(e->rights) < 0)
		return -ENOTRECOVERABLE;
	r = resolve(&ctx, path, flags, how, ret);
	if (rights_raise() == 0)
		return r;
	if (r == 0)
		resolved_done(ret);
	return -ENOTRECOVERABLE;
}

/* ---- names -------------------------------------------------------------------------- */

/* BUF holds the directory's name. */
static int add_entry(const char *entry, char *buf, size_t size)
{
	size_t len = strlen(buf), n = strcspn(entry, "/");

	if (len > 0 && buf[len - 1] == '/')
		len--;
	if (n + 2 > size - len)
		return -ENAMETOOLONG;
	buf[len] = '/';
	memcpy(buf + len + 1, entry, n);
	buf[len + 1 + n] = '\0';
	return 0;
}

/* What is on none of the mounts has no place in the tree, though its name looks so. */
static int name_elsewhere(char *name)
{
	if (strncmp(name, "/memfd:", strlen("/memfd:")) != 0)
		return -ENOTRECOVERABLE;
	memmove(name, name + 1, strlen(name));
	return 0;
}

int emulate_name(const struct emulate *e, int fd, const char *entry, char *buf, size_t size)
{
	bool prompt;
	int r = resolve_name(fd, e->client_root, buf, size);

	if (r == 0 && entry)
		r = add_entry(entry, buf, size);
	if (r == 0 && *buf == '/' && e->mounts && mounts_find(e->mounts, fd, &prompt) < 0)
		r = name_elsewhere(buf);
	return r == 0 || r == -EAGAIN ? r : -ENOTRECOVERABLE;
}

/* ---- devices ------------------------------------------------------------------------- */

/* Its length, or a negative number where it cannot be read whole. */
static ssize_t read_cgroups(int fd, char *buf)
{
	ssize_t n = fd < 0 ? -1 : read(fd, buf, CGROUPS_MAX);

	close_fd(fd);
	return n < CGROUPS_MAX ? n : -1;
}

bool emulate_same_cgroups(const struct emulate *e)
{
	char own[CGROUPS_MAX], theirs[CGROUPS_MAX];
	ssize_t n = read_cgroups(open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC), own);

	return n > 0 &&
	       n == read_cgroups(openat(e->target->dir, "cgroup", O_RDONLY | O_CLOEXEC), theirs) &&
	       memcmp(own, theirs, (size_t)n) == 0;
}
