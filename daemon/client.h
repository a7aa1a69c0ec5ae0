/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * client.h - one supervised tree: listener, identity, view of its profile,
 * counters. The table of all of them is the main thread's; a worker holds the
 * listener from client_table_add() until it hands the client back at its end.
 */
#ifndef SECCOMPD_DAEMON_CLIENT_H
#define SECCOMPD_DAEMON_CLIENT_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "daemon/decide.h"

struct worker;

enum client_origin { ORIGIN_LAUNCHER, ORIGIN_OCI };

/* Written by the worker alone, read by anyone: relaxed. */
struct client_counters {
	_Atomic uint64_t verdicts[VERDICT_MAX];
	_Atomic uint64_t failures;
	_Atomic int64_t last_us; /* wall clock of the last decision */
};

struct client {
	TAILQ_ENTRY(client) entry; /* of the table; main thread */
	uint64_t id;		   /* shown as c<id> */
	int listener;
	bool killable; /* its filter has WAIT_KILLABLE_RECV */
	int root_fd;   /* what its files are named below, O_PATH; -1: they cannot be named */
	enum client_origin origin;
	struct identity identity;
	char *command; /* what the registering process was, for people: comm or container id */
	struct view *view;
	struct bucket *buckets; /* NULL where no rule has a limit */
	int64_t since_us;
	struct worker *worker;
	struct client_counters counters;

	/* The worker's. */
	unsigned away; /* operations that are with the lane */
	bool retired;  /* it ends when they have come back */
};

struct client_table;
struct client_table *client_table_new(void);
void client_table_free(struct client_table *t);
/* Takes over C (listener and identity with it). */
void client_table_add(struct client_table *t, struct client *c);
/* Unlinks, closes, frees. */
void client_table_remove(struct client_table *t, struct client *c);
struct client *client_table_find(struct client_table *t, uint64_t id);
size_t client_table_count(const struct client_table *t);
size_t client_table_count_uid(const struct client_table *t, uid_t uid);
struct client *client_table_first(struct client_table *t);
struct client *client_next(struct client *c);

/* A client of nothing yet, without a root: VIEW, ID's strings and LISTENER are taken over. NULL: no
 * memory (nothing taken). */
struct client *client_new(uint64_t id, int listener, struct identity *identity, struct view *view);
void client_free(struct client *c);

#endif
