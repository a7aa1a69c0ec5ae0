/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * closer.c - closing what a stranger gave, outside of the main thread.
 *
 * Theory of operation: close(2) of a descriptor of unknown kind can block for as long as its
 * maker wants: FUSE waits for its daemon to flush, a TCP socket with SO_LINGER waits for its
 * peer. The same holds for a Unix socket with descriptors in its queue. So each such set of
 * descriptors is a job, on the account of the uid that it came from. Each account has a few
 * threads, made when there is a job and ended when there is none: one that hangs holds up no other
 * user's. A thread interrupts itself every second, which ends many a wait (SO_LINGER's), though not
 * all (FUSE's). Jobs that are not done count against the uid (closer_count_uid()), and whoever has
 * too many gets no further connection.
 */
#include "daemon/closer.h"

#include <linux/sockios.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>

#include "proto/base.h"
#include "proto/message.h"

#define CLOSER_STACK   (64 * 1024)
#define CLOSER_THREADS 16 /* of one uid */
#define CLOSER_SIGNAL  (SIGRTMIN + 5)
#define CLOSER_WAIT_S  1 /* for one close */

struct job {
	STAILQ_ENTRY(job) entry;
	size_t n;
	int fds[];
};

/* Of one uid, for as long as it has jobs. */
struct account {
	LIST_ENTRY(account) entry;
	uid_t uid;
	size_t n; /* jobs that wait or run */
	unsigned threads;
	STAILQ_HEAD(, job) waiting;
};

/* Lives until the last thread has ended. */
struct closer {
	pthread_mutex_t lock;
	size_t n;
	unsigned refs;
	LIST_HEAD(, account) accounts;
};

/* What a thread begins with. */
struct duty {
	struct closer *closer;
	struct account *account;
};

/* Unlocks. */
static void closer_unref(struct closer *c)
{
	bool last = --c->refs == 0;

	pthread_mutex_unlock(&c->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct account *account_find(struct closer *c, uid_t uid)
{
	struct account *a;

	LIST_FOREACH (a, &c->accounts, entry) {
		if (a->uid == uid)
			return a;
	}
	return NULL;
}

static struct account *account_get(struct closer *c, uid_t uid)
{
	struct account *a = account_find(c, uid);

	if (a)
		return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->uid = uid;
	STAILQ_INIT(&a->waiting);
	LIST_INSERT_HEAD(&c->accounts, a, entry);
	return a;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close_fd(fds[i]);
}

static void interrupt_cb(int signo)
{
	(void)signo; /* it interrupts, that is all */
}

/* Of the calling thread, for as long as it lives. Without one it may wait for longer. */
static bool interrupt_often(timer_t *ret)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = CLOSER_SIGNAL,
		._sigev_un._tid = gettid(),
	};
	struct itimerspec t = {
		.it_interval = {.tv_sec = CLOSER_WAIT_S},
		.it_value = {.tv_sec = CLOSER_WAIT_S},
	};

	return timer_create(CLOCK_MONOTONIC, &ev, ret) == 0 &&
	       timer_settime(*ret, 0, &t, NULL) == 0;
}

/* With the lock held, which is let go meanwhile. */
static void run_job(struct closer *c, struct account *a, struct job *j)
{
	STAILQ_REMOVE_HEAD(&a->waiting, entry);
	pthread_mutex_unlock(&c->lock);
	close_all(j->fds, j->n);
	free(j);
	pthread_mutex_lock(&c->lock);
	a->n--;
	c->n--;
}

static void *closer_main(void *data)
{
	struct duty duty = *(struct duty *)data;
	struct closer *c = duty.closer;
	struct account *a = duty.account;
	timer_t timer;
	bool timed = interrupt_often(&timer);
	struct job *j;

	free(data);
	pthread_mutex_lock(&c->lock);
	while ((j = STAILQ_FIRST(&a->waiting)))
		run_job(c, a, j);
	if (--a->threads == 0) {
		LIST_REMOVE(a, entry);
		free(a);
	}
	closer_unref(c);
	if (timed)
		(void)timer_delete(timer);
	return NULL;
}

/* No thread to be had: another job of the account may bring one. */
static void add_thread(struct closer *c, struct account *a)
{
	struct duty *duty = malloc(sizeof(*duty));
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;

	if (!duty || pthread_attr_init(&attr) != 0) {
		free(duty);
		return;
	}
	*duty = (struct duty){c, a};
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, CLOSER_STACK);
	(void)sigfillset(&all);
	(void)sigdelset(&all, CLOSER_SIGNAL);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, &attr, closer_main, duty) == 0) {
		a->threads++;
		c->refs++;
	} else {
		free(duty);
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
}

struct closer *closer_new(void)
{
	struct sigaction sa = {.sa_handler = interrupt_cb}; /* no SA_RESTART */
	struct closer *c = calloc(1, sizeof(*c));

	if (!c || sigaction(CLOSER_SIGNAL, &sa, NULL) < 0) {
		free(c);
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->refs = 1;
	LIST_INIT(&c->accounts);
	return c;
}

/* An account without a thread is nobody's any more. */
static void free_idle_accounts(struct closer *c)
{
	struct account *a, *next;
	struct job *j;

	for (a = LIST_FIRST(&c->accounts); a; a = next) {
		next = LIST_NEXT(a, entry);
		if (a->threads > 0)
			continue;
		while ((j = STAILQ_FIRST(&a->waiting))) {
			STAILQ_REMOVE_HEAD(&a->waiting, entry);
			free(j);
		}
		LIST_REMOVE(a, entry);
		free(a);
	}
}

struct closer *closer_free(struct closer *c)
{
	if (!c)
		return NULL;
	pthread_mutex_lock(&c->lock);
	free_idle_accounts(c);
	closer_unref(c);
	return NULL;
}

void closer_add(struct closer *c, uid_t uid, const int *fds, size_t n)
{
	struct account *a;
	struct job *j;

	if (n == 0)
		return;
	j = calloc(1, sizeof(*j) + n * sizeof(*fds));
	pthread_mutex_lock(&c->lock);
	a = j ? account_get(c, uid) : NULL;
	if (a) {
		j->n = n;
		memcpy(j->fds, fds, n * sizeof(*fds));
		STAILQ_INSERT_TAIL(&a->waiting, j, entry);
		a->n++;
		c->n++;
		if (a->threads < CLOSER_THREADS)
			add_thread(c, a);
	}
	pthread_mutex_unlock(&c->lock);
	if (!a) {
		free(j);
		close_all(fds, n);
	}
}

void closer_prepare_connection(int fd)
{
	int on = 1;

	/* What was sent out of band (Linux 5.15) the kernel drops in a recvmsg(2) that does not ask
	 * for it, and with it descriptors. In line it comes as all else. */
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

void closer_add_connection(struct closer *c, uid_t uid, int fd, const int *fds, size_t n)
{
	int all[MESSAGE_FDS_ROOM + 1], queued = -1;

	/* A socket whose queue is empty, and into which nothing more can be put. */
	(void)shutdown(fd, SHUT_RDWR);
	if (n == 0 && ioctl(fd, SIOCINQ, &queued) == 0 && queued == 0) {
		close_fd(fd);
		return;
	}
	if (n > 0)
		memcpy(all, fds, n * sizeof(*fds));
	all[n] = fd;
	closer_add(c, uid, all, n + 1);
}

size_t closer_count(struct closer *c)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = c->n;
	pthread_mutex_unlock(&c->lock);
	return n;
}

size_t closer_count_uid(struct closer *c, uid_t uid)
{
	const struct account *a;
	size_t n;

	pthread_mutex_lock(&c->lock);
	a = account_find(c, uid);
	n = a ? a->n : 0;
	pthread_mutex_unlock(&c->lock);
	return n;
}
