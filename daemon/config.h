/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.h - seccompd.yaml: who may operate, which client gets which profile, limits, log.
 */
#ifndef SECCOMPD_DAEMON_CONFIG_H
#define SECCOMPD_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/diag.h"
#include "daemon/profile.h"

struct idset { /* users by uid, groups by gid */
	uid_t *uids;
	size_t n_uids;
	gid_t *gids;
	size_t n_gids;
};

/* An entry of `clients:`. The first whose conditions all hold decides. */
struct assignment {
	struct strv unit, slice, user; /* globs; of the registering process */
	struct idlist uids;	       /* whom user names, as of when the file was read */
	struct when_label *labels;     /* the client's own word: a convenience, no protection */
	size_t n_labels;
	char *profile;	    /* what it gets where it names none; NULL: none */
	bool choose_any;    /* `choose: true` */
	struct strv choose; /* or the globs of the names it may choose */
	bool refuse;	    /* `refuse: true` */
	unsigned line;	    /* where the profile's name, else the entry, stands in the file */
	unsigned column;
};

struct arena;
struct config {
	struct arena *arena;	/* the memory of all that follows */
	struct idset operators; /* root is always one */
	struct idset viewers;	/* operators are always viewers */
	struct assignment *assignments;
	size_t n_assignments;
	unsigned max_clients;		  /* in all, default 10000 */
	unsigned max_clients_per_uid;	  /* default 1024; root: max_clients */
	unsigned max_connections;	  /* of each socket, default 512 */
	unsigned max_connections_per_uid; /* default 64; root: max_connections */
	unsigned workers;		  /* 0: one a CPU */
	uint64_t log_max_bytes;		  /* default 1 GiB; 0: no bound */
	uint64_t log_max_age_s;		  /* default 30 days; 0: no bound */
	unsigned log_batch_ms;		  /* default 10 */
	uint64_t ring_bytes;		  /* of each worker, default 4 MiB */
	bool log_journal;		  /* default true */
	unsigned journal_burst;		  /* entries a client may cause in 10 s, default 100 */
};

/* Settings of no file: all defaults, no assignments (any client may choose any profile). */
struct config *config_default(void);
/* 0 or -errno with items in D. -ENOENT (no items) where PATH is not there. */
int config_load(const char *path, struct config **ret, struct diag *d);
/* The same from memory, for tests and fuzzing; -EINVAL or -ENOMEM with items. */
int config_parse(const char *path, const char *text, size_t len, struct config **ret,
		 struct diag *d);
void config_free(struct config *c);

/* Who registers, by the kernel's word, and the labels that it claims. */
struct claim {
	const char *unit, *slice; /* "" where there is none, NULL where it cannot be told */
	uid_t uid;
	const char *const *label_keys;
	const char *const *label_values;
	size_t n_labels;
	const char *want; /* profile asked for, or NULL */
};
/* The name of the profile that CLAIM gets (borrowed from C or from CLAIM). NULL and a reason
 * in REASON (for the client's eyes) where it is refused. */
const char *config_assign(const struct config *c, const struct claim *claim, char *reason,
			  size_t reason_size);

bool config_is_operator(const struct config *c, uid_t uid, gid_t gid, const gid_t *groups,
			size_t n_groups);
bool config_is_viewer(const struct config *c, uid_t uid, gid_t gid, const gid_t *groups,
		      size_t n_groups);

#endif
