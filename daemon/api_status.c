/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_status.c - GET /v1/status and /v1/detect: how the daemon does, and what
 * this kernel lets it enforce.
 */

#include <config.h>

#include "daemon/api_route.h"
#include "proto/clock.h"
#include "proto/record.h"

static json_t *clients_json(const struct server *s)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "now", (json_int_t)client_table_count(s->clients),
			 "total", (json_int_t)s->clients_total, "refused",
			 (json_int_t)s->clients_refused, "max", (json_int_t)s->config->max_clients);
}

static json_t *workers_json(const struct server *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < s->n_workers; i++)
		json_array_append_new(list, json_pack("{s:I}", "clients",
						      (json_int_t)worker_load(s->workers[i])));
	return list;
}

static json_t *log_json(const struct server *s)
{
	struct log_stats st = {0};

	log_stats(s->log, &st);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:I}", "written",
			 (json_int_t)st.written, "last_seq", (json_int_t)st.last_seq, "bytes",
			 (json_int_t)st.db_bytes, "broken", (json_int_t)st.broken, "failures",
			 (json_int_t)st.failures, "failing", st.failing, "error",
			 record_json_string(st.error, false), "journal_dropped",
			 (json_int_t)st.journal_dropped);
}

static json_t *refused_json(const struct server *s)
{
	json_t *list = json_array();
	const char *name;

	for (size_t i = 0; list && (name = store_refused_at(s->store, i)); i++)
		json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:b}", "name", record_json_string(name, false),
				  "error", record_json_string(store_error(s->store, name), false),
				  "running", store_get(s->store, name) != NULL));
	return list;
}

static json_t *features_json(const struct notif_features *f)
{
	return json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "user_notif", f->user_notif,
			 "continue", f->cont, "addfd", f->addfd, "addfd_send", f->addfd_send,
			 "wait_killable", f->wait_killable, "sync_wake_up", f->sync_wake_up,
			 "peer_pidfd", f->peer_pidfd, "pidfd_info", f->pidfd_info);
}

/* The file need not be there. */
static json_t *config_json(const struct server *s)
{
	if (!s->config_path || (access(s->config_path, F_OK) < 0 && errno == ENOENT))
		return json_null();
	return record_json_string(s->config_path, false);
}

static json_t *daemon_json(const struct server *s)
{
	int64_t up = (wall_us() - s->started_us) / 1000000;
	char started[RECORD_TIME_MAX];

	record_time_format(s->started_us, started);
	return json_pack("{s:s, s:i, s:I, s:s, s:o}", "version", PACKAGE_VERSION, "pid",
			 (int)getpid(), "uptime_s", (json_int_t)(up > 0 ? up : 0), "started",
			 started, "config", config_json(s));
}

void api_status(struct api_call *c)
{
	const struct server *s = c->server;
	json_t *status = daemon_json(s);
	json_t *parts = json_pack("{s:o, s:o, s:o, s:{s:I, s:o}, s:I, s:I, s:I, s:o}", "clients",
				  clients_json(s), "workers", workers_json(s), "log", log_json(s),
				  "profiles", "count", (json_int_t)store_count(s->store), "refused",
				  refused_json(s), "reloads", (json_int_t)s->reloads,
				  "reloads_refused", (json_int_t)s->reloads_refused, "connections",
				  (json_int_t)api_connections(c->api), "features",
				  features_json(&s->features));

	if (!status || !parts || json_object_update(status, parts) < 0) {
		json_decref(status);
		status = NULL;
	}
	json_decref(parts);
	api_reply(c->req, 200, status);
}

/* ---- detect ---------------------------------------------------------------------- */

struct feature {
	const char *name, *since;
	size_t offset;
	const char *with, *without;
};

#define FEATURE(name, member, since, with, without)                                  \
	{                                                                            \
		name, since, offsetof(struct notif_features, member), with, without, \
	}

static const struct feature feature_rows[] = {
	FEATURE("user_notif", user_notif, "5.0", "the daemon decides what filters notify",
		"nothing can be supervised"),
	FEATURE("continue", cont, "5.5", "notified calls can be allowed",
		"a notified call cannot be allowed: it is denied"),
	FEATURE("addfd", addfd, "5.9", "descriptors can be put into a target",
		"calls that return descriptors cannot be emulated"),
	FEATURE("addfd_send", addfd_send, "5.14",
		"a descriptor and the answer are given in one step",
		"a descriptor and the answer are given in two steps"),
	FEATURE("wait_killable", wait_killable, "5.19",
		"a signal does not interrupt a call that is being decided",
		"a signal may interrupt a call that is being decided: it is then made again"),
	FEATURE("sync_wake_up", sync_wake_up, "6.6", "answers wake the target on the same CPU",
		"answers take longer"),
	FEATURE("peer_pidfd", peer_pidfd, "6.5", "who calls is known without a race",
		"who calls is found by its process id, and checked again"),
	FEATURE("pidfd_info", pidfd_info, "6.13", "a process's ids are read by its pidfd",
		"a process's ids are read from /proc"),
};

void api_detect(struct api_call *c)
{
	json_t *list = json_array();
	json_t *archs = json_array();

	for (size_t i = 0; list && i < ARRAY_SIZE(feature_rows); i++) {
		const struct feature *f = &feature_rows[i];
		bool has = *((const bool *)((const char *)&c->server->features + f->offset));

		json_array_append_new(list, json_pack("{s:s, s:b, s:s, s:s}", "name", f->name,
						      "present", has, "since", f->since, "means",
						      has ? f->with : f->without));
	}
	for (int i = 0; archs && i < ARCH_MAX; i++)
		json_array_append_new(archs, json_string(arch_names[i]));
	api_reply(c->req, 200,
		  json_pack("{s:o, s:s, s:o}", "features", list, "native",
			    arch_names[arch_native()], "architectures", archs));
}
