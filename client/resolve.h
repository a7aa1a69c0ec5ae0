/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.h - which files execvp(3) would try for a command, found before
 * system calls are somebody else's decision.
 */
#ifndef SECCOMPD_CLIENT_RESOLVE_H
#define SECCOMPD_CLIENT_RESOLVE_H

/* The paths that are there, in the order of PATH, ended by NULL; the caller frees each and the
 * list. 0; -ENOENT: there is none; -ENOMEM. */
int resolve_command(const char *command, char ***ret);
void resolve_free(char **paths);

#endif
