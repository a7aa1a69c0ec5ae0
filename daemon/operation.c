/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* operation.c - the operations of a profile, and the system calls that do each */
#include "daemon/operation.h"

#include <assert.h>

#include "proto/base.h"

const char *const operation_names[OPERATION_MAX] = {
	[OPERATION_OPEN] = "open", [OPERATION_CONNECT] = "connect", [OPERATION_BIND] = "bind",
	[OPERATION_SEND] = "send", [OPERATION_EXEC] = "exec",	    [OPERATION_MODIFY] = "modify",
};
static_assert(ARRAY_SIZE(operation_names) == OPERATION_MAX, "each operation has a name");

const char *const access_names[ACCESS_NAMES_N] = {"read", "write", "create"};

static const struct operation_call calls[] = {
	{"open", OPERATION_OPEN, FORM_OPEN},
	{"creat", OPERATION_OPEN, FORM_CREAT},
	{"openat", OPERATION_OPEN, FORM_OPENAT},
	{"openat2", OPERATION_OPEN, FORM_OPENAT2},
	{"mkdir", OPERATION_MODIFY, MODIFY_MKDIR},
	{"mkdirat", OPERATION_MODIFY, MODIFY_MKDIRAT},
	{"mknod", OPERATION_MODIFY, MODIFY_MKNOD},
	{"mknodat", OPERATION_MODIFY, MODIFY_MKNODAT},
	{"unlink", OPERATION_MODIFY, MODIFY_UNLINK},
	{"unlinkat", OPERATION_MODIFY, MODIFY_UNLINKAT},
	{"rmdir", OPERATION_MODIFY, MODIFY_RMDIR},
	{"rename", OPERATION_MODIFY, MODIFY_RENAME},
	{"renameat", OPERATION_MODIFY, MODIFY_RENAMEAT},
	{"renameat2", OPERATION_MODIFY, MODIFY_RENAMEAT2},
	{"link", OPERATION_MODIFY, MODIFY_LINK},
	{"linkat", OPERATION_MODIFY, MODIFY_LINKAT},
	{"symlink", OPERATION_MODIFY, MODIFY_SYMLINK},
	{"symlinkat", OPERATION_MODIFY, MODIFY_SYMLINKAT},
	{"chmod", OPERATION_MODIFY, MODIFY_CHMOD},
	{"fchmodat", OPERATION_MODIFY, MODIFY_FCHMODAT},
	{"fchmodat2", OPERATION_MODIFY, MODIFY_FCHMODAT2},
	{"chown", OPERATION_MODIFY, MODIFY_CHOWN},
	{"chown32", OPERATION_MODIFY, MODIFY_CHOWN32},
	{"lchown", OPERATION_MODIFY, MODIFY_LCHOWN},
	{"lchown32", OPERATION_MODIFY, MODIFY_LCHOWN32},
	{"fchownat", OPERATION_MODIFY, MODIFY_FCHOWNAT},
	{"truncate", OPERATION_MODIFY, MODIFY_TRUNCATE},
	{"truncate64", OPERATION_MODIFY, MODIFY_TRUNCATE64},
	{"utime", OPERATION_MODIFY, MODIFY_UTIME},
	{"utimes", OPERATION_MODIFY, MODIFY_UTIMES},
	{"futimesat", OPERATION_MODIFY, MODIFY_FUTIMESAT},
	{"utimensat", OPERATION_MODIFY, MODIFY_UTIMENSAT},
	{"utimensat_time64", OPERATION_MODIFY, MODIFY_UTIMENSAT_TIME64},
	{"setxattr", OPERATION_MODIFY, MODIFY_SETXATTR},
	{"lsetxattr", OPERATION_MODIFY, MODIFY_LSETXATTR},
	{"setxattrat", OPERATION_MODIFY, MODIFY_SETXATTRAT},
	{"removexattr", OPERATION_MODIFY, MODIFY_REMOVEXATTR},
	{"lremovexattr", OPERATION_MODIFY, MODIFY_LREMOVEXATTR},
	{"removexattrat", OPERATION_MODIFY, MODIFY_REMOVEXATTRAT},
};

const struct operation_call *operation_calls(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(calls);
	return calls;
}
