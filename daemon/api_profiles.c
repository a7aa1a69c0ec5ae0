/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_profiles.c - GET /v1/profiles and /v1/profiles/NAME: the profiles in
 * force, and the rules of one as they were understood.
 */
#include <inttypes.h>
#include <string.h>

#include "daemon/api_route.h"
#include "proto/record.h"

#define VALUE_TEXT_MAX 128

/* ---- a rule ------------------------------------------------------------------------ */

static const char *const cmp_texts[] = {
	[CMP_EQ] = "==", [CMP_NE] = "!=", [CMP_LT] = "<",
	[CMP_LE] = "<=", [CMP_GT] = ">",  [CMP_GE] = ">=",
};

/* "fd == 1", "flags & 0x40 == 0x40" */
static void cmp_text(const struct cmp *c, const char *arg, char *buf, size_t size)
{
	if (c->op == CMP_MASK_EQ || c->op == CMP_MASK_NE)
		snprintf(buf, size, "%s & 0x%" PRIx64 " %s 0x%" PRIx64, arg, c->mask,
			 c->op == CMP_MASK_EQ ? "==" : "!=", c->value);
	else
		snprintf(buf, size, "%s %s %" PRIu64, arg, cmp_texts[c->op], c->value);
}

static json_t *cond_json(const struct cond *c, const char *syscall)
{
	const char *arg = syscall ? syscall_arg_name(syscall, c->arg) : NULL;
	char number[8], text[VALUE_TEXT_MAX];
	json_t *list = json_array();

	if (!arg) {
		snprintf(number, sizeof(number), "arg%u", c->arg);
		arg = number;
	}
	for (unsigned i = 0; list && i < c->n_cmps; i++) {
		cmp_text(&c->cmps[i], arg, text, sizeof(text));
		json_array_append_new(list, json_string(text));
	}
	return json_pack("{s:o}", c->any ? "any" : "all", list);
}

static json_t *conds_json(const struct match *m, const char *syscall)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < m->n_conds; i++)
		json_array_append_new(list, cond_json(&m->conds[i], syscall));
	return list;
}

static const struct match *find_match(const struct sysent *e, unsigned rule)
{
	for (unsigned i = 0; i < e->n_matches; i++)
		if (e->matches[i].rule == rule)
			return &e->matches[i];
	return NULL;
}

/* The calls that RULE is for, of any architecture, each once, with the conditions of the first
 * that has some: {"syscall": [...], "args": [{"all": ["fd == 1"]}]}. */
static json_t *subject_json(const struct profile *p, unsigned rule)
{
	json_t *seen = json_object(), *names = json_array(), *args = NULL;

	for (int a = 0; a < ARCH_MAX && seen && names; a++) {
		for (unsigned i = 0; i < p->arch[a].n_sysents; i++) {
			const struct sysent *e = &p->arch[a].sysents[i];
			const struct match *m = find_match(e, rule);
			const char *name = m ? syscall_name(arch_audit((enum arch)a), e->nr) : NULL;

			if (name && !json_object_get(seen, name)) {
				json_object_set_new(seen, name, json_true());
				json_array_append_new(names, json_string(name));
			}
			if (m && m->n_conds && !args)
				args = conds_json(m, name);
		}
	}
	json_decref(seen);
	return json_pack("{s:o, s:o*}", "syscall", names, "args", args);
}

static void add_list(json_t *object, const char *key, const struct strv *v)
{
	json_t *list = v->n ? json_array() : NULL;

	for (size_t i = 0; list && i < v->n; i++)
		json_array_append_new(list, record_json_string(v->v[i], false));
	if (list)
		json_object_set_new(object, key, list);
}

static json_t *when_json(const struct when *w)
{
	json_t *when = json_object(), *labels;

	if (!when)
		return NULL;
	add_list(when, "unit", &w->unit);
	add_list(when, "slice", &w->slice);
	add_list(when, "user", &w->user);
	add_list(when, "group", &w->group);
	add_list(when, "exe", &w->exe);
	add_list(when, "comm", &w->comm);
	labels = w->n_labels ? json_object() : NULL;
	for (size_t i = 0; labels && i < w->n_labels; i++)
		add_list(labels, w->labels[i].key, &w->labels[i].globs);
	if (labels)
		json_object_set_new(when, "label", labels);
	return when;
}

static json_t *errno_json(int err)
{
	const char *name = errno_to_name(err);

	return name ? json_string(name) : json_integer(err);
}

static json_t *rule_json(const struct profile *p, unsigned i)
{
	const struct rule *r = &p->rules[i];
	json_t *rule =
		json_pack("{s:o, s:s, s:o, s:s, s:s, s:b, s:o}", "name",
			  record_json_string(r->name, false), "action", action_names[r->action],
			  "subject", subject_json(p, i), "log", log_mode_names[r->log], "mode",
			  record_mode_names[r->mode], "racy", r->racy, "when", when_json(&r->when));
	_cleanup_free_ char *where = NULL;

	if (!rule)
		return NULL;
	if (r->action == ACTION_DENY)
		json_object_set_new(rule, "errno", errno_json(r->err));
	if (r->action == ACTION_RETURN)
		json_object_set_new(rule, "value", json_integer((json_int_t)r->value));
	if (r->limit.rate > 0)
		json_object_set_new(rule, "limit",
				    json_pack("{s:f, s:I}", "rate", r->limit.rate, "burst",
					      (json_int_t)r->limit.burst));
	if (asprintf(&where, "%s:%u", r->file ? r->file : "", r->line) >= 0)
		json_object_set_new(rule, "where", record_json_string(where, false));
	else
		where = NULL;
	return rule;
}

/* ---- a profile --------------------------------------------------------------------- */

static json_t *archs_json(const struct profile *p)
{
	json_t *list = json_array();

	for (int a = 0; list && a < ARCH_MAX; a++)
		if (p->archs & ARCH_BIT(a))
			json_array_append_new(list, json_string(arch_names[a]));
	return list;
}

static size_t count_clients(const struct server *s, const char *name)
{
	size_t n = 0;

	for (struct client *c = client_table_first(s->clients); c; c = client_next(c))
		n += strcmp(c->view->profile->name, name) == 0;
	return n;
}

static json_t *profile_json(const struct server *s, const struct profile *p)
{
	const char *error = store_error(s->store, p->name);
	char hash[24];

	snprintf(hash, sizeof(hash), "%016" PRIx64, p->hash);
	return json_pack("{s:o, s:o, s:s, s:s, s:s, s:o, s:s, s:o, s:i, s:I, s:o, s:o}", "name",
			 record_json_string(p->name, false), "description",
			 record_json_string(p->description ? p->description : "", false), "hash",
			 hash, "mode", record_mode_names[p->mode], "default",
			 action_names[p->default_action], "errno", errno_json(p->err), "log",
			 log_mode_names[p->log], "architectures", archs_json(p), "rule_count",
			 (int)p->n_rules, "clients", (json_int_t)count_clients(s, p->name), "path",
			 record_json_string(p->path, false), "refused",
			 error ? record_json_string(error, false) : json_null());
}

void api_profiles(struct api_call *c)
{
	const struct server *s = c->server;
	json_t *list = json_array();

	for (size_t i = 0; list && i < store_count(s->store); i++)
		json_array_append_new(list, profile_json(s, store_at(s->store, i)));
	api_reply(c->req, 200, json_pack("{s:o}", "profiles", list));
}

void api_profile(struct api_call *c)
{
	const struct profile *p = store_get(c->server->store, c->param);
	json_t *json, *files = NULL, *rules = NULL;

	if (!p) {
		const char *error = store_error(c->server->store, c->param);

		api_error(c->req, 404, "there is no profile '%s'%s%s", c->param,
			  error ? ": it was refused:\n" : "", error ? error : "");
		return;
	}
	json = profile_json(c->server, p);
	files = json ? json_array() : NULL;
	for (char **f = p->files; files && f && *f; f++)
		json_array_append_new(files, record_json_string(*f, false));
	rules = json ? json_array() : NULL;
	for (unsigned i = 0; rules && i < p->n_rules; i++)
		json_array_append_new(rules, rule_json(p, i));
	if (json) {
		json_object_set_new(json, "files", files);
		json_object_set_new(json, "rules", rules);
	}
	api_reply(c->req, 200, json);
}
