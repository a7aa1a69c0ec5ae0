/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * emulate_modify.c - path changes, done for the target.
 *
 * Theory of operation. A call is about entries of directories (mkdir, unlink, rename) or about
 * objects (chmod, truncate). An object is found as an O_PATH descriptor, and the call is made on
 * it through /proc/self/fd: on this very object. Of an entry the directory is found so, and the
 * call is made with the last part of the path as it was given, below that directory. It never
 * follows a link there, and says itself what dots and slashes at the end mean. Another object may
 * have come under that name meanwhile; it is the name that such calls act on, and that was decided
 * on.
 *
 * modify_ways has a row a call: what its arguments are, and what is done.
 */
#include "daemon/emulate_modify.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "daemon/emulate_base.h"
#include "proto/base.h"

enum what {
	NONE,
	ENTRY,	/* of a directory, which need not be there */
	OBJECT, /* links at the end are followed but for AT_SYMLINK_NOFOLLOW */
	SOURCE, /* of a hard link: they are followed with AT_SYMLINK_FOLLOW */
	TEXT,	/* of a symbolic link: leads nowhere yet */
};

/* What a path of NULL means. */
enum null {
	NULL_FAULT,
	NULL_DESCRIPTOR, /* the descriptor itself, but for AT_FDCWD */
	NULL_EMPTY,	 /* the same as the empty path, if that is allowed */
};

typedef int read_fn(const struct emulate *e, const uint64_t *args, struct emulate_modify *m);
typedef int do_fn(const struct emulate_modify *m);

struct modify_way {
	struct {
		enum what what;
		uint8_t arg; /* the path, or the descriptor before it */
		bool at;     /* there is one */
	} on[2];
	enum null null;
	uint8_t flags_arg; /* 0: there is none */
	unsigned known;	   /* flags that the call takes */
	unsigned flags;	   /* that it has by its name */
	bool waits;	   /* may wait for others, whatever the file system */
	bool removes;	   /* entries, or gives them other objects */
	uint8_t rest;	   /* where the arguments of read() begin */
	read_fn *read;
	do_fn *act; /* as a system call: -1 and errno. Has the target's rights */
};

/* ---- what the target said ---------------------------------------------------------- */

static int check_flags(const struct emulate_modify *m)
{
	unsigned flags = m->flags & ~m->way->flags;

	if (flags & ~m->way->known)
		return -EINVAL;
	if (m->way->known & RENAME_EXCHANGE && flags & RENAME_EXCHANGE &&
	    flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))
		return -EINVAL;
	return 0;
}

static int read_mode(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	(void)e;
	m->mode = (uint16_t)args[0];
	return 0;
}

static bool is_device(const struct emulate_modify *m)
{
	/* A whiteout is a device by its looks alone. */
	return S_ISBLK(m->mode) || (S_ISCHR(m->mode) && m->dev != 0);
}

static int read_node(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	m->mode = (uint16_t)args[0];
	m->dev = (unsigned)args[1];
	/* Which types there are the kernel says before it looks at the path: the empty one. */
	if (syscall(SYS_mknodat, -1, "", m->mode, m->dev) == 0)
		return -ENOTRECOVERABLE;
	if (errno != ENOENT)
		return -errno;
	return is_device(m) && !emulate_same_cgroups(e) ? -ENOTRECOVERABLE : 0;
}

static int read_owner(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	(void)e;
	m->uid = (uid_t)args[0];
	m->gid = (gid_t)args[1];
	return 0;
}

/* i386's first calls have ids of 16 bits, of which the last means "none". */
static int read_owner16(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	if (e->arch != ARCH_X86)
		return read_owner(e, args, m);
	m->uid = (uint16_t)args[0] == UINT16_MAX ? (uid_t)-1 : (uint16_t)args[0];
	m->gid = (uint16_t)args[1] == UINT16_MAX ? (gid_t)-1 : (uint16_t)args[1];
	return 0;
}

static int check_length(const struct emulate *e, struct emulate_modify *m)
{
	return m->length < 0 ? -EINVAL : target_limit(e->target, RLIMIT_FSIZE, &m->size_limit);
}

static int read_length(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	m->length = e->arch == ARCH_X86 ? (int32_t)args[0] : (int64_t)args[0];
	return check_length(e, m);
}

static int read_length64(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	m->length = (int64_t)((uint64_t)(uint32_t)args[1] << 32 | (uint32_t)args[0]);
	return check_length(e, m);
}

/* N numbers as long as the target has them; none (m->now) where the pointer is NULL. */
static int read_numbers(const struct emulate *e, uint64_t addr, bool wide, int64_t *buf, size_t n,
			struct emulate_modify *m)
{
	int32_t narrow[4];
	int r;

	addr = emulate_register(e, addr);
	m->now = addr == 0;
	if (m->now)
		return 0;
	if (wide)
		return target_read(e->target, addr, buf, n * sizeof(*buf));
	r = target_read(e->target, addr, narrow, n * sizeof(*narrow));
	for (size_t i = 0; r == 0 && i < n; i++)
		buf[i] = narrow[i];
	return r;
}

static int read_utimbuf(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	int64_t v[2] = {0};
	int r = read_numbers(e, args[0], e->arch != ARCH_X86, v, 2, m);

	for (int i = 0; i < 2; i++)
		m->times[i] = (struct timespec){.tv_sec = (time_t)v[i]};
	return r;
}

static int read_timevals(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	int64_t v[4] = {0};
	int r = read_numbers(e, args[0], e->arch != ARCH_X86, v, 4, m);

	for (int i = 0; r == 0 && i < 2; i++) {
		if (v[2 * i + 1] < 0 || v[2 * i + 1] >= 1000000)
			return -EINVAL;
		m->times[i].tv_sec = (time_t)v[2 * i];
		m->times[i].tv_nsec = (long)v[2 * i + 1] * 1000;
	}
	return r;
}

static int read_times(const struct emulate *e, uint64_t addr, bool wide, struct emulate_modify *m)
{
	int64_t v[4] = {0};
	int r = read_numbers(e, addr, wide, v, 4, m);

	if (r < 0 || m->now)
		return r;
	for (int i = 0; i < 2; i++) {
		/* Half of it is padding to 32-bit callers. */
		if (wide && (e->arch == ARCH_X86 || e->arch == ARCH_X32))
			v[2 * i + 1] &= UINT32_MAX;
		m->times[i].tv_sec = (time_t)v[2 * i];
		m->times[i].tv_nsec = (long)v[2 * i + 1];
	}
	m->nothing = m->times[0].tv_nsec == UTIME_OMIT && m->times[1].tv_nsec == UTIME_OMIT;
	return 0;
}

static int read_timespecs(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	return read_times(e, args[0], e->arch != ARCH_X86, m);
}

static int read_timespecs64(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	return read_times(e, args[0], true, m);
}

static int read_xattr_name(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	int r = check_flags(m);
	ssize_t n;

	if (r < 0)
		return r;
	n = target_read_string(e->target, emulate_register(e, args[0]), m->xattr, sizeof(m->xattr));
	return n == 0 || n == -ENAMETOOLONG ? -ERANGE : n < 0 ? (int)n : 0;
}

/* NAME, and the SIZE bytes at VALUE. */
static int read_value(const struct emulate *e, uint64_t name, uint64_t value, uint64_t size,
		      unsigned flags, struct emulate_modify *m)
{
	int r = check_flags(m);

	if (r == 0 && flags & ~(unsigned)(XATTR_CREATE | XATTR_REPLACE))
		r = -EINVAL;
	if (r == 0)
		r = read_xattr_name(e, &name, m);
	if (r < 0)
		return r;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	m->value_size = (size_t)size;
	m->xattr_flags = (int)flags;
	if (size == 0)
		return 0;
	m->value = malloc(m->value_size);
	return m->value ? target_read(e->target, value, m->value, m->value_size) : -ENOMEM;
}

static int read_xattr(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	return read_value(e, args[0], emulate_register(e, args[1]), emulate_register(e, args[2]),
			  (unsigned)args[3], m);
}

static int read_xattr_args(const struct emulate *e, const uint64_t *args, struct emulate_modify *m)
{
	struct {
		uint64_t value;
		uint32_t size, flags;
	} a; /* struct xattr_args, Linux 6.13 */
	int r = target_read_struct(e->target, emulate_register(e, args[1]),
				   emulate_register(e, args[2]), sizeof(a), &a, sizeof(a));

	return r < 0 ? r : read_value(e, args[0], a.value, a.size, a.flags, m);
}

/* ---- doing it ----------------------------------------------------------------------- */

/* The daemon's own name of its descriptor. */
struct fd_path {
	char path[32];
};
static struct fd_path object(const struct emulate_modify *m)
{
	struct fd_path p;

	(void)snprintf(p.path, sizeof(p.path), "/proc/self/fd/%d", m->paths[0].fd);
	return p;
}

static int do_mkdir(const struct emulate_modify *m)
{
	return mkdirat(m->paths[0].fd, m->paths[0].last, m->mode);
}

static int do_mknod(const struct emulate_modify *m)
{
	/* Raw: the number as the target has it. */
	return (int)syscall(SYS_mknodat, m->paths[0].fd, m->paths[0].last, m->mode, m->dev);
}

static int do_unlink(const struct emulate_modify *m)
{
	return unlinkat(m->paths[0].fd, m->paths[0].last, (int)m->flags);
}

/* "/" is on a mount of its own to us; as "." it is EBUSY, too. */
static const char *not_root(const char *last)
{
	return *last == '/' ? "." : last;
}

static int do_rename(const struct emulate_modify *m)
{
	return renameat2(m->paths[0].fd, not_root(m->paths[0].last), m->paths[1].fd,
			 not_root(m->paths[1].last), m->flags);
}

static int do_link(const struct emulate_modify *m)
{
	return linkat(AT_FDCWD, object(m).path, m->paths[1].fd, m->paths[1].last,
		      AT_SYMLINK_FOLLOW);
}

static int do_symlink(const struct emulate_modify *m)
{
	return symlinkat(m->paths[0].given, m->paths[1].fd, m->paths[1].last);
}

static int do_chmod(const struct emulate_modify *m)
{
	return chmod(object(m).path, m->mode);
}

static int do_chown(const struct emulate_modify *m)
{
	return chown(object(m).path, m->uid, m->gid);
}

static int do_truncate(const struct emulate_modify *m)
{
	struct fd_path p = object(m);
	struct stat st;

	/* The limit is a process's, so the kernel looks at ours. */
	if ((uint64_t)m->length > m->size_limit && stat(p.path, &st) == 0 && S_ISREG(st.st_mode) &&
	    m->length > st.st_size && faccessat(AT_FDCWD, p.path, W_OK, AT_EACCESS) == 0) {
		errno = EFBIG;
		return -1;
	}
	return truncate(p.path, m->length);
}

static int do_utimes(const struct emulate_modify *m)
{
	return utimensat(AT_FDCWD, object(m).path, m->now ? NULL : m->times, 0);
}

static int do_setxattr(const struct emulate_modify *m)
{
	return setxattr(object(m).path, m->xattr, m->value, m->value_size, m->xattr_flags);
}

static int do_removexattr(const struct emulate_modify *m)
{
	return removexattr(object(m).path, m->xattr);
}

/* ---- the calls ---------------------------------------------------------------------- */

/* clang-format off */
#define ENTRY(n)      { .what = ENTRY, .arg = (n) }
#define ENTRY_AT(n)   { .what = ENTRY, .arg = (n), .at = true }
#define OBJECT(n)     { .what = OBJECT, .arg = (n) }
#define OBJECT_AT(n)  { .what = OBJECT, .arg = (n), .at = true }
#define SOURCE(n)     { .what = SOURCE, .arg = (n) }
#define SOURCE_AT(n)  { .what = SOURCE, .arg = (n), .at = true }
#define TEXT(n)       { .what = TEXT, .arg = (n) }
#define FLAGS(n, f)   .flags_arg = (n), .known = (f)
#define NOFOLLOW      .flags = AT_SYMLINK_NOFOLLOW
#define REMOVES       .removes = true
#define REST(n, f)    .rest = (n), .read = (f)
#define OBJECT_FLAGS  (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)
#define RENAME_FLAGS  (RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)

static const struct modify_way modify_ways[] = {
	[MODIFY_MKDIR] = {{ENTRY(0)}, REST(1, read_mode), .act = do_mkdir},
	[MODIFY_MKDIRAT] = {{ENTRY_AT(0)}, REST(2, read_mode), .act = do_mkdir},
	[MODIFY_MKNOD] = {{ENTRY(0)}, REST(1, read_node), .act = do_mknod},
	[MODIFY_MKNODAT] = {{ENTRY_AT(0)}, REST(2, read_node), .act = do_mknod},
	[MODIFY_UNLINK] = {{ENTRY(0)}, REMOVES, .act = do_unlink},
	[MODIFY_UNLINKAT] = {{ENTRY_AT(0)}, FLAGS(2, AT_REMOVEDIR), REMOVES, .act = do_unlink},
	[MODIFY_RMDIR] = {{ENTRY(0)}, .flags = AT_REMOVEDIR, REMOVES, .act = do_unlink},
	[MODIFY_RENAME] = {{ENTRY(0), ENTRY(1)}, REMOVES, .act = do_rename},
	[MODIFY_RENAMEAT] = {{ENTRY_AT(0), ENTRY_AT(2)}, REMOVES, .act = do_rename},
	[MODIFY_RENAMEAT2] = {{ENTRY_AT(0), ENTRY_AT(2)}, FLAGS(4, RENAME_FLAGS), REMOVES,
			      .act = do_rename},
	[MODIFY_LINK] = {{SOURCE(0), ENTRY(1)}, .act = do_link},
	[MODIFY_LINKAT] = {{SOURCE_AT(0), ENTRY_AT(2)}, FLAGS(4, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH),
			   .act = do_link},
	[MODIFY_SYMLINK] = {{TEXT(0), ENTRY(1)}, .act = do_symlink},
	[MODIFY_SYMLINKAT] = {{TEXT(0), ENTRY_AT(1)}, .act = do_symlink},
	[MODIFY_CHMOD] = {{OBJECT(0)}, REST(1, read_mode), .act = do_chmod},
	[MODIFY_FCHMODAT] = {{OBJECT_AT(0)}, REST(2, read_mode), .act = do_chmod},
	[MODIFY_FCHMODAT2] = {{OBJECT_AT(0)}, FLAGS(3, OBJECT_FLAGS), REST(2, read_mode),
			      .act = do_chmod},
	[MODIFY_CHOWN] = {{OBJECT(0)}, REST(1, read_owner16), .act = do_chown},
	[MODIFY_CHOWN32] = {{OBJECT(0)}, REST(1, read_owner), .act = do_chown},
	[MODIFY_LCHOWN] = {{OBJECT(0)}, NOFOLLOW, REST(1, read_owner16), .act = do_chown},
	[MODIFY_LCHOWN32] = {{OBJECT(0)}, NOFOLLOW, REST(1, read_owner), .act = do_chown},
	[MODIFY_FCHOWNAT] = {{OBJECT_AT(0)}, FLAGS(4, OBJECT_FLAGS), REST(2, read_owner),
			     .act = do_chown},
	/* It waits for leases. */
	[MODIFY_TRUNCATE] = {{OBJECT(0)}, REST(1, read_length), .waits = true, .act = do_truncate},
	[MODIFY_TRUNCATE64] = {{OBJECT(0)}, REST(1, read_length64), .waits = true,
			       .act = do_truncate},
	[MODIFY_UTIME] = {{OBJECT(0)}, REST(1, read_utimbuf), .act = do_utimes},
	[MODIFY_UTIMES] = {{OBJECT(0)}, REST(1, read_timevals), .act = do_utimes},
	[MODIFY_FUTIMESAT] = {{OBJECT_AT(0)}, .null = NULL_DESCRIPTOR, REST(2, read_timevals),
			      .act = do_utimes},
	[MODIFY_UTIMENSAT] = {{OBJECT_AT(0)}, .null = NULL_DESCRIPTOR, FLAGS(3, OBJECT_FLAGS),
			      REST(2, read_timespecs), .act = do_utimes},
	[MODIFY_UTIMENSAT_TIME64] = {{OBJECT_AT(0)}, .null = NULL_DESCRIPTOR,
				     FLAGS(3, OBJECT_FLAGS), REST(2, read_timespecs64),
				     .act = do_utimes},
	[MODIFY_SETXATTR] = {{OBJECT(0)}, REST(1, read_xattr), .act = do_setxattr},
	[MODIFY_LSETXATTR] = {{OBJECT(0)}, NOFOLLOW, REST(1, read_xattr), .act = do_setxattr},
	[MODIFY_SETXATTRAT] = {{OBJECT_AT(0)}, .null = NULL_EMPTY, FLAGS(2, OBJECT_FLAGS),
			       REST(3, read_xattr_args), .act = do_setxattr},
	[MODIFY_REMOVEXATTR] = {{OBJECT(0)}, REST(1, read_xattr_name), .act = do_removexattr},
	[MODIFY_LREMOVEXATTR] = {{OBJECT(0)}, NOFOLLOW, REST(1, read_xattr_name),
				 .act = do_removexattr},
	[MODIFY_REMOVEXATTRAT] = {{OBJECT_AT(0)}, .null = NULL_EMPTY, FLAGS(2, OBJECT_FLAGS),
				  REST(3, read_xattr_name), .act = do_removexattr},
};
/* clang-format on */
static_assert(ARRAY_SIZE(modify_ways) == MODIFY_MAX, "each call has a way");

/* ---- reading ------------------------------------------------------------------------ */

static uint64_t path_register(const struct emulate *e, const struct modify_way *w, int i,
			      const uint64_t args[6])
{
	return emulate_register(e, args[w->on[i].arg + w->on[i].at]);
}

/* Nothing but registers is looked at: it cannot become another call. */
static bool is_on_descriptor(const struct emulate *e, const struct emulate_modify *m,
			     const uint64_t args[6])
{
	const struct modify_way *w = m->way;

	if (w->null == NULL_FAULT || path_register(e, w, 0, args) != 0)
		return false;
	if (w->null == NULL_DESCRIPTOR)
		return m->paths[0].dirfd != AT_FDCWD;
	return m->flags & AT_EMPTY_PATH && m->paths[0].dirfd >= 0;
}

/* A path that cannot be read fails in its turn. */
static int read_path(const struct emulate *e, uint64_t addr, struct emulate_modify *m,
		     struct modify_path *p)
{
	ssize_t n;

	*p->given = '\0';
	if (addr == 0 && m->way->null == NULL_EMPTY && m->flags & AT_EMPTY_PATH)
		return 0;
	n = target_read_string(e->target, addr, p->given, sizeof(p->given));
	if (n == -ESRCH)
		return -ESRCH;
	p->err = n < 0 ? (int)n : 0;
	if (n < 0)
		*p->given = '\0';
	return 0;
}

static void begin(struct emulate_modify *m, const struct modify_way *w, const uint64_t args[6])
{
	m->way = w;
	m->by_descriptor = m->nothing = false;
	m->value = NULL;
	m->n_names = 0;
	m->flags = w->flags | (w->flags_arg ? (unsigned)args[w->flags_arg] : 0);
	for (int i = 0; i < 2; i++) {
		m->paths[i].dirfd = w->on[i].at ? (int)args[w->on[i].arg] : AT_FDCWD;
		m->paths[i].err = 0;
		m->paths[i].fd = -1;
	}
}

int emulate_modify_read(const struct emulate *e, enum modify_form form, const uint64_t args[6],
			struct emulate_modify *ret)
{
	const struct modify_way *w = &modify_ways[form];
	int r;

	begin(ret, w, args);
	ret->by_descriptor = is_on_descriptor(e, ret, args);
	if (ret->by_descriptor)
		return 0;
	r = w->read ? w->read(e, args + w->rest, ret) : 0;
	if (r == 0 && !ret->nothing)
		r = check_flags(ret);
	for (int i = 0; r == 0 && i < 2; i++) {
		if (w->on[i].what != NONE)
			r = read_path(e, path_register(e, w, i, args), ret, &ret->paths[i]);
	}
	return r;
}

void emulate_modify_done(struct emulate_modify *m)
{
	for (int i = 0; i < 2; i++)
		m->paths[i].fd = close_fd(m->paths[i].fd);
	free(m->value);
	m->value = NULL;
}

/* ---- what is meant ------------------------------------------------------------------- */

/* The directory of PATH, which is not empty, in BUF of PATH_MAX, with a dot at the end: it takes
 * the right to search there, too. The rest of PATH: the entry. */
static const char *split(const char *path, char *buf)
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/';)
		start--;
	memcpy(buf, path, start);
	memcpy(buf + start, end > 0 ? "." : "/", 2);
	return path + start;
}

static int find_entry(const struct emulate *e, struct modify_path *p)
{
	struct resolved found;
	char dir[PATH_MAX];
	int r;

	if (!*p->given)
		return -ENOENT;
	p->last = split(p->given, dir);
	r = emulate_find(e, p->dirfd, dir, 0, 0, &found);
	if (r == 0)
		p->fd = found.fd;
	return r;
}

/* linkat(2) of a descriptor. The capability is asked for elsewhere, too, but here it is all. */
static bool may_link_descriptor(const struct emulate *e, const struct modify_path *p)
{
	return p->dirfd == AT_FDCWD || e->rights->effective >> CAP_DAC_READ_SEARCH & 1;
}

static int find_object(const struct emulate *e, const struct emulate_modify *m, enum what what,
		       struct modify_path *p)
{
	bool follow =
		what == SOURCE ? m->flags & AT_SYMLINK_FOLLOW : !(m->flags & AT_SYMLINK_NOFOLLOW);
	struct resolved found;
	int r;

	if (!*p->given && m->flags & AT_EMPTY_PATH) {
		p->fd = emulate_start(e, p->dirfd);
		if (p->fd >= 0 && what == SOURCE && !may_link_descriptor(e, p))
			return -ENOENT;
		return p->fd < 0 ? p->fd : 0;
	}
	r = emulate_find(e, p->dirfd, p->given, follow ? 0 : RESOLVE_LINK, 0, &found);
	if (r == 0)
		p->fd = found.fd;
	return r;
}

static int find(const struct emulate *e, const struct emulate_modify *m, enum what what,
		struct modify_path *p)
{
	p->fd = close_fd(p->fd);
	if (p->err < 0)
		return p->err;
	switch (what) {
	case NONE:
		break;
	case ENTRY:
		return find_entry(e, p);
	case OBJECT:
	case SOURCE:
		return find_object(e, m, what, p);
	case TEXT:
		return *p->given ? 0 : -ENOENT;
	}
	return 0;
}

/* A path that ends in "/", "." or ".." names no entry. */
static bool is_no_entry(const struct modify_path *p)
{
	size_t n = strcspn(p->last, "/");

	return n <= 2 && strncmp(p->last, "..", n) == 0;
}

/* Such a call does nothing, and the kernel says why. */
static int fail(const struct emulate *e, struct emulate_modify *m)
{
	int r = emulate_modify_do(e, m);

	return r == 0 ? -ENOTRECOVERABLE : r;
}

int emulate_modify_look(const struct emulate *e, struct emulate_modify *m)
{
	bool no_entry = false;
	int r = 0;

	m->n_names = 0;
	if (m->nothing)
		return 0;
	for (int i = 0; r == 0 && i < 2; i++) {
		r = find(e, m, m->way->on[i].what, &m->paths[i]);
		if (r == 0 && m->way->on[i].what == ENTRY)
			no_entry = no_entry || is_no_entry(&m->paths[i]);
	}
	if (r == 0 && no_entry)
		r = fail(e, m);
	for (int i = 0; r == 0 && i < 2; i++) {
		struct modify_path *p = &m->paths[i];

		if (p->fd < 0)
			continue;
		r = emulate_name(e, p->fd, m->way->on[i].what == ENTRY ? p->last : NULL, p->name,
				 sizeof(p->name));
		m->names[m->n_names++] = p->name;
	}
	return r;
}

/* ---- doing --------------------------------------------------------------------------- */

static bool is_at_once(const struct emulate *e, const struct emulate_modify *m)
{
	if (m->way->waits)
		return false;
	for (int i = 0; i < 2; i++) {
		if (m->paths[i].fd >= 0 && !emulate_is_prompt(e, m->paths[i].fd))
			return false;
	}
	return true;
}

static bool is_mount_point(const struct modify_path *p)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, p->fd, p->last, &how, sizeof(how));
	bool is = fd < 0 && errno == EXDEV;

	close_fd(fd);
	return is;
}

static bool in_own_namespace(const struct emulate *e)
{
	struct stat a, b;

	return fstatat(e->target->dir, "ns/mnt", &a, 0) == 0 &&
	       stat("/proc/self/ns/mnt", &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Of the mount points in a caller's namespace none is removed or renamed. The kernel looks at ours,
 * and others' mounts would come off. */
static int check_mount_points(const struct emulate *e, const struct emulate_modify *m)
{
	for (int i = 0; m->way->removes && i < 2; i++) {
		const struct modify_path *p = &m->paths[i];

		if (m->way->on[i].what == ENTRY && !is_no_entry(p) && is_mount_point(p) &&
		    !in_own_namespace(e))
			return -EBUSY;
	}
	return 0;
}

int emulate_modify_do(const struct emulate *e, struct emulate_modify *m)
{
	int r;

	if (m->nothing)
		return 0;
	if (!e->may_block && !is_at_once(e, m))
		return -EAGAIN;
	r = check_mount_points(e, m);
	if (r < 0)
		return r;
	if (rights_assume(e->rights) < 0)
		return -ENOTRECOVERABLE;
	r = m->way->act(m) < 0 ? -errno : 0;
	return rights_raise() < 0 ? -ENOTRECOVERABLE : r;
}
