/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_clients.c - GET /v1/clients and /v1/clients/ID: who is supervised.
 */
#include <inttypes.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/api_route.h"
#include "proto/record.h"

#define CLIENTS_A_STEP 64

int api_client_id(const char *text, uint64_t *ret)
{
	char *end;
	unsigned long long id;

	text += *text == 'c';
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	id = strtoull(text, &end, 10);
	if (errno || *end || !id)
		return -EINVAL;
	*ret = id;
	return 0;
}

static json_t *labels_json(const struct identity *id)
{
	json_t *labels = json_object();

	for (size_t i = 0; labels && i < id->n_labels; i++)
		json_object_set_new(labels, id->label_keys[i],
				    record_json_string(id->label_values[i], false));
	return labels;
}

static json_t *verdicts_json(const struct client *c)
{
	json_t *verdicts = json_object();

	for (int i = 0; verdicts && i < VERDICT_MAX; i++)
		json_object_set_new(verdicts, record_verdict_names[i],
				    json_integer((json_int_t)atomic_load_explicit(
					    &c->counters.verdicts[i], memory_order_relaxed)));
	return verdicts;
}

static json_t *time_json(int64_t us)
{
	char text[RECORD_TIME_MAX];

	if (!us)
		return json_null();
	record_time_format(us, text);
	return json_string(text);
}

static json_int_t worker_index(const struct server *s, const struct client *c)
{
	for (unsigned i = 0; i < s->n_workers; i++)
		if (s->workers[i] == c->worker)
			return i;
	return -1;
}

static json_t *client_json(struct server *s, const struct client *c)
{
	const struct identity *id = &c->identity;
	const struct profile *p = c->view->profile;
	const struct profile *in_force = store_get(s->store, p->name);
	char name[24], hash[24];

	snprintf(name, sizeof(name), "c%" PRIu64, c->id);
	snprintf(hash, sizeof(hash), "%016" PRIx64, p->hash);
	/* No user's name: asking for it may take the user database's time. */
	return json_pack(
		"{s:s, s:o, s:o, s:o, s:s, s:b, s:I, s:I, s:i, s:o, s:o, s:o, s:s, s:o, s:I, s:o, "
		"s:I}",
		"id", name, "unit", record_json_string(id->unit, false), "slice",
		record_json_string(id->slice, false), "profile", record_json_string(p->name, false),
		"profile_hash", hash, "current", in_force && in_force->hash == p->hash, "uid",
		(json_int_t)id->uid, "gid", (json_int_t)id->gid, "pid", (int)id->pid, "command",
		record_json_string(c->command ? c->command : "", false), "labels", labels_json(id),
		"since", time_json(c->since_us), "origin",
		c->origin == ORIGIN_OCI ? "oci" : "launcher", "verdicts", verdicts_json(c),
		"failures",
		(json_int_t)atomic_load_explicit(&c->counters.failures, memory_order_relaxed),
		"last", time_json(atomic_load_explicit(&c->counters.last_us, memory_order_relaxed)),
		"worker", worker_index(s, c));
}

void api_client(struct api_call *c)
{
	struct client *client;
	uint64_t id;

	if (api_client_id(c->param, &id) < 0) {
		api_error(c->req, 400, "a client is asked for as c17, not '%s'", c->param);
		return;
	}
	client = client_table_find(c->server->clients, id);
	if (client)
		api_reply(c->req, 200, client_json(c->server, client));
	else
		api_error(c->req, 404, "there is no client c%" PRIu64, id);
}

/* ---- all of them ----------------------------------------------------------------- */

/* Clients come and go between steps: the id of the last one is kept, not a pointer. Ids ascend
 * in the table. */
struct listing {
	struct server *server;
	uint64_t last;
	bool started;
};

static int listing_produce(void *data, struct evbuffer *out)
{
	struct listing *l = data;
	struct client *c = client_table_first(l->server->clients);
	unsigned n = 0;

	if (!l->started)
		evbuffer_add_printf(out, "{\"clients\":[");
	while (c && c->id <= l->last)
		c = client_next(c);
	for (; c && n < CLIENTS_A_STEP; c = client_next(c), n++) {
		json_t *json = client_json(l->server, c);
		_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

		json_decref(json);
		if (!text)
			return -ENOMEM;
		evbuffer_add_printf(out, "%s%s", l->started ? ",\n" : "", text);
		l->started = true;
		l->last = c->id;
	}
	l->started = true;
	if (c)
		return 1;
	evbuffer_add_printf(out, "]}\n");
	return 0;
}

static void listing_free(void *data)
{
	free(data);
}

void api_clients(struct api_call *c)
{
	static const struct api_stream_ops ops = {listing_produce, listing_free};
	struct listing *l = calloc(1, sizeof(*l));

	if (!l) {
		api_error(c->req, 500, "out of memory");
		return;
	}
	l->server = c->server;
	api_stream_new(c, "application/json", false, &ops, l);
}
