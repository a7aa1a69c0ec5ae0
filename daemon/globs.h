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

/* One glob or a list of them; what can never match is an error. Memory is A's. */
void globs_parse(struct yaml_file *f, const yaml_node_t *n, enum globs_kind kind, struct arena *a,
		 struct strv *ret);
/* The same of users or groups, with their numbers as of now: a name without a glob becomes its
 * number and must exist, a glob matches the number or a name that the database lists. Who comes
 * later is not among them. */
void globs_parse_ids(struct yaml_file *f, const yaml_node_t *n, enum globs_kind kind,
		     struct arena *a, struct strv *ret, struct idlist *ret_ids);
/* A mapping of label keys to globs. */
void globs_parse_labels(struct yaml_file *f, const yaml_node_t *n, struct arena *a,
			struct when_label **ret, size_t *ret_n);

#endif
