/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * linger.c - sends a socket of the daemon TCP connections whose close waits for SECONDS, each by a
 * connection of its own, with the first byte or out of band (Linux 5.15), and stays for as long.
 *
 * usage: linger SOCKET COUNT SECONDS [oob]
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "tests/helpers.h"

/* A connection over the loopback, full to the brim, whose other end LISTENER never reads. */
static int stuffed_connection(int listener, int seconds)
{
	struct sockaddr_in addr;
	struct linger linger = {.l_onoff = 1, .l_linger = seconds};
	socklen_t len = sizeof(addr);
	static const char zeros[65536];
	int s = socket(AF_INET, SOCK_STREAM, 0), small = 4096;

	(void)setsockopt(s, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	if (getsockname(listener, (struct sockaddr *)&addr, &len) < 0 ||
	    connect(s, (struct sockaddr *)&addr, len) < 0)
		return -1;
	(void)fcntl(s, F_SETFL, O_NONBLOCK);
	while (write(s, zeros, sizeof(zeros)) > 0)
		;
	(void)fcntl(s, F_SETFL, 0);
	(void)setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return s;
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -1 : fd;
}

/* The last reference is on its way afterwards. */
static int give(int fd, int pass, int flags)
{
	if (send_fds(fd, "G", &pass, 1, flags) != 1)
		return -1;
	close(pass);
	/* What is out of band is dropped by the read of something else. */
	if (flags)
		(void)send(fd, "G", 1, MSG_NOSIGNAL);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int flags = argc == 5 ? MSG_OOB : 0, sent = 0;
	int listener = socket(AF_INET, SOCK_STREAM, 0), small = 4096;

	(void)setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (argc < 4 || bind(listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(listener, 128) < 0)
		return 2;
	for (int i = 0; i < atoi(argv[2]); i++) {
		int tcp = stuffed_connection(listener, atoi(argv[3])), fd = connect_to(argv[1]);

		if (fd < 0 || tcp < 0)
			return 2;
		sent += give(fd, tcp, flags) == 0;
	}
	printf("%d sent\n", sent);
	(void)fflush(stdout);
	sleep((unsigned)atoi(argv[3])); /* our end would make an end of theirs */
	return 0;
}
