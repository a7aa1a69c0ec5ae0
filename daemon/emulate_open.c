/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * emulate_open.c - open(2) and its kin, done for the target.
 *
 * Theory of operation. The object is found as an O_PATH descriptor (resolve.c), with the target's
 * rights, and its name is asked of the kernel. What is opened then is that descriptor, through
 * /proc/self/fd, and not a name: there is nothing left to be swapped. An entry that is not there
 * yet is made with O_EXCL in the directory that was found; if another was quicker, all is looked
 * at again. So an existing object is never reached by a name that was not decided on, and making
 * one never waits.
 *
 * A worker opens only regular files and directories on file systems that answer at once. Leases
 * are found out by O_NONBLOCK, which is taken back afterwards. All else is done where it may block.
 */
#include "daemon/emulate.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "daemon/emulate_base.h"
#include "proto/base.h"

/* The kernel's, which the C library hides where files are large anyway. */
#if defined(__aarch64__)
#define KERNEL_LARGEFILE 0400000
#else
#define KERNEL_LARGEFILE 0100000
#endif
#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)
#define OPEN_FLAGS                                                                                \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |     \
	 O_DSYNC | O_ASYNC | O_DIRECT | KERNEL_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | \
	 O_CLOEXEC | O_PATH | TMPFILE_BIT)
#define OPEN_PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
#define OPEN_MODE	(S_IRWXU | S_IRWXG | S_IRWXO | S_ISUID | S_ISGID | S_ISVTX)
#define SMALL_FILE_MAX	INT32_MAX
#define HOW_SIZE_MIN	24   /* of struct open_how, OPEN_HOW_SIZE_VER0 */
#define CUT_AT_ONCE	2048 /* blocks of 512 bytes */
#define TTY_MAJOR	5    /* /dev/tty is 5:0 */

static bool has(const struct emulate_open *o, uint64_t flags)
{
	return (o->how.flags & flags) != 0;
}

static bool makes(const struct emulate_open *o)
{
	return has(o, O_CREAT | TMPFILE_BIT);
}

/* ---- what the target said -------------------------------------------------------- */

/* open(2) and openat(2) ignore what they do not know, and what does not go together. */
static void how_of_flags(const struct emulate *e, uint64_t flags, uint64_t mode,
			 struct emulate_open *o)
{
	o->how.flags = (uint32_t)flags & OPEN_FLAGS;
	if (has(o, O_PATH))
		o->how.flags &= OPEN_PATH_FLAGS;
	if (makes(o))
		o->how.mode = mode & OPEN_MODE;
	o->small_files = e->arch == ARCH_X86 && !has(o, KERNEL_LARGEFILE);
}

/*
 * What does not go together is known best by the kernel that we run on: it looks at the flags
 * before the path, and the empty path is ENOENT.
 */
static int check_how(const struct emulate_open *o)
{
	struct open_how how = o->how;

	if (syscall(SYS_openat2, -1, "", &how, sizeof(how)) >= 0)
		return -ENOTRECOVERABLE;
	return errno == ENOENT ? 0 : -errno;
}

static int read_how(const struct emulate *e, const uint64_t args[6], struct emulate_open *o)
{
	int r = target_read_struct(e->target, emulate_register(e, args[2]),
				   emulate_register(e, args[3]), HOW_SIZE_MIN, &o->how,
				   sizeof(o->how));

	return r < 0 ? r : check_how(o);
}

int emulate_open_read(const struct emulate *e, enum operation_form form, const uint64_t args[6],
		      struct emulate_open *ret)
{
	ssize_t n;
	int r = 0;

	ret->how = (struct open_how){0};
	ret->small_files = ret->by_kernel = false;
	ret->found = (struct resolved){.fd = -1, .dir = -1};
	ret->dirfd = form == FORM_OPENAT || form == FORM_OPENAT2 ? (int)args[0] : AT_FDCWD;
	ret->path_addr = emulate_register(
		e, ret->dirfd == AT_FDCWD && form < FORM_OPENAT ? args[0] : args[1]);
	switch (form) {
	case FORM_OPEN:
		how_of_flags(e, args[1], args[2], ret);
		break;
	case FORM_CREAT:
		how_of_flags(e, O_CREAT | O_WRONLY | O_TRUNC, args[1], ret);
		break;
	case FORM_OPENAT:
		how_of_flags(e, args[2], args[3], ret);
		break;
	case FORM_OPENAT2:
		r = read_how(e, args, ret);
		break;
	}
	if (r == 0 && form != FORM_OPENAT2 && makes(ret))
		r = check_how(ret);
	if (r == 0 && form == FORM_OPENAT2 && has(ret, O_PATH))
		r = -ENOSYS;
	ret->by_kernel = has(ret, O_PATH);
	if (r < 0)
		return r;
	n = target_read_string(e->target, ret->path_addr, ret->path, sizeof(ret->path));
	return n < 0 ? (int)n : 0;
}

/* ---- what is meant ---------------------------------------------------------------- */

static int find(const struct emulate *e, struct emulate_open *o)
{
	bool nofollow = has(o, O_NOFOLLOW) || (has(o, O_CREAT) && has(o, O_EXCL));
	unsigned flags = (nofollow ? RESOLVE_LINK : 0u) | (has(o, O_CREAT) ? RESOLVE_ENTRY : 0u);
	int r = emulate_find(e, o->dirfd, o->path, flags, o->how.resolve, &o->found);

	/* Nothing that open(2) makes has a slash behind it. */
	return r == 0 && has(o, O_CREAT) && o->found.slash && *o->found.last ? -EISDIR : r;
}

static int identify(int fd, struct statx *ret)
{
	/* DONT_SYNC: nobody is asked. */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, ret) < 0)
		return -errno;
	return 0;
}

static unsigned access_of(const struct emulate_open *o)
{
	unsigned access;

	if (has(o, O_PATH))
		return ACCESS_READ;
	switch (o->how.flags & O_ACCMODE) {
	case O_RDONLY:
		access = ACCESS_READ;
		break;
	case O_WRONLY:
		access = ACCESS_WRITE;
		break;
	default:
		access = ACCESS_READ | ACCESS_WRITE;
		break;
	}
	if (has(o, O_TRUNC))
		access |= ACCESS_WRITE;
	if (has(o, TMPFILE_BIT) || o->found.fd < 0)
		access |= ACCESS_CREATE;
	return access;
}

static int name_it(const struct emulate *e, struct emulate_open *o)
{
	int fd = o->found.fd >= 0 ? o->found.fd : o->found.dir;
	const char *entry = o->found.fd < 0 ? o->found.last : NULL;

	if (o->found.fd >= 0 && has(o, TMPFILE_BIT))
		entry = "#tmpfile";
	return emulate_name(e, fd, entry, o->name, sizeof(o->name));
}

int emulate_open_look(const struct emulate *e, struct emulate_open *o)
{
	int r;

	resolved_done(&o->found);
	r = find(e, o);
	if (r == 0 && o->found.fd >= 0)
		r = identify(o->found.fd, &o->st);
	if (r < 0)
		return r;
	o->access = access_of(o);
	return name_it(e, o);
}

void emulate_open_done(struct emulate_open *o)
{
	resolved_done(&o->found);
}

/* ---- doing it ---------------------------------------------------------------------- */

static int sysctl_level(const char *path)
{
	char c = '2'; /* the strictest, where it cannot be told */
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!read(fd, &c, 1);
	close_fd(fd);
	return c - '0';
}

/* fs.protected_regular and _fifos; devices, sockets and links are always protected. */
static int protection(mode_t mode)
{
	if (S_ISREG(mode))
		return sysctl_level("/proc/sys/fs/protected_regular");
	if (S_ISFIFO(mode))
		return sysctl_level("/proc/sys/fs/protected_fifos");
	return 1;
}

/* O_CREAT in a sticky directory of others does not open what a third one has put there. The kernel
 * cannot look at this for us, since the directory is not on the way that we open by. */
static int check_sticky(const struct emulate *e, const struct emulate_open *o)
{
	struct statx dir;
	int level, r = o->found.dir < 0 ? 0 : identify(o->found.dir, &dir);

	if (r < 0 || o->found.dir < 0)
		return r;
	if (!(dir.stx_mode & S_ISVTX) || o->st.stx_uid == dir.stx_uid ||
	    o->st.stx_uid == e->rights->fsuid || !(dir.stx_mode & (S_IWOTH | S_IWGRP)))
		return 0;
	level = protection(o->st.stx_mode);
	return level >= (dir.stx_mode & S_IWOTH ? 1 : 2) ? -EACCES : 0;
}

/* What the kernel would say of an object that is there before it opens it, in its order. */
static int check_existing(const struct emulate *e, const struct emulate_open *o)
{
	bool dir = S_ISDIR(o->st.stx_mode);
	int r = 0;

	if (has(o, O_CREAT) && has(o, O_EXCL))
		return -EEXIST;
	if (has(o, O_CREAT) && dir)
		return -EISDIR;
	if (has(o, O_CREAT))
		r = check_sticky(e, o);
	if (r < 0)
		return r;
	if (has(o, O_DIRECTORY) && !dir)
		return -ENOTDIR;
	if (S_ISLNK(o->st.stx_mode))
		return -ELOOP;
	if (o->small_files && S_ISREG(o->st.stx_mode) && o->st.stx_size > SMALL_FILE_MAX)
		return -EOVERFLOW;
	return 0;
}

/* Can this object be opened at once? Cutting off much takes its time. */
static bool opens_at_once(const struct emulate *e, const struct emulate_open *o)
{
	if (has(o, O_TRUNC) && o->st.stx_blocks > CUT_AT_ONCE)
		return false;
	return (S_ISREG(o->st.stx_mode) || S_ISDIR(o->st.stx_mode)) &&
	       emulate_is_prompt(e, o->found.fd);
}

static int own_flags(const struct emulate_open *o)
{
	/* NOCTTY: it must never become the daemon's terminal. */
	return (int)(o->how.flags & ~(uint64_t)(KERNEL_LARGEFILE | O_CLOEXEC)) | O_CLOEXEC |
	       O_NOCTTY;
}

/* The daemon's own names of its descriptors. */
static int reopen(int fd, int flags)
{
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = open(path, flags);
	return r < 0 ? -errno : r;
}

static int open_existing(const struct emulate *e, struct emulate_open *o)
{
	int flags = own_flags(o) & ~(O_CREAT | O_EXCL | O_NOFOLLOW), fd;
	bool at_once = !e->may_block;

	if (has(o, TMPFILE_BIT)) {
		fd = openat(o->found.fd, ".", flags, (mode_t)o->how.mode);
		return fd < 0 ? -errno : fd;
	}
	fd = reopen(o->found.fd, flags | (at_once ? O_NONBLOCK : 0));
	/* A lease is being broken: the open waits for whoever has it. */
	if (fd == -EAGAIN && at_once)
		return -EAGAIN;
	if (fd >= 0 && at_once && !has(o, O_NONBLOCK) &&
	    fcntl(fd, F_SETFL, flags & ~(O_ACCMODE | O_CLOEXEC)) < 0) {
		close_fd(fd);
		return -ENOTRECOVERABLE;
	}
	return fd;
}

/* Where O_EXCL is not the target's, somebody else's file of this name is one to look at. */
static int open_new(struct emulate_open *o)
{
	int fd;

	fd = openat(o->found.dir, o->found.last, own_flags(o) | O_EXCL | O_NOFOLLOW,
		    (mode_t)o->how.mode);
	if (fd >= 0)
		return fd;
	return errno == EEXIST && !has(o, O_EXCL) ? -ESTALE : -errno;
}

static int check(const struct emulate *e, const struct emulate_open *o)
{
	int r;

	if (o->found.fd < 0)
		return e->may_block || emulate_is_prompt(e, o->found.dir) ? 0 : -EAGAIN;
	r = check_existing(e, o);
	if (r < 0)
		return r;
	return e->may_block || opens_at_once(e, o) ? 0 : -EAGAIN;
}

/* /dev/tty: the terminal of whoever opens it, and that would be us. */
static bool is_own_terminal(const struct emulate_open *o)
{
	return o->found.fd >= 0 && S_ISCHR(o->st.stx_mode) && o->st.stx_rdev_major == TTY_MAJOR &&
	       o->st.stx_rdev_minor == 0;
}

int emulate_open_do(const struct emulate *e, struct emulate_open *o)
{
	int fd, r = check(e, o);

	if (r < 0)
		return r;
	if (is_own_terminal(o))
		return -ENXIO;
	r = rights_assume(e->rights);
	if (r < 0)
		return -ENOTRECOVERABLE;
	fd = o->found.fd >= 0 ? open_existing(e, o) : open_new(o);
	if (rights_raise() < 0) {
		close_fd(fd);
		return -ENOTRECOVERABLE;
	}
	return fd;
}
