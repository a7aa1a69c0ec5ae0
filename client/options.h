/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.h - the command line of seccomp-run.
 */
#ifndef SECCOMPD_CLIENT_OPTIONS_H
#define SECCOMPD_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_LABELS_MAX 64
#define OPTIONS_DIRS_MAX   16

/* Exit statuses as of env(1). */
#define EXIT_LAUNCHER	    125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND	    127

/* Strings are argv's, and labels are copies that live as long as the program. */
struct options {
	const char *socket;
	const char *profile; /* NULL: what the daemon assigns */
	const char *label_keys[OPTIONS_LABELS_MAX];
	const char *label_values[OPTIONS_LABELS_MAX];
	size_t n_labels;
	const char *dirs[OPTIONS_DIRS_MAX]; /* --profile-dir */
	size_t n_dirs;
	bool private_supervisor;
	bool allow_new_privs;
	char **command; /* ended by NULL, never empty */
};

/* -1: go on. Else the exit status: all was said. */
int options_parse(int argc, char **argv, struct options *ret);

/* "seccomp-run: TEXT" on stderr. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
