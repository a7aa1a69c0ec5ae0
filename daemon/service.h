/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * service.h - everything that is systemd's: sockets by name, readiness, watchdog.
 */
#ifndef SECCOMPD_DAEMON_SERVICE_H
#define SECCOMPD_DAEMON_SERVICE_H

struct server;

/* A listening Unix stream socket: the one systemd passes with FileDescriptorName NAME, else one
 * made at PATH (a stale socket there is replaced, one in use is -EADDRINUSE) with MODE. A
 * descriptor, close-on-exec and non-blocking, or -errno. */
int service_socket(const char *name, const char *path, unsigned mode);
/* Removes the sockets that service_socket() made. */
void service_sockets_remove(void);
void service_ready(const char *status);
void service_reloading(void);
void service_stopping(void);
/* Before the daemon ends because it cannot start: systemd, which starts it again at once, is kept
 * from doing so many times a second. Waits some seconds; outside of systemd not at all. */
void service_hold_off(void);
/* WATCHDOG=1 four times in WatchdogSec as long as every thread made progress. 0 or -errno. */
int service_watchdog(struct server *s);
void service_watchdog_stop(void);

#endif
