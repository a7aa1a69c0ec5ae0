/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netset.h - the addresses and ports of thousands of rules, matched at once.
 *
 * A rule (an id) has addresses, ports, both or neither. It matches a socket address
 *
 *   IPv4, IPv6   where one of its addresses matches, or it has none, and one of its ports
 *                matches, or it has none
 *   AF_UNIX      where one of its unix: addresses matches; ports say nothing about it. A rule
 *                without addresses matches only if it has no ports either.
 *   another      where it has neither
 *
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is the IPv4 address that the kernel takes it for:
 * it matches IPv4 networks and no others. A network written in ::ffff:0:0/96 is the IPv4 network.
 * Wider IPv6 networks, ::/0 too, hold IPv6 alone.
 *
 * Addresses are taken as they are: that connect(2) goes from 0.0.0.0 and :: to the host itself is
 * the caller's to know.
 */
#ifndef SECCOMPD_DAEMON_NETSET_H
#define SECCOMPD_DAEMON_NETSET_H

#include <stdint.h>
#include <sys/socket.h>

#include "daemon/arena.h"

#define NETSET_IDS_MAX 65536
#define NETSET_WHY_MAX 256

enum netset_kind { NETSET_IPV4, NETSET_IPV6, NETSET_UNIX, NETSET_PORT };

struct netset_item {
	enum netset_kind kind;
	unsigned id;	     /* the caller's to set */
	uint8_t address[16]; /* IPV4 (the first 4 bytes), IPV6: in network order */
	unsigned bits;	     /* ... that count */
	const char *glob;    /* UNIX: pathset.h's of sockets, a part of what was parsed */
	unsigned port, last; /* PORT: both included */
};

/*
 * "10.0.0.0/8", "192.0.2.1", "fe80::/10", "::1", "unix:/run/app.sock", "unix:@name*".
 * 0; -EINVAL: WHY, at least NETSET_WHY_MAX bytes, says what is wrong and what was expected.
 */
int netset_parse_address(const char *text, struct netset_item *ret, char *why);
/* "8080", "9000-9010"; likewise. */
int netset_parse_port(const char *text, struct netset_item *ret, char *why);

struct netset;

/* The ids are 0 to N_IDS - 1. 0; -E2BIG: too many ids or globs; -EINVAL: no item of a parser;
 * -ENOMEM. Memory is A's. */
int netset_new(struct arena *a, const struct netset_item *items, size_t n, unsigned n_ids,
	       struct netset **ret);

/* A socket address, decoded. */
struct netset_facts {
	sa_family_t family;
	uint8_t address[16]; /* AF_INET (the first 4 bytes), AF_INET6: in network order */
	uint16_t port;	     /* in the host's order */
	const char *name;    /* AF_UNIX: a canonical path, or an abstract name with its NUL first */
	size_t name_len;     /* 0: unnamed, which no unix: address matches */
};

/* Sets the bit of each id that matches. No allocation; stack and time as pathset_match().
 * 0 or -ENAMETOOLONG. */
int netset_match(const struct netset *s, const struct netset_facts *f, uint64_t *bitmap);

#endif
