/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plain.h - a filter that does not bind the launcher itself.
 */
#ifndef SECCOMPD_CLIENT_PLAIN_H
#define SECCOMPD_CLIENT_PLAIN_H

#include <linux/filter.h>
#include <stdbool.h>

/* Does PROG let every call through, whatever its arguments, that a thread under it may make to hand
 * its listener over and to end? What cannot be told is false. */
bool plain_program(const struct sock_fprog *prog);

#endif
