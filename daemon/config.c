/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* config.c - seccompd.yaml to settings, and who gets which profile by them */
#include "daemon/config.h"

#include <string.h>

#include "daemon/globs.h"
#include "daemon/userdb.h"

#define CONFIG_MEMORY_MAX      ((size_t)16 * 1024 * 1024)
#define CONFIG_ASSIGNMENTS_MAX 10000
#define CONFIG_IDS_MAX	       1024

struct config *config_default(void)
{
	struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->arena = arena_new(CONFIG_MEMORY_MAX);
	if (!c->arena) {
		free(c);
		return NULL;
	}
	c->max_clients = 10000;
	c->max_clients_per_uid = 1024;
	c->max_connections = 512;
	c->max_connections_per_uid = 64;
	c->log_max_bytes = UINT64_C(1) << 30;
	c->log_max_age_s = UINT64_C(30) * 86400;
	c->log_batch_ms = 10;
	c->ring_bytes = UINT64_C(4) << 20;
	c->log_journal = true;
	c->journal_burst = 100;
	return c;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	(void)arena_free(c->arena);
	free(c);
}

/* Users or groups: KIND tells. */
static void config_ids(struct yaml_file *f, const yaml_node_t *node, bool groups,
		       struct arena *arena, unsigned **ret, size_t *ret_n)
{
	const char *what = groups ? "group" : "user";
	size_t n = yaml_items(f, node, groups ? "a list of groups" : "a list of users");
	unsigned *ids;

	if (n > CONFIG_IDS_MAX) {
		yaml_error(f, node, "%zu items, expected at most %d", n, CONFIG_IDS_MAX);
		return;
	}
	ids = arena_alloc(arena, n, sizeof(*ids));
	*ret = ids;
	for (size_t i = 0; i < n && ids; i++) {
		const yaml_node_t *item = yaml_item(f, node, i);
		const char *s = yaml_scalar(f, item, groups ? "a group" : "a user");
		int r = !s ? 0 : groups ? userdb_gid(s, &ids[*ret_n]) : userdb_uid(s, &ids[*ret_n]);

		if (r == -ESRCH || r == -ERANGE)
			yaml_error(f, item, "there is no %s '%.60s' on this system", what, s);
		else if (r < 0)
			yaml_error(f, item, "%s '%.60s' cannot be looked up: %s", what, s,
				   strerror(-r));
		else if (s)
			++*ret_n;
	}
}

struct idset_build {
	struct arena *arena;
	struct idset *set;
};

static void idset_users_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			   void *data)
{
	struct idset_build *b = data;

	(void)key;
	config_ids(f, value, false, b->arena, &b->set->uids, &b->set->n_uids);
}

static void idset_groups_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			    void *data)
{
	struct idset_build *b = data;

	(void)key;
	config_ids(f, value, true, b->arena, &b->set->gids, &b->set->n_gids);
}

static void config_idset(struct yaml_file *f, const yaml_node_t *value, const char *what,
			 struct arena *arena, struct idset *set)
{
	static const struct yaml_key keys[] = {
		{"users", idset_users_cb, false},
		{"groups", idset_groups_cb, false},
	};
	struct idset_build b = {.arena = arena, .set = set};

	(void)yaml_walk(f, value, what, keys, ARRAY_SIZE(keys), &b);
}

static void config_operators_cb(struct yaml_file *f, const yaml_node_t *key,
				const yaml_node_t *value, void *data)
{
	struct config *c = data;

	(void)key;
	config_idset(f, value, "'operators'", c->arena, &c->operators);
}

static void config_viewers_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			      void *data)
{
	struct config *c = data;

	(void)key;
	config_idset(f, value, "'viewers'", c->arena, &c->viewers);
}

struct assignment_build {
	struct arena *arena;
	struct assignment *a;
	const yaml_node_t *profile, *choose, *refuse; /* keys; NULL: not given */
};

static void match_unit_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  void *data)
{
	struct assignment_build *b = data;

	(void)key;
	globs_parse(f, value, GLOBS_UNIT, b->arena, &b->a->unit);
}

static void match_slice_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			   void *data)
{
	struct assignment_build *b = data;

	(void)key;
	globs_parse(f, value, GLOBS_SLICE, b->arena, &b->a->slice);
}

static void match_user_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  void *data)
{
	struct assignment_build *b = data;

	(void)key;
	globs_parse_ids(f, value, GLOBS_USER, b->arena, &b->a->user, &b->a->uids);
}

static void match_label_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			   void *data)
{
	struct assignment_build *b = data;

	(void)key;
	globs_parse_labels(f, value, b->arena, &b->a->labels, &b->a->n_labels);
}

static void assignment_match_cb(struct yaml_file *f, const yaml_node_t *key,
				const yaml_node_t *value, void *data)
{
	static const struct yaml_key keys[] = {
		{"unit", match_unit_cb, false},
		{"slice", match_slice_cb, false},
		{"user", match_user_cb, false},
		{"label", match_label_cb, false},
	};

	(void)key;
	(void)yaml_walk(f, value, "'match'", keys, ARRAY_SIZE(keys), data);
}

static void assignment_profile_cb(struct yaml_file *f, const yaml_node_t *key,
				  const yaml_node_t *value, void *data)
{
	struct assignment_build *b = data;
	const char *s = yaml_scalar(f, value, "the name of a profile");

	b->profile = key;
	if (!s)
		return;
	if (strchr(s, '/') || s[0] == '.') {
		yaml_error(f, value, "'%.60s' is a path, expected the name of a profile", s);
		return;
	}
	b->a->profile = arena_strdup(b->arena, s);
	b->a->line = yaml_line(value);
	b->a->column = yaml_column(value);
}

static void assignment_choose_cb(struct yaml_file *f, const yaml_node_t *key,
				 const yaml_node_t *value, void *data)
{
	struct assignment_build *b = data;

	b->choose = key;
	if (yaml_is_bool(value))
		(void)yaml_bool(f, value, &b->a->choose_any);
	else
		globs_parse(f, value, GLOBS_PROFILE, b->arena, &b->a->choose);
}

static void assignment_refuse_cb(struct yaml_file *f, const yaml_node_t *key,
				 const yaml_node_t *value, void *data)
{
	struct assignment_build *b = data;

	b->refuse = key;
	(void)yaml_bool(f, value, &b->a->refuse);
}

static void config_assignment(struct yaml_file *f, const yaml_node_t *node, struct arena *arena,
			      struct assignment *a)
{
	static const struct yaml_key keys[] = {
		{"match", assignment_match_cb, false},
		{"profile", assignment_profile_cb, false},
		{"choose", assignment_choose_cb, false},
		{"refuse", assignment_refuse_cb, false},
	};
	struct assignment_build b = {.arena = arena, .a = a};

	a->line = yaml_line(node);
	a->column = yaml_column(node);
	if (!yaml_walk(f, node, "an item of 'clients'", keys, ARRAY_SIZE(keys), &b))
		return;
	if (b.refuse && a->refuse && (b.profile || b.choose))
		yaml_error(f, b.refuse, "'refuse' goes without 'profile' and 'choose'");
	if (!b.refuse && !b.profile && !b.choose)
		yaml_error(f, node, "an item of 'clients' needs 'profile', 'choose' or 'refuse'");
	if (b.refuse && !a->refuse && !b.profile && !b.choose)
		yaml_error(f, b.refuse,
			   "'refuse: false' alone decides nothing, expected 'profile', "
			   "'choose' or 'refuse: true'");
}

static void config_clients_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			      void *data)
{
	struct config *c = data;
	size_t n;

	(void)key;
	if (value->type != YAML_SEQUENCE_NODE) {
		yaml_error(f, value, "'clients' is a list, expected an item that starts with '- '");
		return;
	}
	n = yaml_items(f, value, "who gets which profile");
	if (n > CONFIG_ASSIGNMENTS_MAX) {
		yaml_error(f, value, "%zu items, expected at most %d", n, CONFIG_ASSIGNMENTS_MAX);
		return;
	}
	c->assignments = arena_alloc(c->arena, n, sizeof(*c->assignments));
	c->n_assignments = c->assignments ? n : 0;
	for (size_t i = 0; i < c->n_assignments; i++)
		config_assignment(f, yaml_item(f, value, i), c->arena, &c->assignments[i]);
}

/* Numbers: one callback, the table says where and within which bounds. */
struct config_number {
	const char *name;
	size_t offset;
	unsigned min, max;
};

static void config_number(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  struct config *c, const struct config_number *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t x;

		if (strcmp(table[i].name, yaml_text(key)) == 0 &&
		    yaml_unsigned(f, value, "a count", table[i].min, table[i].max, &x))
			*(unsigned *)(void *)((char *)c + table[i].offset) = (unsigned)x;
	}
}

static void limits_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
		      void *data)
{
	static const struct config_number table[] = {
		{"clients", offsetof(struct config, max_clients), 1, 1000000},
		{"clients_per_uid", offsetof(struct config, max_clients_per_uid), 1, 1000000},
		{"connections", offsetof(struct config, max_connections), 1, 100000},
		{"connections_per_uid", offsetof(struct config, max_connections_per_uid), 1,
		 100000},
	};

	config_number(f, key, value, data, table, ARRAY_SIZE(table));
}

static void config_limits_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			     void *data)
{
	static const struct yaml_key keys[] = {
		{"clients", limits_cb, false},
		{"clients_per_uid", limits_cb, false},
		{"connections", limits_cb, false},
		{"connections_per_uid", limits_cb, false},
	};

	(void)key;
	(void)yaml_walk(f, value, "'limits'", keys, ARRAY_SIZE(keys), data);
}

static void config_workers_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			      void *data)
{
	static const struct config_number table[] = {
		{"workers", offsetof(struct config, workers), 0, 256},
	};

	config_number(f, key, value, data, table, ARRAY_SIZE(table));
}

static void log_max_size_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			    void *data)
{
	struct config *c = data;

	(void)key;
	(void)yaml_size(f, value, "a size", 0, UINT64_C(1) << 50, &c->log_max_bytes);
}

static void log_max_age_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			   void *data)
{
	struct config *c = data;
	uint64_t ms;

	(void)key;
	if (yaml_duration(f, value, "an age", 0, UINT64_C(100) * 366 * 86400 * 1000, &ms))
		c->log_max_age_s = (ms + 999) / 1000;
}

static void log_batch_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			 void *data)
{
	struct config *c = data;
	uint64_t ms;

	(void)key;
	if (yaml_duration(f, value, "a batch", 1, 10000, &ms))
		c->log_batch_ms = (unsigned)ms;
}

static void log_journal_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			   void *data)
{
	struct config *c = data;

	(void)key;
	(void)yaml_bool(f, value, &c->log_journal);
}

static void log_journal_burst_cb(struct yaml_file *f, const yaml_node_t *key,
				 const yaml_node_t *value, void *data)
{
	static const struct config_number table[] = {
		{"journal_burst", offsetof(struct config, journal_burst), 0, 1000000},
	};

	config_number(f, key, value, data, table, ARRAY_SIZE(table));
}

static void log_ring_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			void *data)
{
	struct config *c = data;
	uint64_t bytes;

	(void)key;
	if (!yaml_size(f, value, "a ring's size", 64 * 1024, UINT64_C(1) << 30, &bytes))
		return;
	if (bytes & (bytes - 1))
		yaml_error(f, value, "'%.60s' is no power of two, as 4M", yaml_text(value));
	else
		c->ring_bytes = bytes;
}

static void config_log_cb(struct yaml_file *f, const yaml_node_t *key, const yaml_node_t *value,
			  void *data)
{
	static const struct yaml_key keys[] = {
		{"max_size", log_max_size_cb, false},
		{"max_age", log_max_age_cb, false},
		{"batch", log_batch_cb, false},
		{"journal", log_journal_cb, false},
		{"journal_burst", log_journal_burst_cb, false},
		{"ring", log_ring_cb, false},
	};

	(void)key;
	(void)yaml_walk(f, value, "'log'", keys, ARRAY_SIZE(keys), data);
}

static const struct yaml_key config_keys[] = {
	{"operators", config_operators_cb, false}, {"viewers", config_viewers_cb, false},
	{"clients", config_clients_cb, false},	   {"limits", config_limits_cb, false},
	{"workers", config_workers_cb, false},	   {"log", config_log_cb, false},
};

int config_parse(const char *path, const char *text, size_t len, struct config **ret,
		 struct diag *d)
{
	struct config *c = config_default();
	struct yaml_file f;
	int r;

	if (!c) {
		diag_add(d, path, 0, 0, "out of memory");
		return -ENOMEM;
	}
	r = yaml_file_parse(&f, path, text, len, d);
	if (r == 0) {
		(void)yaml_walk(&f, yaml_file_root(&f), "the configuration", config_keys,
				ARRAY_SIZE(config_keys), c);
		r = f.errors ? -EINVAL : 0;
	}
	yaml_file_done(&f);
	if (r == 0 && arena_failed(c->arena)) {
		diag_add(d, path, 0, 0, "too large: needs more than %zu MiB of memory",
			 CONFIG_MEMORY_MAX >> 20);
		r = -ENOMEM;
	}
	if (r < 0)
		config_free(c);
	else
		*ret = c;
	return r;
}

int config_load(const char *path, struct config **ret, struct diag *d)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = yaml_read(path, &text, &len, d);

	return r < 0 ? r : config_parse(path, text, len, ret, d);
}

static const char *claim_label(const struct claim *claim, const char *key)
{
	for (size_t i = 0; i < claim->n_labels; i++)
		if (strcmp(claim->label_keys[i], key) == 0)
			return claim->label_values[i];
	return NULL;
}

/* Where the unit and slice cannot be told: whether A would match with the right ones. */
static bool assign_matches(const struct assignment *a, const struct claim *claim)
{
	if (a->unit.n > 0 && claim->unit && !strv_match(&a->unit, claim->unit))
		return false;
	if (a->slice.n > 0 && claim->slice && !strv_match(&a->slice, claim->slice))
		return false;
	for (size_t i = 0; i < a->n_labels; i++) {
		const char *value = claim_label(claim, a->labels[i].key);

		if (!value || !strv_match(&a->labels[i].globs, value))
			return false;
	}
	return a->user.n == 0 || idlist_match(&a->uids, &a->user, claim->uid);
}

/* Whom a reason is about. The user's name would be a look-up, and take its time. */
static void assign_who(const struct claim *claim, char *buf, size_t size)
{
	if (claim->unit && claim->unit[0] != '\0')
		(void)snprintf(buf, size, "unit %.200s", claim->unit);
	else
		(void)snprintf(buf, size, "user %u", claim->uid);
}

static void assign_list(const struct strv *v, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < v->n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "", v->v[i]);
}

static const char *assign_none(const char *who, char *reason, size_t size)
{
	(void)snprintf(reason, size, "no profile is assigned to %s, and --profile was not given",
		       who);
	return NULL;
}

const char *config_assign(const struct config *c, const struct claim *claim, char *reason,
			  size_t reason_size)
{
	const struct assignment *a = NULL;
	char who[256], list[256];

	for (size_t i = 0; i < c->n_assignments && !a; i++)
		if (assign_matches(&c->assignments[i], claim))
			a = &c->assignments[i];
	assign_who(claim, who, sizeof(who));
	if (a && !(claim->unit && claim->slice) && (a->unit.n > 0 || a->slice.n > 0)) {
		(void)snprintf(reason, reason_size,
			       "%s is gone, and line %u of the configuration asks for the unit",
			       who, a->line);
		return NULL;
	}
	if (a && a->refuse) {
		(void)snprintf(reason, reason_size, "%s is refused by line %u of the configuration",
			       who, a->line);
		return NULL;
	}
	if (!claim->want)
		return a && a->profile ? a->profile : assign_none(who, reason, reason_size);
	if (!a || a->choose_any || strv_match(&a->choose, claim->want) ||
	    (a->profile && strcmp(a->profile, claim->want) == 0))
		return claim->want;
	assign_list(&a->choose, list, sizeof(list));
	(void)snprintf(reason, reason_size, "%s may not choose profile %.64s%s%s%s%s", who,
		       claim->want, a->profile ? "; it is assigned " : "",
		       a->profile ? a->profile : "", list[0] ? "; it may choose " : "", list);
	return NULL;
}

static bool config_in_set(const struct idset *set, uid_t uid, gid_t gid, const gid_t *groups,
			  size_t n_groups)
{
	for (size_t i = 0; i < set->n_uids; i++)
		if (set->uids[i] == uid)
			return true;
	for (size_t i = 0; i < set->n_gids; i++) {
		if (set->gids[i] == gid)
			return true;
		for (size_t k = 0; k < n_groups; k++)
			if (set->gids[i] == groups[k])
				return true;
	}
	return false;
}

bool config_is_operator(const struct config *c, uid_t uid, gid_t gid, const gid_t *groups,
			size_t n_groups)
{
	return uid == 0 || config_in_set(&c->operators, uid, gid, groups, n_groups);
}

bool config_is_viewer(const struct config *c, uid_t uid, gid_t gid, const gid_t *groups,
		      size_t n_groups)
{
	return config_is_operator(c, uid, gid, groups, n_groups) ||
	       config_in_set(&c->viewers, uid, gid, groups, n_groups);
}
