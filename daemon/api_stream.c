/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_stream.c - answers without an end known beforehand: made in small steps,
 * and only as fast as the reader takes them. Steps have the lowest priority, at
 * which the loop runs one event a pass (main.c): whatever many streams there
 * are, all else waits for one step at most.
 *
 * A stream is in one of three states: its step is due (a timer is pending), it
 * waits for the reader (more than API_OUTPUT_MAX is not sent yet; drained_cb()
 * makes the step due), or it waits for something to follow (api_stream_wake()).
 * It ends with its answer, or with its connection (api_stream_closed()).
 */
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "daemon/api_route.h"

#define WAKE_MS_MAX	    100
#define STREAMS_VIEWERS_MAX (API_STREAMS_MAX * 3 / 4) /* the rest is for root and operators */
#define STREAMS_UID_MAX	    8			      /* of one viewer */

struct api_stream {
	TAILQ_ENTRY(api_stream) entry;
	struct api_streams *list;
	struct conn *conn;
	struct evhttp_request *req;
	struct bufferevent *bev;
	struct event *step;
	bool follow, waiting;
	const struct api_stream_ops *ops;
	void *data;
};

static void stream_free(struct api_stream *s)
{
	TAILQ_REMOVE(s->list, s, entry);
	event_free(s->step);
	s->ops->free(s->data);
	free(s);
}

static void step_soon(struct api_stream *s, unsigned ms)
{
	/* A timer, not event_active(): that would run again before any other event. */
	struct timeval tv = {.tv_usec = ms * 1000};

	if (!event_pending(s->step, EV_TIMEOUT, NULL))
		event_add(s->step, &tv);
}

static void drained_cb(struct evhttp_connection *evcon, void *data)
{
	struct api_stream *s = data;

	(void)evcon;
	if (!s->waiting)
		step_soon(s, 0);
}

static void stream_end(struct api_stream *s)
{
	static const struct timeval idle = {.tv_sec = API_IDLE_S};
	struct evhttp_request *req = s->req;

	conn_set_stream(s->conn, NULL);
	bufferevent_set_timeouts(s->bev, &idle, &idle);
	stream_free(s);
	evhttp_send_reply_end(req);
}

static void step_cb(evutil_socket_t fd, short what, void *data)
{
	struct api_stream *s = data;
	struct evbuffer *out;
	int r;

	(void)fd;
	(void)what;
	s->waiting = false;
	if (evbuffer_get_length(bufferevent_get_output(s->bev)) >= API_OUTPUT_MAX)
		return; /* drained_cb() goes on */
	out = evbuffer_new();
	r = out ? s->ops->produce(s->data, out) : -ENOMEM;
	if (out && evbuffer_get_length(out) > 0)
		evhttp_send_reply_chunk_with_cb(s->req, out, drained_cb, s);
	if (out)
		evbuffer_free(out);
	if (r > 0)
		step_soon(s, 0);
	else if (r == 0 && s->follow)
		s->waiting = true;
	else
		stream_end(s);
}

/* On a connection that just closed the request is nobody's where evhttp let go of it. */
void api_stream_closed(struct api_stream *s)
{
	struct evhttp_request *req = s->req;

	stream_free(s);
	if (!evhttp_request_get_connection(req))
		evhttp_request_free(req);
}

void api_stream_wake(struct api_stream *s)
{
	unsigned n = 0;
	struct api_stream *other;

	if (!s->waiting)
		return;
	/* Many followers of a busy log: each asks the database less often. */
	TAILQ_FOREACH (other, s->list, entry)
		n++;
	step_soon(s, n < WAKE_MS_MAX ? n - 1 : WAKE_MS_MAX);
}

void api_streams_wake(struct api_streams *list)
{
	struct api_stream *s;

	TAILQ_FOREACH (s, list, entry)
		api_stream_wake(s);
}

const char *api_streams_full(const struct api_call *c)
{
	uid_t uid = conn_uid(c->conn);
	const struct api_stream *s;
	unsigned n = 0, of_uid = 0;
	char why[256];

	TAILQ_FOREACH (s, api_streams_of(c->api), entry) {
		n++;
		of_uid += conn_uid(s->conn) == uid;
	}
	if (n >= API_STREAMS_MAX)
		return "too many readers of the log";
	if ((n < STREAMS_VIEWERS_MAX && of_uid < STREAMS_UID_MAX) || uid == 0 ||
	    conn_right(c->conn, RIGHT_OPERATOR, why, sizeof(why)) == RIGHT_OPERATOR)
		return NULL;
	return of_uid < STREAMS_UID_MAX ? "too many readers of the log"
					: "too many readers of the log by this user";
}

void api_stream_new(struct api_call *c, const char *type, bool follow,
		    const struct api_stream_ops *ops, void *data)
{
	struct api_stream *s = calloc(1, sizeof(*s));

	if (s)
		s->step = evtimer_new(c->server->base, step_cb, s);
	if (!s || !s->step) {
		free(s);
		ops->free(data);
		api_error(c->req, 500, "out of memory");
		return;
	}
	event_priority_set(s->step, event_base_get_npriorities(c->server->base) - 1);
	s->list = api_streams_of(c->api);
	s->conn = c->conn;
	s->req = c->req;
	s->bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(c->req));
	s->follow = follow;
	s->ops = ops;
	s->data = data;
	TAILQ_INSERT_TAIL(s->list, s, entry);
	conn_set_stream(c->conn, s);
	/* Neither a silent client nor a paused reader is at fault here. */
	bufferevent_set_timeouts(s->bev, NULL, NULL);
	evhttp_add_header(evhttp_request_get_output_headers(c->req), "Content-Type", type);
	evhttp_add_header(evhttp_request_get_output_headers(c->req), "Cache-Control", "no-store");
	evhttp_send_reply_start(c->req, 200, "OK");
	step_soon(s, 0);
}
