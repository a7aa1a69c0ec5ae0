/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * target.c - what the daemon reads of a calling thread: memory at its edges, directories,
 * descriptors, limits, and what it is told of a thread that is gone.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "daemon/target.h"
#include "tests/live/caller.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static char dir[] = "/tmp/seccompd-target.XXXXXX";
static struct caller c;
static struct target t;

static void start(void (*run)(void *))
{
	caller_start(&c, run, NULL);
	if (!caller_next(&c) || target_open(&t, c.listener, c.n.req->id, (pid_t)c.n.req->pid) < 0) {
		printf("Bail out! the caller does not call\n");
		exit(99);
	}
}

/* Lets the caller go on to its next call, which is the target then. */
static void next(void)
{
	target_done(&t);
	caller_answer(&c, 0);
	if (!caller_next(&c) || target_open(&t, c.listener, c.n.req->id, (pid_t)c.n.req->pid) < 0) {
		printf("Bail out! the caller does not call again\n");
		exit(99);
	}
}

static void end(void)
{
	target_done(&t);
	caller_end(&c);
}

static uint64_t arg(int i)
{
	return c.n.req->data.args[i];
}

static size_t page(void)
{
	return (size_t)getpagesize();
}

/* N pages, those from the UNMAPPED one on without memory. */
static char *pages(size_t n, size_t unmapped)
{
	char *p =
		mmap(NULL, n * page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 'a', n * page());
	if (unmapped < n)
		(void)munmap(p + unmapped * page(), (n - unmapped) * page());
	return p;
}

/* ---- memory ------------------------------------------------------------------------- */

static void run_strings(void *data)
{
	char *p = pages(2, 1), *q = pages(4, 4), *r = pages(3, 3);

	(void)data;
	memcpy(p + page() - 5, "/etc", 5);
	call((uintptr_t)p + page() - 5, (uintptr_t)p + page() - 4, 0);
	p[page() - 1] = 'a'; /* no NUL before the end */
	call((uintptr_t)p + page() - 5, (uintptr_t)p + page(), 0);
	q[100 + PATH_MAX - 1] = '\0'; /* the longest that there is, and one too long */
	call((uintptr_t)q + 100, (uintptr_t)q + 99, 0);
	(void)mprotect(r + page(), page(), PROT_NONE);
	call((uintptr_t)r + page() - 3, (uintptr_t)r + page(), 0);
	/* Without memory behind it, as a guard is. */
	r = mmap(NULL, page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	call((uintptr_t)r, (uintptr_t) "", 0);
	call(0, UINT64_MAX - 2, 0x7ffffffff000);
}

static void test_strings(void)
{
	char buf[PATH_MAX];

	start(run_strings);
	check(target_read_string(&t, arg(0), buf, sizeof(buf)) == 4 && strcmp(buf, "/etc") == 0,
	      "a string that ends with its page is read");
	check(target_read_string(&t, arg(1), buf, 3) == -ENAMETOOLONG,
	      "not into too small a buffer");
	check(target_valid(&t), "and the notification is still valid");
	next();
	check(target_read_string(&t, arg(0), buf, sizeof(buf)) == -EFAULT,
	      "an unmapped page before the NUL is EFAULT");
	check(target_read_string(&t, arg(0), buf, 5) == -ENAMETOOLONG,
	      "that page is not touched where the buffer ends before it");
	check(target_read_string(&t, arg(1), buf, sizeof(buf)) == -EFAULT, "unmapped is EFAULT");
	next();
	check(target_read_string(&t, arg(0), buf, sizeof(buf)) == PATH_MAX - 1,
	      "a path of PATH_MAX with its NUL is read");
	check(target_read_string(&t, arg(1), buf, sizeof(buf)) == -ENAMETOOLONG,
	      "one more byte is ENAMETOOLONG");
	next();
	check(target_read(&t, arg(0), buf, 4) == 0 && memcmp(buf, "aaaa", 4) == 0,
	      "what was written before all access was taken away is still read");
	next();
	check(target_read_string(&t, arg(0), buf, sizeof(buf)) == -EFAULT,
	      "a page without any access is EFAULT");
	check(target_read_string(&t, arg(1), buf, sizeof(buf)) == 0, "an empty string is read");
	next();
	check(target_read_string(&t, arg(0), buf, sizeof(buf)) == -EFAULT, "NULL is EFAULT");
	check(target_read(&t, arg(1), buf, 8) == -EFAULT, "so is the kernel's half");
	check(target_read(&t, arg(2), buf, 8) == -EFAULT, "and the end of ours");
	check(target_read(&t, arg(2), buf, 0) == 0, "nothing can be read anywhere");
	end();
}

static void run_structs(void *data)
{
	char *p = pages(2, 1);

	(void)data;
	memset(p, 0, page());
	p[page() - 64] = 1;
	p[page() - 56] = 2;
	call((uintptr_t)p + page() - 64, (uintptr_t)p + page() - 16, (uintptr_t)p);
}

static void test_structs(void)
{
	uint64_t s[3], zero[3] = {0};

	start(run_structs);
	check(target_read_struct(&t, arg(0), 24, 24, s, sizeof(s)) == 0 && s[0] == 1 && s[1] == 2,
	      "a structure of our size");
	memset(s, 0xff, sizeof(s));
	check(target_read_struct(&t, arg(0), 8, 8, s, sizeof(s)) == 0 && s[0] == 1 && s[1] == 0 &&
		      s[2] == 0,
	      "a shorter one is filled with zeros");
	check(target_read_struct(&t, arg(0), 64, 8, s, sizeof(s)) == 0, "a longer one with zeros");
	check(target_read_struct(&t, arg(0), 64, 8, s, 8) == -E2BIG, "and with more: E2BIG");
	check(target_read_struct(&t, arg(0), 65, 8, s, sizeof(s)) == -EFAULT,
	      "a tail that is not mapped is EFAULT");
	check(target_read_struct(&t, arg(0), 65, 8, s, 8) == -E2BIG,
	      "but E2BIG where a byte comes before it");
	check(target_read_struct(&t, arg(0), 23, 24, s, sizeof(s)) == -EINVAL, "too short: EINVAL");
	check(target_read_struct(&t, arg(2), page() + 1, 24, s, sizeof(s)) == -E2BIG,
	      "more than a page: E2BIG");
	check(target_read_struct(&t, arg(1), 24, 24, s, sizeof(s)) == -EFAULT,
	      "half unmapped: EFAULT");
	check(target_read_struct(&t, arg(2), 24, 24, s, sizeof(s)) == 0 &&
		      memcmp(s, zero, sizeof(s)) == 0,
	      "zeros are zeros");
	end();
}

/* A page that waits for its owner. */
static void run_userfault(void *data)
{
	char *p = mmap(NULL, page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register reg = {.range = {(uintptr_t)p, page()},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffdio_api api = {.api = UFFD_API};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	(void)data;
	call((uintptr_t)p,
	     fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0 && ioctl(fd, UFFDIO_REGISTER, &reg) == 0,
	     0);
}

static bool vm_readv_waits(pid_t pid, uint64_t addr)
{
	char b;
	struct iovec local = {&b, 1}, remote = {(void *)(uintptr_t)addr, 1};
	pid_t child = fork(), done;

	if (child == 0)
		_exit(process_vm_readv(pid, &local, 1, &remote, 1, 0) == 1);
	usleep(200000);
	done = waitpid(child, NULL, WNOHANG);
	if (done == 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return done == 0;
}

static void test_userfault(void)
{
	char b;

	start(run_userfault);
	if (arg(1)) {
		check(target_read(&t, arg(0), &b, 1) == -EFAULT,
		      "a page that a userfaultfd keeps back does not keep us");
		check(vm_readv_waits(t.tid, arg(0)), "process_vm_readv(2) would wait for it");
	} else {
		printf("# no userfaultfd(2) here\n");
	}
	end();
}

/* ---- directories ---------------------------------------------------------------------- */

static void run_dirs(void *data)
{
	char gone[PATH_MAX];

	(void)data;
	(void)snprintf(gone, sizeof(gone), "%s/gone", dir);
	(void)!chdir(gone);
	call(0, 0, 0);
	(void)rmdir(gone);
	call(0, 0, 0);
	(void)!chroot(dir);
	(void)!chdir("/");
	call(0, 0, 0);
}

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return fd >= 0 && fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static void test_dirs(void)
{
	char gone[PATH_MAX];
	bool deleted;
	int fd, root;

	(void)snprintf(gone, sizeof(gone), "%s/gone", dir);
	if (mkdir(gone, 0755) < 0)
		exit(99);
	start(run_dirs);
	fd = target_cwd(&t, &deleted);
	root = target_root(&t);
	check(same_file(fd, gone) && !deleted, "the working directory is opened");
	check(same_file(root, "/"), "and the root");
	check(fcntl(fd, F_GETFL) & O_PATH && fcntl(fd, F_GETFD) & FD_CLOEXEC, "by O_PATH");
	close(fd);
	close(root);
	next();
	fd = target_cwd(&t, &deleted);
	check(fd >= 0 && deleted, "a removed one is opened too, and told");
	check(openat(fd, "x", O_WRONLY | O_CREAT, 0600) < 0 && errno == ENOENT,
	      "names in it are ENOENT");
	root = openat(fd, ".", O_PATH | O_CLOEXEC);
	check(root >= 0, "itself is not");
	close(root);
	root = openat(fd, "..", O_PATH | O_CLOEXEC);
	check(same_file(root, dir), "nor its parent");
	close(root);
	close(fd);
	next();
	fd = target_cwd(&t, NULL);
	root = target_root(&t);
	check(same_file(root, dir) && same_file(fd, dir), "a new root is seen");
	close(fd);
	close(root);
	end();
}

/* ---- descriptors and limits --------------------------------------------------------------- */

static void run_fds(void *data)
{
	int d = open(dir, O_RDONLY | O_DIRECTORY), p[2], path = open("/etc/passwd", O_PATH);

	(void)data;
	if (pipe(p) < 0)
		_exit(99);
	call((uint64_t)d, (uint64_t)p[0], (uint64_t)path);
	close(d);
	call((uint64_t)d, 0, 0);
}

static bool is_name(int fd, const char *start)
{
	char path[64], name[PATH_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name));
	return n > 0 && strncmp(name, start, strlen(start)) == 0;
}

static void test_fds(void)
{
	int fd;

	start(run_fds);
	fd = target_path_fd(&t, (int)arg(0));
	check(same_file(fd, dir) && fcntl(fd, F_GETFL) & O_PATH, "a dirfd by O_PATH");
	close(fd);
	fd = target_fd(&t, (int)arg(0));
	check(same_file(fd, dir) && !(fcntl(fd, F_GETFL) & O_PATH), "the very descriptor");
	check(fcntl(fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
	close(fd);
	fd = target_fd(&t, (int)arg(1));
	check(is_name(fd, "pipe:"), "a pipe's");
	close(fd);
	fd = target_path_fd(&t, (int)arg(1));
	check(is_name(fd, "pipe:"), "a pipe's by O_PATH");
	close(fd);
	fd = target_fd(&t, (int)arg(2));
	check(same_file(fd, "/etc/passwd") && fcntl(fd, F_GETFL) & O_PATH, "of one of O_PATH");
	close(fd);
	check(target_fd(&t, 1000) == -EBADF && target_fd(&t, -1) == -EBADF,
	      "what is not open is EBADF");
	check(target_path_fd(&t, 1000) == -EBADF && target_path_fd(&t, -1) == -EBADF,
	      "by O_PATH as well");
	next();
	check(target_fd(&t, (int)arg(0)) == -EBADF && target_path_fd(&t, (int)arg(0)) == -EBADF,
	      "nor what was closed");
	end();
}

/* A thread with descriptors of its own; the leader's table has another file at that number. */
static void *own_table(void *data)
{
	int fd = *(int *)data;

	call((uint64_t)fd, 0, 0);
	if (unshare(CLONE_FILES) < 0 || dup2(open("/etc", O_RDONLY | O_DIRECTORY), fd) < 0)
		_exit(99);
	call((uint64_t)fd, 0, 0);
	return NULL;
}

static void run_thread(void *data)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	pthread_t thread;

	(void)data;
	pthread_create(&thread, NULL, own_table, &fd);
	pthread_join(thread, NULL);
}

/* As a kernel before 6.9: pidfd_open(2) knows no PIDFD_THREAD. */
static void forbid_thread_pidfds(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PIDFD_THREAD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY_SIZE(insns), insns};

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		exit(99);
}

static void test_thread(bool old)
{
	pid_t tgid;
	int fd;

	start(run_thread);
	check(t.tid != c.pid && target_tgid(&t, &tgid) == 0 && tgid == c.pid,
	      "a thread's group is known");
	fd = target_fd(&t, (int)arg(0));
	check(same_file(fd, dir),
	      old ? "before 6.9: by the leader's, shared" : "a thread's, shared");
	close(fd);
	next();
	fd = target_fd(&t, (int)arg(0));
	check(old ? fd == -EOPNOTSUPP : same_file(fd, "/etc"),
	      old ? "before 6.9: not from a table of its own" : "from a table of its own");
	if (fd >= 0)
		close(fd);
	fd = target_path_fd(&t, (int)arg(0));
	check(same_file(fd, "/etc"), "by O_PATH from a table of its own");
	close(fd);
	end();
}

static void *without_leader(void *data)
{
	(void)data;
	usleep(50000);
	call((uintptr_t)dir, 0, 0);
	_exit(0);
}

static void run_leaderless(void *data)
{
	pthread_t thread;

	(void)data;
	pthread_create(&thread, NULL, without_leader, NULL);
	syscall(SYS_exit, 0);
}

static void test_leaderless(void)
{
	char buf[PATH_MAX];
	pid_t tgid;
	int fd;

	start(run_leaderless);
	check(target_read_string(&t, arg(0), buf, sizeof(buf)) > 0 && target_tgid(&t, &tgid) == 0 &&
		      tgid == c.pid,
	      "a thread whose leader has gone is read");
	fd = target_cwd(&t, NULL);
	check(same_file(fd, "."), "with its directory");
	close(fd);
	fd = target_fd(&t, 1);
	check(fd >= 0, "and descriptors");
	close(fd);
	end();
}

static void run_limits(void *data)
{
	struct rlimit files = {7, 7}, size = {123456789, RLIM_INFINITY};

	(void)data;
	call(0, 0, 0);
	for (int fd = 3; fd < 7; fd++)
		(void)dup2(0, fd);
	(void)setrlimit(RLIMIT_FSIZE, &size);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	call(0, 0, 0);
}

static void test_limits(void)
{
	struct seccomp_notif_addfd add = {.srcfd = 0};
	uint64_t limit;

	start(run_limits);
	check(target_limit(&t, RLIMIT_FSIZE, &limit) == 0 && limit == UINT64_MAX, "no limit");
	check(target_limit(&t, RLIMIT_CPU, &limit) == -EINVAL, "no other limit");
	next();
	check(target_limit(&t, RLIMIT_FSIZE, &limit) == 0 && limit == 123456789, "of file sizes");
	check(target_limit(&t, RLIMIT_NOFILE, &limit) == 0 && limit == 7, "of descriptors");
	add.id = c.n.req->id;
	check(ioctl(c.listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 && errno == EMFILE,
	      "which the kernel heeds when it puts one into the target");
	end();
}

/* ---- gone ----------------------------------------------------------------------------------- */

static void run_call(void *data)
{
	(void)data;
	call((uintptr_t)dir, 0, 0);
}

static void test_gone(void)
{
	char buf[PATH_MAX];
	struct target other;
	struct rights r;
	uint64_t limit;
	pid_t tgid;

	start(run_call);
	check(target_read_string(&t, arg(0), buf, sizeof(buf)) > 0, "read before its end");
	kill(c.pid, SIGKILL);
	waitpid(c.pid, NULL, 0);
	check(!target_valid(&t), "killed: not valid any more");
	check(target_read(&t, arg(0), buf, 1) == -ESRCH, "no memory");
	check(target_rights(&t, &r) == -ESRCH && target_tgid(&t, &tgid) == -ESRCH, "no rights");
	check(target_limit(&t, RLIMIT_NOFILE, &limit) == -ESRCH, "no limits");
	check(target_root(&t) == -ESRCH && target_cwd(&t, NULL) == -ESRCH, "no directories");
	check(target_path_fd(&t, 0) == -ESRCH && target_fd(&t, 0) == -ESRCH, "no descriptors");
	check(target_open(&other, c.listener, c.n.req->id, c.pid) == -ESRCH, "not opened again");
	check(target_open(&other, c.listener, c.n.req->id, getpid()) == -ESRCH,
	      "nor is who has its number now");
	check(target_open(&other, c.listener, c.n.req->id, 0) == -ESRCH, "nor number 0");
	end();
}

int main(void)
{
	struct notif_features f;
	int fd;

	alarm(120);
	if (geteuid() != 0 || notif_probe(&f) < 0 || !f.wait_killable || !f.addfd) {
		printf("1..0 # SKIP wants root and user notification\n");
		return 77;
	}
	if (!mkdtemp(dir))
		return 99;
	test_strings();
	test_structs();
	test_userfault();
	test_dirs();
	test_fds();
	fd = (int)syscall(SYS_pidfd_open, getpid(), PIDFD_THREAD);
	if (fd >= 0) {
		test_thread(false);
		test_leaderless();
	}
	close_fd(fd);
	test_limits();
	test_gone();
	forbid_thread_pidfds();
	test_thread(true);
	(void)rmdir(dir);
	return tap_done();
}
