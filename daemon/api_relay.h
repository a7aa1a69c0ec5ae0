/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_relay.h - carries bytes between a client of control.sock and a connection of evhttp's own.
 * Private to daemon/api*.c. Main thread only.
 */
#ifndef SECCOMPD_DAEMON_API_RELAY_H
#define SECCOMPD_DAEMON_API_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <event2/event.h>

struct relay;

/* An inner connection, for as long as the daemon runs. */
struct relay_name {
	uint8_t bytes[16];
};

struct relay_ops {
	/* N bytes came from the client with the control messages of MH, whose descriptors are the
	 * callee's. False: they are not wanted, and the relay is freed. */
	bool (*received)(void *data, struct msghdr *mh, size_t n);
	/* The client will say nothing more. */
	void (*finished)(void *data);
	/* Either side is gone, and what could be carried was. */
	void (*ended)(void *data);
};

/* A listening socket for evhttp that only relays can reach: it stands in DIR for a moment and is
 * found by *ret_gate afterwards. 0 or -errno. */
int relay_listen(const char *dir, int *ret_listen, int *ret_gate);
/* Between CLIENT (taken over on success, non-blocking) and what listens behind GATE. 0 or -errno.
 */
int relay_new(struct event_base *base, int client, int gate, const struct relay_ops *ops,
	      void *data, struct relay **ret);
/* Gives the client's descriptor back, whose close may take long. */
int relay_free(struct relay *r);
const struct relay_name *relay_name(const struct relay *r);
/* Which relay is at the other end of FD, which evhttp accepted? 0 or -errno. */
int relay_name_of(int fd, struct relay_name *ret);
/* Lets what the client says wait in the kernel, or not any more. */
void relay_hold(struct relay *r, bool hold);
/* Has the client closed, and not only said its last word? */
bool relay_is_gone(const struct relay *r);
/* Has the client not taken all yet that is there for it, although it could? */
bool relay_is_awaited(const struct relay *r);

#endif
