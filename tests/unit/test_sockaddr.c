/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_sockaddr.c - what socket addresses mean, in rows */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "daemon/sockaddr.h"
#include "proto/base.h"

#define CONNECT OPERATION_CONNECT
#define BIND	OPERATION_BIND
#define SEND	OPERATION_SEND

static const struct sockaddr_socket tcp = {AF_INET, SOCK_STREAM, IPPROTO_TCP};
static const struct sockaddr_socket udp = {AF_INET, SOCK_DGRAM, IPPROTO_UDP};
static const struct sockaddr_socket raw = {AF_INET, SOCK_RAW, IPPROTO_ICMP};
static const struct sockaddr_socket tcp6 = {AF_INET6, SOCK_STREAM, IPPROTO_TCP};
static const struct sockaddr_socket udp6 = {AF_INET6, SOCK_DGRAM, IPPROTO_UDP};
static const struct sockaddr_socket raw6 = {AF_INET6, SOCK_RAW, IPPROTO_ICMPV6};
static const struct sockaddr_socket ping = {AF_INET, SOCK_DGRAM, IPPROTO_ICMP};
static const struct sockaddr_socket smc = {43, SOCK_STREAM, 0};
static const struct sockaddr_socket un = {AF_UNIX, SOCK_STREAM, 0};
static const struct sockaddr_socket undg = {AF_UNIX, SOCK_DGRAM, 0};
static const struct sockaddr_socket unseq = {AF_UNIX, SOCK_SEQPACKET, 0};
static const struct sockaddr_socket packet = {AF_PACKET, SOCK_RAW, 0};

/* The address as bytes: FAMILY, port 443, A at its place. */
static void give(struct sockaddr_given *g, int family, const char *text, int len)
{
	struct sockaddr_in in = {.sin_port = htons(443)};
	struct sockaddr_in6 in6 = {.sin6_port = htons(443)};

	memset(g, 0, sizeof(*g));
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(&g->u, &in, sizeof(in));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(&g->u, &in6, sizeof(in6));
	else
		fail_msg("%s", text);
	g->u.any.sa_family = (sa_family_t)family;
	g->len = len;
}

static void ip_rows(void **state)
{
	static const struct {
		const struct sockaddr_socket *s;
		enum operation op;
		int family;
		const char *address;
		int fact;
		unsigned port;
		bool this_host, ignored;
		int after; /* the family that is handed on */
	} rows[] = {
		{&tcp, CONNECT, AF_INET, "10.0.0.1", AF_INET, 443, false, false, AF_INET},
		{&tcp, CONNECT, AF_INET, "0.0.0.0", AF_INET, 443, true, false, AF_INET},
		{&tcp, CONNECT, AF_UNSPEC, "10.0.0.1", AF_UNSPEC, 0, false, false, AF_UNSPEC},
		{&tcp, CONNECT, 1234, "10.0.0.1", AF_INET, 443, false, false, 1234},
		{&tcp, BIND, AF_INET, "0.0.0.0", AF_INET, 443, false, false, AF_INET},
		{&tcp, BIND, AF_UNSPEC, "0.0.0.0", AF_INET, 443, false, false, AF_INET},
		{&tcp, BIND, AF_UNSPEC, "10.0.0.1", AF_INET, 443, false, false, AF_UNSPEC},
		{&tcp, SEND, AF_INET, "10.0.0.1", AF_INET, 443, false, true, AF_INET},
		{&udp, SEND, AF_INET, "10.0.0.1", AF_INET, 443, false, false, AF_INET},
		{&udp, SEND, AF_UNSPEC, "10.0.0.1", AF_INET, 443, false, false, AF_INET},
		{&udp, SEND, AF_INET, "0.0.0.0", AF_INET, 443, true, false, AF_INET},
		/* Families that are not looked at, and ports that are none. */
		{&raw, BIND, AF_NETLINK, "10.0.0.1", AF_INET, 0, false, false, AF_NETLINK},
		{&raw, SEND, AF_INET, "10.0.0.1", AF_INET, 0, false, false, AF_INET},
		{&ping, CONNECT, AF_INET, "10.0.0.1", AF_INET, 0, false, false, AF_INET},
		{&tcp6, CONNECT, AF_INET6, "fe80::1", AF_INET6, 443, false, false, AF_INET6},
		{&tcp6, CONNECT, AF_INET6, "::", AF_INET6, 443, true, false, AF_INET6},
		{&tcp6, CONNECT, AF_INET6, "::ffff:0.0.0.0", AF_INET6, 443, true, false, AF_INET6},
		{&tcp6, CONNECT, AF_UNSPEC, "fe80::1", AF_UNSPEC, 0, false, false, AF_UNSPEC},
		{&udp6, CONNECT, AF_INET, "10.0.0.1", AF_INET, 443, false, false, AF_INET},
		{&udp6, SEND, AF_INET, "0.0.0.0", AF_INET, 443, true, false, AF_INET},
		{&udp6, SEND, AF_UNSPEC, "fe80::1", AF_UNSPEC, 0, false, false, AF_UNSPEC},
		{&raw6, SEND, AF_UNSPEC, "fe80::1", AF_INET6, 0, false, false, AF_INET6},
		{&smc, CONNECT, AF_INET, "10.0.0.1", AF_INET, 443, false, false, AF_INET},
		{&smc, CONNECT, AF_INET6, "fe80::1", AF_INET6, 443, false, false, AF_INET6},
		/* No address of ours, whatever it claims to be. */
		{&packet, SEND, AF_INET, "10.0.0.1", AF_PACKET, 0, false, false, AF_INET},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sockaddr_given g;
		struct sockaddr_meaning m;
		char text[INET6_ADDRSTRLEN];

		give(&g, rows[i].family, rows[i].address, sizeof(struct sockaddr_in6));
		sockaddr_read(rows[i].s, rows[i].op, &g, &m);
		if (m.facts.family != rows[i].fact || m.facts.port != rows[i].port ||
		    m.this_host != rows[i].this_host || m.ignored != rows[i].ignored ||
		    g.u.any.sa_family != rows[i].after)
			fail_msg("row %zu: family %d port %u host %d ignored %d after %d", i,
				 m.facts.family, m.facts.port, m.this_host, m.ignored,
				 g.u.any.sa_family);
		if (m.facts.family == AF_INET || m.facts.family == AF_INET6)
			assert_string_equal(
				inet_ntop(m.facts.family, m.facts.address, text, sizeof(text)),
				rows[i].address);
		assert_int_equal(m.facts.name_len, 0);
	}
}

static void host_rows(void **state)
{
	static const struct {
		const struct sockaddr_socket *s;
		int family;
		const char *address;
		int local_family;
		const char *local, *host;
	} rows[] = {
		{&tcp, AF_INET, "0.0.0.0", AF_INET, "0.0.0.0", "127.0.0.1"},
		{&tcp, AF_INET, "0.0.0.0", AF_INET, "192.0.2.1", "192.0.2.1"},
		{&tcp, AF_INET, "0.0.0.0", AF_INET, "224.0.0.1", "127.0.0.1"},
		{&udp6, AF_INET, "0.0.0.0", AF_INET6, "::ffff:192.0.2.1", "192.0.2.1"},
		{&udp6, AF_INET, "0.0.0.0", AF_INET6, "::", "127.0.0.1"},
		{&tcp6, AF_INET6, "::", AF_INET6, "::", "::1"},
		{&tcp6, AF_INET6, "::", AF_INET6, "fe80::1", "::1"},
		{&tcp6, AF_INET6, "::", AF_INET6, "::ffff:192.0.2.1", "::ffff:127.0.0.1"},
		{&tcp6, AF_INET6, "::ffff:0.0.0.0", AF_INET6, "::", "::ffff:127.0.0.1"},
		{&tcp6, AF_INET6, "::ffff:0.0.0.0", AF_INET6, "::ffff:192.0.2.1",
		 "::ffff:192.0.2.1"},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sockaddr_given g, local, again;
		struct sockaddr_meaning m, n;
		char text[INET6_ADDRSTRLEN];

		give(&g, rows[i].family, rows[i].address, sizeof(struct sockaddr_in6));
		give(&local, rows[i].local_family, rows[i].local, sizeof(struct sockaddr_in6));
		sockaddr_read(rows[i].s, CONNECT, &g, &m);
		assert_true(m.this_host);
		sockaddr_set_host(&g, &local.u.storage, &m);
		assert_string_equal(inet_ntop(m.facts.family, m.facts.address, text, sizeof(text)),
				    rows[i].host);
		/* What is handed on says the same. */
		again = g;
		sockaddr_read(rows[i].s, CONNECT, &again, &n);
		assert_false(n.this_host);
		assert_memory_equal(n.facts.address, m.facts.address, 16);
		assert_int_equal(n.facts.port, 443);
	}
}

static void unix_rows(void **state)
{
	static const struct {
		const struct sockaddr_socket *s;
		enum operation op;
		int family;
		char name[8];
		int len; /* of the name */
		int fact;
		size_t name_len;
		bool is_path, ignored;
	} rows[] = {
		{&un, CONNECT, AF_UNIX, "/run/x", 7, AF_UNIX, 6, true, false},
		{&un, CONNECT, AF_UNIX, "/run/x", 6, AF_UNIX, 6, true, false},
		{&un, CONNECT, AF_UNIX, "/run/x", 4, AF_UNIX, 4, true, false},
		{&un, CONNECT, AF_UNIX, "/run/x", 108, AF_UNIX, 6, true, false},
		{&un, CONNECT, AF_UNIX, "/run/x", 109, AF_UNIX, 0, false, false},
		{&un, CONNECT, AF_UNIX, "\0abc", 4, AF_UNIX, 4, false, false},
		{&un, CONNECT, AF_UNIX, "\0abc", 8, AF_UNIX, 8, false, false},
		{&un, CONNECT, AF_UNIX, "", 0, AF_UNIX, 0, false, false},
		{&un, CONNECT, AF_UNIX, "\0", 1, AF_UNIX, 1, false, false},
		{&un, CONNECT, AF_UNIX, "", -1, AF_UNIX, 0, false, false},
		{&un, CONNECT, AF_INET, "/run/x", 7, AF_UNIX, 0, false, false},
		{&un, CONNECT, AF_UNSPEC, "/run/x", 7, AF_UNIX, 0, false, false},
		{&undg, CONNECT, AF_UNSPEC, "/run/x", 7, AF_UNSPEC, 0, false, false},
		{&undg, SEND, AF_UNIX, "/run/x", 7, AF_UNIX, 6, true, false},
		{&undg, SEND, AF_UNSPEC, "/run/x", 7, AF_UNIX, 0, false, false},
		{&unseq, SEND, AF_UNIX, "/run/x", 7, AF_UNIX, 0, false, true},
		{&un, SEND, AF_UNIX, "/run/x", 7, AF_UNIX, 0, false, false},
		{&un, BIND, AF_UNIX, "", 0, AF_UNIX, 0, false, false},
		{&un, BIND, AF_UNIX, "x", 2, AF_UNIX, 1, true, false},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sockaddr_given g = {0};
		struct sockaddr_meaning m;
		size_t n = rows[i].len > 7 ? 7 : (size_t)(rows[i].len > 0 ? rows[i].len : 0);

		memcpy(g.u.un.sun_path, rows[i].name, n);
		g.u.any.sa_family = (sa_family_t)rows[i].family;
		g.len = rows[i].len + (int)offsetof(struct sockaddr_un, sun_path);
		sockaddr_read(rows[i].s, rows[i].op, &g, &m);
		if (m.facts.family != rows[i].fact || m.facts.name_len != rows[i].name_len ||
		    m.is_path != rows[i].is_path || m.ignored != rows[i].ignored || m.this_host)
			fail_msg("row %zu: family %d name of %zu path %d ignored %d", i,
				 m.facts.family, m.facts.name_len, m.is_path, m.ignored);
	}
}

/* All of sun_path, and no NUL in it. */
static void longest_path(void **state)
{
	struct sockaddr_given g = {.len = sizeof(struct sockaddr_un)};
	struct sockaddr_meaning m;
	(void)state;

	memset(&g.u.un, 'x', sizeof(g.u.un));
	g.u.any.sa_family = AF_UNIX;
	sockaddr_read(&un, CONNECT, &g, &m);
	assert_true(m.is_path);
	assert_int_equal(m.facts.name_len, 108);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip_rows),
		cmocka_unit_test(host_rows),
		cmocka_unit_test(unix_rows),
		cmocka_unit_test(longest_path),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
