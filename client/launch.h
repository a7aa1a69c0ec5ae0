/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * launch.h - from a connected socket to the command: program, filter, listener, exec.
 */
#ifndef SECCOMPD_CLIENT_LAUNCH_H
#define SECCOMPD_CLIENT_LAUNCH_H

#include "client/options.h"

/* Registers with the supervisor at the other end of SOCK (borrowed) and execs the command in
 * place. Comes back only where that failed before the filter was loaded: the exit status, all was
 * said. A failure after that ends the process with such a status. */
int launch(const struct options *o, int sock);

#endif
