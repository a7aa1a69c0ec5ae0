/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * check.h - `seccompd --check`: is what the files say what a daemon could run with?
 */
#ifndef SECCOMPD_DAEMON_CHECK_H
#define SECCOMPD_DAEMON_CHECK_H

#include <stddef.h>
#include <stdio.h>

#include "daemon/config.h"
#include "daemon/store.h"

/*
 * The N_FILES profiles of FILES with their drop-ins, or, where there are none, the configuration
 * and every profile of the N_DIRS directories. Every error goes to OUT as FILE:LINE:COLUMN: TEXT,
 * a file without one as "FILE: OK". The exit status: 0, or 1.
 */
int check_run(const char *config_path, const char *const *dirs, size_t n_dirs, char **files,
	      int n_files, FILE *out);

/* Adds to D each profile that an assignment of C, the settings file PATH, names and S has not.
 * How many. */
size_t check_assigned(const struct config *c, const char *path, struct store *s, struct diag *d);

#endif
