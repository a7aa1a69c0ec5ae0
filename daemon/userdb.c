/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* userdb.c - users and groups by name and number */
#include "daemon/userdb.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "proto/base.h"

#define USERDB_BUF_MAX ((size_t)1024 * 1024) /* a group may list many members */

/* (uid_t)-1 is nobody's: the kernel takes it for "leave it". */
static int userdb_number(const char *s, unsigned *ret)
{
	unsigned long long x;
	char *end;

	if (s[0] < '0' || s[0] > '9')
		return -EINVAL;
	errno = 0;
	x = strtoull(s, &end, 10);
	if (*end != '\0')
		return -EINVAL;
	if (errno != 0 || x >= UINT32_MAX)
		return -ERANGE;
	*ret = (unsigned)x;
	return 0;
}

/* What getpwnam_r(3) and getgrnam_r(3) give for "no such name" differs between databases. */
static int userdb_error(int r)
{
	return r == 0 || r == ENOENT || r == ESRCH || r == EBADF || r == EPERM ? -ESRCH : -r;
}

int userdb_uid(const char *name, uid_t *ret)
{
	int r = userdb_number(name, ret);

	if (r != -EINVAL)
		return r;
	for (size_t size = 4096; size <= USERDB_BUF_MAX; size *= 4) {
		_cleanup_free_ char *buf = malloc(size);
		struct passwd pw, *found = NULL;

		if (!buf)
			return -ENOMEM;
		r = getpwnam_r(name, &pw, buf, size, &found);
		if (r == ERANGE)
			continue;
		if (!found)
			return userdb_error(r);
		*ret = found->pw_uid;
		return 0;
	}
	return -ERANGE;
}

int userdb_gid(const char *name, gid_t *ret)
{
	int r = userdb_number(name, ret);

	if (r != -EINVAL)
		return r;
	for (size_t size = 4096; size <= USERDB_BUF_MAX; size *= 4) {
		_cleanup_free_ char *buf = malloc(size);
		struct group gr, *found = NULL;

		if (!buf)
			return -ENOMEM;
		r = getgrnam_r(name, &gr, buf, size, &found);
		if (r == ERANGE)
			continue;
		if (!found)
			return userdb_error(r);
		*ret = found->gr_gid;
		return 0;
	}
	return -ERANGE;
}

int userdb_user_name(uid_t uid, char *buf, size_t size)
{
	_cleanup_free_ char *scratch = malloc(USERDB_BUF_MAX / 16);
	struct passwd pw, *found = NULL;
	int r;

	if (!scratch)
		return -ENOMEM;
	r = getpwuid_r(uid, &pw, scratch, USERDB_BUF_MAX / 16, &found);
	if (!found)
		return userdb_error(r);
	if (strlen(found->pw_name) >= size)
		return -ERANGE;
	(void)snprintf(buf, size, "%s", found->pw_name);
	return 0;
}
