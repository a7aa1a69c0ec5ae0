/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * profile_parse.c - a profile's files to a snapshot
 *
 * All files are read to nodes first; then their settings, the main file's
 * before those of the drop-ins, so that the last one stands; then the rules,
 * the last drop-in's first, because the first rule that matches decides. Rules
 * need the settings: what they leave open comes from there, and which
 * architectures their names must exist on.
 */
#include <limits.h>
#include <string.h>

#include "daemon/dropins.h"
#include "daemon/filter.h"
#include "daemon/profile_build.h"

#define DESCRIPTION_MAX 1024

struct source {
	const char *path;
	char *text;
	size_t len;
	struct yaml_file yaml;
	const yaml_node_t *rules; /* NULL: none */
};

struct sources {
	struct source v[PROFILE_FILES_MAX];
	size_t n, total;
};

/* What the callbacks of the top level get. */
struct top {
	struct build *b;
	struct source *source;
};

static void top_description_cb(struct yaml_file *f, const yaml_node_t *key,
			       const yaml_node_t *value, void *data)
{
	struct top *t = data;
	const char *s = yaml_scalar(f, value, "a text");

	(void)key;
	if (s && strlen(s) > DESCRIPTION_MAX)
		yaml_error(f, value, "a text of %zu bytes, expected at most %d", strlen(s),
			   DESCRIPTION_MAX);
	else if (s)
		t->b->p->description = arena_strdup(t->b->p->arena, s);
}

static void top_mode_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			void *data)
{
	struct top *t = data;
	int mode = yaml_enum(f, value, "a mode", record_mode_names, MODE_MAX);

	(void)key;
	if (mode >= 0)
		t->b->p->mode = (enum record_mode)mode;
}

static void top_default_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			   void *data)
{
	static const enum action actions[] = {ACTION_ALLOW, ACTION_DENY, ACTION_KILL};
	static const char *const names[] = {"allow", "deny", "kill"};
	struct top *t = data;
	int i = yaml_enum(f, value, "a default", names, ARRAY_SIZE(names));

	(void)key;
	t->b->have_default = true;
	if (i >= 0)
		t->b->p->default_action = actions[i];
}

static void top_errno_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct top *t = data;
	int err = yaml_errno(f, value);

	(void)key;
	if (err > 0)
		t->b->p->err = err;
}

static void top_log_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
		       void *data)
{
	struct top *t = data;
	int log = yaml_enum(f, value, "a log setting", log_mode_names, LOG_MODE_MAX);

	(void)key;
	if (log >= 0)
		t->b->p->log = (enum log_mode)log;
}

static void ask_timeout_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			   void *data)
{
	uint64_t ms;

	(void)key, (void)data;
	(void)yaml_duration(f, value, "a timeout", 1000, UINT64_C(7) * 86400 * 1000, &ms);
}

static void ask_otherwise_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			     void *data)
{
	static const char *const names[] = {"deny", "kill"};

	(void)key, (void)data;
	(void)yaml_enum(f, value, "an answer for want of one", names, ARRAY_SIZE(names));
}

static void ask_unattended_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			      void *data)
{
	static const char *const names[] = {"deny", "wait"};

	(void)key, (void)data;
	(void)yaml_enum(f, value, "what to do while nobody can answer", names, ARRAY_SIZE(names));
}

/* Read, but without effect until `action: ask` is there. */
static void top_ask_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
		       void *data)
{
	static const struct yaml_key keys[] = {
		{"timeout", ask_timeout_cb, false},
		{"otherwise", ask_otherwise_cb, false},
		{"unattended", ask_unattended_cb, false},
	};

	(void)key, (void)data;
	(void)yaml_walk(f, value, "'ask'", keys, ARRAY_SIZE(keys), NULL);
}

static void top_architectures_cb(struct yaml_file *f, const yaml_node_t *key,
				 const yaml_node_t *value, void *data)
{
	struct top *t = data;
	const char *names[ARCH_MAX + 1];
	size_t n = yaml_items(f, value, "an architecture or a list of them");
	unsigned archs = 0;

	(void)key;
	for (int a = 0; a < ARCH_MAX; a++)
		names[a] = arch_names[a];
	names[ARCH_MAX] = "native";
	for (size_t i = 0; i < n; i++) {
		int a = yaml_enum(f, yaml_item(f, value, i), "an architecture", names,
				  ARRAY_SIZE(names));

		if (a >= 0)
			archs |= ARCH_BIT(a == ARCH_MAX ? (int)arch_native() : a);
	}
	if (archs)
		t->b->p->archs = archs;
}

static void top_rules_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct top *t = data;

	(void)key;
	if (value->type != YAML_SEQUENCE_NODE)
		yaml_error(f, value, "'rules' is a list, expected an item that starts with '- '");
	else
		t->source->rules = value;
}

static const struct yaml_key top_keys[] = {
	{"description", top_description_cb, false},
	{"mode", top_mode_cb, false},
	{"default", top_default_cb, false},
	{"errno", top_errno_cb, false},
	{"log", top_log_cb, false},
	{"ask", top_ask_cb, false},
	{"architectures", top_architectures_cb, false},
	{"rules", top_rules_cb, false},
};

/* FNV-1a, the length first: text moved from one file to the next is another profile. */
static uint64_t parse_hash(uint64_t h, const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(len); i++)
		h = (h ^ ((len >> (8 * i)) & 0xff)) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void parse_top(struct build *b, struct sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct source *src = &s->v[i];
		struct top t = {.b = b, .source = src};
		const yaml_node_t *root;

		b->p->hash = parse_hash(b->p->hash, src->text, src->len);
		if (!src->yaml.loaded)
			continue;
		root = yaml_file_root(&src->yaml);
		if (yaml_walk(&src->yaml, root, i == 0 ? "a profile" : "a drop-in", top_keys,
			      ARRAY_SIZE(top_keys), &t) &&
		    i == 0 && !b->have_default)
			yaml_error(&src->yaml, root,
				   "a profile needs the key 'default': allow, deny or kill");
	}
}

static size_t parse_count(const struct source *src)
{
	return src->rules ? (size_t)(src->rules->data.sequence.items.top -
				     src->rules->data.sequence.items.start)
			  : 0;
}

/* The rules of one file, from index FIRST. */
static void parse_rules_of(struct build *b, struct source *src, bool dropin, const char *path,
			   unsigned first)
{
	size_t n = parse_count(src);

	for (size_t i = 0; i < n && !b->failed && !arena_failed(b->p->arena); i++) {
		char name[128];

		if (dropin)
			(void)snprintf(name, sizeof(name), "%.64s rule %zu", dropins_base(path),
				       i + 1);
		else
			(void)snprintf(name, sizeof(name), "rule %zu", i + 1);
		b->p->rules[first + i].file = path;
		profile_rule_parse(b, &src->yaml, yaml_item(&src->yaml, src->rules, i),
				   first + (unsigned)i, name);
	}
}

static void parse_rules(struct build *b, struct sources *s)
{
	size_t n = 0, first = 0;

	for (size_t i = 0; i < s->n; i++) {
		n += parse_count(&s->v[i]);
		if (n > PROFILE_RULES_MAX) {
			yaml_error(&s->v[i].yaml, s->v[i].rules,
				   "%zu rules in all, expected at most %d", n, PROFILE_RULES_MAX);
			return;
		}
	}
	b->p->rules = arena_alloc(b->p->arena, n, sizeof(*b->p->rules));
	if (!b->p->rules)
		return;
	b->p->n_rules = (unsigned)n;
	for (size_t i = s->n; i-- > 0;) {
		parse_rules_of(b, &s->v[i], i > 0, b->p->files[i], (unsigned)first);
		first += parse_count(&s->v[i]);
	}
}

static int parse_compare_names(const void *a, const void *b)
{
	const struct rule *x = *(const struct rule *const *)a, *y = *(const struct rule *const *)b;
	int r = strcmp(x->name, y->name);

	return r ? r : x < y ? -1 : x > y;
}

/* Records and listings tell rules by their names. */
static void parse_unique_names(struct build *b, unsigned *errors)
{
	struct rule **sorted = arena_alloc(b->scratch, b->p->n_rules, sizeof(*sorted));
	size_t n = 0;

	for (unsigned i = 0; i < b->p->n_rules && sorted; i++)
		if (b->p->rules[i].name)
			sorted[n++] = &b->p->rules[i];
	if (n < 2)
		return;
	qsort(sorted, n, sizeof(*sorted), parse_compare_names);
	for (size_t i = 1; i < n; i++) {
		const struct rule *r = sorted[i], *other = sorted[i - 1];

		if (strcmp(r->name, other->name) != 0)
			continue;
		diag_add(b->diag, r->file, r->line, r->column,
			 "rule name '%.64s' is taken, by the rule at %s:%u:%u (a drop-in adds "
			 "rules in "
			 "front, it replaces none)",
			 r->name, other->file, other->line, other->column);
		++*errors;
	}
}

static bool parse_files(struct build *b, const struct sources *s)
{
	struct profile *p = b->p;

	p->files = arena_alloc(p->arena, s->n + 1, sizeof(*p->files));
	for (size_t i = 0; i < s->n && p->files; i++)
		p->files[i] = arena_strdup(p->arena, s->v[i].path);
	if (!arena_failed(p->arena))
		p->path = p->files[0];
	return !arena_failed(p->arena);
}

static struct profile *profile_new(const char *name)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	p->arena = arena_new(PROFILE_MEMORY_MAX);
	if (!p->arena) {
		free(p);
		return NULL;
	}
	p->name = arena_strdup(p->arena, name);
	p->description = arena_strdup(p->arena, "");
	p->hash = UINT64_C(0xcbf29ce484222325);
	p->mode = MODE_ENFORCE;
	p->default_action = ACTION_DENY;
	p->err = EPERM;
	p->log = LOG_MODE_DENIED;
	p->archs = ARCH_BIT(arch_native());
	return p;
}

/* Everything from nodes to tables. 0 or -errno with items. */
static int parse_build(struct build *b, struct sources *s)
{
	unsigned errors = 0;
	int r;

	if (!parse_files(b, s) || profile_calls_start(b) < 0) {
		diag_add(b->diag, s->v[0].path, 0, 0, "out of memory");
		return -ENOMEM;
	}
	parse_top(b, s);
	for (size_t i = 0; i < s->n; i++)
		s->v[i].yaml.archs = b->p->archs;
	parse_rules(b, s);
	parse_unique_names(b, &errors);
	for (size_t i = 0; i < s->n; i++)
		errors += s->v[i].yaml.errors;
	if (b->failed)
		return -EINVAL;
	/* Also where there are errors: what can be told of the rules that are good is told now. */
	profile_calls_finish(b);
	r = profile_op_finish(b);
	if (r < 0)
		return r;
	if (!arena_failed(b->p->arena) && !arena_failed(b->scratch)) {
		r = filter_check(b->p, b->diag);
		return errors > 0 ? -EINVAL : r;
	}
	diag_add(b->diag, s->v[0].path, 0, 0, "too large: needs more than %zu MiB of memory",
		 PROFILE_MEMORY_MAX >> 20);
	return -ENOMEM;
}

static int parse_sources(const char *name, struct sources *s, struct profile **ret, struct diag *d)
{
	struct build b = {.diag = d, .p = profile_new(name)};
	int r = -ENOMEM;

	_cleanup_(arena_freep) struct arena *scratch = arena_new(PROFILE_MEMORY_MAX);

	b.scratch = scratch;
	if (b.p && scratch) {
		for (size_t i = 0; i < s->n; i++)
			(void)yaml_file_parse(&s->v[i].yaml, s->v[i].path, s->v[i].text,
					      s->v[i].len, d);
		r = parse_build(&b, s);
	} else {
		diag_add(d, s->v[0].path, 0, 0, "out of memory");
	}
	profile_calls_done(&b);
	for (size_t i = 0; i < s->n; i++)
		yaml_file_done(&s->v[i].yaml);
	if (r < 0)
		b.p = profile_unref(b.p);
	else
		*ret = b.p;
	return r;
}

int profile_parse(const char *name, const char *path, const char *text, size_t len,
		  struct profile **ret, struct diag *d)
{
	_cleanup_free_ struct sources *s = calloc(1, sizeof(*s));

	if (!s) {
		diag_add(d, path, 0, 0, "out of memory");
		return -ENOMEM;
	}
	/* libyaml only reads it. */
	s->v[0] = (struct source){.path = path, .text = (char *)(uintptr_t)text, .len = len};
	s->n = 1;
	return parse_sources(name, s, ret, d);
}

static int load_one(struct sources *s, const char *path, struct diag *d)
{
	struct source *src = &s->v[s->n];
	int r;

	if (s->n == PROFILE_FILES_MAX) {
		diag_add(d, path, 0, 0, "one drop-in too many, expected at most %d",
			 PROFILE_FILES_MAX - 1);
		return -EINVAL;
	}
	src->path = path;
	r = yaml_read(path, &src->text, &src->len, d);
	if (r == -ENOENT)
		diag_add(d, path, 0, 0, "there is no such file");
	if (r < 0)
		return r;
	s->n++;
	s->total += src->len;
	if (s->total <= PROFILE_TEXT_MAX)
		return 0;
	diag_add(d, path, 0, 0, "is too large with the files before it, expected %zu bytes in all",
		 PROFILE_TEXT_MAX);
	return -EFBIG;
}

int profile_load_with(const char *name, const char *path, const char *const *dropins, size_t n,
		      struct profile **ret, struct diag *d)
{
	_cleanup_free_ struct sources *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		diag_add(d, path, 0, 0, "out of memory");
		return -ENOMEM;
	}
	r = load_one(s, path, d);
	for (size_t i = 0; i < n; i++) {
		int r2 = load_one(s, dropins[i], d);

		r = r < 0 ? r : r2;
	}
	if (r == 0)
		r = parse_sources(name, s, ret, d);
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].text);
	return r;
}

int profile_load_dropin(const char *name, const char *path, struct profile **ret, struct diag *d)
{
	static const char main_text[] = "default: deny\n";
	_cleanup_free_ struct sources *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		diag_add(d, path, 0, 0, "out of memory");
		return -ENOMEM;
	}
	s->v[s->n++] = (struct source){
		.path = path, .text = (char *)(uintptr_t)main_text, .len = strlen(main_text)};
	r = load_one(s, path, d);
	if (r == 0)
		r = parse_sources(name, s, ret, d);
	if (s->n > 1)
		free(s->v[1].text);
	return r;
}

int profile_load(const char *name, const char *path, bool dropins, struct profile **ret,
		 struct diag *d)
{
	_cleanup_(dropins_done) struct dropins list = {0};
	char dir[PATH_MAX];
	int r = 0;

	if (snprintf(dir, sizeof(dir), "%s.d", path) >= (int)sizeof(dir)) {
		diag_add(d, path, 0, 0, "too long a path");
		return -ENAMETOOLONG;
	}
	if (dropins)
		r = dropins_add(&list, dir, d);
	if (r < 0)
		return r;
	return profile_load_with(name, path, (const char *const *)list.paths, list.n, ret, d);
}
