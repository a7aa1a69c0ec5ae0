/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pathset.h - thousands of path globs, matched in one walk over the path.
 *
 * A pattern is an absolute path of bytes, not characters:
 *
 *   *       any bytes of one component, none too; names that begin with a dot among them: it is
 *           policy, not a shell. Never a slash, and no component is empty.
 *   ?       one byte other than a slash
 *   [a-z]   one of these bytes; [!a-z] or [^a-z] one of the others; never a slash. A ] that comes
 *           first is one of them. Bytes beyond ASCII are refused: a character is several.
 *   \c      the byte c itself, in brackets too
 *   **      as a whole component: any number of components. At the end at least one: /etc/ and
 *           two asterisks matches all that is below /etc, not /etc. Within, none too: with two
 *           asterisks between /a/ and /b, /a/b matches.
 *
 * Refused: a component that is empty, `.` or `..`, a slash at the end (but for / itself), `**` as
 * a part of a component, brackets that do not end, a range that runs backwards, [:class:].
 *
 * A name that is no path is matched as one component in which a slash is a byte like any other:
 *
 *   PATHSET_FILES    the kernel's for what has no place in the tree: `pipe:`, `socket:`,
 *                    `anon_inode:`, `memfd:`, `dmabuf:`, and the namespaces' (`net:`, ...).
 *                    Their brackets are to be escaped: pipe:* or pipe:\[123\].
 *   PATHSET_SOCKETS  an abstract socket's: `@` stands for the NUL that it begins with.
 */
#ifndef SECCOMPD_DAEMON_PATHSET_H
#define SECCOMPD_DAEMON_PATHSET_H

#include "daemon/idset.h"

#define PATHSET_PATTERN_MAX 4096 /* bytes */
#define PATHSET_PATH_MAX    4096

enum pathset_kind { PATHSET_FILES, PATHSET_SOCKETS };

struct pathset;

/* 0; -EINVAL: WHY is wrong at byte OFFSET, a constant text in the form of "'**' within a
 * component". */
int pathset_check(const char *pattern, enum pathset_kind kind, size_t *ret_offset,
		  const char **ret_why);

struct pathset_item {
	const char *pattern; /* not kept */
	unsigned id;	     /* several patterns may have the same */
};

/* 0; -EINVAL: a pattern that pathset_check() refuses; -E2BIG: more globs than a set takes;
 * -ENOMEM. Memory is A's. */
int pathset_new(struct arena *a, enum pathset_kind kind, const struct pathset_item *items, size_t n,
		struct pathset **ret);

/*
 * Sets the bit of each id with a pattern that matches PATH, a canonical absolute path (no
 * component empty, `.` or `..`) or another name, of LEN bytes. Allocates nothing, needs 60 kB of
 * stack. The time does not depend on how many patterns do not match, but for brackets: those that
 * differ and stand in the same place are tried in turn. At worst it is the length of the path
 * times that of the patterns.
 *
 * 0 or -ENAMETOOLONG.
 */
int pathset_match(const struct pathset *s, const char *path, size_t len, uint64_t *bitmap);

#endif
