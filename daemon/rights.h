/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rights.h - what a thread may do to files and sockets: reading it of a thread, taking it over
 * for a while, and coming back to one's own.
 */
#ifndef SECCOMPD_DAEMON_RIGHTS_H
#define SECCOMPD_DAEMON_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RIGHTS_SMALL 32 /* groups that need no heap */

/*
 * Of the five capability sets only the effective one decides about files and sockets. The others,
 * no_new_privs and securebits say what an execve(2) or set*id(2) makes of it, and neither is done
 * for a target. Real and saved ids: as with the kernel, no file or socket asks for them.
 *
 * A thread's rights change by its own calls alone (the set*id family, setgroups, capset, execve,
 * unshare and setns with a user namespace), except the umask, which may be shared with others. So
 * they stand still while its notification is valid, and whoever keeps them longer must see those
 * calls.
 */
struct rights {
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	uint64_t effective; /* a bit a capability, in the namespace below */
	uint64_t permitted, inheritable;
	uint64_t user_ns; /* its inode number */
	mode_t umask;
	size_t n_groups;
	gid_t *groups; /* supplementary, ascending: `small`, or heap */
	gid_t small[RIGHTS_SMALL];
};

/* What a thread and its group are called: by us, and in their own pid namespace. */
struct rights_pids {
	pid_t tgid, inner_tgid, inner_tid;
};

/* Of the thread with directory DIR of /proc, *ret_pids with it where it is not NULL. 0 and a
 * result for rights_done(); -ESRCH: it is gone; other -errno. Takes /proc/TID/status apart: 10 us
 * where a system call takes 1 (PIDFD_GET_INFO of 6.13 with capget(2) would take 3, but nothing
 * else tells the groups). */
int rights_read(int dir, struct rights *ret, struct rights_pids *ret_pids);
void rights_done(struct rights *r);

/* Once in a thread, before the functions below: notes its own rights, and parts its umask, root
 * and working directory from the other threads'. 0 or -errno. */
int rights_thread_init(void);
void rights_thread_done(void);

/*
 * The calling thread's files and sockets are as the thread's with R from here on. Capabilities
 * that the daemon itself was not given stay away. Skips what the thread has already. The caller
 * does nothing under it but the operation: targets can be looked at only after rights_raise().
 *
 * -EOPNOTSUPP: of another user namespace. -EPERM: beyond what the daemon may. Other -errno. After
 * a failure the operation must not be done.
 *
 * The peer of an AF_UNIX connect(2) is told the target's effective ids (SO_PEERCRED, SO_PEERGROUPS)
 * and the daemon's pid. SCM_CREDENTIALS says the daemon's real ids where none are attached.
 *
 * Not taken over, since they belong to the whole process: RLIMIT_FSIZE, which truncate(2) heeds,
 * and RLIMIT_NOFILE, which the kernel heeds when a descriptor is put into the target (ADDFD runs in
 * the target). Security module labels, Landlock domains and keyrings stay the daemon's.
 */
int rights_assume(const struct rights *r);
/* The daemon's capabilities come back, the ids stay: enough for looking at targets, and a sixth of
 * the price where the next operation is under the same rights. */
int rights_raise(void);
/* All comes back. Fails only where the kernel has no memory for it: the thread then has the
 * target's rights or fewer of its own, and this may be called again. */
int rights_restore(void);

#endif
