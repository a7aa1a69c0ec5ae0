/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proc.h - who makes a call: thread group, credentials, comm and exe of a
 * thread, read from /proc and kept for as long as the kernel says that nothing
 * changed. One cache belongs to one worker.
 */
#ifndef SECCOMPD_DAEMON_PROC_H
#define SECCOMPD_DAEMON_PROC_H

#include "daemon/decide.h"

struct proc_cache;

struct proc_cache *proc_cache_new(void);
struct proc_cache *proc_cache_free(struct proc_cache *c);

/* A descriptor to poll for POLLIN, *after* the listeners in the same poll(2), or -1 where this
 * kernel, name space or user gets no such events: then every reading is fresh. */
int proc_cache_fd(const struct proc_cache *c);
/* Takes in what changed. To be called when the descriptor is readable, before proc_read(). */
void proc_cache_drain(struct proc_cache *c);

/*
 * The facts of thread TID, or NULL where it is gone or cannot be read. Borrowed until the next
 * call. FRESH: read now. *ret_read: was /proc read? Then the caller must check that the
 * notification is still valid before it believes the facts, and proc_forget() them if not.
 */
const struct proc_facts *proc_read(struct proc_cache *c, pid_t tid, bool fresh, bool *ret_read);
void proc_forget(struct proc_cache *c, pid_t tid);

#endif
