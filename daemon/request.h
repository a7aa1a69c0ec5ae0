/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.h - a message of client.sock taken apart: what is asked for, and
 * whether it is put as proto/PROTOCOL.md says. Pure: no I/O.
 */
#ifndef SECCOMPD_DAEMON_REQUEST_H
#define SECCOMPD_DAEMON_REQUEST_H

#include <stddef.h>

#include <jansson.h>

#define REQUEST_LABELS_MAX 64
/* Of a container. They are kept as long as it lives. */
#define REQUEST_ANNOTATIONS_MAX	  256
#define REQUEST_ANNOTATIONS_BYTES (16 * 1024)
#define REQUEST_LABEL_KEY_MAX	  64
#define REQUEST_LABEL_VALUE_MAX	  256

enum request_kind {
	REQUEST_COMPILE, /* a launcher wants the program of its profile */
	REQUEST_STATE,	 /* a listener is handed over: OCI container process state */
};

/* Strings are borrowed from the message; the arrays are not. */
struct request {
	enum request_kind kind;
	const char *want; /* the profile asked for, or NULL */
	const char *id;	  /* REQUEST_STATE: what the client calls itself, for people */
	const char **label_keys, **label_values;
	size_t n_labels;
};

/* 0; -EINVAL with a REASON for the client's eyes; -ENOMEM. Nothing to be done after a failure. */
int request_parse(json_t *json, struct request *ret, char *reason, size_t size);
void request_done(struct request *r);

#endif
