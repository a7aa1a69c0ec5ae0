/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dropins.h - the *.yaml files of directories, sorted by name; of two with the same
 * name the one whose directory was added first.
 */
#ifndef SECCOMPD_DAEMON_DROPINS_H
#define SECCOMPD_DAEMON_DROPINS_H

#include "daemon/diag.h"

struct dropins {
	char **paths;
	size_t n;
};

/* A directory that is not there adds nothing. 0, or -errno with an item in D. */
int dropins_add(struct dropins *l, const char *dir, struct diag *d);
void dropins_done(struct dropins *l);

/* The last component of PATH. */
const char *dropins_base(const char *path);

#endif
