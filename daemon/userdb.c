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

static struct userdb_names userdb_users, userdb_groups; /* empty: not read yet */

static int userdb_keep(struct userdb_names *names, const char *name, unsigned id)
{
	/* Grown by doubling: at each power of two. */
	if ((names->n & (names->n - 1)) == 0) {
		size_t size = names->n ? names->n * 2 : 1;
		struct userdb_name *more = realloc(names->v, size * sizeof(*more));

		if (!more)
			return -ENOMEM;
		names->v = more;
	}
	names->v[names->n] = (struct userdb_name){strdup(name), id};
	return names->v[names->n].name && ++names->n ? 0 : -ENOMEM;
}

static int userdb_read_users(void)
{
	const struct passwd *pw;
	int r = 0;

	setpwent();
	while (r == 0 && (errno = 0, pw = getpwent()))
		r = userdb_keep(&userdb_users, pw->pw_name, pw->pw_uid);
	if (r == 0)
		r = userdb_error(errno);
	endpwent();
	return r;
}

static int userdb_read_groups(void)
{
	const struct group *gr;
	int r = 0;

	setgrent();
	while (r == 0 && (errno = 0, gr = getgrent()))
		r = userdb_keep(&userdb_groups, gr->gr_name, gr->gr_gid);
	if (r == 0)
		r = userdb_error(errno);
	endgrent();
	return r;
}

static void userdb_names_done(struct userdb_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i].name);
	free(names->v);
	*names = (struct userdb_names){0};
}

int userdb_list(bool groups, const struct userdb_names **ret)
{
	struct userdb_names *names = groups ? &userdb_groups : &userdb_users;
	int r = -ESRCH; /* the end of the list */

	if (names->n == 0)
		r = groups ? userdb_read_groups() : userdb_read_users();
	if (r != -ESRCH) {
		userdb_names_done(names); /* half of a list is none */
		return r;
	}
	*ret = names;
	return 0;
}

void userdb_forget(void)
{
	userdb_names_done(&userdb_users);
	userdb_names_done(&userdb_groups);
}
