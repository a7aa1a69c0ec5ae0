/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * message.c - whole JSON objects with descriptors over a stream socket, and the
 * messages of client.sock.
 */
#include "proto/message.h"

#include <ctype.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/base.h"

void message_reader_init(struct message_reader *r)
{
	memset(r, 0, sizeof(*r));
}

void message_reader_done(struct message_reader *r)
{
	for (size_t i = 0; i < r->n_fds; i++)
		close_fd(r->fds[i]);
	free(r->buf);
	message_reader_init(r);
}

bool message_pending(const struct message_reader *r)
{
	return r->len > 0 || r->n_fds > 0;
}

int message_take_fd(struct message_reader *r)
{
	if (r->n_fds != 1)
		return -1;
	r->n_fds = 0;
	return r->fds[0];
}

/* Drops the first N bytes. */
static void reader_consume(struct message_reader *r, size_t n)
{
	memmove(r->buf, r->buf + n, r->len - n);
	r->len -= n;
	r->scanned = 0;
	r->depth = 0;
	r->in_string = r->escaped = r->started = false;
}

static void scan_char(struct message_reader *r, char c)
{
	if (r->escaped)
		r->escaped = false;
	else if (r->in_string && c == '\\')
		r->escaped = true;
	else if (c == '"')
		r->in_string = !r->in_string;
	else if (!r->in_string && c == '{')
		r->depth++;
	else if (!r->in_string && c == '}')
		r->depth--;
}

/*
 * Finds the brace that closes the object. Only strings and braces count: whether it is JSON the
 * parser says, once there is something for it to look at.
 */
static int reader_scan(struct message_reader *r, json_t **ret)
{
	size_t skip = 0;
	json_t *json;

	if (!r->started) {
		while (skip < r->len && isspace((unsigned char)r->buf[skip]))
			skip++;
		if (skip > 0)
			reader_consume(r, skip);
		if (r->len == 0)
			return 0;
		if (r->buf[0] != '{')
			return -EPROTO;
		r->started = true;
	}
	while (r->scanned < r->len) {
		scan_char(r, r->buf[r->scanned++]);
		if (r->depth > 0)
			continue;
		json = json_loadb(r->buf, r->scanned, JSON_REJECT_DUPLICATES, NULL);
		if (!json)
			return -EPROTO;
		reader_consume(r, r->scanned);
		*ret = json;
		return 1;
	}
	return r->len >= MESSAGE_MAX ? -EMSGSIZE : 0;
}

bool message_collect_fds(struct msghdr *mh, int *fds, size_t size, size_t *n)
{
	struct cmsghdr *c;
	size_t came;

	for (c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < came; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*n < size)
				fds[(*n)++] = fd;
			else
				close_fd(fd);
		}
	}
	return !(mh->msg_flags & MSG_CTRUNC);
}

static int reader_receive(struct message_reader *r, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_SENT)];
	} control;
	struct iovec iov;
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n;

	if (!r->buf) {
		r->buf = malloc(MESSAGE_MAX);
		if (!r->buf)
			return -ENOMEM;
	}
	iov.iov_base = r->buf + r->len;
	iov.iov_len = MESSAGE_MAX - r->len;
	n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	/* Also those too many: their owner decides how to close them. */
	if (!message_collect_fds(&mh, r->fds, ARRAY_SIZE(r->fds), &r->n_fds) ||
	    r->n_fds > MESSAGE_FDS_MAX)
		return -EMFILE;
	if (n == 0)
		return message_pending(r) ? -EPROTO : -ECONNRESET;
	r->len += (size_t)n;
	return 0;
}

int message_read(struct message_reader *r, int fd, json_t **ret)
{
	int rc;

	/* A second object may have come with the first. */
	if (r->scanned < r->len) {
		rc = reader_scan(r, ret);
		if (rc != 0)
			return rc;
	}
	rc = reader_receive(r, fd);
	return rc < 0 ? rc : reader_scan(r, ret);
}

static void attach_fd(struct msghdr *mh, char *buf, size_t size, int pass)
{
	struct cmsghdr *c;

	memset(buf, 0, size);
	mh->msg_control = buf;
	mh->msg_controllen = size;
	c = CMSG_FIRSTHDR(mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pass, sizeof(int));
}

int message_send(int fd, json_t *json, int pass)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);
	struct iovec iov;
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (!text)
		return -ENOMEM;
	iov.iov_base = text;
	iov.iov_len = strlen(text);
	if (pass >= 0)
		attach_fd(&mh, control.buf, sizeof(control.buf), pass);
	while (iov.iov_len > 0) {
		n = sendmsg(fd, &mh, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* The descriptor went with the first byte. */
		mh.msg_control = NULL;
		mh.msg_controllen = 0;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
	}
	return 0;
}

json_t *message_compile(const char *profile, const char *const *label_keys,
			const char *const *label_values, size_t n_labels)
{
	json_t *labels = json_object();
	json_t *json;

	for (size_t i = 0; labels && i < n_labels; i++) {
		if (json_object_set_new(labels, label_keys[i], json_string(label_values[i])) < 0) {
			json_decref(labels);
			return NULL;
		}
	}
	if (!labels)
		return NULL;
	json = json_pack("{s:i, s:s, s:s?, s:o}", "seccompd", MESSAGE_VERSION, "request", "compile",
			 "profile", profile, "labels", labels);
	return json;
}

json_t *message_state(const char *id, pid_t pid, const char *bundle, const char *metadata)
{
	json_t *json;

	json = json_pack("{s:s, s:[s], s:i, s:{s:s, s:s, s:s, s:i, s:s}}", "ociVersion", "1.0.2",
			 "fds", "seccompFd", "pid", (int)pid, "state", "ociVersion", "1.0.2", "id",
			 id, "status", "creating", "pid", (int)pid, "bundle", bundle);
	if (json && metadata && json_object_set_new(json, "metadata", json_string(metadata)) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *message_ok(void)
{
	return json_pack("{s:i, s:b}", "seccompd", MESSAGE_VERSION, "ok", 1);
}

json_t *message_refused(const char *reason)
{
	json_t *json =
		json_pack("{s:i, s:b, s:s}", "seccompd", MESSAGE_VERSION, "ok", 0, "error", reason);

	/* Words that are no UTF-8 (a name from a client) must not cost the answer. */
	if (!json)
		json = json_pack("{s:i, s:b, s:s}", "seccompd", MESSAGE_VERSION, "ok", 0, "error",
				 "refused");
	return json;
}

int message_answer(const json_t *json, char *reason, size_t size)
{
	const json_t *version = json_object_get(json, "seccompd");
	const json_t *ok = json_object_get(json, "ok");
	const char *error = json_string_value(json_object_get(json, "error"));

	if (!json_is_integer(version) || json_integer_value(version) != MESSAGE_VERSION ||
	    !json_is_boolean(ok)) {
		(void)snprintf(reason, size, "the answer is not one of this protocol's version %d",
			       MESSAGE_VERSION);
		return -EPROTO;
	}
	if (json_is_true(ok))
		return 0;
	(void)snprintf(reason, size, "%s", error ? error : "no reason given");
	return -EACCES;
}
