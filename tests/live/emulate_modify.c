/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * emulate_modify.c - a path change that is done for its target has the outcome that the kernel's
 * own has.
 *
 * Some ten thousand random calls are made by a child as it is, and by another one whose calls are
 * all emulated, in two trees that are the same. Compared are the results of all calls, and after
 * each few of them the whole trees, which then are made anew.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "daemon/emulate_modify.h"
#include "daemon/notif.h"
#include "proto/base.h"
#include "tests/tap.h"

#define N_BLOCKS   300
#define BLOCK	   12 /* calls on one tree */
#define OTHER_ID   65534
#define SIZE_LIMIT 4096
#define NR_X86	   5000 /* + enum modify_form: no system call, and emulated as one of i386 */
#define LISTENER   30
#define VALUE_SIZE 70000

static char top[] = "/tmp/emulate.XXXXXX";

/* ---- the trees ---------------------------------------------------------------------- */

static const struct {
	const char *name;
	mode_t mode;
	uid_t uid;
} nodes[] = {
	{".", S_IFDIR | 0777, 0},
	{"t", S_IFDIR | 0777, 0},
	{"t/d", S_IFDIR | 0755, OTHER_ID},
	{"t/d/sub", S_IFDIR | 0777, 0},
	{"t/d/f", S_IFREG | 0644, 0},
	{"t/empty", S_IFDIR | 0777, OTHER_ID},
	{"t/closed", S_IFDIR | 0700, 0},
	{"t/closed/f", S_IFREG | 0666, 0},
	{"t/sticky", S_IFDIR | 01777, 1234},
	{"t/sticky/foreign", S_IFREG | 0666, 1},
	{"t/sticky/own", S_IFREG | 0666, OTHER_ID},
	{"t/sticky/dir", S_IFDIR | 0777, 1},
	{"t/setgid", S_IFDIR | 02777, 1234},
	{"t/theirs", S_IFDIR | 0755, 1234},
	{"t/theirs/f", S_IFREG | 0644, OTHER_ID},
	{"t/f", S_IFREG | 0666, OTHER_ID},
	{"t/g", S_IFREG | 0666, 0},
	{"t/secret", S_IFREG | 0600, 0},
	{"t/suid", S_IFREG | 06777, OTHER_ID},
	{"t/fifo", S_IFIFO | 0666, OTHER_ID},
	{"t/nod", S_IFCHR | 0666, 0},
	{"t/sock", S_IFSOCK | 0666, 0},
	{"t/other", S_IFDIR | 0777, 0}, /* mounts */
	{"t/other/f", S_IFREG | 0666, 0},
};
static const char *const links[][2] = {
	{"t/lf", "f"},
	{"t/ld", "d"},
	{"t/dangling", "d/sub/new"},
	{"t/loop", "loop"},
	{"t/lslash", "d/"},
	{"t/sticky/lf", "../f"},
	{"t/lother", "other/"},
	{"t/lsecret", "closed/f"},
};

static void at(char *buf, size_t size, const char *tree, const char *name)
{
	(void)snprintf(buf, size, "%s/%s/%s", top, tree, name);
}

/* Empties a directory; mounts and what is read-only stay. */
static void wipe(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		close_fd(fd);
		return;
	}
	while ((de = readdir(d))) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, de->d_name, 0) == 0 || errno != EISDIR)
			continue;
		wipe(fd, de->d_name);
		(void)unlinkat(fd, de->d_name, AT_REMOVEDIR);
	}
	(void)closedir(d);
}

/* Those that stayed. */
static void forget_xattrs(const char *path)
{
	char list[4096];
	ssize_t n = llistxattr(path, list, sizeof(list));

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(list + i) + 1)
		(void)lremovexattr(path, list + i);
}

static bool make_node(const char *tree, size_t i)
{
	char path[256];
	bool ok = true;
	int fd;

	at(path, sizeof(path), tree, nodes[i].name);
	if (S_ISDIR(nodes[i].mode)) {
		ok = mkdir(path, 0700) == 0 || errno == EEXIST;
		forget_xattrs(path);
		(void)utimensat(AT_FDCWD, path, NULL, 0);
	} else {
		ok = mknod(path, nodes[i].mode, makedev(1, 3)) == 0;
	}
	if (S_ISREG(nodes[i].mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		ok = ok && write(fd, nodes[i].name, strlen(nodes[i].name)) > 0;
		close_fd(fd);
	}
	return ok && lchown(path, nodes[i].uid, nodes[i].uid) == 0 &&
	       chmod(path, nodes[i].mode & 07777) == 0;
}

static bool fill_tree(const char *tree)
{
	char path[256];
	bool ok = true;

	at(path, sizeof(path), tree, "");
	wipe(AT_FDCWD, path);
	for (size_t i = 0; ok && i < ARRAY_SIZE(nodes); i++)
		ok = make_node(tree, i);
	for (size_t i = 0; ok && i < ARRAY_SIZE(links); i++) {
		at(path, sizeof(path), tree, links[i][0]);
		ok = symlink(links[i][1], path) == 0;
	}
	at(path, sizeof(path), tree, "t/d/f");
	return ok && setxattr(path, "user.a", "old", 3, 0) == 0;
}

static bool make_tree(const char *tree)
{
	char path[256], file[300];
	bool ok;

	at(path, sizeof(path), tree, "");
	ok = mkdir(path, 0777) == 0 && mount("x", path, "tmpfs", MS_NOATIME, "mode=777") == 0;
	at(path, sizeof(path), tree, "t");
	ok = ok && mkdir(path, 0777) == 0;
	at(path, sizeof(path), tree, "t/other");
	ok = ok && mkdir(path, 0777) == 0 && mount("x", path, "tmpfs", MS_NOATIME, NULL) == 0;
	at(path, sizeof(path), tree, "t/ro");
	ok = ok && mkdir(path, 0777) == 0 && mount("x", path, "tmpfs", MS_NOATIME, NULL) == 0;
	(void)snprintf(file, sizeof(file), "%s/f", path);
	ok = ok && mknod(file, S_IFREG | 0666, 0) == 0 &&
	     mount("x", path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0;
	return ok && fill_tree(tree);
}

/* ---- what a tree looks like ----------------------------------------------------------- */

struct text {
	char *s;
	size_t len, size;
};

static _printf_(2, 3) void add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	if (t->size - t->len < 1024) {
		t->size = t->size ? t->size * 2 : 16384;
		t->s = realloc(t->s, t->size);
		if (!t->s)
			abort();
	}
	va_start(ap, fmt);
	t->len += (size_t)vsnprintf(t->s + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
}

/* A time that was set; not the time of the test. */
static void add_time(struct text *t, const struct timespec *ts)
{
	if (llabs((long long)time(NULL) - (long long)ts->tv_sec) > 1000000)
		add(t, " %lld.%ld", (long long)ts->tv_sec, ts->tv_nsec);
	else
		add(t, " now");
}

static void add_xattrs(struct text *t, const char *path)
{
	static char value[VALUE_SIZE];
	char list[4096];
	ssize_t n = llistxattr(path, list, sizeof(list)), len;
	unsigned sum;

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(list + i) + 1) {
		len = lgetxattr(path, list + i, value, sizeof(value));
		sum = 0;
		for (ssize_t j = 0; j < len; j++)
			sum = sum * 31 + (unsigned char)value[j];
		add(t, " %.64s=%zd:%x", list + i, len, sum);
	}
}

static void add_content(struct text *t, const char *path, const struct stat *st)
{
	char buf[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	(void)!read(fd, buf, sizeof(buf) - 1);
	close_fd(fd);
	add(t, " size %lld '%s'", (long long)st->st_size, buf);
}

static void add_node(struct text *t, int fd, const char *name, const struct stat *st)
{
	char path[64 + NAME_MAX], link[PATH_MAX] = "";

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", fd, name);
	add(t, " %#o %u:%u links %lu", st->st_mode, st->st_uid, st->st_gid,
	    (unsigned long)st->st_nlink);
	if (S_ISREG(st->st_mode))
		add_content(t, path, st);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		add(t, " dev %llx", (unsigned long long)st->st_rdev);
	if (S_ISLNK(st->st_mode) && readlinkat(fd, name, link, sizeof(link) - 1) > 0)
		add(t, " -> %.300s", link);
	add_time(t, &st->st_atim);
	add_time(t, &st->st_mtim);
	add_xattrs(t, path);
	add(t, "\n");
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void look_at(struct text *t, int parent, const char *name, const char *shown)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent **list;
	int n = fd < 0 ? -1 : scandirat(fd, ".", &list, NULL, compare_names);

	for (int i = 0; i < n; i++) {
		char below[PATH_MAX];
		struct stat st;

		if (strcmp(list[i]->d_name, "..") != 0 &&
		    fstatat(fd, list[i]->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			(void)snprintf(below, sizeof(below), "%s/%s", shown, list[i]->d_name);
			add(t, "%s", below);
			add_node(t, fd, list[i]->d_name, &st);
			if (S_ISDIR(st.st_mode) && strcmp(list[i]->d_name, ".") != 0)
				look_at(t, fd, list[i]->d_name, below);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	close_fd(fd);
}

/* ---- cases ----------------------------------------------------------------------------- */

struct test_case {
	int form;
	uint64_t args[6];
	long result[2]; /* plain, emulated; or -errno */
};
/* At the same place in all processes, below 4 GiB. */
struct shared {
	_Atomic int listener; /* of the child's own table */
	struct test_case cases[N_BLOCKS][BLOCK];
	char value[VALUE_SIZE];
	int64_t numbers[64][4];
	struct {
		uint64_t value;
		uint32_t size, flags;
		uint64_t more;
	} xattrs[16];
	char long_name[300], long_path[5000];
	size_t used;
	char strings[16384];
};
static struct shared *sh;

/* d descriptor, p path, m mode, n type of node, v device, k flags of unlink, r of rename, l of
 * link, a of others, s text of a link, o owner, z size, T times, x name of an attribute, V its
 * value, S the value's size, f flags of it, A these three in a structure, U its size */
/* clang-format off */
static const char *const args_of[MODIFY_MAX] = {
	[MODIFY_MKDIR] = "pm", [MODIFY_MKDIRAT] = "dpm", [MODIFY_MKNOD] = "pnv",
	[MODIFY_MKNODAT] = "dpnv", [MODIFY_UNLINK] = "p", [MODIFY_UNLINKAT] = "dpk",
	[MODIFY_RMDIR] = "p", [MODIFY_RENAME] = "pp", [MODIFY_RENAMEAT] = "dpdp",
	[MODIFY_RENAMEAT2] = "dpdpr", [MODIFY_LINK] = "pp", [MODIFY_LINKAT] = "dpdpl",
	[MODIFY_SYMLINK] = "sp", [MODIFY_SYMLINKAT] = "sdp", [MODIFY_CHMOD] = "pm",
	[MODIFY_FCHMODAT] = "dpm", [MODIFY_FCHMODAT2] = "dpma", [MODIFY_CHOWN] = "poo",
	[MODIFY_LCHOWN] = "poo", [MODIFY_FCHOWNAT] = "dpooa", [MODIFY_TRUNCATE] = "pz",
	[MODIFY_UTIME] = "pT", [MODIFY_UTIMES] = "pT", [MODIFY_FUTIMESAT] = "dpT",
	[MODIFY_UTIMENSAT] = "dpTa", [MODIFY_SETXATTR] = "pxVSf", [MODIFY_LSETXATTR] = "pxVSf",
	[MODIFY_SETXATTRAT] = "dpaxAU", [MODIFY_REMOVEXATTR] = "px", [MODIFY_LREMOVEXATTR] = "px",
	[MODIFY_REMOVEXATTRAT] = "dpax",
};
/* clang-format on */
static int nrs[MODIFY_MAX]; /* -1: not on this machine */

/* clang-format off */
static const char *const paths[] = {
	"f", "f", "g", "g", "d", "d/", "d/.", "d/..", "d/f", "d/sub", "d/sub/new", "d/sub/..",
	"empty", "empty", "empty/", "empty//", "secret", "closed", "closed/f", "closed/new",
	"sticky/foreign", "sticky/own", "sticky/new", "sticky/dir", "sticky/lf", "setgid",
	"setgid/new", "setgid/new/", "theirs", "theirs/f", "theirs/new", "suid", "new", "new",
	"new/", "new2", "new/x", "f/", "f/x", "f/.", "lf", "lf/", "ld", "ld/", "ld/f",
	"dangling", "dangling/", "loop", "loop/", "loop/x", "lslash", "lslash/sub/new",
	"lother/f", "lsecret", "fifo", "nod", "sock", "ro", "ro/f", "ro/new", "ro/", "other",
	"other/f", "other/new", "other/..", "", "", ".", "./", "..", "../", "../up", "nothing/x",
	"nothing/..", "/proc/self/cwd/f", "/proc/self/cwd/new", "/proc/self/fd/22",
	"/proc/thread-self/cwd/g", "/t/f", "/t/new",
};
/* clang-format on */
/* Not outside of a chroot: they are the machine's. */
static const char *const chroot_paths[] = {"/", "///", "/..", "/.", "/new", "/../up", "/t/../up"};
static const char *const xattr_names[] = {
	"user.a",	 "user.a",	 "user.a", "user.b", "user.",
	"trusted.t",	 "security.foo", "bogus",  "",	     "system.posix_acl_access",
	"user.b.longer",
};
static const char *const texts[] = {"f", "d/", "", "../f", "nothing"};

static uint64_t seed = 88172645463325252u;

static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}
#define PICK(list) ((list)[pick(ARRAY_SIZE(list))])

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static uint64_t string(const char *s)
{
	char *p = sh->strings;
	size_t len = strlen(s) + 1;

	while (p < sh->strings + sh->used && strcmp(p, s) != 0)
		p += strlen(p) + 1;
	if (p == sh->strings + sh->used) {
		if (sh->used + len > sizeof(sh->strings))
			abort();
		memcpy(p, s, len);
		sh->used += len;
	}
	return address(p);
}

/* No address of any process, or NULL. */
static uint64_t bad_pointer(void)
{
	return pick(2) ? 0 : (uint64_t)-4096;
}

static uint64_t pick_path(bool chrooted)
{
	switch (pick(60)) {
	case 0:
		return address(sh->long_name);
	case 1:
		return address(sh->long_path);
	case 2:
		return bad_pointer();
	default:
		return string(chrooted && pick(8) == 0 ? PICK(chroot_paths) : PICK(paths));
	}
}

static uint64_t pick_arg(char kind, bool chrooted)
{
	static const int fds[] = {AT_FDCWD, AT_FDCWD, AT_FDCWD, 20, 20, 21, 22, 23, -1, 99};
	static const unsigned types[] = {0,	  S_IFREG,  S_IFREG, S_IFCHR, S_IFBLK,
					 S_IFIFO, S_IFSOCK, S_IFDIR, S_IFLNK, 0170000};
	static const unsigned unlinks[] = {0, 0, AT_REMOVEDIR, AT_REMOVEDIR, 1};
	static const unsigned renames[] = {0, 0, 1, 1, 2, 2, 4, 3, 6, 8};
	static const unsigned follows[] = {
		0, 0, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH, 1};
	static const unsigned flags[] = {
		0, 0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, 4};
	static const int owners[] = {-1, -1, 0, OTHER_ID, OTHER_ID, 1234};
	static const int64_t lengths[] = {0, 5, 100, 4096, 4097, 5000, -1, INT64_C(1) << 40};
	static const unsigned sizes[] = {0, 1, 3, 10, 100, 5000, 65536, 65537};

	switch (kind) {
	case 'd':
		/* What is not looked at. */
		return (uint32_t)PICK(fds) | (uint64_t)pick(2) << 40;
	case 'p':
		return pick_path(chrooted);
	case 'm':
		return pick(010000) | (pick(4) ? 0 : 0xabc0000);
	case 'n':
		return PICK(types) | pick(01000);
	case 'v':
		return pick(2) ? makedev(1, 3) : pick(2) * 0x12345;
	case 'k':
		return PICK(unlinks);
	case 'r':
		return PICK(renames);
	case 'l':
		return PICK(follows);
	case 'a':
		return PICK(flags);
	case 's':
		return pick(20) ? string(PICK(texts)) : address(sh->long_path);
	case 'o':
		return (uint32_t)PICK(owners);
	case 'z':
		return (uint64_t)PICK(lengths);
	case 'T':
		return pick(5) ? address(PICK(sh->numbers)) : bad_pointer();
	case 'x':
		return pick(20) ? string(PICK(xattr_names)) : address(sh->long_name);
	case 'V':
		return pick(20) ? address(sh->value) : bad_pointer();
	case 'S':
		return PICK(sizes);
	case 'f':
		return pick(2) ? 0 : pick(5);
	case 'A':
		return pick(20) ? address(&PICK(sh->xattrs)) : bad_pointer();
	default: /* U */
		return pick(4) ? 16 : 8 * pick(4);
	}
}

/* Of linkat(2), and of attributes, on descriptors of O_PATH or none: see emulate_modify.h. */
static bool differs_empty(const struct test_case *t, bool other)
{
	switch (t->form) {
	case MODIFY_LINKAT:
		return other && t->args[4] & AT_EMPTY_PATH;
	case MODIFY_REMOVEXATTRAT:
	case MODIFY_SETXATTRAT:
		return t->args[2] & AT_EMPTY_PATH && (uint32_t)t->args[0] != 20;
	default:
		return false;
	}
}

/* An entry of what only its own process may look into. */
static bool differs_proc(const struct test_case *t)
{
	bool entries = t->form < MODIFY_CHMOD;

	for (int i = 0; entries && i < 4; i++) {
		bool source =
			(t->form == MODIFY_LINK && i == 0) || (t->form == MODIFY_LINKAT && i == 1);

		if (!source && t->args[i] == string("/proc/self/fd/22"))
			return true;
	}
	return false;
}

static void make_case(struct test_case *t, bool other, bool chrooted)
{
	do {
		const char *kinds;

		*t = (struct test_case){.form = (int)pick(MODIFY_MAX)};
		kinds = args_of[t->form];
		for (int i = 0; kinds && kinds[i]; i++)
			t->args[i] = pick_arg(kinds[i], chrooted);
	} while (nrs[t->form] < 0 || !args_of[t->form] || differs_empty(t, other) ||
		 differs_proc(t));
}

static void make_pools(void)
{
	static const int64_t secs[] = {0, 1, 100000, -5, INT64_C(1) << 33, 1000000};
	static const int64_t fractions[] = {0,		999999,	    1000000,   999999999,
					    1000000000, UTIME_OMIT, UTIME_NOW, UTIME_OMIT,
					    -1,		17};

	memset(sh->long_name, 'n', sizeof(sh->long_name) - 1);
	memset(sh->long_path, '/', sizeof(sh->long_path) - 1);
	for (size_t i = 0; i < sizeof(sh->value); i++)
		sh->value[i] = (char)pick(256);
	for (size_t i = 0; i < ARRAY_SIZE(sh->numbers); i++) {
		for (int j = 0; j < 4; j++)
			sh->numbers[i][j] = j % 2 ? PICK(fractions) : PICK(secs);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sh->xattrs); i++) {
		sh->xattrs[i].value = pick_arg('V', false);
		sh->xattrs[i].size = (uint32_t)pick_arg('S', false);
		sh->xattrs[i].flags = (uint32_t)pick_arg('f', false);
		sh->xattrs[i].more = pick(4) == 0;
	}
}

static long call(long nr, const uint64_t a[6])
{
	long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);

	return r < 0 ? -errno : r;
}

/* ---- the children --------------------------------------------------------------------- */

static int load_filter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int fd = -1;

	for (int i = 0; ctx && i < MODIFY_MAX; i++) {
		if (nrs[i] >= 0)
			(void)seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, nrs[i], 0);
		(void)seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, NR_X86 + i, 0);
	}
	if (ctx && seccomp_load(ctx) == 0)
		fd = seccomp_notify_fd(ctx);
	return fd;
}

static void offer_listener(void)
{
	int fd = load_filter();

	(void)dup2(fd, LISTENER);
	(void)close(fd);
	atomic_store(&sh->listener, fd < 0 ? -1 : LISTENER);
	while (atomic_load(&sh->listener) == LISTENER)
		(void)sched_yield();
}

static void become(const char *tree, bool other, bool chrooted)
{
	struct rlimit limit = {SIZE_LIMIT, SIZE_LIMIT};
	char path[256];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGXFSZ, SIG_IGN);
	at(path, sizeof(path), tree, "");
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || chdir(path) < 0 ||
	    (chrooted && chroot(".") < 0) || chdir("t") < 0)
		_exit(1);
	if (other &&
	    (syscall(SYS_setgroups, 0, NULL) < 0 || setresgid(OTHER_ID, OTHER_ID, OTHER_ID) < 0 ||
	     setresuid(OTHER_ID, OTHER_ID, OTHER_ID) < 0))
		_exit(1);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)umask(027);
}

static void open_at(const char *path, int flags, int number)
{
	int fd = open(path, flags);

	(void)close(number);
	if (fd >= 0 && fd != number) {
		(void)dup2(fd, number);
		(void)close(fd);
	}
}

static void child(int sock, int which, bool other, bool chrooted)
{
	char c = 0;

	become(which ? "emulated" : "plain", other, chrooted);
	if (which)
		offer_listener();
	for (int b = 0; b < N_BLOCKS; b++) {
		open_at("d", O_RDONLY, 20);
		open_at("d", O_PATH, 21);
		open_at("f", O_PATH, 22);
		open_at("ld", O_PATH | O_NOFOLLOW, 23);
		for (int i = 0; i < BLOCK; i++) {
			struct test_case *t = &sh->cases[b][i];

			t->result[which] = call(nrs[t->form], t->args);
		}
		if (write(sock, &c, 1) != 1 || read(sock, &c, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

/* ---- the supervisor -------------------------------------------------------------------- */

struct supervisor {
	int listener;
	pid_t pid;
	struct mounts *mounts;
	int root;
	unsigned slow, fast, failed;
	struct text *names; /* of each call, where not NULL */
};

static enum modify_form form_of(int nr)
{
	int form = 0;

	if (nr >= NR_X86)
		return (enum modify_form)(nr - NR_X86);
	while (nrs[form] != nr)
		form++;
	return (enum modify_form)form;
}

static int look_and_do(const struct emulate *e, struct emulate_modify *m)
{
	int r = emulate_modify_look(e, m);

	return r < 0 ? r : emulate_modify_do(e, m);
}

/* Without what is the same of all. */
static void add_names(struct text *t, const struct emulate_modify *m, int r)
{
	char base[64];

	(void)snprintf(base, sizeof(base), "%s/emulated/t/", top);
	add(t, "%d", r);
	for (unsigned i = 0; i < m->n_names; i++) {
		bool below = strncmp(m->names[i], base, strlen(base)) == 0;

		add(t, " %s", m->names[i] + (below ? strlen(base) : 0));
	}
	add(t, "\n");
}

static int emulate(struct supervisor *s, struct emulate *e, const struct seccomp_notif *req)
{
	static struct emulate_modify m;
	uint64_t args[6];
	int r;

	for (int i = 0; i < 6; i++)
		args[i] = req->data.args[i];
	r = emulate_modify_read(e, form_of(req->data.nr), args, &m);
	if (r == 0 && m.by_descriptor)
		r = -ECANCELED;
	if (r == 0)
		r = look_and_do(e, &m);
	if (r == -EAGAIN) {
		e->may_block = true;
		r = look_and_do(e, &m);
		s->slow++;
	} else {
		s->fast++;
	}
	if (s->names)
		add_names(s->names, &m, r);
	emulate_modify_done(&m);
	return r;
}

static int answer(struct supervisor *s, const struct seccomp_notif *req)
{
	struct target t;
	struct rights rights;
	struct emulate e = {.target = &t,
			    .rights = &rights,
			    .tgid = s->pid,
			    .mounts = s->mounts,
			    .client_root = s->root,
			    .arch = req->data.nr >= NR_X86 ? ARCH_X86 : arch_native()};
	int r = target_open(&t, s->listener, req->id, (pid_t)req->pid);

	if (r < 0)
		return r;
	r = target_rights(&t, &rights);
	if (r == 0) {
		r = emulate(s, &e, req);
		rights_done(&rights);
	}
	target_done(&t);
	return r;
}

static void supervise(struct supervisor *s)
{
	struct notif n;

	if (notif_init(&n) < 0)
		return;
	while (notif_receive(&n, s->listener) == 0) {
		int r = answer(s, n.req);

		s->failed += r == -ENOTRECOVERABLE;
		if (r == -ECANCELED)
			(void)notif_continue(&n, s->listener, n.req->id);
		else if (r < 0)
			(void)notif_error(&n, s->listener, n.req->id, -r);
		else
			(void)notif_return(&n, s->listener, n.req->id, 0);
	}
	(void)rights_restore();
	notif_done(&n);
}

static int take_listener(struct supervisor *s)
{
	int pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0), fd;

	while (atomic_load(&sh->listener) == 0)
		(void)sched_yield();
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, atomic_load(&sh->listener), 0);
	close_fd(pidfd);
	atomic_store(&sh->listener, -1);
	return fd;
}

/* ---- running and comparing ---------------------------------------------------------------- */

/* Looks at the tree after each block, and makes it anew. */
struct restorer {
	int sock;
	const char *tree;
	char *seen[N_BLOCKS];
	bool failed;
};

static void *restorer(void *data)
{
	struct restorer *r = data;
	char path[256], c;

	at(path, sizeof(path), r->tree, "");
	for (int b = 0; b < N_BLOCKS && read(r->sock, &c, 1) == 1; b++) {
		struct text t = {0};

		look_at(&t, AT_FDCWD, path, "");
		r->seen[b] = t.s;
		if (!fill_tree(r->tree))
			r->failed = true;
		(void)!write(r->sock, &c, 1);
	}
	return NULL;
}

static bool run(int which, bool other, bool chrooted, struct supervisor *s, struct restorer *r)
{
	pthread_t thread;
	int pair[2], status = 0;

	r->tree = which ? "emulated" : "plain";
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	r->sock = pair[0];
	atomic_store(&sh->listener, 0);
	s->pid = fork();
	if (s->pid == 0) {
		(void)close(pair[0]);
		child(pair[1], which, other, chrooted);
	}
	(void)close(pair[1]);
	if (pthread_create(&thread, NULL, restorer, r) != 0)
		return false;
	if (which) {
		s->listener = take_listener(s);
		supervise(s);
		close_fd(s->listener);
	}
	(void)waitpid(s->pid, &status, 0);
	(void)pthread_join(thread, NULL);
	(void)close(pair[0]);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 && !r->failed;
}

static void print_case(const struct test_case *t)
{
	size_t n;
	const struct operation_call *calls = operation_calls(&n);
	const char *kinds = args_of[t->form];

	for (size_t i = 0; i < n; i++) {
		if (calls[i].op == OPERATION_MODIFY && calls[i].form == t->form)
			printf("#   %s", calls[i].name);
	}
	for (int i = 0; kinds[i]; i++) {
		bool text = strchr("psx", kinds[i]) && t->args[i] && t->args[i] != (uint64_t)-4096;

		if (text)
			printf(" '%.40s'", (const char *)(uintptr_t)t->args[i]);
		else
			printf(" %#llx", (unsigned long long)t->args[i]);
	}
	printf(": kernel %ld, emulated %ld\n", t->result[0], t->result[1]);
}

/* The first line that differs. */
static void print_difference(const char *a, const char *b)
{
	while (*a && *b && strcspn(a, "\n") == strcspn(b, "\n") &&
	       strncmp(a, b, strcspn(a, "\n") + 1) == 0) {
		a += strcspn(a, "\n") + 1;
		b += strcspn(b, "\n") + 1;
	}
	printf("#   kernel:   %.*s\n#   emulated: %.*s\n", (int)strcspn(a, "\n"), a,
	       (int)strcspn(b, "\n"), b);
}

static unsigned compare(struct restorer r[2])
{
	unsigned wrong = 0;

	for (int b = 0; b < N_BLOCKS; b++) {
		const struct test_case *cases = sh->cases[b];
		bool trees = strcmp(r[0].seen[b], r[1].seen[b]) == 0;
		int i = 0;

		while (i < BLOCK && cases[i].result[0] == cases[i].result[1])
			i++;
		if ((i == BLOCK && trees) || wrong++ >= 12)
			continue;
		printf("# block %d\n", b);
		for (int j = 0; j < BLOCK && j <= i; j++)
			print_case(&cases[j]);
		if (!trees)
			print_difference(r[0].seen[b], r[1].seen[b]);
	}
	return wrong;
}

static unsigned count_done(void)
{
	unsigned n = 0;

	for (int b = 0; b < N_BLOCKS; b++) {
		for (int i = 0; i < BLOCK; i++)
			n += sh->cases[b][i].result[0] == 0;
	}
	return n;
}

static void both(bool other, bool chrooted, struct supervisor *s)
{
	struct restorer r[2] = {0};
	char name[120];
	bool ok;

	s->fast = s->slow = s->failed = 0;
	for (int b = 0; b < N_BLOCKS; b++) {
		for (int i = 0; i < BLOCK; i++)
			make_case(&sh->cases[b][i], other, chrooted);
	}
	ok = run(0, other, chrooted, s, &r[0]) && run(1, other, chrooted, s, &r[1]);
	(void)snprintf(name, sizeof(name), "%d changes as %s%s have the kernel's outcome",
		       N_BLOCKS * BLOCK, other ? "another user" : "root",
		       chrooted ? " in a chroot" : "");
	check(ok && compare(r) == 0, name);
	printf("# %u succeed; %u at once, %u where it may block, %u not worked out\n", count_done(),
	       s->fast, s->slow, s->failed);
	for (int b = 0; b < N_BLOCKS; b++) {
		free(r[0].seen[b]);
		free(r[1].seen[b]);
	}
}

/* ---- i386 ---------------------------------------------------------------------------------- */

static long call32(enum modify_form form, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	/* There is no upper half. */
	uint64_t args[6] = {a | UINT64_C(5) << 32, b, c, d};

	return call(NR_X86 + (int)form, args);
}

static bool owned(uid_t uid, gid_t gid)
{
	struct stat st;

	return stat("f", &st) == 0 && st.st_uid == uid && st.st_gid == gid;
}

static bool timed(time_t atime, time_t mtime, long nsec)
{
	struct stat st;

	return stat("f", &st) == 0 && st.st_atime == atime && st.st_mtime == mtime &&
	       st.st_mtim.tv_nsec == nsec;
}

static bool sized(off_t size)
{
	struct stat st;

	return stat("f", &st) == 0 && st.st_size == size;
}

static bool half_ids(uint64_t f)
{
	return call32(MODIFY_CHOWN, f, 0x10007, 8, 0) == 0 && owned(7, 8) &&
	       call32(MODIFY_CHOWN, f, 0xffff, 0xabcdffff, 0) == 0 && owned(7, 8) &&
	       call32(MODIFY_LCHOWN32, f, 0x10007, 0xffff, 0) == 0 && owned(0x10007, 0xffff);
}

static bool half_times(uint64_t f)
{
	int32_t *n = (int32_t *)sh->numbers[0];
	int64_t *w = sh->numbers[1];
	uint64_t narrow = address(n), wide = address(w);
	uint64_t cwd = (uint32_t)AT_FDCWD;

	memcpy(n, (int32_t[]){10, 20, 30, 40}, 16);
	memcpy(w, (int64_t[]){50, 0, 60, INT64_C(3) << 32 | 70}, 32);
	return call32(MODIFY_UTIME, f, narrow, 0, 0) == 0 && timed(10, 20, 0) &&
	       call32(MODIFY_UTIMES, f, narrow, 0, 0) == 0 && timed(10, 30, 40000) &&
	       call32(MODIFY_UTIMENSAT, cwd, f, narrow, 0) == 0 && timed(10, 30, 40) &&
	       call32(MODIFY_UTIMENSAT_TIME64, cwd, f, wide, 0) == 0 && timed(50, 60, 70) &&
	       call32(MODIFY_FUTIMESAT, cwd, f, narrow, 0) == 0 && timed(10, 30, 40000);
}

static bool half_sizes(uint64_t f)
{
	return call32(MODIFY_TRUNCATE, f, 0xffffffff, 0, 0) == -EINVAL &&
	       call32(MODIFY_TRUNCATE, f, 3, 0, 0) == 0 && sized(3) &&
	       call32(MODIFY_TRUNCATE64, f, 3, 1, 0) == -EFBIG &&
	       call32(MODIFY_TRUNCATE64, f, 3, 0xffffffff, 0) == -EINVAL &&
	       call32(MODIFY_TRUNCATE64, f, 5, 0, 0) == 0 && sized(5);
}

/* ---- directed ----------------------------------------------------------------------------- */

static int half_calls(void)
{
	uint64_t f = string("f");

	become("emulated", false, false);
	offer_listener();
	return (half_ids(f) ? 0 : 1) + (half_times(f) ? 0 : 2) + (half_sizes(f) ? 0 : 4);
}

/* Mounts that only the target sees stay, and what is below them. */
static int hidden_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return 1;
	become("emulated", false, false);
	if (mount("x", "empty", "tmpfs", 0, NULL) < 0 || mount("g", "f", NULL, MS_BIND, NULL) < 0)
		return 1;
	offer_listener();
	if (rmdir("empty") == 0 || errno != EBUSY || unlink("f") == 0 || errno != EBUSY ||
	    rename("f", "new") == 0 || errno != EBUSY || rename("g", "f") == 0 || errno != EBUSY ||
	    renameat2(AT_FDCWD, "g", AT_FDCWD, "f", RENAME_EXCHANGE) == 0 || errno != EBUSY)
		return 2;
	return mkdir("empty/new", 0700) == 0 && rmdir("empty/new") == 0 ? 0 : 4;
}

/* As often as there are lines below. */
static int named_calls(void)
{
	struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
	int dir, file;

	become("emulated", false, false);
	dir = open("d", O_PATH);
	file = open("empty", O_TMPFILE | O_RDWR, 0600);
	offer_listener();
	(void)rename("d/../lf", "ld/sub/new//");
	(void)rename("lslash/sub/new", "lf");
	(void)chmod("sticky/lf", 0600);
	(void)lchown("lf", 1, 1);
	(void)link("lf", "/proc/self/cwd/new");
	(void)linkat(AT_FDCWD, "lf", dir, "sub/new", AT_SYMLINK_FOLLOW);
	(void)symlink("d/f", "lother/new/");
	(void)symlink("d/f", "lother/new");
	(void)mkdir("d//./new///", 0700);
	(void)fchownat(dir, "", 1, 1, AT_EMPTY_PATH);
	(void)removexattr("/proc/self/cwd/d/f", "user.a");
	(void)unlink("dangling");
	(void)truncate("dangling", 0);
	(void)rmdir("d/sub/..");
	(void)utimensat(AT_FDCWD, "nothing", omit, 0);
	(void)futimens(file, NULL);
	(void)linkat(file, "", AT_FDCWD, "temporary", AT_EMPTY_PATH);
	return 0;
}
static const char names_expected[] = "-20 lf d/sub/new\n"
				     "-2 d/sub/new lf\n"
				     "0 f\n"
				     "0 lf\n"
				     "0 lf new\n"
				     "0 f d/sub/new\n"
				     "-2 other/new\n"
				     "0 other/new\n"
				     "0 d/new\n"
				     "0 d\n"
				     "0 d/f\n"
				     "0 dangling\n"
				     "-2\n"
				     "-39\n"
				     "0\n"
				     "-125\n"
				     "0 empty/#";

static int run_directed(int (*fn)(void), struct supervisor *s)
{
	char dir[32];
	int status = 0, procdir;

	atomic_store(&sh->listener, 0);
	s->pid = fork();
	if (s->pid == 0)
		_exit(fn());
	s->listener = take_listener(s);
	(void)snprintf(dir, sizeof(dir), "/proc/%d", s->pid);
	procdir = open(dir, O_PATH | O_CLOEXEC);
	mounts_unref(s->mounts);
	if (mounts_new(procdir, &s->mounts) == 0)
		supervise(s);
	close_fd(procdir);
	close_fd(s->listener);
	(void)waitpid(s->pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void directed(struct supervisor *s)
{
	int r = run_directed(half_calls, s);
	struct text names = {0};

	check((r & 1) == 0, "i386: ids of 16 bits");
	check((r & 2) == 0, "i386: times of 32 bits");
	check((r & 4) == 0, "i386: sizes in one and two halves");
	check(run_directed(hidden_mounts, s) == 0, "mount points of the target's alone stay");
	s->names = &names;
	r = run_directed(named_calls, s);
	r = names.s ? strncmp(names.s, names_expected, strlen(names_expected)) : -1;
	check(r == 0, "names are those of objects and entries, however they are reached");
	if (r != 0)
		printf("%s\n", names.s ? names.s : "none");
	free(names.s);
}

/* ---- main --------------------------------------------------------------------------------- */

static void number_calls(void)
{
	size_t n;
	const struct operation_call *calls = operation_calls(&n);

	for (size_t i = 0; i < n; i++) {
		if (calls[i].op == OPERATION_MODIFY)
			nrs[calls[i].form] = syscall_nr(arch_native(), calls[i].name);
	}
}

int main(void)
{
	struct supervisor s = {.root = open("/", O_PATH | O_CLOEXEC)};
	int procdir = open("/proc/self", O_PATH | O_CLOEXEC);
	char *given = getenv("PROPERTY_SEED");

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 77;
	}
	if (given)
		seed = strtoull(given, NULL, 0) | 1;
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_32BIT,
		  -1, 0);
	(void)umask(0);
	number_calls();
	if (sh == MAP_FAILED || !mkdtemp(top) || chmod(top, 0777) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", top, "tmpfs", 0, "mode=777") < 0 || !make_tree("plain") ||
	    !make_tree("emulated") || mounts_new(procdir, &s.mounts) < 0 ||
	    rights_thread_init() < 0) {
		printf("Bail out! no tree: %s\n", strerror(errno));
		return 1;
	}
	make_pools();
	both(false, false, &s);
	both(true, false, &s);
	both(false, true, &s);
	both(true, true, &s);
	directed(&s);
	mounts_unref(s.mounts);
	(void)umount2(top, MNT_DETACH);
	(void)rmdir(top);
	return tap_done();
}
