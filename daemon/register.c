/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * register.c - client.sock: launchers and OCI runtimes hand listeners over.
 *
 * Theory of operation: a connection is NEW until a launcher's compile request made it COMPILED;
 * it ends with the container process state that brings the listener, in either case. Nothing
 * here waits for a client: one recvmsg(2) an event, answers go out at once or not at all, and
 * what a client may have made slow to close is closed elsewhere (closer.h). An exchange that has
 * begun has MESSAGE_DEADLINE_S. A connection that has said nothing has no deadline, since crun
 * connects when a container is created and speaks when it is started; such connections are
 * bounded by the limits of each uid, and make room for others where the table is full.
 */
#include "daemon/register.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "daemon/closer.h"
#include "daemon/journal.h"
#include "daemon/peer.h"
#include "daemon/request.h"
#include "daemon/server.h"
#include "proto/message.h"

#define ACCEPTS_AN_EVENT 16
#define PAUSE_MS	 100
#define REASON_MAX	 1024
#define ID_MAX		 64
/* Refusals in the journal: so many in a window, the rest counted. */
#define JOURNAL_BURST	 20
#define JOURNAL_WINDOW_S 10

enum conn_state { CONN_NEW, CONN_COMPILED };

/* Who has connections. */
struct user {
	LIST_ENTRY(user) entry;
	uid_t uid;
	size_t n_conns;
	size_t n_silent; /* of these: CONN_NEW */
};

struct conn {
	LIST_ENTRY(conn) entry;
	struct registrar *registrar;
	struct user *user;
	int fd;
	struct event *ev, *deadline;
	struct peer peer;
	struct message_reader reader;
	enum conn_state state;
	struct identity identity; /* COMPILED */
	struct view *view;	  /* COMPILED */
};

struct registrar {
	struct server *server;
	int listen_fd, reserve_fd;
	struct event *listen_ev, *resume_ev;
	struct closer *closer;
	LIST_HEAD(, conn) conns; /* the newest first */
	LIST_HEAD(, user) users;
	size_t n_conns;
	time_t window;
	unsigned said, unsaid;
};

/* ---- refusing ------------------------------------------------------------------ */

static void say_refused(struct registrar *r, const struct peer *p, const char *reason)
{
	char pid[32], uid[32], unit[300], comm[48];
	const char *const fields[] = {pid, uid, unit, comm, NULL};
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec >= r->window + JOURNAL_WINDOW_S) {
		if (r->unsaid > 0)
			log_warning("%u further registrations refused", r->unsaid);
		r->window = now.tv_sec;
		r->said = r->unsaid = 0;
	}
	if (r->said >= JOURNAL_BURST) {
		r->unsaid++;
		return;
	}
	r->said++;
	(void)snprintf(pid, sizeof(pid), "SECCOMPD_PID=%d", (int)p->pid);
	(void)snprintf(uid, sizeof(uid), "SECCOMPD_UID=%u", (unsigned)p->uid);
	(void)snprintf(unit, sizeof(unit), "SECCOMPD_UNIT=%s", p->unit ? p->unit : "");
	(void)snprintf(comm, sizeof(comm), "SECCOMPD_COMM=%s", p->comm);
	journal_event(EVENT_CLIENT_REFUSED, 4, fields,
		      "Registration of pid %d (%s, uid %u) refused: %s", (int)p->pid, p->comm,
		      (unsigned)p->uid, reason);
}

/* A reason may quote a client's words. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			*s = '?';
}

/* Says why in the journal and, where it can be said at once, on FD. */
static void refuse(struct registrar *r, int fd, const struct peer *p, char *reason)
{
	json_t *json;

	make_printable(reason);
	r->server->clients_refused++;
	say_refused(r, p, reason);
	json = message_refused(reason);
	if (json)
		(void)message_send(fd, json, -1);
	json_decref(json);
}

/* ---- users ------------------------------------------------------------------------- */

static struct user *user_find(struct registrar *r, uid_t uid)
{
	struct user *u;

	LIST_FOREACH (u, &r->users, entry)
		if (u->uid == uid)
			return u;
	return NULL;
}

/* Counts one silent connection more. NULL: no memory. */
static struct user *user_add_conn(struct registrar *r, uid_t uid)
{
	struct user *u = user_find(r, uid);

	if (!u) {
		u = calloc(1, sizeof(*u));
		if (!u)
			return NULL;
		u->uid = uid;
		LIST_INSERT_HEAD(&r->users, u, entry);
	}
	u->n_conns++;
	u->n_silent++;
	return u;
}

static void user_remove_conn(struct user *u, bool silent)
{
	u->n_silent -= silent;
	if (--u->n_conns > 0)
		return;
	LIST_REMOVE(u, entry);
	free(u);
}

/* ---- connections ----------------------------------------------------------------- */

static void conn_close(struct conn *c)
{
	struct registrar *r = c->registrar;

	if (c->ev)
		event_free(c->ev);
	if (c->deadline)
		event_free(c->deadline);
	LIST_REMOVE(c, entry);
	r->n_conns--;
	user_remove_conn(c->user, c->state == CONN_NEW);
	closer_add_connection(r->closer, c->peer.uid, c->fd, c->reader.fds, c->reader.n_fds);
	c->reader.n_fds = 0;
	message_reader_done(&c->reader);
	view_free(c->view);
	identity_done(&c->identity);
	peer_done(&c->peer);
	free(c);
}

static _printf_(2, 3) void conn_refuse(struct conn *c, const char *fmt, ...)
{
	char reason[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	refuse(c->registrar, c->fd, &c->peer, reason);
	conn_close(c);
}

static void conn_deadline_cb(evutil_socket_t fd, short what, void *data)
{
	struct conn *c = data;

	(void)fd;
	(void)what;
	conn_refuse(c, "nothing whole came within %d seconds", MESSAGE_DEADLINE_S);
}

/* From now on; ONCE: where it does not run yet. */
static void conn_set_deadline(struct conn *c, bool once)
{
	const struct timeval tv = {.tv_sec = MESSAGE_DEADLINE_S};

	if (!once || !event_pending(c->deadline, EV_TIMEOUT, NULL))
		(void)event_add(c->deadline, &tv);
}

/* ---- requests ---------------------------------------------------------------------- */

static int copy_labels(struct identity *id, const struct request *q)
{
	if (q->n_labels == 0)
		return 0;
	id->label_keys = calloc(q->n_labels, sizeof(*id->label_keys));
	id->label_values = calloc(q->n_labels, sizeof(*id->label_values));
	if (!id->label_keys || !id->label_values)
		return -ENOMEM;
	for (size_t i = 0; i < q->n_labels; i++) {
		id->n_labels = i + 1;
		id->label_keys[i] = strdup(q->label_keys[i]);
		id->label_values[i] = strdup(q->label_values[i]);
		if (!id->label_keys[i] || !id->label_values[i])
			return -ENOMEM;
	}
	return 0;
}

static int conn_identify(struct conn *c, const struct request *q)
{
	struct identity *id = &c->identity;

	id->pid = c->peer.pid;
	id->uid = c->peer.uid;
	id->gid = c->peer.gid;
	id->unit = strdup(c->peer.unit ? c->peer.unit : "");
	id->slice = strdup(c->peer.slice ? c->peer.slice : "");
	if (!id->unit || !id->slice)
		return -ENOMEM;
	return copy_labels(id, q);
}

static bool has_unit_rules(const struct profile *p)
{
	for (unsigned i = 0; i < p->n_rules; i++)
		if (p->rules[i].when.unit.n > 0 || p->rules[i].when.slice.n > 0)
			return true;
	return false;
}

/* The profile that this client gets, borrowed; NULL with the reason. */
static struct profile *conn_profile(struct conn *c, const struct request *q, char *reason,
				    size_t size)
{
	struct server *s = c->registrar->server;
	struct claim claim = {
		.unit = c->peer.unit,
		.slice = c->peer.slice,
		.uid = c->peer.uid,
		.label_keys = q->label_keys,
		.label_values = q->label_values,
		.n_labels = q->n_labels,
		.want = q->want,
	};
	struct profile *p;
	const char *name, *why;

	if (server_may_admit(s, c->peer.uid, reason, size) < 0)
		return NULL;
	name = config_assign(s->config, &claim, reason, size);
	if (!name)
		return NULL;
	p = store_get(s->store, name);
	if (p && !c->peer.unit && has_unit_rules(p)) {
		(void)snprintf(reason, size,
			       "the caller is gone, and profile %.128s has rules for units", name);
		return NULL;
	}
	if (p)
		return p;
	why = store_error(s->store, name);
	if (why)
		(void)snprintf(reason, size, "profile %.128s is refused: %.*s", name,
			       (int)strcspn(why, "\n"), why);
	else
		(void)snprintf(reason, size, "there is no profile %.128s", name);
	return NULL;
}

/* Who it is and what it gets, for as long as the connection lasts. */
static int conn_assign(struct conn *c, const struct request *q, char *reason, size_t size)
{
	struct profile *p = conn_profile(c, q, reason, size);

	if (!p)
		return -EACCES;
	if (conn_identify(c, q) == 0)
		c->view = view_new(p, &c->identity);
	if (c->view)
		return 0;
	(void)snprintf(reason, size, "out of memory");
	return -ENOMEM;
}

static json_t *compiled_answer(const struct conn *c, const struct filter *f)
{
	json_t *more, *json = message_ok();

	more = json_pack("{s:s, s:I, s:b, s:b}", "profile", c->view->profile->name, "program_bytes",
			 (json_int_t)(f->n * sizeof(*f->insns)), "notifies", f->notifies,
			 "wait_killable", c->registrar->server->features.wait_killable);
	if (!json || !more || json_object_update(json, more) < 0) {
		json_decref(json);
		json = NULL;
	}
	json_decref(more);
	return json;
}

static int send_program(struct conn *c, const struct filter *f, char *reason, size_t size)
{
	_cleanup_close_ int fd = filter_memfd(f);
	json_t *json;
	int rc;

	if (fd < 0) {
		(void)snprintf(reason, size, "no memory file for the program: %s", strerror(-fd));
		return fd;
	}
	json = compiled_answer(c, f);
	rc = json ? message_send(c->fd, json, fd) : -ENOMEM;
	json_decref(json);
	if (rc < 0)
		(void)snprintf(reason, size, "cannot send the program: %s", strerror(-rc));
	return rc;
}

/* As with all below that take a connection: false where it is closed. */
static bool conn_compile(struct conn *c, const struct request *q)
{
	char reason[REASON_MAX] = "";
	struct filter f = {0};
	int rc;

	if (c->reader.n_fds > 0) {
		conn_refuse(c, "a compile request comes without descriptors");
		return false;
	}
	rc = conn_assign(c, q, reason, sizeof(reason));
	if (rc == 0)
		rc = filter_compile(c->view, &f, reason, sizeof(reason));
	if (rc == 0) {
		rc = send_program(c, &f, reason, sizeof(reason));
		filter_done(&f);
	}
	if (rc < 0) {
		conn_refuse(c, "%s", reason[0] ? reason : strerror(-rc));
		return false;
	}
	c->state = CONN_COMPILED;
	c->user->n_silent--;
	conn_set_deadline(c, false);
	return true;
}

static void conn_answer_admitted(struct conn *c, int64_t id)
{
	json_t *json = message_ok();
	char name[32];

	(void)snprintf(name, sizeof(name), "c%lld", (long long)id);
	/* A launcher that does not hear it gives up, and its listener hangs up. */
	if (json && json_object_set_new(json, "client", json_string(name)) == 0)
		(void)message_send(c->fd, json, -1);
	json_decref(json);
}

/* Why the descriptors of a state message will not do; NULL where they do. */
static const char *bad_descriptors(const struct message_reader *r)
{
	if (r->n_fds == 0)
		return "no descriptor came with the container process state";
	if (r->n_fds > 1)
		return "more than one descriptor came with the container process state";
	if (!notif_is_listener(r->fds[0]))
		return "the descriptor is not a seccomp listener";
	return NULL;
}

/* Two readers of one listener take notifications from one another. Only who has a listener can
 * send it again, so that a user's own clients are looked through. */
static bool is_registered(struct server *s, int fd, uid_t uid)
{
	for (struct client *c = client_table_first(s->clients); c; c = client_next(c))
		if (c->identity.uid == uid &&
		    syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, fd, c->listener) == 0)
			return true;
	return false;
}

static bool conn_admit(struct conn *c, const struct request *q)
{
	enum client_origin origin = c->state == CONN_COMPILED ? ORIGIN_LAUNCHER : ORIGIN_OCI;
	struct server *s = c->registrar->server;
	const char *bad = bad_descriptors(&c->reader);
	char reason[REASON_MAX] = "", command[ID_MAX + 1];
	int64_t id;
	int rc, root;

	if (!bad && is_registered(s, c->reader.fds[0], c->peer.uid))
		bad = "the listener is registered already";
	if (bad) {
		conn_refuse(c, "%s", bad);
		return false;
	}
	/* The launcher was counted when it asked for its program; others may have come since. */
	if (c->state == CONN_NEW)
		rc = conn_assign(c, q, reason, sizeof(reason));
	else
		rc = server_may_admit(s, c->peer.uid, reason, sizeof(reason));
	if (rc < 0) {
		conn_refuse(c, "%s", reason);
		return false;
	}
	(void)snprintf(command, sizeof(command), "%s", q->id[0] ? q->id : c->peer.comm);
	make_printable(command);
	root = peer_root(&c->peer);
	id = server_admit(s, message_take_fd(&c->reader), root < 0 ? -1 : root, &c->identity,
			  TAKE_PTR(c->view), origin, command);
	memset(&c->identity, 0, sizeof(c->identity));
	if (id < 0) {
		conn_refuse(c, "cannot be taken on: %s", strerror((int)-id));
		return false;
	}
	if (origin == ORIGIN_LAUNCHER)
		conn_answer_admitted(c, id);
	conn_close(c);
	return false;
}

static bool conn_message(struct conn *c, json_t *json)
{
	char reason[REASON_MAX] = "";
	struct request q;
	bool open = false;

	if (request_parse(json, &q, reason, sizeof(reason)) < 0) {
		conn_refuse(c, "%s", reason);
		return false;
	}
	if (q.kind == REQUEST_STATE)
		open = conn_admit(c, &q);
	else if (c->state == CONN_NEW)
		open = conn_compile(c, &q);
	else
		conn_refuse(c, "a second compile request on one connection");
	request_done(&q);
	return open;
}

/* ---- events -------------------------------------------------------------------------- */

static void conn_failed(struct conn *c, int rc)
{
	switch (rc) {
	case -EPROTO:
		conn_refuse(c, "not one whole JSON object");
		break;
	case -EMSGSIZE:
		conn_refuse(c, "the message is longer than %d bytes", MESSAGE_MAX);
		break;
	case -EMFILE:
		conn_refuse(c, "too many descriptors (one is expected, or the daemon has no room)");
		break;
	case -ECONNRESET:
		conn_close(c); /* it went, with nothing half said */
		break;
	default:
		conn_refuse(c, "cannot be read: %s", strerror(-rc));
	}
}

static void conn_read_cb(evutil_socket_t fd, short what, void *data)
{
	struct conn *c = data;
	json_t *json = NULL;
	bool open;
	int rc;

	(void)what;
	do {
		rc = message_read(&c->reader, fd, &json);
		if (rc < 0 && rc != -EAGAIN && rc != -EINTR) {
			conn_failed(c, rc);
			return;
		}
		if (rc <= 0)
			break;
		open = conn_message(c, json);
		json_decref(json);
		if (!open)
			return;
	} while (message_pending(&c->reader));
	if (message_pending(&c->reader))
		conn_set_deadline(c, true);
}

/* ---- accepting ----------------------------------------------------------------------- */

static size_t conns_of_uid(struct registrar *r, uid_t uid)
{
	const struct user *u = user_find(r, uid);

	return closer_count_uid(r->closer, uid) + (u ? u->n_conns : 0);
}

/* An eighth is root's: system services start however many others hold connections. */
static bool is_full_for(const struct registrar *r, uid_t uid)
{
	size_t max = r->server->config->max_connections;

	return r->n_conns >= max - (uid != 0 ? max / 8 : 0);
}

/* Who has the most silent connections loses the oldest of them. Root's make room for root only. */
static void evict_silent(struct registrar *r, uid_t uid)
{
	struct user *u, *most = NULL;
	struct conn *c, *oldest = NULL;

	LIST_FOREACH (u, &r->users, entry)
		if ((u->uid != 0 || uid == 0) && u->n_silent > (most ? most->n_silent : 0))
			most = u;
	if (!most)
		return;
	LIST_FOREACH (c, &r->conns, entry)
		if (c->user == most && c->state == CONN_NEW)
			oldest = c;
	if (oldest)
		conn_refuse(oldest, "it said nothing, and the daemon has its greatest number of "
				    "connections");
}

/* Why there is no room for one connection more of UID; NULL where there is, or has been made. Root
 * is bound by the total alone. */
static const char *no_room(struct registrar *r, uid_t uid)
{
	if (uid != 0 && conns_of_uid(r, uid) >= r->server->config->max_connections_per_uid)
		return "this user has the greatest number of connections";
	if (is_full_for(r, uid))
		evict_silent(r, uid);
	return is_full_for(r, uid) ? "the daemon has its greatest number of connections" : NULL;
}

static int conn_new(struct registrar *r, int fd, struct peer *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->ev = event_new(r->server->base, fd, EV_READ | EV_PERSIST, conn_read_cb, c);
	c->deadline = evtimer_new(r->server->base, conn_deadline_cb, c);
	if (!c->ev || !c->deadline || event_add(c->ev, NULL) < 0 ||
	    !(c->user = user_add_conn(r, peer->uid))) {
		if (c->ev)
			event_free(c->ev);
		if (c->deadline)
			event_free(c->deadline);
		free(c);
		return -ENOMEM;
	}
	c->registrar = r;
	c->fd = fd;
	c->peer = *peer;
	message_reader_init(&c->reader);
	LIST_INSERT_HEAD(&r->conns, c, entry);
	r->n_conns++;
	return 0;
}

static void pause_accepting(struct registrar *r)
{
	const struct timeval tv = {.tv_usec = PAUSE_MS * 1000};

	(void)event_del(r->listen_ev);
	(void)event_add(r->resume_ev, &tv);
}

static void accepted(struct registrar *r, int fd)
{
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t len = sizeof(cred);
	struct peer peer = {.pidfd = -1};
	char reason[REASON_MAX] = "";
	const char *over;
	int rc;

	closer_prepare_connection(fd);
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	peer.pid = cred.pid;
	peer.uid = cred.uid;
	peer.gid = cred.gid;
	over = no_room(r, cred.uid);
	if (over) {
		(void)snprintf(reason, sizeof(reason), "%s", over);
	} else {
		rc = peer_read(fd, &peer);
		/* A runtime may be gone once it has sent its message, and the daemon only then be
		 * started. Whose it was stands; of which unit cannot be told any more. */
		if (rc == 0 || rc == -ESRCH)
			rc = conn_new(r, fd, &peer);
		if (rc == 0)
			return;
		(void)snprintf(reason, sizeof(reason), "who is calling cannot be told: %s",
			       strerror(-rc));
	}
	refuse(r, fd, &peer, reason);
	closer_add_connection(r->closer, cred.uid, fd, NULL, 0);
	peer_done(&peer);
}

/* No descriptor is left: the reserve serves to send one caller away with a reason, and the rest
 * wait in the backlog, for a moment. Without the pause accept would spin. */
static void out_of_descriptors(struct registrar *r)
{
	char reason[] = "the daemon has no descriptor left";
	struct peer nobody = {.pidfd = -1};
	int fd;

	if (r->reserve_fd >= 0) {
		r->reserve_fd = close_fd(r->reserve_fd);
		fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			refuse(r, fd, &nobody, reason);
			closer_add_connection(r->closer, (uid_t)-1, fd, NULL, 0);
		}
		r->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	pause_accepting(r);
}

static void accept_cb(evutil_socket_t listen_fd, short what, void *data)
{
	struct registrar *r = data;
	int fd;

	(void)what;
	for (unsigned i = 0; i < ACCEPTS_AN_EVENT; i++) {
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			accepted(r, fd);
			if (closer_count(r->closer) < CLOSER_FULL)
				continue;
			pause_accepting(r);
			return;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN)
			out_of_descriptors(r);
		return;
	}
}

static void resume_cb(evutil_socket_t fd, short what, void *data)
{
	const struct timeval tv = {.tv_usec = PAUSE_MS * 1000};
	struct registrar *r = data;

	(void)fd;
	(void)what;
	if (r->reserve_fd < 0)
		r->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (event_add(r->listen_ev, NULL) < 0)
		(void)event_add(r->resume_ev, &tv);
}

int registrar_new(struct server *s, int listen_fd, struct registrar **ret)
{
	struct registrar *r = calloc(1, sizeof(*r));

	if (!r) {
		close_fd(listen_fd);
		return -ENOMEM;
	}
	LIST_INIT(&r->conns);
	r->server = s;
	r->listen_fd = listen_fd;
	r->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	r->closer = closer_new();
	r->listen_ev = event_new(s->base, listen_fd, EV_READ | EV_PERSIST, accept_cb, r);
	r->resume_ev = evtimer_new(s->base, resume_cb, r);
	if (r->reserve_fd < 0 || !r->closer || !r->listen_ev || !r->resume_ev ||
	    event_add(r->listen_ev, NULL) < 0) {
		registrar_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

struct registrar *registrar_free(struct registrar *r)
{
	struct conn *c;

	if (!r)
		return NULL;
	while ((c = LIST_FIRST(&r->conns)))
		conn_close(c);
	if (r->listen_ev)
		event_free(r->listen_ev);
	if (r->resume_ev)
		event_free(r->resume_ev);
	/* What was not accepted goes with it. */
	if (r->closer)
		closer_add(r->closer, 0, &r->listen_fd, 1);
	else
		close_fd(r->listen_fd);
	closer_free(r->closer);
	close_fd(r->reserve_fd);
	free(r);
	return NULL;
}

size_t registrar_connections(const struct registrar *r)
{
	return r->n_conns + closer_count(r->closer);
}
