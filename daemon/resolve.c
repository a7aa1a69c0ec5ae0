/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.c - which object a path means to the target.
 *
 * Theory of operation. The path was copied once; nothing here looks at the target's memory. The
 * walk goes from one O_PATH descriptor to the next, so that each step starts at an object and not
 * at a name that could have been given to another by then, and the result is the object itself:
 * whoever opens it opens this one.
 *
 * The kernel is asked for as much of the path at once as has no symbolic link in it and no `..`
 * (RESOLVE_NO_SYMLINKS, which also keeps it away from every link of /proc). Where it meets a link
 * it says ELOOP, and the walk goes on by single components up to that link, replaces it by its
 * text, and asks again. What only the walk can know is decided here: where the root is, that
 * /proc/self means the target, how many links there were. What the kernel knows better it decides:
 * search permission (the thread has the target's rights), mount points, loops of names.
 *
 * A walk that must not block has RESOLVE_CACHED on each step, and reads a link's text only where
 * the file system is known to answer at once.
 */
#include "daemon/resolve.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "proto/base.h"

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20 /* Linux 5.12 */
#endif

#define PATH_BUFFER    (3 * PATH_MAX)
#define PROC_ROOT_INO  1
#define STEPS_PROMPT   128 /* of a walk that must not block; it is also a bound for its time */
#define DELETED_SUFFIX " (deleted)"

struct walk {
	const struct resolve_ctx *ctx;
	unsigned flags;
	uint64_t how;
	int root; /* borrowed; the start under RESOLVE_BENEATH and RESOLVE_IN_ROOT */
	int cur;  /* owned where it is not borrowed */
	bool borrowed;
	bool own_proc; /* cur is below the target's own directory of a procfs */
	unsigned links, steps;
	struct statx root_id; /* stx_mask 0: not read yet */
	char *rest;	      /* what is still to be walked; right-aligned in buf */
	char buf[PATH_BUFFER];
};

/* One component: NAME, and whether it is the last one. */
struct component {
	char name[NAME_MAX + 1];
	bool last;
	bool slash; /* one or more follow */
};

void resolved_done(struct resolved *r)
{
	r->fd = close_fd(r->fd);
	r->dir = close_fd(r->dir);
}

/* ---- steps --------------------------------------------------------------------- */

static int step_open(struct walk *w, int dirfd, const char *name, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
		.resolve = resolve | (w->how & RESOLVE_NO_XDEV),
	};
	int fd;

	if (!w->ctx->may_block) {
		how.resolve |= RESOLVE_CACHED;
		if (++w->steps > STEPS_PROMPT)
			return -EAGAIN;
	}
	if (w->own_proc && w->ctx->open_own)
		return w->ctx->open_own(w->ctx->data, dirfd, name, &how);
	fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

static void set_cur(struct walk *w, int fd)
{
	if (!w->borrowed)
		close_fd(w->cur);
	w->cur = fd;
	w->borrowed = false;
}

static void set_cur_borrowed(struct walk *w, int fd)
{
	set_cur(w, fd);
	w->borrowed = true;
	w->own_proc = false;
}

/* The descriptor of cur for the caller to keep. */
static int take_cur(struct walk *w)
{
	int fd;

	if (w->borrowed) {
		fd = fcntl(w->cur, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : fd;
	}
	w->borrowed = true;
	return w->cur;
}

static int identify(int fd, struct statx *ret)
{
	/* DONT_SYNC: what is known of it without asking a server. */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_MODE | STATX_INO | STATX_UID | STATX_MNT_ID, ret) < 0)
		return -errno;
	return 0;
}

static bool same_place(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor && a->stx_mnt_id == b->stx_mnt_id;
}

static int at_root(struct walk *w)
{
	struct statx st;
	int r = 0;

	if (!w->root_id.stx_mask)
		r = identify(w->root, &w->root_id);
	if (r == 0)
		r = identify(w->cur, &st);
	return r < 0 ? r : same_place(&st, &w->root_id);
}

/* To the root, for a path or a link that begins with a slash. */
static int go_to_root(struct walk *w)
{
	struct statx from, to;
	int r;

	if (w->how & RESOLVE_BENEATH)
		return -EXDEV;
	if (w->how & RESOLVE_NO_XDEV) {
		r = identify(w->cur, &from);
		if (r == 0)
			r = identify(w->root, &to);
		if (r < 0)
			return r;
		if (from.stx_mnt_id != to.stx_mnt_id)
			return -EXDEV;
	}
	set_cur_borrowed(w, w->root);
	return 0;
}

/* ---- the text ------------------------------------------------------------------- */

static bool has_dotdot(const char *s)
{
	for (; (s = strstr(s, "..")); s += 2) {
		if ((s[2] == '/' || s[2] == '\0') && s[-1] == '/')
			return true;
	}
	return false;
}

/* rest is left-padded with a slash (see prepend), so that has_dotdot() may look back. */
static int prepend(struct walk *w, const char *text, size_t len)
{
	if (len + 1 > (size_t)(w->rest - w->buf))
		return -ENAMETOOLONG;
	w->rest -= len;
	memcpy(w->rest, text, len);
	w->rest[-1] = '/';
	return 0;
}

/* Takes the next component off rest, which begins with one. */
static int next_component(struct walk *w, struct component *c)
{
	size_t n = strcspn(w->rest, "/");

	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(c->name, w->rest, n);
	c->name[n] = '\0';
	w->rest += n;
	c->slash = *w->rest == '/';
	c->last = w->rest[strspn(w->rest, "/")] == '\0';
	return 0;
}

static void skip_slashes(struct walk *w)
{
	w->rest += strspn(w->rest, "/");
}

/* ---- links ---------------------------------------------------------------------- */

/* Does reading from here take no longer than memory or a local disk, or may it take longer? */
static bool may_read(const struct walk *w, int fd)
{
	return w->ctx->may_block || (w->ctx->is_prompt && w->ctx->is_prompt(w->ctx->data, fd));
}

static bool on_procfs(const struct walk *w, int fd)
{
	struct statfs fs;

	return may_read(w, fd) && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static bool at_proc_root(const struct walk *w)
{
	struct statx st;

	return identify(w->cur, &st) == 0 && st.stx_ino == PROC_ROOT_INO && on_procfs(w, w->cur);
}

/* Whose numbers does the procfs at cur have? In that of our own pid namespace `self` is what
 * getpid(2) says, in an inner one there is no such link for us. */
enum proc_view { PROC_OURS, PROC_INNER, PROC_OTHER };
static enum proc_view proc_view(const struct walk *w)
{
	char text[32];
	ssize_t n = readlinkat(w->cur, "self", text, sizeof(text) - 1);

	if (n < 0)
		return PROC_INNER;
	text[n] = '\0';
	return strtol(text, NULL, 10) == getpid() ? PROC_OURS : PROC_OTHER;
}

/* The text of /proc/self and /proc/thread-self as the target reads it. Its length or -errno. */
static ssize_t proc_self_text(const struct walk *w, const char *name, char *buf, size_t size)
{
	enum proc_view view = proc_view(w);
	bool inner = view == PROC_INNER;
	pid_t tgid = inner ? w->ctx->inner_tgid : w->ctx->tgid;
	pid_t tid = inner ? w->ctx->inner_tid : w->ctx->tid;

	if (view == PROC_OTHER || tgid <= 0 || tid <= 0)
		return -ENOENT;
	if (strcmp(name, "self") == 0)
		return snprintf(buf, size, "%d", (int)tgid);
	return snprintf(buf, size, "%d/task/%d", (int)tgid, (int)tid);
}

static bool is_proc_self(const struct walk *w, const char *name)
{
	return (strcmp(name, "self") == 0 || strcmp(name, "thread-self") == 0) && at_proc_root(w);
}

/* Does NAME, a link of a procfs, lead to an object and not to a text? 1, 0 or -EAGAIN. */
static int is_magic(struct walk *w, const char *name)
{
	int fd = step_open(w, w->cur, name, 0, RESOLVE_NO_MAGICLINKS);

	close_fd(fd);
	return fd == -EAGAIN ? fd : fd == -ELOOP;
}

/* Through a magic link: cur is what it leads to. */
static int follow_magic(struct walk *w, const char *name)
{
	struct statx from, to;
	int fd, r;

	if (w->how & RESOLVE_NO_MAGICLINKS)
		return -ELOOP;
	if (!w->ctx->may_block)
		return -EAGAIN; /* what it leads to may be anywhere */
	fd = step_open(w, w->cur, name, 0, 0);
	if (fd < 0)
		return fd;
	r = identify(w->cur, &from);
	if (r == 0)
		r = identify(fd, &to);
	if (r == 0 && ((w->how & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) ||
		       ((w->how & RESOLVE_NO_XDEV) && from.stx_mnt_id != to.stx_mnt_id)))
		r = -EXDEV;
	if (r < 0) {
		close_fd(fd);
		return r;
	}
	set_cur(w, fd);
	w->own_proc = false;
	return 0;
}

static bool protected_symlinks(void)
{
	char c = '1';
	int fd = open("/proc/sys/fs/protected_symlinks", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!read(fd, &c, 1);
	close_fd(fd);
	return c != '0';
}

/* fs.protected_symlinks: in a sticky directory that all may write to, a link at the path's end is
 * followed only where it is one's own or the directory's owner's. */
static int may_follow(const struct walk *w, const struct statx *link)
{
	struct statx dir;
	int r = identify(w->cur, &dir);

	if (r < 0)
		return r;
	if (link->stx_uid == w->ctx->fsuid || link->stx_uid == dir.stx_uid ||
	    (dir.stx_mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH))
		return 0;
	return protected_symlinks() ? -EACCES : 0;
}

/* rest goes on with the text of the link. */
static int follow_text(struct walk *w, const struct component *c, int linkfd)
{
	char text[PATH_MAX];
	ssize_t n;
	int r;

	if (is_proc_self(w, c->name)) {
		n = proc_self_text(w, c->name, text, sizeof(text));
	} else {
		n = readlinkat(linkfd, "", text, sizeof(text));
		n = n < 0 ? -errno : n;
	}
	if (n < 0)
		return (int)n;
	if (n == 0 || n == (ssize_t)sizeof(text))
		return n ? -ENAMETOOLONG : -ENOENT;
	r = prepend(w, text, (size_t)n);
	if (r == 0 && *text == '/')
		r = go_to_root(w);
	return r;
}

static int follow(struct walk *w, const struct component *c, int linkfd, const struct statx *link)
{
	int r;

	if (w->how & RESOLVE_NO_SYMLINKS || ++w->links > RESOLVED_LINKS_MAX)
		return -ELOOP;
	if (!may_read(w, linkfd))
		return -EAGAIN;
	r = c->last ? may_follow(w, link) : 0;
	if (r < 0)
		return r;
	if (on_procfs(w, linkfd) && !is_proc_self(w, c->name))
		r = is_magic(w, c->name);
	if (r < 0)
		return r;
	return r ? follow_magic(w, c->name) : follow_text(w, c, linkfd);
}

/* ---- the walk -------------------------------------------------------------------- */

/* Is NAME the target's own directory? Only in the /proc of our own pid namespace is that sure. */
static bool is_own_proc(const struct walk *w, const char *name)
{
	return strtol(name, NULL, 10) == w->ctx->tgid && at_proc_root(w) &&
	       proc_view(w) == PROC_OURS;
}

/* A directory on the way, or at its end. */
static void enter(struct walk *w, const struct component *c, int fd)
{
	bool own = w->own_proc ? strcmp(c->name, "..") != 0 : is_own_proc(w, c->name);

	set_cur(w, fd);
	w->own_proc = own;
}

static int step_dotdot(struct walk *w, const struct component *c)
{
	int r = at_root(w), fd;

	if (r < 0)
		return r;
	if (r && (w->how & RESOLVE_BENEATH))
		return -EXDEV;
	fd = step_open(w, w->cur, r ? "." : "..", O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	enter(w, c, fd);
	return 0;
}

/*
 * A component that is not the last. O_DIRECTORY first: it goes into automount points, and tells
 * in one call that there is a directory.
 */
static int step_middle(struct walk *w, const struct component *c)
{
	_cleanup_close_ int link = -1;
	struct statx st;
	int fd = step_open(w, w->cur, c->name, O_DIRECTORY | O_NOFOLLOW, 0);
	int r;

	if (fd >= 0) {
		enter(w, c, fd);
		return 0;
	}
	if (fd != -ENOTDIR && fd != -ELOOP)
		return fd;
	link = step_open(w, w->cur, c->name, O_NOFOLLOW, 0);
	if (link < 0)
		return link;
	r = identify(link, &st);
	if (r < 0)
		return r;
	return S_ISLNK(st.stx_mode) ? follow(w, c, link, &st) : -ENOTDIR;
}

static int found_entry(struct walk *w, const struct component *c, int fd, struct resolved *ret)
{
	int dir = take_cur(w);

	if (dir < 0) {
		close_fd(fd);
		return dir;
	}
	ret->fd = fd;
	ret->dir = dir;
	ret->slash = c->slash;
	memcpy(ret->last, c->name, sizeof(ret->last));
	return 1;
}

static int found_object(struct walk *w, bool slash, struct resolved *ret)
{
	int fd = take_cur(w);

	if (fd < 0)
		return fd;
	ret->fd = fd;
	ret->slash = slash;
	return 1;
}

/* 1: found; 0: a link was followed. */
static int step_last(struct walk *w, const struct component *c, struct resolved *ret)
{
	_cleanup_close_ int fd = step_open(w, w->cur, c->name, O_NOFOLLOW, 0);
	struct statx st;
	int r;

	if (fd == -ENOENT && (w->flags & RESOLVE_ENTRY))
		return found_entry(w, c, -1, ret);
	if (fd < 0)
		return fd;
	/* Whoever asks for an entry with a slash behind it has rules of its own for that. */
	if (c->slash && (w->flags & RESOLVE_ENTRY))
		return found_entry(w, c, TAKE_FD(fd), ret);
	r = identify(fd, &st);
	if (r < 0)
		return r;
	if (S_ISLNK(st.stx_mode) && (c->slash || !(w->flags & RESOLVE_LINK))) {
		r = follow(w, c, fd, &st);
		/* A magic link leads to the object at once: nothing of the path is left. */
		return r < 0 || *w->rest ? r : found_object(w, false, ret);
	}
	if (c->slash && !S_ISDIR(st.stx_mode))
		return -ENOTDIR;
	if (w->flags & RESOLVE_ENTRY)
		return found_entry(w, c, TAKE_FD(fd), ret);
	enter(w, c, TAKE_FD(fd));
	return found_object(w, c->slash, ret);
}

/* A name is too long only where names may be looked up at all. */
static int too_long(struct walk *w)
{
	int fd = step_open(w, w->cur, ".", O_DIRECTORY, 0);

	close_fd(fd);
	return fd < 0 ? fd : -ENAMETOOLONG;
}

/* One component. 1: found; 0: there is more to walk. */
static int step(struct walk *w, struct resolved *ret)
{
	struct component c;
	int r;

	if (!*w->rest)
		return found_object(w, true, ret);
	r = next_component(w, &c);
	if (r < 0)
		return too_long(w);
	if (strcmp(c.name, "..") == 0)
		return step_dotdot(w, &c);
	if (!c.last || strcmp(c.name, ".") == 0)
		return step_middle(w, &c);
	return step_last(w, &c, ret);
}

/* All that is left in one call, where no link and no `..` is in it. -ELOOP: step by step. */
static int whole(struct walk *w, struct resolved *ret)
{
	int fd;

	if ((w->flags & RESOLVE_ENTRY) || !*w->rest || has_dotdot(w->rest))
		return -ELOOP;
	fd = step_open(w, w->cur, w->rest, w->flags & RESOLVE_LINK ? O_NOFOLLOW : 0,
		       RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	/* Not for us, but perhaps for the target: on the way may be its own directory in /proc. */
	if (fd == -EACCES)
		return -ELOOP;
	if (fd < 0)
		return fd;
	ret->fd = fd;
	ret->slash = w->rest[strlen(w->rest) - 1] == '/';
	return 1;
}

static int walk(struct walk *w, struct resolved *ret)
{
	unsigned links;
	int r;

	do {
		skip_slashes(w);
		r = whole(w, ret);
		if (r != -ELOOP)
			return r;
		for (links = w->links, r = 0; r == 0 && links == w->links;) {
			skip_slashes(w);
			r = step(w, ret);
		}
	} while (r == 0);
	return r;
}

int resolve(const struct resolve_ctx *ctx, const char *path, unsigned flags, uint64_t how,
	    struct resolved *ret)
{
	struct resolved found = {.fd = -1, .dir = -1};
	struct walk w = {.ctx = ctx, .flags = flags, .how = how, .cur = -1, .borrowed = true};
	size_t len = strlen(path);
	int r;

	if (len == 0)
		return -ENOENT;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	w.rest = w.buf + sizeof(w.buf) - 1;
	*w.rest = '\0';
	(void)prepend(&w, path, len);
	w.root = how & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) ? ctx->start : ctx->root;
	if (w.root < 0)
		return w.root;
	w.cur = *path == '/' ? w.root : ctx->start;
	if (w.cur < 0)
		return w.cur;
	r = *path == '/' ? go_to_root(&w) : 0;
	if (r == 0)
		r = walk(&w, &found);
	if (!w.borrowed)
		close_fd(w.cur);
	if (r < 0) {
		resolved_done(&found);
		return r;
	}
	*ret = found;
	return 0;
}

/* ---- names ----------------------------------------------------------------------- */

static int kernel_name(int fd, char *buf, size_t size)
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, buf, size);
	if (n < 0)
		return -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	buf[n] = '\0';
	return 0;
}

/* Is the object still found by NAME, which may have a right to end as it does? */
static int is_found(int fd, int root, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
	};
	_cleanup_close_ int other = (int)syscall(SYS_openat2, root, name, &how, sizeof(how));
	struct statx a, b;
	int r;

	if (other < 0)
		return 0;
	r = identify(fd, &a);
	if (r == 0)
		r = identify(other, &b);
	return r < 0 ? r : same_place(&a, &b);
}

/* The kernel adds a suffix to the name of what was removed. */
static int cut_suffix(int fd, int root, char *name)
{
	size_t len = strlen(name), n = strlen(DELETED_SUFFIX);
	struct statx st;
	int r;

	if (*name != '/' || len <= n || strcmp(name + len - n, DELETED_SUFFIX) != 0)
		return 0;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_NLINK, &st) < 0)
		return -errno;
	r = st.stx_nlink == 0 ? 0 : is_found(fd, root, name);
	if (r == 0)
		name[len - n] = '\0';
	return r < 0 ? r : 0;
}

int resolve_name(int fd, int root, char *buf, size_t size)
{
	char base[PATH_MAX];
	size_t n;
	int r = kernel_name(root, base, sizeof(base));

	if (r == 0)
		r = kernel_name(fd, buf, size);
	if (r < 0 || *buf != '/')
		return r;
	n = strcmp(base, "/") == 0 ? 0 : strlen(base);
	if (strncmp(buf, base, n) != 0 || (buf[n] != '/' && buf[n] != '\0'))
		return -EXDEV;
	memmove(buf, buf + n, strlen(buf + n) + 1);
	if (!*buf)
		memcpy(buf, "/", 2);
	return cut_suffix(fd, root, buf);
}
