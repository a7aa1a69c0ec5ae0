/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * closer.c - closing what a stranger gave, outside of the main thread.
 *
 * Theory of operation: close(2) of a descriptor of unknown kind can block for as long as its
 * maker wants: FUSE waits for its daemon to flush, a TCP socket with SO_LINGER waits for its
 * peer. The same holds for a Unix socket with descriptors in its queue. So each such set of
 * descriptors is a job, and each job a thread of its own: one that hangs holds up no other. A
 * job that is not done counts against the uid it came from (closer_count_uid()), and whoever
 * has too many gets no further connection: that bounds threads and descriptors. The main thread
 * looks at the flags when it counts; nothing has to wake it up.
 */
#include "daemon/closer.h"

#include <linux/sockios.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "proto/base.h"
#include "proto/message.h"

#define CLOSER_STACK (64 * 1024)

struct job {
	LIST_ENTRY(job) entry;
	uid_t uid;
	bool running;	  /* has a thread */
	_Atomic int refs; /* of the list and of the thread */
	size_t n;
	int fds[];
};

struct closer {
	LIST_HEAD(, job) jobs;
};

static void job_unref(struct job *j)
{
	if (atomic_fetch_sub(&j->refs, 1) == 1)
		free(j);
}

static void *job_thread(void *data)
{
	struct job *j = data;

	for (size_t i = 0; i < j->n; i++)
		close_fd(j->fds[i]);
	job_unref(j);
	return NULL;
}

/* No thread to be had: the job waits for the next try. */
static void job_start(struct job *j)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;

	if (pthread_attr_init(&attr) != 0)
		return;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, CLOSER_STACK);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	atomic_fetch_add(&j->refs, 1);
	if (pthread_create(&thread, &attr, job_thread, j) == 0)
		j->running = true;
	else
		atomic_fetch_sub(&j->refs, 1);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
}

static void closer_reap(struct closer *c)
{
	struct job *j, *next;

	for (j = LIST_FIRST(&c->jobs); j; j = next) {
		next = LIST_NEXT(j, entry);
		if (!j->running) {
			job_start(j);
		} else if (atomic_load(&j->refs) == 1) {
			LIST_REMOVE(j, entry);
			job_unref(j);
		}
	}
}

struct closer *closer_new(void)
{
	struct closer *c = calloc(1, sizeof(*c));

	if (c)
		LIST_INIT(&c->jobs);
	return c;
}

struct closer *closer_free(struct closer *c)
{
	struct job *j;

	if (!c)
		return NULL;
	closer_reap(c);
	while ((j = LIST_FIRST(&c->jobs))) {
		LIST_REMOVE(j, entry);
		job_unref(j);
	}
	free(c);
	return NULL;
}

void closer_add(struct closer *c, uid_t uid, const int *fds, size_t n)
{
	struct job *j;

	if (n == 0)
		return;
	j = calloc(1, sizeof(*j) + n * sizeof(*fds));
	if (!j) {
		for (size_t i = 0; i < n; i++)
			close_fd(fds[i]);
		return;
	}
	j->uid = uid;
	atomic_init(&j->refs, 1);
	j->n = n;
	memcpy(j->fds, fds, n * sizeof(*fds));
	LIST_INSERT_HEAD(&c->jobs, j, entry);
	job_start(j);
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
	struct job *j;
	size_t n = 0;

	closer_reap(c);
	LIST_FOREACH (j, &c->jobs, entry)
		n++;
	return n;
}

size_t closer_count_uid(struct closer *c, uid_t uid)
{
	struct job *j;
	size_t n = 0;

	closer_reap(c);
	LIST_FOREACH (j, &c->jobs, entry)
		n += j->uid == uid;
	return n;
}
