/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * syscalls_tables.h - the constant tables behind syscalls.h. For syscalls*.c and
 * their test only.
 */
#ifndef SECCOMPD_DAEMON_SYSCALLS_TABLES_H
#define SECCOMPD_DAEMON_SYSCALLS_TABLES_H

#include "daemon/syscalls.h"

/* How the kernel takes an argument. A register of i386 is never wider than 32 bits. */
enum arg_kind {
	ARG_NONE,   /* no further arguments */
	ARG_INT,    /* 32 bits */
	ARG_HALF,   /* 16 bits: umode_t */
	ARG_UID,    /* 32 bits; 16 on i386, whose plain calls are those of 16-bit ids */
	ARG_LONG,   /* a whole register: long, size_t, pointers */
	ARG_COMPAT, /* a whole register, but 32 bits on x32, which enters by the compat call */
	ARG_WIDE,   /* 64 bits: one register, two on i386 */
	ARG_HIGH,   /* the upper half of the ARG_WIDE before it: a register that x86-64 and
		     * arm64 have and do not look at; x32 has none, on i386 ARG_WIDE took it */
	ARG_GAP,    /* a register that is not looked at */
};

struct arg_def {
	const char *name;
	enum arg_kind kind;
};

#define SYSCALL_ARGS 6

/*
 * A system call. Where the order of arguments depends on the architecture a name has several
 * rows with disjoint ARCHS, which cover all architectures together.
 */
struct call_def {
	const char *name;
	uint8_t archs;	      /* ARCH_BITs that the row is for; 0: all */
	uint8_t memory_archs; /* ARCH_BITs where arg0 points to the arguments */
	int16_t nr_new;	      /* number where libseccomp does not know the name; 0: none */
	int16_t nr_x86;	      /* i386's direct number of a call that libseccomp multiplexes */
	struct arg_def args[SYSCALL_ARGS];
};

/* Sorted by name (strcmp). */
extern const struct call_def syscalls_call_table[];
extern const size_t syscalls_call_table_n;
#define SYSCALLS_CALLS_MAX 512

struct group_def {
	const char *name; /* with the @ */
	const char *const *members;
};
extern const struct group_def syscalls_group_table[];
extern const size_t syscalls_group_table_n;

/* A constant. One that differs between architectures has several rows with disjoint ARCHS. */
struct const_def {
	const char *name;
	int64_t value;
	uint8_t archs; /* ARCH_BITs that the row is for; 0: all */
};
extern const struct const_def syscalls_const_table[];
extern const size_t syscalls_const_table_n;

#endif
