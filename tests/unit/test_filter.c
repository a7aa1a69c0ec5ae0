/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_filter.c - profile -> BPF: rows of calls and what the program returns for them */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "daemon/filter.h"
#include "proto/base.h"
#include "tests/sim/builder.h"
#include "tests/unit/diag_rows.h"
#include "tests/unit/profile_fixture.h"

#define X64 AUDIT_ARCH_X86_64
#define X86 AUDIT_ARCH_I386
#define A64 AUDIT_ARCH_AARCH64
#define X32 0x40000000

#define ALLOW	    SECCOMP_RET_ALLOW
#define NOTIFY	    SECCOMP_RET_USER_NOTIF
#define KILL	    SECCOMP_RET_KILL_PROCESS
#define KILL_THREAD SECCOMP_RET_KILL_THREAD
#define TRAP	    SECCOMP_RET_TRAP
#define TRACE	    SECCOMP_RET_TRACE
#define LOG	    SECCOMP_RET_LOG
#define ERRNO(e)    (SECCOMP_RET_ERRNO | (e))

#define CALLS_MAX 24

struct call {
	uint32_t arch, nr;
	uint64_t args[6];
	uint32_t ret;
};

struct table {
	const char *name, *profile;
	struct call calls[CALLS_MAX]; /* ended by arch 0 and nr 0 */
};

static const struct table tables[] = {
	{"every action, nobody records",
	 "default: allow\nlog: none\nrules:\n"
	 "  - {syscall: getpid, action: allow}\n"
	 "  - {syscall: getppid, action: deny, errno: EIO}\n"
	 "  - {syscall: getuid, action: deny, errno: 4095}\n"
	 "  - {syscall: geteuid, action: return, value: 0}\n"
	 "  - {syscall: getgid, action: return, value: 1}\n"
	 "  - {syscall: getegid, action: kill}\n"
	 "  - {syscall: getpgrp, action: kill-thread}\n"
	 "  - {syscall: getsid, action: trap}\n"
	 "  - {syscall: gettid, action: trace}\n"
	 "  - {syscall: sync, action: log}\n",
	 {{X64, 39, {0}, ALLOW},
	  {X64, 110, {0}, ERRNO(5)},
	  {X64, 102, {0}, ERRNO(4095)},
	  {X64, 107, {0}, ERRNO(0)},
	  {X64, 104, {0}, NOTIFY},
	  {X64, 108, {0}, KILL},
	  {X64, 111, {0}, KILL_THREAD},
	  {X64, 124, {0}, TRAP},
	  {X64, 186, {0}, TRACE},
	  {X64, 162, {0}, LOG},
	  {X64, 0, {0}, ALLOW}}},
	{"every action, denials are recorded",
	 "default: allow\nrules:\n"
	 "  - {syscall: getpid, action: allow}\n"
	 "  - {syscall: getppid, action: deny}\n"
	 "  - {syscall: geteuid, action: return, value: 0}\n"
	 "  - {syscall: getegid, action: kill}\n"
	 "  - {syscall: getpgrp, action: kill-thread}\n"
	 "  - {syscall: getsid, action: trap}\n"
	 "  - {syscall: gettid, action: trace}\n"
	 "  - {syscall: sync, action: log}\n",
	 {{X64, 39, {0}, ALLOW},
	  {X64, 110, {0}, NOTIFY},
	  {X64, 107, {0}, NOTIFY},
	  {X64, 108, {0}, NOTIFY},
	  {X64, 111, {0}, KILL_THREAD},
	  {X64, 124, {0}, TRAP},
	  {X64, 186, {0}, TRACE},
	  {X64, 162, {0}, LOG},
	  {X64, 0, {0}, ALLOW}}},
	{"log settings",
	 "default: deny\nlog: each\nrules:\n"
	 "  - {syscall: getpid, action: allow}\n"
	 "  - {syscall: getppid, action: allow, log: changes}\n"
	 "  - {syscall: getuid, action: allow, log: denied}\n"
	 "  - {syscall: geteuid, action: allow, log: none}\n"
	 "  - {syscall: getgid, action: deny, log: none}\n",
	 {{X64, 39, {0}, NOTIFY},
	  {X64, 110, {0}, NOTIFY},
	  {X64, 102, {0}, ALLOW},
	  {X64, 107, {0}, ALLOW},
	  {X64, 104, {0}, ERRNO(1)},
	  {X64, 0, {0}, NOTIFY}}},
	{"permissive",
	 "default: kill\nmode: permissive\nrules:\n"
	 "  - {syscall: getpid, action: allow}\n"
	 "  - {syscall: getppid, action: deny}\n"
	 "  - {syscall: getuid, action: deny, log: none}\n"
	 "  - {syscall: geteuid, action: kill, log: none}\n"
	 "  - {syscall: getgid, action: kill-thread}\n"
	 "  - {syscall: getegid, action: trap}\n"
	 "  - {syscall: getpgrp, action: trace}\n"
	 "  - {syscall: getsid, action: log}\n"
	 "  - {syscall: gettid, action: deny, log: none, mode: enforce}\n"
	 "  - {syscall: sync, action: trap, mode: enforce}\n",
	 {{X64, 39, {0}, ALLOW},
	  {X64, 110, {0}, NOTIFY},
	  {X64, 102, {0}, ALLOW},
	  {X64, 107, {0}, ALLOW},
	  {X64, 104, {0}, NOTIFY},
	  {X64, 108, {0}, NOTIFY},
	  {X64, 111, {0}, NOTIFY},
	  {X64, 124, {0}, LOG},
	  {X64, 186, {0}, ERRNO(1)},
	  {X64, 162, {0}, TRAP},
	  {X64, 0, {0}, NOTIFY},
	  {X86, 0, {0}, KILL}}},
	{"permissive throughout, nobody records",
	 "default: kill\nmode: permissive\nlog: none\nrules:\n"
	 "  - {syscall: getppid, action: trap}\n",
	 {{X64, 110, {0}, ALLOW},
	  {X64, 0, {0}, ALLOW},
	  {X86, 0, {0}, ALLOW},
	  {X64, X32, {0}, ALLOW}}},
	{"permissive throughout",
	 "default: allow\nmode: permissive\nrules:\n  - {syscall: getppid, action: deny}\n",
	 {{X64, 110, {0}, NOTIFY},
	  {X64, 1, {0}, ALLOW},
	  {X86, 1, {0}, NOTIFY},
	  {X64, X32 | 1, {0}, NOTIFY},
	  {0x12345, 1, {0}, NOTIFY}}},
	{"architectures: native only",
	 "default: allow\nlog: none\narchitectures: [x86-64]\nrules:\n"
	 "  - {syscall: write, args: {fd: 1}, action: deny}\n",
	 {{X64, 1, {1}, ERRNO(1)},
	  {X64, 1, {0x100000001}, ERRNO(1)},
	  {X64, 1, {0xdeadbeef00000001}, ERRNO(1)},
	  {X64, 1, {2}, ALLOW},
	  {X64, 1, {0x100000002}, ALLOW},
	  {X64, X32 | 1, {1}, KILL},
	  {X64, X32 | 2, {1}, KILL},
	  {X64, X32, {1}, KILL},
	  {X64, 0x7fffffff, {1}, KILL},
	  {X64, 0xc0000001, {1}, KILL},
	  {X64, 0xfffffffe, {1}, KILL},
	  {X64, 0xffffffff, {1}, ALLOW}, /* what a tracer sets to skip a call */
	  {X64, 0x80000001, {1}, ALLOW}, /* no call, and none of x32's */
	  {X64, 0x3fffffff, {1}, ALLOW},
	  {X86, 4, {1}, KILL},
	  {X86, 1, {1}, KILL},
	  {X86, 0xffffffff, {1}, KILL},
	  {A64, 64, {1}, KILL},
	  {AUDIT_ARCH_RISCV64, 64, {1}, KILL},
	  {0, 1, {1}, KILL},
	  {0xffffffff, 1, {1}, KILL}}},
	{"architectures: all",
	 "default: allow\nlog: none\narchitectures: [x86-64, x32, x86, arm64]\nrules:\n"
	 "  - {syscall: write, args: {fd: 1}, action: deny}\n",
	 {{X64, 1, {1}, ERRNO(1)},
	  {X64, 1, {2}, ALLOW},
	  {X64, X32 | 1, {1}, ERRNO(1)},
	  {X64, X32 | 1, {0x100000001}, ERRNO(1)},
	  {X64, X32 | 1, {2}, ALLOW},
	  {X64, X32 | 4, {1}, ALLOW},
	  {X86, 4, {1}, ERRNO(1)},
	  {X86, 1, {1}, ALLOW},
	  {A64, 64, {1}, ERRNO(1)},
	  {A64, 1, {1}, ALLOW},
	  {X64, 0xffffffff, {1}, ALLOW},
	  {AUDIT_ARCH_RISCV64, 64, {1}, KILL}}},
	{"x32 alone",
	 "default: allow\nlog: none\narchitectures: [x32]\nrules:\n"
	 "  - {syscall: write, args: {fd: 1}, action: deny}\n",
	 {{X64, X32 | 1, {1}, ERRNO(1)},
	  {X64, X32 | 2, {1}, ALLOW},
	  {X64, 1, {1}, KILL},
	  {X64, 0x80000001, {1}, KILL},
	  {X64, 0xffffffff, {1}, ALLOW}}},
	{"the first rule that matches",
	 "default: kill\nlog: none\nrules:\n"
	 "  - {syscall: write, args: {fd: 1}, action: deny, errno: 11}\n"
	 "  - {syscall: write, args: {fd: {ge: 1, le: 3}}, action: deny, errno: 12}\n"
	 "  - {syscall: write, args: {fd: [2, 7], count: 0}, action: deny, errno: 13}\n"
	 "  - {syscall: write, args: {fd: [7, 8]}, action: deny, errno: 14}\n"
	 "  - {syscall: write, action: allow}\n"
	 "  - {syscall: write, args: {fd: 9}, action: deny, errno: 15}\n",
	 {{X64, 1, {1}, ERRNO(11)},
	  {X64, 1, {2}, ERRNO(12)},
	  {X64, 1, {3}, ERRNO(12)},
	  {X64, 1, {7, 0, 0}, ERRNO(13)},
	  {X64, 1, {7, 0, 1}, ERRNO(14)},
	  {X64, 1, {7, 0, 0x100000000}, ERRNO(14)},
	  {X64, 1, {8}, ERRNO(14)},
	  {X64, 1, {9}, ALLOW},
	  {X64, 1, {0}, ALLOW},
	  {X64, 1, {0xffffffff00000002}, ERRNO(12)},
	  {X64, 0, {1}, KILL}}},
	{"an unconditional rule first",
	 "default: allow\nlog: none\nrules:\n"
	 "  - {syscall: write, action: deny, errno: 11}\n"
	 "  - {syscall: write, args: {fd: 1}, action: allow}\n",
	 {{X64, 1, {1}, ERRNO(11)}, {X64, 1, {2}, ERRNO(11)}}},
	{"64-bit comparisons",
	 "default: deny\nerrno: 99\nlog: none\nrules:\n"
	 "  - {syscall: read, args: {count: {lt: 0x100000001}}, action: allow}\n"
	 "  - {syscall: write, args: {count: {gt: 0x1ffffffff}}, action: allow}\n"
	 "  - {syscall: pread64, args: {count: {le: 0xffffffff}}, action: allow}\n"
	 "  - {syscall: pwrite64, args: {count: {ge: 0x200000000}}, action: allow}\n"
	 "  - {syscall: readv, args: {arg5: 0x500000005}, action: allow}\n"
	 "  - {syscall: writev, args: {arg5: {ne: 0x500000005}}, action: allow}\n",
	 {{X64, 0, {0, 0, 0x100000000}, ALLOW},
	  {X64, 0, {0, 0, 0x100000001}, ERRNO(99)},
	  {X64, 0, {0, 0, 0xffffffff}, ALLOW},
	  {X64, 0, {0, 0, UINT64_MAX}, ERRNO(99)},
	  {X64, 1, {0, 0, 0x1ffffffff}, ERRNO(99)},
	  {X64, 1, {0, 0, 0x200000000}, ALLOW},
	  {X64, 1, {0, 0, 0x100000000}, ERRNO(99)},
	  {X64, 17, {0, 0, 0xffffffff}, ALLOW},
	  {X64, 17, {0, 0, 0x100000000}, ERRNO(99)},
	  {X64, 18, {0, 0, 0x1ffffffff}, ERRNO(99)},
	  {X64, 18, {0, 0, 0x200000000}, ALLOW},
	  {X64, 19, {0, 0, 0, 0, 0, 0x500000005}, ALLOW},
	  {X64, 19, {0, 0, 0, 0, 0, 0x5}, ERRNO(99)},
	  {X64, 19, {0, 0, 0, 0, 0, 0x500000000}, ERRNO(99)},
	  {X64, 20, {0, 0, 0, 0, 0, 0x500000005}, ERRNO(99)},
	  {X64, 20, {0, 0, 0, 0, 0, 0x600000005}, ALLOW}}},
	{"flags",
	 "default: allow\nlog: none\nrules:\n"
	 "  - {syscall: openat, args: {flags: {all: [O_CREAT], none: [O_EXCL]}}, action: deny}\n"
	 "  - {syscall: fchmod, args: {mode: {mask: 0o7000, eq: 0o4000}}, action: deny}\n"
	 "  - {syscall: mprotect, args: {prot: {all: [PROT_WRITE, PROT_EXEC]}}, action: deny}\n",
	 {{X64, 257, {0, 0, 0100}, ERRNO(1)},
	  {X64, 257, {0, 0, 0xff00000040}, ERRNO(1)},
	  {X64, 257, {0, 0, 0300}, ALLOW},
	  {X64, 257, {0, 0, 0200}, ALLOW},
	  {X64, 257, {0, 0, 0}, ALLOW},
	  {X64, 91, {0, 04755}, ERRNO(1)},
	  {X64, 91, {0, 0xabcd0000 | 04755}, ERRNO(1)}, /* umode_t: 16 bits */
	  {X64, 91, {0, 06755}, ALLOW},
	  {X64, 91, {0, 0755}, ALLOW},
	  {X64, 10, {0, 0, 6}, ERRNO(1)},
	  {X64, 10, {0, 0, 7}, ERRNO(1)},
	  {X64, 10, {0, 0, 2}, ALLOW},
	  {X64, 10, {0, 0, 4}, ALLOW}}},
	{"what only the daemon can tell",
	 "default: allow\nlog: none\nrules:\n"
	 "  - {syscall: getpid, when: {user: root}, action: allow}\n"
	 "  - {syscall: getppid, limit: {rate: 1/s, burst: 1}, action: allow}\n"
	 "  - {syscall: write, args: {fd: 1}, when: {comm: x}, action: deny}\n"
	 "  - {syscall: write, args: {fd: [1, 2]}, action: deny, errno: 11}\n"
	 "  - {syscall: getuid, when: {unit: x.service}, action: deny}\n",
	 {{X64, 39, {0}, NOTIFY},
	  {X64, 110, {0}, NOTIFY},
	  {X64, 1, {1}, NOTIFY},
	  {X64, 1, {2}, ERRNO(11)},
	  {X64, 1, {3}, ALLOW},
	  {X64, 102, {0}, ALLOW}, /* the client is of another unit */
	  {X64, 0, {0}, ALLOW}}},
	{"kernel-only actions beside disjoint uncertain rules",
	 "default: allow\nlog: none\nrules:\n"
	 "  - {syscall: write, args: {fd: 1}, limit: {rate: 1/s, burst: 1}, action: deny}\n"
	 "  - {syscall: write, args: {fd: 2}, action: trap}\n",
	 {{X64, 1, {1}, NOTIFY}, {X64, 1, {2}, TRAP}, {X64, 1, {3}, ALLOW}}},
};

static void compile(struct profile *p, struct filter *ret)
{
	struct identity nobody = {0};
	struct view *v = view_new(p, &nobody);
	char err[512];
	int r;

	assert_non_null(v);
	r = filter_compile(v, ret, err, sizeof(err));
	if (r < 0)
		fprintf(stderr, "# %s\n", err);
	assert_int_equal(r, 0);
	assert_true(ret->n > 0 && ret->n <= BPF_MAXINSNS);
	view_free(v);
}

static void compile_text(const char *text, struct filter *ret)
{
	struct profile *p = parse(text);

	compile(p, ret);
	profile_unref(p);
}

static void rows_test(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct call *c = tables[i].calls;
		struct filter f;

		compile_text(tables[i].profile, &f);
		for (; c < tables[i].calls + CALLS_MAX && (c->arch || c->nr); c++) {
			uint32_t ret = filter_run(&f, c->arch, (int32_t)c->nr, c->args, 0);

			if (ret == c->ret)
				continue;
			fprintf(stderr, "# %s: row %d: %#x, expected %#x\n", tables[i].name,
				(int)(c - tables[i].calls), ret, c->ret);
			bad++;
		}
		filter_done(&f);
	}
	assert_int_equal(bad, 0);
}

/* ---- shape of the program -------------------------------------------------------- */

static bool loads_argument(const struct filter *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (BPF_CLASS(f->insns[i].code) == BPF_LD &&
		    f->insns[i].k >= offsetof(struct seccomp_data, args))
			return true;
	}
	return false;
}

/* The most instructions that a call can take. */
static unsigned longest_path(const struct filter *f)
{
	_cleanup_free_ unsigned *path = calloc(f->n, sizeof(*path));
	unsigned longest;

	assert_non_null(path);
	for (size_t i = f->n; i-- > 0;) {
		const struct sock_filter *s = &f->insns[i];
		unsigned a = 0, b = 0;

		if (s->code == (BPF_JMP | BPF_JA)) {
			a = path[i + 1 + s->k];
		} else if (BPF_CLASS(s->code) == BPF_JMP) {
			a = path[i + 1 + s->jt];
			b = path[i + 1 + s->jf];
		} else if (BPF_CLASS(s->code) != BPF_RET) {
			a = path[i + 1];
		}
		path[i] = 1 + (a > b ? a : b);
	}
	longest = path[0];
	return longest;
}

/* The kernel caches what it can tell from architecture and number alone: a chain that always
 * ends the same must not look at arguments. */
static void constant_test(void **state)
{
	static const char *const profiles[] = {
		"default: allow\nrules:\n"
		"  - {syscall: write, args: {fd: 1, count: {ge: 0x100000000}}, action: allow}\n",
		"default: allow\nrules:\n"
		"  - {syscall: write, args: {fd: [1, 2, 3]}, action: allow}\n"
		"  - {syscall: write, action: allow}\n",
		"default: deny\nrules:\n"
		"  - {syscall: write, args: {fd: 1}, action: kill}\n"
		"  - {syscall: write, args: {fd: 2}, action: allow, log: each}\n",
		"default: allow\nrules:\n"
		"  - {syscall: write, args: {fd: {ge: 0}}, action: deny}\n",
		"default: allow\nrules:\n"
		"  - {syscall: write, action: deny}\n"
		"  - {syscall: write, args: {fd: 1}, action: allow}\n",
	};
	struct filter f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		compile_text(profiles[i], &f);
		if (loads_argument(&f))
			fail_msg("profile %zu looks at arguments", i);
		filter_done(&f);
	}
	compile_text("default: allow\nrules:\n"
		     "  - {syscall: write, args: {fd: 1}, action: deny}\n",
		     &f);
	assert_true(loads_argument(&f));
	filter_done(&f);
}

static void notifies_test(void **state)
{
	struct filter f;

	(void)state;
	compile_text("default: allow\n", &f);
	assert_false(f.notifies);
	assert_true(f.n <= 9);
	filter_done(&f);
	compile_text("default: deny\n", &f);
	assert_true(f.notifies);
	filter_done(&f);
	/* A rule of another unit leaves nothing behind. */
	compile_text("default: allow\nrules:\n"
		     "  - {syscall: write, when: {unit: a.service}, action: deny}\n",
		     &f);
	assert_false(f.notifies);
	filter_done(&f);
}

/* Many calls are searched for, not gone through; neighbours are one range. */
static void search_test(void **state)
{
	struct profile *p = build_profile(ARCH_BIT(ARCH_X86_64), 1000);
	const uint64_t args[6] = {0};
	struct filter f;

	(void)state;
	p->log = LOG_MODE_NONE;
	p->default_action = ACTION_ALLOW;
	for (int nr = 0; nr < 400; nr++) {
		p->err = 1 + nr;
		build_match(p, build_rule(p, ACTION_DENY), ARCH_X86_64, nr * 2, NULL, 0);
	}
	compile(p, &f);
	for (int nr = 0; nr < 1000; nr++)
		assert_int_equal(filter_run(&f, X64, nr, args, 0),
				 nr < 800 && nr % 2 == 0 ? ERRNO(1u + (unsigned)nr / 2) : ALLOW);
	assert_true(longest_path(&f) <= 24);
	filter_done(&f);
	profile_unref(p);

	p = build_profile(ARCH_BIT(ARCH_X86_64), 1000);
	p->log = LOG_MODE_NONE;
	p->default_action = ACTION_ALLOW;
	for (int nr = 100; nr < 500; nr++)
		build_match(p, build_rule(p, ACTION_DENY), ARCH_X86_64, nr, NULL, 0);
	compile(p, &f);
	assert_int_equal(filter_run(&f, X64, 99, args, 0), ALLOW);
	assert_int_equal(filter_run(&f, X64, 100, args, 0), ERRNO(1));
	assert_int_equal(filter_run(&f, X64, 499, args, 0), ERRNO(1));
	assert_int_equal(filter_run(&f, X64, 500, args, 0), ALLOW);
	assert_true(f.n < 16);
	filter_done(&f);
	profile_unref(p);
}

/* ---- too long ---------------------------------------------------------------------- */

/* Call NR: denied where argument 0 is one of N values, 100 apart from one another. */
static void long_rule(struct profile *p, int nr, unsigned n, enum action action)
{
	struct cond *c = build_alloc(p, 1, sizeof(*c));

	*c = (struct cond){.width = 32, .any = true, .n_cmps = n};
	c->cmps = build_alloc(p, n, sizeof(*c->cmps));
	for (unsigned i = 0; i < n; i++)
		c->cmps[i] = (struct cmp){.op = CMP_EQ, .value = 100 * i + (unsigned)nr};
	build_match(p, build_rule(p, action), ARCH_X86_64, nr, c, 1);
}

static uint32_t run_arg(const struct filter *f, int nr, uint64_t arg)
{
	const uint64_t args[6] = {arg};

	return filter_run(f, X64, nr, args, 0);
}

/* Far targets: more than the 255 instructions that a conditional jump can skip. */
static void long_jump_test(void **state)
{
	struct profile *p = build_profile(ARCH_BIT(ARCH_X86_64), 4);
	struct filter f;

	(void)state;
	p->log = LOG_MODE_NONE;
	for (int nr = 0; nr < 4; nr++) {
		p->err = 10 + nr;
		long_rule(p, nr, 1000, ACTION_DENY);
	}
	compile(p, &f);
	assert_false(f.notifies);
	assert_true(f.n > 4000);
	for (int nr = 0; nr < 4; nr++) {
		for (uint64_t i = 0; i < 1100; i++) {
			assert_int_equal(run_arg(&f, nr, 100 * i + (unsigned)nr),
					 i < 1000 ? ERRNO(10u + (unsigned)nr) : ALLOW);
			assert_int_equal(run_arg(&f, nr, 100 * i + 50), ALLOW);
		}
	}
	assert_int_equal(run_arg(&f, 4, 0), ALLOW);
	filter_done(&f);
	profile_unref(p);
}

/* The longest chains become notifications, no more of them than it takes. */
static void widen_test(void **state)
{
	struct profile *p = build_profile(ARCH_BIT(ARCH_X86_64), 8);
	struct filter f;

	(void)state;
	p->log = LOG_MODE_NONE;
	long_rule(p, 0, 1000, ACTION_DENY);
	long_rule(p, 2, 1500, ACTION_DENY);
	long_rule(p, 4, 2000, ACTION_TRAP);
	long_rule(p, 6, 500, ACTION_DENY);
	compile(p, &f);
	assert_int_equal(run_arg(&f, 0, 0), ERRNO(1));
	assert_int_equal(run_arg(&f, 0, 1), ALLOW);
	assert_int_equal(run_arg(&f, 2, 2), NOTIFY);
	assert_int_equal(run_arg(&f, 2, 1), NOTIFY);
	assert_int_equal(run_arg(&f, 4, 4), TRAP);
	assert_int_equal(run_arg(&f, 4, 1), ALLOW);
	assert_int_equal(run_arg(&f, 6, 6), ERRNO(1));
	filter_done(&f);
	profile_unref(p);
}

static void too_long_test(void **state)
{
	struct profile *p = build_profile(ARCH_BIT(ARCH_X86_64), 8);
	struct filter f = {0};
	char err[512], short_err[20];
	struct view *v;

	(void)state;
	p->log = LOG_MODE_NONE;
	long_rule(p, 0, 1000, ACTION_DENY);
	long_rule(p, 1, 5000, ACTION_TRAP);
	v = view_new(p, NULL);
	assert_non_null(v);
	assert_int_equal(filter_compile(v, &f, err, sizeof(err)), -E2BIG);
	assert_null(f.insns);
	assert_non_null(strstr(err, "'rule 2' (built.yaml:2)"));
	assert_non_null(strstr(err, "write"));
	assert_null(strstr(err, "'rule 1'"));
	assert_int_equal(filter_compile(v, &f, short_err, sizeof(short_err)), -E2BIG);
	assert_int_equal(strlen(short_err), sizeof(short_err) - 1);
	assert_int_equal(filter_compile(v, &f, NULL, 0), -E2BIG);
	view_free(v);
	profile_unref(p);
}

/* More conditions than anything could hold: still an end, in little time and memory. */
static void monstrous_test(void **state)
{
	struct profile *p = build_profile(ARCH_BIT(ARCH_X86_64), 600);
	struct filter f;

	(void)state;
	p->log = LOG_MODE_NONE;
	for (int nr = 0; nr < 600; nr++)
		long_rule(p, nr, 4000, ACTION_DENY);
	compile(p, &f);
	assert_true(f.notifies);
	for (int nr = 0; nr < 600; nr++) {
		uint32_t ret = run_arg(&f, nr, (unsigned)nr);

		assert_true(ret == NOTIFY || ret == ERRNO(1));
	}
	assert_int_equal(run_arg(&f, 600, 0), ALLOW);
	filter_done(&f);
	profile_unref(p);
}

/* ---- check ----------------------------------------------------------------------------- */

#define LIMIT "limit: {rate: 1/s, burst: 1}"

static const struct diag_row check_rows[] = {
	{"default: allow\nrules:\n  - {syscall: write, action: trap}\n", {0}},
	{"default: allow\nrules:\n  - {syscall: write, action: trap, when: {unit: a.service}}\n",
	 {0}},
	{"default: allow\nrules:\n  - {syscall: write, action: trap, when: {user: root}}\n",
	 {"3:5: rule 'rule 1': only the kernel can do 'trap'"}},
	{"default: allow\nrules:\n  - {name: x, syscall: write, action: log, " LIMIT "}\n",
	 {"3:5: rule 'x': only the kernel can do 'log', but only the daemon can tell whether its "
	  "'limit' holds"}},
	{"default: allow\nmode: permissive\nrules:\n"
	 "  - {name: x, syscall: write, action: trace, " LIMIT "}\n",
	 {"4:5: rule 'x'"}},
	{"default: allow\nrules:\n  - {name: a, syscall: write, action: deny, when: {comm: x}}\n"
	 "  - {name: b, syscall: write, action: kill-thread}\n",
	 {"4:5: rule 'b': only the kernel can do 'kill-thread', but write may match the earlier "
	  "rule "
	  "'a' (line 3) too, whose 'when'"}},
	/* another call, the other order, or hidden by a rule that always matches */
	{"default: allow\nrules:\n  - {syscall: read, action: deny, when: {comm: x}}\n"
	 "  - {syscall: write, action: trap}\n",
	 {0}},
	{"default: allow\nrules:\n  - {syscall: write, action: trap}\n"
	 "  - {syscall: write, action: deny, when: {comm: x}}\n",
	 {0}},
	{"default: allow\nrules:\n  - {syscall: write, action: allow}\n"
	 "  - {syscall: write, action: deny, when: {comm: x}}\n"
	 "  - {syscall: write, action: trap}\n",
	 {0}},
	{"default: allow\nrules:\n  - {syscall: write, action: allow, when: {unit: a.service}}\n"
	 "  - {syscall: write, action: deny, when: {comm: x}}\n"
	 "  - {name: c, syscall: write, action: trap}\n",
	 {"5:5: rule 'c'"}},
	{"default: allow\nrules:\n  - {syscall: write, action: deny, when: {comm: x}}\n"
	 "  - {syscall: write, action: allow}\n"
	 "  - {name: c, syscall: write, action: trap}\n",
	 {"5:5: rule 'c'"}},
/* arguments that can, and that cannot, be both */
#define PAIR(a, b)                                                                               \
	"default: allow\nrules:\n  - {syscall: write, args: {" a "}, action: deny, " LIMIT "}\n" \
	"  - {name: b, syscall: write, args: {" b "}, action: trap}\n"
	{PAIR("fd: 1", "fd: 2"), {0}},
	{PAIR("fd: 1", "fd: 1"), {"4:5: rule 'b'"}},
	{PAIR("fd: 1", "count: 1"), {"4:5: rule 'b'"}},
	{PAIR("fd: [1, 2]", "fd: [3, 4]"), {0}},
	{PAIR("fd: [1, 2]", "fd: [2, 3]"), {"4:5: rule 'b'"}},
	{PAIR("fd: [1, 2]", "fd: {ge: 3}"), {0}},
	{PAIR("fd: [1, 2]", "fd: {ge: 2}"), {"4:5: rule 'b'"}},
	{PAIR("fd: {lt: 3}", "fd: {ge: 3}"), {0}},
	{PAIR("fd: {le: 3}", "fd: {ge: 3}"), {"4:5: rule 'b'"}},
	{PAIR("fd: {gt: 3}", "fd: {ge: 1, le: 3}"), {0}},
	{PAIR("fd: {ne: 3}", "fd: 3"), {0}},
	{PAIR("fd: {ne: 3}", "fd: 4"), {"4:5: rule 'b'"}},
	{PAIR("fd: {all: [1]}", "fd: {none: [1]}"), {0}},
	{PAIR("fd: {all: [1]}", "fd: {none: [2]}"), {"4:5: rule 'b'"}},
	{PAIR("fd: {all: [4]}", "fd: 3"), {0}},
	{PAIR("fd: {all: [4]}", "fd: 5"), {"4:5: rule 'b'"}},
	{PAIR("fd: 1, count: 5", "fd: 1, count: 6"), {0}},
	{PAIR("fd: 1, count: 5", "fd: 1, count: {ge: 5}"), {"4:5: rule 'b'"}},
};

static void check_test(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(check_rows); i++) {
		const struct diag_row *row = &check_rows[i];
		struct profile *p = NULL;
		struct diag d = {0};
		int r = profile_parse("t", "t.yaml", row->text, strlen(row->text), &p, &d);

		bad += (r < 0) != (row->errors[0] != NULL);
		bad += !diag_row_check(row, &d);
		if (r == 0)
			profile_unref(p);
		diag_done(&d);
	}
	assert_int_equal(bad, 0);
}

/* ---- the program on its way --------------------------------------------------------------- */

static void memfd_test(void **state)
{
	struct sock_filter *map;
	struct filter f;
	struct stat st;
	int fd, seals;

	(void)state;
	compile_text("default: deny\n", &f);
	fd = filter_memfd(&f);
	assert_true(fd >= 0);
	seals = fcntl(fd, F_GET_SEALS);
	assert_int_equal(seals & (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
			 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, f.n * sizeof(*f.insns));
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(map != MAP_FAILED);
	assert_memory_equal(map, f.insns, (size_t)st.st_size);
	(void)munmap(map, (size_t)st.st_size);
	assert_true(pwrite(fd, "x", 1, 0) < 0);
	assert_true(ftruncate(fd, 0) < 0);
	close_fd(fd);
	filter_done(&f);
}

/* What the kernel would not take ends in a kill, and never runs away. */
static void broken_program_test(void **state)
{
	static struct sock_filter insns[][2] = {
		{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 61}, {BPF_RET | BPF_K, 0, 0, ALLOW}},
		{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 64}, {BPF_RET | BPF_K, 0, 0, ALLOW}},
		{{BPF_JMP | BPF_JA, 0, 0, 7}, {BPF_RET | BPF_K, 0, 0, ALLOW}},
		{{BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, ALLOW}},
		{{BPF_ALU | BPF_AND | BPF_K, 0, 0, 0}, {BPF_ALU | BPF_AND | BPF_K, 0, 0, 0}},
	};
	const uint64_t args[6] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(insns); i++) {
		struct filter f = {.insns = insns[i], .n = 2};

		assert_int_equal(filter_run(&f, X64, 1, args, 0), KILL);
	}
	assert_int_equal(filter_run(&(struct filter){0}, X64, 1, args, 0), KILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_test),	       cmocka_unit_test(constant_test),
		cmocka_unit_test(notifies_test),       cmocka_unit_test(search_test),
		cmocka_unit_test(long_jump_test),      cmocka_unit_test(widen_test),
		cmocka_unit_test(too_long_test),       cmocka_unit_test(monstrous_test),
		cmocka_unit_test(check_test),	       cmocka_unit_test(memfd_test),
		cmocka_unit_test(broken_program_test),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
