/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker_op.c - operations that a worker does for targets, or has done.
 *
 * Theory of operation. An operation is looked at (which object is meant), decided, and done on that
 * object; if that changed meanwhile, all over. The worker does each step where it can be done at
 * once. What may block goes to the lane as it stands and comes back with its result, and the
 * worker goes on where it was: only the worker decides (limits are counted), records (a ring has
 * one producer) and answers.
 *
 * A filter with WAIT_KILLABLE_RECV keeps signals from the target while it waits for us. So targets
 * of what is away are looked at: where a signal waits that the blocked call would have given way
 * to, the call is given up and answered as the kernel would have, with ERESTARTSYS, which becomes
 * EINTR or the call once more after the signal's handler. The kernel looks at such an answer only
 * where the signal is this thread's for sure; to a thread of a group another one may have to
 * handle it, and an ERESTARTSYS would be seen: those get EINTR, like without SA_RESTART.
 */
#include "daemon/worker_impl.h"

#include <string.h>

#include "daemon/detail.h"
#include "daemon/proc.h"
#include "proto/base.h"
#include "proto/clock.h"

#define LOOKS_MAX     16   /* at an object that changes under our hands */
#define SPARE_MAX     32   /* works that are kept */
#define AWAY_MAX      1024 /* for each client */
#define WATCH_MS      100
#define WATCH_MOST    128 /* looked at each time: 10 us each */
#define RESTART_ERRNO 512 /* the kernel's ERESTARTSYS */

/* The lane of all workers. A client whose opens all wait holds so many threads at most. */
#define LANE_THREADS   256
#define LANE_PER_OWNER 64

struct op_work {
	struct errand errand;	       /* first, and its lane_job first in it */
	TAILQ_ENTRY(op_work) entry;    /* of spare or away */
	TAILQ_ENTRY(op_work) returned; /* of returned or to_settle */
	struct worker *worker;
	struct call call;
	unsigned looks;
	bool signalled;	 /* its group was, at the last look */
	int interrupted; /* the errno, with which a signal ends it */
	bool closing;	 /* answered, only to be ended on the lane */
	char detail[DETAIL_MAX];
};

static void thread_init(void)
{
	(void)rights_thread_init(); /* where it failed, nothing is done for anybody */
}

int worker_lane_new(struct lane **ret)
{
	static const struct lane_options o = {
		.threads = LANE_THREADS,
		.per_owner = LANE_PER_OWNER,
		.thread_init = thread_init,
		.thread_done = rights_thread_done,
	};

	return lane_new(&o, ret);
}

/* ---- memory --------------------------------------------------------------- */

static struct op_work *take_work(struct worker *w)
{
	struct op_work *work = TAILQ_FIRST(&w->ops.spare);

	if (work)
		TAILQ_REMOVE(&w->ops.spare, work, entry);
	else
		work = malloc(sizeof(*work));
	return work;
}

static void give_work(struct worker *w, struct op_work *work)
{
	unsigned n = 0;
	struct op_work *spare;

	TAILQ_FOREACH (spare, &w->ops.spare, entry)
		n++;
	if (n < SPARE_MAX)
		TAILQ_INSERT_HEAD(&w->ops.spare, work, entry);
	else
		free(work);
}

/* ---- to the lane and back ------------------------------------------------------ */

/* A thread of the lane, or of the worker. */
static void returned_cb(struct lane_job *job)
{
	struct op_work *work = (struct op_work *)job;
	struct worker *w = work->worker;

	pthread_mutex_lock(&w->ops.lock);
	TAILQ_INSERT_TAIL(&w->ops.returned, work, returned);
	pthread_mutex_unlock(&w->ops.lock);
	worker_wake(w);
}

static bool send_away(struct worker *w, struct op_work *work, void (*run)(struct lane_job *job))
{
	struct lane_job *job = &work->errand.lane;
	struct client *c = work->call.client;

	if (c->away >= AWAY_MAX)
		return false;
	job->run = run;
	job->done = returned_cb;
	job->owner = c->id;
	work->worker = w;
	TAILQ_INSERT_TAIL(&w->ops.away, work, entry);
	c->away++;
	if (lane_submit(w->o.lane, job) == 0)
		return true;
	TAILQ_REMOVE(&w->ops.away, work, entry);
	c->away--;
	return false;
}

/* ---- the way of an operation ------------------------------------------------------ */

/* The descriptor of ours, and all that led to it. */
static void end_cb(struct lane_job *job)
{
	struct op_work *work = (struct op_work *)job;

	if (work->call.done)
		close_fd(work->call.result);
	errand_end(&work->errand);
}

static void end(struct worker *w, struct op_work *work)
{
	/* What took its time to open may take some to close. */
	work->closing = work->errand.emulate.may_block;
	if (work->closing && send_away(w, work, end_cb))
		return;
	end_cb(&work->errand.lane);
	give_work(w, work);
}

static void finish(struct worker *w, struct op_work *work)
{
	struct call *call = &work->call;
	const struct op_facts *f = &call->facts.op;

	if (call->verdict.record) {
		detail_open(work->detail, f->op != OPERATION_NONE ? f->name : "",
			    errand_given(&work->errand), f->access);
		call->detail = work->detail;
	}
	if (call->done && call->result == -EINTR && work->interrupted)
		call->result = -work->interrupted;
	call->fd_flags = errand_fd_flags(&work->errand);
	worker_finish(w, call);
	end(w, work);
}

static void gone(struct worker *w, struct op_work *work)
{
	worker_gone(work->call.client);
	end(w, work);
}

/* The step gave an errno that is no permission to go on: the answer of the kernel, or a failure. */
static void answer_errno(struct call *call, int r)
{
	const struct view *v = call->client->view;

	call->done = r != -ENOTRECOVERABLE && r != -ESTALE;
	call->result = r;
	if (!call->done)
		decide_failure(v, &call->verdict);
	else if (call->facts.op.op == OPERATION_NONE)
		decide_error(v, -r, &call->verdict);
	else if (call->verdict.kind == VERDICT_ALLOW)
		call->verdict.err = -r;
}

/* Decides about what was found. Is it to be done? */
static bool decide_found(struct op_work *work)
{
	struct call *call = &work->call;
	struct verdict *v = &call->verdict;

	errand_facts(&work->errand, &call->facts.op);
	decide(call->client->view, &call->facts, call->client->buckets, v);
	if (v->kind != VERDICT_ALLOW && v->mode != MODE_PERMISSIVE)
		return false;
	/* A limit that holds by now, for one: the kernel may go on by itself. */
	if (v->basis == BASIS_REGISTERS)
		return false;
	if (!errand_by_kernel(&work->errand))
		return true;
	v->basis = BASIS_UNPROVEN;
	return false;
}

/* Takes the result of a step. True: there is another one to be done. */
static bool next_step(struct op_work *work)
{
	struct errand *e = &work->errand;
	struct call *call = &work->call;
	int r = e->result;

	if (e->step == ERRAND_LOOK && r == 0) {
		e->step = ERRAND_DO;
		return decide_found(work);
	}
	if (e->step == ERRAND_LOOK)
		call->facts.op = (struct op_facts){0};
	if (e->step == ERRAND_DO && r == -ESTALE && ++work->looks < LOOKS_MAX) {
		e->step = ERRAND_LOOK;
		return true;
	}
	if (r < 0) {
		answer_errno(call, r);
	} else {
		call->done = true;
		call->result = r;
	}
	return false;
}

/* From the result of a step on. */
static void go_on(struct worker *w, struct op_work *work)
{
	const struct call *call = &work->call;
	struct errand *e = &work->errand;

	for (;;) {
		/* There are files as well that say so when they are opened. */
		if (e->result == -ESRCH && !notif_valid(call->client->listener, call->id)) {
			gone(w, work);
			return;
		}
		if (e->result == -EAGAIN && !e->emulate.may_block) {
			if (send_away(w, work, errand_run))
				return;
			e->result = -ENOTRECOVERABLE;
		}
		if (!next_step(work))
			break;
		(void)errand_step(e, false);
	}
	finish(w, work);
}

void worker_op_serve(struct worker *w, struct call *call)
{
	const struct client *c = call->client;
	const struct facts *f = &call->facts;
	int a = arch_from_audit(f->arch, f->nr), r;
	const struct operation_call *op =
		a < 0 ? NULL : view_operation(c->view, (enum arch)a, f->nr);
	struct op_work *work = op ? take_work(w) : NULL;

	if (!work) {
		decide_failure(c->view, &call->verdict);
		worker_finish(w, call);
		return;
	}
	work->call = *call;
	work->looks = 0;
	work->interrupted = 0;
	work->closing = work->signalled = false;
	r = errand_begin(w->ops.errands, &work->errand, c->listener, call->id, call->tid,
			 (enum arch)a, op, f->args, c->root_fd);
	if (r == 0)
		(void)errand_step(&work->errand, false);
	else
		work->errand.result = r;
	go_on(w, work);
}

/* ---- what came back -------------------------------------------------------------- */

static void came_back(struct worker *w, struct op_work *work)
{
	struct errand *e = &work->errand;
	struct call *call = &work->call;

	if (work->closing) {
		give_work(w, work);
		return;
	}
	/* Time has passed. */
	call->facts.now_ns = now_ns();
	if (worker_look(w, call)) {
		go_on(w, work);
		return;
	}
	call->done = e->step == ERRAND_DO && e->result >= 0;
	call->result = e->result;
	gone(w, work);
}

static void take_returned(struct worker *w)
{
	pthread_mutex_lock(&w->ops.lock);
	TAILQ_CONCAT(&w->ops.to_settle, &w->ops.returned, returned);
	pthread_mutex_unlock(&w->ops.lock);
}

static void settle(struct worker *w, struct op_work *work,
		   void (*how)(struct worker *w, struct op_work *work))
{
	struct client *c = work->call.client;

	TAILQ_REMOVE(&w->ops.to_settle, work, returned);
	TAILQ_REMOVE(&w->ops.away, work, entry);
	c->away--;
	how(w, work);
	if (c->retired && c->away == 0)
		w->o.ended(c, w->o.data);
}

void worker_ops_settle(struct worker *w)
{
	struct op_work *work;

	if (TAILQ_EMPTY(&w->ops.away))
		return;
	take_returned(w);
	while ((work = TAILQ_FIRST(&w->ops.to_settle)) && ring_has_room(w->o.ring))
		settle(w, work, came_back);
}

/* ---- looking after them ------------------------------------------------------------- */

int worker_ops_timeout(const struct worker *w)
{
	if (!TAILQ_EMPTY(&w->ops.to_settle))
		return 0;
	return TAILQ_EMPTY(&w->ops.away) ? -1 : WATCH_MS;
}

static bool must_end(struct op_work *work)
{
	const struct call *call = &work->call;

	if (work->closing)
		return false;
	if (work->interrupted || call->client->retired ||
	    !notif_valid(call->client->listener, call->id))
		return true;
	switch (target_signal(&work->errand.target)) {
	case TARGET_SIGNAL_OWN:
		work->interrupted = RESTART_ERRNO;
		break;
	case TARGET_SIGNAL_GROUP:
		/* Not at first sight: another thread may be about to take it. */
		work->interrupted = work->signalled ? EINTR : 0;
		work->signalled = true;
		break;
	case TARGET_SIGNAL_NONE:
		work->signalled = false;
		break;
	}
	return work->interrupted;
}

void worker_ops_watch(struct worker *w)
{
	struct op_work *work, *last = TAILQ_LAST(&w->ops.away, op_list);
	uint64_t now;

	if (!last)
		return;
	now = now_ns();
	if (now - w->ops.watched_ns < WATCH_MS * UINT64_C(1000000))
		return;
	w->ops.watched_ns = now;
	/* In turns. What is cancelled stays in the list until it is settled. */
	for (int i = 0; i < WATCH_MOST; i++) {
		work = TAILQ_FIRST(&w->ops.away);
		TAILQ_REMOVE(&w->ops.away, work, entry);
		TAILQ_INSERT_TAIL(&w->ops.away, work, entry);
		if (must_end(work))
			lane_cancel(w->o.lane, &work->errand.lane);
		if (work == last)
			break;
	}
}

void worker_ops_cancel(struct worker *w, const struct client *c)
{
	struct op_work *work;

	TAILQ_FOREACH (work, &w->ops.away, entry)
		if (work->call.client == c && !work->closing)
			lane_cancel(w->o.lane, &work->errand.lane);
}

/* ---- begin and end ------------------------------------------------------------------- */

int worker_ops_init(struct worker *w)
{
	struct worker_ops *ops = &w->ops;

	TAILQ_INIT(&ops->spare);
	TAILQ_INIT(&ops->away);
	TAILQ_INIT(&ops->returned);
	TAILQ_INIT(&ops->to_settle);
	pthread_mutex_init(&ops->lock, NULL);
	ops->errands = errands_new();
	return ops->errands ? 0 : -ENOMEM;
}

/* Not answered: it stays with the kernel. */
static void drop(struct worker *w, struct op_work *work)
{
	if (!work->closing) {
		work->call.done = work->errand.step == ERRAND_DO;
		work->call.result = work->errand.result;
		end_cb(&work->errand.lane);
	}
	give_work(w, work);
}

void worker_ops_drop(struct worker *w)
{
	struct op_work *work;

	take_returned(w);
	while ((work = TAILQ_FIRST(&w->ops.to_settle)))
		settle(w, work, drop);
}

bool worker_ops_done(struct worker *w)
{
	struct op_work *work;

	if (!TAILQ_EMPTY(&w->ops.away))
		return false;
	while ((work = TAILQ_FIRST(&w->ops.spare))) {
		TAILQ_REMOVE(&w->ops.spare, work, entry);
		free(work);
	}
	errands_free(w->ops.errands);
	pthread_mutex_destroy(&w->ops.lock);
	return true;
}
