/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * store.h - the profiles in force, by name: directories searched in order
 * (--profile-dir, /etc, then the vendor's), snapshots swapped on reload.
 * Main thread only.
 */
#ifndef SECCOMPD_DAEMON_STORE_H
#define SECCOMPD_DAEMON_STORE_H

#include "daemon/profile.h"

struct store;

/* DIRS: N directories, the first wins. Copied. */
struct store *store_new(const char *const *dirs, size_t n);
void store_free(struct store *s);

/*
 * Reads every profile anew. A profile that is refused keeps its running snapshot (on the first
 * load: is absent), and its errors go to D. A profile whose file went is dropped; clients keep
 * their own. 0, or -EINVAL where at least one was refused.
 */
int store_load(struct store *s, struct diag *d);
/* The snapshot in force (borrowed; profile_ref() to keep), or NULL. A name with a slash or a
 * leading dot is never found. */
struct profile *store_get(struct store *s, const char *name);
size_t store_count(const struct store *s);
struct profile *store_at(struct store *s, size_t i); /* sorted by name */
/* Was the last reading of NAME refused? The text of the reasons, or NULL. */
const char *store_error(struct store *s, const char *name);

/* The I-th profile whose last reading was refused, sorted by name, whether an earlier snapshot
 * of it runs or not: its name (the reasons: store_error()), or NULL behind the last. */
const char *store_refused_at(struct store *s, size_t i);

#endif
