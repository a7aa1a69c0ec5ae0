/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sockaddr.h - what a socket address means to the socket that it is given to. Pure: no I/O.
 */
#ifndef SECCOMPD_DAEMON_SOCKADDR_H
#define SECCOMPD_DAEMON_SOCKADDR_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/netset.h"
#include "daemon/operation.h"

/* SO_DOMAIN, SO_TYPE, SO_PROTOCOL. It is the socket that says how its kernel reads an address;
 * the family in it is only checked, and not by all. */
struct sockaddr_socket {
	int domain, type, protocol;
};

/* As the target gave it: LEN bytes, and zeros behind them. */
struct sockaddr_given {
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	} u;
	int len;
};

struct sockaddr_meaning {
	struct netset_facts facts; /* name points into what was given */
	bool ignored;		   /* the kernel does not look at it: as without an address */
	bool is_path;		   /* the name is a path, which is still to be resolved */
	bool this_host;		   /* 0.0.0.0 or ::, and data goes there: see below */
};

/*
 * Where the kernel refuses the address, whatever the outcome is. A family that the kernel takes for
 * another one is made that one in G, so that it cannot be read in another way later.
 *
 * No port: of a protocol that has none (SOCK_RAW, ICMP, L2TP), whatever stands in its place. Within
 * families other than AF_INET, AF_INET6, AF_UNIX and AF_SMC there are no addresses: the family is
 * the socket's.
 */
void sockaddr_read(const struct sockaddr_socket *s, enum operation op, struct sockaddr_given *g,
		   struct sockaddr_meaning *ret);

/*
 * For `this_host`: 0.0.0.0 and :: are the address that the socket is bound to, LOCAL (getsockname),
 * or else the loopback address. Puts that into G and *m: what is decided is what is done.
 */
void sockaddr_set_host(struct sockaddr_given *g, const struct sockaddr_storage *local,
		       struct sockaddr_meaning *m);

#endif
