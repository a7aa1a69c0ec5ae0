/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api.c - control.sock: the table of routes, and the way of a request through it.
 *
 * A request is let through by the first line that holds: a connection that was
 * admitted (api_conn.c), a path of the table, a method of that path, the right
 * that the route needs. Everything else is answered here.
 */
#include "daemon/api.h"

#include <stdarg.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/api_route.h"
#include "proto/record.h"

const struct api_route api_routes[] = {
	{EVHTTP_REQ_GET, "/v1/status", RIGHT_VIEWER, false, api_status},
	{EVHTTP_REQ_GET, "/v1/clients", RIGHT_VIEWER, false, api_clients},
	{EVHTTP_REQ_GET, "/v1/clients/*", RIGHT_VIEWER, false, api_client},
	{EVHTTP_REQ_GET, "/v1/log", RIGHT_VIEWER, true, api_log},
	{EVHTTP_REQ_GET, "/v1/profiles", RIGHT_VIEWER, false, api_profiles},
	{EVHTTP_REQ_GET, "/v1/profiles/*", RIGHT_VIEWER, false, api_profile},
	{EVHTTP_REQ_GET, "/v1/detect", RIGHT_VIEWER, false, api_detect},
	{EVHTTP_REQ_POST, "/v1/reload", RIGHT_OPERATOR, false, api_reload},
};
const size_t api_n_routes = ARRAY_SIZE(api_routes);

struct api {
	struct server *server;
	struct evhttp *http;
	struct conns *conns;
	struct api_streams streams;
};

/* ---- answers ------------------------------------------------------------------- */

static const char *reason_phrase(int code)
{
	switch (code) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 422:
		return "Unprocessable Content";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

void api_reply(struct evhttp_request *req, int code, json_t *body)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *out = evhttp_request_get_output_buffer(req);
	_cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	if (!text || evbuffer_add_printf(out, "%s\n", text) < 0) {
		evbuffer_drain(out, evbuffer_get_length(out));
		evbuffer_add_printf(out, "{\"error\":\"out of memory\"}\n");
		code = 500;
	}
	evhttp_add_header(headers, "Content-Type", "application/json");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_send_reply(req, code, reason_phrase(code), NULL);
}

void api_error(struct evhttp_request *req, int code, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	json_t *body;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	body = json_object();
	if (body && json_object_set_new(body, "error", record_json_string(text, false)) < 0) {
		json_decref(body);
		body = NULL;
	}
	api_reply(req, code, body);
}

/* ---- routes -------------------------------------------------------------------- */

static const char *method_name(enum evhttp_cmd_type method)
{
	return method == EVHTTP_REQ_POST ? "POST" : "GET";
}

/* The segment in TEXT, decoded, where it is one: no slash, no NUL, not too long. */
static bool decode_segment(const char *text, char *param)
{
	_cleanup_free_ char *decoded = NULL;
	size_t len;

	if (!*text || strchr(text, '/'))
		return false;
	decoded = evhttp_uridecode(text, 0, &len);
	if (!decoded || len >= API_PARAM_MAX || strlen(decoded) != len || strchr(decoded, '/'))
		return false;
	memcpy(param, decoded, len + 1);
	return true;
}

static bool path_matches(const char *pattern, const char *path, char *param)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] != '*')
		return strcmp(pattern, path) == 0;
	return strncmp(pattern, path, n - 1) == 0 && decode_segment(path + n - 1, param);
}

const struct api_route *api_route_find(enum evhttp_cmd_type method, const char *path, char *param,
				       int *ret_code, char *allow, size_t allow_size)
{
	size_t len = 0;

	*ret_code = 404;
	*param = *allow = '\0';
	for (size_t i = 0; i < api_n_routes; i++) {
		const struct api_route *r = &api_routes[i];

		if (!path_matches(r->path, path, param))
			continue;
		if (r->method == method)
			return r;
		*ret_code = 405;
		if (len < allow_size)
			len += (size_t)snprintf(allow + len, allow_size - len, "%s%s",
						len ? ", " : "", method_name(r->method));
	}
	return NULL;
}

static void call_route(struct api_call *c, const struct api_route *r, const char *query)
{
	char why[256];

	if (conn_right(c->conn, r->right, why, sizeof(why)) < r->right)
		api_error(c->req, 403, "%s", why);
	else if (query && *query && !r->query)
		api_error(c->req, 400, "%s takes no query", r->path);
	else if (query && *query && evhttp_parse_query_str(query, &c->query) < 0)
		api_error(c->req, 400, "malformed query");
	else
		r->handler(c);
}

static void request_cb(struct evhttp_request *req, void *data)
{
	struct api *a = data;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	struct api_call c = {.api = a, .server = a->server, .req = req};
	const struct api_route *route;
	char allow[32];
	int code;

	c.conn = conns_find(a->conns, req);
	if (!c.conn) {
		api_error(req, 503, "this connection was refused");
		return;
	}
	conn_busy(c.conn, req);
	if (!path || !*path)
		path = "/";
	route = api_route_find(evhttp_request_get_command(req), path, c.param, &code, allow,
			       sizeof(allow));
	if (route) {
		TAILQ_INIT(&c.query);
		call_route(&c, route, evhttp_uri_get_query(uri));
		evhttp_clear_headers(&c.query);
	} else if (code == 405) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", allow);
		api_error(req, 405, "this method is not allowed here, only %s", allow);
	} else {
		api_error(req, 404, "there is nothing at %.200s", path);
	}
}

/* ---- start and end ------------------------------------------------------------- */

int api_new(struct server *s, int listen_fd, struct api **ret)
{
	struct api *a = calloc(1, sizeof(*a));
	int r = -ENOMEM;

	if (!a)
		goto fail;
	a->server = s;
	TAILQ_INIT(&a->streams);
	a->http = evhttp_new(s->base);
	if (!a->http)
		goto fail;
	evhttp_set_max_headers_size(a->http, API_HEADERS_MAX);
	evhttp_set_max_body_size(a->http, API_BODY_MAX);
	evhttp_set_timeout(a->http, API_IDLE_S);
	evhttp_set_default_content_type(a->http, "application/json");
	/* All that it knows, so that a wrong one gets an answer of ours. */
	evhttp_set_allowed_methods(a->http, 0xffff);
	evhttp_set_gencb(a->http, request_cb, a);
	r = conns_new(s, a->http, TAKE_FD(listen_fd), &a->conns);
	if (r < 0)
		goto fail;
	*ret = a;
	return 0;
fail:
	close_fd(listen_fd);
	api_free(a);
	return r;
}

struct api *api_free(struct api *a)
{
	if (!a)
		return NULL;
	if (a->http)
		evhttp_free(a->http); /* closes connections, and with them their streams */
	conns_free(a->conns);
	free(a);
	return NULL;
}

void api_committed(struct api *a, uint64_t last)
{
	(void)last;
	api_streams_wake(&a->streams);
}

struct api_streams *api_streams_of(struct api *a)
{
	return &a->streams;
}

unsigned api_connections(const struct api *a)
{
	return conns_count(a->conns);
}
