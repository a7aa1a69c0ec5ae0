/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rights.c - a thread under a target's rights gets from the kernel what the target gets.
 *
 * Targets of many kinds do a list of operations in a directory of their own; this process does
 * the same list in another one, made alike, under the rights that it read of the target. Results,
 * owners and modes must be equal, and this thread as before afterwards.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "daemon/rights.h"
#include "daemon/target.h"
#include "tests/live/caller.h"

#define USER   12340
#define GROUP  12341
#define OTHER  23450
#define CREATE (O_WRONLY | O_CREAT)
#define EXTRA  4242 /* a group that some targets are in */

static char top[] = "/tmp/seccompd-rights.XXXXXX";

/* ---- operations: a number that says the result, errno and what came of it ------------------- */

static long made(int r, const char *path)
{
	struct stat st;

	if (r < 0)
		return -errno;
	if (lstat(path, &st) < 0)
		return LONG_MIN;
	return (long)st.st_uid << 40 | (long)st.st_gid << 20 | st.st_mode;
}

static long opened(const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	close(fd);
	return flags & O_CREAT ? made(0, path) : 0;
}

static long plain(int r)
{
	return r < 0 ? -errno : r;
}

static long op_mkdir_setgid(void)
{
	return made(mkdir("setgid/dir", 0777), "setgid/dir");
}

static long op_reopen(void)
{
	char path[64];
	int fd = open("root600", O_PATH | O_CLOEXEC);
	long r;

	(void)snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
	r = opened(path, O_RDONLY, 0);
	close(fd);
	return r;
}

static long op_sticky(void)
{
	return plain(unlink("sticky/other"));
}

static long op_sticky_own(void)
{
	return plain(unlink("sticky/user"));
}

static long op_chmod_other(void)
{
	return made(chmod("sticky/other2", 0640), "sticky/other2");
}

static long op_chmod_own(void)
{
	return made(chmod("user666", 02755), "user666");
}

static long op_chgrp_own(void)
{
	return made(chown("user666", (uid_t)-1, EXTRA), "user666");
}

static long op_chown(void)
{
	return made(chown("user666", OTHER, (gid_t)-1), "user666");
}

static long op_suid_write(void)
{
	int fd = open("suid", O_WRONLY | O_CLOEXEC);
	long r = fd < 0 ? -errno : write(fd, "x", 1);

	close_fd(fd);
	return r < 0 ? r : made(0, "suid");
}

static long op_mknod(void)
{
	return made(mknod("open/null", S_IFCHR | 0666, 1 << 8 | 3), "open/null");
}

static long op_link(void)
{
	return plain(link("root600", "open/link"));
}

static long op_trusted(void)
{
	return plain(setxattr("user666", "trusted.seccompd", "x", 1, 0));
}

static struct sockaddr_un unix_name(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

static long op_bind(void)
{
	struct sockaddr_un a = unix_name("open/socket");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long r = made(bind(fd, (struct sockaddr *)&a, sizeof(a)), a.sun_path);

	close(fd);
	return r;
}

static long op_connect(void)
{
	struct sockaddr_un a = unix_name("listening");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long r = plain(connect(fd, (struct sockaddr *)&a, sizeof(a)));

	close(fd);
	return r;
}

static long op_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(1007),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long r = plain(bind(fd, (struct sockaddr *)&a, sizeof(a)));

	close(fd);
	return r;
}

static const struct {
	const char *name;
	long (*run)(void); /* or NULL: open this */
	bool by_settings;  /* a sysctl may allow it to everybody */
	const char *path;
	int flags;
	mode_t mode;
} ops[] = {
	{.name = "create", .path = "open/new", .flags = CREATE, .mode = 0666},
	{.name = "create 06777", .path = "open/new777", .flags = CREATE, .mode = 06777},
	{.name = "create in root's directory", .path = "closed/new", .flags = CREATE, .mode = 0666},
	{.name = "create in a setgid directory",
	 .path = "setgid/new",
	 .flags = CREATE,
	 .mode = 0666},
	{.name = "create 02777 in a setgid directory",
	 .path = "setgid/new777",
	 .flags = CREATE,
	 .mode = 02777},
	{"mkdir in a setgid directory", op_mkdir_setgid},
	{.name = "read root's file", .path = "root600", .flags = O_RDONLY},
	{.name = "write root's file", .path = "root600", .flags = O_WRONLY},
	{.name = "read a group's file", .path = "group040", .flags = O_RDONLY},
	{.name = "read the primary group's file", .path = "primary040", .flags = O_RDONLY},
	{.name = "search root's directory", .path = "locked/file", .flags = O_RDONLY},
	{"reopen root's file", op_reopen},
	{"unlink another's file in a sticky directory", op_sticky},
	{"unlink the user's file in a sticky directory", op_sticky_own},
	{"chmod another's file", op_chmod_other},
	{"chmod the user's file", op_chmod_own},
	{"chgrp the user's file", op_chgrp_own},
	{"chown the user's file", op_chown},
	{.name = "O_NOATIME of another's file", .path = "other644", .flags = O_RDONLY | O_NOATIME},
	{"write a setuid file", op_suid_write},
	{"mknod a device", op_mknod},
	{"link root's file", op_link, true},
	{"set a trusted attribute", op_trusted},
	{"bind AF_UNIX", op_bind},
	{"connect to root's socket", op_connect},
	{"bind a privileged port", op_port, true},
};
#define N_OPS ARRAY_SIZE(ops)

/* ---- the directories ---------------------------------------------------------------------------
 */

static void must(bool ok, const char *what)
{
	if (!ok) {
		printf("Bail out! %s: %s\n", what, strerror(errno));
		exit(99);
	}
}

static void put(int at, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	must(fd >= 0 && fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0, name);
	close(fd);
}

static void put_dir(int at, const char *name, gid_t gid, mode_t mode)
{
	must(mkdirat(at, name, 0700) == 0 && fchownat(at, name, 0, gid, 0) == 0 &&
		     fchmodat(at, name, mode, 0) == 0,
	     name);
}

static void make_dir(const char *name)
{
	struct sockaddr_un a = unix_name("listening");
	int at, fd;

	put_dir(AT_FDCWD, name, 0, 0755);
	must(chdir(name) == 0, name);
	at = open(".", O_PATH | O_CLOEXEC);
	put_dir(at, "open", 0, 0777);
	put_dir(at, "closed", 0, 0755);
	put_dir(at, "setgid", EXTRA, 02777);
	put_dir(at, "sticky", 0, 01777);
	put_dir(at, "locked", 0, 0700);
	must(fchownat(at, "sticky", OTHER, OTHER, 0) == 0, "sticky");
	put(at, "locked/file", 0, 0, 0644);
	put(at, "root600", 0, 0, 0600);
	put(at, "group040", OTHER, EXTRA, 0040);
	put(at, "primary040", OTHER, GROUP, 0040);
	put(at, "sticky/other", OTHER, OTHER, 0666);
	put(at, "sticky/other2", OTHER, OTHER, 0666);
	put(at, "sticky/user", USER, GROUP, 0666);
	put(at, "user666", USER, GROUP, 0666);
	put(at, "other644", OTHER, OTHER, 0644);
	put(at, "suid", 0, 0, 06777);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); /* stays, so that it listens */
	must(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 9) == 0 &&
		     chmod("listening", 0600) == 0,
	     "listening");
	close(at);
	must(chdir(top) == 0, top);
}

/* ---- targets ------------------------------------------------------------------------------------
 */

static void set_effective(uint64_t effective, uint64_t permitted)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &head, data) == 0, "capget");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(permitted >> (32 * i));
		data[i].effective = data[i].permitted & (uint32_t)(effective >> (32 * i));
	}
	must(syscall(SYS_capset, &head, data) == 0, "capset");
}

/* Of the calling thread alone. */
static void become(uid_t uid, gid_t gid, size_t n, const gid_t *groups)
{
	must(syscall(SYS_setgroups, n, groups) == 0, "setgroups");
	must(syscall(SYS_setresgid, gid, gid, gid) == 0, "setresgid");
	must(syscall(SYS_setresuid, uid, uid, uid) == 0, "setresuid");
}

static void be_root(void)
{
}

static void be_powerless_root(void)
{
	set_effective(0, UINT64_MAX);
}

static void be_root_without_dac(void)
{
	set_effective(~(1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH), UINT64_MAX);
}

static void be_root_without_some(void)
{
	uint64_t keep = ~(1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_CHOWN |
			  1ull << CAP_MKNOD | 1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_SYS_ADMIN);

	set_effective(keep, keep);
}

static void be_user(void)
{
	become(USER, GROUP, 0, NULL);
}

static void be_user_in_group(void)
{
	gid_t groups[] = {EXTRA, 100};

	become(USER, GROUP, 2, groups);
}

static void be_user_in_many(void)
{
	gid_t groups[100];

	for (gid_t i = 0; i < 100; i++)
		groups[i] = EXTRA + 99 - i;
	become(USER, GROUP, 100, groups);
}

static void be_private_user(void)
{
	be_user();
	umask(077);
}

static void be_user_with(uint64_t caps)
{
	(void)prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	be_user();
	set_effective(caps, caps);
}

static void be_reader(void)
{
	be_user_with(1ull << CAP_DAC_READ_SEARCH);
}

static void be_server(void)
{
	be_user_with(1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_CHOWN);
}

static void be_fsuid_user(void)
{
	must(setfsgid(GROUP) == 0 && setfsuid(USER) == 0, "setfsuid");
}

static void be_effective_user(void)
{
	must(syscall(SYS_setresgid, OTHER, GROUP, OTHER) == 0, "setresgid");
	must(syscall(SYS_setresuid, OTHER, USER, OTHER) == 0, "setresuid");
}

/* Effective and file system ids differ. */
static void be_split_user(void)
{
	(void)prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	become(OTHER, OTHER, 0, NULL);
	set_effective(UINT64_MAX, UINT64_MAX);
	(void)setfsgid(GROUP);
	(void)setfsuid(USER);
	set_effective(0, 0);
}

struct kind {
	const char *name;
	void (*become)(void);
	bool thread; /* not the leader, with its own umask */
};

static const struct kind kinds[] = {
	{"root", be_root},
	{"root without effective capabilities", be_powerless_root},
	{"root without CAP_DAC_*", be_root_without_dac},
	{"root without capabilities on files", be_root_without_some},
	{"a user", be_user},
	{"a user in groups", be_user_in_group},
	{"a user in a hundred groups", be_user_in_many},
	{"a user with umask 077", be_private_user},
	{"a user with CAP_DAC_READ_SEARCH", be_reader},
	{"a user with CAP_NET_BIND_SERVICE and CAP_CHOWN", be_server},
	{"root with a user's file system ids", be_fsuid_user},
	{"a user by effective ids", be_effective_user},
	{"a user by file system ids, another by all other ids", be_split_user},
	{"a thread that is a user, its leader is root", be_private_user, true},
};

struct run {
	const struct kind *kind;
	long results[N_OPS]; /* of the target */
};
static struct run *run; /* shared with the target */
static long first[N_OPS];
static bool differs[N_OPS];

static void do_ops(long *results)
{
	for (size_t i = 0; i < N_OPS; i++) {
		errno = 0;
		results[i] =
			ops[i].run ? ops[i].run() : opened(ops[i].path, ops[i].flags, ops[i].mode);
	}
}

static void *target_body(void *data)
{
	(void)data;
	if (run->kind->thread)
		must(unshare(CLONE_FS) == 0, "unshare");
	must(chdir("target") == 0, "target");
	run->kind->become();
	do_ops(run->results);
	call(0, 0, 0);
	return NULL;
}

static void target_run(void *data)
{
	pthread_t thread;

	if (!run->kind->thread) {
		target_body(data);
		return;
	}
	umask(007);
	pthread_create(&thread, NULL, target_body, data);
	pthread_join(thread, NULL);
}

/* ---- the comparison
 * ------------------------------------------------------------------------------- */

/* What /proc says of our thread's identity. */
static void describe_self(char *buf, size_t size)
{
	static const char *const heads[] = {"Umask:",  "Uid:",	  "Gid:",    "Groups:", "CapInh:",
					    "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
	_cleanup_fclose_ FILE *f = fopen("/proc/thread-self/status", "re");
	char line[4096];
	size_t len = 0;

	must(f != NULL, "status");
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
			if (strncmp(line, heads[i], strlen(heads[i])) == 0)
				len += (size_t)snprintf(buf + len, size - len, "%s", line);
}

static void open_target(struct caller *c, struct target *t)
{
	must(caller_next(c) && target_open(t, c->listener, c->n.req->id, (pid_t)c->n.req->pid) == 0,
	     "the target's call");
}

static void compare(const struct kind *kind)
{
	char before[8192], after[8192];
	_cleanup_(rights_done) struct rights rights = {0};
	long results[N_OPS] = {0};
	struct caller c;
	struct target t;
	bool same = true;

	make_dir("target");
	make_dir("daemon");
	run->kind = kind;
	caller_start(&c, target_run, NULL);
	open_target(&c, &t);
	must(target_rights(&t, &rights) == 0 && target_valid(&t), "target_rights");
	describe_self(before, sizeof(before));
	must(chdir("daemon") == 0, "daemon");
	must(rights_assume(&rights) == 0, "rights_assume");
	do_ops(results);
	must(rights_restore() == 0, "rights_restore");
	must(chdir(top) == 0, top);
	describe_self(after, sizeof(after));
	for (size_t i = 0; i < N_OPS; i++) {
		if (kind == kinds)
			first[i] = results[i];
		differs[i] |= results[i] != first[i];
		if (results[i] == run->results[i])
			continue;
		same = false;
		printf("# %s: the target got %#lx, the daemon %#lx\n", ops[i].name, run->results[i],
		       results[i]);
	}
	check(same, kind->name);
	check(strcmp(before, after) == 0, "and back");
	target_done(&t);
	caller_end(&c);
	must(system("rm -rf target daemon") == 0, "rm");
}

/* The list says something only where a target gets another result than the first one. */
static void check_differences(void)
{
	bool all = true;

	for (size_t i = 0; i < N_OPS; i++) {
		if (differs[i] || ops[i].by_settings)
			continue;
		all = false;
		printf("# %s: the same for everybody\n", ops[i].name);
	}
	check(all, "the results depend on the target");
}

/* ---- who the others see
 * ------------------------------------------------------------------------------ */

struct attack {
	pid_t us;
	long kill, tgkill, ptrace, nice, cpus;
};
static struct attack *attack; /* shared */

static void attack_us(void)
{
	cpu_set_t cpus;

	(void)sched_getaffinity(0, sizeof(cpus), &cpus);
	be_user();
	attack->kill = plain(kill(attack->us, 0));
	attack->tgkill = plain((int)syscall(SYS_tgkill, attack->us, attack->us, 0));
	attack->ptrace = plain((int)ptrace(PTRACE_SEIZE, attack->us, NULL, NULL));
	attack->nice = plain(setpriority(PRIO_PROCESS, (id_t)attack->us, 5));
	attack->cpus = plain(sched_setaffinity(attack->us, sizeof(cpus), &cpus));
	_exit(0);
}

static void test_attack(const struct rights *r)
{
	int to[2];
	pid_t pid;
	char b = 0;

	must(pipe(to) == 0, "pipe");
	attack->us = getpid();
	pid = fork();
	if (pid == 0) {
		if (read(to[0], &b, 1) == 1)
			attack_us();
		_exit(1);
	}
	must(rights_assume(r) == 0, "rights_assume");
	must(write(to[1], &b, 1) == 1 && waitpid(pid, NULL, 0) == pid, "the attack");
	must(rights_restore() == 0, "rights_restore");
	close(to[0]);
	close(to[1]);
	check(attack->kill == -EPERM && attack->tgkill == -EPERM,
	      "the target's user may not signal us");
	check(attack->ptrace == -EPERM, "nor trace us");
	check(attack->nice == -EPERM && attack->cpus == -EPERM, "nor make us slower");
}

/* A stream that R's owner connects to, and a message on it. */
static void test_peer(const struct rights *r)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(a.sun_family);
	struct ucred cred = {0};
	gid_t groups[8];
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	must(bind(server, (struct sockaddr *)&a, len) == 0 && listen(server, 1) == 0, "listen");
	len = sizeof(a);
	(void)getsockname(server, (struct sockaddr *)&a, &len);
	must(rights_assume(r) == 0, "rights_assume");
	must(connect(fd, (struct sockaddr *)&a, len) == 0, "connect");
	must(rights_restore() == 0, "rights_restore");
	peer = accept(server, NULL, NULL);
	len = sizeof(cred);
	must(getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0, "SO_PEERCRED");
	check(cred.uid == USER && cred.gid == GROUP, "a peer sees the target's ids");
	check(cred.pid == getpid(), "and our pid");
	len = sizeof(groups);
	check(getsockopt(peer, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0 &&
		      len == r->n_groups * sizeof(gid_t) && memcmp(groups, r->groups, len) == 0,
	      "and the target's groups");
	close(peer);
	close(fd);
	close(server);
}

static void read_rights_of(void (*as)(void), struct rights *ret)
{
	static struct kind kind = {.name = "single"};
	struct caller c;
	struct target t;

	make_dir("target");
	kind.become = as;
	run->kind = &kind;
	caller_start(&c, target_run, NULL);
	open_target(&c, &t);
	must(target_rights(&t, ret) == 0, "target_rights");
	target_done(&t);
	caller_end(&c);
	must(system("rm -rf target") == 0, "rm");
}

/* ---- the way between
 * ------------------------------------------------------------------------------------ */

static void test_steps(const struct rights *user, const struct rights *root)
{
	char before[8192], after[8192], mem[64];

	(void)snprintf(mem, sizeof(mem), "/proc/%d/mem", getppid());
	describe_self(before, sizeof(before));
	check(rights_assume(user) == 0 && open("/etc/shadow", O_RDONLY) < 0, "a user's rights");
	check(rights_raise() == 0 && close(open(mem, O_RDONLY)) == 0 && setfsuid((uid_t)-1) == USER,
	      "raised: processes can be looked at, ids are the user's");
	check(rights_assume(user) == 0 && open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES,
	      "and a user's rights again");
	check(rights_assume(root) == 0 && close(open("/etc/shadow", O_RDONLY)) == 0,
	      "root's from there");
	check(rights_assume(user) == 0 && rights_restore() == 0, "and all back");
	describe_self(after, sizeof(after));
	check(strcmp(before, after) == 0, "as before");
	check(rights_restore() == 0 && rights_raise() == 0, "once more is nothing");
}

static void be_of_all_groups(void)
{
	static gid_t groups[NGROUPS_MAX];

	for (gid_t i = 0; i < NGROUPS_MAX; i++)
		groups[i] = 4000000000u + i;
	become(USER, GROUP, NGROUPS_MAX, groups);
}

static void test_all_groups(void)
{
	_cleanup_(rights_done) struct rights r = {0};

	read_rights_of(be_of_all_groups, &r);
	check(r.n_groups == NGROUPS_MAX && r.groups[0] == 4000000000u &&
		      r.groups[NGROUPS_MAX - 1] == 4000000000u + NGROUPS_MAX - 1,
	      "as many groups as there can be");
	check(rights_assume(&r) == 0 && getgroups(0, NULL) == NGROUPS_MAX, "are taken over");
	check(rights_restore() == 0 && getgroups(0, NULL) < NGROUPS_MAX, "and given back");
}

static void be_elsewhere(void)
{
	must(unshare(CLONE_NEWUSER) == 0, "unshare");
}

static void test_user_ns(void)
{
	_cleanup_(rights_done) struct rights r = {0};

	read_rights_of(be_elsewhere, &r);
	check(rights_assume(&r) == -EOPNOTSUPP,
	      "a target of another user namespace is not supported");
}

static pthread_barrier_t barrier;

static void *other_thread(void *data)
{
	bool ok = rights_assume(data) == -EINVAL && rights_thread_init() == 0 &&
		  rights_assume(data) == 0;

	(void)pthread_barrier_wait(&barrier); /* main looks at itself in between */
	(void)pthread_barrier_wait(&barrier);
	ok = ok && geteuid() == USER && umask(077) == 077 && rights_restore() == 0;
	rights_thread_done();
	return (void *)(uintptr_t)ok;
}

static void test_threads(const struct rights *r)
{
	char before[8192], after[8192];
	struct rights masked = *r;
	pthread_t thread;
	void *ok;

	masked.groups = masked.small;
	masked.umask = 077;
	describe_self(before, sizeof(before));
	pthread_barrier_init(&barrier, NULL, 2);
	must(pthread_create(&thread, NULL, other_thread, &masked) == 0, "pthread_create");
	(void)pthread_barrier_wait(&barrier);
	describe_self(after, sizeof(after));
	(void)pthread_barrier_wait(&barrier);
	must(pthread_join(thread, &ok) == 0, "pthread_join");
	check(ok != NULL, "another thread takes rights over");
	check(strcmp(before, after) == 0, "and this one has its own meanwhile");
}

/* A user's own supervisor, in more groups than are kept beside: the same rights are no change. */
static int users_daemon(const struct rights *root)
{
	struct rights same;
	int dir = open("/proc/thread-self", O_PATH | O_CLOEXEC);

	be_user_in_many();
	if (rights_thread_init() < 0 || rights_read(dir, &same, NULL) < 0)
		return 1;
	if (same.n_groups != 100 || rights_assume(&same) != 0 || rights_restore() != 0)
		return 2;
	if (rights_assume(root) != -EPERM || rights_restore() != 0)
		return 3;
	rights_done(&same);
	rights_thread_done();
	return 0;
}

/* A daemon that was given less: what it cannot take over it must not do. */
static int weak_daemon(const struct rights *user, const struct rights *root)
{
	uint64_t all = UINT64_MAX;

	set_effective(all, ~(1ull << CAP_SETUID | 1ull << CAP_DAC_OVERRIDE));
	if (rights_thread_init() < 0)
		return 1;
	if (rights_assume(user) != -EPERM || rights_restore() != 0)
		return 2;
	if (geteuid() != 0 || setfsuid((uid_t)-1) != 0 || getgroups(0, NULL) != 0)
		return 3;
	if (rights_assume(root) != 0)
		return 4;
	if (open("closed/new", O_WRONLY | O_CREAT, 0600) >= 0)
		return 5;
	return 0;
}

static void test_weak_daemons(const struct rights *user, const struct rights *root)
{
	int status;
	pid_t pid;

	must(mkdir("closed", 0500) == 0 && chown("closed", OTHER, OTHER) == 0, "closed");
	pid = fork();
	if (pid == 0)
		_exit(weak_daemon(user, root));
	must(waitpid(pid, &status, 0) == pid && rmdir("closed") == 0, "closed");
	check(status == 0, "a daemon without CAP_SETUID takes no other user's rights over");
	pid = fork();
	if (pid == 0)
		_exit(users_daemon(root));
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	check(status == 0, "a user's daemon takes over what it has");
}

int main(void)
{
	_cleanup_(rights_done) struct rights user = {0}, root = {0};
	struct notif_features f;

	alarm(120);
	if (geteuid() != 0 || notif_probe(&f) < 0 || !f.wait_killable ||
	    prctl(PR_CAPBSET_READ, CAP_SETUID) != 1 || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 1) {
		printf("1..0 # SKIP wants root with its capabilities, and user notification\n");
		return 77;
	}
	run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	attack = mmap(NULL, sizeof(*attack), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (run == MAP_FAILED || attack == MAP_FAILED)
		return 99;
	umask(022);
	must(setgroups(0, NULL) == 0 && mkdtemp(top) && chmod(top, 0755) == 0 && chdir(top) == 0,
	     top);
	must(rights_thread_init() == 0, "rights_thread_init");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		compare(&kinds[i]);
	check_differences();
	read_rights_of(be_user_in_group, &user);
	read_rights_of(be_root, &root);
	test_attack(&user);
	test_peer(&user);
	test_steps(&user, &root);
	test_all_groups();
	test_user_ns();
	test_threads(&user);
	test_weak_daemons(&user, &root);
	rights_thread_done();
	must(chdir("/") == 0 && rmdir(top) == 0, top);
	return tap_done();
}
