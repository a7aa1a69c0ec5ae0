/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * match.c - what a match costs among 10 and among 10,000 rules: ns, and the ratio of a decision
 * that does nothing else than it must, to open a file by O_PATH, ask for its name, match, open
 * what was matched. Medians of interleaved rounds; half of the names match a rule.
 *
 *   match [ROUNDS]     (21)
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "daemon/netset.h"
#include "daemon/pathset.h"
#include "proto/base.h"

#define FEW	   10
#define MANY	   10000
#define NAMES	   512 /* of each set, one after the other */
#define MEMORY	   ((size_t)256 << 20)
#define ROUNDS_MAX 1000

/* %u: the rule's number; a name has it too, or, to match none, one that no rule has. */
struct shape {
	const char *name;
	const char *rule, *path;
	const char *ports; /* a netset */
};

static const struct shape shapes[] = {
	{"literal", "/srv/app/conf-%u.yaml", "/srv/app/conf-%u.yaml"},
	{"below", "/srv/app-%u/**", "/srv/app-%u/lib/x/y.so"},
	{"*/literal/**", "/data/*/x-%u/**", "/data/some/x-%u/a/b/c"},
	{"prefix*", "/data/x-%u-*/log", "/data/x-%u-abc/log"},
	{"*suffix", "/data/*-%u", "/data/abcdef-%u"},
	{"*infix*", "/data/*-%u-*/log", "/data/abcdef-%u-abc/log"},
	{"**/literal", "/srv/**/x-%u/*.c", "/srv/a/b/c/x-%u/main.c"},
	{"**/*infix*", "/srv/**/*-%u-*/*.c", "/srv/a/b/c/abc-%u-abc/main.c"},
	{"brackets", "/data/[a-f]?-%u/[!.]*", "/data/cc-%u/file"},
	{"mixed", NULL, NULL},
	{"IPv4", "10.%u.%u.0/24", "10.%u.%u.1", "8080"},
	{"IPv6", "fd00:%x:%x::/48", "fd00:%x:%x::1", "9000-9010"},
	{"unix:", "unix:/run/x-%u/*.sock", "/run/x-%u/a.sock", "80"},
};
#define MIXED 9 /* shapes before */

struct set {
	struct arena *arena;
	struct pathset *paths;
	struct netset *net;
	unsigned n;
	char names[NAMES][64];
	struct netset_facts facts[NAMES];
	uint64_t bitmap[IDSET_WORDS(MANY)];
	unsigned matched;
	double ns[ROUNDS_MAX];
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void print_to(char *s, size_t size, const char *format, unsigned i)
{
	if (strstr(format, ":%x:"))
		(void)snprintf(s, size, format, i / 100 + 1, i % 100);
	else if (strchr(format, '%') != strrchr(format, '%'))
		(void)snprintf(s, size, format, i / 256, i % 256);
	else
		(void)snprintf(s, size, format, i);
}

static const struct shape *shape_of(const struct shape *shape, unsigned i)
{
	return shape->rule ? shape : &shapes[i % MIXED];
}

static void must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "%s\n", what);
		exit(1);
	}
}

static void parse(const struct shape *shape, char *text, unsigned i, struct netset_item *items,
		  size_t *n)
{
	char why[NETSET_WHY_MAX];

	must(netset_parse_address(text, &items[*n], why) == 0, why);
	items[(*n)++].id = i;
	must(netset_parse_port(shape->ports, &items[*n], why) == 0, why);
	items[(*n)++].id = i;
}

static void make_rules(struct set *s, const struct shape *shape)
{
	struct pathset_item *paths = calloc(s->n, sizeof(*paths));
	struct netset_item *items = calloc(2 * (size_t)s->n, sizeof(*items));
	char(*text)[64] = calloc(s->n, sizeof(*text));
	size_t n_items = 0;

	must(paths && items && text, "no memory");
	for (unsigned i = 0; i < s->n; i++) {
		print_to(text[i], sizeof(text[i]), shape_of(shape, i)->rule, i);
		if (shape->ports)
			parse(shape, text[i], i, items, &n_items);
		paths[i] = (struct pathset_item){text[i], i};
	}
	must((shape->ports ? netset_new(s->arena, items, n_items, s->n, &s->net)
			   : pathset_new(s->arena, PATHSET_FILES, paths, s->n, &s->paths)) == 0,
	     "a set cannot be built");
	free(paths);
	free(items);
	free(text);
}

static struct set *set_new(const struct shape *shape, unsigned n)
{
	struct set *s = calloc(1, sizeof(*s));

	must(s && (s->arena = arena_new(MEMORY)), "no memory");
	s->n = n;
	make_rules(s, shape);
	for (unsigned i = 0; i < NAMES; i++) {
		unsigned rule = i * 7919u % n + (i % 2 ? 0 : MANY);
		struct netset_facts *f = &s->facts[i];

		print_to(s->names[i], sizeof(s->names[i]), shape_of(shape, rule)->path, rule);
		f->family = AF_UNIX;
		f->name = s->names[i];
		f->name_len = strlen(s->names[i]);
		f->port = (uint16_t)(shape->ports ? atoi(shape->ports) : 0);
		if (inet_pton(AF_INET, s->names[i], f->address) == 1)
			f->family = AF_INET;
		else if (inet_pton(AF_INET6, s->names[i], f->address) == 1)
			f->family = AF_INET6;
	}
	return s;
}

static void run(struct set *s, unsigned round)
{
	double start = now_ns();

	for (unsigned i = 0; i < NAMES; i++) {
		const struct netset_facts *f = &s->facts[i];
		size_t words = IDSET_WORDS(s->n);

		memset(s->bitmap, 0, words * sizeof(*s->bitmap));
		if (s->net)
			(void)netset_match(s->net, f, s->bitmap);
		else
			(void)pathset_match(s->paths, f->name, f->name_len, s->bitmap);
		for (size_t w = 0; round == 0 && w < words; w++)
			s->matched += (unsigned)__builtin_popcountll(s->bitmap[w]);
	}
	s->ns[round] = (now_ns() - start) / NAMES;
}

static double decision(void)
{
	double start = now_ns();

	for (unsigned i = 0; i < NAMES; i++) {
		char link[32], name[4096];
		int fd = open("/usr/bin/env", O_PATH | O_CLOEXEC), opened;

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		must(readlink(link, name, sizeof(name)) > 0, "no /proc");
		opened = open(link, O_RDONLY | O_CLOEXEC);
		(void)close_fd(opened);
		(void)close_fd(fd);
	}
	return (now_ns() - start) / NAMES;
}

static int compare(const void *x, const void *y)
{
	const double *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

static void measure(const struct shape *shape, unsigned rounds)
{
	struct set *few = set_new(shape, FEW), *many = set_new(shape, MANY);
	double base[ROUNDS_MAX], b, f, m;

	for (unsigned i = 0; i < rounds; i++) {
		run(few, i);
		run(many, i);
		base[i] = decision();
	}
	must(few->matched >= NAMES / 2 && many->matched >= NAMES / 2, "too little matches");
	b = median(base, rounds);
	f = median(few->ns, rounds);
	m = median(many->ns, rounds);
	printf("%-14s %8.0f %8.0f %10.2f %10.0f %12.3f\n", shape->name, f, m, m / f, b,
	       (b + m) / (b + f));
	(void)arena_free(few->arena);
	(void)arena_free(many->arena);
	free(few);
	free(many);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 21;

	must(rounds > 0 && rounds <= ROUNDS_MAX, "usage: match [ROUNDS]");
	printf("%-14s %8s %8s %10s %10s %12s\n", "ns", "10", "10,000", "ratio", "decision",
	       "with it");
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		measure(&shapes[i], rounds);
	return 0;
}
