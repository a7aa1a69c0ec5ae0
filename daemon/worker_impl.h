/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker_impl.h - private to worker.c and worker_op.c: a worker's parts, and a notification on its
 * way. All of it is the worker thread's unless said otherwise.
 */
#ifndef SECCOMPD_DAEMON_WORKER_IMPL_H
#define SECCOMPD_DAEMON_WORKER_IMPL_H

#include <poll.h>
#include <pthread.h>
#include <sys/queue.h>

#include "daemon/errand.h"
#include "daemon/notif.h"
#include "daemon/worker.h"

struct op_work; /* worker_op.c's: an operation that is done for a target */
TAILQ_HEAD(op_list, op_work);

/* Operations under way. */
struct worker_ops {
	struct errands *errands;
	struct op_list spare;	  /* memory for the next ones */
	struct op_list away;	  /* with the lane: given to it, and not taken back yet */
	uint64_t watched_ns;	  /* when those were last looked at */
	pthread_mutex_t lock;	  /* of returned */
	struct op_list returned;  /* of those away: by threads of the lane */
	struct op_list to_settle; /* taken back, and waiting for room in the ring */
};

struct worker {
	struct worker_options o;
	pthread_t thread;
	bool stopped; /* there is no thread any more; whoever ends the worker */
	struct notif notif;
	struct proc_cache *procs;
	struct worker_ops ops;
	int wake; /* eventfd */
	_Atomic bool stop;
	_Atomic uint64_t alive_ns;
	_Atomic unsigned receives;    /* odd: in RECV */
	_Atomic unsigned interrupted; /* the RECV that worker_unblock() means */
	unsigned receives_seen;	      /* by the main thread */
	_Atomic size_t load;
	pthread_mutex_t lock; /* of incoming */
	struct client **incoming;
	size_t n_incoming;

	/* polls: one for each client, then connector, then wake. */
	struct pollfd *polls;
	struct client **clients;
	size_t n, size;
	bool held; /* the ring was full at the last look */
	bool busy; /* the last pass served a call */
	uint64_t told_full_ns;
};

/* A notification on its way. */
struct call {
	struct client *client;
	uint64_t id;
	pid_t tid;
	struct facts facts;
	struct verdict verdict;
	uint64_t start_ns;
	int64_t time_us;
	const char *detail;	  /* for the record, "" where there is none */
	struct ring_entry *entry; /* announced; NULL: no record is due */
	int answered;		  /* 0, or the -errno of the answer */

	/* Where it goes through: was it done by the daemon? Else the kernel does it. */
	bool done;
	int result;   /* a descriptor of ours, or -errno for the target */
	int fd_flags; /* O_CLOEXEC or 0, of the target's */
};

/* worker.c */

/* What is of this moment: the caller's process. False: the notification is not valid any more. */
bool worker_look(struct worker *w, struct call *call);
/* The one end of a notification that was decided. */
void worker_finish(struct worker *w, struct call *call);
/* The other one: nobody is there to be answered, and nobody's call to be recorded. */
void worker_gone(struct client *c);
void worker_wake(struct worker *w); /* any thread */

/* worker_op.c */

int worker_ops_init(struct worker *w);
/* The thread and the lane have ended: lets go of all that came back. */
void worker_ops_drop(struct worker *w);
/* After that. False: a thread of the lane is stuck, and its work with it;
 * the worker must stay. */
bool worker_ops_done(struct worker *w);
/* A call that a rule on an operation was asked about: takes it to its end, now or later. */
void worker_op_serve(struct worker *w, struct call *call);
/* Once in each pass. Goes on with what came back from the lane, as long as the ring has room. */
void worker_ops_settle(struct worker *w);
/* Ms until worker_ops_watch() is due, or -1; at once where there is something to settle. */
int worker_ops_timeout(const struct worker *w);
/* Once in each pass: ends what waits for a target that is gone or has a signal. */
void worker_ops_watch(struct worker *w);
/* The client ends: what is away for it is to come back. */
void worker_ops_cancel(struct worker *w, const struct client *c);

#endif
