/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server.h - the parts of the running daemon and what they do for one another.
 * Main thread only.
 */
#ifndef SECCOMPD_DAEMON_SERVER_H
#define SECCOMPD_DAEMON_SERVER_H

#include <event2/event.h>

#include "daemon/client.h"
#include "daemon/config.h"
#include "daemon/filter.h"
#include "daemon/log.h"
#include "daemon/notif.h"
#include "daemon/store.h"
#include "daemon/worker.h"

struct registrar;
struct api;
struct server_events; /* server.c's: what threads tell the main thread */

struct server {
	struct event_base *base;
	struct notif_features features;
	char *config_path;
	bool config_required; /* --config was given: a missing file is an error */
	char *runtime_dir, *state_dir, *db_path;
	struct config *config;
	struct store *store;
	struct client_table *clients;
	struct log *log;
	struct lane *lane; /* of the workers */
	struct worker **workers;
	unsigned n_workers;
	struct registrar *registrar;
	struct api *api;
	struct server_events *events;
	int64_t started_us;
	uint64_t reloads, reloads_refused, clients_total, clients_refused;
	unsigned ended; /* since memory was given back */
};

/* Log, workers and sockets, from config, store and paths, which the caller has filled. 0 or
 * -errno with a text in ERR. server_stop() undoes what was done, also after a failure. */
int server_start(struct server *s, char *err, size_t err_size);
void server_stop(struct server *s);

/* Reads configuration and profiles, by config_path and into store; reasons in D. Returns how the
 * configuration fared, *ret_profiles is store_load()'s. What is refused leaves what was there. */
int server_load(struct server *s, struct diag *d, int *ret_profiles);

/* Configuration and profiles anew; what is refused stays as it runs, with its reasons in D.
 * Tells systemd (RELOADING=1, READY=1) and the journal. 0 or -EINVAL. */
int server_reload(struct server *s, struct diag *d);
/* Says in the journal what is in force and will not work: profiles that are assigned and are not
 * there. */
void server_warn(struct server *s);

/* May this uid have one more client? 0, or -EDQUOT, -EMFILE with REASON. */
int server_may_admit(struct server *s, uid_t uid, char *reason, size_t size);
/* A registered listener becomes a client of a worker. LISTENER, ROOT (see struct client),
 * IDENTITY and VIEW are taken over in any case. The id, or -errno. */
int64_t server_admit(struct server *s, int listener, int root, struct identity *identity,
		     struct view *view, enum client_origin origin, const char *command);

#endif
