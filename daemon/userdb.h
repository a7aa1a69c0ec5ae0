/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * userdb.h - users and groups by name and number. Any thread; may ask the
 * network where the system's user database does.
 */
#ifndef SECCOMPD_DAEMON_USERDB_H
#define SECCOMPD_DAEMON_USERDB_H

#include <stddef.h>
#include <sys/types.h>

/* NAME, or the decimal number that it is. 0, -ESRCH for an unknown name, other -errno. */
int userdb_uid(const char *name, uid_t *ret);
int userdb_gid(const char *name, gid_t *ret);
/* 0 with the name in BUF; -ESRCH where UID has none; -ERANGE where it does not fit. */
int userdb_user_name(uid_t uid, char *buf, size_t size);

#endif
