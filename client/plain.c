/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plain.c - a filter that does not bind the launcher itself.
 *
 * The program is run for a system call of this architecture of which the number is known and
 * nothing else. Where it would branch on anything else, the call counts as one that is not let
 * through.
 */
#include "client/plain.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "proto/base.h"

#if defined(__x86_64__) && defined(__LP64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#define NATIVE_ARCH 0 /* no filter knows it: no program is plain */
#endif

/* All that the library may come to call on the way: to wait, to allocate, to see and
 * to say why, to end. */
static const int calls[] = {
	SYS_brk,	  SYS_clock_gettime,  SYS_clock_nanosleep, SYS_close,
	SYS_exit_group,	  SYS_faccessat,      SYS_fcntl,	   SYS_futex,
	SYS_getpid,	  SYS_getrandom,      SYS_gettid,	   SYS_madvise,
	SYS_mmap,	  SYS_mprotect,	      SYS_mremap,	   SYS_munmap,
	SYS_ppoll,	  SYS_read,	      SYS_recvmsg,	   SYS_restart_syscall,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,	   SYS_sendmsg,
	SYS_write,	  SYS_writev,
#ifdef __x86_64__
	SYS_access,	  SYS_poll,
#endif
};

struct run {
	const struct sock_filter *insns;
	size_t n, pc;
	uint32_t a;
	bool known; /* A */
	bool allowed;
};

static void load(struct run *r, uint32_t offset, int nr)
{
	r->known = true;
	if (offset == offsetof(struct seccomp_data, nr))
		r->a = (uint32_t)nr;
	else if (offset == offsetof(struct seccomp_data, arch))
		r->a = NATIVE_ARCH;
	else
		r->known = false;
}

static bool compare(const struct run *r, const struct sock_filter *i)
{
	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
		return r->a == i->k;
	case BPF_JGT:
		return r->a > i->k;
	case BPF_JGE:
		return r->a >= i->k;
	default: /* BPF_JSET */
		return r->a & i->k;
	}
}

/* False: the program ended, or goes where it cannot be followed. */
static bool step(struct run *r, int nr)
{
	const struct sock_filter *i = &r->insns[r->pc++];

	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		load(r, i->k, nr);
		return true;
	case BPF_ALU | BPF_AND | BPF_K:
		r->a &= i->k;
		return true;
	case BPF_JMP | BPF_JA:
		r->pc += i->k;
		return true;
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_K:
		r->pc += compare(r, i) ? i->jt : i->jf;
		return r->known;
	case BPF_RET | BPF_K:
		r->allowed = i->k == SECCOMP_RET_ALLOW;
		return false;
	default:
		return false;
	}
}

bool plain_program(const struct sock_fprog *prog)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct run r = {.insns = prog->filter, .n = prog->len};

		while (r.pc < r.n && step(&r, calls[i]))
			;
		if (!r.allowed)
			return false;
	}
	return true;
}
