/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * priority.c - a scheduling policy that would starve the supervisor.
 *
 * A launcher that waits spins. With a real-time policy, and one CPU for it and all others, the
 * thread that it waits for would never run.
 */
#include "client/priority.h"

#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "proto/base.h"

bool priority_capable(int cap)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap);
}

/* As sched(7) says for who goes from SCHED_OTHER to SAVED. */
static bool can_restore(const struct priority *saved)
{
	struct rlimit limit;

	if (priority_capable(CAP_SYS_NICE))
		return true;
	if (saved->policy != SCHED_FIFO && saved->policy != SCHED_RR)
		return false;
	return getrlimit(RLIMIT_RTPRIO, &limit) == 0 && limit.rlim_cur >= saved->priority;
}

static bool has_other_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
}

int priority_lower(struct priority *saved)
{
	struct sched_param other = {0};
	int policy;

	memset(saved, 0, sizeof(*saved));
	if (syscall(SYS_sched_getattr, 0, saved, sizeof(*saved), 0) < 0)
		return -errno;
	if (saved->policy != SCHED_FIFO && saved->policy != SCHED_RR &&
	    saved->policy != SCHED_DEADLINE)
		return 0;
	if (!can_restore(saved))
		return has_other_cpus() && saved->policy != SCHED_DEADLINE ? 0 : -EPERM;
	/* Who has the flag cannot always take it off: it is kept. */
	policy = SCHED_OTHER | (saved->flags & 1 ? SCHED_RESET_ON_FORK : 0);
	return sched_setscheduler(0, policy, &other) < 0 ? -errno : 1;
}

int priority_restore(const struct priority *saved, pid_t tid)
{
	return syscall(SYS_sched_setattr, tid, saved, 0) < 0 ? -errno : 0;
}
