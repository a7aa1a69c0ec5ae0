/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_time.h - times as people write them.
 */
#ifndef SECCOMPD_CLIENT_CTL_TIME_H
#define SECCOMPD_CLIENT_CTL_TIME_H

#include <stddef.h>
#include <stdint.h>

/*
 * RFC 3339; "2026-11-24", "2026-11-24 10:00", "2026-11-24 10:00:00", "10:00", "10:00:00" (local);
 * "now", "today", "yesterday"; "-5m", "+1h", "1h 30min ago"; "@SECONDS". NOW and the result in
 * microseconds since the epoch. 0 or -EINVAL.
 */
int ctl_time_parse(const char *text, int64_t now_us, int64_t *ret);

/* "2026-11-24 10:00:00" of an RFC 3339 time, local; TEXT itself where it is none. */
void ctl_time_local(const char *text, char *buf, size_t size);
/* "3d 4h", "5min 10s" */
void ctl_time_span(int64_t seconds, char *buf, size_t size);

#endif
