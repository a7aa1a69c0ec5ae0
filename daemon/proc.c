/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proc.c - who makes a call.
 *
 * Theory of operation. Reading comm, exe and credentials costs several times a
 * notification's round trip, so what was read is kept. It may change by
 * execve(2), by set*id(2), by a new comm, by the end of the thread: the kernel's
 * process connector (netlink, since 2.6.15) tells all of these, and it queues
 * the event on our socket before the system call that caused it returns. So a
 * notification that a changed process makes comes after the event is queued. A
 * worker polls its listeners first and this socket after them, in one poll(2):
 * if a listener was seen ready, the events of everything that its caller did
 * before are readable by the time this socket is looked at, and they are taken
 * in before the facts are used. A worker that slept without watching this socket drains it
 * before it serves, which is the same order. When the socket overflows (ENOBUFS) the whole
 * cache is dropped. The connector speaks only in the initial network and pid name spaces to
 * CAP_NET_ADMIN; elsewhere no acknowledgement comes and every reading is fresh.
 */
#include "daemon/proc.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/base.h"

#define PROC_SLOTS	 4096 /* a power of two */
#define PROC_RCVBUF	 (1024 * 1024)
#define PROC_ACK_WAIT_MS 200
#define DRAIN_MAX	 4096 /* events in one go */

struct proc_entry {
	pid_t tid; /* 0: empty */
	struct proc_facts facts;
	char *exe;
	uint32_t execs; /* of its group, when it was read */
};

struct proc_cache {
	int fd;	     /* the connector, or -1 */
	bool behind; /* it has more to tell than was read: nothing that is kept is believed */
	struct proc_entry slots[PROC_SLOTS];
	/* Execs of thread groups, by tgid. A thread that execs takes its leader's number, and no
	 * event tells of the end of its own: what was kept under that falls with this count. */
	uint32_t execs[PROC_SLOTS];
};

static void entry_clear(struct proc_entry *e)
{
	free(e->exe);
	memset(e, 0, sizeof(*e));
}

static uint32_t *execs_of(struct proc_cache *c, pid_t tgid)
{
	return &c->execs[(unsigned)tgid & (PROC_SLOTS - 1)];
}

static struct proc_entry *entry_of(struct proc_cache *c, pid_t tid)
{
	return &c->slots[(unsigned)tid & (PROC_SLOTS - 1)];
}

void proc_forget(struct proc_cache *c, pid_t tid)
{
	struct proc_entry *e = entry_of(c, tid);

	if (e->tid == tid)
		entry_clear(e);
}

static void forget_all(struct proc_cache *c)
{
	for (size_t i = 0; i < PROC_SLOTS; i++)
		entry_clear(&c->slots[i]);
}

/* Lets through what can change facts; forks alone would be most of the traffic. Our own threads
 * change their ids with every operation that is done for a target. */
static int connector_filter(int fd)
{
#define WHAT_OFFSET (NLMSG_HDRLEN + sizeof(struct cn_msg) + offsetof(struct proc_event, what))
#define TGID_OFFSET                             \
	(NLMSG_HDRLEN + sizeof(struct cn_msg) + \
	 offsetof(struct proc_event, event_data.id.process_tgid))
#define PASS(event)                                                          \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)(event)), 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WHAT_OFFSET),
		PASS(PROC_EVENT_NONE),
		/* All that follow have the thread group at one place. */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, TGID_OFFSET),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)getpid()), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WHAT_OFFSET),
		PASS(PROC_EVENT_EXEC),
		PASS(PROC_EVENT_UID),
		PASS(PROC_EVENT_GID),
		PASS(PROC_EVENT_COMM),
		PASS(PROC_EVENT_EXIT),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
#undef PASS
#undef TGID_OFFSET
#undef WHAT_OFFSET
	struct sock_fprog prog = {ARRAY_SIZE(insns), insns};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static int connector_subscribe(int fd)
{
	struct __attribute__((aligned(NLMSG_ALIGNTO))) {
		struct nlmsghdr nl;
		struct __attribute__((packed)) {
			struct cn_msg cn;
			enum proc_cn_mcast_op op;
		} body;
	} m = {0};

	m.nl.nlmsg_len = NLMSG_LENGTH(sizeof(m.body));
	m.nl.nlmsg_type = NLMSG_DONE;
	m.nl.nlmsg_pid = 0;
	m.body.cn.id.idx = CN_IDX_PROC;
	m.body.cn.id.val = CN_VAL_PROC;
	m.body.cn.len = sizeof(m.body.op);
	m.body.op = PROC_CN_MCAST_LISTEN;
	return send(fd, &m, m.nl.nlmsg_len, 0) < 0 ? -errno : 0;
}

static void apply_event(struct proc_cache *c, const struct proc_event *ev)
{
	switch ((uint32_t)ev->what) {
	case PROC_EVENT_EXEC:
		(*execs_of(c, ev->event_data.exec.process_tgid))++;
		break;
	case PROC_EVENT_UID:
	case PROC_EVENT_GID:
		proc_forget(c, ev->event_data.id.process_pid);
		break;
	case PROC_EVENT_COMM:
		proc_forget(c, ev->event_data.comm.process_pid);
		break;
	case PROC_EVENT_EXIT:
		proc_forget(c, ev->event_data.exit.process_pid);
		break;
	default:
		break;
	}
}

/* One datagram. 1: an event; 0: nothing there; -errno. *ret_ack where it acknowledges. */
static int connector_read(struct proc_cache *c, bool *ret_ack)
{
	union {
		struct nlmsghdr nl;
		char bytes[512];
	} buf;
	struct sockaddr_nl from = {0};
	socklen_t from_len = sizeof(from);
	struct proc_event ev = {0};
	ssize_t n;
	size_t head = NLMSG_HDRLEN + sizeof(struct cn_msg), len;

	n = recvfrom(c->fd, &buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (from.nl_pid != 0 || (size_t)n < head + sizeof(ev.what))
		return 1; /* not the kernel's */
	len = (size_t)n - head;
	memcpy(&ev, buf.bytes + head, len < sizeof(ev) ? len : sizeof(ev));
	if ((uint32_t)ev.what == PROC_EVENT_NONE) {
		if (ret_ack)
			*ret_ack = ev.event_data.ack.err == 0;
	} else {
		apply_event(c, &ev);
	}
	return 1;
}

void proc_cache_drain(struct proc_cache *c)
{
	int r = 1;

	if (c->fd < 0)
		return;
	c->behind = false;
	for (unsigned i = 0; r == 1 || r == -EINTR || r == -ENOBUFS; i++) {
		if (i == DRAIN_MAX) {
			/* Somebody makes events faster than they can be read. */
			forget_all(c);
			c->behind = true;
			return;
		}
		r = connector_read(c, NULL);
		if (r < 0 && r != -EINTR)
			forget_all(c); /* ENOBUFS: events were lost */
	}
}

static bool connector_wait_ack(struct proc_cache *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	bool ack = false;

	/* Foreign events may come first: a bounded number of looks. */
	for (int i = 0; i < 1000 && !ack; i++) {
		if (poll(&p, 1, PROC_ACK_WAIT_MS) <= 0)
			return false;
		if (connector_read(c, &ack) < 0)
			return false;
	}
	return ack;
}

static int connector_open(struct proc_cache *c)
{
	struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	int size = PROC_RCVBUF;

	c->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (c->fd < 0)
		return -errno;
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (connector_filter(c->fd) < 0 ||
	    bind(c->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    connector_subscribe(c->fd) < 0 || !connector_wait_ack(c)) {
		c->fd = close_fd(c->fd);
		return -EOPNOTSUPP;
	}
	return 0;
}

struct proc_cache *proc_cache_new(void)
{
	struct proc_cache *c = calloc(1, sizeof(*c));

	if (c)
		(void)connector_open(c);
	return c;
}

struct proc_cache *proc_cache_free(struct proc_cache *c)
{
	if (!c)
		return NULL;
	forget_all(c);
	close_fd(c->fd);
	free(c);
	return NULL;
}

int proc_cache_fd(const struct proc_cache *c)
{
	return c->fd;
}

/* Reads file NAME of thread directory DIR whole; the result is ended by NUL. */
static ssize_t read_at(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

/* The Nth number (from 0) of the line that starts with KEY. */
static bool status_number(const char *status, const char *key, int n, long *ret)
{
	const char *p = strstr(status, key);
	char *end;

	if (!p)
		return false;
	p += strlen(key);
	for (; n >= 0; n--, p = end) {
		*ret = strtol(p, &end, 10);
		if (end == p)
			return false;
	}
	return true;
}

static int read_status(int dir, struct proc_facts *f)
{
	char buf[4096];
	long tgid, uid, gid;
	ssize_t r = read_at(dir, "status", buf, sizeof(buf));

	if (r < 0)
		return (int)r;
	/* comm is escaped in this file, so no "\nUid:" can come from the target. */
	if (!status_number(buf, "\nTgid:", 0, &tgid) || !status_number(buf, "\nUid:", 1, &uid) ||
	    !status_number(buf, "\nGid:", 1, &gid))
		return -EBADMSG;
	f->tgid = (pid_t)tgid;
	f->uid = (uid_t)uid;
	f->gid = (gid_t)gid;
	return 0;
}

static int read_comm(int dir, struct proc_facts *f)
{
	char buf[64];
	ssize_t r = read_at(dir, "comm", buf, sizeof(buf));

	if (r < 0)
		return (int)r;
	if (r > 0 && buf[r - 1] == '\n')
		buf[--r] = '\0';
	if ((size_t)r >= sizeof(f->comm))
		r = sizeof(f->comm) - 1;
	memcpy(f->comm, buf, (size_t)r);
	f->comm[r] = '\0';
	return 0;
}

static int read_entry(struct proc_cache *c, struct proc_entry *e, pid_t tid)
{
	char path[64], exe[PATH_MAX];
	_cleanup_close_ int dir = -1;
	ssize_t n;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d", tid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	r = read_status(dir, &e->facts);
	if (r < 0)
		return r;
	r = read_comm(dir, &e->facts);
	if (r < 0)
		return r;
	n = readlinkat(dir, "exe", exe, sizeof(exe) - 1);
	if (n < 0)
		n = 0; /* another user's, or without an mm */
	exe[n] = '\0';
	e->exe = strdup(exe);
	if (!e->exe)
		return -ENOMEM;
	e->facts.exe = e->exe;
	e->execs = *execs_of(c, e->facts.tgid);
	e->tid = tid;
	return 0;
}

const struct proc_facts *proc_read(struct proc_cache *c, pid_t tid, bool fresh, bool *ret_read)
{
	struct proc_entry *e = entry_of(c, tid);

	*ret_read = false;
	if (tid <= 0)
		return NULL;
	if (!fresh && c->fd >= 0 && !c->behind && e->tid == tid &&
	    e->execs == *execs_of(c, e->facts.tgid))
		return &e->facts;
	entry_clear(e);
	*ret_read = true;
	if (read_entry(c, e, tid) < 0) {
		entry_clear(e);
		return NULL;
	}
	return &e->facts;
}
