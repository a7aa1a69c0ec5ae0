/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * priority.h - a scheduling policy that would starve the supervisor, put off while the launcher
 * waits for it; and what the launcher may do.
 */
#ifndef SECCOMPD_CLIENT_PRIORITY_H
#define SECCOMPD_CLIENT_PRIORITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The kernel's struct sched_attr as of its first version; glibc 2.36 has none. */
struct priority {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* Has the calling thread the effective capability CAP? */
bool priority_capable(int cap);

/* Puts the calling thread from a real-time policy to SCHED_OTHER, where it could be put back,
 * and where need be. 1: it was, SAVED is for priority_restore(). 0: there was no need. -EPERM:
 * there is need, but it could not be put back. Other -errno. */
int priority_lower(struct priority *saved);
/* Any thread of the process. 0 or -errno. */
int priority_restore(const struct priority *saved, pid_t tid);

#endif
