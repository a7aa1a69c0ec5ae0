/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * userdb.h - users and groups by name and number. Main thread only, and only
 * where files are read: it asks the network where the system's user database
 * does.
 */
#ifndef SECCOMPD_DAEMON_USERDB_H
#define SECCOMPD_DAEMON_USERDB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* NAME, or the decimal number that it is. 0, -ESRCH for an unknown name, other -errno. */
int userdb_uid(const char *name, uid_t *ret);
int userdb_gid(const char *name, gid_t *ret);

struct userdb_name {
	char *name;
	unsigned id;
};
struct userdb_names {
	struct userdb_name *v;
	size_t n;
};
/* All users (groups) that the database lists, as they were when first asked for since the last
 * userdb_forget(), which takes the list away. 0 or -errno. */
int userdb_list(bool groups, const struct userdb_names **ret);
void userdb_forget(void);

#endif
