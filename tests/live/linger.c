/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * linger.c - sends the control socket a TCP connection whose close waits for SECONDS, and says
 * whether the kernel let it.
 *
 * usage: linger SOCKET SECONDS    "refused" or "sent" on stdout
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "tests/helpers.h"

/* A connection over the loopback, full to the brim, whose other end never reads. */
static int stuffed_connection(int seconds)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct linger linger = {.l_onoff = 1, .l_linger = seconds};
	socklen_t len = sizeof(addr);
	static const char zeros[65536];
	int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(l, (struct sockaddr *)&addr, len) < 0 || listen(l, 1) < 0 ||
	    getsockname(l, (struct sockaddr *)&addr, &len) < 0 ||
	    connect(s, (struct sockaddr *)&addr, len) < 0)
		return -1;
	(void)fcntl(s, F_SETFL, O_NONBLOCK);
	while (write(s, zeros, sizeof(zeros)) > 0)
		;
	(void)fcntl(s, F_SETFL, 0);
	(void)setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return s;
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), tcp;
	ssize_t n;

	if (argc != 3 || (tcp = stuffed_connection(atoi(argv[2]))) < 0)
		return 2;
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", argv[1]);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		puts("refused");
		return 0;
	}
	n = send_fds(fd, "G", &tcp, 1);
	puts(n < 0 ? "refused" : "sent");
	(void)fflush(stdout);
	/* Ours must not linger. */
	if (n < 0)
		(void)setsockopt(tcp, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
				 sizeof(struct linger));
	close(tcp);
	sleep(1);
	return 0;
}
