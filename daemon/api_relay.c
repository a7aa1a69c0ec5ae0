/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_relay.c - carries bytes between a client of control.sock and a connection of evhttp's own.
 *
 * Theory of operation. Whatever reads from a stranger must take the descriptors that may come with
 * the bytes, since the kernel closes those that are not taken, which may last as long as the
 * stranger likes; and the kernel tells with the bytes who wrote them. evhttp does neither, so it
 * never sees a client: it accepts connections that are made here, one for each client, and this
 * reads with recvmsg(2). Nobody else can connect to evhttp: its socket had a name only before it
 * listened, and is reached by a descriptor of its inode. Each inner connection is bound to a random
 * name, by which the other end is found from evhttp's.
 *
 * Both ways at most RELAY_MAX bytes wait (and what one more read brings); then the side they come
 * from is not read until they are gone. That is the pace that a slow client sets for evhttp.
 */
#include "daemon/api_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/un.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "proto/base.h"
#include "proto/message.h"

#define RELAY_MAX     (64 * 1024)
#define RELAY_READ    (16 * 1024) /* in one event */
#define RELAY_BACKLOG 512
#define NAMED_LEN     (offsetof(struct sockaddr_un, sun_path) + 1 + sizeof(struct relay_name))

struct relay {
	int client, inner;
	struct event *read;	       /* of the client */
	struct bufferevent *to_client; /* writes only */
	struct bufferevent *to_inner;
	struct relay_name name;
	bool finished;	 /* the client will say nothing more */
	bool held;	 /* what it says has to wait */
	bool deaf;	 /* evhttp takes nothing more */
	bool inner_done; /* nor does it say anything more: what it said is still carried */
	const struct relay_ops *ops;
	void *data;
};

/* ---- the inner socket ------------------------------------------------------------ */

int relay_listen(const char *dir, int *ret_listen, int *ret_gate)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	_cleanup_close_ int gate = -1;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/relay", dir);

	if (fd < 0)
		return -errno;
	if ((size_t)n >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	(void)unlink(addr.sun_path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	gate = open(addr.sun_path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	/* Before it listens: so nobody comes in by the name. */
	if (unlink(addr.sun_path) < 0 || gate < 0 || listen(fd, RELAY_BACKLOG) < 0)
		return -errno;
	*ret_listen = TAKE_FD(fd);
	*ret_gate = TAKE_FD(gate);
	return 0;
}

static void named(const struct relay_name *name, struct sockaddr_un *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	memcpy(ret->sun_path + 1, name, sizeof(*name));
}

static int connect_inner(int gate, struct relay_name *ret_name)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un self, addr = {.sun_family = AF_UNIX};

	if (fd < 0 || getrandom(ret_name, sizeof(*ret_name), 0) != sizeof(*ret_name))
		return -errno;
	named(ret_name, &self);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", gate);
	if (bind(fd, (struct sockaddr *)&self, NAMED_LEN) < 0 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int relay_name_of(int fd, struct relay_name *ret)
{
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);

	if (getpeername(fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	if (len != NAMED_LEN || addr.sun_path[0] != '\0')
		return -ENOENT;
	memcpy(ret, addr.sun_path + 1, sizeof(*ret));
	return 0;
}

/* ---- client to evhttp ------------------------------------------------------------ */

static bool is_full(struct bufferevent *to)
{
	return evbuffer_get_length(bufferevent_get_output(to)) >= RELAY_MAX;
}

static void update_read(struct relay *r)
{
	if (r->finished || r->held || r->deaf || is_full(r->to_inner))
		event_del(r->read);
	else
		event_add(r->read, NULL);
}

void relay_hold(struct relay *r, bool hold)
{
	r->held = hold;
	update_read(r);
}

static void client_read_cb(evutil_socket_t fd, short what, void *data)
{
	struct relay *r = data;
	char buf[RELAY_READ];
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_SENT) +
			 CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		r->ops->ended(r->data);
	} else if (n == 0) {
		r->finished = true;
		update_read(r);
		r->ops->finished(r->data);
	} else if (r->ops->received(r->data, &mh, (size_t)n)) {
		if (bufferevent_write(r->to_inner, buf, (size_t)n) < 0)
			r->ops->ended(r->data);
		else
			update_read(r);
	}
}

static void inner_written_cb(struct bufferevent *bev, void *data)
{
	(void)bev;
	update_read(data);
}

/* ---- evhttp to client ------------------------------------------------------------ */

static void inner_read_cb(struct bufferevent *bev, void *data)
{
	struct relay *r = data;

	bufferevent_write_buffer(r->to_client, bufferevent_get_input(bev));
	if (is_full(r->to_client))
		bufferevent_disable(bev, EV_READ);
}

static void client_written_cb(struct bufferevent *bev, void *data)
{
	struct relay *r = data;

	(void)bev;
	if (r->inner_done)
		r->ops->ended(r->data);
	else
		bufferevent_enable(r->to_inner, EV_READ);
}

/* Where evhttp takes nothing more, what it said before may still be read. */
static void inner_event_cb(struct bufferevent *bev, short what, void *data)
{
	struct relay *r = data;

	(void)bev;
	r->deaf = true;
	update_read(r);
	r->inner_done = !(what & BEV_EVENT_WRITING);
	if (r->inner_done && !relay_is_awaited(r))
		r->ops->ended(r->data);
}

static void client_event_cb(struct bufferevent *bev, short what, void *data)
{
	struct relay *r = data;

	(void)bev;
	(void)what;
	r->ops->ended(r->data);
}

bool relay_is_awaited(const struct relay *r)
{
	return evbuffer_get_length(bufferevent_get_output(r->to_client)) > 0;
}

bool relay_is_gone(const struct relay *r)
{
	struct pollfd pfd = {.fd = r->client};

	return poll(&pfd, 1, 0) > 0;
}

/* ---- begin and end --------------------------------------------------------------- */

int relay_new(struct event_base *base, int client, int gate, const struct relay_ops *ops,
	      void *data, struct relay **ret)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->client = -1;
	r->ops = ops;
	r->data = data;
	r->inner = connect_inner(gate, &r->name);
	if (r->inner < 0) {
		int error = r->inner;

		free(r);
		return error;
	}
	r->read = event_new(base, client, EV_READ | EV_PERSIST, client_read_cb, r);
	r->to_client = bufferevent_socket_new(base, client, 0);
	r->to_inner = bufferevent_socket_new(base, r->inner, 0);
	if (!r->read || !r->to_client || !r->to_inner || event_add(r->read, NULL) < 0 ||
	    bufferevent_enable(r->to_inner, EV_READ) < 0) {
		(void)relay_free(r);
		return -ENOMEM;
	}
	bufferevent_setcb(r->to_client, NULL, client_written_cb, client_event_cb, r);
	bufferevent_setcb(r->to_inner, inner_read_cb, inner_written_cb, inner_event_cb, r);
	r->client = client;
	*ret = r;
	return 0;
}

static void free_bufferevent(struct bufferevent *bev)
{
	if (!bev)
		return;
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	bufferevent_free(bev);
}

int relay_free(struct relay *r)
{
	int client = r->client;

	if (r->read)
		event_free(r->read);
	free_bufferevent(r->to_client);
	free_bufferevent(r->to_inner);
	close_fd(r->inner);
	free(r);
	return client;
}

const struct relay_name *relay_name(const struct relay *r)
{
	return &r->name;
}
