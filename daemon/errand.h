/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * errand.h - an operation that is done for its target: from the notification to what is to be
 * answered, in steps that a worker does at once or gives to the slow lane.
 */
#ifndef SECCOMPD_DAEMON_ERRAND_H
#define SECCOMPD_DAEMON_ERRAND_H

#include "daemon/decide.h"
#include "daemon/emulate.h"
#include "daemon/lane.h"

/* What a worker's errands share: the mounts of their targets. */
struct errands;
struct errands *errands_new(void);
struct errands *errands_free(struct errands *es); /* always NULL; NULL is fine */

enum errand_step { ERRAND_LOOK, ERRAND_DO };

/*
 * Results of the steps are emulate.h's. A step is done by one thread at a time. In a thread of the
 * lane `lane.run` is errand_run().
 */
struct errand {
	struct lane_job lane; /* first */
	struct target target;
	struct rights rights;
	struct mounts *mounts;
	struct emulate emulate;
	struct emulate_open open;
	enum errand_step step; /* what is, or was, to be done */
	int result;	       /* of the step */
	bool begun;
};

/* The first step's preparation: reads what the call says. 0 or -errno, for errand_end() in any
 * case. CLIENT_ROOT: names are below it; borrowed, as is LISTENER. */
int errand_begin(struct errands *es, struct errand *e, int listener, uint64_t id, pid_t tid,
		 enum arch arch, const struct operation_call *op, const uint64_t args[6],
		 int client_root);
/* Does e->step, and leaves its result there too. -EAGAIN only where it must not block. */
int errand_step(struct errand *e, bool may_block);
/* errand_step() where it may block; -EINTR where the job was cancelled. */
void errand_run(struct lane_job *job);
/* What a rule can be asked about, once ERRAND_LOOK gave 0. Points into E. */
void errand_facts(const struct errand *e, struct op_facts *ret);
/* The path as the target gave it, where it was read. */
const char *errand_given(const struct errand *e);
/* Once it is allowed, does the kernel do it? */
bool errand_by_kernel(const struct errand *e);
/* O_CLOEXEC or 0, of the descriptor that the target gets. */
int errand_fd_flags(const struct errand *e);
void errand_end(struct errand *e);

#endif
