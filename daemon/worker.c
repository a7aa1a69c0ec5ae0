/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.c - a thread that owns listeners: receive -> facts -> decide -> answer -> record.
 *
 * Theory of operation. The loop is one poll(2) over all listeners, then the
 * connector of the process cache, then an eventfd for commands. poll(2) and not
 * epoll: with SYNC_WAKE_UP the kernel hands the CPU from target to worker and
 * back only where the waker's hint reaches the sleeper, and epoll loses it
 * (twice the time in real programs). A ready listener is served one
 * notification a pass, so that a flood of one client delays another by one call.
 * The connector tells of every process of the machine. A busy worker looks at it in the poll(2)
 * that it does anyway; an idle one does not let it wake it up, and drains it when work comes.
 * A notification has one way (worker_serve) and one end (worker_finish). The
 * worker receives only while its ring has room for the record: a full ring
 * holds calls back in the kernel, it loses nothing and allows nothing.
 */
#include "daemon/worker_impl.h"

#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "daemon/journal.h"
#include "daemon/proc.h"
#include "proto/base.h"
#include "proto/clock.h"

#define RING_FULL_RETRY_MS 5
#define FULL_TOLD_EVERY_NS 10000000000u
#define UNBLOCK_SIGNAL	   (SIGRTMIN + 7)

/* ---- facts ------------------------------------------------------------- */

/* The caller's process. False: the notification is not valid any more. */
static bool read_proc(struct worker *w, struct call *call, bool fresh)
{
	bool was_read;

	call->facts.proc = proc_read(w->procs, call->tid, fresh, &was_read);
	if (!was_read || notif_valid(call->client->listener, call->id))
		return true;
	/* The thread is gone and its number may be another's by now. */
	proc_forget(w->procs, call->tid);
	call->facts.proc = NULL;
	return false;
}

/* What came with the notification, which the next one overwrites. */
static void take_call(const struct seccomp_notif *req, struct call *call)
{
	struct facts *f = &call->facts;

	call->detail = "";
	call->start_ns = f->now_ns = now_ns();
	call->id = req->id;
	call->tid = (pid_t)req->pid;
	f->arch = req->data.arch;
	f->nr = req->data.nr;
	for (int i = 0; i < 6; i++)
		f->args[i] = req->data.args[i];
}

bool worker_look(struct worker *w, struct call *call)
{
	const struct facts *f = &call->facts;
	int a = arch_from_audit(f->arch, f->nr);

	return read_proc(w, call,
			 a >= 0 && view_needs_proc(call->client->view, (enum arch)a, f->nr));
}

/* ---- record ------------------------------------------------------------ */

static void fill_decision(const struct call *call, struct decision *d)
{
	const struct client *c = call->client;
	const struct profile *p = c->view->profile;
	const struct proc_facts *proc = call->facts.proc;
	const struct verdict *v = &call->verdict;

	*d = (struct decision){
		.client = c->id,
		.unit = c->identity.unit ? c->identity.unit : "",
		.profile = p->name,
		.pid = proc ? proc->tgid : 0,
		.tid = call->tid,
		.uid = proc ? proc->uid : c->identity.uid,
		.gid = proc ? proc->gid : c->identity.gid,
		.comm = proc ? proc->comm : "",
		.exe = proc ? proc->exe : "",
		.arch = call->facts.arch,
		.syscall = "",
		.nr = call->facts.nr,
		.detail = call->detail,
		.rule = v->rule >= 0 ? p->rules[v->rule].name : "",
		.verdict = v->kind,
		.err = v->err,
		.value = v->kind == VERDICT_RETURN ? v->value : 0,
		.basis = v->basis,
		.by = v->by,
		.operator_user = "",
		.mode = v->mode,
		.count = 1,
	};
	memcpy(d->args, call->facts.args, sizeof(d->args));
}

static void record_outcome(const struct call *call, struct ring_entry *e)
{
	e->latency_us = (uint32_t)((now_ns() - call->start_ns) / 1000);
	if (call->answered == -ENOENT) {
		e->verdict = VERDICT_GONE;
		e->err = 0;
	} else if (call->answered < 0) {
		e->verdict = VERDICT_ERROR;
		e->err = -call->answered;
	}
}

static void count(struct client *c, enum record_verdict v, enum record_by by)
{
	/* One writer: a plain load and store, no locked instruction. */
	_Atomic uint64_t *n = &c->counters.verdicts[v];

	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	if (by == BY_FAILURE) {
		n = &c->counters.failures;
		atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
				      memory_order_relaxed);
	}
}

/*
 * Lays the record out in the ring, where one is due, and announces it: not yet seen by the log
 * thread, but left to our successor should we be killed before it is committed. So before each
 * answer, also before the denial that follows on an answer that was not taken.
 */
static void announce(struct worker *w, struct call *call)
{
	struct decision d;

	call->entry = NULL;
	if (!call->verdict.record)
		return;
	fill_decision(call, &d);
	d.time_us = d.last_us = call->time_us;
	call->entry = ring_reserve(w->o.ring, ring_entry_size(&d));
	if (!call->entry) {
		/* Cannot be: there was room for the greatest entry. */
		decide_failure(call->client->view, &call->verdict);
		return;
	}
	ring_entry_fill(call->entry, &d, call->verdict.log);
	ring_announce(w->o.ring);
}

/* ---- answer ------------------------------------------------------------ */

/* SIGKILL for the target's thread group. The id is checked last: a thread that is still waiting
 * then was there all the time, and so was the group that the pidfd names. */
static int kill_target(struct worker *w, struct call *call)
{
	_cleanup_close_ int fd = -1;

	/* Read anew: whoever is killed must be the caller's group, not one that it was. */
	if (!read_proc(w, call, true))
		return -ENOENT;
	if (!call->facts.proc)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, call->facts.proc->tgid, 0);
	if (fd < 0)
		return -errno;
	if (!notif_valid(call->client->listener, call->id))
		return -ENOENT;
	return syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}

static int answer_kill(struct worker *w, struct call *call)
{
	int r = kill_target(w, call);

	if (r == -ENOENT)
		return r;
	if (r < 0) {
		/* It cannot be killed from here: it must not go on with the call either. */
		decide_failure(call->client->view, &call->verdict);
		announce(w, call);
		return notif_error(&w->notif, call->client->listener, call->id, call->verdict.err);
	}
	/* Should the signal be slow, the call fails; usually nobody waits any more. */
	(void)notif_error(&w->notif, call->client->listener, call->id, EPERM);
	return 0;
}

/* What the daemon did for the target: an error, or a descriptor, which goes in first. */
static int answer_result(struct worker *w, struct call *call)
{
	const struct client *c = call->client;
	int r = call->result;

	if (r >= 0) {
		r = notif_addfd(c->listener, call->id, r, call->fd_flags, !c->killable);
		if (r >= 0 && !c->killable)
			return 0;
		if (r >= 0)
			return notif_return(&w->notif, c->listener, call->id, r);
		if (r != -EMFILE && r != -ENFILE && r != -ENOMEM)
			return r;
		/* The target may not have it: as open(2) says. */
		if (call->entry && call->verdict.kind == VERDICT_ALLOW)
			call->entry->err = -r;
	}
	return notif_error(&w->notif, c->listener, call->id, -r);
}

static int answer_through(struct worker *w, struct call *call)
{
	if (call->done)
		return answer_result(w, call);
	return notif_continue(&w->notif, call->client->listener, call->id);
}

static int answer_verdict(struct worker *w, struct call *call)
{
	const struct verdict *v = &call->verdict;
	int fd = call->client->listener;

	if (v->mode == MODE_PERMISSIVE)
		return answer_through(w, call);
	switch (v->kind) {
	case VERDICT_ALLOW:
		return answer_through(w, call);
	case VERDICT_RETURN:
		return notif_return(&w->notif, fd, call->id, v->value);
	case VERDICT_KILL:
		return answer_kill(w, call);
	default:
		return notif_error(&w->notif, fd, call->id, v->err);
	}
}

static void answer(struct worker *w, struct call *call)
{
	int r = answer_verdict(w, call);

	if (r < 0 && r != -ENOENT && r != -EINPROGRESS) {
		/* The kernel refused the answer (no CONTINUE before 5.5, a bad value): deny. */
		decide_failure(call->client->view, &call->verdict);
		announce(w, call);
		if (notif_error(&w->notif, call->client->listener, call->id, call->verdict.err) ==
		    0)
			r = 0;
	}
	call->answered = r;
}

/* The record is announced before the answer, completed and committed after it. */
void worker_finish(struct worker *w, struct call *call)
{
	call->time_us = wall_us();
	announce(w, call);
	answer(w, call);
	if (call->entry) {
		record_outcome(call, call->entry);
		ring_commit(w->o.ring);
		log_kick(w->o.log, w->o.ring);
	}
	if (call->answered == -ENOENT)
		count(call->client, VERDICT_GONE, call->verdict.by);
	else
		count(call->client, call->answered < 0 ? VERDICT_ERROR : call->verdict.kind,
		      call->verdict.by);
	atomic_store_explicit(&call->client->counters.last_us, call->time_us, memory_order_relaxed);
}

void worker_gone(struct client *c)
{
	count(c, VERDICT_GONE, BY_RULE);
}

/* ---- the way of a notification ------------------------------------------ */

/*
 * RECV waits where nothing is there, whatever the descriptor's flags, and a client that kept a
 * copy of its listener can take a notification between our poll(2) and our RECV. The count is odd
 * while we are in it, and worker_unblock() interrupts a RECV that it finds twice in a row.
 */
static int receive(struct worker *w, const struct client *c)
{
	unsigned n = atomic_load_explicit(&w->receives, memory_order_relaxed);
	int r;

	atomic_store_explicit(&w->receives, n + 1, memory_order_relaxed);
	r = notif_receive(&w->notif, c->listener);
	atomic_store_explicit(&w->receives, n + 2, memory_order_relaxed);
	if (r == -EINTR && atomic_load(&w->interrupted) == n + 1) {
		journal_event(EVENT_CLIENT_REFUSED, 4, NULL,
			      "Client c%llu: its listener is read by somebody else as well; it is "
			      "supervised no more",
			      (unsigned long long)c->id);
		return -EPROTO;
	}
	return r;
}

/* -EPROTO: the client is to be retired. */
static int worker_serve(struct worker *w, struct client *c)
{
	struct call call = {.client = c};
	int r = receive(w, c);

	if (r < 0)
		return r; /* the target went, or a signal: poll tells what is left */
	take_call(w->notif.req, &call);
	if (!worker_look(w, &call)) {
		worker_gone(c);
		return 0;
	}
	/* Without knowing what an operation is about: where a rule asks for that, the verdict is a
	 * failure, and EMULATED. No limit was counted then, since that would have decided. */
	decide(c->view, &call.facts, c->buckets, &call.verdict);
	if (call.verdict.basis == BASIS_EMULATED)
		worker_op_serve(w, &call);
	else
		worker_finish(w, &call);
	return 0;
}

void worker_wake(struct worker *w)
{
	uint64_t one = 1;

	(void)!write(w->wake, &one, sizeof(one));
}

/* ---- clients ------------------------------------------------------------ */

static bool grow(struct worker *w)
{
	size_t size = w->size ? w->size * 2 : 16;
	struct pollfd *polls = realloc(w->polls, (size + 2) * sizeof(*polls));
	struct client **clients;

	if (!polls)
		return false;
	w->polls = polls;
	clients = realloc(w->clients, size * sizeof(struct client *));
	if (!clients)
		return false;
	w->clients = clients;
	w->size = size;
	return true;
}

static void retire(struct worker *w, size_t i)
{
	struct client *c = w->clients[i];

	w->n--;
	w->clients[i] = w->clients[w->n];
	w->polls[i] = w->polls[w->n];
	atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
	if (c->away == 0 || w->stopped) {
		w->o.ended(c, w->o.data);
		return;
	}
	c->retired = true; /* it ends when the last of them has come back */
	worker_ops_cancel(w, c);
}

static void take_incoming(struct worker *w)
{
	uint64_t drain;

	(void)!read(w->wake, &drain, sizeof(drain));
	pthread_mutex_lock(&w->lock);
	while (w->n_incoming > 0) {
		if (w->n == w->size && !grow(w)) {
			worker_wake(w); /* tried again on the next pass */
			break;
		}
		w->clients[w->n] = w->incoming[--w->n_incoming];
		w->polls[w->n] = (struct pollfd){.fd = w->clients[w->n]->listener,
						 .events = w->held ? 0 : POLLIN};
		notif_set_sync(w->clients[w->n]->listener);
		w->n++;
	}
	pthread_mutex_unlock(&w->lock);
}

/* ---- the loop ------------------------------------------------------------ */

/* Listeners are watched only while there is room to record what they say. */
static void hold(struct worker *w, bool full)
{
	if (full && (w->told_full_ns == 0 || now_ns() - w->told_full_ns > FULL_TOLD_EVERY_NS)) {
		w->told_full_ns = now_ns();
		journal_event(EVENT_OVERLOAD, 4, NULL,
			      "A worker's record ring is full: calls wait until the decision log "
			      "catches up");
	}
	for (size_t i = 0; i < w->n; i++)
		w->polls[i].events = full ? 0 : POLLIN;
	w->held = full;
}

static int wait_for_events(struct worker *w)
{
	bool full = !ring_has_room(w->o.ring);
	int timeout = full ? RING_FULL_RETRY_MS : worker_ops_timeout(w);

	if (full != w->held)
		hold(w, full);
	w->polls[w->n] =
		(struct pollfd){.fd = w->busy ? proc_cache_fd(w->procs) : -1, .events = POLLIN};
	w->polls[w->n + 1] = (struct pollfd){.fd = w->wake, .events = POLLIN};
	return poll(w->polls, w->n + 2, timeout);
}

/* The end of a client is no call. */
static bool has_call(const struct pollfd *p)
{
	return (p->revents & POLLIN) && !(p->revents & (POLLHUP | POLLNVAL));
}

static bool any_calls(const struct worker *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (has_call(&w->polls[i]))
			return true;
	return false;
}

static void serve_ready(struct worker *w)
{
	bool calls = any_calls(w);

	/* What the callers did before they called. */
	if (calls && (!w->busy || w->polls[w->n].revents))
		proc_cache_drain(w->procs);
	w->busy = calls;
	/* Backwards: retire() fills the gap with the last client, which was served already. */
	for (size_t i = w->n; i-- > 0;) {
		/* POLLERR is said where the kernel was interrupted: not the client's end. */
		if (w->polls[i].revents & (POLLHUP | POLLNVAL))
			retire(w, i);
		else if (has_call(&w->polls[i]) && ring_has_room(w->o.ring) &&
			 worker_serve(w, w->clients[i]) == -EPROTO)
			retire(w, i);
	}
}

static void *worker_main(void *data)
{
	struct worker *w = data;
	bool woken;

	(void)rights_thread_init(); /* where it failed, operations are denied */
	while (!atomic_load(&w->stop)) {
		atomic_store_explicit(&w->alive_ns, now_ns(), memory_order_relaxed);
		if (wait_for_events(w) < 0)
			continue; /* EINTR, or ENOMEM: nothing was marked ready */
		woken = w->polls[w->n + 1].revents != 0; /* the array moves when clients go */
		serve_ready(w);
		if (woken)
			take_incoming(w);
		worker_ops_settle(w);
		worker_ops_watch(w);
	}
	rights_thread_done();
	return NULL;
}

/* ---- from outside --------------------------------------------------------- */

int worker_adopt(struct worker *w, struct client *c)
{
	struct client **list;

	pthread_mutex_lock(&w->lock);
	list = realloc(w->incoming, (w->n_incoming + 1) * sizeof(struct client *));
	if (list) {
		w->incoming = list;
		w->incoming[w->n_incoming++] = c;
		atomic_fetch_add_explicit(&w->load, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&w->lock);
	if (!list)
		return -ENOMEM;
	worker_wake(w);
	return 0;
}

size_t worker_load(const struct worker *w)
{
	return atomic_load_explicit(&w->load, memory_order_relaxed);
}

uint64_t worker_alive_ns(const struct worker *w)
{
	return atomic_load_explicit(&w->alive_ns, memory_order_relaxed);
}

void worker_ping(struct worker *w)
{
	worker_wake(w);
}

void worker_unblock(struct worker *w)
{
	unsigned n = atomic_load_explicit(&w->receives, memory_order_relaxed);

	if (n % 2 && n == w->receives_seen) {
		atomic_store(&w->interrupted, n);
		(void)pthread_kill(w->thread, UNBLOCK_SIGNAL);
	}
	w->receives_seen = n;
}

static void unblock_cb(int sig)
{
	(void)sig; /* it interrupts, that is all */
}

static int start_thread(struct worker *w)
{
	struct sigaction sa = {.sa_handler = unblock_cb}; /* no SA_RESTART */
	sigset_t all, old;
	int r;

	(void)sigaction(UNBLOCK_SIGNAL, &sa, NULL);
	sigfillset(&all);
	sigdelset(&all, UNBLOCK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		(void)pthread_setname_np(w->thread, "worker");
	return -r;
}

static void worker_destroy(struct worker *w)
{
	if (!worker_ops_done(w))
		return;
	proc_cache_free(w->procs);
	notif_done(&w->notif);
	close_fd(w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w->incoming);
	free(w->polls);
	free(w->clients);
	free(w);
}

int worker_new(const struct worker_options *o, struct worker **ret)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r = -ENOMEM, ops;

	if (!w)
		return -ENOMEM;
	w->o = *o;
	pthread_mutex_init(&w->lock, NULL);
	ops = worker_ops_init(w);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->procs = proc_cache_new();
	if (w->wake < 0)
		r = -errno;
	else if (ops == 0 && w->procs && grow(w))
		r = notif_init(&w->notif);
	atomic_store(&w->alive_ns, now_ns());
	if (r == 0)
		r = start_thread(w);
	if (r < 0) {
		worker_destroy(w);
		return r;
	}
	*ret = w;
	return 0;
}

void worker_stop(struct worker *w)
{
	if (w->stopped)
		return;
	atomic_store(&w->stop, true);
	worker_wake(w);
	pthread_join(w->thread, NULL);
	w->stopped = true;
}

struct worker *worker_free(struct worker *w)
{
	if (!w)
		return NULL;
	worker_stop(w);
	worker_ops_drop(w);
	while (w->n > 0)
		retire(w, w->n - 1);
	while (w->n_incoming > 0)
		w->o.ended(w->incoming[--w->n_incoming], w->o.data);
	worker_destroy(w);
	return NULL;
}
