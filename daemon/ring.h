/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ring.h - decisions on their way from one worker to the log thread: a byte
 * ring in a shared mapping on tmpfs, one producer, one consumer. What was
 * committed or announced outlives a crash of the daemon and is read by its successor.
 */
#ifndef SECCOMPD_DAEMON_RING_H
#define SECCOMPD_DAEMON_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record.h"

struct ring;

/* The fixed part of an entry; six strings follow, each ended by NUL. */
struct ring_entry {
	uint32_t size; /* bytes with strings and padding, a multiple of 8 */
	uint32_t kind; /* RING_PAD or RING_DECISION */
	uint64_t seq;
	int64_t time_us;
	uint64_t client;
	uint64_t args[6];
	int64_t value;
	int32_t pid, tid;
	uint32_t uid, gid;
	uint32_t arch;
	int32_t nr;
	int32_t err;
	uint32_t latency_us;
	uint32_t operator_uid;
	uint8_t verdict, basis, by, mode;
	uint8_t log; /* enum log_mode: changes are folded by the log thread */
	uint8_t reserved[3];
	char comm[16];
	uint16_t unit_len, profile_len, rule_len, exe_len, detail_len; /* without NUL */
	uint16_t operator_len;
	char strings[]; /* unit, profile, rule, exe, detail, operator_user */
};
#define RING_PAD       0
#define RING_DECISION  1
#define RING_ENTRY_MAX (24 * 1024)

/*
 * Opens or makes the ring at PATH (NULL: anonymous memory). SIZE in bytes, a power of two of at
 * least 64 KiB. A file of another version, size or with a broken header is moved aside to
 * PATH.bad and a new one made. 0 or -errno.
 */
int ring_open(const char *path, size_t size, struct ring **ret);
/* An existing ring of whatever size. -EUCLEAN: broken or of another version (left as it is);
 * -ENOENT; other -errno. An entry that was announced and not committed is committed by this, or
 * counted as broken; no producer may have the ring by then. So in ring_open(). */
int ring_attach(const char *path, struct ring **ret);
size_t ring_size(const struct ring *r);
struct ring *ring_close(struct ring *r); /* keeps the file */

/* Producer. Room for an entry of SIZE bytes (rounded up to 8), or NULL where the ring is full.
 * Nothing is seen by the consumer before ring_commit(). One reservation at a time; reserving
 * again without a commit drops the first, announced or not. */
struct ring_entry *ring_reserve(struct ring *r, size_t size);
/* The reserved entry is wholly filled in, and what it tells is about to happen: should the process
 * die before ring_commit(), who opens the ring next commits it, once. Not seen by the consumer.
 * Until the commit the fields of fixed size may still be changed, each to a value that is valid
 * together with the others'. Without a reservation nothing happens. */
void ring_announce(struct ring *r);
void ring_commit(struct ring *r);
/* A free share of at least one entry of the greatest size? */
bool ring_has_room(const struct ring *r);

/* Consumer. The oldest committed entry (its sizes and lengths checked: a broken one is skipped
 * and counted), or NULL. ring_next() steps a cursor without releasing; ring_release() gives
 * back all that was stepped over, once it is durable. */
const struct ring_entry *ring_next(struct ring *r);
/* The same without stepping. */
const struct ring_entry *ring_peek(struct ring *r);
void ring_release(struct ring *r);
void ring_rewind(struct ring *r); /* the cursor back to what was last released */
uint64_t ring_broken(const struct ring *r);

/*
 * What names a place in a ring for good: the ring's random id, and bytes counted from its
 * making. ring_position() is the cursor's; ring_skip_to() releases up to POSITION, and does
 * nothing where that is not between what was released and what was committed. ring_head(),
 * ring_tail(): what was committed and what was released, for any thread.
 */
#define RING_ID_MAX 33 /* 32 hexadecimal digits and NUL */
void ring_id(const struct ring *r, char buf[static RING_ID_MAX]);
uint64_t ring_position(const struct ring *r);
void ring_skip_to(struct ring *r, uint64_t position);
uint64_t ring_head(const struct ring *r);
uint64_t ring_tail(const struct ring *r);

/* Waking: the consumer says before it sleeps that it wants a wake-up, and looks at the ring once
 * more; the producer asks after a commit whether to give one. Without WANT it is given only when
 * the ring is half full. Either way once: the consumer asks again. The caller owns the eventfd. */
void ring_want_wake(struct ring *r, bool want);
bool ring_wake_wanted(struct ring *r);

/* Fills E's lengths and strings from D, and its fixed part. Size needed: ring_entry_size(D), never
 * more than RING_ENTRY_MAX: strings that are too long are cut, a detail that is becomes
 * {"truncated":true}. */
size_t ring_entry_size(const struct decision *d);
void ring_entry_fill(struct ring_entry *e, const struct decision *d, uint8_t log);
/* Decodes; strings borrowed from E. `syscall` is filled from the tables. */
void ring_entry_decode(const struct ring_entry *e, struct decision *ret);

#endif
