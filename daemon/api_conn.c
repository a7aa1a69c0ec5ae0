/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_conn.c - connections of the control API: who is there, how many there may be, how long one
 * may say nothing.
 *
 * Theory of operation. A connection too many for its user gets its answer straight on the socket.
 * Of any other it is read at once who made it, and a relay (api_relay.c) carries it to evhttp,
 * which knows a connection only by the name of its relay. The two ends close on their own: the
 * relay when the client is gone or evhttp has closed and all is sent, evhttp when the relay is
 * gone. A connection lives until both have.
 *
 * With each read the kernel tells which process wrote. Once it was another than the one that
 * connected, nothing that comes is that one's word for sure.
 */
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "daemon/api_relay.h"
#include "daemon/api_route.h"
#include "daemon/closer.h"
#include "proto/message.h"

#define CONN_RESERVE   8   /* connections beyond the limit that root has */
#define ACCEPTS_A_PASS 16  /* of the loop */
#define PAUSE_MS       250 /* of accepting, for want of descriptors */
#define FINISHED_S     1   /* a client that has said its last word is looked after */

struct conn {
	TAILQ_ENTRY(conn) entry;
	struct conns *conns;
	struct relay *relay;		 /* NULL: ended */
	struct evhttp_connection *evcon; /* from the first request until it closes */
	uid_t uid;
	bool known; /* peer is filled */
	struct peer peer;
	bool foreign;  /* another process has written to it */
	bool finished; /* the client will say nothing more */
	bool busy;     /* a request is being answered */
	size_t ahead;  /* bytes that came meanwhile */
	struct event *deadline;
	struct api_stream *stream;
};
TAILQ_HEAD(conn_list, conn);

struct conns {
	struct server *server;
	struct evconnlistener *listener;
	int listen_fd;
	struct event *resume; /* accepting, after a pause */
	int gate;	      /* to evhttp */
	struct closer *closer;
	struct conn_list list;
	unsigned count, accepted;
};

/* ---- the end of a connection ----------------------------------------------------- */

static void conn_free(struct conn *c)
{
	TAILQ_REMOVE(&c->conns->list, c, entry);
	c->conns->count--;
	event_free(c->deadline);
	peer_done(&c->peer);
	free(c);
}

/* On the client's side, with the N descriptors of FDS that came. Evhttp sees it and follows. */
static void conn_end(struct conn *c, const int *fds, size_t n)
{
	closer_add_connection(c->conns->closer, c->uid, relay_free(TAKE_PTR(c->relay)), fds, n);
	event_del(c->deadline);
	if (!c->evcon)
		conn_free(c);
}

static void set_deadline(struct conn *c)
{
	const struct timeval tv = {.tv_sec = c->finished ? FINISHED_S : API_IDLE_S};

	if (!c->relay || (c->busy && !c->finished))
		event_del(c->deadline);
	else
		event_add(c->deadline, &tv);
}

static void deadline_cb(evutil_socket_t fd, short what, void *data)
{
	struct conn *c = data;

	(void)fd;
	(void)what;
	/* What is there for a slow reader is waited for; so is an answer. */
	if ((c->busy || relay_is_awaited(c->relay)) && !relay_is_gone(c->relay))
		set_deadline(c);
	else
		conn_end(c, NULL, 0);
}

static void closed_cb(struct evhttp_connection *evcon, void *data)
{
	struct conn *c = data;

	(void)evcon;
	if (c->stream)
		api_stream_closed(TAKE_PTR(c->stream));
	c->evcon = NULL;
	c->busy = false;
	if (c->relay)
		set_deadline(c);
	else
		conn_free(c);
}

/* ---- what comes from the client -------------------------------------------------- */

static bool is_openers(const struct conn *c, struct msghdr *mh)
{
	struct ucred cred;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(mh); h; h = CMSG_NXTHDR(mh, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&cred, CMSG_DATA(h), sizeof(cred));
		return cred.pid == c->peer.pid;
	}
	return false;
}

static bool received_cb(void *data, struct msghdr *mh, size_t n)
{
	struct conn *c = data;
	int fds[MESSAGE_FDS_SENT];
	size_t n_fds = 0;

	if (!is_openers(c, mh))
		c->foreign = true;
	if (c->busy)
		c->ahead += n;
	/* There is nothing to send descriptors for, and no end of a stream to wait for. */
	if (!message_collect_fds(mh, fds, ARRAY_SIZE(fds), &n_fds) || n_fds > 0 ||
	    (c->stream && c->ahead > API_PIPELINED_MAX)) {
		conn_end(c, fds, n_fds);
		return false;
	}
	if (c->ahead > API_PIPELINED_MAX)
		relay_hold(c->relay, true);
	return true;
}

static void finished_cb(void *data)
{
	struct conn *c = data;

	c->finished = true;
	if (relay_is_gone(c->relay))
		conn_end(c, NULL, 0);
	else
		set_deadline(c);
}

static void ended_cb(void *data)
{
	conn_end(data, NULL, 0);
}

static const struct relay_ops relay_ops = {
	.received = received_cb,
	.finished = finished_cb,
	.ended = ended_cb,
};

/* ---- admission ------------------------------------------------------------------- */

static size_t count_uid(const struct conns *cs, uid_t uid)
{
	size_t n = closer_count_uid(cs->closer, uid);
	const struct conn *c;

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

/* Answers on the bare socket, before anything was read. */
static void refuse(int fd, const char *reason)
{
	char body[256], text[512];
	int n;

	n = snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n", reason);
	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
		     "Content-Length: %d\r\nConnection: close\r\n\r\n%s",
		     n, body);
	(void)send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Takes FD over on success. */
static int conn_new(struct conns *cs, int fd, uid_t uid)
{
	struct conn *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (!c)
		return r;
	c->conns = cs;
	c->uid = uid;
	c->deadline = evtimer_new(cs->server->base, deadline_cb, c);
	if (c->deadline)
		r = relay_new(cs->server->base, fd, cs->gate, &relay_ops, c, &c->relay);
	if (r < 0) {
		if (c->deadline)
			event_free(c->deadline);
		free(c);
		return r;
	}
	c->known = peer_read(fd, &c->peer) == 0;
	if (!c->known)
		c->peer = (struct peer){.pidfd = -1};
	TAILQ_INSERT_TAIL(&cs->list, c, entry);
	cs->count++;
	set_deadline(c);
	return 0;
}

static void resume_cb(evutil_socket_t fd, short what, void *data)
{
	struct conns *cs = data;

	(void)fd;
	(void)what;
	evconnlistener_enable(cs->listener);
}

static void pause_accepting(struct conns *cs, unsigned ms)
{
	const struct timeval tv = {.tv_usec = ms * 1000};

	if (event_add(cs->resume, &tv) == 0)
		evconnlistener_disable(cs->listener);
}

/* accept(2) failed, most likely for want of descriptors: the listener would spin. */
static void accept_error_cb(struct evconnlistener *l, void *data)
{
	(void)l;
	pause_accepting(data, PAUSE_MS);
}

static void accepted_cb(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len,
			void *data)
{
	struct conns *cs = data;
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t cred_len = sizeof(cred);
	int on = 1;

	(void)l;
	(void)sa;
	(void)len;
	if (++cs->accepted % ACCEPTS_A_PASS == 0)
		pause_accepting(cs, 0);
	closer_prepare_connection(fd);
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len);
	if (!has_room(cs, cred.uid))
		refuse(fd, "too many connections");
	else if (conn_new(cs, fd, cred.uid) < 0)
		refuse(fd, "out of memory or descriptors");
	else
		return;
	closer_add_connection(cs->closer, cred.uid, fd, NULL, 0);
	/* Those who are refused may leave behind what is slow to close. */
	if (closer_count(cs->closer) >= CLOSER_FULL)
		pause_accepting(cs, PAUSE_MS);
}

/* ---- begin and end --------------------------------------------------------------- */

static void enable_cb(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	evconnlistener_enable(data);
}

/* The same of the inner one, whose data is evhttp's. */
static void inner_error_cb(struct evconnlistener *l, void *data)
{
	const struct timeval tv = {.tv_usec = PAUSE_MS * 1000};

	(void)data;
	if (event_base_once(evconnlistener_get_base(l), -1, EV_TIMEOUT, enable_cb, l, &tv) == 0)
		evconnlistener_disable(l);
}

static int listen_outside(struct conns *cs)
{
	int on = 1;

	evutil_make_socket_nonblocking(cs->listen_fd);
	/* Accepted sockets have it from here, before their client can write. */
	(void)setsockopt(cs->listen_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	cs->resume = evtimer_new(cs->server->base, resume_cb, cs);
	cs->listener = evconnlistener_new(cs->server->base, accepted_cb, cs, LEV_OPT_CLOSE_ON_EXEC,
					  0, cs->listen_fd);
	if (!cs->resume || !cs->listener)
		return -ENOMEM;
	evconnlistener_set_error_cb(cs->listener, accept_error_cb);
	return 0;
}

static int listen_inside(struct conns *cs, struct evhttp *http)
{
	struct evconnlistener *l;
	int fd, r = relay_listen(cs->server->runtime_dir, &fd, &cs->gate);

	if (r < 0)
		return r;
	/* The callback is evhttp's: evhttp_bind_listener() sets it. */
	l = evconnlistener_new(cs->server->base, NULL, NULL,
			       LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, 0, fd);
	if (!l) {
		close_fd(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(l, inner_error_cb);
	if (!evhttp_bind_listener(http, l)) {
		evconnlistener_free(l);
		return -ENOMEM;
	}
	return 0;
}

int conns_new(struct server *s, struct evhttp *http, int listen_fd, struct conns **ret)
{
	struct conns *cs = calloc(1, sizeof(*cs));
	int r = -ENOMEM;

	if (!cs) {
		close_fd(listen_fd);
		return r;
	}
	*ret = cs;
	cs->server = s;
	cs->listen_fd = listen_fd;
	cs->gate = -1;
	TAILQ_INIT(&cs->list);
	cs->closer = closer_new();
	if (cs->closer)
		r = listen_outside(cs);
	return r < 0 ? r : listen_inside(cs, http);
}

void conns_free(struct conns *cs)
{
	struct conn *c;

	if (!cs)
		return;
	if (cs->listener)
		evconnlistener_free(cs->listener);
	if (cs->resume)
		event_free(cs->resume);
	while ((c = TAILQ_FIRST(&cs->list)))
		conn_end(c, NULL, 0);
	/* What was not accepted goes with it. */
	if (cs->closer)
		closer_add(cs->closer, 0, &cs->listen_fd, 1);
	else
		close_fd(cs->listen_fd);
	closer_free(cs->closer);
	close_fd(cs->gate);
	free(cs);
}

unsigned conns_count(const struct conns *cs)
{
	return cs->count;
}

/* ---- requests -------------------------------------------------------------------- */

static struct conn *find_named(struct conns *cs, const struct relay_name *name)
{
	struct conn *c;

	TAILQ_FOREACH (c, &cs->list, entry)
		if (c->relay && memcmp(relay_name(c->relay), name, sizeof(*name)) == 0)
			return c;
	return NULL;
}

struct conn *conns_find(struct conns *cs, struct evhttp_request *req)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	int fd = evcon ? bufferevent_getfd(evhttp_connection_get_bufferevent(evcon)) : -1;
	struct relay_name name;
	struct conn *c = fd >= 0 && relay_name_of(fd, &name) == 0 ? find_named(cs, &name) : NULL;

	if (c && !c->evcon) {
		c->evcon = evcon;
		evhttp_connection_set_closecb(evcon, closed_cb, c);
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
	c->busy = false;
	c->ahead = 0;
	if (c->relay)
		relay_hold(c->relay, false);
	set_deadline(c);
}

void conn_busy(struct conn *c, struct evhttp_request *req)
{
	c->busy = true;
	set_deadline(c);
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
 * An operator's word counts only as long as the process that connected alone has used the
 * connection, is there, and is under no filter: the connection could be handed on, or be opened
 * before exec'ing under one. So it is looked at anew.
 */
static bool is_free(const struct conn *c, char *why, size_t size)
{
	int r = c->foreign ? -EXDEV : peer_check_free(&c->peer);

	if (r == -EXDEV)
		snprintf(why, size,
			 "this connection is used by another process than the one that opened it");
	else if (r == -EPERM)
		snprintf(why, size,
			 "this needs an operator, and a process under a seccomp filter is never "
			 "one");
	else if (r < 0)
		snprintf(why, size, "the process that connected is gone");
	return r == 0;
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
