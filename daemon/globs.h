/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * globs.h - the lists of globs by which files select clients and processes.
 */
#ifndef SECCOMPD_DAEMON_GLOBS_H
#define SECCOMPD_DAEMON_GLOBS_H

#include "daemon/arena.h"
#include "daemon/profile.h"
#include "daemon/yaml.h"

enum globs_kind {
	GLOBS_UNIT,
	GLOBS_SLICE,
	GLOBS_USER,
	GLOBS_GROUP,
	GLOBS_EXE,
	GLOBS_COMM,
	GLOBS_LABEL,
	GLOBS_PROFILE,
};

/* One glob or a list of them; what can never match is an error. User and group names without
 * glob characters become numbers. Memory is A's. */
void globs_parse(struct yaml_file *f, const yaml_node_t *n, enum globs_kind kind, struct arena *a,
		 struct strv *ret);
/* A mapping of label keys to globs. */
void globs_parse_labels(struct yaml_file *f, const yaml_node_t *n, struct arena *a,
			struct when_label **ret, size_t *ret_n);

#endif
