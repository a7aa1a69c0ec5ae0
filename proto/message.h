/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * message.h - what launcher, OCI runtime and daemon say on client.sock, and the
 * reading of whole JSON objects with descriptors from a stream socket. The
 * wire format is proto/PROTOCOL.md.
 */
#ifndef SECCOMPD_PROTO_MESSAGE_H
#define SECCOMPD_PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <jansson.h>

#define MESSAGE_VERSION	   1
#define MESSAGE_MAX	   (64 * 1024) /* bytes of one JSON object */
#define MESSAGE_FDS_MAX	   4	       /* descriptors that a reader keeps waiting */
#define MESSAGE_DEADLINE_S 5

/* The kernel's SCM_MAX_FD: what one sendmsg(2) can carry. A reader has room for all of them, so
 * that it is the reader's owner who closes what nobody wanted: closing a stranger's descriptor
 * may block (a lingering socket, a FUSE file), and the kernel closes what does not fit. */
#define MESSAGE_FDS_SENT 253
#define MESSAGE_FDS_ROOM (MESSAGE_FDS_MAX + MESSAGE_FDS_SENT)

/* Collects bytes and descriptors until one JSON object is whole. */
struct message_reader {
	char *buf;
	size_t len, scanned;
	unsigned depth;
	bool in_string, escaped, started;
	int fds[MESSAGE_FDS_ROOM];
	size_t n_fds;
};
void message_reader_init(struct message_reader *r);
void message_reader_done(struct message_reader *r); /* closes descriptors not taken */
/* Has an object begun, or a descriptor come, that no object has ended? */
bool message_pending(const struct message_reader *r);
/* The one descriptor that came with the last object, owned by the caller from now on; -1, and
 * nothing taken, where there was none or more than one. */
int message_take_fd(struct message_reader *r);

/* Appends the descriptors that came with MH to the *N in FDS, which has room for SIZE; what does
 * not fit is closed. False where some were lost on the way. */
bool message_collect_fds(struct msghdr *mh, int *fds, size_t size, size_t *n);

/* The next object: from what was received before, else by one recvmsg(2) on FD. 1: a whole
 * object is there, *ret (new reference) is set, the descriptors that came until its end are in
 * r->fds until they are taken; what follows stays for the next call. 0: not yet. -EAGAIN,
 * -ECONNRESET (end of file between objects), -EPROTO (end of file within one, not an object, not
 * JSON), -EMSGSIZE, -EMFILE (too many descriptors, here or for the process), other -errno. After
 * an error but -EAGAIN and -EINTR the reader is of no more use. */
int message_read(struct message_reader *r, int fd, json_t **ret);

/* Sends JSON (borrowed) on FD, with descriptor PASS where it is not -1. Blocking sockets: whole.
 * Non-blocking: -EAGAIN where it does not fit at once. No SIGPIPE. 0 or -errno. */
int message_send(int fd, json_t *json, int pass);

/* launcher -> daemon: {"seccompd":1,"request":"compile","profile":NAME|null,"labels":{}} */
json_t *message_compile(const char *profile, const char *const *label_keys,
			const char *const *label_values, size_t n_labels);
/* launcher or runtime -> daemon: the OCI container process state. METADATA may be NULL. */
json_t *message_state(const char *id, pid_t pid, const char *bundle, const char *metadata);
/* daemon -> launcher: {"seccompd":1,"ok":true,...} or {"seccompd":1,"ok":false,"error":TEXT}. */
json_t *message_ok(void);
json_t *message_refused(const char *reason);

/* launcher: the daemon's answer. 0 where JSON says ok; -EACCES with the daemon's words in REASON
 * where it refuses; -EPROTO (REASON says so) where it is no answer of this version. */
int message_answer(const json_t *json, char *reason, size_t size);

#endif
