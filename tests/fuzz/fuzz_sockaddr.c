/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_sockaddr.c - any bytes as a socket address to any socket: what it means stays within it, and
 * what is handed on to the kernel means the same once more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "daemon/sockaddr.h"
#include "proto/base.h"

static const char *const _unused_ fuzz_seeds[] = {
	"\x01\x01\x02\x11\x02\x10\x02\x01\xbb\x0a\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01",
	"\x03\x01\x0a\x06\x01\x1c\x0a\x01\xbb\x01\x01\x01\x01 0123456789abcdef0123",
	"\x01\x02\x01\x01\x03\x10\x01\x01/run/systemd/notify",
	"\x02\x01\x01\x01\x01\x6e\x01\x01xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"x"
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
};

static const int domains[] = {AF_UNIX, AF_INET, AF_INET6, 43, AF_NETLINK, AF_PACKET};
static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
static const int protocols[] = {
	0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_MPTCP, 115};
static const enum operation ops[] = {OPERATION_CONNECT, OPERATION_BIND, OPERATION_SEND};

static void check_name(const struct sockaddr_given *g, const struct sockaddr_meaning *m)
{
	const char *path = g->u.un.sun_path, *name = m->facts.name;

	if (m->facts.name_len == 0)
		return;
	if (name != path || m->facts.name_len > sizeof(g->u.un.sun_path) ||
	    m->facts.name_len > (size_t)g->len || m->is_path != (*name != '\0') ||
	    (m->is_path && memchr(name, '\0', m->facts.name_len)))
		abort();
}

static void check_again(const struct sockaddr_socket *s, enum operation op,
			const struct sockaddr_given *g, const struct sockaddr_meaning *m)
{
	struct sockaddr_given copy = *g;
	struct sockaddr_meaning again;

	sockaddr_read(s, op, &copy, &again);
	if (memcmp(&copy, g, sizeof(copy)) != 0 || again.facts.family != m->facts.family ||
	    memcmp(again.facts.address, m->facts.address, 16) != 0 ||
	    again.facts.port != m->facts.port || again.is_path != m->is_path ||
	    again.ignored != m->ignored || again.facts.name_len != m->facts.name_len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_given g = {0}, local = {0};
	struct sockaddr_meaning m;
	struct sockaddr_socket s;
	enum operation op;

	if (size < 6)
		return 0;
	s.domain = domains[data[0] % ARRAY_SIZE(domains)];
	s.type = types[data[1] % ARRAY_SIZE(types)];
	s.protocol = protocols[data[2] % ARRAY_SIZE(protocols)];
	op = ops[data[4] % ARRAY_SIZE(ops)];
	g.len = data[5] % (int)(sizeof(g.u) + 1);
	data += 6;
	size -= 6;
	memcpy(&g.u, data, size < (size_t)g.len ? size : (size_t)g.len);
	if (size > sizeof(g.u))
		memcpy(&local.u, data + size - sizeof(local.u), sizeof(local.u));
	sockaddr_read(&s, op, &g, &m);
	check_name(&g, &m);
	check_again(&s, op, &g, &m);
	if (m.this_host) {
		sockaddr_set_host(&g, &local.u.storage, &m);
		check_again(&s, op, &g, &m);
	}
	return 0;
}

#include "tests/fuzz/fuzz_main.h"
