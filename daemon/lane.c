/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lane.c - threads for what may block.
 *
 * Theory of operation. One lock, one queue of what waits and one of what runs. A thread takes the
 * first job whose owner has not got its share of threads yet, so that a client whose calls all
 * hang holds up only itself. Threads are made when a job finds none idle, and end when they have
 * had nothing to do for a while. A thread that hangs where no signal reaches it (a dead FUSE or
 * NFS server) stays in its owner's account until the kernel lets it go.
 */
#include "daemon/lane.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "proto/base.h"

#define CANCEL_SIGNAL (SIGRTMIN + 6)
#define IDLE_S	      10
#define END_TRIES     100 /* of 10 ms */
#define THREAD_STACK  (256 * 1024)

TAILQ_HEAD(job_list, lane_job);

struct lane {
	struct lane_options o;
	pthread_mutex_t lock;
	pthread_cond_t work; /* there is a job, or the end */
	struct job_list queue, running;
	unsigned threads, idle, waiting; /* waiting: of queue */
	bool end;
};

static unsigned count_owner(const struct job_list *list, uint64_t owner)
{
	const struct lane_job *job;
	unsigned n = 0;

	TAILQ_FOREACH (job, list, entry)
		n += job->owner == owner;
	return n;
}

static void unqueue(struct lane *l, struct lane_job *job)
{
	TAILQ_REMOVE(&l->queue, job, entry);
	l->waiting--;
}

static struct lane_job *next_job(struct lane *l)
{
	struct lane_job *job;

	TAILQ_FOREACH (job, &l->queue, entry) {
		if (count_owner(&l->running, job->owner) < l->o.per_owner)
			return job;
	}
	return NULL;
}

/* With the lock held, which is let go meanwhile. */
static void run_job(struct lane *l, struct lane_job *job)
{
	unqueue(l, job);
	TAILQ_INSERT_TAIL(&l->running, job, entry);
	job->tid = (pid_t)syscall(SYS_gettid);
	pthread_mutex_unlock(&l->lock);
	job->run(job);
	pthread_mutex_lock(&l->lock);
	TAILQ_REMOVE(&l->running, job, entry);
	job->tid = 0;
	pthread_mutex_unlock(&l->lock);
	job->done(job);
	pthread_mutex_lock(&l->lock);
}

/* False after some seconds in which there was nothing to do. */
static bool wait_for_work(struct lane *l)
{
	struct timespec until;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	l->idle++;
	r = pthread_cond_timedwait(&l->work, &l->lock, &until);
	l->idle--;
	return r == 0 || next_job(l); /* one that came with the last tick is not left alone */
}

static void *lane_main(void *data)
{
	struct lane *l = data;
	void (*done)(void) = l->o.thread_done;
	struct lane_job *job;
	bool busy = true;

	if (l->o.thread_init)
		l->o.thread_init();
	pthread_mutex_lock(&l->lock);
	while (!l->end && busy) {
		job = next_job(l);
		if (job)
			run_job(l, job);
		else
			busy = wait_for_work(l);
	}
	l->threads--;
	pthread_mutex_unlock(&l->lock); /* the lane may be gone from here on */
	if (done)
		done();
	return NULL;
}

/* The thread has all signals blocked but the one that cancels. */
static int add_thread(struct lane *l)
{
	pthread_attr_t attr;
	sigset_t mask, old;
	pthread_t thread;
	int r = pthread_attr_init(&attr);

	if (r != 0)
		return -r;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK);
	(void)sigfillset(&mask);
	(void)sigdelset(&mask, CANCEL_SIGNAL);
	(void)pthread_sigmask(SIG_SETMASK, &mask, &old);
	r = pthread_create(&thread, &attr, lane_main, l);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	if (r == 0)
		l->threads++;
	return -r;
}

static void cancelled_cb(int signo)
{
	(void)signo; /* it is here for the EINTR */
}

int lane_new(const struct lane_options *o, struct lane **ret)
{
	struct sigaction act = {.sa_handler = cancelled_cb};
	struct lane *l = calloc(1, sizeof(*l));
	pthread_condattr_t attr;

	if (!l)
		return -ENOMEM;
	if (sigaction(CANCEL_SIGNAL, &act, NULL) < 0 || pthread_condattr_init(&attr) != 0) {
		free(l);
		return -errno;
	}
	l->o = *o;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->work, &attr);
	(void)pthread_condattr_destroy(&attr);
	TAILQ_INIT(&l->queue);
	TAILQ_INIT(&l->running);
	*ret = l;
	return 0;
}

static void interrupt_running(struct lane *l)
{
	struct lane_job *job;

	TAILQ_FOREACH (job, &l->running, entry) {
		atomic_store(&job->cancelled, true);
		(void)syscall(SYS_tgkill, getpid(), job->tid, CANCEL_SIGNAL);
	}
}

/* With the lock held: what waits will not run. */
static void end_queue(struct lane *l)
{
	struct lane_job *job;

	while ((job = TAILQ_FIRST(&l->queue))) {
		unqueue(l, job);
		atomic_store(&job->cancelled, true);
		pthread_mutex_unlock(&l->lock);
		job->done(job);
		pthread_mutex_lock(&l->lock);
	}
}

struct lane *lane_free(struct lane *l)
{
	static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
	unsigned left;

	if (!l)
		return NULL;
	pthread_mutex_lock(&l->lock);
	l->end = true;
	end_queue(l);
	for (int i = 0; i < END_TRIES && l->threads > 0; i++) {
		interrupt_running(l);
		pthread_cond_broadcast(&l->work);
		pthread_mutex_unlock(&l->lock);
		(void)nanosleep(&pause, NULL);
		pthread_mutex_lock(&l->lock);
	}
	left = l->threads;
	pthread_mutex_unlock(&l->lock);
	if (left > 0)
		return NULL;
	pthread_cond_destroy(&l->work);
	pthread_mutex_destroy(&l->lock);
	free(l);
	return NULL;
}

/* Is there a thread too few for what waits? Not for one whose owner has all of its share. */
static bool wants_thread(const struct lane *l, const struct lane_job *job)
{
	return l->waiting > l->idle && l->threads < l->o.threads &&
	       count_owner(&l->running, job->owner) + count_owner(&l->queue, job->owner) <=
		       l->o.per_owner;
}

int lane_submit(struct lane *l, struct lane_job *job)
{
	int r = 0;

	atomic_store(&job->cancelled, false);
	job->tid = 0;
	pthread_mutex_lock(&l->lock);
	TAILQ_INSERT_TAIL(&l->queue, job, entry);
	l->waiting++;
	if (wants_thread(l, job) && add_thread(l) < 0 && l->threads == 0) {
		unqueue(l, job);
		r = -EAGAIN;
	}
	pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
	return r;
}

static bool is_queued(const struct lane *l, const struct lane_job *job)
{
	const struct lane_job *q;

	TAILQ_FOREACH (q, &l->queue, entry) {
		if (q == job)
			return true;
	}
	return false;
}

void lane_cancel(struct lane *l, struct lane_job *job)
{
	bool queued;

	pthread_mutex_lock(&l->lock);
	atomic_store(&job->cancelled, true);
	queued = is_queued(l, job);
	if (queued)
		unqueue(l, job);
	else if (job->tid > 0) /* else its done() is under way */
		(void)syscall(SYS_tgkill, getpid(), job->tid, CANCEL_SIGNAL);
	pthread_mutex_unlock(&l->lock);
	if (queued)
		job->done(job);
}

unsigned lane_count(struct lane *l)
{
	const struct lane_job *job;
	unsigned n;

	pthread_mutex_lock(&l->lock);
	n = l->waiting;
	TAILQ_FOREACH (job, &l->running, entry)
		n++;
	pthread_mutex_unlock(&l->lock);
	return n;
}
