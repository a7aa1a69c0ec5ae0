/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.h - a thread that owns listeners: receive -> facts -> decide -> answer -> record.
 */
#ifndef SECCOMPD_DAEMON_WORKER_H
#define SECCOMPD_DAEMON_WORKER_H

#include "daemon/client.h"
#include "daemon/lane.h"
#include "daemon/log.h"

struct worker_options {
	struct log *log;
	struct ring *ring;
	struct lane *lane; /* for what may block; ended between worker_stop() and worker_free() */
	/* Called by the worker's thread when a client's last process is gone: the worker has let
	 * go of it, the callee owns it. Must be quick and thread-safe. */
	void (*ended)(struct client *c, void *data);
	void *data;
};

struct worker;
int worker_new(const struct worker_options *o, struct worker **ret);
/* A lane for workers: threads that can do operations for targets. 0 or -errno. */
int worker_lane_new(struct lane **ret);
/* Ends the thread. */
void worker_stop(struct worker *w);
/* Ends the thread, if need be. Clients that it still has are handed to `ended`, unanswered calls
 * stay with the kernel. */
struct worker *worker_free(struct worker *w);
/* Any thread. The worker owns C until `ended`. */
int worker_adopt(struct worker *w, struct client *c);
size_t worker_load(const struct worker *w); /* clients */
/* Monotonic ns of the last pass of the loop, for the watchdog; and asks the thread for one. */
uint64_t worker_alive_ns(const struct worker *w);
void worker_ping(struct worker *w);
/* Main thread, every WORKER_UNBLOCK_MS or so while there are clients: a worker that has been in
 * one and the same RECV since the last call is waiting for a notification that somebody else
 * took. It is interrupted and gives that client up. */
#define WORKER_UNBLOCK_MS 100
void worker_unblock(struct worker *w);

#endif
