/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run.c - seccomp-run: runs a command under a profile of the daemon.
 *
 * This program is in the way of each start of a service, so it links little: what --private
 * needs is a program of its own, seccomp-private, which takes the same command line.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <jansson.h>

#include "client/launch.h"
#include "client/options.h"
#include "proto/base.h"
#include "proto/paths.h"

#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/libexec/seccompd"
#endif
#define PRIVATE_NAME	  "seccomp-private"
#define CONNECT_TIMEOUT_S 10

/* The standard descriptors are the command's, also where it has none. */
static int above_stdio(int fd)
{
	int high;

	if (fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close_fd(fd);
	return high;
}

static int connect_daemon(const char *path)
{
	const struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_S};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	(void)strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	fd = above_stdio(fd);
	if (fd < 0)
		return -errno;
	/* Also bounds connect(2) where the backlog is full. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static void say_no_daemon(const char *path, int err)
{
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		say("no daemon at %s: %s", path, strerror(err));
		break;
	case EAGAIN:
		say("the daemon at %s takes no connection", path);
		break;
	default:
		say("cannot connect to %s: %s", path, strerror(err));
	}
}

/* Beside this very program, as in a build tree, or where it is installed. */
static int run_private(char **argv)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(PRIVATE_NAME));
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash) {
			(void)strcpy(slash + 1, PRIVATE_NAME);
			(void)execv(path, argv);
		}
	}
	(void)execv(LIBEXECDIR "/" PRIVATE_NAME, argv);
	say("cannot run %s: %s", LIBEXECDIR "/" PRIVATE_NAME, strerror(errno));
	return EXIT_LAUNCHER;
}

int main(int argc, char **argv)
{
	static struct options o; /* its labels live as long as the program */
	int fd, status;

	status = options_parse(argc, argv, &o);
	if (status >= 0)
		return status;
	if (o.private_supervisor)
		return run_private(argv);
	/* What is parsed here comes from the daemon: no need of random numbers against collisions.
	 */
	json_object_seed(1);
	fd = connect_daemon(o.socket);
	if (fd < 0) {
		say_no_daemon(o.socket, -fd);
		return EXIT_LAUNCHER;
	}
	return launch(&o, fd);
}
