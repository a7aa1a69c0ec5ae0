/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * service.c - everything that is systemd's: sockets by name, readiness, watchdog.
 */
#include "daemon/service.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

#include "daemon/journal.h"
#include "daemon/server.h"
#include "proto/base.h"
#include "proto/clock.h"

#define HOLD_OFF_S 5
#define BACKLOG	   512

static struct {
	struct event *timer;
	struct timeval interval;
	uint64_t pinged_ns;
} watchdog;

/* The sockets that we made ourselves, to be removed at the end; systemd's stay. */
static struct own_socket {
	char path[108];
	dev_t dev;
	ino_t ino;
} own_sockets[2];
static size_t n_own_sockets;

/* ---- sockets ------------------------------------------------------------- */

/* The descriptor that systemd passed under NAME, or -1. Another socket of that name is an error
 * of the units: the first counts. */
static int passed_socket(const char *name)
{
	static char **names;
	static int n = -1;

	if (n < 0)
		n = sd_listen_fds_with_names(1, &names);
	for (int i = 0; i < n; i++)
		if (names && names[i] && strcmp(names[i], name) == 0)
			return SD_LISTEN_FDS_START + i;
	return -1;
}

static int adopt_socket(int fd)
{
	if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
		return -ENOTSOCK;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return fd;
}

/* A socket file whose listener is gone is removed; one that answers is in use. */
static int clear_stale(const struct sockaddr_un *addr)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	return unlink(addr->sun_path) < 0 ? -errno : 0;
}

static void remember_socket(const char *path)
{
	struct own_socket *o = &own_sockets[n_own_sockets];
	struct stat st;

	if (n_own_sockets == ARRAY_SIZE(own_sockets) || stat(path, &st) < 0)
		return;
	(void)snprintf(o->path, sizeof(o->path), "%s", path);
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	n_own_sockets++;
}

void service_sockets_remove(void)
{
	struct stat st;

	while (n_own_sockets > 0) {
		struct own_socket *o = &own_sockets[--n_own_sockets];

		/* Another daemon's by now? */
		if (lstat(o->path, &st) == 0 && st.st_dev == o->dev && st.st_ino == o->ino)
			(void)unlink(o->path);
	}
}

int service_socket(const char *name, const char *path, unsigned mode)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	int r = passed_socket(name);

	if (r >= 0)
		return adopt_socket(r);
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	r = clear_stale(&addr);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	remember_socket(path);
	return TAKE_FD(fd);
}

/* ---- readiness ------------------------------------------------------------ */

void service_ready(const char *status)
{
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_reloading(void)
{
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
			 (unsigned long long)(now_ns() / 1000));
}

void service_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void service_hold_off(void)
{
	if (!getenv("NOTIFY_SOCKET"))
		return;
	(void)sd_notify(0, "STATUS=Cannot start, and will be tried again");
	(void)sleep(HOLD_OFF_S);
}

/* ---- watchdog -------------------------------------------------------------- */

/* A worker that sleeps in poll(2) is woken by the ping of one tick and must have run its loop
 * by the next. */
static bool workers_alive(struct server *s)
{
	for (unsigned i = 0; i < s->n_workers; i++)
		if (worker_alive_ns(s->workers[i]) < watchdog.pinged_ns)
			return false;
	return true;
}

static void watchdog_cb(evutil_socket_t fd, short what, void *data)
{
	struct server *s = data;

	(void)fd;
	(void)what;
	if (workers_alive(s)) {
		(void)sd_notify(0, "WATCHDOG=1");
		watchdog.pinged_ns = now_ns();
		for (unsigned i = 0; i < s->n_workers; i++)
			worker_ping(s->workers[i]);
	} else {
		log_error("A worker makes no progress: the watchdog is not answered");
	}
	event_add(watchdog.timer, &watchdog.interval);
}

int service_watchdog(struct server *s)
{
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	watchdog.interval.tv_sec = (time_t)(usec / 4 / 1000000);
	watchdog.interval.tv_usec = (suseconds_t)(usec / 4 % 1000000);
	watchdog.timer = evtimer_new(s->base, watchdog_cb, s);
	if (!watchdog.timer)
		return -ENOMEM;
	watchdog_cb(-1, 0, s);
	return 0;
}

void service_watchdog_stop(void)
{
	if (watchdog.timer)
		event_free(watchdog.timer);
	watchdog.timer = NULL;
}
