/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lane.h - the slow lane: threads for what may block, so that a worker never does.
 */
#ifndef SECCOMPD_DAEMON_LANE_H
#define SECCOMPD_DAEMON_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

/* Part of what the submitter owns, which stays where it is until done() was called. */
struct lane_job {
	/* On a thread of the lane. Every wait in it ends with EINTR after lane_cancel(); it looks
	 * at `cancelled` before it waits again. */
	void (*run)(struct lane_job *job);
	/* After run(), or in its place for a job that was cancelled before it began: on a thread
	 * of the lane, or on the canceller's. The job is the submitter's again. */
	void (*done)(struct lane_job *job);
	uint64_t owner; /* whose: no owner has more than a share of the threads */
	_Atomic bool cancelled;

	/* The lane's. */
	TAILQ_ENTRY(lane_job) entry;
	pid_t tid; /* of the thread that runs it, 0: it waits for one */
};

struct lane;
struct lane_options {
	unsigned threads;   /* at most, made when needed; ended after some idle seconds */
	unsigned per_owner; /* of them at most */
	/* In each thread before its first job; NULL: nothing. */
	void (*thread_init)(void);
	void (*thread_done)(void); /* and after its last */
};
int lane_new(const struct lane_options *o, struct lane **ret);
/* Cancels what there is and waits a second for it; a thread that is stuck in the kernel then is
 * left behind, and the lane with it. Always NULL; NULL is fine. */
struct lane *lane_free(struct lane *l);

/* 0, or -EAGAIN: no thread can be made and none is there; the job was not taken. */
int lane_submit(struct lane *l, struct lane_job *job);
/* The job should end: its thread is interrupted. To be repeated until done() was called, since the
 * thread may have been on its way into a wait. Never after it. */
void lane_cancel(struct lane *l, struct lane_job *job);
/* Jobs that wait or run. */
unsigned lane_count(struct lane *l);

#endif
