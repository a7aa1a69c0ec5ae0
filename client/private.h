/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * private.h - a supervisor for one command, in the process that is its parent.
 */
#ifndef SECCOMPD_CLIENT_PRIVATE_H
#define SECCOMPD_CLIENT_PRIVATE_H

#include <sys/types.h>

#include "client/options.h"

struct private;

/* The profile of O for this user, compiled. 0, or -1: all was said. */
int private_prepare(const struct options *o, struct private **ret);
/* Starts what answers, and serves the registration of CHILD at the other end of SOCK (taken
 * over) and the signals of SIGNAL_FD until CHILD has ended: its wait status. */
int private_supervise(struct private *p, int sock, int signal_fd, pid_t child);
struct private *private_free(struct private *p);

#endif
