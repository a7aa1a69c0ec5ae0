/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ring.c - decisions on their way from one worker to the log thread.
 *
 * Theory of operation. The file is one page of header, then `size` bytes of data. Positions are
 * counted in bytes from the ring's making and never wrap (64 bits); `position % size` is the place
 * in the data. The producer owns `head`, the consumer `tail`; tail <= head <= tail + size always.
 * An entry never wraps round the end: a pad entry fills what is left. An entry is written beyond
 * head, then head is moved over it in one store: a producer killed in between leaves no trace,
 * unless it has announced the entry. A consumer killed between making entries durable and moving
 * tail leaves entries that will be read again; that is why ring_position() and the ring's id are
 * kept beside what was made durable.
 *
 * Announced: `pending` is where head will be once the entry is committed. One word tells all: the
 * entry (with the pad before it, where it does not fit before the end) lies from head up to there.
 * A pending that is not beyond head tells nothing, so that the store that moves head also ends the
 * announcement: there is no moment at which an entry is both, or neither. Announcing costs one
 * plain store, to a line that nobody else looks at. The successor of a killed producer moves head
 * up to pending, if what lies there is a good entry.
 *
 * The file belongs to the daemon alone, yet what is read from it is checked as if it did not:
 * after a crash nothing vouches for it.
 */
#include "daemon/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "daemon/syscalls.h"
#include "proto/base.h"

#define RING_MAGIC	  "SCDRING"
#define RING_VERSION	  2
#define RING_HEADER_BYTES 4096
#define CACHE_LINE	  64
#define RING_SIZE_MIN	  (64 * 1024)
#define RING_SIZE_MAX	  (1024 * 1024 * 1024)

struct ring_header {
	char magic[8];
	uint32_t version;
	uint32_t entry_bytes; /* sizeof(struct ring_entry): another layout is another version */
	uint64_t size;
	uint8_t id[16];
	_Alignas(64) _Atomic uint64_t head;
	_Alignas(64) _Atomic uint64_t tail;
	_Alignas(64) _Atomic uint64_t pending; /* beyond head: an entry up to here is announced */
};
static_assert(sizeof(struct ring_header) <= RING_HEADER_BYTES, "header exceeds its page");
static_assert(offsetof(struct ring_entry, strings) % 8 == 0, "strings are not aligned");

/* Of one process only, so not in the file. */
enum ring_wake { WAKE_NEVER, WAKE_HALF, WAKE_ANY };

struct ring {
	struct ring_header *h;
	unsigned char *data;
	uint64_t size;
	/* producer */
	_Alignas(64) uint64_t tail_seen; /* tail when it was last looked at */
	uint64_t reserved_at;		 /* position of the reservation, 0 bytes: none */
	uint32_t reserved;
	_Alignas(64) _Atomic unsigned wake;
	/* consumer */
	_Alignas(64) uint64_t cursor;
	_Atomic uint64_t broken;
	uint64_t broken_pending; /* since the last release */
};

static uint32_t round8(size_t n)
{
	return (uint32_t)((n + 7) & ~(size_t)7);
}

static bool size_is_valid(uint64_t size)
{
	return size >= RING_SIZE_MIN && size <= RING_SIZE_MAX && (size & (size - 1)) == 0;
}

static bool header_is_valid(const struct ring_header *h, off_t file_size)
{
	uint64_t head = atomic_load(&h->head), tail = atomic_load(&h->tail);

	return memcmp(h->magic, RING_MAGIC, sizeof(h->magic)) == 0 && h->version == RING_VERSION &&
	       h->entry_bytes == sizeof(struct ring_entry) && size_is_valid(h->size) &&
	       file_size == (off_t)(RING_HEADER_BYTES + h->size) && head % 8 == 0 &&
	       tail % 8 == 0 && tail <= head && head - tail <= h->size;
}

static int header_init(struct ring_header *h, size_t size)
{
	if (getrandom(h->id, sizeof(h->id), 0) != sizeof(h->id))
		return -EIO;
	h->version = RING_VERSION;
	h->entry_bytes = sizeof(struct ring_entry);
	h->size = size;
	memcpy(h->magic, RING_MAGIC, sizeof(h->magic));
	return 0;
}

static int ring_new(struct ring_header *h, struct ring **ret)
{
	struct ring *r = aligned_alloc(64, sizeof(*r));

	if (!r)
		return -ENOMEM;
	memset(r, 0, sizeof(*r));
	r->h = h;
	r->data = (unsigned char *)h + RING_HEADER_BYTES;
	r->size = h->size;
	r->cursor = r->tail_seen = atomic_load(&h->tail);
	*ret = r;
	return 0;
}

static struct ring_entry *entry_at(const struct ring *r, uint64_t position)
{
	return (struct ring_entry *)(void *)(r->data + (position & (r->size - 1)));
}

/* Does the entry's own account of itself fit in its SIZE bytes? */
static bool entry_is_valid(const struct ring_entry *e, uint32_t size)
{
	const uint16_t len[] = {e->unit_len, e->profile_len, e->rule_len,
				e->exe_len,  e->detail_len,  e->operator_len};
	size_t at = offsetof(struct ring_entry, strings);

	if (size < at || e->verdict >= VERDICT_MAX || e->basis >= BASIS_MAX || e->by >= BY_MAX ||
	    e->mode >= MODE_MAX || !memchr(e->comm, 0, sizeof(e->comm)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(len); i++) {
		at += len[i] + 1u;
		if (at > size || ((const char *)e)[at - 1] != '\0')
			return false;
	}
	return true;
}

/* Does what lies from HEAD up to PENDING look as ring_reserve() lays an entry out? */
static bool pending_is_valid(const struct ring *r, uint64_t head, uint64_t pending)
{
	uint64_t left = r->size - (head & (r->size - 1)), bytes = pending - head;
	const struct ring_entry *e = entry_at(r, head);

	if (pending % 8 != 0 || pending - atomic_load(&r->h->tail) > r->size)
		return false;
	if (bytes > left) {
		if (e->size != left || e->kind != RING_PAD)
			return false;
		e = entry_at(r, head + left);
		bytes -= left;
	}
	return bytes >= offsetof(struct ring_entry, strings) && bytes <= RING_ENTRY_MAX &&
	       e->size == bytes && e->kind == RING_DECISION && entry_is_valid(e, (uint32_t)bytes);
}

/* What the last producer announced and could not commit any more, is committed. Killed anywhere
 * in here, the next one finds either the same, or nothing left to do. */
static void adopt_pending(struct ring *r)
{
	uint64_t head = atomic_load(&r->h->head);
	uint64_t pending = atomic_load(&r->h->pending);

	if (pending <= head)
		return;
	if (pending_is_valid(r, head, pending)) {
		atomic_store(&r->h->head, pending);
		return;
	}
	atomic_store(&r->h->pending, 0);
	atomic_fetch_add(&r->broken, 1);
}

/* NULL with errno. */
static struct ring_header *map_file(int fd, size_t bytes, int flags)
{
	void *p =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE | flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Maps the ring in FD. -EUCLEAN where it is none of ours. */
static int ring_map(int fd, struct ring **ret)
{
	struct ring_header *h;
	struct stat st;
	size_t bytes;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < RING_HEADER_BYTES + RING_SIZE_MIN ||
	    st.st_size > (off_t)RING_HEADER_BYTES + RING_SIZE_MAX)
		return -EUCLEAN;
	/* A hole would be a SIGBUS where the file system is full: have every page now. */
	r = posix_fallocate(fd, 0, st.st_size);
	if (r != 0 && r != EOPNOTSUPP)
		return -r;
	bytes = (size_t)st.st_size;
	h = map_file(fd, bytes, 0);
	if (!h)
		return -errno;
	r = header_is_valid(h, st.st_size) ? ring_new(h, ret) : -EUCLEAN;
	if (r < 0)
		(void)munmap(h, bytes);
	else
		adopt_pending(*ret);
	return r;
}

int ring_attach(const char *path, struct ring **ret)
{
	_cleanup_close_ int fd =
		open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return errno == ELOOP || errno == EISDIR ? -EUCLEAN : -errno;
	return ring_map(fd, ret);
}

/* A new ring file takes its name only when its header is whole. */
static int ring_create(const char *path, size_t size, struct ring **ret)
{
	_cleanup_free_ char *tmp = NULL;
	_cleanup_close_ int fd = -1;
	struct ring_header *h = NULL;
	size_t bytes = RING_HEADER_BYTES + size;
	int r;

	if (asprintf(&tmp, "%s.tmp", path) < 0) {
		tmp = NULL;
		return -ENOMEM;
	}
	(void)unlink(tmp);
	fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = -posix_fallocate(fd, 0, (off_t)bytes);
	if (r == -EOPNOTSUPP)
		r = ftruncate(fd, (off_t)bytes) < 0 ? -errno : 0;
	if (r == 0 && !(h = map_file(fd, bytes, 0)))
		r = -errno;
	if (h)
		r = header_init(h, size);
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r == 0)
		r = ring_new(h, ret);
	if (r < 0) {
		if (h)
			(void)munmap(h, bytes);
		(void)unlink(tmp);
	}
	return r;
}

static int ring_anonymous(size_t size, struct ring **ret)
{
	struct ring_header *h = map_file(-1, RING_HEADER_BYTES + size, MAP_ANONYMOUS);
	int r;

	if (!h)
		return -errno;
	r = header_init(h, size);
	if (r == 0)
		r = ring_new(h, ret);
	if (r < 0)
		(void)munmap(h, RING_HEADER_BYTES + size);
	return r;
}

static int move_aside(const char *path)
{
	_cleanup_free_ char *bad = NULL;

	if (asprintf(&bad, "%s.bad", path) < 0) {
		bad = NULL;
		return -ENOMEM;
	}
	return rename(path, bad) < 0 ? -errno : 0;
}

int ring_open(const char *path, size_t size, struct ring **ret)
{
	bool aside = false;
	int r;

	if (!size_is_valid(size))
		return -EINVAL;
	if (!path)
		return ring_anonymous(size, ret);

	r = ring_attach(path, ret);
	if (r == 0 && (*ret)->size != size) {
		*ret = ring_close(*ret);
		r = -EUCLEAN;
	}
	if (r == -EUCLEAN) {
		r = move_aside(path);
		if (r < 0)
			return r;
		aside = true;
		r = -ENOENT;
	}
	if (r != -ENOENT)
		return r;
	r = ring_create(path, size, ret);
	if (r == 0 && aside)
		(*ret)->broken = 1;
	return r;
}

struct ring *ring_close(struct ring *r)
{
	if (!r)
		return NULL;
	(void)munmap(r->h, RING_HEADER_BYTES + r->size);
	free(r);
	return NULL;
}

size_t ring_size(const struct ring *r)
{
	return r->size;
}

void ring_id(const struct ring *r, char buf[static RING_ID_MAX])
{
	for (size_t i = 0; i < sizeof(r->h->id); i++)
		(void)snprintf(buf + 2 * i, 3, "%02x", r->h->id[i]);
}

uint64_t ring_head(const struct ring *r)
{
	return atomic_load(&r->h->head);
}

uint64_t ring_tail(const struct ring *r)
{
	return atomic_load(&r->h->tail);
}

/* Is there room for BYTES at HEAD? Looks at the consumer's line only where it must. */
static bool fits(struct ring *r, uint64_t head, uint64_t bytes)
{
	if (head + bytes - r->tail_seen <= r->size)
		return true;
	r->tail_seen = atomic_load_explicit(&r->h->tail, memory_order_acquire);
	return head + bytes - r->tail_seen <= r->size;
}

/* Takes an announcement back, before anything is written over the entry. The fence is for the
 * compiler alone: a process is killed between two instructions, in their order. */
static void drop_reservation(struct ring *r, uint64_t head)
{
	r->reserved = 0;
	if (atomic_load_explicit(&r->h->pending, memory_order_relaxed) <= head)
		return;
	atomic_store_explicit(&r->h->pending, 0, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

struct ring_entry *ring_reserve(struct ring *r, size_t size)
{
	uint64_t head = atomic_load_explicit(&r->h->head, memory_order_relaxed);
	uint64_t left = r->size - (head & (r->size - 1)), pad;
	uint32_t bytes = round8(size);
	struct ring_entry *e;

	drop_reservation(r, head);
	if (size < offsetof(struct ring_entry, strings) || size > RING_ENTRY_MAX)
		return NULL;
	pad = left < bytes ? left : 0;
	if (!fits(r, head, pad + bytes))
		return NULL;
	if (pad) {
		e = entry_at(r, head);
		e->size = (uint32_t)pad;
		e->kind = RING_PAD;
	}
	r->reserved_at = head + pad;
	r->reserved = bytes;
	e = entry_at(r, r->reserved_at);
	memset(e, 0, offsetof(struct ring_entry, strings));
	e->size = bytes;
	e->kind = RING_DECISION;
	return e;
}

void ring_announce(struct ring *r)
{
	if (r->reserved == 0)
		return;
	entry_at(r, r->reserved_at)->size = r->reserved; /* as in ring_commit() */
	/* Release: the entry is whole before it counts. */
	atomic_store_explicit(&r->h->pending, r->reserved_at + r->reserved, memory_order_release);
}

void ring_commit(struct ring *r)
{
	if (r->reserved == 0)
		return;
	/* Whatever was filled in: the consumer steps by what was reserved. */
	entry_at(r, r->reserved_at)->size = r->reserved;
	/* Ends an announcement too. Sequentially consistent, as the load in ring_wake_wanted() must
	 * not overtake it. */
	atomic_store(&r->h->head, r->reserved_at + r->reserved);
	/* The consumer's CPU has the lines of the next entry: they come while the worker waits. */
	for (uint32_t i = 0; i < r->reserved; i += CACHE_LINE)
		__builtin_prefetch((const char *)entry_at(r, r->reserved_at + r->reserved + i), 1);
	r->reserved = 0;
}

bool ring_has_room(const struct ring *r)
{
	uint64_t used = ring_head(r) - ring_tail(r);

	/* Twice: before an entry of the greatest size may come a pad of nearly as much. */
	return r->size - used >= 2 * (uint64_t)RING_ENTRY_MAX;
}

/* Moves the cursor to the next good entry; its size, or 0 at the end. */
static uint32_t settle(struct ring *r)
{
	uint64_t head = atomic_load(&r->h->head);

	while (r->cursor != head) {
		const struct ring_entry *e = entry_at(r, r->cursor);
		uint64_t left = r->size - (r->cursor & (r->size - 1));
		uint32_t size = e->size;

		if (size < 8 || size % 8 != 0 || size > left || size > head - r->cursor) {
			/* Where the next one begins cannot be known. */
			r->broken_pending++;
			r->cursor = head;
			return 0;
		}
		if (e->kind == RING_DECISION && entry_is_valid(e, size))
			return size;
		if (e->kind != RING_PAD)
			r->broken_pending++;
		r->cursor += size;
	}
	return 0;
}

const struct ring_entry *ring_peek(struct ring *r)
{
	return settle(r) ? entry_at(r, r->cursor) : NULL;
}

const struct ring_entry *ring_next(struct ring *r)
{
	uint32_t size = settle(r);
	const struct ring_entry *e;

	if (size == 0)
		return NULL;
	e = entry_at(r, r->cursor);
	r->cursor += size;
	return e;
}

void ring_release(struct ring *r)
{
	if (r->broken_pending) {
		atomic_fetch_add(&r->broken, r->broken_pending);
		r->broken_pending = 0;
	}
	atomic_store_explicit(&r->h->tail, r->cursor, memory_order_release);
}

void ring_rewind(struct ring *r)
{
	r->broken_pending = 0;
	r->cursor = atomic_load_explicit(&r->h->tail, memory_order_relaxed);
}

uint64_t ring_broken(const struct ring *r)
{
	return atomic_load(&r->broken);
}

uint64_t ring_position(const struct ring *r)
{
	return r->cursor;
}

void ring_skip_to(struct ring *r, uint64_t position)
{
	if (position % 8 != 0 || position <= ring_tail(r) || position > ring_head(r))
		return;
	r->cursor = position;
	r->broken_pending = 0;
	ring_release(r);
}

/*
 * No wake-up is lost: the producer stores head, then loads wake; the consumer stores wake, then
 * loads head. All four are sequentially consistent, so at least one of them sees the other's.
 */
void ring_want_wake(struct ring *r, bool want)
{
	atomic_store(&r->wake, want ? WAKE_ANY : WAKE_HALF);
}

bool ring_wake_wanted(struct ring *r)
{
	unsigned wake = atomic_load(&r->wake);

	if (wake == WAKE_NEVER)
		return false;
	if (wake == WAKE_HALF) {
		uint64_t head = atomic_load_explicit(&r->h->head, memory_order_relaxed);

		if (head - r->tail_seen <= r->size / 2)
			return false;
		r->tail_seen = atomic_load_explicit(&r->h->tail, memory_order_acquire);
		if (head - r->tail_seen <= r->size / 2)
			return false;
	}
	return atomic_exchange(&r->wake, WAKE_NEVER) != WAKE_NEVER;
}

/* The strings of an entry in their order, each with the most that is kept of it: together with
 * the fixed part they stay below RING_ENTRY_MAX. */
#define N_STRINGS 6
static const uint16_t string_max[N_STRINGS] = {1024, 256, 1024, 4096, 16384, 256};
static_assert(sizeof(struct ring_entry) + 1024 + 256 + 1024 + 4096 + 16384 + 256 + N_STRINGS + 8 <=
		      RING_ENTRY_MAX,
	      "an entry may outgrow RING_ENTRY_MAX");

static size_t entry_strings(const struct decision *d, const char *s[N_STRINGS],
			    uint16_t len[N_STRINGS])
{
	size_t sum = offsetof(struct ring_entry, strings);

	s[0] = d->unit;
	s[1] = d->profile;
	s[2] = d->rule;
	s[3] = d->exe;
	s[4] = strnlen(d->detail, string_max[4] + 1u) > string_max[4] ? "{\"truncated\":true}"
								      : d->detail;
	s[5] = d->operator_user;
	for (int i = 0; i < N_STRINGS; i++) {
		len[i] = (uint16_t)strnlen(s[i], string_max[i]);
		sum += len[i] + 1u;
	}
	return round8(sum);
}

size_t ring_entry_size(const struct decision *d)
{
	const char *s[N_STRINGS];
	uint16_t len[N_STRINGS];

	return entry_strings(d, s, len);
}

void ring_entry_fill(struct ring_entry *e, const struct decision *d, uint8_t log)
{
	const char *s[N_STRINGS];
	uint16_t len[N_STRINGS];
	char *p = e->strings;

	e->size = (uint32_t)entry_strings(d, s, len);
	e->kind = RING_DECISION;
	e->seq = d->seq;
	e->time_us = d->time_us;
	e->client = d->client;
	memcpy(e->args, d->args, sizeof(e->args));
	e->value = d->value;
	e->pid = d->pid;
	e->tid = d->tid;
	e->uid = d->uid;
	e->gid = d->gid;
	e->arch = d->arch;
	e->nr = d->nr;
	e->err = d->err;
	e->latency_us = d->latency_us;
	e->operator_uid = d->operator_uid;
	e->verdict = (uint8_t)d->verdict;
	e->basis = (uint8_t)d->basis;
	e->by = (uint8_t)d->by;
	e->mode = (uint8_t)d->mode;
	e->log = log;
	memset(e->reserved, 0, sizeof(e->reserved));
	memset(e->comm, 0, sizeof(e->comm));
	memcpy(e->comm, d->comm, strnlen(d->comm, sizeof(e->comm) - 1));
	e->unit_len = len[0];
	e->profile_len = len[1];
	e->rule_len = len[2];
	e->exe_len = len[3];
	e->detail_len = len[4];
	e->operator_len = len[5];
	for (int i = 0; i < N_STRINGS; i++) {
		memcpy(p, s[i], len[i]);
		p[len[i]] = '\0';
		p += len[i] + 1;
	}
}

void ring_entry_decode(const struct ring_entry *e, struct decision *ret)
{
	const char *unit = e->strings;
	const char *profile = unit + e->unit_len + 1;
	const char *rule = profile + e->profile_len + 1;
	const char *exe = rule + e->rule_len + 1;
	const char *detail = exe + e->exe_len + 1;
	const char *name = syscall_name(e->arch, e->nr);

	*ret = (struct decision){
		.seq = e->seq,
		.time_us = e->time_us,
		.last_us = e->time_us,
		.client = e->client,
		.unit = unit,
		.profile = profile,
		.pid = e->pid,
		.tid = e->tid,
		.uid = e->uid,
		.gid = e->gid,
		.comm = e->comm,
		.exe = exe,
		.arch = e->arch,
		.syscall = name ? name : "",
		.nr = e->nr,
		.detail = detail,
		.rule = rule,
		.verdict = e->verdict,
		.err = e->err,
		.value = e->value,
		.basis = e->basis,
		.by = e->by,
		.operator_uid = e->operator_uid,
		.operator_user = detail + e->detail_len + 1,
		.mode = e->mode,
		.latency_us = e->latency_us,
		.count = 1,
	};
	memcpy(ret->args, e->args, sizeof(ret->args));
}
