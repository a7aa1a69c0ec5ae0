/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * profile_build.h - what the parts of the profile parser share; private to daemon/profile_*.c.
 */
#ifndef SECCOMPD_DAEMON_PROFILE_BUILD_H
#define SECCOMPD_DAEMON_PROFILE_BUILD_H

#include "daemon/arena.h"
#include "daemon/profile.h"
#include "daemon/yaml.h"

#define PROFILE_FILES_MAX   64 /* the main file and its drop-ins */
#define PROFILE_TEXT_MAX    ((size_t)2 * 1024 * 1024)
#define PROFILE_MATCHES_MAX 1000000u
#define PROFILE_MEMORY_MAX  ((size_t)64 * 1024 * 1024)
#define PROFILE_ARGS_MAX    12	/* of one rule */
#define PROFILE_VALUES_MAX  256 /* of one argument */

/* A system call of any architecture. */
struct call {
	const char *name;
	bool resolved;
	bool multiplexed; /* i386: has a way through socketcall(2) or ipc(2) */
	int nr[ARCH_MAX];
};

/* A match before those of one call are gathered. */
struct draft {
	uint32_t nr;
	unsigned rule;
	unsigned n_conds;
	struct cond *conds;
};

struct path_draft {
	const char *pattern;
	unsigned rule;
};

struct build {
	struct profile *p;
	struct diag *diag;
	struct arena *scratch;
	struct call *calls; /* sorted by name */
	size_t n_calls, size_calls;
	bool *chosen; /* of each call: the rule at hand names it */
	struct draft *drafts[ARCH_MAX];
	size_t n_drafts[ARCH_MAX], size_drafts[ARCH_MAX];
	size_t total_drafts;
	struct path_draft *paths;
	size_t n_paths, size_paths;
	bool have_default, have_archs;
	bool failed; /* memory is short, or a limit reached that is told */
};

/* One comparison of `args`, not yet cut to the width of a register. */
struct arg_cmp {
	enum cmp_op op;
	const yaml_node_t *at;
	struct yaml_number mask, value;
};
struct arg {
	const yaml_node_t *key;
	const char *name;
	bool any;
	bool bad; /* has had its error */
	unsigned n;
	struct arg_cmp *cmps;
};
/* Position and width of each argument: what the conditions depend on. */
struct args_shape {
	uint8_t where[PROFILE_ARGS_MAX][2];
	struct cond *conds;
};
struct args {
	unsigned n;
	struct arg arg[PROFILE_ARGS_MAX];
	unsigned n_shapes;
	struct args_shape shapes[16];
};

/* profile_rule.c */
void profile_rule_parse(struct build *b, struct yaml_file *f, const yaml_node_t *node,
			unsigned index, const char *auto_name);

/* profile_args.c: the mapping NODE. */
void profile_args_parse(struct build *b, struct yaml_file *f, const yaml_node_t *node,
			struct args *ret);
/* The conditions of ARGS for system call NAME on A. 0 with n_conds = args->n, or -EINVAL with
 * errors (each argument has at most one). */
int profile_args_resolve(struct build *b, struct yaml_file *f, struct args *args, enum arch a,
			 const char *name, struct cond **ret);

/* profile_when.c */
void profile_when_parse(struct build *b, struct yaml_file *f, const yaml_node_t *node,
			struct rule *r);
void profile_limit_parse(struct yaml_file *f, const yaml_node_t *node, struct rule *r);

/* profile_op.c: the mapping NODE of a rule on the operation KEY. */
void profile_op_parse(struct build *b, struct yaml_file *f, const yaml_node_t *key,
		      const yaml_node_t *node, unsigned rule);
/* The paths of all rules become the profile's set. 0 or -errno with an item. */
int profile_op_finish(struct build *b);

/* profile_calls.c */
int profile_calls_start(struct build *b);
void profile_calls_done(struct build *b);
/* Adds RULE to the calls that NODE (a name, an @group or a list of them) names. */
void profile_calls_add(struct build *b, struct yaml_file *f, const yaml_node_t *node,
		       struct args *args, unsigned rule);
/* Adds RULE to all calls that do OP. */
void profile_calls_add_op(struct build *b, enum operation op, unsigned rule);
/* The drafts become the profile's tables. */
void profile_calls_finish(struct build *b);

#endif
