/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_route.h - what the parts of the control API share: a call and its answer,
 * connections, streams. Private to daemon/api*.c. Main thread only.
 */
#ifndef SECCOMPD_DAEMON_API_ROUTE_H
#define SECCOMPD_DAEMON_API_ROUTE_H

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <jansson.h>

#include "daemon/api.h"
#include "daemon/peer.h"
#include "daemon/server.h"
#include "proto/base.h"

#define API_HEADERS_MAX (16 * 1024) /* bytes of a request's first line and headers */
#define API_BODY_MAX	(16 * 1024)
#define API_PIPELINED_MAX \
	(16 * 1024) /* bytes that are taken from a client while it is being answered */
#define API_OUTPUT_MAX	(256 * 1024) /* bytes that wait for a slow reader */
#define API_STREAMS_MAX 64	     /* at once; each has a connection to the database */
#define API_IDLE_S	30	     /* a connection without a whole request ends after this */
#define API_PARAM_MAX	256

enum api_right { RIGHT_NONE, RIGHT_VIEWER, RIGHT_OPERATOR, RIGHT_MAX };

/* ---- a call -------------------------------------------------------------------- */

struct conn;

struct api_call {
	struct api *api;
	struct server *server;
	struct conn *conn;
	struct evhttp_request *req;
	char param[API_PARAM_MAX]; /* what stood for `*` in the route's path, decoded */
	struct evkeyvalq query;
};

/* Each ends the call: exactly one of them (or api_stream_new()) for each call. BODY is stolen;
 * NULL (memory) gives a 500. */
void api_reply(struct evhttp_request *req, int code, json_t *body);
void api_error(struct evhttp_request *req, int code, const char *fmt, ...) _printf_(3, 4);

/* The handlers, one a route. */
typedef void (*api_handler)(struct api_call *c);
void api_status(struct api_call *c);
void api_detect(struct api_call *c);
void api_clients(struct api_call *c);
void api_client(struct api_call *c);
void api_log(struct api_call *c);
void api_profiles(struct api_call *c);
void api_profile(struct api_call *c);
void api_reload(struct api_call *c);

/* "c17" or "17". 0 or -EINVAL. */
int api_client_id(const char *text, uint64_t *ret);
/* RFC 3339, or @SECONDS[.FRACTION] since the epoch, in microseconds. 0 or -EINVAL. */
int api_time(const char *text, int64_t *ret);

/* The routes, and which of them a request asks for. */
struct api_route {
	enum evhttp_cmd_type method;
	const char *path; /* a `*` at the end stands for one segment that is not empty */
	enum api_right right;
	bool query; /* takes a query string */
	api_handler handler;
};
extern const struct api_route api_routes[];
extern const size_t api_n_routes;
/* The route, or NULL with *ret_code 404, or 405 and the methods that there are in ALLOW. PARAM
 * (API_PARAM_MAX bytes) gets the decoded segment. */
const struct api_route *api_route_find(enum evhttp_cmd_type method, const char *path, char *param,
				       int *ret_code, char *allow, size_t allow_size);

/* ---- connections (api_conn.c) -------------------------------------------------- */

struct conns;
/* Accepts on LISTEN_FD (taken over) for HTTP. 0 or -errno; *ret is to be freed in any case. */
int conns_new(struct server *s, struct evhttp *http, int listen_fd, struct conns **ret);
void conns_free(struct conns *cs); /* after evhttp_free() */
unsigned conns_count(const struct conns *cs);
/* The connection that a request came by, or NULL: one that was refused. */
struct conn *conns_find(struct conns *cs, struct evhttp_request *req);
/* What the peer may do at this moment; WHY gets the reason where it is less than WANT. */
enum api_right conn_right(struct conn *c, enum api_right want, char *why, size_t size);
uid_t conn_uid(const struct conn *c);
/* A request has come whole, its answer is under way: no deadline until the answer is sent. */
void conn_busy(struct conn *c, struct evhttp_request *req);
/* The one stream of a connection hears of its end. */
struct api_stream;
void conn_set_stream(struct conn *c, struct api_stream *s);

/* ---- streams (api_stream.c) ---------------------------------------------------- */

struct api_stream_ops {
	/* Adds at most some ten kilobytes to OUT. 1: there is more; 0: at the end for now;
	 * -errno: broken, what is in OUT is sent. */
	int (*produce)(void *data, struct evbuffer *out);
	void (*free)(void *data);
};
/* Answers C with a chunked reply of what OPS gives, never more than API_OUTPUT_MAX ahead of the
 * reader. FOLLOW: its end is waited for, not taken. DATA is taken over, also on failure (which
 * is answered). */
void api_stream_new(struct api_call *c, const char *type, bool follow,
		    const struct api_stream_ops *ops, void *data);
/* Why C must not be another one: there are too many, or its user has too many. NULL: it may. */
const char *api_streams_full(const struct api_call *c);
/* The connection is closing. */
void api_stream_closed(struct api_stream *s);
/* There may be more to follow. */
void api_stream_wake(struct api_stream *s);

TAILQ_HEAD(api_streams, api_stream);
struct api_streams *api_streams_of(struct api *a);
void api_streams_wake(struct api_streams *list);

#endif
