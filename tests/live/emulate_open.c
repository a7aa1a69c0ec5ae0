/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * emulate_open.c - an open that is done for its target has the outcome that the kernel's own has.
 *
 * Some thousand opens, of every kind of file and with all flags, are made by a child as it is, and
 * by another one whose opens are all emulated, in two trees that are the same. Compared are the
 * result or the errno, the number and flags of the descriptor, what kind of file it is, of whom,
 * with what mode and size; and what the call did to the file.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "daemon/emulate.h"
#include "daemon/notif.h"
#include "proto/base.h"
#include "tests/tap.h"

#define N_CASES	 8000
#define OTHER_ID 65534
#define RETRIES	 16

static char top[] = "/tmp/emulate.XXXXXX";

/* ---- the trees ------------------------------------------------------------------- */

static const struct {
	const char *name;
	mode_t mode;
	uid_t uid;
} dirs[] =
	{
		{"d", 0755, 0},		 {"d/sub", 0777, 0},	  {"closed", 0700, 0},
		{"sticky", 01777, 1234}, {"setgid", 02777, 1234}, {"theirs", 0755, OTHER_ID},
		{"ro", 0777, 0},
},
  files[] = {
	  {"f", 0666, 0},
	  {"d/f", 0644, 0},
	  {"secret", 0600, 0},
	  {"closed/f", 0666, 0},
	  {"sticky/foreign", 0666, 1},
	  {"sticky/own", 0666, OTHER_ID},
	  {"theirs/f", 0644, OTHER_ID},
	  {"x", 0111, 0},
	  {"suid", 06777, 0},
};
static const char *const links[][2] = {
	{"lf", "f"},	       {"ld", "d"},	 {"dangling", "d/sub/new"}, {"loop", "loop"},
	{"labs", "/dev/null"}, {"lslash", "d/"}, {"sticky/lf", "../f"},	    {"lsecret", "closed/f"},
};

static void at(char *buf, size_t size, const char *tree, const char *name)
{
	(void)snprintf(buf, size, "%s/%s/%s", top, tree, name);
}

static bool make_file(const char *path, mode_t mode, uid_t uid)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, "some text\n", 10) == 10 && fchown(fd, uid, uid) == 0 &&
		  fchmod(fd, mode) == 0;

	close_fd(fd);
	return ok;
}

static bool make_special(const char *tree)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char path[256];
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	at(path, sizeof(path), tree, "fifo");
	ok = mkfifo(path, 0666) == 0 && chmod(path, 0666) == 0;
	at(path, sizeof(path), tree, "sticky/fifo");
	ok = ok && mkfifo(path, 0666) == 0 && chmod(path, 0666) == 0 && chown(path, 1, 1) == 0;
	at(path, sizeof(path), tree, "nod");
	ok = ok && mknod(path, S_IFCHR | 0666, makedev(1, 3)) == 0 && chmod(path, 0666) == 0;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s/sock", top, tree);
	ok = ok && bind(s, (struct sockaddr *)&sun, sizeof(sun)) == 0;
	close_fd(s);
	at(path, sizeof(path), tree, "ro");
	return ok && mount("x", path, "tmpfs", 0, NULL) == 0 &&
	       mount("x", path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0;
}

static bool make_tree(const char *tree)
{
	char path[256];
	bool ok;

	(void)snprintf(path, sizeof(path), "%s/%s", top, tree);
	ok = mkdir(path, 0777) == 0 && chmod(path, 0777) == 0;
	for (size_t i = 0; ok && i < ARRAY_SIZE(dirs); i++) {
		at(path, sizeof(path), tree, dirs[i].name);
		ok = mkdir(path, 0700) == 0 && chown(path, dirs[i].uid, dirs[i].uid) == 0 &&
		     chmod(path, dirs[i].mode) == 0;
	}
	for (size_t i = 0; ok && i < ARRAY_SIZE(files); i++) {
		at(path, sizeof(path), tree, files[i].name);
		ok = make_file(path, files[i].mode, files[i].uid);
	}
	for (size_t i = 0; ok && i < ARRAY_SIZE(links); i++) {
		at(path, sizeof(path), tree, links[i][0]);
		ok = symlink(links[i][1], path) == 0;
	}
	return ok && make_special(tree);
}

/* ---- cases ----------------------------------------------------------------------- */

struct outcome {
	long result; /* descriptor or -errno */
	int fl, fd_flags;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	off_t size;
	bool left; /* there is an entry of that name afterwards */
};
struct test_case {
	const char *path;
	int flags;
	mode_t mode;
	int form; /* enum operation_form */
	bool at_dir;
	uint64_t resolve;
	struct outcome out[2]; /* plain, emulated */
};

static uint64_t seed = 88172645463325252u;

static unsigned pick(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

static char long_name[300], long_path[5000];
static const char *const paths[] = {
	"f",
	"d/f",
	"d",
	"d/",
	"secret",
	"closed/f",
	"closed",
	"sticky/foreign",
	"sticky/own",
	"sticky/new",
	"theirs/f",
	"theirs/new",
	"setgid/new",
	"x",
	"suid",
	"new",
	"new/",
	"f/",
	"f/x",
	"d/sub/new",
	"lf",
	"ld",
	"dangling",
	"loop",
	"labs",
	"lslash",
	"sticky/lf",
	"lsecret",
	"fifo",
	"sticky/fifo",
	"nod",
	"sock",
	"ro/new",
	"ro",
	"",
	".",
	"..",
	"/",
	"/dev/null",
	"/dev/zero",
	"/dev/null/",
	"/proc/self/status",
	"/proc/self/cwd/f",
	"/proc/self/fd/3",
	"/proc/self",
	"/proc/thread-self/status",
	"/dev/fd/3",
	"nothing/x",
	"d/../f",
	"d/../../none",
	long_name,
	long_path,
	NULL,
};
static const int bits[] = {
	O_CREAT, O_CREAT,   O_EXCL,    O_TRUNC,	  O_APPEND, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW,
	O_PATH,	 O_CLOEXEC, O_TMPFILE, O_NOATIME, O_SYNC,   O_DIRECT,	0x40000000,
};
static const uint64_t resolves[] = {
	0,     0, 0, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS,
	0x1000};

static void make_case(struct test_case *t)
{
	*t = (struct test_case){.path = paths[pick(ARRAY_SIZE(paths))], .flags = (int)pick(4)};
	for (unsigned n = pick(5); n > 0; n--)
		t->flags |= bits[pick(ARRAY_SIZE(bits))];
	t->mode = (mode_t)pick(010000);
	t->form = (int)pick(4);
	if (t->path && strstr(t->path, "fifo")) {
		/* It would wait, and for ever. */
		t->flags |= O_NONBLOCK;
		t->form = FORM_OPENAT;
	}
	t->at_dir = pick(3) == 0;
	t->resolve = resolves[pick(ARRAY_SIZE(resolves))];
	if (t->form == FORM_OPENAT2 && !(t->flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) &&
	    pick(8))
		t->mode = 0;
}

static long call(const struct test_case *t, int dir)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)t->flags, .mode = t->mode, .resolve = t->resolve};
	int from = t->at_dir ? dir : AT_FDCWD;
	/* What no process has: the pointer is the kernel's. */
	const char *path = t->path ? t->path : (const char *)-4096;
	long r;

	switch (t->form) {
	case FORM_OPEN:
		r = syscall(SYS_open, path, t->flags, t->mode);
		break;
	case FORM_CREAT:
		r = syscall(SYS_creat, path, t->mode);
		break;
	case FORM_OPENAT:
		r = syscall(SYS_openat, from, path, t->flags, t->mode);
		break;
	default:
		r = syscall(SYS_openat2, from, path, &how, sizeof(how));
		break;
	}
	return r < 0 ? -errno : r;
}

static void note(const struct test_case *t, int dir, struct outcome *o)
{
	struct stat st;

	o->result = call(t, dir);
	if (o->result >= 0) {
		o->fl = fcntl((int)o->result, F_GETFL);
		o->fd_flags = fcntl((int)o->result, F_GETFD);
		if (fstat((int)o->result, &st) == 0) {
			o->mode = st.st_mode;
			o->uid = st.st_uid;
			o->gid = st.st_gid;
			o->size = S_ISREG(st.st_mode) ? st.st_size : 0;
		}
		(void)close((int)o->result);
	}
	o->left = t->path && lstat(t->path, &st) == 0;
}

/* The tree as it was. Done by a helper process that is nobody's target. */
static void restore(const char *tree)
{
	static const char *const made[] = {"new",	 "d/sub/new",  "sticky/new",
					   "theirs/new", "setgid/new", "none"};
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		at(path, sizeof(path), tree, made[i]);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/none", top);
	(void)unlink(path);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct stat st;

		at(path, sizeof(path), tree, files[i].name);
		if (lstat(path, &st) < 0 || st.st_size != 10 ||
		    st.st_mode != (S_IFREG | files[i].mode))
			(void)make_file(path, files[i].mode, files[i].uid);
	}
}

/* ---- the two children -------------------------------------------------------------- */

struct shared {
	_Atomic int listener; /* of the child's own table */
	_Atomic unsigned at;  /* cases begun; the restorer follows */
	_Atomic unsigned restored;
	_Atomic bool end;
	struct test_case cases[N_CASES];
};

static int load_filter(void)
{
	static const char *const calls[] = {"open", "openat", "creat", "openat2"};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int fd = -1;

	for (size_t i = 0; ctx && i < ARRAY_SIZE(calls); i++)
		(void)seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, seccomp_syscall_resolve_name(calls[i]),
				       0);
	if (ctx && seccomp_load(ctx) == 0)
		fd = seccomp_notify_fd(ctx);
	return fd;
}

static void child(struct shared *sh, int which, bool other)
{
	const char *tree = which ? "emulated" : "plain";
	char path[256];
	int dir;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(path, sizeof(path), "%s/%s", top, tree);
	if (chdir(path) < 0)
		_exit(1);
	(void)dup2(open("f", O_RDWR), 3);
	dir = fcntl(open("d", O_PATH), F_DUPFD, 20);
	(void)umask(027);
	if (other &&
	    (syscall(SYS_setgroups, 0, NULL) < 0 || setresgid(OTHER_ID, OTHER_ID, OTHER_ID) < 0 ||
	     setresuid(OTHER_ID, OTHER_ID, OTHER_ID) < 0))
		_exit(1);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (int fd = 4; fd < 20; fd++)
		(void)close(fd);
	if (which) {
		int fd = load_filter();

		(void)dup2(fd, 30);
		(void)close(fd);
		atomic_store(&sh->listener, fd < 0 ? -1 : 30);
		while (atomic_load(&sh->listener) == 30)
			(void)sched_yield();
	}
	for (unsigned i = 0; i < N_CASES; i++) {
		note(&sh->cases[i], dir, &sh->cases[i].out[which]);
		atomic_store(&sh->at, i + 1);
		while (atomic_load(&sh->restored) <= i)
			(void)sched_yield();
	}
	_exit(0);
}

/* ---- the supervisor ---------------------------------------------------------------- */

struct supervisor {
	int listener;
	pid_t pid;
	struct mounts *mounts;
	int root;
	unsigned slow, fast, failed;
};

static enum operation_form form_of(int nr)
{
	switch (nr) {
	case SYS_open:
		return FORM_OPEN;
	case SYS_creat:
		return FORM_CREAT;
	case SYS_openat:
		return FORM_OPENAT;
	default:
		return FORM_OPENAT2;
	}
}

static int emulate(struct supervisor *s, struct emulate *e, const struct seccomp_notif *req)
{
	static struct emulate_open o;
	uint64_t args[6];
	int r;

	for (int i = 0; i < 6; i++)
		args[i] = req->data.args[i];
	r = emulate_open_read(e, form_of(req->data.nr), args, &o);
	if (r == 0 && o.by_kernel)
		return -ECANCELED;
	for (int i = 0; r == 0 && i < RETRIES; i++) {
		r = emulate_open_look(e, &o);
		if (r == 0)
			r = emulate_open_do(e, &o);
		if (r == -EAGAIN && !e->may_block) {
			e->may_block = true;
			r = 0;
			s->slow++;
		} else if (r == -ESTALE) {
			r = 0;
		} else {
			break;
		}
	}
	s->fast += !e->may_block;
	emulate_open_done(&o);
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
			    .arch = ARCH_X86_64};
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

static bool is_close_on_exec(const struct seccomp_notif *req)
{
	struct open_how how;

	switch (form_of(req->data.nr)) {
	case FORM_OPEN:
		return req->data.args[1] & O_CLOEXEC;
	case FORM_CREAT:
		return false;
	case FORM_OPENAT:
		return req->data.args[2] & O_CLOEXEC;
	default: {
		struct iovec to = {&how, sizeof(how)};
		struct iovec from = {(void *)(uintptr_t)req->data.args[2], sizeof(how)};

		return process_vm_readv((pid_t)req->pid, &to, 1, &from, 1, 0) > 0 &&
		       (how.flags & O_CLOEXEC);
	}
	}
}

static void supervise(struct supervisor *s)
{
	struct notif n;

	if (notif_init(&n) < 0)
		return;
	(void)rights_thread_init();
	while (notif_receive(&n, s->listener) == 0) {
		int fd = answer(s, n.req);
		int r = fd;

		if (fd == -ENOTRECOVERABLE)
			s->failed++;
		if (fd >= 0)
			r = notif_addfd(s->listener, n.req->id, fd,
					is_close_on_exec(n.req) ? O_CLOEXEC : 0, false);
		close_fd(fd);
		if (r == -ECANCELED)
			(void)notif_continue(&n, s->listener, n.req->id);
		else if (r < 0)
			(void)notif_error(&n, s->listener, n.req->id, -r);
		else
			(void)notif_return(&n, s->listener, n.req->id, r);
	}
	(void)rights_restore();
	notif_done(&n);
}

static int take_listener(struct supervisor *s, struct shared *sh)
{
	int pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0), fd;

	while (atomic_load(&sh->listener) == 0)
		(void)sched_yield();
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, atomic_load(&sh->listener), 0);
	close_fd(pidfd);
	atomic_store(&sh->listener, -1);
	return fd;
}

/* ---- comparing ----------------------------------------------------------------------- */

static void print_outcome(const char *who, const struct outcome *o)
{
	printf("#   %s: %ld fl %#o fd %d mode %#o uid %u gid %u size %lld%s\n", who, o->result,
	       (unsigned)o->fl, o->fd_flags, (unsigned)o->mode, o->uid, o->gid, (long long)o->size,
	       o->left ? " left" : "");
}

static bool same(const struct test_case *t)
{
	const struct outcome *a = &t->out[0], *b = &t->out[1];
	/* O_NOFOLLOW is not seen in the flags of what was opened through a magic link. */
	int mask = ~O_NOFOLLOW;

	/* See emulate.h. */
	if (t->form == FORM_OPENAT2 && (t->flags & O_PATH) && b->result == -ENOSYS)
		return a->result >= 0 || a->result != b->result;

	return a->result == b->result && (a->fl & mask) == (b->fl & mask) &&
	       a->fd_flags == b->fd_flags && a->mode == b->mode && a->uid == b->uid &&
	       a->gid == b->gid && a->size == b->size && a->left == b->left;
}

static unsigned compare(const struct shared *sh)
{
	static const char *const forms[] = {"open", "creat", "openat", "openat2"};
	unsigned wrong = 0;

	for (unsigned i = 0; i < N_CASES; i++) {
		const struct test_case *t = &sh->cases[i];

		if (same(t) || wrong++ >= 12)
			continue;
		printf("# %s%s '%.60s' flags %#o mode %#o resolve %#llx\n", forms[t->form],
		       t->at_dir ? " at d" : "", t->path ? t->path : "(bad)", (unsigned)t->flags,
		       (unsigned)t->mode, (unsigned long long)t->resolve);
		print_outcome("kernel", &t->out[0]);
		print_outcome("emulated", &t->out[1]);
	}
	return wrong;
}

static void *restorer(void *data)
{
	struct shared *sh = data;

	for (unsigned i = 0; i < N_CASES && !atomic_load(&sh->end); i++) {
		while (atomic_load(&sh->at) <= i && !atomic_load(&sh->end))
			(void)sched_yield();
		restore("plain");
		restore("emulated");
		atomic_store(&sh->restored, i + 1);
	}
	return NULL;
}

static bool run(struct shared *sh, int which, bool other, struct supervisor *s)
{
	pthread_t thread;
	int status = 0;

	atomic_store(&sh->listener, 0);
	atomic_store(&sh->at, 0);
	atomic_store(&sh->restored, 0);
	atomic_store(&sh->end, false);
	s->pid = fork();
	if (s->pid == 0)
		child(sh, which, other);
	if (pthread_create(&thread, NULL, restorer, sh) != 0)
		return false;
	if (which) {
		s->listener = take_listener(s, sh);
		supervise(s);
		close_fd(s->listener);
	}
	(void)waitpid(s->pid, &status, 0);
	atomic_store(&sh->end, true);
	(void)pthread_join(thread, NULL);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void both(struct shared *sh, bool other, struct mounts *mounts)
{
	struct supervisor s = {.mounts = mounts, .root = open("/", O_PATH | O_CLOEXEC)};
	char name[120];
	bool ok;

	for (unsigned i = 0; i < N_CASES; i++)
		make_case(&sh->cases[i]);
	ok = run(sh, 0, other, &s) && run(sh, 1, other, &s);
	printf("# %u at once, %u where it may block, %u could not be worked out\n", s.fast, s.slow,
	       s.failed);
	(void)snprintf(name, sizeof(name), "%d opens as %s have the kernel's outcome", N_CASES,
		       other ? "another user" : "root");
	check(ok && compare(sh) == 0, name);
	close_fd(s.root);
}

int main(void)
{
	struct shared *sh =
		mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct mounts *mounts = NULL;
	int procdir = open("/proc/self", O_PATH | O_CLOEXEC);
	char *given = getenv("PROPERTY_SEED");

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 77;
	}
	if (given)
		seed = strtoull(given, NULL, 0) | 1;
	memset(long_name, 'n', sizeof(long_name) - 1);
	memset(long_path, '/', sizeof(long_path) - 1);
	(void)umask(0);
	if (sh == MAP_FAILED || !mkdtemp(top) || chmod(top, 0777) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", top, "tmpfs", 0, "mode=777") < 0 || !make_tree("plain") ||
	    !make_tree("emulated") || mounts_new(procdir, &mounts) < 0) {
		printf("Bail out! no tree: %s\n", strerror(errno));
		return 1;
	}
	both(sh, false, mounts);
	both(sh, true, mounts);
	mounts_unref(mounts);
	(void)umount2(top, MNT_DETACH);
	(void)rmdir(top);
	return tap_done();
}
