/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sockaddr.c - what a socket address means to the socket that it is given to
 *
 * Read of Linux 6.18. A socket of AF_INET reads each address as a sockaddr_in: most protocols check
 * the family, bind(2) of SOCK_RAW does not, and AF_UNSPEC counts as AF_INET in a send, and in
 * bind(2) for 0.0.0.0. A socket of AF_INET6 also takes a sockaddr_in, to connect and to send; it
 * may become one of AF_INET (IPV6_ADDRFORM) under our eyes, so AF_UNSPEC must not be left to it:
 * SOCK_RAW takes it for AF_INET6; UDP as no address, and is left with the bare family. connect(2)
 * to AF_UNSPEC ends a connection.
 */
#include "daemon/sockaddr.h"

#include <netinet/in.h>
#include <string.h>

#include "proto/base.h"

#ifndef AF_SMC
#define AF_SMC 43
#endif
#ifndef IPPROTO_L2TP
#define IPPROTO_L2TP 115
#endif

#define UN_NAME_AT ((int)offsetof(struct sockaddr_un, sun_path))

static bool has_ports(const struct sockaddr_socket *s)
{
	return s->type != SOCK_RAW && s->protocol != IPPROTO_ICMP &&
	       s->protocol != IPPROTO_ICMPV6 && s->protocol != IPPROTO_L2TP;
}

/* Do bytes go to it? */
static bool is_destination(enum operation op)
{
	return op == OPERATION_CONNECT || op == OPERATION_SEND;
}

/* ---- AF_INET and AF_INET6 ------------------------------------------------------------- */

static void read_in(const struct sockaddr_socket *s, enum operation op,
		    const struct sockaddr_given *g, struct sockaddr_meaning *m)
{
	struct sockaddr_in in;

	memcpy(&in, &g->u, sizeof(in));
	m->facts.family = AF_INET;
	memcpy(m->facts.address, &in.sin_addr, sizeof(in.sin_addr));
	if (has_ports(s))
		m->facts.port = ntohs(in.sin_port);
	m->this_host = is_destination(op) && in.sin_addr.s_addr == INADDR_ANY;
}

static bool is_mapped_any(const struct in6_addr *a)
{
	return IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr32[3] == INADDR_ANY;
}

static void read_in6(const struct sockaddr_socket *s, enum operation op,
		     const struct sockaddr_given *g, struct sockaddr_meaning *m)
{
	struct sockaddr_in6 in6;

	memcpy(&in6, &g->u, sizeof(in6));
	m->facts.family = AF_INET6;
	memcpy(m->facts.address, &in6.sin6_addr, sizeof(in6.sin6_addr));
	if (has_ports(s))
		m->facts.port = ntohs(in6.sin6_port);
	m->this_host = is_destination(op) &&
		       (IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr) || is_mapped_any(&in6.sin6_addr));
}

static bool is_any_in(const struct sockaddr_given *g)
{
	struct sockaddr_in in;

	memcpy(&in, &g->u, sizeof(in));
	return in.sin_addr.s_addr == INADDR_ANY;
}

static void read_domain_in(const struct sockaddr_socket *s, enum operation op,
			   struct sockaddr_given *g, struct sockaddr_meaning *m)
{
	bool unspec = g->u.any.sa_family == AF_UNSPEC;

	if (unspec && (op == OPERATION_SEND || (op == OPERATION_BIND && is_any_in(g))))
		g->u.any.sa_family = AF_INET;
	read_in(s, op, g, m);
}

static bool is_udp(const struct sockaddr_socket *s)
{
	return s->type == SOCK_DGRAM &&
	       (s->protocol == IPPROTO_UDP || s->protocol == IPPROTO_UDPLITE);
}

/* No address: the family alone. One that is even shorter is refused. */
static void strip(struct sockaddr_given *g)
{
	int bare = offsetof(struct sockaddr, sa_data);

	memset(&g->u, 0, sizeof(g->u));
	if (g->len > bare)
		g->len = bare;
}

static void read_domain_in6(const struct sockaddr_socket *s, enum operation op,
			    struct sockaddr_given *g, struct sockaddr_meaning *m)
{
	bool unspec = op == OPERATION_SEND && g->u.any.sa_family == AF_UNSPEC;

	if (unspec && is_udp(s)) {
		strip(g);
		m->facts.family = AF_UNSPEC;
		return;
	}
	if (unspec && (s->type == SOCK_RAW || s->protocol == IPPROTO_L2TP))
		g->u.any.sa_family = AF_INET6;
	if (g->u.any.sa_family == AF_INET)
		read_in(s, op, g, m);
	else
		read_in6(s, op, g, m);
}

/* AF_SMC is TCP in other clothes. */
static void read_domain_smc(const struct sockaddr_socket *s, enum operation op,
			    struct sockaddr_given *g, struct sockaddr_meaning *m)
{
	if (g->u.any.sa_family == AF_INET6)
		read_in6(s, op, g, m);
	else
		read_domain_in(s, op, g, m);
}

static void read_ip(const struct sockaddr_socket *s, enum operation op, struct sockaddr_given *g,
		    struct sockaddr_meaning *m)
{
	if (op == OPERATION_CONNECT && g->u.any.sa_family == AF_UNSPEC) {
		m->facts.family = AF_UNSPEC;
		return;
	}
	if (s->domain == AF_INET)
		read_domain_in(s, op, g, m);
	else if (s->domain == AF_INET6)
		read_domain_in6(s, op, g, m);
	else
		read_domain_smc(s, op, g, m);
}

/* ---- AF_UNIX ---------------------------------------------------------------------------- */

static void read_unix(const struct sockaddr_socket *s, enum operation op,
		      const struct sockaddr_given *g, struct sockaddr_meaning *m)
{
	const char *name = g->u.un.sun_path;
	size_t room = (size_t)(g->len - UN_NAME_AT);

	m->facts.family = AF_UNIX;
	if (op == OPERATION_SEND && s->type != SOCK_DGRAM) {
		m->ignored = s->type == SOCK_SEQPACKET;
		return; /* a stream takes none */
	}
	if (op == OPERATION_CONNECT && s->type == SOCK_DGRAM && g->u.any.sa_family == AF_UNSPEC) {
		m->facts.family = AF_UNSPEC;
		return;
	}
	/* Refused, but for bind(2) with the family alone, which chooses a name. */
	if (g->len <= UN_NAME_AT || g->len > (int)sizeof(g->u.un) || g->u.any.sa_family != AF_UNIX)
		return;
	m->is_path = *name != '\0';
	m->facts.name = name;
	m->facts.name_len = m->is_path ? strnlen(name, room) : room;
}

void sockaddr_read(const struct sockaddr_socket *s, enum operation op, struct sockaddr_given *g,
		   struct sockaddr_meaning *ret)
{
	*ret = (struct sockaddr_meaning){.facts = {.name = ""}};
	switch (s->domain) {
	case AF_UNIX:
		read_unix(s, op, g, ret);
		break;
	case AF_INET:
	case AF_INET6:
	case AF_SMC:
		read_ip(s, op, g, ret);
		break;
	default:
		ret->facts.family = (sa_family_t)s->domain;
		break;
	}
	/* TCP looks at it only to connect with the first bytes (MSG_FASTOPEN), which is a connect
	 * to whoever asks. */
	if (op == OPERATION_SEND && s->type == SOCK_STREAM &&
	    (s->protocol == IPPROTO_TCP || s->protocol == IPPROTO_MPTCP))
		ret->ignored = true;
}

/* ---- this host ---------------------------------------------------------------------------- */

/* In network order. Nothing comes from an address of many. */
static uint32_t host_in(const struct sockaddr_storage *local)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	uint32_t a = INADDR_ANY;

	memcpy(&in, local, sizeof(in));
	memcpy(&in6, local, sizeof(in6));
	if (local->ss_family == AF_INET)
		a = ntohl(in.sin_addr.s_addr);
	else if (local->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
		a = ntohl(in6.sin6_addr.s6_addr32[3]);
	if (a == INADDR_ANY || a == INADDR_BROADCAST || IN_MULTICAST(a))
		a = INADDR_LOOPBACK;
	return htonl(a);
}

static void set_mapped(struct in6_addr *a, uint32_t in)
{
	memset(a, 0, sizeof(*a));
	a->s6_addr32[2] = htonl(0xffff);
	a->s6_addr32[3] = in;
}

void sockaddr_set_host(struct sockaddr_given *g, const struct sockaddr_storage *local,
		       struct sockaddr_meaning *m)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6, own;

	memcpy(&own, local, sizeof(own));
	if (m->facts.family == AF_INET) {
		memcpy(&in, &g->u, sizeof(in));
		in.sin_addr.s_addr = host_in(local);
		memcpy(&g->u, &in, sizeof(in));
		memcpy(m->facts.address, &in.sin_addr, sizeof(in.sin_addr));
		return;
	}
	memcpy(&in6, &g->u, sizeof(in6));
	if (is_mapped_any(&in6.sin6_addr))
		set_mapped(&in6.sin6_addr, host_in(local));
	else if (local->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&own.sin6_addr))
		set_mapped(&in6.sin6_addr, htonl(INADDR_LOOPBACK));
	else
		in6.sin6_addr = in6addr_loopback;
	memcpy(&g->u, &in6, sizeof(in6));
	memcpy(m->facts.address, &in6.sin6_addr, sizeof(in6.sin6_addr));
}
