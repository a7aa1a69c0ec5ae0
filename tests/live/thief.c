/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thief.c - a client that registers like an OCI runtime, keeps a copy of its listener and takes
 * its own notifications away from the daemon, which may sit in a RECV for them by then.
 *
 * usage: thief SOCKET SECONDS    "N stolen" on stdout
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/un.h>
#include <time.h>

#include "proto/message.h"
#include "tests/helpers.h"

static int listener;
static _Atomic bool stop;
static _Atomic long stolen;

static void *steal(void *data)
{
	struct notif n;

	if (notif_init(&n) < 0)
		return data;
	while (!atomic_load(&stop))
		if (notif_receive(&n, listener) == 0) {
			atomic_fetch_add(&stolen, 1);
			(void)notif_continue(&n, listener, n.req->id);
		}
	return data;
}

static int register_listener(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	json_t *state = message_state("thief", getpid(), ".", NULL);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return message_send(fd, state, listener);
}

int main(int argc, char **argv)
{
	struct timespec nap = {.tv_sec = 3};
	pthread_t t[2];
	time_t end;

	if (argc != 3)
		return 2;
	listener = load_getppid(false);
	if (listener < 0 || register_listener(argv[1]) < 0)
		return 1;
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, steal, NULL);
	end = time(NULL) + atol(argv[2]);
	while (time(NULL) < end) {
		/* A few calls, then none: who waits in RECV now waits for long. */
		for (int i = 0; i < 500; i++)
			(void)syscall(SYS_getppid);
		nanosleep(&nap, NULL);
	}
	printf("%ld stolen\n", atomic_load(&stolen));
	(void)fflush(stdout);
	_exit(0);
}
