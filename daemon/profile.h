/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * profile.h - a profile as an immutable, counted snapshot: rules in order, and
 * for each architecture and system call the rules that can match it.
 */
#ifndef SECCOMPD_DAEMON_PROFILE_H
#define SECCOMPD_DAEMON_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/diag.h"
#include "daemon/operation.h"
#include "daemon/syscalls.h"
#include "proto/record.h"

enum action {
	ACTION_ALLOW,
	ACTION_DENY,
	ACTION_RETURN,
	ACTION_ASK,
	ACTION_KILL,
	ACTION_KILL_THREAD,
	ACTION_TRAP,
	ACTION_TRACE,
	ACTION_LOG,
	ACTION_MAX,
};
extern const char *const action_names[ACTION_MAX]; /* "allow", ..., "kill-thread" */
/* kill-thread, trap, trace, log: only the kernel can do these. */
bool action_kernel_only(enum action a);

enum log_mode { LOG_MODE_DENIED, LOG_MODE_EACH, LOG_MODE_CHANGES, LOG_MODE_NONE, LOG_MODE_MAX };
extern const char *const log_mode_names[LOG_MODE_MAX];

/* One comparison of a register, after masking it to the argument's width. Unsigned. */
enum cmp_op { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE, CMP_MASK_EQ, CMP_MASK_NE };
struct cmp {
	enum cmp_op op;
	uint64_t mask; /* MASK_*: (x & mask) is compared with value */
	uint64_t value;
};

/* The condition on one argument: all of cmps hold, or, where any is set, one of them. The
 * values are truncated to the width already. */
struct cond {
	uint8_t arg;   /* 0..5 */
	uint8_t width; /* 16, 32 or 64: bits of the register that count */
	bool any;
	unsigned n_cmps;
	struct cmp *cmps;
};

/* Which processes a rule is for. Lists of globs (fnmatch(3)); an empty list is no condition,
 * a list matches where one of its globs does. unit, slice, label are fixed when a client
 * registers; user, group, exe, comm are the calling process's own at the time of the call. */
struct strv {
	char **v;
	size_t n;
};
/* Does one of the globs match S? False for an empty list. Reads both only. */
bool strv_match(const struct strv *v, const char *s);
/* Users or groups by number. */
struct idlist {
	uint32_t *v; /* sorted */
	size_t n;
	bool globs; /* the list has globs, which match decimal numbers too */
};
void idlist_sort(struct idlist *ids);
/* Is ID one of IDS, or its number matched by a glob of LIST? Reads only. */
bool idlist_match(const struct idlist *ids, const struct strv *list, uint32_t id);
struct when_label {
	char *key;
	struct strv globs;
};
struct when {
	struct strv unit, slice, user, group, exe, comm;
	struct idlist uids, gids; /* whom user and group name, as of when the file was read */
	struct when_label *labels;
	size_t n_labels;
};

struct limit {
	double rate; /* tokens a second; 0: no limit */
	uint32_t burst;
};

#define PROFILE_RULES_MAX 10000
struct rule {
	char *name;	  /* "rule N" where the file names none; unique in the profile */
	const char *file; /* where it stands; owned by the profile */
	unsigned line, column;
	enum action action;
	int err;       /* deny: positive errno, the profile's where the rule names none */
	int64_t value; /* return */
	enum log_mode
		log; /* the profile's where the rule names none; NONE for kernel-only actions */
	enum record_mode mode;
	struct when when;
	bool when_static;  /* has a unit, slice or label condition */
	bool when_dynamic; /* has a user, group, exe or comm condition */
	struct limit limit;
	bool racy;
	enum operation op; /* OPERATION_NONE: the subject is system calls */
	unsigned access;   /* open: ACCESS_*; see decide.h */
	bool any_path;	   /* open: none is named, so that all are meant */
};

/* Rule RULE matches call NR of an architecture where all of CONDS hold. */
struct match {
	unsigned rule;
	unsigned n_conds;
	struct cond *conds;
};
struct sysent {
	int nr;				 /* as syscall_nr(): with bit 30 on x32 */
	const struct operation_call *op; /* NULL: it does nothing that a rule can be about */
	unsigned n_matches;
	struct match *matches; /* in the order of the rules; a rule stands at most once */
};
struct archent {
	bool covered;
	unsigned n_sysents;
	struct sysent *sysents; /* sorted by nr, unsigned */
};

struct arena;
struct profile {
	unsigned refs;	     /* atomic: profile_ref, profile_unref */
	struct arena *arena; /* the memory of all that follows */
	char *name;
	char *path; /* of the main file */
	char *description;
	char **files;  /* every file read, the main one first, ended by NULL */
	uint64_t hash; /* of the files' content: tells snapshots apart */
	enum record_mode mode;
	enum action default_action; /* allow, deny or kill */
	int err;
	enum log_mode log;
	unsigned archs; /* ARCH_BITs; `architectures:`, the native one where it is not given */
	unsigned n_rules;
	struct rule *rules;
	struct pathset *paths; /* of the rules on open, by their index; NULL: there are none */
	struct archent arch[ARCH_MAX];
};

/* Are rules on operations taken? Not before they are all there: a profile that closes one way and
 * leaves another open would promise what it does not keep. For tests. */
extern bool profile_operations;

struct profile *profile_ref(struct profile *p);
struct profile *profile_unref(struct profile *p); /* always NULL; NULL is fine */

/*
 * Reads PATH, and, where DROPINS is set, PATH.d/ *.yaml in the order of their names. A drop-in's
 * scalars override, its rules come before the main file's (a later drop-in's rules first), so
 * that an override needs no edit of the main file. NAME is the profile's name.
 * 0, or -errno with at least one item in D (-EINVAL for content, else what reading failed with).
 * Never logs. Includes the checks of filter_check().
 */
int profile_load(const char *name, const char *path, bool dropins, struct profile **ret,
		 struct diag *d);
/* The same with the drop-ins at the N paths of DROPINS, in this order; they must be there. */
int profile_load_with(const char *name, const char *path, const char *const *dropins, size_t n,
		      struct profile **ret, struct diag *d);
/* The drop-in at PATH alone, to be checked: what it says of system calls of architectures that its
 * profile adds is judged by the native one. */
int profile_load_dropin(const char *name, const char *path, struct profile **ret, struct diag *d);
/* The same from memory, for tests, fuzzing and `profile check` of standard input. */
int profile_parse(const char *name, const char *path, const char *text, size_t len,
		  struct profile **ret, struct diag *d);

/* The rules for call NR (as the kernel reports it) on A, or NULL where no rule names it. */
const struct sysent *profile_sysent(const struct profile *p, enum arch a, int32_t nr);

#endif
