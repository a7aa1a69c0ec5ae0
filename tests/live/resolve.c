/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.c - a path means the same to daemon/resolve.c as to the kernel.
 *
 * A tree of directories, files and links is made, and some thousand random paths through it. A
 * child asks the kernel for each of them (openat2), from several working directories, also under
 * another root and as another user; the parent walks them for the child. The objects, or the
 * errors, have to be the same.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "daemon/resolve.h"
#include "proto/base.h"
#include "tests/tap.h"

#define N_CASES	 6000
#define OTHER_ID 65534

static char top[] = "/tmp/resolve.XXXXXX";

/* ---- the tree -------------------------------------------------------------------- */

static const char *const dirs[] = {
	"a",	  "a/b", "a/b/c", "a/b/c/d", "a/x",    "closed", "closed/in",
	"sticky", "mnt", "a/..x", "other",   "a/proc", "ro",
};
static const char *const files[] = {"f", "a/f", "a/b/f", "a/b/c/d/f", "closed/in/f", "sticky/f"};
static const struct {
	const char *name, *text;
} links[] = {
	{"la", "a"},
	{"a/up", ".."},
	{"a/b/upup", "../.."},
	{"a/b/abs", "/a/x"},
	{"a/b/absf", "/a/f"},
	{"a/b/slash", "c/"},
	{"a/self", "."},
	{"a/loop", "loop"},
	{"a/l1", "l2"},
	{"a/l2", "l1"},
	{"a/dangling", "nothing"},
	{"a/danglingdir", "nothing/x"},
	{"a/b/c/long", "../../b/c/../c/d/f"},
	{"a/b/c/fl", "d/f"},
	{"a/b/c/flslash", "d/f/"},
	{"sticky/foreign", "f"},
	{"a/pself", "/proc/self/cwd"},
	{"a/pthread", "/proc/thread-self/root"},
	{"a/root", "/"},
	{"a/b/rootrel", "/a/b/../../a"},
	{"mnt/l", "../a/f"},
	{"chain0", "a"},
};

static void in_tree(char *buf, size_t size, const char *name)
{
	(void)snprintf(buf, size, "%s/%s", top, name);
}

static bool make_tree(void)
{
	char path[256], to[64];
	bool ok = mkdtemp(top) != NULL && chmod(top, 0755) == 0;

	/* A mount namespace of our own: the tree is a tmpfs, with another one inside. */
	ok = ok && unshare(CLONE_NEWNS) == 0 &&
	     mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	     mount("tmpfs", top, "tmpfs", 0, "mode=755") == 0;
	for (size_t i = 0; ok && i < ARRAY_SIZE(dirs); i++) {
		in_tree(path, sizeof(path), dirs[i]);
		ok = mkdir(path, 0755) == 0;
		if (ok && strcmp(dirs[i], "mnt") == 0)
			ok = mount("tmpfs", path, "tmpfs", 0, "mode=755") == 0;
		if (ok && strcmp(dirs[i], "a/proc") == 0)
			ok = mount("proc", path, "proc", 0, NULL) == 0;
	}
	for (size_t i = 0; ok && i < ARRAY_SIZE(files); i++) {
		in_tree(path, sizeof(path), files[i]);
		ok = close_fd(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)) == -1;
	}
	for (size_t i = 0; ok && i < ARRAY_SIZE(links); i++) {
		in_tree(path, sizeof(path), links[i].name);
		ok = symlink(links[i].text, path) == 0;
	}
	for (int i = 1; ok && i < 45; i++) {
		(void)snprintf(to, sizeof(to), "chain%d", i);
		in_tree(path, sizeof(path), to);
		(void)snprintf(to, sizeof(to), "chain%d", i - 1);
		ok = symlink(to, path) == 0;
	}
	in_tree(path, sizeof(path), "sticky/foreign");
	ok = ok && lchown(path, 1234, 1234) == 0;
	in_tree(path, sizeof(path), "sticky");
	ok = ok && chmod(path, 01777) == 0;
	in_tree(path, sizeof(path), "closed");
	return ok && chmod(path, 0700) == 0;
}

static void remove_tree(void)
{
	char path[64];

	in_tree(path, sizeof(path), "a/proc");
	(void)umount2(path, MNT_DETACH);
	in_tree(path, sizeof(path), "mnt");
	(void)umount2(path, MNT_DETACH);
	(void)umount2(top, MNT_DETACH);
	(void)rmdir(top);
}

/* ---- cases ----------------------------------------------------------------------- */

struct outcome {
	int err; /* 0 or an errno */
	uint64_t ino, mnt;
	unsigned major, minor;
};
struct test_case {
	char path[512];
	bool link; /* a link at the end is what is meant */
	uint64_t how;
	struct outcome kernel;
};

static uint64_t seed = 88172645463325252u;

static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

static const char *const words[] = {
	"a",	       "b",	  "c",	     "d",	"f",	       "x",	  "..",
	"..",	       ".",	  "la",	     "up",	"upup",	       "abs",	  "absf",
	"slash",       "self",	  "loop",    "l1",	"long",	       "fl",	  "root",
	"dangling",    "flslash", "closed",  "in",	"danglingdir", "mnt",	  "l",
	"..x",	       "sticky",  "foreign", "pself",	"pthread",     "rootrel", "chain3",
	"chain39",     "chain40", "chain41", "nothing", "other",       "proc",	  "self",
	"thread-self", "cwd",	  "fd",
};
static const char *const whole_paths[] = {
	"/",
	"//",
	"/..",
	".",
	"..",
	"./",
	"/proc/self",
	"/proc/self/",
	"/proc/self/status",
	"/proc/self/exe",
	"/proc/self/cwd",
	"/proc/self/root/..",
	"/proc/self/fd/3",
	"/proc/self/fd/4/..",
	"/proc/self/fd/77",
	"/proc/thread-self/fd/3",
	"/proc/thread-self",
	"/proc/mounts",
	"/proc/net",
	"/proc/1/root",
	"/dev/fd/3",
	"/dev/stdin",
	"/dev/null",
	"/dev/null/",
	"/dev/null/x",
	"a/proc/self/cwd",
	"a/proc/self/root/a",
	"/a/proc/self/cwd/..",
	"/a/proc/thread-self/fd/4",
};
static const uint64_t hows[] = {
	0,
	0,
	0,
	0,
	RESOLVE_NO_SYMLINKS,
	RESOLVE_NO_MAGICLINKS,
	RESOLVE_BENEATH,
	RESOLVE_IN_ROOT,
	RESOLVE_NO_XDEV,
	RESOLVE_BENEATH | RESOLVE_NO_XDEV,
};

static void make_case(struct test_case *t, unsigned i)
{
	size_t n = 0;

	*t = (struct test_case){.link = pick(3) == 0, .how = hows[pick(ARRAY_SIZE(hows))]};
	if (i < 4 * ARRAY_SIZE(whole_paths)) {
		(void)snprintf(t->path, sizeof(t->path), "%s",
			       whole_paths[i % ARRAY_SIZE(whole_paths)]);
		return;
	}
	if (pick(3) == 0)
		n = (size_t)snprintf(t->path, sizeof(t->path), "%s", pick(2) ? "/" : top);
	for (unsigned parts = 1 + pick(6); parts > 0; parts--)
		n += (size_t)snprintf(t->path + n, sizeof(t->path) - n, "%s%s", n ? "/" : "",
				      words[pick(ARRAY_SIZE(words))]);
	if (pick(5) == 0)
		(void)snprintf(t->path + n, sizeof(t->path) - n, "%s", pick(2) ? "/" : "//.");
}

static void outcome_of(int fd, struct outcome *o)
{
	struct statx st;

	*o = (struct outcome){.err = fd < 0 ? -fd : 0};
	if (fd < 0)
		return;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &st) < 0)
		o->err = errno;
	o->ino = st.stx_ino;
	o->mnt = st.stx_mnt_id;
	o->major = st.stx_dev_major;
	o->minor = st.stx_dev_minor;
}

static void ask_kernel(struct test_case *t)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | (t->link ? O_NOFOLLOW : 0),
			       .resolve = t->how};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, t->path, &how, sizeof(how));

	outcome_of(fd < 0 ? -errno : fd, &t->kernel);
	close_fd(fd);
}

/* ---- the two sides ---------------------------------------------------------------- */

struct setting {
	const char *name, *root, *cwd; /* below top; root NULL: the real one */
	bool other;		       /* as another user */
};

static void child(const struct setting *s, struct test_case *cases, int ready)
{
	char path[256];
	int cwd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	ready = fcntl(ready, F_DUPFD_CLOEXEC, 10);
	in_tree(path, sizeof(path), s->cwd);
	cwd = open(path, O_PATH | O_CLOEXEC);
	(void)!dup2(cwd, 4);
	in_tree(path, sizeof(path), "a/f");
	(void)!dup2(open(path, O_RDONLY), 3);
	if (s->root) {
		in_tree(path, sizeof(path), s->root);
		if (chroot(path) < 0)
			_exit(1);
	}
	if (fchdir(4) < 0)
		_exit(1);
	if (s->other &&
	    (syscall(SYS_setgroups, 0, NULL) < 0 || setresgid(OTHER_ID, OTHER_ID, OTHER_ID) < 0 ||
	     setresuid(OTHER_ID, OTHER_ID, OTHER_ID) < 0))
		_exit(1);
	/* Others may look at it: the parent as another user has the rights, not the descent. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	for (unsigned i = 0; i < N_CASES; i++)
		ask_kernel(&cases[i]);
	(void)!write(ready, "", 1);
	for (;;)
		pause();
}

static bool is_prompt(void *data, int fd)
{
	(void)data;
	(void)fd;
	return true;
}

static int ask_walker(const struct resolve_ctx *ctx, const struct test_case *t, struct outcome *ret)
{
	struct resolved found = {.fd = -1, .dir = -1};
	int r = resolve(ctx, t->path, t->link ? RESOLVE_LINK : 0, t->how, &found);

	outcome_of(r < 0 ? r : found.fd, ret);
	resolved_done(&found);
	return r;
}

/* Linux (6.18) takes a link to / for a crossing of mounts where the walk had nothing to do with the
 * root before; the walker compares the mounts. */
static bool is_quirk(const struct test_case *t)
{
	return (t->how & RESOLVE_NO_XDEV) && t->kernel.err == EXDEV;
}

static bool same_outcome(const struct outcome *a, const struct outcome *b)
{
	if (a->err || b->err)
		return a->err == b->err;
	return a->ino == b->ino && a->mnt == b->mnt && a->major == b->major && a->minor == b->minor;
}

/* The same answer where it must not block, or that it would have to. */
static bool same_prompt(struct resolve_ctx *ctx, const struct test_case *t, const struct outcome *o,
			unsigned *unready)
{
	struct outcome quick;
	int r;

	ctx->may_block = false;
	r = ask_walker(ctx, t, &quick);
	ctx->may_block = true;
	*unready += r == -EAGAIN && !o->err;
	return r == -EAGAIN || same_outcome(&quick, o);
}

static unsigned compare(struct resolve_ctx *ctx, const struct test_case *cases, unsigned *unready)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < N_CASES; i++) {
		const struct test_case *t = &cases[i];
		struct outcome o;

		(void)ask_walker(ctx, t, &o);
		if ((same_outcome(&o, &t->kernel) || is_quirk(t)) &&
		    same_prompt(ctx, t, &o, unready))
			continue;
		if (wrong++ < 10)
			printf("# '%s'%s how %#llx: kernel %d %llu/%llu, walker %d %llu/%llu\n",
			       t->path, t->link ? " link" : "", (unsigned long long)t->how,
			       t->kernel.err, (unsigned long long)t->kernel.ino,
			       (unsigned long long)t->kernel.mnt, o.err, (unsigned long long)o.ino,
			       (unsigned long long)o.mnt);
	}
	return wrong;
}

static int proc_fd(pid_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_PATH | O_CLOEXEC);
}

static void act_as(bool other)
{
	uid_t id = other ? OTHER_ID : 0;

	(void)syscall(SYS_setgroups, 0, NULL);
	(void)setfsgid(id);
	(void)setfsuid(id); /* and with it the capabilities on files */
}

static void run(const struct setting *s, struct test_case *cases)
{
	struct resolve_ctx ctx = {.may_block = true, .is_prompt = is_prompt};
	unsigned wrong, unready = 0;
	int ready[2];
	char name[160], b;
	pid_t pid;

	if (pipe(ready) < 0)
		return;
	pid = fork();
	if (pid == 0)
		child(s, cases, ready[1]);
	close_fd(ready[1]);
	if (read(ready[0], &b, 1) != 1) {
		check(false, s->name);
		goto out;
	}
	ctx.root = proc_fd(pid, "root");
	ctx.start = proc_fd(pid, "cwd");
	ctx.tgid = ctx.tid = pid;
	ctx.fsuid = s->other ? OTHER_ID : 0;
	act_as(s->other);
	wrong = compare(&ctx, cases, &unready);
	act_as(false);
	printf("# %s: %u that were found are left to a thread that may block\n", s->name, unready);
	(void)snprintf(name, sizeof(name), "%s: %d paths mean the same", s->name, N_CASES);
	check(wrong == 0, name);
	close_fd(ctx.root);
	close_fd(ctx.start);
out:
	close_fd(ready[0]);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* ---- entries and names -------------------------------------------------------------- */

static void test_entries(void)
{
	struct resolve_ctx ctx = {.may_block = true};
	struct resolved r = {.fd = -1, .dir = -1};
	char name[PATH_MAX], path[256];

	ctx.root = open(top, O_PATH | O_CLOEXEC);
	in_tree(path, sizeof(path), "a");
	ctx.start = open(path, O_PATH | O_CLOEXEC);
	check(resolve(&ctx, "b/new", RESOLVE_ENTRY, 0, &r) == 0 && r.fd < 0 && r.dir >= 0 &&
		      strcmp(r.last, "new") == 0 && !r.slash &&
		      resolve_name(r.dir, ctx.root, name, sizeof(name)) == 0 &&
		      strcmp(name, "/a/b") == 0,
	      "an entry that is not there yet: its directory and its name");
	resolved_done(&r);
	check(resolve(&ctx, "b/new//", RESOLVE_ENTRY, 0, &r) == 0 && r.slash && r.fd < 0,
	      "a slash after it is told");
	resolved_done(&r);
	check(resolve(&ctx, "dangling", RESOLVE_ENTRY, 0, &r) == 0 && r.fd < 0 &&
		      strcmp(r.last, "nothing") == 0,
	      "a dangling link leads to the entry that it names");
	resolved_done(&r);
	check(resolve(&ctx, "dangling", RESOLVE_ENTRY | RESOLVE_LINK, 0, &r) == 0 && r.fd >= 0 &&
		      strcmp(r.last, "dangling") == 0,
	      "or is itself the entry");
	resolved_done(&r);
	check(resolve(&ctx, "danglingdir", RESOLVE_ENTRY, 0, &r) == -ENOENT,
	      "a directory that is not there is ENOENT");
	check(resolve(&ctx, "b/..", RESOLVE_ENTRY, 0, &r) == 0 && r.dir < 0 && r.fd >= 0 &&
		      !*r.last,
	      "what ends in dots names no entry");
	resolved_done(&r);
	check(resolve(&ctx, "/b/../a/f", RESOLVE_ENTRY, 0, &r) == -ENOENT &&
		      resolve(&ctx, "/la/b/f", RESOLVE_ENTRY, 0, &r) == 0 && r.fd >= 0 &&
		      resolve_name(r.fd, ctx.root, name, sizeof(name)) == 0 &&
		      strcmp(name, "/a/b/f") == 0,
	      "the name is that of the object, not the one it was reached by");
	resolved_done(&r);
	close_fd(ctx.root);
	close_fd(ctx.start);
}

static bool named(const char *file, int root, const char *want, int unlink_it)
{
	char name[PATH_MAX], path[256];
	_cleanup_close_ int fd = -1;
	int r;

	in_tree(path, sizeof(path), file);
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (unlink_it)
		(void)unlink(path);
	r = resolve_name(fd, root, name, sizeof(name));
	if (r < 0 || strcmp(name, want) != 0)
		printf("# '%s': %d, '%s'\n", file, r, r < 0 ? "" : name);
	return r == 0 && strcmp(name, want) == 0;
}

static void test_names(void)
{
	_cleanup_close_ int root = open(top, O_PATH | O_CLOEXEC);
	_cleanup_close_ int inner = -1, out = open("/dev/null", O_PATH | O_CLOEXEC);
	char path[256], name[PATH_MAX];
	int p[2];

	in_tree(path, sizeof(path), "a");
	inner = open(path, O_PATH | O_CLOEXEC);
	check(named("a/b/f", root, "/a/b/f", 0) && named("a/b/f", inner, "/b/f", 0),
	      "a name is below the given root");
	check(named("gone", root, "/gone", 1), "what was removed has the name that it had");
	check(named("odd (deleted)", root, "/odd (deleted)", 0),
	      "a name that ends like a removed one's is left alone");
	check(named("odd (deleted)", root, "/odd (deleted)", 1), "also when it is removed");
	check(resolve_name(out, root, name, sizeof(name)) == -EXDEV, "outside the root: EXDEV");
	check(resolve_name(root, root, name, sizeof(name)) == 0 && strcmp(name, "/") == 0,
	      "the root itself is /");
	check(pipe2(p, O_CLOEXEC) == 0 && resolve_name(p[0], root, name, sizeof(name)) == 0 &&
		      strncmp(name, "pipe:[", 6) == 0,
	      "a pipe has a name of its own kind");
	close_fd(p[0]);
	close_fd(p[1]);
	check(resolve_name(root, root, name, 1) == -ENAMETOOLONG, "a buffer too small is told");
}

int main(void)
{
	static const struct setting settings[] = {
		{"as root", NULL, "a", false},
		{"deep below", NULL, "a/b/c", false},
		{"as another user", NULL, "a", true},
		{"under another root", "a", "a/b", false},
		{"with the working directory outside the root", "a/b", "other", false},
		{"as another user under another root", "a", "a/b", true},
		{"with the top as root", "", "a", false},
	};
	struct test_case *cases = mmap(NULL, N_CASES * sizeof(*cases), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *given = getenv("PROPERTY_SEED");

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 77;
	}
	if (given)
		seed = strtoull(given, NULL, 0) | 1;
	if (cases == MAP_FAILED || !make_tree()) {
		printf("Bail out! no tree: %s\n", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		for (unsigned j = 0; j < N_CASES; j++)
			make_case(&cases[j], j);
		run(&settings[i], cases);
	}
	test_entries();
	test_names();
	remove_tree();
	return tap_done();
}
