/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pathset.c - thousands of path globs, matched in one walk over the path
 *
 * Theory of operation. A pattern is translated to a code: text, `?`, brackets, `*` and `**` (which
 * takes the slash behind it along). The codes, sorted, are a tree in which equal beginnings are
 * one, each node a piece of text or one of the globs. The children of a node that are text are
 * found by their first byte; of the others there is one `?`, one `*`, one `**`, and as many
 * brackets as differ.
 *
 * To match is to walk all ways through the tree that the path allows, one after the other. What is
 * still to be tried waits on a stack of frames. A node is reached by one way of fixed length from
 * the loop (`*` or `**`) before it, so the only thing that could be done over and over is a loop
 * within a loop: a `*` behind another with no `**` between them, a `**` behind any other. An outer
 * loop tries its positions in ascending order and each to its end; hence an inner loop begins
 * farthest to the left when it is entered first, and sees all that it would see later. Later
 * entries are left out, and so are rounds of the outer loop that lead to nothing else. Each `**`
 * has one run for the path, each `*` one for a component, and the time is at most the length of the
 * path times the number of nodes.
 */
#include "daemon/pathset.h"

#include <assert.h>
#include <string.h>

#include "proto/base.h"

/* On the way to a node each token leaves at most a frame for its siblings, a loop one more: of
 * two bytes of a pattern one is no `*`. */
#define FRAMES_MAX (PATHSET_PATTERN_MAX + PATHSET_PATTERN_MAX / 2 + 2)
#define INNER_MAX  UINT16_MAX
#define NODES_MAX  (1u << 20)
#define NODE_ALIGN 64

/* ---- patterns -> codes -------------------------------------------------------------- */

/* A token is two bytes, the kind and, of a text, a byte of it; behind brackets there are their 256
 * bits. In the order of codes text comes first. */
enum kind { KIND_TEXT, KIND_ANY, KIND_CLASS, KIND_STAR, KIND_DEEP };

#define TOKEN_BYTES 2
#define CLASS_BYTES 32

struct parser {
	const char *s;
	size_t i;
	bool flat;	       /* a name that is no path */
	uint8_t *code;	       /* or NULL: only counted */
	size_t n;	       /* bytes of it */
	unsigned dots, others; /* tokens of the component */
	const char *why;       /* once it is wrong, at S + I */
	enum pathset_kind of;
};

static bool bit_test(const uint8_t *bits, uint8_t c)
{
	return bits[c / 8] >> c % 8 & 1;
}

static void bit_set(uint8_t *bits, uint8_t c)
{
	bits[c / 8] |= (uint8_t)(1u << c % 8);
}

static bool parse_error(struct parser *p, size_t at, const char *why)
{
	p->i = at;
	p->why = why;
	return false;
}

static void emit(struct parser *p, enum kind kind, char c)
{
	if (p->code) {
		p->code[p->n] = (uint8_t)kind;
		p->code[p->n + 1] = (uint8_t)c;
	}
	p->n += TOKEN_BYTES;
	if (kind == KIND_TEXT && c == '.')
		p->dots++;
	else
		p->others++;
}

/* Brackets with one byte are that byte. */
static void emit_class(struct parser *p, const uint8_t *bits)
{
	unsigned count = 0, last = 0;

	for (unsigned c = 0; c < 256; c++) {
		if (bit_test(bits, (uint8_t)c)) {
			count++;
			last = c;
		}
	}
	if (count == 1) {
		emit(p, KIND_TEXT, (char)last);
		return;
	}
	emit(p, KIND_CLASS, 0);
	if (p->code)
		memcpy(p->code + p->n, bits, CLASS_BYTES);
	p->n += CLASS_BYTES;
}

/* One byte in brackets, escaped or not. */
static bool parse_member(struct parser *p, uint8_t *ret)
{
	char c = p->s[p->i];

	if (c == '[' && p->s[p->i + 1] != '\0' && strchr(":.=", p->s[p->i + 1]))
		return parse_error(p, p->i, "classes of characters are not known here");
	if (c == '\\')
		c = p->s[++p->i];
	if (c == '/' && !p->flat)
		return parse_error(p, p->i, "a slash in brackets");
	if ((uint8_t)c >= 0x80)
		return parse_error(p, p->i, "a byte beyond ASCII in brackets");
	if (c != '\0')
		p->i++;
	*ret = (uint8_t)c;
	return true;
}

/* At the byte behind the bracket, and of a negation. */
static bool parse_members(struct parser *p, size_t open, uint8_t *bits)
{
	for (bool first = true; first || p->s[p->i] != ']'; first = false) {
		size_t at = p->i;
		uint8_t low, high;

		if (!parse_member(p, &low))
			return false;
		high = low;
		if (p->s[p->i] == '-' && p->s[p->i + 1] != ']' && p->s[p->i + 1] != '\0') {
			p->i++;
			if (!parse_member(p, &high))
				return false;
		}
		if (low == '\0' || high == '\0')
			return parse_error(p, open, "'[' without its ']'");
		if (low > high)
			return parse_error(p, at, "a range that runs backwards");
		for (unsigned c = low; c <= high; c++)
			bit_set(bits, (uint8_t)c);
	}
	p->i++;
	return true;
}

static bool parse_class(struct parser *p)
{
	uint8_t bits[CLASS_BYTES] = {0};
	size_t open = p->i++;
	bool not = p->s[p->i] == '!' || p->s[p->i] == '^';

	p->i += not ;
	if (!parse_members(p, open, bits))
		return false;
	for (unsigned i = 0; not &&i < CLASS_BYTES; i++)
		bits[i] = (uint8_t)~bits[i];
	if (!p->flat)
		bits['/' / 8] &= (uint8_t) ~(1u << '/' % 8);
	emit_class(p, bits);
	return true;
}

static bool parse_token(struct parser *p)
{
	const char *s = p->s + p->i;

	switch (*s) {
	case '[':
		return parse_class(p);
	case '?':
		emit(p, KIND_ANY, 0);
		break;
	case '*':
		if (s[1] == '*')
			return parse_error(p, p->i, "'**' within a component");
		emit(p, KIND_STAR, 0);
		break;
	case '\\':
		p->i++;
		if (s[1] == '\0' || (s[1] == '/' && !p->flat))
			return parse_error(p, p->i - 1, "'\\' with nothing to escape");
		emit(p, KIND_TEXT, s[1]);
		break;
	default:
		emit(p, KIND_TEXT, *s);
	}
	p->i++;
	return true;
}

/* Up to the slash or the end behind it. DEEP: that before was `**`, and whether this one is. */
static bool parse_component(struct parser *p, bool *deep)
{
	const char *s = p->s + p->i;
	size_t at = p->i;

	if (*s == '/')
		return parse_error(p, at, "an empty component");
	if (s[0] == '*' && s[1] == '*' && (s[2] == '/' || s[2] == '\0')) {
		if (!*deep)
			emit(p, KIND_DEEP, 0);
		*deep = true;
		p->i += 2;
		return true;
	}
	*deep = false;
	p->dots = p->others = 0;
	while (p->s[p->i] != '\0' && p->s[p->i] != '/') {
		if (!parse_token(p))
			return false;
	}
	if (p->others == 0 && p->dots <= 2)
		return parse_error(p, at, "a component '.' or '..'");
	return true;
}

/* At the first slash. */
static bool parse_path(struct parser *p)
{
	bool deep = false;

	do {
		if (!deep)
			emit(p, KIND_TEXT, '/');
		p->i++;
		if (p->s[p->i] == '\0')
			return p->i == 1 || parse_error(p, p->i - 1, "a slash at the end");
		if (!parse_component(p, &deep))
			return false;
	} while (p->s[p->i] == '/');
	return true;
}

static bool name_is_odd(const char *s)
{
	static const char *const prefixes[] = {
		"anon_inode:", "cgroup:", "dmabuf:", "ipc:",  "memfd:", "mnt:", "net:",
		"pid:",	       "pipe:",	  "socket:", "time:", "user:",	"uts:",
	};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(s, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

static bool parse(struct parser *p)
{
	if (strlen(p->s) > PATHSET_PATTERN_MAX)
		return parse_error(p, PATHSET_PATTERN_MAX, "longer than 4096 bytes");
	if (p->s[0] == '/')
		return parse_path(p);
	p->flat = true;
	if (p->of == PATHSET_SOCKETS && p->s[0] == '@') {
		emit(p, KIND_TEXT, '\0');
		p->i++;
	} else if (p->of == PATHSET_SOCKETS) {
		return parse_error(p, 0, "neither an absolute path nor '@' and an abstract name");
	} else if (!name_is_odd(p->s)) {
		return parse_error(p, 0, "no absolute path");
	}
	while (p->s[p->i] != '\0') {
		if (!parse_token(p))
			return false;
	}
	return true;
}

int pathset_check(const char *pattern, enum pathset_kind kind, size_t *ret_offset,
		  const char **ret_why)
{
	struct parser p = {.s = pattern, .of = kind};

	if (parse(&p))
		return 0;
	*ret_offset = p.i;
	*ret_why = p.why;
	return -EINVAL;
}

/* ---- codes -> the tree --------------------------------------------------------------- */

/* One line of a cache. */
struct node {
	uint64_t first[4]; /* the first bytes of those children that are text */
	struct idset ids;  /* of the patterns that end here */
	uint32_t kids;	   /* the first child: texts by their first byte, then globs */
	/* Text: in pathset.text. Brackets: in pathset.classes. An inner loop: its bit. An outer
	 * one: the first bit of those within, and how many they are. */
	uint32_t at;
	uint16_t n;
	uint8_t texts; /* children that are text: NUL is only ever one of two */
	uint8_t kind : 4;
	bool globs : 1; /* there are other children */
	bool last : 1;	/* of the siblings */
	bool inner : 1; /* a loop within a loop */
	uint32_t gate;	/* of a loop: the inner one that all ways from here lead to, or 0 */
};
static_assert(sizeof(struct node) <= NODE_ALIGN, "or else there are two lines to load");

struct pathset {
	const struct node *nodes; /* the first is the root, a text of no bytes */
	const uint8_t *text;
	const uint8_t (*classes)[CLASS_BYTES];
};

struct entry {
	const uint8_t *code;
	size_t n;
	unsigned id;
};

/* What is known of a node until it has its children. */
struct range {
	size_t start, end;   /* the entries that go through it */
	size_t depth;	     /* bytes of their codes up to and with it */
	uint32_t star, deep; /* the outer loop that it is within, or 0 */
};

struct build {
	struct arena *arena;
	struct entry *entries; /* by their codes and ids */
	size_t n_entries;
	uint8_t *code;
	struct node *nodes;
	struct range *ranges; /* of each node */
	size_t n_nodes, room;
	uint8_t *text;
	size_t n_text;
	uint8_t (*classes)[CLASS_BYTES];
	size_t n_classes;
};

static void build_done(struct build *b)
{
	free(b->entries);
	free(b->code);
	free(b->nodes);
	free(b->ranges);
	free(b->text);
	free(b->classes);
}

static int entry_compare(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int r = memcmp(a->code, b->code, a->n < b->n ? a->n : b->n);

	if (r != 0)
		return r;
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

/* The codes of all items, one behind the other, and sorted. */
static int build_entries(struct build *b, enum pathset_kind kind, const struct pathset_item *items,
			 size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++) {
		struct parser p = {.s = items[i].pattern, .of = kind};

		if (!parse(&p))
			return -EINVAL;
		size += p.n;
	}
	b->entries = calloc(n + 1, sizeof(*b->entries));
	b->code = malloc(size + 1);
	/* A token has at least two bytes, of brackets more. */
	b->text = malloc(size / TOKEN_BYTES + 1);
	b->classes = malloc(size + CLASS_BYTES);
	if (!b->entries || !b->code || !b->text || !b->classes)
		return -ENOMEM;
	size = 0;
	for (size_t i = 0; i < n; i++) {
		struct parser p = {.s = items[i].pattern, .of = kind, .code = b->code + size};

		(void)parse(&p);
		b->entries[i] = (struct entry){.code = p.code, .n = p.n, .id = items[i].id};
		size += p.n;
	}
	b->n_entries = n;
	qsort(b->entries, n, sizeof(*b->entries), entry_compare);
	return 0;
}

static int build_room(struct build *b)
{
	size_t room = b->room ? 2 * b->room : 64;
	void *p;

	if (b->n_nodes < b->room)
		return 0;
	if (b->room >= NODES_MAX)
		return -E2BIG;
	p = realloc(b->nodes, room * sizeof(*b->nodes));
	if (!p)
		return -ENOMEM;
	b->nodes = p;
	p = realloc(b->ranges, room * sizeof(*b->ranges));
	if (!p)
		return -ENOMEM;
	b->ranges = p;
	b->room = room;
	return 0;
}

static size_t token_size(const uint8_t *code)
{
	return code[0] == KIND_CLASS ? TOKEN_BYTES + CLASS_BYTES : TOKEN_BYTES;
}

static bool token_equal(const uint8_t *x, const uint8_t *y)
{
	return memcmp(x, y, TOKEN_BYTES) == 0 &&
	       (x[0] != KIND_CLASS || memcmp(x + TOKEN_BYTES, y + TOKEN_BYTES, CLASS_BYTES) == 0);
}

/* Text that the first and the last entry of R, hence all, have in common behind its depth. */
static void build_text(struct build *b, struct node *n, struct range *r)
{
	const struct entry *x = &b->entries[r->start], *y = &b->entries[r->end - 1];

	n->at = (uint32_t)b->n_text;
	while (r->depth < x->n && r->depth < y->n && x->code[r->depth] == KIND_TEXT &&
	       token_equal(x->code + r->depth, y->code + r->depth)) {
		b->text[b->n_text++] = x->code[r->depth + 1];
		r->depth += TOKEN_BYTES;
	}
	n->n = (uint16_t)(b->n_text - n->at);
}

/* An inner loop has the outer one's number in AT until all are counted. */
static int build_loop(struct build *b, struct node *n, struct range *r)
{
	uint32_t *outer = n->kind == KIND_STAR ? &r->star : &r->deep;

	if (*outer) {
		if (b->nodes[*outer].n == INNER_MAX)
			return -E2BIG;
		b->nodes[*outer].n++;
		n->inner = true;
		n->at = *outer;
	} else {
		*outer = (uint32_t)b->n_nodes;
	}
	if (n->kind == KIND_DEEP)
		r->star = 0;
	return 0;
}

/* A child of a node with the range PARENT: the entries from START that go on in the same way.
 * *END: behind them. */
static int build_child(struct build *b, const struct range *parent, size_t start, size_t *end)
{
	const uint8_t *token = b->entries[start].code + parent->depth;
	struct range r = *parent;
	struct node n = {.kind = token[0]};
	int e = build_room(b);

	if (e < 0)
		return e;
	r.start = start;
	r.end = start + 1;
	while (r.end < parent->end && token_equal(b->entries[r.end].code + r.depth, token))
		r.end++;
	if (n.kind == KIND_TEXT) {
		build_text(b, &n, &r);
	} else {
		r.depth += token_size(token);
		if (n.kind == KIND_CLASS) {
			n.at = (uint32_t)b->n_classes;
			memcpy(b->classes[b->n_classes++], token + TOKEN_BYTES, CLASS_BYTES);
		} else if (n.kind != KIND_ANY) {
			e = build_loop(b, &n, &r);
		}
	}
	if (e < 0)
		return e;
	b->nodes[b->n_nodes] = n;
	b->ranges[b->n_nodes++] = r;
	*end = r.end;
	return 0;
}

static int build_ids(struct build *b, uint32_t at, size_t start, size_t end)
{
	_cleanup_free_ unsigned *ids = calloc(end - start + 1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	for (size_t i = start; i < end; i++)
		ids[i - start] = b->entries[i].id;
	return idset_make(b->arena, ids, end - start, &b->nodes[at].ids);
}

/* The children of the node AT, behind all that there are: siblings are neighbours. */
static int build_kids(struct build *b, uint32_t at)
{
	const struct range r = b->ranges[at];
	size_t i = r.start;
	int e;

	while (i < r.end && b->entries[i].n == r.depth)
		i++;
	e = build_ids(b, at, r.start, i);
	b->nodes[at].kids = (uint32_t)b->n_nodes;
	while (e == 0 && i < r.end) {
		struct node *n = &b->nodes[at];
		const uint8_t *token = b->entries[i].code + r.depth;

		if (token[0] == KIND_TEXT) {
			n->first[token[1] / 64] |= UINT64_C(1) << token[1] % 64;
			n->texts++;
		} else {
			n->globs = true;
		}
		e = build_child(b, &r, i, &i);
	}
	b->nodes[b->n_nodes - 1].last = true;
	return e;
}

static bool kind_is_loop(uint8_t kind)
{
	return kind == KIND_STAR || kind == KIND_DEEP;
}

/* Gives inner loops their bits: those of an outer one are neighbours. */
static int build_bits(struct build *b)
{
	size_t total = 0;

	for (size_t i = 0; i < b->n_nodes; i++) {
		struct node *n = &b->nodes[i];

		if (n->inner) {
			n->at = b->nodes[n->at].at + b->nodes[n->at].n++;
		} else if (kind_is_loop(n->kind)) {
			n->at = (uint32_t)total;
			total += n->n;
			n->n = 0;
		}
	}
	return total <= INNER_MAX ? 0 : -E2BIG;
}

/* From the last node to the first: children come behind. */
static void build_gates(struct build *b)
{
	for (size_t i = b->n_nodes; i-- > 0;) {
		struct node *n = &b->nodes[i];
		const struct node *kid = &b->nodes[n->kids];

		/* What ends with `**` has matched when the loop is entered. */
		if ((n->ids.n > 0 && n->kind != KIND_DEEP) || (!n->texts && !n->globs) ||
		    !kid->last)
			continue;
		if (kid->inner)
			n->gate = n->kids;
		else if (!kind_is_loop(kid->kind))
			n->gate = kid->gate;
	}
}

static int build_tree(struct build *b)
{
	int r = build_room(b);

	if (r < 0)
		return r;
	b->nodes[0] = (struct node){.kind = KIND_TEXT};
	b->ranges[0] = (struct range){.end = b->n_entries};
	b->n_nodes = 1;
	for (size_t i = 0; r == 0 && i < b->n_nodes; i++)
		r = build_kids(b, (uint32_t)i);
	if (r < 0)
		return r;
	build_gates(b);
	return build_bits(b);
}

static void *build_copy(const struct build *b, const void *from, size_t n, size_t size)
{
	void *p = arena_alloc(b->arena, n, size);

	if (p && n > 0)
		memcpy(p, from, n * size);
	return p;
}

static struct node *build_copy_nodes(const struct build *b)
{
	uintptr_t p = (uintptr_t)arena_alloc(b->arena, b->n_nodes + 1, sizeof(*b->nodes));
	struct node *aligned = (struct node *)((p + NODE_ALIGN - 1) / NODE_ALIGN * NODE_ALIGN);

	if (p)
		memcpy(aligned, b->nodes, b->n_nodes * sizeof(*b->nodes));
	return aligned;
}

int pathset_new(struct arena *a, enum pathset_kind kind, const struct pathset_item *items, size_t n,
		struct pathset **ret)
{
	_cleanup_(build_done) struct build b = {.arena = a};
	struct pathset *s;
	int r = build_entries(&b, kind, items, n);

	if (r == 0)
		r = build_tree(&b);
	if (r < 0)
		return r;
	s = arena_alloc(a, 1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->nodes = build_copy_nodes(&b);
	s->text = build_copy(&b, b.text, b.n_text, 1);
	s->classes = build_copy(&b, b.classes, b.n_classes, CLASS_BYTES);
	if (arena_failed(a))
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* ---- matching ---------------------------------------------------------------------------- */

/* The node, a glob, and its siblings behind it are to be tried at POS. With an END: the node is a
 * loop that goes on at POS, and END is where it ends. */
struct frame {
	uint32_t node;
	uint16_t pos, end;
};

struct match {
	const struct pathset *set;
	const uint8_t *path;
	size_t len;
	bool flat;
	uint64_t *bitmap;
	size_t n_frames;
	struct frame frames[FRAMES_MAX];
	uint64_t entered[INNER_MAX / 64 + 1]; /* inner loops; cleared by the outer one */
};

static void push(struct match *m, uint32_t node, size_t pos, size_t end)
{
	m->frames[m->n_frames++] =
		(struct frame){.node = node, .pos = (uint16_t)pos, .end = (uint16_t)end};
}

static bool text_begins(const struct node *n, uint8_t c)
{
	return n->first[c / 64] >> c % 64 & 1;
}

/* The child of N that is text and stands at POS, or NULL. */
static const struct node *text_child(const struct match *m, const struct node *n, size_t pos)
{
	const struct node *kid;
	uint32_t i = n->kids;
	uint8_t c;

	if (pos == m->len)
		return NULL;
	c = m->path[pos];
	if (!text_begins(n, c))
		return NULL;
	if (n->texts > 1) {
		for (unsigned w = 0; w < c / 64u; w++)
			i += (uint32_t)__builtin_popcountll(n->first[w]);
		i += (uint32_t)__builtin_popcountll(n->first[c / 64] &
						    ((UINT64_C(1) << c % 64) - 1));
	}
	kid = &m->set->nodes[i];
	/* The first byte is known to be it, and often the only one: spare the text's line. */
	if (kid->n > m->len - pos ||
	    (kid->n > 1 && memcmp(m->set->text + kid->at, m->path + pos, kid->n) != 0))
		return NULL;
	return kid;
}

/* The path up to POS is N's: goes on through text, leaves globs for later. */
static void arrive(struct match *m, const struct node *n, size_t pos)
{
	for (; n; n = text_child(m, n, pos), pos += n ? n->n : 0) {
		if (pos == m->len)
			idset_add(&n->ids, m->bitmap);
		if (n->globs)
			push(m, n->kids + n->texts, pos, 0);
	}
}

static void clear_bits(uint64_t *bits, size_t at, size_t n)
{
	for (; n > 0 && at % 64 != 0; at++, n--)
		bits[at / 64] &= ~(UINT64_C(1) << at % 64);
	memset(bits + at / 64, 0, n / 64 * sizeof(*bits));
	for (at += n / 64 * 64, n %= 64; n > 0; at++, n--)
		bits[at / 64] &= ~(UINT64_C(1) << at % 64);
}

static bool loop_entered(const struct match *m, const struct node *n)
{
	return m->entered[n->at / 64] >> n->at % 64 & 1;
}

/* May the loop run? An inner one once within each run of the outer. */
static bool loop_enter(struct match *m, const struct node *n)
{
	if (!n->inner) {
		clear_bits(m->entered, n->at, n->n);
		return true;
	}
	if (loop_entered(m, n))
		return false;
	m->entered[n->at / 64] |= UINT64_C(1) << n->at % 64;
	return true;
}

/* The end of the component that POS is in or behind. */
static size_t component_end(const struct match *m, size_t pos)
{
	const uint8_t *slash = m->flat ? NULL : memchr(m->path + pos, '/', m->len - pos);

	return slash ? (size_t)(slash - m->path) : m->len;
}

/* The glob before has taken what is before POS; only text that stands there, and other globs,
 * need a closer look. */
static void star_loop(struct match *m, const struct node *n, size_t pos, size_t end)
{
	while (!n->globs && pos < end && !text_begins(n, m->path[pos]))
		pos++;
	if (pos < end)
		push(m, (uint32_t)(n - m->set->nodes), pos + 1, end);
	arrive(m, n, pos);
}

/* POS is where a component begins. */
static void deep_loop(struct match *m, const struct node *n, size_t pos)
{
	size_t next = component_end(m, pos) + 1;

	if (next < m->len)
		push(m, (uint32_t)(n - m->set->nodes), next, m->len);
	arrive(m, n, pos);
}

static void star_try(struct match *m, const struct node *n, size_t pos)
{
	size_t end = component_end(m, pos);

	/* No component is empty, that of the path `/` neither. */
	if (!m->flat && pos == end && m->path[pos - 1] == '/')
		return;
	if (loop_enter(m, n))
		star_loop(m, n, pos, end);
}

static void deep_try(struct match *m, const struct node *n, size_t pos)
{
	if (pos == m->len || !loop_enter(m, n))
		return;
	idset_add(&n->ids, m->bitmap);
	if (n->texts || n->globs)
		deep_loop(m, n, pos);
}

static void glob_try(struct match *m, const struct node *n, size_t pos)
{
	const uint8_t c = pos < m->len ? m->path[pos] : 0;

	switch ((enum kind)n->kind) {
	case KIND_TEXT:
		break;
	case KIND_ANY:
		if (pos < m->len && (m->flat || c != '/'))
			arrive(m, n, pos + 1);
		break;
	case KIND_CLASS:
		if (pos < m->len && bit_test(m->set->classes[n->at], c))
			arrive(m, n, pos + 1);
		break;
	case KIND_STAR:
		star_try(m, n, pos);
		break;
	case KIND_DEEP:
		deep_try(m, n, pos);
		break;
	}
}

static void frame_run(struct match *m, struct frame f)
{
	const struct node *n = &m->set->nodes[f.node];

	if (f.end == 0) {
		if (!n->last)
			push(m, f.node + 1, f.pos, 0);
		glob_try(m, n, f.pos);
	} else if (n->gate && loop_entered(m, &m->set->nodes[n->gate])) {
		return; /* it has begun farther to the left */
	} else if (n->kind == KIND_STAR) {
		star_loop(m, n, f.pos, f.end);
	} else {
		deep_loop(m, n, f.pos);
	}
}

int pathset_match(const struct pathset *s, const char *path, size_t len, uint64_t *bitmap)
{
	struct match m;

	if (len > PATHSET_PATH_MAX)
		return -ENAMETOOLONG;
	if (len == 0)
		return 0;
	m.set = s;
	m.path = (const uint8_t *)path;
	m.len = len;
	m.flat = path[0] != '/';
	m.bitmap = bitmap;
	m.n_frames = 0;
	arrive(&m, s->nodes, 0);
	while (m.n_frames > 0)
		frame_run(&m, m.frames[--m.n_frames]);
	return 0;
}
