/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * target.c - the calling thread of one notification.
 *
 * Theory of operation. notif.pid is a thread's number, and numbers are used again. The directory
 * /proc/TID is opened first and the notification looked at after it: still waiting, the thread
 * was there when the directory was opened, so the directory is its. Everything else is opened
 * through this descriptor, which never becomes another thread's: of a dead one it says ESRCH.
 *
 * Memory is read from /proc/TID/mem. Measured on 6.18, in units of a bare system call: pread(2)
 * of 256 bytes 1.8, process_vm_readv(2) 1.8; opening and closing the former adds 3. What decides
 * is not the time: process_vm_readv(2) waits, unkillably by us, for a page that a userfaultfd of
 * the target keeps back; the former answers EFAULT at once. On the other hand it reads what was
 * mapped without any access (FOLL_FORCE), which the kernel would not read for the thread. Such
 * pages are guards and bad pointers, and full of zeros, as next to nothing that is asked for is:
 * so only after zeros the mapping is asked for its access (PROCMAP_QUERY, 6.11).
 */
#include "daemon/target.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/notif.h"
#include "proto/base.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* 6.9 */
#endif

#ifndef PROCMAP_QUERY
/* Linux 6.11. */
struct procmap_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY		     _IOWR('f', 17, struct procmap_query)
#define PROCMAP_QUERY_VMA_READABLE   0x01
#define PROCMAP_QUERY_VMA_WRITABLE   0x02
#define PROCMAP_QUERY_VMA_EXECUTABLE 0x04
#endif

#define FIRST_READ 256 /* nearly all paths; more costs more */

int target_open(struct target *ret, int listener, uint64_t id, pid_t tid)
{
	char path[32];
	struct target t = {.listener = listener, .id = id, .tid = tid, .mem = -1, .pidfd = -1};

	if (tid <= 0)
		return -ESRCH; /* of a pid namespace that we do not see into */
	(void)snprintf(path, sizeof(path), "/proc/%d", tid);
	t.dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (t.dir < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (!target_valid(&t)) {
		target_done(&t);
		return -ESRCH;
	}
	*ret = t;
	return 0;
}

void target_done(struct target *t)
{
	t->dir = close_fd(t->dir);
	t->mem = close_fd(t->mem);
	t->pidfd = close_fd(t->pidfd);
}

bool target_valid(const struct target *t)
{
	return notif_valid(t->listener, t->id);
}

/* File NAME of the thread's directory: a descriptor or -errno. */
static int open_in(const struct target *t, const char *name, int flags)
{
	int fd = openat(t->dir, name, flags | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

/* ---- memory -------------------------------------------------------------- */

/* May the thread access the page at ADDR at all? Yes where the kernel cannot tell. */
static bool accessible(const struct target *t, uint64_t addr)
{
	struct procmap_query q = {.size = sizeof(q), .query_addr = addr};
	_cleanup_close_ int fd = open_in(t, "maps", O_RDONLY);

	if (fd < 0)
		return false;
	if (ioctl(fd, PROCMAP_QUERY, &q) < 0)
		return errno == ENOTTY;
	return q.vma_flags & (PROCMAP_QUERY_VMA_READABLE | PROCMAP_QUERY_VMA_WRITABLE |
			      PROCMAP_QUERY_VMA_EXECUTABLE);
}

static bool all_zero(const char *buf, size_t len)
{
	return len == 0 || (buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0);
}

/* What is left of the page at ADDR, at most LEN. */
static size_t in_page(uint64_t addr, size_t len)
{
	size_t page = (size_t)getpagesize(), left = page - (size_t)(addr & (page - 1));

	return left < len ? left : len;
}

/* LEN bytes within one page. */
static int read_piece(struct target *t, uint64_t addr, void *buf, size_t len)
{
	ssize_t n;

	if (t->mem < 0) {
		int fd = open_in(t, "mem", O_RDONLY);

		if (fd < 0)
			return fd;
		t->mem = fd;
	}
	if (addr > INT64_MAX) /* the kernel's half */
		return -EFAULT;
	n = pread(t->mem, buf, len, (off_t)addr);
	if (n == 0)
		return -ESRCH; /* nobody has this memory any more */
	if (n < 0)
		return errno == EIO ? -EFAULT : -errno;
	if ((size_t)n < len || (all_zero(buf, len) && !accessible(t, addr)))
		return -EFAULT;
	return 0;
}

int target_read(struct target *t, uint64_t addr, void *buf, size_t len)
{
	char *p = buf;

	for (size_t n; len > 0; addr += n, p += n, len -= n) {
		int r;

		n = in_page(addr, len);
		r = read_piece(t, addr, p, n);
		if (r < 0)
			return r;
	}
	return 0;
}

ssize_t target_read_string(struct target *t, uint64_t addr, char *buf, size_t size)
{
	size_t len = 0, n = size < FIRST_READ ? size : FIRST_READ;

	for (; len < size; len += n, n = size - len) {
		const char *nul;
		int r;

		n = in_page(addr + len, n);
		r = read_piece(t, addr + len, buf + len, n);
		if (r < 0)
			return r;
		nul = memchr(buf + len, '\0', n);
		if (nul)
			return nul - buf;
	}
	return -ENAMETOOLONG;
}

/* -E2BIG where a byte is set before the end, or before what cannot be read. */
static int check_zero(struct target *t, uint64_t addr, size_t len)
{
	char buf[FIRST_READ];

	for (size_t n; len > 0; addr += n, len -= n) {
		int r;

		n = in_page(addr, len < sizeof(buf) ? len : sizeof(buf));
		r = read_piece(t, addr, buf, n);
		if (r < 0)
			return r;
		if (!all_zero(buf, n))
			return -E2BIG;
	}
	return 0;
}

int target_read_struct(struct target *t, uint64_t addr, size_t usize, size_t min, void *buf,
		       size_t ksize)
{
	size_t n = usize < ksize ? usize : ksize;
	int r;

	if (usize < min)
		return -EINVAL;
	if (usize > (size_t)getpagesize())
		return -E2BIG;
	r = check_zero(t, addr + n, usize - n); /* first, as the kernel */
	if (r < 0)
		return r;
	memset((char *)buf + n, 0, ksize - n);
	return target_read(t, addr, buf, n);
}

/* ---- rights and limits ----------------------------------------------------- */

int target_rights(struct target *t, struct rights *ret)
{
	return rights_read(t->dir, ret, &t->pids);
}

int target_tgid(struct target *t, pid_t *ret)
{
	if (t->pids.tgid == 0) {
		_cleanup_(rights_done) struct rights rights = {0};
		int r = target_rights(t, &rights);

		if (r < 0)
			return r;
	}
	*ret = t->pids.tgid;
	return 0;
}

int target_limit(struct target *t, int resource, uint64_t *ret)
{
	const char *key = resource == RLIMIT_NOFILE ? "\nMax open files " : "\nMax file size ";
	_cleanup_close_ int fd = open_in(t, "limits", O_RDONLY);
	char buf[4096], *p;
	ssize_t n;

	if (resource != RLIMIT_NOFILE && resource != RLIMIT_FSIZE)
		return -EINVAL;
	if (fd < 0)
		return fd;
	n = read(fd, buf, sizeof(buf) - 1); /* 1.3 kB, given out at once */
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	p = strstr(buf, key);
	if (!p)
		return n == 0 ? -ESRCH : -EBADMSG;
	p += strlen(key);
	p += strspn(p, " ");
	*ret = strncmp(p, "unlimited", 9) == 0 ? UINT64_MAX : strtoull(p, NULL, 10);
	return 0;
}

/* ---- signals --------------------------------------------------------------- */

#define STATUS_TAIL 8192

/* The end of /proc/TID/status, in which what is asked for stands: groups may come before it. */
static int read_status_tail(const struct target *t, char buf[static STATUS_TAIL])
{
	_cleanup_close_ int fd = open_in(t, "status", O_RDONLY);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, buf + len, STATUS_TAIL - 1 - len)) > 0) {
		len += (size_t)n;
		if (len < STATUS_TAIL - 1)
			continue;
		memmove(buf, buf + len / 2, len - len / 2);
		len -= len / 2;
	}
	buf[len] = '\0';
	return n < 0 ? -errno : 0;
}

static uint64_t status_number(const char *status, const char *key, int base)
{
	const char *p = strstr(status, key);

	return p ? strtoull(p + strlen(key), NULL, base) : 0;
}

enum target_signal target_signal(const struct target *t)
{
	char status[STATUS_TAIL];
	uint64_t heeded;

	if (read_status_tail(t, status) < 0)
		return TARGET_SIGNAL_NONE;
	heeded = ~(status_number(status, "\nSigBlk:", 16) | status_number(status, "\nSigIgn:", 16));
	if (status_number(status, "\nSigPnd:", 16) & heeded)
		return TARGET_SIGNAL_OWN;
	if (!(status_number(status, "\nShdPnd:", 16) & heeded))
		return TARGET_SIGNAL_NONE;
	return status_number(status, "\nThreads:", 10) == 1 ? TARGET_SIGNAL_OWN
							    : TARGET_SIGNAL_GROUP;
}

/* ---- directories and descriptors ------------------------------------------- */

int target_root(struct target *t)
{
	return open_in(t, "root", O_PATH);
}

int target_cwd(struct target *t, bool *ret_deleted)
{
	int fd = open_in(t, "cwd", O_PATH);
	struct stat st;

	if (fd >= 0 && ret_deleted)
		*ret_deleted = fstat(fd, &st) == 0 && st.st_nlink == 0;
	return fd;
}

int target_path_fd(struct target *t, int fd)
{
	char name[32];
	int r;

	if (fd < 0)
		return -EBADF;
	(void)snprintf(name, sizeof(name), "fd/%d", fd);
	r = open_in(t, name, O_PATH);
	/* The directory says the same of a descriptor that is not there and of a dead thread. */
	return r == -ESRCH && target_valid(t) ? -EBADF : r;
}

static int pidfd_open_for(pid_t pid, unsigned flags)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, flags);

	return fd < 0 ? -errno : fd;
}

/* Before 6.9 there are only those of leaders, which will do where the descriptors are shared. */
static int leader_pidfd(struct target *t)
{
	pid_t tgid;
	long r;
	int fd = target_tgid(t, &tgid);

	if (fd < 0)
		return fd;
	fd = pidfd_open_for(tgid, 0);
	if (fd < 0 || tgid == t->tid)
		return fd;
	r = syscall(SYS_kcmp, t->tid, tgid, KCMP_FILES, 0, 0);
	if (r == 0)
		return fd;
	r = r < 0 && errno == ESRCH ? -ESRCH : -EOPNOTSUPP;
	close_fd(fd);
	return (int)r;
}

static int open_pidfd(struct target *t)
{
	int fd = pidfd_open_for(t->tid, PIDFD_THREAD);

	if (fd == -EINVAL)
		fd = leader_pidfd(t);
	if (fd < 0)
		return fd;
	/* By number: the thread must have been there after that. */
	if (!target_valid(t)) {
		close_fd(fd);
		return -ESRCH;
	}
	t->pidfd = fd;
	return 0;
}

int target_fd(struct target *t, int fd)
{
	int r;

	if (fd < 0)
		return -EBADF;
	if (t->pidfd < 0) {
		r = open_pidfd(t);
		if (r < 0)
			return r;
	}
	r = (int)syscall(SYS_pidfd_getfd, t->pidfd, fd, 0);
	return r < 0 ? -errno : r;
}
