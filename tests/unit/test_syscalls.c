/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_syscalls.c - the tables against libseccomp, systemd and the C headers,
 * and rows of what a look-up must give.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/audit.h>
#include <seccomp.h>

#include <cmocka.h>

#include "daemon/syscalls.h"
#include "daemon/syscalls_tables.h"
#include "proto/base.h"

#define X86_64 ARCH_X86_64
#define X32    ARCH_X32
#define X86    ARCH_X86
#define ARM64  ARCH_ARM64

static const uint32_t scmp_archs[ARCH_MAX] = {
	[ARCH_X86_64] = SCMP_ARCH_X86_64,
	[ARCH_X32] = SCMP_ARCH_X32,
	[ARCH_X86] = SCMP_ARCH_X86,
	[ARCH_ARM64] = SCMP_ARCH_AARCH64,
};

/* Rows of one name stand together, and each architecture has exactly one of them. */
static void test_table_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < syscalls_call_table_n;) {
		const char *name = syscalls_call_table[i].name;
		unsigned covered = 0;
		bool all = false;

		for (; i < syscalls_call_table_n && !strcmp(syscalls_call_table[i].name, name);
		     i++) {
			unsigned archs = syscalls_call_table[i].archs;

			assert_false(all);
			assert_int_equal(covered & archs, 0);
			covered |= archs;
			all = archs == 0;
		}
		if (i < syscalls_call_table_n && strcmp(name, syscalls_call_table[i].name) >= 0)
			fail_msg("%s stands before %s", name, syscalls_call_table[i].name);
	}
}

static void test_table_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < syscalls_call_table_n; i++) {
		const struct call_def *row = &syscalls_call_table[i];

		for (size_t k = 0; k < SYSCALL_ARGS; k++) {
			const char *arg = row->args[k].name;

			/* An argN that is not register N would shadow the positional name. */
			if (arg && strncmp(arg, "arg", 3) == 0 && arg[3] >= '0' && arg[3] <= '9')
				assert_int_equal(atoi(arg + 3), k);
			for (size_t l = 0; arg && l < k; l++)
				if (row->args[l].name && strcmp(row->args[l].name, arg) == 0)
					fail_msg("%s has two arguments %s", row->name, arg);
		}
	}
}

static void test_numbers_agree_with_libseccomp(void **state)
{
	size_t compared = 0;

	(void)state;
	for (size_t i = 0; i < syscalls_call_table_n; i++) {
		const struct call_def *row = &syscalls_call_table[i];

		for (int a = 0; a < ARCH_MAX; a++) {
			int nr = seccomp_syscall_resolve_name_arch(scmp_archs[a], row->name);
			int ours = syscall_nr(a, row->name);

			if (nr >= 0) {
				if (row->archs == 0 || (row->archs & ARCH_BIT(a)))
					assert_int_equal(ours, nr);
				compared++;
			} else if (row->nr_x86 && a == ARCH_X86) {
				assert_int_equal(ours, row->nr_x86);
			} else if (!row->nr_new) {
				if (ours >= 0)
					fail_msg("%s on %s is %d, libseccomp has none", row->name,
						 arch_names[a], ours);
			}
		}
	}
	assert_true(compared > 1000);
}

static void test_names_agree_with_libseccomp(void **state)
{
	(void)state;
	for (int a = 0; a < ARCH_MAX; a++) {
		int bit = a == ARCH_X32 ? SYSCALL_X32_BIT : 0;

		for (int nr = 0; nr < 1024; nr++) {
			char *name = seccomp_syscall_resolve_num_arch(scmp_archs[a], nr | bit);
			const char *ours = syscall_name(arch_audit(a), nr | bit);

			if (name && !ours)
				fail_msg("%s %d is %s", arch_names[a], nr, name);
			if (name)
				assert_string_equal(ours, name);
			if (ours)
				assert_int_equal(syscall_nr(a, ours), nr | bit);
			free(name);
		}
	}
}

static void test_numbers(void **state)
{
	static const struct {
		enum arch arch;
		const char *name;
		int nr;
	} rows[] = {
		{X86_64, "read", 0},
		{X86_64, "write", 1},
		{X32, "write", 1 | SYSCALL_X32_BIT},
		{X86, "write", 4},
		{ARM64, "write", 64},
		{X32, "execve", 520 | SYSCALL_X32_BIT},
		{X86_64, "umount2", 166},
		{X86_64, "umount", -1},
		{X86, "umount", 22},
		{X86_64, "sendfile", 40},
		{X86_64, "sendfile64", -1},
		{X86, "sendfile64", 239},
		{X86, "select", 82},
		{X86, "_newselect", 142},
		{ARM64, "stat", -1},
		{ARM64, "open", -1},
		{X86, "socket", 359},
		{X86, "connect", 362},
		{X86, "sendto", 369},
		{X86, "recvmmsg", 337},
		{X86, "shmctl", 396},
		{X86, "socketcall", 102},
		{X86, "accept", -1},
		{X86, "accept4", 364},
		{X86, "semop", -1},
		{X86_64, "futex_waitv", 449},
		{X86_64, "cachestat", 451},
		{X32, "cachestat", 451 | SYSCALL_X32_BIT},
		{X86, "fchmodat2", 452},
		{ARM64, "mseal", 462},
		{ARM64, "setxattrat", 463},
		{X86_64, "file_setattr", 469},
		{X86_64, "uretprobe", 335},
		{X86, "uretprobe", -1},
		{X86_64, "nonsense", -1},
		{X86_64, "", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int nr = syscall_nr(rows[i].arch, rows[i].name);

		if (nr != rows[i].nr)
			fail_msg("%s on %s is %d", rows[i].name, arch_names[rows[i].arch], nr);
	}
	assert_true(syscall_known("stat"));
	assert_true(syscall_known("socketcall"));
	assert_false(syscall_known("send"));
	assert_false(syscall_known("riscv_hwprobe"));
	assert_false(syscall_known("Write"));
}

static void test_name_of_odd_numbers(void **state)
{
	(void)state;
	assert_null(syscall_name(AUDIT_ARCH_X86_64, -1));
	assert_null(syscall_name(AUDIT_ARCH_X86_64, INT32_MIN));
	assert_null(syscall_name(AUDIT_ARCH_X86_64, INT32_MAX));
	assert_null(syscall_name(AUDIT_ARCH_X86_64, 1024));
	assert_null(syscall_name(AUDIT_ARCH_X86_64, 1000 | SYSCALL_X32_BIT));
	/* The bit means nothing on other architectures. */
	assert_null(syscall_name(AUDIT_ARCH_I386, 4 | SYSCALL_X32_BIT));
	assert_null(syscall_name(AUDIT_ARCH_ARM, 4));
	assert_string_equal(syscall_name(AUDIT_ARCH_X86_64, 1 | SYSCALL_X32_BIT), "write");
}

static void test_architectures(void **state)
{
	(void)state;
	for (int a = 0; a < ARCH_MAX; a++) {
		int nr = a == ARCH_X32 ? SYSCALL_X32_BIT : 0;

		assert_int_equal(arch_from_name(arch_names[a]), a);
		assert_int_equal(arch_from_audit(arch_audit(a), nr), a);
	}
	assert_int_equal(arch_audit(ARCH_X32), AUDIT_ARCH_X86_64);
	assert_int_equal(arch_audit(ARCH_X86), AUDIT_ARCH_I386);
	assert_int_equal(arch_from_name("native"), arch_native());
	assert_int_equal(arch_from_name("x86_64"), -1);
	assert_int_equal(arch_from_name(""), -1);
	assert_int_equal(arch_from_audit(AUDIT_ARCH_ARM, 0), -1);
	assert_int_equal(arch_from_audit(AUDIT_ARCH_X86_64, -1), ARCH_X86_64);
	assert_int_equal(arch_from_audit(AUDIT_ARCH_X86_64, -2), ARCH_X32);
	assert_int_equal(arch_from_audit(AUDIT_ARCH_I386, SYSCALL_X32_BIT), ARCH_X86);
}

static const struct arg_row {
	enum arch arch;
	const char *name, *arg;
	int ret;
	unsigned index, width;
} arg_rows[] = {
	{X86_64, "write", "fd", 0, 0, 32},
	{X86_64, "write", "buf", 0, 1, 64},
	{X86_64, "write", "count", 0, 2, 64},
	{X32, "write", "count", 0, 2, 64},
	{X86, "write", "count", 0, 2, 32},
	{ARM64, "write", "count", 0, 2, 64},
	{X86_64, "write", "fildes", -ENOENT, 0, 0},
	{X86_64, "nonsense", "fd", -ENOENT, 0, 0},
	{X86_64, "nonsense", "arg0", -ENOENT, 0, 0},
	{X86_64, "openat", "dirfd", 0, 0, 32},
	{X86_64, "openat", "flags", 0, 2, 32},
	{X86_64, "openat", "mode", 0, 3, 16},
	{X86, "openat", "mode", 0, 3, 16},
	{X86_64, "ioctl", "request", 0, 1, 32},
	{X86_64, "ioctl", "argp", 0, 2, 64},
	{X32, "ioctl", "argp", 0, 2, 32},
	{X86_64, "mmap", "prot", 0, 2, 64},
	{X86_64, "mprotect", "prot", 0, 2, 64},
	{X86_64, "fcntl", "cmd", 0, 1, 32},
	{X86_64, "prctl", "option", 0, 0, 32},
	{X86_64, "socket", "domain", 0, 0, 32},
	{X86_64, "kill", "sig", 0, 1, 32},
	{X86_64, "lseek", "offset", 0, 1, 64},
	{X86_64, "lseek", "whence", 0, 2, 32},
	{X86_64, "unshare", "flags", 0, 0, 64},
	{X86_64, "getrandom", "flags", 0, 2, 32},

	/* Cut to 32 bits by the kernel before any use, whatever the signature says. */
	{X86_64, "writev", "fd", 0, 0, 32},
	{X86_64, "readv", "iovcnt", 0, 2, 32},
	{X86_64, "pwritev2", "fd", 0, 0, 32},
	{X86_64, "mmap", "fd", 0, 4, 32},
	{X86_64, "ptrace", "pid", 0, 1, 32},
	{X86_64, "ptrace", "request", 0, 0, 64},
	{X86_64, "vmsplice", "nr_segs", 0, 2, 32},
	{X86_64, "process_vm_readv", "liovcnt", 0, 2, 32},
	{X86_64, "process_vm_readv", "riovcnt", 0, 4, 64},
	{X86_64, "clone", "flags", 0, 0, 32},

	/* The order of clone's arguments. */
	{X86_64, "clone", "child_tid", 0, 3, 64},
	{X86_64, "clone", "tls", 0, 4, 64},
	{X32, "clone", "tls", 0, 4, 64},
	{X86, "clone", "tls", 0, 3, 32},
	{ARM64, "clone", "tls", 0, 3, 64},
	{ARM64, "clone", "child_tid", 0, 4, 64},

	/* 16-bit ids. */
	{X86_64, "chown", "owner", 0, 1, 32},
	{X86, "chown", "owner", 0, 1, 16},
	{X86, "chown32", "owner", 0, 1, 32},
	{X86, "setuid", "uid", 0, 0, 16},
	{X86, "setresuid32", "suid", 0, 2, 32},
	{X86, "fchownat", "owner", 0, 2, 32},

	/* 64-bit values take two registers of i386. */
	{X86_64, "pread64", "offset", 0, 3, 64},
	{X86, "pread64", "offset", -EOPNOTSUPP, 0, 0},
	{X86, "pwrite64", "offset", -EOPNOTSUPP, 0, 0},
	{X86, "truncate64", "length", -EOPNOTSUPP, 0, 0},
	{X86, "truncate", "length", 0, 1, 32},
	{X86, "ftruncate64", "length", -EOPNOTSUPP, 0, 0},
	{X86, "fallocate", "len", -EOPNOTSUPP, 0, 0},
	{X86, "fallocate", "mode", 0, 1, 32},
	{X86_64, "fallocate", "len", 0, 3, 64},
	{X86, "readahead", "count", 0, 3, 32},
	{X86_64, "readahead", "count", 0, 2, 64},
	{X86, "fadvise64", "advice", 0, 4, 32},
	{X86, "fadvise64_64", "advice", 0, 5, 32},
	{X86_64, "fadvise64", "advice", 0, 3, 32},
	{X86, "sync_file_range", "flags", 0, 5, 32},
	{X86_64, "sync_file_range", "flags", 0, 3, 32},
	{X86, "fanotify_mark", "mask", -EOPNOTSUPP, 0, 0},
	{X86, "fanotify_mark", "dirfd", 0, 4, 32},
	{ARM64, "fanotify_mark", "dirfd", 0, 3, 32},
	{X86, "_llseek", "offset_low", 0, 2, 32},
	{X86, "_llseek", "whence", 0, 4, 32},
	{X86, "lookup_dcookie", "len", 0, 3, 32},
	{X86, "mmap2", "prot", 0, 2, 32},
	{X86, "pread64", "arg3", 0, 3, 32},
	{X86_64, "preadv2", "offset", 0, 3, 64},
	{X86_64, "preadv2", "flags", 0, 5, 32},
	{ARM64, "preadv2", "flags", 0, 5, 32},
	{X32, "preadv2", "flags", 0, 4, 32},
	{X86, "preadv2", "flags", 0, 5, 32},
	{X86, "preadv2", "offset", -EOPNOTSUPP, 0, 0},
	{X86, "sigsuspend", "mask", 0, 2, 32},

	/* The old calls of i386 whose arguments lie in memory; the multiplexers. */
	{X86, "mmap", "prot", -EOPNOTSUPP, 0, 0},
	{X86, "mmap", "arg0", 0, 0, 32},
	{X86, "select", "nfds", -EOPNOTSUPP, 0, 0},
	{X86, "_newselect", "nfds", 0, 0, 32},
	{X86, "socketcall", "call", 0, 0, 32},
	{X86, "ipc", "call", 0, 0, 32},
	{X86, "socket", "domain", 0, 0, 32},

	/* By position. */
	{X86_64, "write", "arg0", 0, 0, 32},
	{X86_64, "write", "arg2", 0, 2, 64},
	{X86_64, "write", "arg5", 0, 5, 64},
	{X86, "write", "arg5", 0, 5, 32},
	{X86_64, "openat", "arg3", 0, 3, 16},
	{X86_64, "write", "arg6", -ENOENT, 0, 0},
	{X86_64, "write", "arg", -ENOENT, 0, 0},
	{X86_64, "write", "arg00", -ENOENT, 0, 0},
	{X86_64, "prctl", "arg1", 0, 1, 64},
	{X86_64, "prctl", "arg2", 0, 2, 64},
	{X86_64, "vserver", "arg1", 0, 1, 64},
};

static void test_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(arg_rows); i++) {
		const struct arg_row *r = &arg_rows[i];
		unsigned index = 77, width = 77;
		int ret = syscall_arg(r->arch, r->name, r->arg, &index, &width);
		unsigned want_index = r->ret ? 77 : r->index, want_width = r->ret ? 77 : r->width;

		if (ret != r->ret || index != want_index || width != want_width)
			fail_msg("%s: %s.%s gives %d, index %u, width %u", arch_names[r->arch],
				 r->name, r->arg, ret, index, width);
	}
}

/* What holds for every argument of every call on every architecture. */
static void test_arguments_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < syscalls_call_table_n; i++) {
		const struct call_def *row = &syscalls_call_table[i];

		for (unsigned n = 0; n < ARCH_MAX * SYSCALL_ARGS; n++) {
			const char *arg = row->args[n % SYSCALL_ARGS].name;
			enum arch a = n / SYSCALL_ARGS;
			unsigned index, width;
			int ret;

			if (!arg || (row->archs && !(row->archs & ARCH_BIT(a))))
				continue;
			ret = syscall_arg(a, row->name, arg, &index, &width);
			if (ret == -EOPNOTSUPP && a == ARCH_X86)
				continue;
			assert_int_equal(ret, 0);
			if (index >= SYSCALL_ARGS)
				fail_msg("%s.%s is in register %u", row->name, arg, index);
			assert_true(width == 16 || width == 32 || (width == 64 && a != ARCH_X86));
		}
	}
}

static void test_argument_names(void **state)
{
	(void)state;
	assert_string_equal(syscall_arg_name("write", 0), "fd");
	assert_string_equal(syscall_arg_name("write", 2), "count");
	assert_null(syscall_arg_name("write", 3));
	assert_null(syscall_arg_name("write", 6));
	assert_null(syscall_arg_name("getpid", 0));
	assert_null(syscall_arg_name("nonsense", 0));
	assert_string_equal(syscall_arg_name("truncate64", 1), "length");
	assert_string_equal(syscall_arg_name("mmap", 2), "prot");
#if defined(__x86_64__)
	assert_string_equal(syscall_arg_name("clone", 3), "child_tid");
	assert_null(syscall_arg_name("preadv2", 4));
	assert_string_equal(syscall_arg_name("preadv2", 5), "flags");
#endif
}

struct walk {
	const char *last;
	size_t n;
};

static void walk_cb(const char *name, void *data)
{
	struct walk *w = data;

	assert_true(syscall_known(name));
	if (w->last)
		assert_true(strcmp(w->last, name) < 0);
	w->last = name;
	w->n++;
}

static void test_foreach(void **state)
{
	struct walk w = {0};

	(void)state;
	syscall_foreach(walk_cb, &w);
	assert_true(w.n > 460);
}

static bool group_has(const char *group, const char *member)
{
	const char *const *members = syscall_group(group);

	for (size_t i = 0; members && members[i]; i++)
		if (strcmp(members[i], member) == 0)
			return true;
	return false;
}

static void test_groups(void **state)
{
	(void)state;
	assert_true(group_has("@module", "finit_module"));
	assert_true(group_has("@system-service", "@network-io"));
	assert_true(group_has("@known", "write"));
	assert_null(syscall_group("@nonsense"));
	assert_null(syscall_group("module"));
	for (size_t i = 0; i < syscalls_group_table_n; i++) {
		const char *const *members = syscalls_group_table[i].members;

		assert_ptr_equal(syscall_group(syscalls_group_table[i].name), members);
		assert_non_null(members[0]);
		for (; *members; members++)
			if (**members == '@')
				assert_non_null(syscall_group(*members));
	}
}

/* Ends the group that is being read: all of its members must have been there. */
static void group_end(const char *const *members, size_t n)
{
	if (members && members[n])
		fail_msg("systemd does not list %s there", members[n]);
}

static void test_groups_agree_with_systemd(void **state)
{
	FILE *f = popen("systemd-analyze --version 2>/dev/null", "r");
	const char *const *members = NULL;
	size_t n = 0, groups = 0;
	char line[256];
	bool same;

	(void)state;
	assert_non_null(f);
	same = fgets(line, sizeof(line), f) && strncmp(line, "systemd 252 ", 12) == 0;
	(void)pclose(f);
	if (!same)
		skip(); /* the groups are those of systemd 252 */
	f = popen("systemd-analyze --no-pager syscall-filter 2>/dev/null", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *word = line + strspn(line, " ");

		word[strcspn(word, "\n")] = '\0';
		if (*word == '\0' || *word == '#')
			continue;
		if (word == line) {
			group_end(members, n);
			members = syscall_group(word);
			n = 0;
			groups++;
			if (!members)
				fail_msg("no group %s", word);
			continue;
		}
		assert_non_null(members);
		assert_non_null(members[n]);
		assert_string_equal(members[n], word);
		n++;
	}
	(void)pclose(f);
	group_end(members, n);
	assert_int_equal(groups, syscalls_group_table_n);
}

#define SAME(c)                                                                    \
	do {                                                                       \
		int64_t value_;                                                    \
		assert_int_equal(syscall_constant(arch_native(), #c, &value_), 0); \
		assert_true(value_ == (int64_t)(c));                               \
	} while (0)

static void test_constants_agree_with_headers(void **state)
{
	(void)state;
	SAME(O_CREAT);
	SAME(O_DIRECTORY);
	SAME(O_TMPFILE);
	SAME(AT_FDCWD);
	SAME(AT_SYMLINK_NOFOLLOW);
	SAME(CLONE_NEWUSER);
	SAME(CLONE_IO);
	SAME(AF_INET6);
	SAME(PF_NETLINK);
	SAME(SOCK_NONBLOCK);
	SAME(SOCK_RAW);
	SAME(PROT_EXEC);
	SAME(MAP_ANONYMOUS);
	SAME(PR_SET_NAME);
	SAME(S_ISUID);
	SAME(TIOCSTI);
	SAME(TIOCGWINSZ);
	SAME(F_DUPFD_CLOEXEC);
	SAME(SO_PEERCRED);
}

/* The kernel's numbers, written out: not what some header may make of them. */
static void test_constants(void **state)
{
	static const struct {
		const char *name;
		int64_t value;
	} rows[] = {
		{"O_WRONLY", 1},
		{"AT_FDCWD", -100},
		{"CLONE_NEWNS", 0x20000},
		{"CLONE_IO", 0x80000000},
		{"AF_UNIX", 1},
		{"IPPROTO_TCP", 6},
		{"SOL_SOCKET", 1},
		{"S_ISVTX", 01000},
		{"SIGKILL", 9},
		{"F_SETLK", 6},
		{"SEEK_DATA", 3},
		{"PTRACE_ATTACH", 16},
		{"MS_BIND", 4096},
		{"MNT_DETACH", 2},
		{"EPOLL_CTL_MOD", 3},
		{"FUTEX_WAKE", 1},
		{"SECCOMP_SET_MODE_FILTER", 1},
		{"SECCOMP_FILTER_FLAG_NEW_LISTENER", 8},
		{"TIOCSTI", 0x5412},
		{"TIOCLINUX", 0x541C},
		{"RLIMIT_NOFILE", 7},
		{"MADV_DONTNEED", 4},
		{"KEYCTL_SEARCH", 10},
		{"BPF_PROG_LOAD", 5},
		{"RENAME_EXCHANGE", 2},
		{"GRND_RANDOM", 2},
		{"MFD_CLOEXEC", 1},
		{"LOCK_EX", 2},
		{"PR_SET_SECCOMP", 22},
	};
	int64_t value = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (syscall_constant(ARCH_X86, rows[i].name, &value) || value != rows[i].value)
			fail_msg("%s is %lld", rows[i].name, (long long)value);
	}
	value = 77;
	assert_int_equal(syscall_constant(ARCH_X86_64, "O_NONSENSE", &value), -ENOENT);
	assert_int_equal(syscall_constant(ARCH_X86_64, "", &value), -ENOENT);
	assert_int_equal(value, 77);
}

/* Those that differ: x86-64, x32, x86, arm64. */
static void test_constants_by_arch(void **state)
{
	static const struct {
		const char *name;
		int64_t value[ARCH_MAX]; /* 0: has none */
	} rows[] = {
		{"O_DIRECT", {0x4000, 0x4000, 0x4000, 0x10000}},
		{"O_DIRECTORY", {0x10000, 0x10000, 0x10000, 0x4000}},
		{"O_LARGEFILE", {0x8000, 0x8000, 0x8000, 0x20000}},
		{"O_NOFOLLOW", {0x20000, 0x20000, 0x20000, 0x8000}},
		{"O_TMPFILE", {0x410000, 0x410000, 0x410000, 0x404000}},
		{"FS_IOC_SETFLAGS", {0x40086602, 0x40046602, 0x40046602, 0x40086602}},
		{"MAP_32BIT", {0x40, 0x40, 0x40, 0}},
		{"ARCH_SET_FS", {0x1002, 0x1002, 0x1002, 0}},
		{"PTRACE_SYSEMU", {31, 31, 31, 31}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int a = 0; a < ARCH_MAX; a++) {
			int64_t value = 0;
			int r = syscall_constant((enum arch)a, rows[i].name, &value);

			if (value != rows[i].value[a] || r != (value ? 0 : -EOPNOTSUPP))
				fail_msg("%s on %s: %d, 0x%llx", rows[i].name, arch_names[a], r,
					 (long long)value);
		}
}

static void test_spare_args(void **state)
{
	static const struct {
		enum arch arch;
		const char *name;
		unsigned spare;
	} rows[] = {
		{ARCH_X86_64, "write", 3},   {ARCH_X86_64, "getppid", 6},
		{ARCH_X32, "write", 3},	     {ARCH_ARM64, "openat", 2},
		{ARCH_X86_64, "mmap", 0},    {ARCH_X86, "mmap", 5},
		{ARCH_X86_64, "preadv", 1},  {ARCH_X86, "pread64", 1},
		{ARCH_X86_64, "pread64", 2}, {ARCH_X86, "socketcall", 4},
		{ARCH_X86_64, "prctl", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum arch a = rows[i].arch;
		unsigned spare = syscall_spare_args(arch_audit(a), syscall_nr(a, rows[i].name));

		if (spare != rows[i].spare)
			fail_msg("%s on %s: %u", rows[i].name, arch_names[a], spare);
	}
	assert_int_equal(syscall_spare_args(AUDIT_ARCH_X86_64, 99999), 0);
	assert_int_equal(syscall_spare_args(AUDIT_ARCH_X86_64, -1), 0);
	assert_int_equal(syscall_spare_args(AUDIT_ARCH_S390X, 4), 0);
}

static int compare_constants(const void *a, const void *b)
{
	return strcmp((*(const struct const_def *const *)a)->name,
		      (*(const struct const_def *const *)b)->name);
}

/* One value for a name on an architecture. */
static void test_constants_unique(void **state)
{
	size_t n = syscalls_const_table_n;
	const struct const_def **c = calloc(n, sizeof(struct const_def *));

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < n; i++)
		c[i] = &syscalls_const_table[i];
	qsort(c, n, sizeof(*c), compare_constants);
	for (size_t i = 1; i < n; i++)
		if (strcmp(c[i - 1]->name, c[i]->name) == 0 &&
		    (!c[i - 1]->archs || !c[i]->archs || (c[i - 1]->archs & c[i]->archs)))
			fail_msg("%s stands twice", c[i]->name);
	free(c);
}

static void test_suggestions(void **state)
{
	static const struct {
		enum syscall_suggest kind;
		const char *name, *want;
	} rows[] = {
		{SUGGEST_SYSCALL, "wirte", "write"},
		{SUGGEST_SYSCALL, "opennat", "openat"},
		{SUGGEST_SYSCALL, "Write", "write"},
		{SUGGEST_SYSCALL, "clock-gettime", "clock_gettime"},
		{SUGGEST_SYSCALL, "finit_modul", "finit_module"},
		{SUGGEST_SYSCALL, "make_coffee_now", NULL},
		{SUGGEST_SYSCALL, "zq", NULL},
		{SUGGEST_SYSCALL, "", NULL},
		{SUGGEST_GROUP, "@modules", "@module"},
		{SUGGEST_GROUP, "@netwrok-io", "@network-io"},
		{SUGGEST_GROUP, "network-io", "@network-io"},
		{SUGGEST_GROUP, "@file_system", "@file-system"},
		{SUGGEST_CONSTANT, "O_CREATE", "O_CREAT"},
		{SUGGEST_CONSTANT, "CLONE_NEWUSR", "CLONE_NEWUSER"},
		{SUGGEST_CONSTANT, "af_inet", "AF_INET"},
	};
	static const char *const list[] = {"fd", "buf", "count"};
	char lengthy[5000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *got = syscall_suggest(rows[i].kind, rows[i].name);

		if (!got != !rows[i].want || (got && strcmp(got, rows[i].want) != 0))
			fail_msg("\"%s\" suggests %s", rows[i].name, got ? got : "nothing");
	}
	assert_string_equal(suggest_among("cuont", list, ARRAY_SIZE(list)), "count");
	assert_null(suggest_among("offset", list, ARRAY_SIZE(list)));
	assert_null(suggest_among("x", list, 0));
	memset(lengthy, 'w', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_null(syscall_suggest(SUGGEST_SYSCALL, lengthy));
}

static void *look_up(void *data)
{
	(void)data;
	for (int i = 0; i < 1000; i++)
		if (strcmp(syscall_name(AUDIT_ARCH_X86_64, 1), "write") != 0)
			return (void *)1;
	return NULL;
}

/* First, so that the tables are filled while all of the threads want them. */
static void test_threads(void **state)
{
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_up, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *ret;

		assert_int_equal(pthread_join(threads[i], &ret), 0);
		assert_null(ret);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_table_order),
		cmocka_unit_test(test_table_arguments),
		cmocka_unit_test(test_numbers_agree_with_libseccomp),
		cmocka_unit_test(test_names_agree_with_libseccomp),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_name_of_odd_numbers),
		cmocka_unit_test(test_architectures),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_arguments_all),
		cmocka_unit_test(test_argument_names),
		cmocka_unit_test(test_foreach),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_groups_agree_with_systemd),
		cmocka_unit_test(test_constants_agree_with_headers),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_spare_args),
		cmocka_unit_test(test_constants_by_arch),
		cmocka_unit_test(test_constants_unique),
		cmocka_unit_test(test_suggestions),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
