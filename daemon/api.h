/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api.h - control.sock: HTTP/1.1 and JSON, one table of routes with the right each needs.
 */
#ifndef SECCOMPD_DAEMON_API_H
#define SECCOMPD_DAEMON_API_H

#include <stdint.h>

struct server;
struct api;

/* Serves on LISTEN_FD (taken over). 0 or -errno. */
int api_new(struct server *s, int listen_fd, struct api **ret);
struct api *api_free(struct api *a);
/* Main thread: records up to seq LAST can be read now; streams go on. */
void api_committed(struct api *a, uint64_t last);
unsigned api_connections(const struct api *a);

#endif
