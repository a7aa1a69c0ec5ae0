/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * yaml.c - a YAML file as nodes with their positions
 *
 * Three passes over at most a megabyte. The characters are checked first, so
 * that libyaml never guesses an encoding. Then the tokens: aliases, anchors,
 * tags and nesting have a position there that the document no longer has, and
 * refusing them before the document is built keeps its cost linear. Then the
 * document, with its duplicate keys.
 */
#include "daemon/yaml.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/syscalls.h"
#include "daemon/utf8.h"

#define YAML_ERROR_MAX 1024

static const char *yaml_file_kind(mode_t mode)
{
	return S_ISDIR(mode)	? "a directory"
	       : S_ISFIFO(mode) ? "a FIFO"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

/* At most YAML_FILE_MAX + 1 bytes of FD: its size may change, or be no size at all. */
static int yaml_read_fd(int fd, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *buf = malloc(YAML_FILE_MAX + 2);
	size_t len = 0;
	char *shrunk;

	if (!buf)
		return -ENOMEM;
	while (len <= YAML_FILE_MAX) {
		ssize_t n = read(fd, buf + len, YAML_FILE_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > YAML_FILE_MAX)
		return -EFBIG;
	buf[len] = '\0';
	shrunk = realloc(buf, len + 1);
	*ret = shrunk ? shrunk : buf;
	buf = NULL;
	*ret_len = len;
	return 0;
}

int yaml_read(const char *path, char **ret, size_t *ret_len, struct diag *d)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		if (r != -ENOENT)
			diag_add(d, path, 0, 0, "cannot be opened: %s", strerror(-r));
		return r;
	}
	if (!S_ISREG(st.st_mode)) {
		diag_add(d, path, 0, 0, "is %s, expected a regular file",
			 yaml_file_kind(st.st_mode));
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	r = st.st_size > (off_t)YAML_FILE_MAX ? -EFBIG : yaml_read_fd(fd, ret, ret_len);
	if (r == -EFBIG)
		diag_add(d, path, 0, 0, "is too large, expected at most %zu bytes", YAML_FILE_MAX);
	else if (r < 0)
		diag_add(d, path, 0, 0, "cannot be read: %s", strerror(-r));
	return r;
}

unsigned yaml_line(const yaml_node_t *n)
{
	return (unsigned)n->start_mark.line + 1;
}

unsigned yaml_column(const yaml_node_t *n)
{
	return (unsigned)n->start_mark.column + 1;
}

const char *yaml_text(const yaml_node_t *n)
{
	return (const char *)n->data.scalar.value;
}

bool yaml_is_map(const yaml_node_t *n)
{
	return n->type == YAML_MAPPING_NODE;
}

static void _printf_(4, 0)
	yaml_verror(struct yaml_file *f, size_t line, size_t column, const char *fmt, va_list ap)
{
	char text[YAML_ERROR_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	diag_add(f->diag, f->name, (unsigned)line + 1, (unsigned)column + 1, "%s", text);
	f->errors++;
}

static void _printf_(3, 4)
	yaml_error_mark(struct yaml_file *f, const yaml_mark_t *mark, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	yaml_verror(f, mark->line, mark->column, fmt, ap);
	va_end(ap);
}

void yaml_error(struct yaml_file *f, const yaml_node_t *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	yaml_verror(f, at->start_mark.line, at->start_mark.column, fmt, ap);
	va_end(ap);
}

void yaml_error_in(struct yaml_file *f, const yaml_node_t *at, size_t offset, const char *fmt, ...)
{
	va_list ap;

	if (at->type != YAML_SCALAR_NODE || at->start_mark.line != at->end_mark.line)
		offset = 0;
	else if (at->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		offset++; /* the quote */
	va_start(ap, fmt);
	yaml_verror(f, at->start_mark.line, at->start_mark.column + offset, fmt, ap);
	va_end(ap);
}

/* What libyaml would refuse without a position: every character must be one that YAML allows. */
static bool yaml_check_text(struct yaml_file *f, const char *text, size_t len)
{
	yaml_mark_t mark = {0};

	for (size_t i = 0; i < len;) {
		uint32_t c;
		unsigned n = utf8_decode(text + i, len - i, &c);

		if (n == 0) {
			yaml_error_mark(f, &mark, "byte 0x%02x is no UTF-8, expected a text file",
					(unsigned)(unsigned char)text[i]);
			return false;
		}
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f ||
		    (c >= 0x80 && c < 0xa0 && c != 0x85) || (c == 0xfeff && i > 0) || c == 0xfffe ||
		    c == 0xffff) {
			yaml_error_mark(f, &mark, "character U+%04X, expected a text file", c);
			return false;
		}
		i += n;
		mark.column++;
		if (c == '\n') {
			mark.line++;
			mark.column = 0;
		}
	}
	return true;
}

static void yaml_syntax_error(struct yaml_file *f, const yaml_parser_t *parser)
{
	const char *hint = "";

	if (parser->error == YAML_MEMORY_ERROR || !parser->problem) {
		yaml_error_mark(f, &parser->mark, "out of memory");
		return;
	}
	if (strstr(parser->problem, "cannot start any token"))
		hint = " (a word that starts with @, % or ` needs quotes; tabs cannot indent)";
	yaml_error_mark(f, &parser->problem_mark, "not valid YAML: %s%s%s%s", parser->problem,
			parser->context ? " " : "", parser->context ? parser->context : "", hint);
}

struct yaml_screen {
	int depth;
	bool content; /* the first document has begun */
	bool ended;   /* "..." was seen */
};

/* A token that starts or ends a document. False: enough is known. */
static bool yaml_screen_document(struct yaml_file *f, const yaml_token_t *t, struct yaml_screen *s)
{
	switch (t->type) {
	case YAML_STREAM_START_TOKEN:
		return true;
	case YAML_STREAM_END_TOKEN:
		return false;
	case YAML_DOCUMENT_END_TOKEN:
		s->ended = s->content;
		return true;
	case YAML_VERSION_DIRECTIVE_TOKEN:
	case YAML_TAG_DIRECTIVE_TOKEN:
		yaml_error_mark(f, &t->start_mark, "a directive, which is not supported");
		return false;
	default:
		if (s->ended || (t->type == YAML_DOCUMENT_START_TOKEN && s->content)) {
			yaml_error_mark(f, &t->start_mark,
					"a second document, expected one document in a file");
			return false;
		}
		s->content = true;
		return true;
	}
}

static bool yaml_screen_token(struct yaml_file *f, const yaml_token_t *t, struct yaml_screen *s)
{
	if (!yaml_screen_document(f, t, s))
		return false;
	switch (t->type) {
	case YAML_ALIAS_TOKEN:
		yaml_error_mark(
			f, &t->start_mark,
			"alias '*%.60s' is not supported, write the value out (or quote it, "
			"where a pattern is meant)",
			(const char *)t->data.alias.value);
		break;
	case YAML_ANCHOR_TOKEN:
		yaml_error_mark(f, &t->start_mark, "anchor '&%.60s' is not supported",
				(const char *)t->data.anchor.value);
		break;
	case YAML_TAG_TOKEN:
		yaml_error_mark(f, &t->start_mark, "tag '%.30s%.60s' is not supported",
				(const char *)t->data.tag.handle, (const char *)t->data.tag.suffix);
		break;
	case YAML_BLOCK_SEQUENCE_START_TOKEN:
	case YAML_BLOCK_MAPPING_START_TOKEN:
	case YAML_FLOW_SEQUENCE_START_TOKEN:
	case YAML_FLOW_MAPPING_START_TOKEN:
		if (++s->depth <= YAML_DEPTH_MAX)
			break;
		yaml_error_mark(f, &t->start_mark, "nested more than %d deep", YAML_DEPTH_MAX);
		return false;
	case YAML_BLOCK_END_TOKEN:
	case YAML_FLOW_SEQUENCE_END_TOKEN:
	case YAML_FLOW_MAPPING_END_TOKEN:
		s->depth--;
		break;
	default:
		break;
	}
	return true;
}

static int yaml_screen(struct yaml_file *f, const char *text, size_t len)
{
	struct yaml_screen s = {0};
	yaml_parser_t parser;
	yaml_token_t token;
	bool more = true;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (more) {
		if (!yaml_parser_scan(&parser, &token)) {
			yaml_syntax_error(f, &parser);
			break;
		}
		more = yaml_screen_token(f, &token, &s);
		yaml_token_delete(&token);
	}
	yaml_parser_delete(&parser);
	return f->errors ? -EINVAL : 0;
}

static int yaml_build(struct yaml_file *f, const char *text, size_t len)
{
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &f->doc))
		f->loaded = true;
	else
		yaml_syntax_error(f, &parser);
	yaml_parser_delete(&parser);
	return f->loaded ? 0 : -EINVAL;
}

static const yaml_node_t *yaml_node(struct yaml_file *f, int index)
{
	return yaml_document_get_node(&f->doc, index);
}

static void yaml_check_scalar(struct yaml_file *f, const yaml_node_t *n)
{
	if (memchr(n->data.scalar.value, '\0', n->data.scalar.length))
		yaml_error(f, n, "a NUL character, expected text");
}

static void yaml_check_keys(struct yaml_file *f, const yaml_node_t *map)
{
	const yaml_node_pair_t *first = map->data.mapping.pairs.start;
	const yaml_node_pair_t *end = map->data.mapping.pairs.top;

	if (end - first > YAML_KEYS_MAX) {
		yaml_error(f, map, "%zd keys, expected at most %d", end - first, YAML_KEYS_MAX);
		return;
	}
	for (const yaml_node_pair_t *p = first; p < end; p++) {
		const yaml_node_t *key = yaml_node(f, p->key);

		if (key->type != YAML_SCALAR_NODE) {
			yaml_error(f, key, "expected a name as key, not a list or mapping");
			continue;
		}
		for (const yaml_node_pair_t *q = first; q < p; q++) {
			const yaml_node_t *other = yaml_node(f, q->key);

			if (other->type != YAML_SCALAR_NODE ||
			    strcmp(yaml_text(key), yaml_text(other)) != 0)
				continue;
			yaml_error(f, key, "duplicate key '%.60s', first given at %u:%u",
				   yaml_text(key), yaml_line(other), yaml_column(other));
			break;
		}
	}
}

/* Nodes need no recursion: each stands once in the document's array. */
static void yaml_check_nodes(struct yaml_file *f)
{
	for (const yaml_node_t *n = f->doc.nodes.start; n < f->doc.nodes.top; n++) {
		if (n->type == YAML_SCALAR_NODE)
			yaml_check_scalar(f, n);
		else if (n->type == YAML_MAPPING_NODE)
			yaml_check_keys(f, n);
	}
}

const yaml_node_t *yaml_file_root(struct yaml_file *f)
{
	return yaml_document_get_root_node(&f->doc);
}

static bool yaml_is_empty(const yaml_node_t *n)
{
	return n->type == YAML_SCALAR_NODE && n->data.scalar.length == 0 &&
	       n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int yaml_parse(struct yaml_file *f, const char *text, size_t len)
{
	const yaml_node_t *root;
	int r;

	if (!yaml_check_text(f, text, len))
		return -EINVAL;
	r = yaml_screen(f, text, len);
	if (r == 0)
		r = yaml_build(f, text, len);
	if (r < 0)
		return r;
	root = yaml_file_root(f);
	if (!root || yaml_is_empty(root)) {
		yaml_error_mark(f, &(yaml_mark_t){0}, "the file is empty, expected a mapping");
		return -EINVAL;
	}
	yaml_check_nodes(f);
	return 0;
}

int yaml_file_parse(struct yaml_file *f, const char *name, const char *text, size_t len,
		    struct diag *d)
{
	int r = -EINVAL;

	*f = (struct yaml_file){.name = name, .diag = d, .archs = ARCH_BIT(arch_native())};
	if (len <= YAML_FILE_MAX)
		r = yaml_parse(f, text, len);
	else
		diag_add(d, name, 0, 0, "is too large, expected at most %zu bytes", YAML_FILE_MAX);
	if (r == -ENOMEM)
		diag_add(d, name, 0, 0, "out of memory");
	if (r < 0 && f->errors == 0)
		f->errors = 1;
	if (r < 0)
		yaml_file_done(f);
	return r;
}

void yaml_file_done(struct yaml_file *f)
{
	if (f->loaded)
		yaml_document_delete(&f->doc);
	f->loaded = false;
}

/* What N is, for messages. */
static const char *yaml_kind(const yaml_node_t *n)
{
	return n->type == YAML_SEQUENCE_NODE  ? "a list"
	       : n->type == YAML_MAPPING_NODE ? "a mapping"
	       : yaml_is_empty(n)	      ? "nothing"
					      : "a single value";
}

static void yaml_unknown_key(struct yaml_file *f, const yaml_node_t *key, const char *what,
			     const struct yaml_key *keys, size_t n)
{
	const char *names[YAML_KEYS_MAX];
	const char *near;
	char list[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		names[i] = keys[i].name;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 i ? ", " : "", names[i]);
	}
	near = suggest_among(yaml_text(key), names, n);
	if (near)
		yaml_error(f, key, "unknown key '%.60s' in %s; did you mean '%s'?", yaml_text(key),
			   what, near);
	else
		yaml_error(f, key, "unknown key '%.60s' in %s, expected one of: %s", yaml_text(key),
			   what, list);
}

bool yaml_walk(struct yaml_file *f, const yaml_node_t *node, const char *what,
	       const struct yaml_key *keys, size_t n, void *data)
{
	uint64_t seen = 0;

	if (node->type != YAML_MAPPING_NODE) {
		yaml_error(f, node, "%s is a mapping (key: value), not %s", what, yaml_kind(node));
		return false;
	}
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
	     p < node->data.mapping.pairs.top; p++) {
		const yaml_node_t *key = yaml_node(f, p->key);
		size_t i = 0;

		if (key->type != YAML_SCALAR_NODE)
			continue;
		while (i < n && strcmp(keys[i].name, yaml_text(key)) != 0)
			i++;
		if (i == n) {
			yaml_unknown_key(f, key, what, keys, n);
		} else if (!(seen & UINT64_C(1) << i)) {
			seen |= UINT64_C(1) << i;
			keys[i].parse(f, key, yaml_node(f, p->value), data);
		}
	}
	for (size_t i = 0; i < n; i++)
		if (keys[i].required && !(seen & UINT64_C(1) << i))
			yaml_error(f, node, "%s needs the key '%s'", what, keys[i].name);
	return true;
}

size_t yaml_pairs(struct yaml_file *f, const yaml_node_t *node, const char *what)
{
	if (node->type != YAML_MAPPING_NODE) {
		yaml_error(f, node, "expected %s, not %s", what, yaml_kind(node));
		return 0;
	}
	if (node->data.mapping.pairs.start == node->data.mapping.pairs.top)
		yaml_error(f, node, "an empty mapping, expected %s", what);
	return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
}

void yaml_pair(struct yaml_file *f, const yaml_node_t *node, size_t i, const yaml_node_t **ret_key,
	       const yaml_node_t **ret_value)
{
	const yaml_node_pair_t *p = node->data.mapping.pairs.start + i;

	*ret_key = yaml_node(f, p->key);
	*ret_value = yaml_node(f, p->value);
}

size_t yaml_items(struct yaml_file *f, const yaml_node_t *node, const char *what)
{
	if (node->type == YAML_SCALAR_NODE && !yaml_is_empty(node))
		return 1;
	if (node->type != YAML_SEQUENCE_NODE) {
		yaml_error(f, node, "expected %s, not %s", what, yaml_kind(node));
		return 0;
	}
	if (node->data.sequence.items.start == node->data.sequence.items.top)
		yaml_error(f, node, "an empty list, expected %s", what);
	return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

const yaml_node_t *yaml_item(struct yaml_file *f, const yaml_node_t *node, size_t i)
{
	if (node->type == YAML_SCALAR_NODE)
		return node;
	return yaml_node(f, node->data.sequence.items.start[i]);
}

const char *yaml_scalar(struct yaml_file *f, const yaml_node_t *n, const char *what)
{
	if (n->type != YAML_SCALAR_NODE || n->data.scalar.length == 0) {
		yaml_error(f, n, "expected %s, not %s", what,
			   n->type == YAML_SCALAR_NODE ? "nothing" : yaml_kind(n));
		return NULL;
	}
	return yaml_text(n);
}
