/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * burst.h - how many journal entries a client may cause: BURST in ten seconds,
 * the rest is counted.
 */
#ifndef SECCOMPD_DAEMON_BURST_H
#define SECCOMPD_DAEMON_BURST_H

#include <stdbool.h>
#include <stdint.h>

#define BURST_WINDOW_US 10000000

struct burst;

struct burst *burst_new(unsigned burst);
struct burst *burst_free(struct burst *b);
/* May CLIENT have one more at NOW_US (monotonic)? One that may not is counted. */
bool burst_take(struct burst *b, uint64_t client, int64_t now_us);
/* Gives the clients whose window is over and that had some left out to FN, and forgets all whose
 * window is over. True while any window is open. */
bool burst_expire(struct burst *b, int64_t now_us,
		  void (*fn)(uint64_t client, uint64_t suppressed, void *data), void *data);

#endif
