/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * operation.h - what a call does, whatever its name: the operations of a profile, and the system
 * calls that do each.
 */
#ifndef SECCOMPD_DAEMON_OPERATION_H
#define SECCOMPD_DAEMON_OPERATION_H

#include <stddef.h>

enum operation {
	OPERATION_NONE,
	OPERATION_OPEN,
	OPERATION_CONNECT,
	OPERATION_BIND,
	OPERATION_SEND,
	OPERATION_EXEC,
	OPERATION_MODIFY,
	OPERATION_MAX
};
extern const char *const operation_names[OPERATION_MAX]; /* NULL for OPERATION_NONE; "open", ... */

/* The ways in which calls of one operation say what they mean. */
enum operation_form { FORM_OPEN, FORM_CREAT, FORM_OPENAT, FORM_OPENAT2 };

/* Those of OPERATION_MODIFY: one a system call. */
enum modify_form {
	MODIFY_MKDIR,
	MODIFY_MKDIRAT,
	MODIFY_MKNOD,
	MODIFY_MKNODAT,
	MODIFY_UNLINK,
	MODIFY_UNLINKAT,
	MODIFY_RMDIR,
	MODIFY_RENAME,
	MODIFY_RENAMEAT,
	MODIFY_RENAMEAT2,
	MODIFY_LINK,
	MODIFY_LINKAT,
	MODIFY_SYMLINK,
	MODIFY_SYMLINKAT,
	MODIFY_CHMOD,
	MODIFY_FCHMODAT,
	MODIFY_FCHMODAT2,
	MODIFY_CHOWN,
	MODIFY_CHOWN32,
	MODIFY_LCHOWN,
	MODIFY_LCHOWN32,
	MODIFY_FCHOWNAT,
	MODIFY_TRUNCATE,
	MODIFY_TRUNCATE64,
	MODIFY_UTIME,
	MODIFY_UTIMES,
	MODIFY_FUTIMESAT,
	MODIFY_UTIMENSAT,
	MODIFY_UTIMENSAT_TIME64,
	MODIFY_SETXATTR,
	MODIFY_LSETXATTR,
	MODIFY_SETXATTRAT,
	MODIFY_REMOVEXATTR,
	MODIFY_LREMOVEXATTR,
	MODIFY_REMOVEXATTRAT,
	MODIFY_MAX
};

struct operation_call {
	const char *name; /* of the system call, on any architecture that has it */
	enum operation op;
	int form; /* enum modify_form of OPERATION_MODIFY, else enum operation_form */
};
/* All of them, *ret_n many. */
const struct operation_call *operation_calls(size_t *ret_n);

/* What an open wants to do with a file. */
enum access_bits { ACCESS_READ = 1 << 0, ACCESS_WRITE = 1 << 1, ACCESS_CREATE = 1 << 2 };
#define ACCESS_NAMES_N 3
extern const char *const access_names[ACCESS_NAMES_N]; /* by the number of the bit */

#endif
