/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http.h - HTTP over the control socket: an answer as a whole, or line by line
 * as it comes.
 */
#ifndef SECCOMPD_CLIENT_HTTP_H
#define SECCOMPD_CLIENT_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct http_reply {
	long status; /* 200, ... */
	char *body;  /* ended by NUL */
	size_t len;
};
void http_reply_done(struct http_reply *r);

/* 0, whatever the status; -ENOENT, -ECONNREFUSED: nobody listens at SOCKET; -EACCES: not allowed
 * to connect; -ECONNRESET: it broke off; -ENAMETOOLONG; other -errno. */
int http_call(const char *socket, const char *method, const char *path, struct http_reply *ret);

struct http_sink {
	/* Each line of a 200, without its newline, ended by NUL. False: enough. */
	bool (*line)(char *line, size_t len, void *data);
	/* About once a second, and when all lines that came are given. False: enough. */
	bool (*idle)(void *data);
	void *data;
};
/* As http_call(); another status than 200 has its body in RET. -ECANCELED: the sink had enough. */
int http_stream(const char *socket, const char *path, const struct http_sink *sink,
		struct http_reply *ret);

/* KEY=VALUE for a query string, VALUE encoded; allocated. */
char *http_param(const char *key, const char *value);
/* A path segment, encoded; allocated. */
char *http_segment(const char *value);

#endif
