/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * detail.h - what a record says of an operation, as JSON, written where nothing may allocate.
 */
#ifndef SECCOMPD_DAEMON_DETAIL_H
#define SECCOMPD_DAEMON_DETAIL_H

#define DETAIL_MAX (16 * 1024) /* with NUL; what an entry of a ring takes */

/*
 * {"path": PATH, "given": GIVEN, "access": "read,write"} of an open. PATH "" or ACCESS 0 where it
 * is not known, GIVEN only where it is not PATH; strings as record_json_string() makes them, exact.
 * A name that is too long is cut, and "truncated" is true.
 */
void detail_open(char buf[static DETAIL_MAX], const char *path, const char *given, unsigned access);

#endif
