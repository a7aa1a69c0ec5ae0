/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * register.h - client.sock: launchers and OCI runtimes hand listeners over (proto/PROTOCOL.md).
 */
#ifndef SECCOMPD_DAEMON_REGISTER_H
#define SECCOMPD_DAEMON_REGISTER_H

#include <stddef.h>

struct server;
struct registrar;

/* Accepts on LISTEN_FD (taken over). 0 or -errno. */
int registrar_new(struct server *s, int listen_fd, struct registrar **ret);
struct registrar *registrar_free(struct registrar *r);
size_t registrar_connections(const struct registrar *r);

#endif
