/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_ring.c - a ring file of any content: whatever is opened is read to its end, given back, and
 * takes new entries. With libFuzzer (-DFUZZ_LIBFUZZER), or alone: the files that are named, or
 * else N (environment, default 2000) mutations of built-in seeds.
 */
#include <assert.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <string.h>

#include "daemon/ring.h"
#include "proto/base.h"

#define RING_BYTES ((size_t)64 * 1024)
#define FILE_BYTES (4096 + RING_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void make_path(void)
{
	static const char template[] = "/tmp/fuzz-ring-XXXXXX";

	memcpy(path, template, sizeof(template));
	(void)close_fd(mkstemp(path));
}

/* Reserves and fills an entry; committed by the caller. */
static struct ring_entry *draft(struct ring *r, uint64_t n)
{
	static const struct decision d = {
		.client = 1,
		.unit = "unit",
		.profile = "profile",
		.comm = "comm",
		.exe = "/bin/exe",
		.arch = AUDIT_ARCH_X86_64,
		.nr = 1,
		.syscall = "write",
		.detail = "{}",
		.rule = "rule",
		.operator_user = "root",
		.count = 1,
	};
	struct ring_entry *e = ring_reserve(r, ring_entry_size(&d));

	if (e)
		ring_entry_fill(e, &d, (uint8_t)(n % 3));
	return e;
}

static struct ring_entry *fill(struct ring *r, uint64_t n)
{
	struct ring_entry *e = draft(r, n);

	if (e)
		ring_commit(r);
	return e;
}

static void use(struct ring *r)
{
	uint64_t entries = 0, room = 0;
	const struct ring_entry *e;
	struct decision d;

	while ((e = ring_next(r))) {
		size_t sum;

		ring_entry_decode(e, &d);
		sum = strlen(d.unit) + strlen(d.profile) + strlen(d.rule) + strlen(d.exe) +
		      strlen(d.detail) + strlen(d.operator_user) + strlen(d.comm);
		assert(sum < RING_BYTES);
		entries++;
	}
	assert(entries <= ring_size(r) / sizeof(*e));
	assert(ring_position(r) == ring_head(r));
	ring_release(r);
	assert(ring_tail(r) == ring_head(r) && ring_has_room(r));
	while (fill(r, room))
		room++;
	assert(room > 100);
	for (entries = 0; ring_next(r); entries++)
		;
	assert(entries == room);
}

/* The input is the beginning of the file; zeros follow. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ring *r = NULL;
	int fd;

	if (!*path)
		make_path();
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert(fd >= 0);
	if (size > FILE_BYTES)
		size = FILE_BYTES;
	if (write(fd, data, size) != (ssize_t)size || ftruncate(fd, (off_t)FILE_BYTES) < 0)
		abort();
	(void)close(fd);
	if (ring_attach(path, &r) == 0)
		use(r);
	(void)ring_close(r);
	(void)unlink(path);
	return 0;
}

#ifndef FUZZ_LIBFUZZER
static size_t read_file(const char *name, uint8_t *buf)
{
	_cleanup_fclose_ FILE *f = fopen(name, "re");

	return f ? fread(buf, 1, FILE_BYTES, f) : 0;
}

/* A ring with N entries in it, the first half of them released, and one more announced. */
static void make_seed(uint8_t *buf, unsigned n)
{
	struct ring *r = NULL;

	(void)unlink(path);
	if (ring_open(path, RING_BYTES, &r) < 0)
		abort();
	for (unsigned i = 0; i < n; i++)
		(void)fill(r, i);
	for (unsigned i = 0; i < n / 2; i++)
		(void)ring_next(r);
	ring_release(r);
	for (unsigned i = 0; i < n / 4; i++)
		(void)fill(r, i);
	if (n > 0 && draft(r, n))
		ring_announce(r);
	(void)ring_close(r);
	if (read_file(path, buf) != FILE_BYTES)
		abort();
}

static void mutate(uint8_t *buf, unsigned *seed)
{
	static const uint32_t odd[] = {0,	   1,	       7,     8,    0x7fffffff,
				       0x80000000, 0xffffffff, 65535, 65536};
	unsigned times = 1 + (unsigned)rand_r(seed) % 8;

	while (times--) {
		/* Head, tail and pending, the other header fields, an entry, anywhere. */
		static const struct {
			size_t from, range;
		} parts[] = {{64, 8}, {128, 8}, {192, 8}, {0, 40}, {4096, 2048}, {0, FILE_BYTES}};
		unsigned where = (unsigned)rand_r(seed) % ARRAY_SIZE(parts);
		size_t at = parts[where].from + (size_t)rand_r(seed) % parts[where].range;
		uint32_t v = odd[(unsigned)rand_r(seed) % ARRAY_SIZE(odd)];

		if (rand_r(seed) % 2 && at + 4 <= FILE_BYTES)
			memcpy(buf + (at & ~(size_t)3), &v, 4);
		else
			buf[at] = (uint8_t)rand_r(seed);
	}
}

int main(int argc, char **argv)
{
	static const unsigned seeds[] = {0, 3, 40, 250};
	_cleanup_free_ uint8_t *buf = malloc(FILE_BYTES);
	_cleanup_free_ uint8_t *copy = malloc(FILE_BYTES);
	const char *n_text = getenv("N");
	unsigned long n = n_text ? strtoul(n_text, NULL, 10) : 2000;
	unsigned seed = 20261124;

	assert(buf && copy);
	printf("1..1\n");
	make_path();
	for (int i = 1; i < argc; i++)
		(void)LLVMFuzzerTestOneInput(buf, read_file(argv[i], buf));
	for (size_t s = 0; argc < 2 && s < ARRAY_SIZE(seeds); s++) {
		make_seed(buf, seeds[s]);
		for (unsigned long i = 0; i < n / ARRAY_SIZE(seeds); i++) {
			memcpy(copy, buf, FILE_BYTES);
			if (i > 0)
				mutate(copy, &seed);
			(void)LLVMFuzzerTestOneInput(copy, FILE_BYTES);
		}
	}
	(void)unlink(path);
	printf("ok 1 - %lu mutations\n", n);
	return 0;
}
#endif
