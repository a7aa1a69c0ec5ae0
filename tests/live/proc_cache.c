/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proc_cache.c - what is kept about a process is dropped when the process changes: by a new
 * comm, by other credentials, by an exec, by its end. The kernel's word must be there before the
 * changed process can make its next call.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "daemon/proc.h"
#include "proto/base.h"
#include "tests/tap.h"

/* Takes in what the kernel has said by now: no waiting, the promise is that it is there. */
static void drain(struct proc_cache *c)
{
	struct pollfd p = {.fd = proc_cache_fd(c), .events = POLLIN};

	if (poll(&p, 1, 0) > 0)
		proc_cache_drain(c);
}

struct child {
	pid_t pid;
	int to, from;
};

/* Waits for a byte, acts, says so with a byte. */
static void child_step(int in, int out, const char *what)
{
	char b;

	if (read(in, &b, 1) != 1)
		_exit(0);
	if (strcmp(what, "comm") == 0)
		(void)prctl(PR_SET_NAME, "renamed");
	else if (strcmp(what, "uid") == 0)
		(void)!setresuid(65534, 65534, 65534);
	else if (strcmp(what, "gid") == 0)
		(void)!setresgid(65534, 65534, 65534);
	(void)!write(out, &b, 1);
}

static void child_main(int in, int out)
{
	char b;

	child_step(in, out, "comm");
	child_step(in, out, "gid");
	child_step(in, out, "uid");
	if (read(in, &b, 1) != 1)
		_exit(0);
	dup2(in, 0);
	dup2(out, 1);
	/* cat's echo of the byte says that the exec is done. */
	execl("/bin/cat", "cat", (char *)NULL);
	_exit(1);
}

static struct child start_child(void)
{
	struct child c = {0};
	int to[2], from[2];

	if (pipe(to) < 0 || pipe(from) < 0)
		exit(99);
	c.pid = fork();
	if (c.pid == 0) {
		close(to[1]);
		close(from[0]);
		child_main(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	c.to = to[1];
	c.from = from[0];
	return c;
}

static void tell(const struct child *c)
{
	char b = 'x';

	if (write(c->to, &b, 1) != 1 || read(c->from, &b, 1) != 1)
		exit(99);
}

static const struct proc_facts *get(struct proc_cache *cache, pid_t pid, bool *was_read)
{
	drain(cache);
	return proc_read(cache, pid, false, was_read);
}

static void run(struct proc_cache *cache)
{
	struct child c = start_child();
	const struct proc_facts *f;
	bool was_read;

	f = get(cache, c.pid, &was_read);
	check(f && was_read && f->tgid == c.pid && f->uid == 0, "first look: read");
	f = get(cache, c.pid, &was_read);
	check(f && !was_read && f->tgid == c.pid, "second look: kept");

	tell(&c);
	f = get(cache, c.pid, &was_read);
	check(f && was_read && strcmp(f->comm, "renamed") == 0, "a new comm is seen");
	tell(&c);
	f = get(cache, c.pid, &was_read);
	check(f && was_read && f->gid == 65534, "another group is seen");
	tell(&c);
	f = get(cache, c.pid, &was_read);
	check(f && was_read && f->uid == 65534, "another user is seen");
	(void)get(cache, c.pid, &was_read);
	check(!was_read, "and kept");

	(void)!write(c.to, "x", 1); /* exec */
	tell(&c);		    /* cat echoes */
	f = get(cache, c.pid, &was_read);
	check(f && was_read && strcmp(f->comm, "cat") == 0 && strstr(f->exe, "cat"),
	      "an exec is seen");

	kill(c.pid, SIGKILL);
	waitpid(c.pid, NULL, 0);
	f = get(cache, c.pid, &was_read);
	check(!f && was_read, "the end is seen");
	check(!proc_read(cache, 0, false, &was_read), "pid 0 is nobody");
	f = proc_read(cache, getpid(), true, &was_read);
	check(f && was_read, "fresh is read");
	f = proc_read(cache, getpid(), true, &was_read);
	check(f && was_read, "fresh is read again");
}

int main(void)
{
	struct proc_cache *cache = proc_cache_new();

	if (!cache)
		return 99;
	if (geteuid() != 0 || proc_cache_fd(cache) < 0) {
		printf("1..0 # SKIP the kernel's process connector cannot be had here\n");
		return 77;
	}
	run(cache);
	proc_cache_free(cache);
	return tap_done();
}
