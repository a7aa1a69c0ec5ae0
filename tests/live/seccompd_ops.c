/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* seccompd_ops.c - with the daemon's main.c: a daemon that takes rules on operations already. */
#include "daemon/profile.h"

__attribute__((constructor)) static void take_operations(void)
{
	profile_operations = true;
}
