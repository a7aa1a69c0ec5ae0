/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_ring.c - the ring between a worker and the log thread: order, wrap, full, crash, broken
 * files, wake-ups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "daemon/ring.h"
#include "proto/base.h"

#define SIZE	(64 * 1024)
#define HEADER	4096
#define PENDING 192 /* where the header has it */

static char dir[64];
static char path[128];

static int setup(void **state _unused_)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/test-ring-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/ring.0", dir);
	return 0;
}

static int teardown(void **state _unused_)
{
	char bad[160];

	(void)snprintf(bad, sizeof(bad), "%s.bad", path);
	(void)unlink(path);
	(void)unlink(bad);
	return rmdir(dir);
}

static struct decision sample(uint64_t n)
{
	return (struct decision){
		.time_us = (int64_t)n,
		.last_us = (int64_t)n,
		.client = n,
		.unit = "u.service",
		.profile = "p",
		.pid = 1,
		.tid = 2,
		.comm = "comm",
		.exe = "/bin/exe",
		.arch = AUDIT_ARCH_X86_64,
		.syscall = "getppid",
		.nr = 110,
		.args = {n, ~n},
		.detail = "",
		.rule = "r",
		.verdict = VERDICT_DENY,
		.err = EPERM,
		.operator_user = "",
		.count = 1,
	};
}

/* Entry N with a detail of so many bytes, not committed yet. */
static bool lay_out(struct ring *r, uint64_t n, size_t detail)
{
	struct decision d = sample(n);
	_cleanup_free_ char *text = calloc(1, detail + 1);
	struct ring_entry *e;

	memset(text, 'd', detail);
	d.detail = text;
	e = ring_reserve(r, ring_entry_size(&d));
	if (!e)
		return false;
	ring_entry_fill(e, &d, 1);
	return true;
}

static bool put_sized(struct ring *r, uint64_t n, size_t detail)
{
	if (!lay_out(r, n, detail))
		return false;
	ring_commit(r);
	return true;
}

static bool put(struct ring *r, uint64_t n)
{
	return put_sized(r, n, 0);
}

static void expect(struct ring *r, uint64_t n)
{
	const struct ring_entry *e = ring_next(r);
	struct decision d;

	assert_non_null(e);
	ring_entry_decode(e, &d);
	assert_int_equal(d.client, n);
	assert_int_equal(d.args[1], ~n);
	assert_string_equal(d.unit, "u.service");
	assert_string_equal(d.rule, "r");
	assert_string_equal(d.exe, "/bin/exe");
	assert_string_equal(d.comm, "comm");
	assert_int_equal(e->log, 1);
}

static struct ring *open_ring(const char *name)
{
	struct ring *r = NULL;

	assert_int_equal(ring_open(name, SIZE, &r), 0);
	return r;
}

static void test_sizes(void **state _unused_)
{
	struct ring *r = NULL;

	assert_int_equal(ring_open(NULL, 0, &r), -EINVAL);
	assert_int_equal(ring_open(NULL, SIZE / 2, &r), -EINVAL);
	assert_int_equal(ring_open(NULL, SIZE + 8, &r), -EINVAL);
	r = open_ring(NULL);
	assert_null(ring_reserve(r, 8));
	assert_null(ring_reserve(r, RING_ENTRY_MAX + 1));
	assert_non_null(ring_reserve(r, RING_ENTRY_MAX));
	assert_null(ring_next(r));
	(void)ring_close(r);
	assert_null(ring_close(NULL));
}

static void test_reservation_is_unseen(void **state _unused_)
{
	struct decision d = sample(1);
	struct ring *r = open_ring(NULL);
	struct ring_entry *e = ring_reserve(r, ring_entry_size(&d));

	ring_entry_fill(e, &d, 1);
	assert_null(ring_next(r));
	/* A second reservation drops the first. */
	d = sample(2);
	e = ring_reserve(r, ring_entry_size(&d));
	ring_entry_fill(e, &d, 1);
	ring_commit(r);
	ring_commit(r); /* nothing reserved: nothing happens */
	expect(r, 2);
	assert_null(ring_next(r));
	(void)ring_close(r);
}

static void test_release_and_rewind(void **state _unused_)
{
	struct ring *r = open_ring(NULL);
	uint64_t position;

	for (uint64_t i = 1; i <= 4; i++)
		assert_true(put(r, i));
	expect(r, 1);
	expect(r, 2);
	ring_rewind(r);
	expect(r, 1);
	ring_release(r);
	expect(r, 2);
	position = ring_position(r);
	ring_rewind(r);
	assert_non_null(ring_peek(r));
	assert_int_equal(ring_peek(r)->client, 2);
	expect(r, 2);
	ring_rewind(r);
	ring_skip_to(r, position);
	expect(r, 3);
	/* Not a place that can be skipped to. */
	ring_skip_to(r, 0);
	ring_skip_to(r, position + 4);
	ring_skip_to(r, position + (1 << 20));
	expect(r, 4);
	assert_null(ring_next(r));
	(void)ring_close(r);
}

/* Goes round many times with entries of all lengths; the ring is full again and again. */
static void test_wrap(void **state _unused_)
{
	struct ring *r = open_ring(NULL);
	uint64_t in = 0, out = 0, full = 0;
	unsigned seed = 1;

	while (out < 20000) {
		unsigned burst = (unsigned)rand_r(&seed) % 100;

		while (burst--) {
			if (put_sized(r, in, (unsigned)rand_r(&seed) % 3000))
				in++;
			else
				full++;
		}
		burst = (unsigned)rand_r(&seed) % 100;
		while (burst-- && out < in)
			expect(r, out++);
		ring_release(r);
	}
	while (out < in)
		expect(r, out++);
	assert_null(ring_next(r));
	assert_true(full > 0);
	assert_int_equal(ring_broken(r), 0);
	(void)ring_close(r);
}

static void test_full(void **state _unused_)
{
	struct ring *r = open_ring(NULL);
	uint64_t n = 0;

	assert_true(ring_has_room(r));
	while (put(r, n))
		n++;
	assert_true(n > 200);
	assert_false(ring_has_room(r));
	/* What is stepped over is not free before it is released. */
	for (uint64_t i = 0; i < n; i++)
		expect(r, i);
	assert_false(put(r, n));
	ring_release(r);
	assert_true(ring_has_room(r));
	assert_true(put(r, n));
	expect(r, n);
	(void)ring_close(r);
}

/* Where there is room by word, the greatest entry fits, whatever pad it needs. */
static void test_room_is_enough(void **state _unused_)
{
	struct ring *r = open_ring(NULL);
	unsigned seed = 2;

	for (int i = 0; i < 3000; i++) {
		if (ring_has_room(r)) {
			assert_non_null(ring_reserve(r, RING_ENTRY_MAX));
			assert_true(put_sized(r, (uint64_t)i, (unsigned)rand_r(&seed) % 8000));
		}
		if (i % 3 == 0) {
			(void)ring_next(r);
			ring_release(r);
		}
	}
	(void)ring_close(r);
}

static void test_long_strings(void **state _unused_)
{
	_cleanup_free_ char *big = malloc(70000);
	struct ring *r = open_ring(NULL);
	struct decision d = sample(1), back;
	struct ring_entry *e;

	memset(big, 'x', 69999);
	big[69999] = '\0';
	d.unit = d.profile = d.rule = d.exe = d.detail = d.operator_user = d.comm = big;
	assert_true(ring_entry_size(&d) <= RING_ENTRY_MAX);
	e = ring_reserve(r, ring_entry_size(&d));
	assert_non_null(e);
	ring_entry_fill(e, &d, 1);
	ring_commit(r);
	assert_non_null(ring_peek(r));
	ring_entry_decode(ring_next(r), &back);
	assert_int_equal(strlen(back.exe), 4096);
	assert_int_equal(strlen(back.comm), 15);
	assert_string_equal(back.detail, "{\"truncated\":true}");
	(void)ring_close(r);
}

/* The producer is killed with a reservation; the consumer has stepped, but not released. */
static void test_crash(void **state _unused_)
{
	struct ring *r = open_ring(path);
	struct decision d = sample(99);
	char id[RING_ID_MAX], again[RING_ID_MAX];
	struct stat st;

	ring_id(r, id);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	for (uint64_t i = 0; i < 10; i++)
		assert_true(put(r, i));
	expect(r, 0);
	expect(r, 1);
	ring_release(r);
	expect(r, 2);
	ring_entry_fill(ring_reserve(r, ring_entry_size(&d)), &d, 1);
	(void)ring_close(r);

	r = open_ring(path);
	ring_id(r, again);
	assert_string_equal(id, again);
	for (uint64_t i = 2; i < 10; i++)
		expect(r, i);
	assert_null(ring_next(r));
	assert_true(put(r, 10));
	expect(r, 10);
	assert_int_equal(ring_broken(r), 0);
	(void)ring_close(r);
}

static bool announce(struct ring *r, uint64_t n, size_t detail)
{
	if (!lay_out(r, n, detail))
		return false;
	ring_announce(r);
	return true;
}

/* The producer is killed with an entry announced: the next one has it, once. */
static void test_announced(void **state _unused_)
{
	struct ring *r = open_ring(path);

	ring_announce(r); /* nothing reserved: nothing happens */
	assert_true(put(r, 0));
	ring_announce(r);
	assert_true(announce(r, 1, 0));
	expect(r, 0);
	assert_null(ring_next(r)); /* not committed: not seen */
	ring_release(r);
	(void)ring_close(r);

	for (int i = 0; i < 3; i++) {
		r = open_ring(path);
		expect(r, 1);
		assert_null(ring_next(r));
		assert_int_equal(ring_broken(r), 0);
		(void)ring_close(r);
	}
	r = open_ring(path);
	assert_true(put(r, 2));
	expect(r, 1);
	expect(r, 2);
	ring_release(r);

	/* Killed after the commit, and after the next reservation. */
	assert_true(announce(r, 3, 0));
	ring_commit(r);
	(void)ring_close(r);
	r = open_ring(path);
	expect(r, 3);
	assert_null(ring_next(r));
	ring_release(r);
	assert_true(announce(r, 4, 0));
	ring_commit(r);
	assert_non_null(ring_reserve(r, RING_ENTRY_MAX));
	(void)ring_close(r);
	assert_int_equal(ring_attach(path, &r), 0);
	expect(r, 4);
	assert_null(ring_next(r));
	assert_int_equal(ring_broken(r), 0);
	(void)ring_close(r);
}

/* An announced entry that is dropped is gone, whatever becomes of the reservation that drops it. */
static void test_announced_and_dropped(void **state _unused_)
{
	static const size_t sizes[] = {0, 1024, RING_ENTRY_MAX, RING_ENTRY_MAX + 1};
	struct ring *r;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		r = open_ring(path);
		assert_true(announce(r, 1, 0));
		(void)ring_reserve(r, sizes[i]);
		(void)ring_close(r);
		r = open_ring(path);
		assert_null(ring_next(r));
		assert_true(announce(r, 2, 0));
		assert_true(announce(r, 3, 100));
		(void)ring_close(r);
		r = open_ring(path);
		expect(r, 3);
		assert_null(ring_next(r));
		ring_release(r);
		assert_int_equal(ring_broken(r), 0);
		(void)ring_close(r);
	}
}

/* Killed at every place of the ring, with a pad and without, the ring empty and full. */
static void test_announced_anywhere(void **state _unused_)
{
	uint64_t in = 0, out = 0, pads = 0, full = 0;
	struct ring *r = open_ring(path);
	unsigned seed = 4;

	for (int round = 0; round < 2000; round++) {
		uint64_t detail = (unsigned)rand_r(&seed) % 5000, head = ring_head(r);

		if (announce(r, in, detail)) {
			(void)ring_close(r);
			r = open_ring(path);
			in++;
			pads += head / SIZE != ring_head(r) / SIZE && ring_head(r) % SIZE != 0;
		} else {
			full++;
		}
		/* Mostly one for one, now and then full, now and then empty. */
		while (out < in && (round % 100 == 99 || (round % 200 > 50 && in - out > 4)))
			expect(r, out++);
		ring_release(r);
	}
	while (out < in)
		expect(r, out++);
	assert_null(ring_next(r));
	assert_int_equal(ring_broken(r), 0);
	assert_true(pads > 10 && full > 10);
	(void)ring_close(r);
}

static void write_at(off_t at, const void *data, size_t n)
{
	_cleanup_close_ int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, n, at), n);
}

static void make_file(void)
{
	struct ring *r = open_ring(path);

	for (uint64_t i = 0; i < 3; i++)
		assert_true(put(r, i));
	(void)ring_close(r);
}

/* Header fields: magic, version, entry size, size, head, tail. */
static void test_broken_header(void **state _unused_)
{
	static const off_t at[] = {0, 8, 12, 16, 64, 128};
	static const uint64_t value = 0x0123456789abcdef;
	char bad[160];
	struct stat st;

	(void)snprintf(bad, sizeof(bad), "%s.bad", path);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		struct ring *r = NULL;

		make_file();
		write_at(at[i], &value, 4);
		assert_int_equal(ring_attach(path, &r), -EUCLEAN);
		r = open_ring(path);
		assert_null(ring_next(r));
		assert_int_equal(ring_broken(r), 1);
		assert_int_equal(stat(bad, &st), 0);
		assert_true(put(r, 1));
		(void)ring_close(r);
		assert_int_equal(unlink(bad), 0);
		assert_int_equal(unlink(path), 0);
	}
	/* Cut short, and of another size. */
	make_file();
	assert_int_equal(truncate(path, 5000), 0);
	(void)ring_close(open_ring(path));
	assert_int_equal(stat(bad, &st), 0);
	struct ring *r = NULL;
	assert_int_equal(ring_open(path, 2 * SIZE, &r), 0);
	assert_int_equal(ring_size(r), 2 * SIZE);
	(void)ring_close(r);
}

static void test_broken_entries(void **state _unused_)
{
	static const uint32_t sizes[] = {0, 4, 12, 1 << 20, UINT32_MAX};
	struct decision d = sample(0);
	off_t second = HEADER + (off_t)ring_entry_size(&d);
	uint32_t kind = 7;
	uint16_t len = 60000;
	struct ring *r;

	/* An unknown kind, and a string that leaves its entry: that one is skipped. */
	for (int i = 0; i < 2; i++) {
		make_file();
		if (i == 0)
			write_at(second + (off_t)offsetof(struct ring_entry, kind), &kind, 4);
		else
			write_at(second + (off_t)offsetof(struct ring_entry, exe_len), &len, 2);
		r = open_ring(path);
		expect(r, 0);
		expect(r, 2);
		assert_null(ring_next(r));
		assert_int_equal(ring_broken(r), 0); /* counted when it is given up */
		ring_rewind(r);
		expect(r, 0);
		expect(r, 2);
		ring_release(r);
		assert_int_equal(ring_broken(r), 1);
		(void)ring_close(r);
		assert_int_equal(unlink(path), 0);
	}
	/* A size that leads nowhere: the rest is skipped, and the ring goes on. */
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_file();
		write_at(second, &sizes[i], 4);
		r = open_ring(path);
		expect(r, 0);
		assert_null(ring_next(r));
		ring_release(r);
		assert_int_equal(ring_broken(r), 1);
		assert_true(put(r, 5));
		expect(r, 5);
		(void)ring_close(r);
		assert_int_equal(unlink(path), 0);
	}
}

/* What is announced is believed no more than what was committed. */
static void test_broken_announcement(void **state _unused_)
{
	struct decision d = sample(0);
	uint64_t size = ring_entry_size(&d), head = 2 * size;
	off_t third = HEADER + (off_t)head;
#define AT(field) (third + (off_t)offsetof(struct ring_entry, field))
	const struct {
		off_t at;
		uint64_t value;
		size_t n;
	} broken[] = {
		{PENDING, head + 1, 8},
		{PENDING, head + 4, 8},
		{PENDING, head + 8, 8},
		{PENDING, head + size - 8, 8},
		{PENDING, head + size + 8, 8},
		{PENDING, SIZE, 8},
		{PENDING, SIZE + 8, 8},
		{PENDING, SIZE + size, 8},
		{PENDING, UINT64_MAX, 8},
		{PENDING, UINT64_MAX - 7, 8},
		{AT(kind), RING_PAD, 4},
		{AT(kind), 7, 4},
		{AT(size), 0, 4},
		{AT(size), size - 8, 4},
		{AT(size), size + 8, 4},
		{AT(size), UINT32_MAX, 4},
		{AT(exe_len), 60000, 2},
		{AT(verdict), VERDICT_MAX, 1},
	};
#undef AT

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct ring *r = open_ring(path);

		assert_true(put(r, 0) && put(r, 1) && announce(r, 2, 0));
		(void)ring_close(r);
		write_at(broken[i].at, &broken[i].value, broken[i].n);
		r = open_ring(path);
		assert_int_equal(ring_head(r), head);
		assert_int_equal(ring_broken(r), 1);
		expect(r, 0);
		expect(r, 1);
		assert_null(ring_next(r));
		ring_release(r);
		assert_true(put(r, 3));
		expect(r, 3);
		(void)ring_close(r);
		r = open_ring(path);
		assert_int_equal(ring_broken(r), 0); /* it was told of */
		(void)ring_close(r);
		assert_int_equal(unlink(path), 0);
	}
}

/* Random bytes anywhere in the file: whatever is read is within the file (ASan, valgrind). */
static void test_fuzzed_file(void **state _unused_)
{
	unsigned seed = 3;

	for (int round = 0; round < 400; round++) {
		struct ring *r = NULL;
		const struct ring_entry *e;
		struct decision d;
		unsigned n = 0;

		make_file();
		if (round % 2) {
			r = open_ring(path);
			assert_true(announce(r, 3, 0));
			r = ring_close(r);
		}
		for (int i = 0; i < 4; i++) {
			unsigned char b = (unsigned char)rand_r(&seed);
			off_t at = rand_r(&seed) % 2 ? HEADER + rand_r(&seed) % 700
						     : rand_r(&seed) % 200;

			write_at(at, &b, 1);
		}
		if (ring_attach(path, &r) == 0) {
			while ((e = ring_next(r))) {
				ring_entry_decode(e, &d);
				assert_true(strlen(d.unit) + strlen(d.operator_user) < SIZE);
				n++;
			}
			ring_release(r);
			assert_true(n <= SIZE / sizeof(*e));
			(void)ring_close(r);
		}
		assert_int_equal(unlink(path), 0);
	}
}

static void test_not_a_file(void **state _unused_)
{
	struct ring *r = NULL;
	char bad[160];

	(void)snprintf(bad, sizeof(bad), "%s.bad", path);
	assert_int_equal(ring_attach(path, &r), -ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(ring_attach(path, &r), -EUCLEAN);
	r = open_ring(path);
	(void)ring_close(r);
	assert_int_equal(rmdir(bad), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	r = open_ring(path);
	(void)ring_close(r);
}

#define N_THREADED 300000

struct pair {
	struct ring *r;
	int wake;
	uint64_t wakes;
};

static void *producer(void *data)
{
	struct pair *p = data;
	uint64_t one = 1;

	for (uint64_t i = 0; i < N_THREADED;) {
		if (put_sized(p->r, i, i % 300))
			i++;
		else
			(void)sched_yield();
		if (ring_wake_wanted(p->r)) {
			p->wakes++;
			assert_int_equal(write(p->wake, &one, sizeof(one)), sizeof(one));
		}
		if (i % 20000 == 0) /* let the consumer fall asleep */
			(void)usleep(2000);
	}
	return NULL;
}

/* The consumer sleeps without a timeout: a lost wake-up shows as a poll that takes for ever. */
static void test_two_threads(void **state _unused_)
{
	struct pair p = {.r = open_ring(NULL), .wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	uint64_t out = 0, n;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, producer, &p), 0);
	while (out < N_THREADED) {
		const struct ring_entry *e;

		while ((e = ring_next(p.r))) {
			if (e->client != out || e->args[1] != ~out || e->detail_len != out % 300)
				fail_msg("entry %llu is wrong", (unsigned long long)out);
			if (++out % 64 == 0)
				ring_release(p.r);
		}
		ring_release(p.r);
		if (out == N_THREADED)
			break;
		ring_want_wake(p.r, true);
		if (!ring_peek(p.r)) {
			struct pollfd pfd = {.fd = p.wake, .events = POLLIN};

			if (poll(&pfd, 1, 20000) != 1)
				fail_msg("no wake-up after %llu", (unsigned long long)out);
			assert_int_equal(read(p.wake, &n, sizeof(n)), sizeof(n));
		}
	}
	(void)pthread_join(t, NULL);
	assert_true(p.wakes > 0);
	assert_int_equal(ring_broken(p.r), 0);
	(void)ring_close(p.r);
	(void)close(p.wake);
}

static void test_wake(void **state _unused_)
{
	struct ring *r = open_ring(NULL);
	uint64_t n = 0;

	assert_true(put(r, n++));
	assert_false(ring_wake_wanted(r)); /* nobody asked */
	ring_want_wake(r, true);
	assert_true(put(r, n++));
	assert_true(ring_wake_wanted(r));
	assert_false(ring_wake_wanted(r)); /* once */
	ring_want_wake(r, false);
	while (ring_head(r) - ring_tail(r) <= SIZE / 2) {
		assert_false(ring_wake_wanted(r));
		assert_true(put(r, n++));
	}
	assert_true(ring_wake_wanted(r));
	assert_false(ring_wake_wanted(r));
	(void)ring_close(r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_reservation_is_unseen),
		cmocka_unit_test(test_release_and_rewind),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_room_is_enough),
		cmocka_unit_test(test_long_strings),
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_two_threads),
		cmocka_unit_test_setup_teardown(test_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_announced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_announced_and_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_announced_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_announcement, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fuzzed_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_a_file, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
