/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_netset.c - networks, ports and socket names, in rows and against a matcher of one by one */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "daemon/idset.h"
#include "daemon/netset.h"
#include "proto/base.h"

#define MEMORY ((size_t)64 << 20)
#define ROUNDS 3000

/* ---- what is parsed ------------------------------------------------------------- */

struct parse_row {
	const char *text;
	enum netset_kind kind;
	const char *address; /* or the glob */
	unsigned bits;
};

static void parse_address_rows(void **state)
{
	static const struct parse_row rows[] = {
		{"10.0.0.0/8", NETSET_IPV4, "10.0.0.0", 8},
		{"0.0.0.0/0", NETSET_IPV4, "0.0.0.0", 0},
		{"192.0.2.1", NETSET_IPV4, "192.0.2.1", 32},
		{"192.0.2.1/32", NETSET_IPV4, "192.0.2.1", 32},
		{"192.0.2.128/25", NETSET_IPV4, "192.0.2.128", 25},
		{"::1", NETSET_IPV6, "::1", 128},
		{"::/0", NETSET_IPV6, "::", 0},
		{"fe80::/10", NETSET_IPV6, "fe80::", 10},
		{"::ffff:0:0/96", NETSET_IPV4, "0.0.0.0", 0},
		{"::ffff:10.0.0.0/104", NETSET_IPV4, "10.0.0.0", 8},
		{"::ffff:a00:1", NETSET_IPV4, "10.0.0.1", 32},
		{"::fffe:0:0/95", NETSET_IPV6, "::fffe:0:0", 95},
		{"::/96", NETSET_IPV6, "::", 96},
		{"unix:/run/x/*.sock", NETSET_UNIX, "/run/x/*.sock", 0},
		{"unix:@x*", NETSET_UNIX, "@x*", 0},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct parse_row *row = &rows[i];
		char why[NETSET_WHY_MAX] = "", text[INET6_ADDRSTRLEN];
		struct netset_item item;

		if (netset_parse_address(row->text, &item, why) < 0)
			fail_msg("%s", why);
		assert_int_equal(item.kind, row->kind);
		assert_int_equal(item.bits, row->bits);
		if (item.kind != NETSET_UNIX)
			inet_ntop(item.kind == NETSET_IPV4 ? AF_INET : AF_INET6, item.address, text,
				  sizeof(text));
		assert_string_equal(item.kind == NETSET_UNIX ? item.glob : text, row->address);
	}
}

static void parse_port_rows(void **state)
{
	static const struct {
		const char *text;
		unsigned port, last;
	} rows[] = {
		{"8080", 8080, 8080},	 {"9000-9010", 9000, 9010}, {"0", 0, 0},
		{"65535", 65535, 65535}, {"0-65535", 0, 65535},	    {"7-7", 7, 7},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char why[NETSET_WHY_MAX] = "";
		struct netset_item item;

		if (netset_parse_port(rows[i].text, &item, why) < 0)
			fail_msg("%s", why);
		assert_int_equal(item.kind, NETSET_PORT);
		assert_int_equal(item.port, rows[i].port);
		assert_int_equal(item.last, rows[i].last);
	}
}

static void refused_rows(void **state)
{
	static const char no_address[] = "is no address";
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", no_address},
		{"localhost", no_address},
		{"8080", no_address},
		{"10.0.0", no_address},
		{"010.0.0.1", no_address},
		{"10.0.0.0.", no_address},
		{"[::1]", no_address},
		{"fe80::1%eth0", no_address},
		{"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", no_address},
		{"/8", no_address},
		{"/run/x", no_address},
		{"10.0.0.0/", "expected 0 to 32 bits"},
		{"10.0.0.0/33", "expected 0 to 32 bits"},
		{"10.0.0.0/-1", "expected 0 to 32 bits"},
		{"10.0.0.0/08", "expected 0 to 32 bits"},
		{"10.0.0.0/8/8", "expected 0 to 32 bits"},
		{"10.0.0.0/255.0.0.0", "expected 0 to 32 bits"},
		{"::/129", "expected 0 to 128 bits"},
		{"10.0.0.1/8", "did you mean 10.0.0.0/8, or 10.0.0.1 alone?"},
		{"10.128.0.0/8", "did you mean 10.0.0.0/8, or 10.128.0.0 alone?"},
		{"fe80::1/10", "did you mean fe80::/10, or fe80::1 alone?"},
		{"::ffff:0:0/95", "did you mean ::fffe:0:0/95, or ::ffff:0.0.0.0 alone?"},
		{"unix:", "'unix:': neither an absolute path nor '@'"},
		{"unix:x", "neither an absolute path nor '@'"},
		{"unix:/a//b", "'unix:/a//b': an empty component, at byte 9"},
	};
	static const char *const ports[] = {"",	     "x",    "-1",  "1-",  "65536", "1-65536",
					    "080",   "+80",  " 80", "80 ", "1-2-3", "100000000000",
					    "80,81", "0x50", "-",   "1--2"};
	char why[NETSET_WHY_MAX];
	struct netset_item item;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(netset_parse_address(rows[i].text, &item, why), -EINVAL);
		if (!strstr(why, rows[i].why))
			fail_msg("%s", why);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		assert_int_equal(netset_parse_port(ports[i], &item, why), -EINVAL);
		assert_non_null(strstr(why, "is no port"));
	}
	assert_int_equal(netset_parse_port("9010-9000", &item, why), -EINVAL);
	assert_non_null(strstr(why, "did you mean 9000-9010?"));
}

/* ---- what matches --------------------------------------------------------------------- */

/* "10.0.0.1:80", "[::1]:80", "unix:/x", "unix:@x", "netlink" */
static struct netset_facts facts_of(const char *text)
{
	struct netset_facts f = {.family = AF_NETLINK};
	char address[64];
	const char *colon = strrchr(text, ':');

	if (strncmp(text, "unix:", 5) == 0) {
		static char name[64];

		(void)snprintf(name, sizeof(name), "%s", text + 5);
		f = (struct netset_facts){
			.family = AF_UNIX, .name = name, .name_len = strlen(name)};
		if (name[0] == '@')
			name[0] = '\0';
	} else if (colon) {
		bool six = text[0] == '[';

		f.family = six ? AF_INET6 : AF_INET;
		f.port = (uint16_t)atoi(colon + 1);
		(void)snprintf(address, sizeof(address), "%.*s",
			       (int)(colon - text - (six ? 2 : 0)), text + six);
		assert_int_equal(inet_pton(f.family, address, f.address), 1);
	}
	return f;
}

/* "ITEM ITEM...": what begins with a colon is a port. Of the id ID. */
static size_t items_of(char *text, unsigned id, struct netset_item *items)
{
	char why[NETSET_WHY_MAX], *save;
	size_t n = 0;

	for (char *s = strtok_r(text, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		if ((*s == ':' && s[1] != ':' ? netset_parse_port(s + 1, &items[n], why)
					      : netset_parse_address(s, &items[n], why)) < 0)
			fail_msg("%s", why);
		items[n++].id = id;
	}
	return n;
}

static void match_rows(void **state)
{
	static const struct {
		const char *rule, *address;
		bool yes;
	} rows[] = {
		{"10.0.0.0/8", "10.255.1.1:80", true},
		{"10.0.0.0/8", "11.0.0.0:80", false},
		{"10.0.0.0/8", "[::ffff:10.1.1.1]:80", true},
		{"10.0.0.0/8", "[::10.1.1.1]:80", false},
		{"10.0.0.0/8", "[a00::]:80", false},
		{"10.0.0.1", "10.0.0.1:80", true},
		{"10.0.0.1", "10.0.0.0:80", false},
		{"0.0.0.0/0", "255.255.255.255:80", true},
		{"0.0.0.0/0", "[::ffff:1.2.3.4]:80", true},
		{"0.0.0.0/0", "[::1]:80", false},
		{"0.0.0.0/0", "unix:/x", false},
		{"::/0", "[::1]:80", true},
		{"::/0", "1.2.3.4:80", false},
		{"::/0", "[::ffff:1.2.3.4]:80", false},
		{"::fffe:0:0/95", "[::ffff:1.2.3.4]:80", false},
		{"::fffe:0:0/95", "[::fffe:1.2.3.4]:80", true},
		{"::ffff:0:0/96", "1.2.3.4:80", true},
		{"::ffff:0:0/96", "[::ffff:1.2.3.4]:80", true},
		{"::ffff:0:0/96", "[::1]:80", false},
		{"fe80::/10", "[febf::1]:80", true},
		{"fe80::/10", "[fec0::1]:80", false},
		{"::1", "[::1]:80", true},
		{"::1", "[::]:80", false},
		{"10.0.0.0/8 :80", "10.0.0.1:80", true},
		{"10.0.0.0/8 :80", "10.0.0.1:81", false},
		{"10.0.0.0/8 :80", "11.0.0.1:80", false},
		{"10.0.0.0/8 ::1 :80 :9000-9010", "[::1]:9010", true},
		{"10.0.0.0/8 ::1 :80 :9000-9010", "[::1]:9011", false},
		{"10.0.0.0/8 ::1 :80 :9000-9010", "10.0.0.1:9000", true},
		{":80", "1.2.3.4:80", true},
		{":80", "[::1]:80", true},
		{":80", "[::1]:8080", false},
		{":0-65535", "[::1]:0", true},
		{":0-65535", "[::1]:65535", true},
		{":80", "unix:/x", false},
		{":0-65535", "netlink", false},
		{"", "1.2.3.4:80", true},
		{"", "[::1]:80", true},
		{"", "unix:/x", true},
		{"", "unix:@x", true},
		{"", "unix:", true},
		{"", "netlink", true},
		{"unix:/run/*.sock", "unix:/run/a.sock", true},
		{"unix:/run/*.sock", "unix:/run/a/b.sock", false},
		{"unix:/run/*.sock", "unix:@/run/a.sock", false},
		{"unix:/run/*.sock", "unix:", false},
		{"unix:/run/*.sock", "1.2.3.4:80", false},
		{"unix:@a*", "unix:@a/b", true},
		{"unix:@a*", "unix:/a", false},
		{"unix:@*", "unix:@", true},
		{"unix:@*", "unix:", false},
		{"10.0.0.0/8 unix:/x :80", "unix:/x", true},
		{"10.0.0.0/8 :80", "unix:/x", false},
		{"10.0.0.0/8", "netlink", false},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new(MEMORY);
		struct netset_facts f = facts_of(rows[i].address);
		struct netset_item items[8];
		struct netset *s = NULL;
		uint64_t bitmap = 0;
		char rule[64];
		size_t n;

		(void)snprintf(rule, sizeof(rule), "%s", rows[i].rule);
		n = items_of(rule, 0, items);
		assert_int_equal(netset_new(a, items, n, 1, &s), 0);
		assert_int_equal(netset_match(s, &f, &bitmap), 0);
		if (bitmap != (uint64_t)rows[i].yes)
			fail_msg("'%s' %s '%s'", rows[i].rule,
				 rows[i].yes ? "does not match" : "matches", rows[i].address);
	}
}

static void limits(void **state)
{
	static char name[5000] = "/";
	_cleanup_(arena_freep) struct arena *a = arena_new(MEMORY);
	_cleanup_(arena_freep) struct arena *small = arena_new(100);
	struct netset_item item = {.kind = NETSET_IPV4, .bits = 32};
	struct netset_facts f = {.family = AF_UNIX, .name = name, .name_len = sizeof(name)};
	struct netset *s = NULL;
	uint64_t bitmap = 0;
	(void)state;

	assert_int_equal(netset_new(a, &item, 1, 0, &s), -EINVAL);
	assert_int_equal(netset_new(a, &item, 1, NETSET_IDS_MAX + 1, &s), -E2BIG);
	assert_int_equal(netset_new(small, &item, 1, 1, &s), -ENOMEM);
	item.bits = 33;
	assert_int_equal(netset_new(a, &item, 1, 1, &s), -EINVAL);
	item = (struct netset_item){.kind = NETSET_PORT, .last = 65536};
	assert_int_equal(netset_new(a, &item, 1, 1, &s), -EINVAL);
	item = (struct netset_item){.kind = NETSET_UNIX, .glob = "x"};
	assert_int_equal(netset_new(a, &item, 1, 1, &s), -EINVAL);
	assert_int_equal(netset_new(a, NULL, 0, 0, &s), 0);
	assert_int_equal(netset_match(s, &f, &bitmap), -ENAMETOOLONG);
	assert_int_equal(bitmap, 0);
}

/* ---- against a matcher of one by one -------------------------------------------------- */

static unsigned roll(unsigned *seed, unsigned n)
{
	return (unsigned)rand_r(seed) % n;
}

static bool naive_network(const struct netset_item *item, const struct netset_facts *f)
{
	const uint8_t *address = f->address;
	bool four = f->family == AF_INET;

	if (f->family == AF_INET6 && memcmp(address, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0) {
		four = true;
		address += 12;
	}
	if (four != (item->kind == NETSET_IPV4))
		return false;
	for (unsigned i = 0; i < item->bits; i++) {
		if ((item->address[i / 8] ^ address[i / 8]) & 0x80 >> i % 8)
			return false;
	}
	return true;
}

/* IP alone: the names of Unix sockets are test_pathset's. */
static bool naive(const struct netset_item *items, size_t n, unsigned id,
		  const struct netset_facts *f)
{
	bool has_port = false, has_address = false, port = false, address = false;

	for (size_t i = 0; i < n; i++) {
		const struct netset_item *item = &items[i];

		if (item->id != id)
			continue;
		if (item->kind == NETSET_PORT) {
			has_port = true;
			port = port || (item->port <= f->port && f->port <= item->last);
		} else {
			has_address = true;
			address = address || naive_network(item, f);
		}
	}
	return (port || !has_port) && (address || !has_address);
}

/* Few different bits, so that networks are within each other and addresses in them. */
static void random_address(unsigned *seed, uint8_t *address, unsigned bits)
{
	memset(address, 0, 16);
	if (bits > 32 && roll(seed, 3) == 0)
		memset(address + 10, 0xff, 2);
	for (unsigned i = roll(seed, 4); i > 0; i--) {
		unsigned at = roll(seed, 2) ? roll(seed, bits) : bits - 1 - roll(seed, 8);

		address[at / 8] ^= (uint8_t)(0x80 >> at % 8);
	}
}

static unsigned random_port(unsigned *seed)
{
	return roll(seed, 2)   ? roll(seed, 20)
	       : roll(seed, 2) ? 65535 - roll(seed, 20)
			       : roll(seed, 65536);
}

static struct netset_item random_item(unsigned *seed)
{
	char text[INET6_ADDRSTRLEN + 8], address[INET6_ADDRSTRLEN], why[NETSET_WHY_MAX];
	struct netset_item item = {.kind = NETSET_PORT};

	if (roll(seed, 3) == 0) {
		item.port = random_port(seed);
		item.last = roll(seed, 2) ? item.port : random_port(seed);
		if (item.last < item.port)
			item.last = item.port;
		return item;
	}
	do {
		bool six = roll(seed, 2);
		unsigned bits = six ? 128 : 32;
		uint8_t key[16];

		random_address(seed, key, bits);
		inet_ntop(six ? AF_INET6 : AF_INET, key, address, sizeof(address));
		(void)snprintf(text, sizeof(text), "%s/%u", address,
			       roll(seed, 3) ? bits - roll(seed, 9) : roll(seed, bits + 1));
	} while (netset_parse_address(text, &item, why) < 0);
	return item;
}

static void property(void **state)
{
	const char *text = getenv("NETSET_SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : 20261124, matches = 0;
	(void)state;

	for (unsigned round = 0; round < ROUNDS; round++) {
		_cleanup_(arena_freep) struct arena *a = arena_new(MEMORY);
		unsigned n_ids = 1 + roll(&seed, 100), n = roll(&seed, 3 * n_ids);
		struct netset_item items[300];
		struct netset *s = NULL;

		for (unsigned i = 0; i < n; i++) {
			items[i] = random_item(&seed);
			items[i].id = roll(&seed, n_ids);
		}
		assert_int_equal(netset_new(a, items, n, n_ids, &s), 0);
		for (unsigned i = 0; i < 30; i++) {
			bool six = roll(&seed, 2);
			struct netset_facts f = {.family = six ? AF_INET6 : AF_INET,
						 .port = (uint16_t)random_port(&seed)};
			uint64_t bitmap[2] = {0};

			random_address(&seed, f.address, six ? 128 : 32);
			assert_int_equal(netset_match(s, &f, bitmap), 0);
			for (unsigned id = 0; id < n_ids; id++) {
				bool yes = bitmap[id / 64] >> id % 64 & 1;

				if (yes != naive(items, n, id, &f))
					fail_msg("round %u, address %u, id %u", round, i, id);
				matches += yes;
			}
		}
	}
	assert_true(matches > ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_address_rows),
		cmocka_unit_test(parse_port_rows),
		cmocka_unit_test(refused_rows),
		cmocka_unit_test(match_rows),
		cmocka_unit_test(limits),
		cmocka_unit_test(property),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
