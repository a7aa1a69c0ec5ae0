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
};

const struct operation_call *operation_calls(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(calls);
	return calls;
}
