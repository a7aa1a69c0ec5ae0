/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * syscalls.h - constant tables: architectures, system calls with the names and
 * widths of their arguments, groups as systemd has them, named constants.
 */
#ifndef SECCOMPD_DAEMON_SYSCALLS_H
#define SECCOMPD_DAEMON_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The architectures that a profile can cover. */
enum arch { ARCH_X86_64, ARCH_X32, ARCH_X86, ARCH_ARM64, ARCH_MAX };
#define ARCH_BIT(a)	(1u << (a))
#define SYSCALL_X32_BIT 0x40000000

extern const char *const arch_names[ARCH_MAX]; /* systemd's: x86-64, x32, x86, arm64 */
uint32_t arch_audit(enum arch a);	       /* AUDIT_ARCH_*: x32 shares x86-64's */
/* -1 for an unknown name or architecture. "native" is a name, too. */
int arch_from_name(const char *name);
int arch_from_audit(uint32_t audit, int32_t nr);
enum arch arch_native(void);

/* The number of system call NAME on A, with bit 30 set on x32; a negative number where A has
 * no such call. Multiplexed calls of i386 (socket and ipc calls) resolve to their direct
 * number where there is one. */
int syscall_nr(enum arch a, const char *name);
/* Is NAME a call of any of the four architectures? */
bool syscall_known(const char *name);
/* The name, a constant string, or NULL. NR as the kernel reports it. Fast: a table look-up. */
const char *syscall_name(uint32_t audit, int32_t nr);

/* Calls FN for each known name, in alphabetical order. */
void syscall_foreach(void (*fn)(const char *name, void *data), void *data);

/*
 * The argument called ARG of NAME on A: its position 0..5 and its width in bits (16, 32 or 64):
 * how much of the register the kernel looks at. "arg0".."arg5" are always there, 64 wide where
 * the call's signature is not known, else as the signature says.
 * argN is always register N, also for prctl and keyctl, whose manual pages count from 1.
 * 0; -ENOENT: the call has no such argument; -EOPNOTSUPP: on this architecture the argument
 * does not come in one register (e.g. 64-bit offsets on i386), so it cannot be matched.
 */
int syscall_arg(enum arch a, const char *name, const char *arg, unsigned *ret_index,
		unsigned *ret_width);
/* How many of the six registers the call does not take, from the last on; 0 where it is not known.
 * Both as the kernel reports them. */
unsigned syscall_spare_args(uint32_t audit, int32_t nr);
/* Name of argument INDEX, or NULL: for messages and listings. */
const char *syscall_arg_name(const char *name, unsigned index);

/* The members of @GROUP (with the @), system calls and further @groups as systemd lists them,
 * ended by NULL; NULL for an unknown group. */
const char *const *syscall_group(const char *group);
void syscall_group_foreach(void (*fn)(const char *group, void *data), void *data);

/* A constant by its name in the manual pages, as it is on A: O_CREAT, AT_FDCWD, CLONE_NEWUSER,
 * AF_INET, PROT_EXEC, PR_SET_NAME, S_ISUID, ... 0; -ENOENT: unknown; -EOPNOTSUPP: A has none of
 * this name. */
int syscall_constant(enum arch a, const char *name, int64_t *ret);

/* The nearest of the known names to a misspelt one, within a distance that makes it likely;
 * NULL where there is none. KIND: what to look among. */
enum syscall_suggest { SUGGEST_SYSCALL, SUGGEST_GROUP, SUGGEST_CONSTANT };
const char *syscall_suggest(enum syscall_suggest kind, const char *name);
/* The same among a list of N strings. */
const char *suggest_among(const char *name, const char *const *list, size_t n);

/*
 * i386 has two more ways to socket and System V IPC calls: socketcall(2) and ipc(2), whose first
 * argument says which call is meant and whose other arguments stand in memory. A rule on a call
 * that such an entry carries has to hold there too.
 */
struct syscall_mux {
	const char *name;  /* the call */
	const char *entry; /* "socketcall" or "ipc" */
	unsigned number;   /* in the low 16 bits of the first argument */
};
/* All of them, *ret_n many; a name may stand more than once (sendto is also send). */
const struct syscall_mux *syscall_muxes(size_t *ret_n);

#endif
