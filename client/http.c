/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http.c - HTTP over the control socket, with libcurl.
 */
#include "client/http.h"

#include <string.h>
#include <sys/un.h>
#include <time.h>

#include <curl/curl.h>

#include "proto/base.h"

#define REPLY_MAX     ((size_t)256 * 1024 * 1024)
#define BUSY_TRIES    40
#define BUSY_PAUSE_MS 50

struct transfer {
	CURL *curl;
	struct http_reply *reply;
	const struct http_sink *sink; /* NULL: the whole body */
	bool too_big, enough;
};

void http_reply_done(struct http_reply *r)
{
	free(r->body);
	*r = (struct http_reply){0};
}

static int append(struct http_reply *r, const char *data, size_t n)
{
	char *p;

	if (r->len + n > REPLY_MAX)
		return -EMSGSIZE;
	p = realloc(r->body, r->len + n + 1);
	if (!p)
		return -ENOMEM;
	memcpy(p + r->len, data, n);
	r->body = p;
	r->len += n;
	p[r->len] = '\0';
	return 0;
}

/* Gives the whole lines of what was collected to the sink, and keeps the rest. */
static bool give_lines(struct transfer *t)
{
	struct http_reply *r = t->reply;
	char *line = r->body, *end;
	size_t rest = r->len;
	bool go_on = true;

	while (go_on && (end = memchr(line, '\n', rest))) {
		*end = '\0';
		go_on = t->sink->line(line, (size_t)(end - line), t->sink->data);
		rest -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	memmove(r->body, line, rest);
	r->len = rest;
	r->body[rest] = '\0';
	return go_on;
}

static size_t write_cb(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	long status = 0;

	(void)size; /* always 1 */
	t->too_big = append(t->reply, data, n) < 0;
	if (t->too_big)
		return 0;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->sink && status == 200) {
		t->enough = !give_lines(t) || !t->sink->idle(t->sink->data);
		if (t->enough)
			return 0;
	}
	return n;
}

static int progress_cb(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *t = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	if (t->sink && !t->sink->idle(t->sink->data))
		t->enough = true;
	return t->enough;
}

static int result_errno(struct transfer *t, CURLcode code)
{
	long os = 0;

	curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &os);
	if (code == CURLE_OK)
		return 0;
	if (t->enough)
		return -ECANCELED;
	if (t->too_big)
		return -EMSGSIZE;
	if (code == CURLE_COULDNT_CONNECT)
		return os > 0 ? -(int)os : -ECONNREFUSED;
	if (code == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	return code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -ECONNRESET;
}

static void set_options(struct transfer *t, const char *socket, const char *method, const char *url)
{
	CURL *c = t->curl;

	curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, write_cb);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	if (strcmp(method, "POST") == 0)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
	if (t->sink) {
		curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, progress_cb);
		curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
	} else {
		curl_easy_setopt(c, CURLOPT_TIMEOUT, 120L);
	}
}

/* A queue of connections that is full at this moment gives EAGAIN: libcurl does not wait for it. */
static int perform_patiently(struct transfer *t)
{
	static const struct timespec pause = {.tv_nsec = BUSY_PAUSE_MS * 1000000L};
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < BUSY_TRIES; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		r = result_errno(t, curl_easy_perform(t->curl));
	}
	return r;
}

static int perform(const char *socket, const char *method, const char *path,
		   const struct http_sink *sink, struct http_reply *ret)
{
	struct transfer t = {.reply = ret, .sink = sink};
	_cleanup_free_ char *url = NULL;
	int r;

	*ret = (struct http_reply){0};
	if (strlen(socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -ENAMETOOLONG;
	if (asprintf(&url, "http://seccompd%s", path) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	t.curl = curl_easy_init();
	if (!t.curl)
		return -ENOMEM;
	set_options(&t, socket, method, url);
	r = perform_patiently(&t);
	curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &ret->status);
	curl_easy_cleanup(t.curl);
	if (r == 0 && !ret->body)
		r = append(ret, "", 0);
	if (r < 0)
		http_reply_done(ret);
	return r;
}

int http_call(const char *socket, const char *method, const char *path, struct http_reply *ret)
{
	return perform(socket, method, path, NULL, ret);
}

int http_stream(const char *socket, const char *path, const struct http_sink *sink,
		struct http_reply *ret)
{
	return perform(socket, "GET", path, sink, ret);
}

char *http_segment(const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, 0);
	char *copy = escaped ? strdup(escaped) : NULL;

	curl_free(escaped);
	return copy;
}

char *http_param(const char *key, const char *value)
{
	_cleanup_free_ char *escaped = http_segment(value);
	char *param;

	if (!escaped || asprintf(&param, "%s=%s", key, escaped) < 0)
		return NULL;
	return param;
}
