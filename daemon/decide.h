/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * decide.h - rules + facts -> verdict. No I/O, no clock, no allocation on the
 * way of a notification.
 */
#ifndef SECCOMPD_DAEMON_DECIDE_H
#define SECCOMPD_DAEMON_DECIDE_H

#include "daemon/profile.h"

/* What is fixed about a client when it registers. */
struct identity {
	char *unit, *slice; /* "" where there is none */
	pid_t pid;	    /* who registered */
	uid_t uid;
	gid_t gid;
	char **label_keys, **label_values;
	size_t n_labels;
};
void identity_done(struct identity *id);

struct view_when; /* private: the dynamic conditions of a rule, made ready */

/*
 * A profile as one client sees it: for each rule whether its `when` can hold. Rules whose
 * unit, slice or label conditions do not hold for this client are never looked at.
 */
struct view {
	struct profile *profile; /* a reference */
	bool *dead;		 /* of each rule: can never hold for this client */
	bool permissive;	 /* the profile and each live rule: nothing is enforced */
	struct view_when *when;	 /* private, of each rule */
};

/*
 * ID NULL: any client, so that every static condition may hold. NULL with ENOMEM.
 *
 * Globs are fnmatch(3)'s. unit, slice, label, comm: no flags. exe: a `*` does not match a slash,
 * and a glob that ends in a slash and two asterisks matches all that is below it at any depth.
 * user, group: the decimal number or the name, as of when the profile was read.
 */
struct view *view_new(struct profile *p, const struct identity *id);
struct view *view_free(struct view *v); /* always NULL; NULL is fine */
/* Must the daemon be asked whether this rule matches (beyond its registers)? */
bool view_uncertain(const struct view *v, unsigned rule);
/* Has a live rule for this call a user, group, exe or comm condition? Then facts.proc must be
 * of this very moment, not from a cache. */
bool view_needs_proc(const struct view *v, enum arch a, int32_t nr);
/* The operation of this call where a live rule is about it, so that facts.op is needed and the
 * call is to be done by the daemon; else NULL. */
const struct operation_call *view_operation(const struct view *v, enum arch a, int32_t nr);

/* The calling process at the time of the call. */
struct proc_facts {
	pid_t tgid;
	uid_t uid; /* effective */
	gid_t gid;
	char comm[16];
	const char *exe; /* "" where it cannot be read */
};

/* What an operation is about, found out by whoever will do it. */
struct op_facts {
	enum operation op; /* OPERATION_NONE: it was not found out */
	unsigned access;   /* open: ACCESS_* */
	const char *name;  /* open: of the object or the entry, see resolve.h */
};

struct facts {
	uint32_t arch; /* AUDIT_ARCH_* */
	int32_t nr;
	uint64_t args[6];
	const struct proc_facts *proc; /* NULL: could not be read */
	struct op_facts op;
	uint64_t now_ns; /* monotonic, for limits */
};

/* Token buckets of one client, one a rule with a limit; zeroed memory is a full bucket. */
struct bucket {
	double tokens;
	uint64_t last_ns; /* 0: not used yet */
};

struct verdict {
	enum record_verdict kind; /* ALLOW, DENY, RETURN or KILL */
	int err;	   /* DENY; ALLOW: what the call failed with that the daemon did, or 0 */
	int64_t value;	   /* RETURN */
	int rule;	   /* -1: the default */
	enum record_by by; /* BY_RULE, BY_DEFAULT or BY_FAILURE */
	enum record_basis basis;
	enum record_mode mode; /* PERMISSIVE: recorded, then let through */
	enum log_mode log;
	bool record; /* is a record due? */
};

/*
 * The first rule that matches decides. BUCKETS: one for each rule of the profile, or NULL where
 * no rule has a limit; a token is taken only where all else of the rule holds. Always gives a
 * verdict; what cannot be worked out is the configured denial with BY_FAILURE: a condition on a
 * process that could not be read, on an executable without a name, a limit without a bucket, an
 * operation that was not found out.
 *
 * A rule on an operation: `path` is matched against the object's name. One that allows matches
 * where all that the call wants is in its `access`, any other one where some of it is.
 * The basis is EMULATED from the first such rule on that was asked, whichever decides: an allowed
 * call must then be done by the daemon, since what was asked about could be swapped under a call
 * that goes on by itself. Where nothing was found out yet, EMULATED says that it is to be.
 * A call of an architecture that the profile does not cover is VERDICT_KILL.
 */
void decide(const struct view *v, const struct facts *f, struct bucket *buckets,
	    struct verdict *ret);

/* The denial of last resort of this profile: DENY with its errno (never 0) by BY_FAILURE, always
 * recorded; PERMISSIVE only where nothing of the profile is enforced. */
void decide_failure(const struct view *v, struct verdict *ret);

/* There is nothing to decide: whatever the rules say, the call fails with ERR, since what it names
 * is not there or not within reach. ALLOW with that error, by default. */
void decide_error(const struct view *v, int err, struct verdict *ret);

/* Does register value X satisfy C? Shared with tests. */
bool cond_holds(const struct cond *c, uint64_t x);

/* What is answered for a rule (index, or -1 for the default) once it is known to match,
 * before permissive is applied. Kernel-only actions give DENY (trap, trace), KILL
 * (kill-thread), ALLOW (log); they have no log setting of their own, so a permissive one,
 * which is notified, is recorded by the profile's. */
void decide_rule(const struct profile *p, int rule, struct verdict *ret);

#endif
