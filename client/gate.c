/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gate.c - one thread waits without a system call until another lets it go on */
#include "client/gate.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "proto/base.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define LOOK_EVERY_NS 20000

struct gate {
	int fd; /* userfaultfd, or -1 */
	size_t size;
	_Atomic int *page;    /* its first int: may the waiting thread go on? */
	_Atomic int *filling; /* a page that says so */
	_Atomic int came;
};

static void *new_page(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int watch_page(void *page, size_t size)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {
		.range = {(uintptr_t)page, size},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	_cleanup_close_ int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &reg) < 0)
		return -1;
	return TAKE_FD(fd);
}

struct gate *gate_new(void)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->size = (size_t)sysconf(_SC_PAGESIZE);
	g->page = new_page(g->size);
	g->filling = new_page(g->size);
	if (!g->page || !g->filling)
		return NULL; /* the caller gives up, and with it the process ends */
	atomic_store(g->filling, 1);
	g->fd = watch_page((void *)g->page, g->size);
	if (g->fd < 0)
		atomic_store(g->page, 0); /* there from now on */
	return g;
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

bool gate_spins(const struct gate *g)
{
	return g->fd < 0;
}

void gate_pass(struct gate *g)
{
	atomic_store(&g->came, 1);
	/* With a userfaultfd the first look ends when the page is there, and it says yes. */
	while (!atomic_load(g->page))
		relax();
}

void gate_stay(void)
{
	for (;;)
		relax();
}

void gate_await(struct gate *g)
{
	struct timespec ts = {.tv_nsec = LOOK_EVERY_NS};
	struct uffd_msg msg;

	/* Sleeping, not yielding: who wakes up is soon let run in the place of who spins. */
	while (!atomic_load(&g->came))
		if (g->fd < 0 || read(g->fd, &msg, sizeof(msg)) < 0)
			(void)nanosleep(&ts, NULL);
}

int gate_open(struct gate *g)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)g->page,
		.src = (uintptr_t)g->filling,
		.len = g->size,
	};

	if (g->fd < 0) {
		atomic_store(g->page, 1);
		return 0;
	}
	while (ioctl(g->fd, UFFDIO_COPY, &copy) < 0) {
		/* EAGAIN: the address space is changing at this moment. */
		if (errno != EAGAIN)
			return -errno;
		copy.copy = 0;
	}
	return 0;
}
