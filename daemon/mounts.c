/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mounts.c - the mounts that a target sees.
 *
 * Theory of operation. /proc/PID/mountinfo stays that of one mount namespace and one root for as
 * long as it is open, and poll(2) tells by POLLPRI that something changed since the last look. So
 * the table is read once, and again where the kernel says so. A mount's number may be given to
 * another mount after its end, but not while a descriptor of it is open: an entry that is found
 * after such a poll is the right one.
 */
#include "daemon/mounts.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "proto/base.h"

struct mount_entry {
	uint64_t id;
	bool prompt;
};

struct mounts {
	_Atomic unsigned refs;
	pthread_mutex_t lock; /* of the table */
	int fd;		      /* mountinfo */
	bool inner;	      /* the mount namespace belongs to another user namespace than ours */
	bool stale;	      /* must be read again */
	uint64_t root;	      /* the mount of its root, which need not be in the table */
	bool root_prompt;
	size_t n, size;
	struct mount_entry *entries; /* sorted by id */
};

/* Those that answer from memory or from a disk of this machine. FUSE and what is on the network
 * wait for somebody else. autofs waits for its daemon. */
static const char *const prompt_types[] = {
	"bcachefs", "binfmt_misc", "bpf",	"btrfs",    "cgroup",	 "cgroup2", "configfs",
	"debugfs",  "devpts",	   "devtmpfs",	"efivarfs", "erofs",	 "exfat",   "ext2",
	"ext3",	    "ext4",	   "f2fs",	"fusectl",  "hugetlbfs", "iso9660", "jfs",
	"mqueue",   "nilfs2",	   "ntfs3",	"proc",	    "pstore",	 "ramfs",   "reiserfs",
	"rootfs",   "securityfs",  "selinuxfs", "squashfs", "sysfs",	 "tmpfs",   "tracefs",
	"udf",	    "vfat",	   "xfs",	"zfs",
};

static int compare_types(const void *key, const void *elem)
{
	return strcmp(key, *(const char *const *)elem);
}

static bool is_prompt_type(const struct mounts *m, const char *type)
{
	/* What overlayfs lies upon cannot be told: where others than root can mount, it may be
	 * FUSE. */
	if (strcmp(type, "overlay") == 0)
		return !m->inner;
	return bsearch(type, prompt_types, ARRAY_SIZE(prompt_types), sizeof(*prompt_types),
		       compare_types);
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw" */
static int add_line(struct mounts *m, char *line)
{
	char *sep = strstr(line, " - "), *type = sep ? sep + 3 : NULL;
	struct mount_entry *more;
	size_t size;

	if (!type)
		return -EBADMSG;
	type[strcspn(type, " ")] = '\0';
	if (m->n == m->size) {
		size = m->size ? m->size * 2 : 64;
		more = realloc(m->entries, size * sizeof(*more));
		if (!more)
			return -ENOMEM;
		m->entries = more;
		m->size = size;
	}
	m->entries[m->n++] = (struct mount_entry){
		.id = strtoull(line, NULL, 10),
		.prompt = is_prompt_type(m, type),
	};
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct mount_entry *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int read_table(struct mounts *m)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	int fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3);
	size_t size = 0;
	int r = 0;

	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0 || !(f = fdopen(fd, "r"))) {
		close_fd(fd);
		return -errno;
	}
	m->n = 0;
	errno = 0;
	while (r == 0 && getline(&line, &size, f) > 0)
		r = add_line(m, line);
	if (r == 0 && ferror(f))
		r = errno ? -errno : -EIO;
	if (r == 0 && m->n > 0)
		qsort(m->entries, m->n, sizeof(*m->entries), compare_entries);
	m->stale = r < 0;
	return r;
}

static int refresh(struct mounts *m)
{
	struct pollfd p = {.fd = m->fd, .events = POLLPRI};

	if (poll(&p, 1, 0) < 0)
		return -errno;
	if (p.revents & (POLLPRI | POLLERR))
		m->stale = true;
	return m->stale ? read_table(m) : 0;
}

/* A mount namespace of another user namespace: its members mount without being root here. */
static bool is_inner(int procdir)
{
	_cleanup_close_ int mnt = openat(procdir, "ns/mnt", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int owner = mnt >= 0 ? ioctl(mnt, NS_GET_USERNS) : -1;
	struct stat a, b;

	if (owner < 0 || fstat(owner, &a) < 0 || stat("/proc/self/ns/user", &b) < 0)
		return true;
	return a.st_ino != b.st_ino || a.st_dev != b.st_dev;
}

static const struct mount_entry *find_entry(const struct mounts *m, uint64_t id)
{
	struct mount_entry key = {.id = id};

	return m->n ? bsearch(&key, m->entries, m->n, sizeof(key), compare_entries) : NULL;
}

/* A root that is no mount point lies on a mount that the table leaves out. Numbers are the same in
 * all namespaces: it may be one of ours. If not, it may have to be waited for. */
static int find_root(struct mounts *m, int procdir)
{
	_cleanup_close_ int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct mounts ours = {.fd = fd, .inner = m->inner};
	const struct mount_entry *e;
	struct statx st;
	int r = 0;

	if (statx(procdir, "root", AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0)
		return -errno;
	if (!(st.stx_mask & STATX_MNT_ID))
		return -EOPNOTSUPP;
	m->root = st.stx_mnt_id;
	if (find_entry(m, m->root))
		return 0;
	r = fd < 0 ? -errno : read_table(&ours);
	e = r == 0 ? find_entry(&ours, m->root) : NULL;
	m->root_prompt = e && e->prompt;
	free(ours.entries);
	return r;
}

int mounts_new(int procdir, struct mounts **ret)
{
	struct mounts *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	atomic_init(&m->refs, 1);
	pthread_mutex_init(&m->lock, NULL);
	m->inner = is_inner(procdir);
	m->stale = true;
	m->fd = openat(procdir, "mountinfo", O_RDONLY | O_CLOEXEC);
	r = m->fd < 0 ? -errno : refresh(m);
	if (r == 0)
		r = find_root(m, procdir);
	if (r < 0) {
		mounts_unref(m);
		return r;
	}
	*ret = m;
	return 0;
}

struct mounts *mounts_ref(struct mounts *m)
{
	atomic_fetch_add(&m->refs, 1);
	return m;
}

struct mounts *mounts_unref(struct mounts *m)
{
	if (!m || atomic_fetch_sub(&m->refs, 1) > 1)
		return NULL;
	pthread_mutex_destroy(&m->lock);
	close_fd(m->fd);
	free(m->entries);
	free(m);
	return NULL;
}

static int find(struct mounts *m, uint64_t id, bool *ret_prompt)
{
	const struct mount_entry *e;
	int r = refresh(m);

	if (r < 0)
		return r;
	e = find_entry(m, id);
	if (!e && id != m->root)
		return -ENOENT;
	*ret_prompt = e ? e->prompt : m->root_prompt;
	return 0;
}

int mounts_find(struct mounts *m, int fd, bool *ret_prompt)
{
	struct statx st;
	int r;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0)
		return -errno;
	if (!(st.stx_mask & STATX_MNT_ID)) /* before Linux 5.8 */
		return -EOPNOTSUPP;
	pthread_mutex_lock(&m->lock);
	r = find(m, st.stx_mnt_id, ret_prompt);
	pthread_mutex_unlock(&m->lock);
	return r;
}
