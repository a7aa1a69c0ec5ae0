/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * utf8.h - one character of UTF-8.
 */
#ifndef SECCOMPD_DAEMON_UTF8_H
#define SECCOMPD_DAEMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The bytes (1..4) of the character that the LEN > 0 bytes at S start with; 0 where they are no
 * UTF-8: too long a form, a surrogate, above U+10FFFF, cut off. */
unsigned utf8_decode(const char *s, size_t len, uint32_t *ret);

#endif
