/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_conn.c - connections of the control API: who is there, how many there may
 * be, how long one may say nothing.
 *
 * Theory of operation. evhttp accepts by itself, has no limit of connections,
 * and shows a connection only with its first request. What it does let us do is
 * make the bufferevent of each: admit_cb() runs in the same pass of the loop,
 * when the descriptor is set and before anything was read from it. There a
 * connection too many for its user gets its answer straight on the socket, and
 * shutdown(2): evhttp sees the end of it and closes it. Who else the peer is,
 * which takes longer to find out, is read once, with the first request.
 *
 * A connection that ends before its first request ends unseen. The kernel tells:
 * the descriptor has another inode then, or none. That is looked at every few
 * seconds, and before anyone is refused for being one too many.
 */
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "daemon/api_route.h"

#define SWEEP_S	     5
#define SWEEP_MIN_MS 100 /* between two that were not due */
#define CONN_RESERVE 8	 /* connections beyond the limit that root has */

struct conn {
	TAILQ_ENTRY(conn) entry;
	struct conns *conns;
	struct bufferevent *bev; /* a reference until it is admitted, then NULL */
	int fd;
	ino_t ino;
	uid_t uid;
	bool known; /* peer is filled */
	struct peer peer;
	int64_t deadline;		 /* monotonic ms; 0: none while it is answered */
	struct evhttp_connection *evcon; /* from the first request on */
	struct api_stream *stream;
};
TAILQ_HEAD(conn_list, conn);

struct conns {
	struct api *api;
	struct server *server;
	struct conn_list fresh, list;
	struct event *admit, *sweep;
	int64_t swept;	/* monotonic ms */
	unsigned count; /* of list */
	struct conn **by_fd;
	size_t n_by_fd;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t idle_deadline(void)
{
	return now_ms() + API_IDLE_S * 1000;
}

static void conn_free(struct conn *c)
{
	if (c->bev)
		bufferevent_decref(c->bev);
	peer_done(&c->peer);
	free(c);
}

static void conn_drop(struct conn *c)
{
	struct conns *cs = c->conns;

	TAILQ_REMOVE(&cs->list, c, entry);
	cs->count--;
	cs->by_fd[c->fd] = NULL;
	conn_free(c);
}

static void closed_cb(struct evhttp_connection *evcon, void *data)
{
	struct conn *c = data;

	(void)evcon;
	if (c->stream)
		api_stream_closed(TAKE_PTR(c->stream));
	conn_drop(c);
}

/* Is the descriptor still the socket that was accepted? */
static bool is_open(const struct conn *c)
{
	struct stat st;

	return fstat(c->fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == c->ino;
}

static void sweep(struct conns *cs)
{
	int64_t now = now_ms();
	struct conn *c = TAILQ_FIRST(&cs->list);

	cs->swept = now;
	while (c) {
		struct conn *next = TAILQ_NEXT(c, entry);

		if (!is_open(c))
			conn_drop(c);
		else if (c->deadline && now >= c->deadline)
			(void)shutdown(c->fd, SHUT_RDWR);
		c = next;
	}
}

static void sweep_cb(evutil_socket_t fd, short what, void *data)
{
	static const struct timeval again = {.tv_sec = SWEEP_S};
	struct conns *cs = data;

	(void)fd;
	(void)what;
	sweep(cs);
	if (cs->count)
		event_add(cs->sweep, &again);
}

/* ---- admission ----------------------------------------------------------------- */

static unsigned count_uid(const struct conns *cs, uid_t uid)
{
	const struct conn *c;
	unsigned n = 0;

	TAILQ_FOREACH (c, &cs->list, entry)
		n += c->uid == uid;
	return n;
}

static bool has_room(const struct conns *cs, uid_t uid)
{
	const struct config *config = cs->server->config;

	if (uid == 0)
		return cs->count < config->max_connections + CONN_RESERVE;
	return cs->count < config->max_connections &&
	       count_uid(cs, uid) < config->max_connections_per_uid;
}

/* Answers on the bare socket, before evhttp has read anything, and ends the connection. */
static void refuse(int fd, const char *status, const char *reason)
{
	char body[256], text[512];
	int n;

	n = snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n", reason);
	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
		     "Connection: close\r\n\r\n%s",
		     status, n, body);
	(void)send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_RDWR);
}

static bool grow_by_fd(struct conns *cs, int fd)
{
	size_t n = (size_t)fd + 64;
	struct conn **p;

	if ((size_t)fd < cs->n_by_fd)
		return true;
	p = realloc(cs->by_fd, n * sizeof(*p));
	if (!p)
		return false;
	memset(p + cs->n_by_fd, 0, (n - cs->n_by_fd) * sizeof(*p));
	cs->by_fd = p;
	cs->n_by_fd = n;
	return true;
}

/* 0, or what stands in the way: -EUSERS for one too many. */
static int admit(struct conns *cs, struct conn *c)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct stat st;

	if (fstat(c->fd, &st) < 0 || getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	if (!grow_by_fd(cs, c->fd))
		return -ENOMEM;
	/* The descriptor's number is new, so whoever had it before is gone. */
	if (cs->by_fd[c->fd])
		conn_drop(cs->by_fd[c->fd]);
	if (!has_room(cs, cred.uid) && now_ms() - cs->swept >= SWEEP_MIN_MS)
		sweep(cs);
	if (!has_room(cs, cred.uid))
		return -EUSERS;
	c->uid = cred.uid;
	c->ino = st.st_ino;
	c->deadline = idle_deadline();
	TAILQ_INSERT_TAIL(&cs->list, c, entry);
	cs->count++;
	cs->by_fd[c->fd] = c;
	return 0;
}

static void admit_cb(evutil_socket_t fd, short what, void *data)
{
	static const struct timeval first = {.tv_sec = SWEEP_S};
	struct conns *cs = data;
	struct conn *c;
	int r;

	(void)fd;
	(void)what;
	while ((c = TAILQ_FIRST(&cs->fresh))) {
		TAILQ_REMOVE(&cs->fresh, c, entry);
		c->fd = bufferevent_getfd(c->bev);
		r = c->fd < 0 ? -EBADF : admit(cs, c);
		if (r == -EUSERS)
			refuse(c->fd, "503 Service Unavailable", "too many connections");
		else if (r < 0 && c->fd >= 0)
			refuse(c->fd, "503 Service Unavailable", "out of memory");
		if (r < 0) {
			conn_free(c);
			continue;
		}
		bufferevent_decref(TAKE_PTR(c->bev));
		if (!event_pending(cs->sweep, EV_TIMEOUT, NULL))
			event_add(cs->sweep, &first);
	}
}

static struct bufferevent *new_bev_cb(struct event_base *base, void *data)
{
	struct conns *cs = data;
	struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct conn *c = bev ? calloc(1, sizeof(*c)) : NULL;

	/* Where memory is short, evhttp goes on with a bufferevent of its own; what comes by it
	 * is refused, since conns_find() does not know it. */
	if (!c)
		return bev;
	bufferevent_incref(bev);
	c->bev = bev;
	c->fd = -1;
	c->peer.pidfd = -1;
	c->conns = cs;
	TAILQ_INSERT_TAIL(&cs->fresh, c, entry);
	event_active(cs->admit, EV_TIMEOUT, 0);
	return bev;
}

int conns_new(struct api *a, struct server *s, struct evhttp *http, struct conns **ret)
{
	struct conns *cs = calloc(1, sizeof(*cs));

	if (!cs)
		return -ENOMEM;
	cs->api = a;
	cs->server = s;
	TAILQ_INIT(&cs->fresh);
	TAILQ_INIT(&cs->list);
	cs->admit = evtimer_new(s->base, admit_cb, cs);
	cs->sweep = evtimer_new(s->base, sweep_cb, cs);
	*ret = cs;
	if (!cs->admit || !cs->sweep)
		return -ENOMEM;
	evhttp_set_bevcb(http, new_bev_cb, cs);
	return 0;
}

void conns_free(struct conns *cs)
{
	struct conn *c;

	if (!cs)
		return;
	if (cs->admit)
		event_free(cs->admit);
	if (cs->sweep)
		event_free(cs->sweep);
	while ((c = TAILQ_FIRST(&cs->fresh))) {
		TAILQ_REMOVE(&cs->fresh, c, entry);
		conn_free(c);
	}
	while ((c = TAILQ_FIRST(&cs->list)))
		conn_drop(c);
	free(cs->by_fd);
	free(cs);
}

unsigned conns_count(const struct conns *cs)
{
	return cs->count;
}

/* ---- requests ------------------------------------------------------------------ */

struct conn *conns_find(struct conns *cs, struct evhttp_request *req)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	int fd = evcon ? bufferevent_getfd(evhttp_connection_get_bufferevent(evcon)) : -1;
	struct conn *c = fd >= 0 && (size_t)fd < cs->n_by_fd ? cs->by_fd[fd] : NULL;

	if (!c || (!c->evcon && !is_open(c)) || (c->evcon && c->evcon != evcon))
		return NULL;
	if (!c->evcon) {
		c->evcon = evcon;
		evhttp_connection_set_closecb(evcon, closed_cb, c);
		c->known = peer_read(c->fd, &c->peer) == 0;
		if (!c->known)
			c->peer = (struct peer){.pidfd = -1};
	}
	return c;
}

uid_t conn_uid(const struct conn *c)
{
	return c->uid;
}

static void answered_cb(struct evhttp_request *req, void *data)
{
	struct conn *c = data;

	(void)req;
	c->deadline = idle_deadline();
}

void conn_busy(struct conn *c, struct evhttp_request *req)
{
	c->deadline = 0;
	evhttp_request_set_on_complete_cb(req, answered_cb, c);
}

void conn_set_stream(struct conn *c, struct api_stream *s)
{
	c->stream = s;
}

static enum api_right right_of(const struct config *config, const struct peer *p)
{
	if (config_is_operator(config, p->uid, p->gid, p->groups, p->n_groups))
		return RIGHT_OPERATOR;
	if (config_is_viewer(config, p->uid, p->gid, p->groups, p->n_groups))
		return RIGHT_VIEWER;
	return RIGHT_NONE;
}

/*
 * An operator's word counts only as long as the process that connected is there and under no
 * filter: a connection could be opened before exec'ing under one. So it is read anew.
 */
static bool is_free(const struct conn *c, char *why, size_t size)
{
	struct peer now = {.pidfd = -1};
	bool supervised = c->peer.supervised;
	int r = 0;

	if (!supervised) {
		r = peer_read(c->fd, &now);
		supervised = r == 0 && now.supervised;
		if (r == 0)
			peer_done(&now);
	}
	if (r < 0)
		snprintf(why, size, "the process that connected is gone");
	else if (supervised)
		snprintf(why, size,
			 "this needs an operator, and a process under a seccomp filter is never "
			 "one");
	return r == 0 && !supervised;
}

enum api_right conn_right(struct conn *c, enum api_right want, char *why, size_t size)
{
	enum api_right right = RIGHT_NONE;

	*why = '\0';
	if (c->known)
		right = right_of(c->conns->server->config, &c->peer);
	if (!c->known)
		snprintf(why, size,
			 "it cannot be told who is calling: the process that connected "
			 "is gone");
	else if (right < want)
		snprintf(why, size, "this needs a%s, and uid %u is none (seccompd.yaml)",
			 want == RIGHT_OPERATOR ? "n operator" : " viewer", (unsigned)c->uid);
	else if (want == RIGHT_OPERATOR && !is_free(c, why, size))
		right = RIGHT_VIEWER;
	return right;
}
