/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server.c - the parts of the running daemon and what they do for one another.
 */
#include "daemon/server.h"

#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/api.h"
#include "daemon/check.h"
#include "daemon/journal.h"
#include "daemon/register.h"
#include "daemon/service.h"
#include "daemon/userdb.h"
#include "proto/base.h"
#include "proto/clock.h"
#include "proto/paths.h"

#define TRIM_EVERY 256 /* ended clients */

/* Threads leave word here and write to an eventfd; the main thread looks. */
struct server_events {
	pthread_mutex_t lock;
	struct client **ended; /* room for every client: leaving word cannot fail */
	size_t n_ended, size;
	int ended_fd, committed_fd;
	struct event *ended_event, *committed_event, *unblock_event;
	_Atomic uint64_t committed;
};

static void signal_fd(int fd)
{
	uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

static void drain_fd(int fd)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
}

/* ---- ends of clients -------------------------------------------------------- */

/* Worker's thread. */
static void client_ended(struct client *c, void *data)
{
	struct server_events *ev = data;

	pthread_mutex_lock(&ev->lock);
	ev->ended[ev->n_ended++] = c;
	pthread_mutex_unlock(&ev->lock);
	signal_fd(ev->ended_fd);
}

static struct client *take_ended(struct server_events *ev)
{
	struct client *c = NULL;

	pthread_mutex_lock(&ev->lock);
	if (ev->n_ended > 0)
		c = ev->ended[--ev->n_ended];
	pthread_mutex_unlock(&ev->lock);
	return c;
}

static void client_event(enum journal_event e, const struct client *c, const char *text)
{
	char client[64], unit[512], profile[512];
	const char *fields[] = {client, unit, profile, NULL};

	(void)snprintf(client, sizeof(client), "SECCOMPD_CLIENT=c%llu", (unsigned long long)c->id);
	(void)snprintf(unit, sizeof(unit), "SECCOMPD_UNIT=%s", c->identity.unit);
	(void)snprintf(profile, sizeof(profile), "SECCOMPD_PROFILE=%s", c->view->profile->name);
	journal_event(e, 6, fields, "Client c%llu %s: %s, profile %s", (unsigned long long)c->id,
		      text, c->identity.unit[0] ? c->identity.unit : c->command,
		      c->view->profile->name);
}

static void ended_cb(evutil_socket_t fd, short what, void *data)
{
	struct server *s = data;
	struct client *c;

	(void)what;
	drain_fd(fd);
	while ((c = take_ended(s->events))) {
		client_event(EVENT_CLIENT_ENDED, c, "ended");
		client_table_remove(s->clients, c);
		s->ended++;
	}
	/* Many that were small leave holes that the library would keep. */
	if (s->ended >= TRIM_EVERY) {
		s->ended = 0;
		(void)malloc_trim(0);
	}
}

/* ---- the log's word ----------------------------------------------------------- */

/* Log thread. */
static void log_committed(uint64_t last, void *data)
{
	struct server_events *ev = data;

	atomic_store(&ev->committed, last);
	signal_fd(ev->committed_fd);
}

static void committed_cb(evutil_socket_t fd, short what, void *data)
{
	struct server *s = data;

	(void)what;
	drain_fd(fd);
	if (s->api)
		api_committed(s->api, atomic_load(&s->events->committed));
}

/* ---- workers that wait for what was taken ------------------------------------- */

static void watch_workers(struct server *s)
{
	struct timeval t = {.tv_usec = WORKER_UNBLOCK_MS * 1000};

	if (!evtimer_pending(s->events->unblock_event, NULL))
		(void)evtimer_add(s->events->unblock_event, &t);
}

static void unblock_cb(evutil_socket_t fd, short what, void *data)
{
	struct server *s = data;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_unblock(s->workers[i]);
	if (client_table_count(s->clients) > 0)
		watch_workers(s);
}

/* ---- admission -------------------------------------------------------------- */

int server_may_admit(struct server *s, uid_t uid, char *reason, size_t size)
{
	/* An eighth is root's, as with connections. */
	size_t max = s->config->max_clients - (uid != 0 ? s->config->max_clients / 8 : 0);

	if (client_table_count(s->clients) >= max) {
		(void)snprintf(reason, size, "the daemon has its greatest number of clients (%u)",
			       s->config->max_clients);
		return -EMFILE;
	}
	if (uid != 0 && client_table_count_uid(s->clients, uid) >= s->config->max_clients_per_uid) {
		(void)snprintf(reason, size, "user %u has its greatest number of clients (%u)",
			       (unsigned)uid, s->config->max_clients_per_uid);
		return -EDQUOT;
	}
	return 0;
}

static struct worker *least_loaded(struct server *s)
{
	struct worker *best = s->workers[0];

	for (unsigned i = 1; i < s->n_workers; i++)
		if (worker_load(s->workers[i]) < worker_load(best))
			best = s->workers[i];
	return best;
}

/* Room to leave word about one client more than there are. */
static int reserve_ended(struct server *s)
{
	struct server_events *ev = s->events;
	size_t need = client_table_count(s->clients) + 1;
	struct client **ended = NULL;

	pthread_mutex_lock(&ev->lock);
	if (need > ev->size) {
		ended = realloc(ev->ended, need * 2 * sizeof(struct client *));
		if (ended) {
			ev->ended = ended;
			ev->size = need * 2;
		}
	}
	pthread_mutex_unlock(&ev->lock);
	return need > ev->size ? -ENOMEM : 0;
}

int64_t server_admit(struct server *s, int listener, int root, struct identity *identity,
		     struct view *view, enum client_origin origin, const char *command)
{
	struct client *c = NULL;
	char *copy = strdup(command ? command : "");
	int r = -ENOMEM;

	if (copy && reserve_ended(s) == 0)
		c = client_new(log_next_client(s->log), listener, identity, view);
	if (!c) {
		free(copy);
		close_fd(listener);
		close_fd(root);
		identity_done(identity);
		view_free(view);
		return -ENOMEM;
	}
	c->command = copy;
	c->origin = origin;
	c->root_fd = root;
	/* What our launcher was told; one that does otherwise hurts itself alone. */
	c->killable = origin == ORIGIN_LAUNCHER && s->features.wait_killable;
	c->since_us = wall_us();
	c->worker = least_loaded(s);
	client_table_add(s->clients, c);
	s->clients_total++;
	/* Said before the worker has it: it may end at once. */
	client_event(EVENT_CLIENT_STARTED, c, "started");
	r = worker_adopt(c->worker, c);
	if (r < 0) {
		client_table_remove(s->clients, c);
		return r;
	}
	watch_workers(s);
	return (int64_t)c->id;
}

/* ---- load and reload ------------------------------------------------------ */

static int load_config(struct server *s, struct diag *d)
{
	struct config *c = NULL;
	int r = config_load(s->config_path, &c, d);

	if (r == -ENOENT && !s->config_required) {
		c = config_default();
		r = c ? 0 : -ENOMEM;
	} else if (r == -ENOENT) {
		diag_add(d, s->config_path, 0, 0, "no such file");
	}
	if (r < 0)
		return r;
	config_free(s->config);
	s->config = c;
	return 0;
}

int server_load(struct server *s, struct diag *d, int *ret_profiles)
{
	int r = load_config(s, d);

	*ret_profiles = store_load(s->store, d);
	userdb_forget();
	return r;
}

/* An entry each. */
static void journal_findings(int priority, const struct diag *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct diag_item *item = &d->items[i];

		journal_event(EVENT_PROFILE_REFUSED, priority, NULL, "%s:%u:%u: %s", item->file,
			      item->line, item->column, item->text);
	}
}

void server_warn(struct server *s)
{
	_cleanup_(diag_done) struct diag d = {0};

	(void)check_assigned(s->config, s->config_path, s->store, &d);
	journal_findings(4, &d);
}

int server_reload(struct server *s, struct diag *d)
{
	int config, profiles;

	service_reloading();
	config = server_load(s, d, &profiles);
	s->reloads++;
	if (config < 0 || profiles < 0) {
		s->reloads_refused++;
		journal_findings(3, d);
		journal_event(EVENT_PROFILE_REFUSED, 3, NULL,
			      "Reload: what was refused stays as it ran, the rest is in force");
	} else {
		journal_event(EVENT_RELOADED, 5, NULL, "Reloaded: %zu profiles",
			      store_count(s->store));
	}
	server_warn(s);
	service_ready("Supervising");
	return config < 0 || profiles < 0 ? -EINVAL : 0;
}

/* ---- start and stop ----------------------------------------------------------- */

static _printf_(4, 5) int failed(char *err, size_t size, int r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(err, size, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < size)
		(void)snprintf(err + n, size - (size_t)n, ": %s", strerror(-r));
	return r;
}

static struct event *fd_event(struct server *s, int *fd, event_callback_fn cb)
{
	struct event *e;

	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*fd < 0)
		return NULL;
	e = event_new(s->base, *fd, EV_READ | EV_PERSIST, cb, s);
	if (e)
		event_add(e, NULL);
	return e;
}

static int start_events(struct server *s)
{
	struct server_events *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return -ENOMEM;
	s->events = ev;
	ev->ended_fd = ev->committed_fd = -1;
	pthread_mutex_init(&ev->lock, NULL);
	ev->ended_event = fd_event(s, &ev->ended_fd, ended_cb);
	ev->committed_event = fd_event(s, &ev->committed_fd, committed_cb);
	ev->unblock_event = evtimer_new(s->base, unblock_cb, s);
	return ev->ended_event && ev->committed_event && ev->unblock_event ? 0 : -ENOMEM;
}

static void stop_events(struct server *s)
{
	struct server_events *ev = s->events;

	if (!ev)
		return;
	if (ev->ended_event)
		event_free(ev->ended_event);
	if (ev->committed_event)
		event_free(ev->committed_event);
	if (ev->unblock_event)
		event_free(ev->unblock_event);
	close_fd(ev->ended_fd);
	close_fd(ev->committed_fd);
	pthread_mutex_destroy(&ev->lock);
	free(ev->ended);
	free(ev);
	s->events = NULL;
}

static unsigned worker_count(const struct config *c)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (c->workers > 0)
		return c->workers;
	return cpus > 0 ? (unsigned)cpus : 1;
}

static int start_log(struct server *s, unsigned n, char *err, size_t err_size)
{
	const struct config *c = s->config;
	struct log_options o = {
		.db_path = s->db_path,
		.ring_dir = s->runtime_dir,
		.n_rings = n,
		.ring_bytes = c->ring_bytes,
		.batch_ms = c->log_batch_ms,
		.max_bytes = c->log_max_bytes,
		.max_age_s = c->log_max_age_s,
		.journal = c->log_journal,
		.journal_burst = c->journal_burst,
		.committed = log_committed,
		.committed_data = s->events,
	};

	return log_new(&o, &s->log, err, err_size);
}

static int start_workers(struct server *s, unsigned n)
{
	int r = worker_lane_new(&s->lane);

	if (r < 0)
		return r;
	s->workers = calloc(n, sizeof(struct worker *));
	if (!s->workers)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		struct worker_options o = {
			.log = s->log,
			.ring = log_ring(s->log, i),
			.lane = s->lane,
			.ended = client_ended,
			.data = s->events,
		};

		r = worker_new(&o, &s->workers[i]);
		if (r < 0)
			return r;
		s->n_workers++;
	}
	return 0;
}

/* Anyone may connect to either socket: what a peer may do is decided by its credentials. */
static int start_sockets(struct server *s, char *err, size_t err_size)
{
	char path[4096];
	int fd, r;

	(void)snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET_NAME, s->runtime_dir);
	fd = service_socket("control", path, 0666);
	if (fd < 0)
		return failed(err, err_size, fd, "control socket %s", path);
	r = api_new(s, fd, &s->api);
	if (r < 0)
		return failed(err, err_size, r, "control socket %s", path);
	(void)snprintf(path, sizeof(path), "%s/" CLIENT_SOCKET_NAME, s->runtime_dir);
	fd = service_socket("client", path, 0666);
	if (fd < 0)
		return failed(err, err_size, fd, "client socket %s", path);
	r = registrar_new(s, fd, &s->registrar);
	if (r < 0)
		return failed(err, err_size, r, "client socket %s", path);
	return 0;
}

static int make_dir(const char *path, mode_t mode, char *err, size_t err_size)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return failed(err, err_size, -errno, "directory %s", path);
	return 0;
}

int server_start(struct server *s, char *err, size_t err_size)
{
	unsigned n = worker_count(s->config);
	int r = make_dir(s->runtime_dir, 0755, err, err_size);

	if (r == 0)
		r = make_dir(s->state_dir, 0750, err, err_size);
	if (r < 0)
		return r;
	s->started_us = wall_us();
	s->clients = client_table_new();
	r = s->clients ? start_events(s) : -ENOMEM;
	if (r < 0)
		return failed(err, err_size, r, "events");
	r = start_log(s, n, err, err_size);
	if (r < 0)
		return r;
	r = start_workers(s, n);
	if (r < 0)
		return failed(err, err_size, r, "worker threads");
	return start_sockets(s, err, err_size);
}

void server_stop(struct server *s)
{
	service_watchdog_stop();
	service_sockets_remove();
	s->registrar = registrar_free(s->registrar);
	s->api = api_free(s->api);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_stop(s->workers[i]);
	s->lane = lane_free(s->lane);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_free(s->workers[i]);
	free(s->workers);
	s->workers = NULL;
	s->n_workers = 0;
	s->log = log_free(s->log);
	stop_events(s);
	client_table_free(s->clients);
	s->clients = NULL;
}
