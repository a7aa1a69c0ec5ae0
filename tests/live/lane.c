/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lane.c - jobs that block hold up nobody else's, and end when they are cancelled.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/lane.h"
#include "proto/base.h"
#include "tests/tap.h"

#define THREADS	  8
#define PER_OWNER 3
#define ROUNDS	  2000

static char fifo[] = "/tmp/lane.XXXXXX/fifo";

struct job {
	struct lane_job lane;
	_Atomic int result; /* 1: waits; 0: done well; -errno */
	_Atomic bool done;
};

/* Opening a FIFO that nobody writes to. */
static void run_fifo(struct lane_job *lane)
{
	struct job *job = (struct job *)lane;
	int fd;

	do
		fd = open(fifo, O_RDONLY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR && !atomic_load(&lane->cancelled));
	atomic_store(&job->result, fd < 0 ? -errno : 0);
	close_fd(fd);
}

static void run_nothing(struct lane_job *lane)
{
	atomic_store(&((struct job *)lane)->result, 0);
}

static void done(struct lane_job *lane)
{
	atomic_store(&((struct job *)lane)->done, true);
}

static void submit(struct lane *l, struct job *job, uint64_t owner, void (*run)(struct lane_job *))
{
	*job = (struct job){.lane = {.run = run, .done = done, .owner = owner}, .result = 1};
	if (lane_submit(l, &job->lane) < 0)
		atomic_store(&job->done, true);
}

static bool wait_done(struct job *job)
{
	for (int i = 0; i < 5000 && !atomic_load(&job->done); i++)
		(void)poll(NULL, 0, 1);
	return atomic_load(&job->done);
}

static bool cancel(struct lane *l, struct job *job)
{
	for (int i = 0; i < 500 && !atomic_load(&job->done); i++) {
		lane_cancel(l, &job->lane);
		(void)poll(NULL, 0, 10);
	}
	return atomic_load(&job->done);
}

static void test_shares(struct lane *l)
{
	struct job stuck[10], other[2];
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(stuck); i++)
		submit(l, &stuck[i], 1, run_fifo);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		submit(l, &other[i], 2 + i, run_nothing);
	check(wait_done(&other[0]) && wait_done(&other[1]),
	      "an owner whose jobs all hang holds up nobody else");
	for (size_t i = 0; i < ARRAY_SIZE(stuck); i++)
		ok &= !atomic_load(&stuck[i].done);
	check(ok && lane_count(l) == ARRAY_SIZE(stuck), "its own wait");
	for (size_t i = ARRAY_SIZE(stuck); i-- > 0;)
		ok &= cancel(l, &stuck[i]);
	check(ok && atomic_load(&stuck[0].result) == -EINTR, "cancelled, they end with EINTR");
	check(atomic_load(&stuck[9].result) == 1, "one that had not begun does not run");
}

static void test_many(struct lane *l)
{
	struct job *jobs = calloc(ROUNDS, sizeof(*jobs));
	bool ok = jobs;

	for (int i = 0; ok && i < ROUNDS; i++)
		submit(l, &jobs[i], (uint64_t)i % 5, i % 7 ? run_nothing : run_fifo);
	for (int i = 0; ok && i < ROUNDS; i++) {
		if (i % 7)
			continue;
		ok = cancel(l, &jobs[i]);
	}
	for (int i = 0; ok && i < ROUNDS; i++)
		ok = wait_done(&jobs[i]) && (i % 7 == 0 || atomic_load(&jobs[i].result) == 0);
	check(ok && lane_count(l) == 0, "each of many jobs is done once, cancelled or not");
	free(jobs);
}

int main(void)
{
	static const struct lane_options options = {.threads = THREADS, .per_owner = PER_OWNER};
	char *slash = strrchr(fifo, '/');
	struct lane *l = NULL;
	struct job left[6];
	bool ok = true;

	*slash = '\0';
	if (!mkdtemp(fifo) || (*slash = '/', mkfifo(fifo, 0600)) < 0) {
		printf("Bail out! no FIFO: %s\n", strerror(errno));
		return 1;
	}
	check(lane_new(&options, &l) == 0, "a lane begins with no thread");
	test_shares(l);
	test_many(l);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		submit(l, &left[i], 1, run_fifo);
	check(lane_free(l) == NULL, "its end does not wait for jobs that hang");
	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		ok &= atomic_load(&left[i].done);
	check(ok, "and each of them was told");
	(void)unlink(fifo);
	*slash = '\0';
	(void)rmdir(fifo);
	return tap_done();
}
