/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netset.c - the addresses and ports of thousands of rules, matched at once
 *
 * Networks of one family are a binary tree of prefixes in which nodes with one child are left out:
 * all prefixes of an address are on one way down. A range of ports is a few prefixes of 16 bits,
 * so ports are such a tree too. The names of Unix sockets are a pathset.
 */
#include "daemon/netset.h"

#include <arpa/inet.h>
#include <string.h>

#include "daemon/pathset.h"
#include "proto/base.h"

#define PORT_BITS 16

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static unsigned key_bit(const uint8_t *key, unsigned at)
{
	return key[at / 8] >> (7 - at % 8) & 1;
}

/* How many bits, at most MAX, two keys have in common. */
static unsigned key_common(const uint8_t *x, const uint8_t *y, unsigned max)
{
	unsigned n = 0;

	while (n + 8 <= max && x[n / 8] == y[n / 8])
		n += 8;
	while (n < max && key_bit(x, n) == key_bit(y, n))
		n++;
	return n;
}

/* Zeroes all but BITS bits. */
static void key_cut(uint8_t key[16], unsigned bits)
{
	for (unsigned i = bits / 8; i < 16; i++)
		key[i] &= i == bits / 8 ? (uint8_t)(0xff00 >> bits % 8) : 0;
}

/* ---- parsing ------------------------------------------------------------------------- */

#define parse_error(why, ...) ((void)snprintf(why, NETSET_WHY_MAX, __VA_ARGS__), -EINVAL)

/* Decimal, without sign or leading zeros, up to MAX. */
static bool parse_number(const char *s, size_t len, unsigned max, unsigned *ret)
{
	unsigned n = 0;

	if (len == 0 || len > 5 || (len > 1 && s[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = n * 10 + (unsigned)(s[i] - '0');
	}
	*ret = n;
	return n <= max;
}

int netset_parse_port(const char *text, struct netset_item *ret, char *why)
{
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	struct netset_item item = {.kind = NETSET_PORT};

	if (!parse_number(text, len, UINT16_MAX, &item.port) ||
	    (dash && !parse_number(dash + 1, strlen(dash + 1), UINT16_MAX, &item.last)))
		return parse_error(
			why, "'%.60s' is no port, expected 0 to 65535 or a range such as 9000-9010",
			text);
	if (!dash)
		item.last = item.port;
	if (item.port > item.last)
		return parse_error(why, "'%.60s' runs backwards; did you mean %u-%u?", text,
				   item.last, item.port);
	*ret = item;
	return 0;
}

static int parse_unix(const char *text, struct netset_item *item, char *why)
{
	const char *reason;
	size_t at;

	item->kind = NETSET_UNIX;
	item->glob = text + strlen("unix:");
	if (pathset_check(item->glob, PATHSET_SOCKETS, &at, &reason) == 0)
		return 0;
	return parse_error(why, "'%.60s': %s, at byte %zu", text, reason, at + strlen("unix:") + 1);
}

static const char *item_text(const struct netset_item *item, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(item->kind == NETSET_IPV4 ? AF_INET : AF_INET6, item->address, text,
			 INET6_ADDRSTRLEN);
}

static int check_host_bits(const char *text, const struct netset_item *item, char *why)
{
	char network[INET6_ADDRSTRLEN], host[INET6_ADDRSTRLEN];
	struct netset_item cut = *item;

	key_cut(cut.address, cut.bits);
	if (memcmp(cut.address, item->address, sizeof(cut.address)) == 0)
		return 0;
	return parse_error(why,
			   "'%.60s' has bits of a host behind the network's %u; did you mean "
			   "%s/%u, or %s alone?",
			   text, item->bits, item_text(&cut, network), item->bits,
			   item_text(item, host));
}

int netset_parse_address(const char *text, struct netset_item *ret, char *why)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct netset_item item = {0};
	char address[INET6_ADDRSTRLEN] = "";
	unsigned width;
	int r;

	if (strncmp(text, "unix:", 5) == 0) {
		r = parse_unix(text, &item, why);
		if (r == 0)
			*ret = item;
		return r;
	}
	if (len < sizeof(address))
		memcpy(address, text, len);
	if (inet_pton(AF_INET, address, item.address) == 1)
		item.kind = NETSET_IPV4;
	else if (inet_pton(AF_INET6, address, item.address) == 1)
		item.kind = NETSET_IPV6;
	else
		return parse_error(why,
				   "'%.60s' is no address, expected one of IPv4 or IPv6 (names are "
				   "not looked up), a network such as 10.0.0.0/8, or unix:PATH",
				   text);
	width = item.kind == NETSET_IPV4 ? 32 : 128;
	item.bits = width;
	if (slash && !parse_number(slash + 1, strlen(slash + 1), width, &item.bits))
		return parse_error(why, "'%.60s': expected 0 to %u bits behind the slash", text,
				   width);
	r = check_host_bits(text, &item, why);
	if (r < 0)
		return r;
	if (item.kind == NETSET_IPV6 && item.bits >= 8 * sizeof(mapped) &&
	    memcmp(item.address, mapped, sizeof(mapped)) == 0) {
		item.kind = NETSET_IPV4;
		item.bits -= 8 * sizeof(mapped);
		memmove(item.address, item.address + sizeof(mapped), 4);
		memset(item.address + 4, 0, 12);
	}
	*ret = item;
	return 0;
}

/* ---- trees of prefixes ------------------------------------------------------------------- */

struct prefix {
	uint8_t key[16];
	unsigned bits;
	unsigned id;
};

struct prefixes {
	struct prefix *v;
	size_t n;
};

struct node {
	uint8_t key[16];
	unsigned bits;
	uint32_t kids[2]; /* 0: none */
	struct idset ids;
};

/* The first node is the root, the prefix of no bits. */
struct tree {
	struct node *nodes;
	uint32_t n;
};

static int prefix_compare(const void *x, const void *y)
{
	const struct prefix *a = x, *b = y;
	int r = memcmp(a->key, b->key, sizeof(a->key));

	if (r != 0)
		return r;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static uint32_t tree_add(struct tree *t, const struct prefix *p, unsigned bits)
{
	struct node *n = &t->nodes[t->n];

	memcpy(n->key, p->key, sizeof(n->key));
	key_cut(n->key, bits);
	n->bits = bits;
	return t->n++;
}

/* The node of P; there is one, or room for two. */
static uint32_t tree_node(struct tree *t, const struct prefix *p)
{
	uint32_t at = 0;

	while (t->nodes[at].bits < p->bits) {
		uint32_t *link = &t->nodes[at].kids[key_bit(p->key, t->nodes[at].bits)];
		const struct node *kid = &t->nodes[*link];
		unsigned max = kid->bits < p->bits ? kid->bits : p->bits;
		unsigned common = *link ? key_common(kid->key, p->key, max) : 0;

		if (!*link) {
			*link = tree_add(t, p, p->bits);
		} else if (common < kid->bits) {
			uint32_t branch = tree_add(t, p, common);

			t->nodes[branch].kids[key_bit(kid->key, common)] = *link;
			*link = branch;
		}
		at = *link;
	}
	return at;
}

static int tree_build(struct arena *a, struct prefixes *ps, struct tree *ret)
{
	_cleanup_free_ unsigned *ids = calloc(ps->n + 1, sizeof(*ids));
	struct tree t = {.nodes = arena_alloc(a, 2 * ps->n + 1, sizeof(*t.nodes)), .n = 1};
	size_t end;

	if (!ids || !t.nodes)
		return -ENOMEM;
	qsort(ps->v, ps->n, sizeof(*ps->v), prefix_compare);
	for (size_t i = 0; i < ps->n; i = end) {
		const struct prefix *p = &ps->v[i];
		int r;

		for (end = i; end < ps->n && ps->v[end].bits == p->bits &&
			      memcmp(ps->v[end].key, p->key, sizeof(p->key)) == 0;
		     end++)
			ids[end - i] = ps->v[end].id;
		r = idset_make(a, ids, end - i, &t.nodes[tree_node(&t, p)].ids);
		if (r < 0)
			return r;
	}
	*ret = t;
	return 0;
}

/* Adds the ids of all prefixes that KEY has, those in MASK alone where there is one. */
static void tree_match(const struct tree *t, const uint8_t *key, const uint64_t *mask,
		       uint64_t *bitmap)
{
	const struct node *n = t->nodes;

	while (key_common(n->key, key, n->bits) == n->bits) {
		uint32_t kid;

		if (mask)
			idset_add_masked(&n->ids, mask, bitmap);
		else
			idset_add(&n->ids, bitmap);
		if (!n->kids[0] && !n->kids[1])
			break; /* perhaps at the key's end */
		kid = n->kids[key_bit(key, n->bits)];
		if (!kid)
			break;
		n = &t->nodes[kid];
	}
}

/* ---- the set ------------------------------------------------------------------------------- */

struct netset {
	struct tree ipv4, ipv6, ports;
	struct pathset *names;
	struct idset no_address, no_port, neither;
	size_t words; /* of a bitmap */
};

struct build {
	struct arena *arena;
	struct prefixes ipv4, ipv6, ports;
	struct pathset_item *names;
	size_t n_names;
	bool *has_address, *has_port; /* of each id */
};

static void build_done(struct build *b)
{
	free(b->ipv4.v);
	free(b->ipv6.v);
	free(b->ports.v);
	free(b->names);
	free(b->has_address);
	free(b->has_port);
}

/* How many bits are free in the largest prefix that begins with PORT and is within the range. */
static unsigned port_block(unsigned port, unsigned last)
{
	unsigned n = 0;

	while (n < PORT_BITS && port % (2u << n) == 0 && port + (2u << n) - 1 <= last)
		n++;
	return n;
}

static size_t count_ports(const struct netset_item *item)
{
	size_t n = 0;

	for (unsigned port = item->port; port <= item->last; n++)
		port += 1u << port_block(port, item->last);
	return n;
}

static void add_ports(struct prefixes *ps, const struct netset_item *item)
{
	unsigned port = item->port;

	while (port <= item->last) {
		unsigned free_bits = port_block(port, item->last);

		ps->v[ps->n++] = (struct prefix){
			.key = {(uint8_t)(port >> 8), (uint8_t)port},
			.bits = PORT_BITS - free_bits,
			.id = item->id,
		};
		port += 1u << free_bits;
	}
}

static void add_network(struct prefixes *ps, const struct netset_item *item)
{
	struct prefix *p = &ps->v[ps->n++];

	memcpy(p->key, item->address, sizeof(p->key));
	p->bits = item->bits;
	p->id = item->id;
}

static bool item_is_good(const struct netset_item *item, unsigned n_ids)
{
	static const unsigned widths[] = {[NETSET_IPV4] = 32, [NETSET_IPV6] = 128};

	if (item->id >= n_ids)
		return false;
	if (item->kind == NETSET_PORT)
		return item->last <= UINT16_MAX;
	return item->kind == NETSET_UNIX || item->bits <= widths[item->kind];
}

static void add_item(struct build *b, const struct netset_item *item)
{
	switch (item->kind) {
	case NETSET_IPV4:
		add_network(&b->ipv4, item);
		break;
	case NETSET_IPV6:
		add_network(&b->ipv6, item);
		break;
	case NETSET_UNIX:
		b->names[b->n_names].pattern = item->glob;
		b->names[b->n_names++].id = item->id;
		break;
	case NETSET_PORT:
		add_ports(&b->ports, item);
		break;
	}
	(item->kind == NETSET_PORT ? b->has_port : b->has_address)[item->id] = true;
}

static int add_items(struct build *b, const struct netset_item *items, size_t n, unsigned n_ids)
{
	size_t n_ports = 0;

	for (size_t i = 0; i < n; i++) {
		if (!item_is_good(&items[i], n_ids))
			return -EINVAL;
		n_ports += items[i].kind == NETSET_PORT ? count_ports(&items[i]) : 0;
	}
	b->ipv4.v = calloc(n + 1, sizeof(*b->ipv4.v));
	b->ipv6.v = calloc(n + 1, sizeof(*b->ipv6.v));
	b->ports.v = calloc(n_ports + 1, sizeof(*b->ports.v));
	b->names = calloc(n + 1, sizeof(*b->names));
	b->has_address = calloc((size_t)n_ids + 1, sizeof(*b->has_address));
	b->has_port = calloc((size_t)n_ids + 1, sizeof(*b->has_port));
	if (!b->ipv4.v || !b->ipv6.v || !b->ports.v || !b->names || !b->has_address || !b->has_port)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		add_item(b, &items[i]);
	return 0;
}

/* The ids that do not have an address where NO_ADDRESS, a port where NO_PORT. */
static int make_without(struct build *b, unsigned n_ids, bool no_address, bool no_port,
			struct idset *ret)
{
	_cleanup_free_ unsigned *ids = calloc((size_t)n_ids + 1, sizeof(*ids));
	size_t n = 0;

	if (!ids)
		return -ENOMEM;
	for (unsigned i = 0; i < n_ids; i++) {
		if (!(no_address && b->has_address[i]) && !(no_port && b->has_port[i]))
			ids[n++] = i;
	}
	return idset_make(b->arena, ids, n, ret);
}

int netset_new(struct arena *a, const struct netset_item *items, size_t n, unsigned n_ids,
	       struct netset **ret)
{
	_cleanup_(build_done) struct build b = {.arena = a};
	struct netset *s;
	int r;

	if (n_ids > NETSET_IDS_MAX)
		return -E2BIG;
	s = arena_alloc(a, 1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->words = IDSET_WORDS(n_ids);
	r = add_items(&b, items, n, n_ids);
	if (r == 0)
		r = tree_build(a, &b.ipv4, &s->ipv4);
	if (r == 0)
		r = tree_build(a, &b.ipv6, &s->ipv6);
	if (r == 0)
		r = tree_build(a, &b.ports, &s->ports);
	if (r == 0)
		r = pathset_new(a, PATHSET_SOCKETS, b.names, b.n_names, &s->names);
	if (r == 0)
		r = make_without(&b, n_ids, true, false, &s->no_address);
	if (r == 0)
		r = make_without(&b, n_ids, false, true, &s->no_port);
	if (r == 0)
		r = make_without(&b, n_ids, true, true, &s->neither);
	if (r == 0)
		*ret = s;
	return r;
}

static void match_ip(const struct netset *s, const struct netset_facts *f, uint64_t *bitmap)
{
	const uint8_t port[2] = {(uint8_t)(f->port >> 8), (uint8_t)f->port};
	bool is_mapped = memcmp(f->address, mapped, sizeof(mapped)) == 0;
	uint64_t by_port[IDSET_WORDS(NETSET_IDS_MAX)];

	memset(by_port, 0, s->words * sizeof(*by_port));
	idset_add(&s->no_port, by_port);
	tree_match(&s->ports, port, NULL, by_port);
	idset_add_masked(&s->no_address, by_port, bitmap);
	if (f->family == AF_INET)
		tree_match(&s->ipv4, f->address, by_port, bitmap);
	else if (is_mapped)
		tree_match(&s->ipv4, f->address + sizeof(mapped), by_port, bitmap);
	else
		tree_match(&s->ipv6, f->address, by_port, bitmap);
}

int netset_match(const struct netset *s, const struct netset_facts *f, uint64_t *bitmap)
{
	if (f->family == AF_INET || f->family == AF_INET6) {
		match_ip(s, f, bitmap);
		return 0;
	}
	idset_add(&s->neither, bitmap);
	return f->family == AF_UNIX ? pathset_match(s->names, f->name, f->name_len, bitmap) : 0;
}
