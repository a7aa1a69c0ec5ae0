/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock.h - the two clocks as one number.
 */
#ifndef SECCOMPD_PROTO_CLOCK_H
#define SECCOMPD_PROTO_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic: for what takes time. */
static inline uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int64_t now_us(void)
{
	return (int64_t)(now_ns() / 1000);
}

/* Wall clock, microseconds since the epoch: for people. */
static inline int64_t wall_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

#endif
