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

struct operation_call {
	const char *name; /* of the system call, on any architecture that has it */
	enum operation op;
	enum operation_form form;
};
/* All of them, *ret_n many. */
const struct operation_call *operation_calls(size_t *ret_n);

/* What an open wants to do with a file. */
enum access_bits { ACCESS_READ = 1 << 0, ACCESS_WRITE = 1 << 1, ACCESS_CREATE = 1 << 2 };
#define ACCESS_NAMES_N 3
extern const char *const access_names[ACCESS_NAMES_N]; /* by the number of the bit */

#endif
