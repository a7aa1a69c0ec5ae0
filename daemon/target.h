/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * target.h - the calling thread of one notification: its memory, rights, directories and
 * descriptors.
 *
 * Needs the daemon's own rights (rights.h). What is read counts only if target_valid() says yes
 * *after* the reading: until then a wait may have ended and the thread gone on, or the thread may
 * have died. Of a thread that is gone: -ESRCH.
 */
#ifndef SECCOMPD_DAEMON_TARGET_H
#define SECCOMPD_DAEMON_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/rights.h"

/* Borrows the listener. The descriptors are opened when they are needed. */
struct target {
	int listener;
	uint64_t id;
	pid_t tid;
	struct rights_pids pids; /* tgid 0: not read yet, see target_rights() and target_tgid() */
	int dir;		 /* /proc/TID, of this thread for sure, O_PATH */
	int mem;		 /* its memory, as it was when first read */
	int pidfd;
};

/* For the notification ID of LISTENER, made by thread TID. 0 and a result for target_done();
 * -ESRCH: gone, or not visible from here. */
int target_open(struct target *ret, int listener, uint64_t id, pid_t tid);
void target_done(struct target *t);
bool target_valid(const struct target *t);
int target_tgid(struct target *t, pid_t *ret);

/*
 * Memory. ADDR as the thread means it: the caller has cut a 32-bit one. An address that the
 * thread could not read itself is -EFAULT; one that a userfaultfd keeps back too, where the thread
 * would wait. Pages that come from a file may have to be read from it, which takes what its file
 * system takes.
 */
int target_read(struct target *t, uint64_t addr, void *buf, size_t len); /* all or -EFAULT */
/* A string with its NUL into BUF of SIZE (paths: PATH_MAX): the length. -ENAMETOOLONG: no NUL in
 * SIZE bytes; -EFAULT: an unreadable page comes before the NUL. What is behind the NUL's page is
 * not touched. */
ssize_t target_read_string(struct target *t, uint64_t addr, char *buf, size_t size);
/* A structure that grows with the kernel's versions, of which the thread says USIZE bytes and we
 * know KSIZE (copy_struct_from_user): a shorter one is filled with zeros. -EINVAL: less than MIN;
 * -E2BIG: more than a page, or not zero beyond KSIZE. */
int target_read_struct(struct target *t, uint64_t addr, size_t usize, size_t min, void *buf,
		       size_t ksize);

/* For rights_done(). */
int target_rights(struct target *t, struct rights *ret);
/* The soft limit RLIMIT_NOFILE or RLIMIT_FSIZE. Read from text, 10 us: prlimit(2) would want
 * CAP_SYS_RESOURCE. */
int target_limit(struct target *t, int resource, uint64_t *ret);

/* Does a signal wait that a blocked system call of the thread would give way to? Its own, or one of
 * the group, which another thread may take. Any thread of ours may ask, at any time. */
enum target_signal { TARGET_SIGNAL_NONE, TARGET_SIGNAL_OWN, TARGET_SIGNAL_GROUP };
enum target_signal target_signal(const struct target *t);

/*
 * Descriptors, O_PATH, for the caller to close. A directory that was removed is opened all the
 * same; names below it are -ENOENT by the kernel's own word. *ret_deleted, where not NULL, is for
 * those who want its name.
 *
 * Following these links asks the file system whether the file is still good (d_weak_revalidate):
 * NFS and 9p may ask their server.
 */
int target_root(struct target *t);
int target_cwd(struct target *t, bool *ret_deleted);
/* The file of the thread's descriptor FD, to start from (dirfd): -EBADF: it is not open. Opening
 * and closing it reaches no file system. */
int target_path_fd(struct target *t, int fd);
/*
 * The thread's very descriptor FD (pidfd_getfd(2)), with its offset, flags and locks. -EBADF: it
 * is not open. -EOPNOTSUPP: before Linux 6.9, and the thread does not share its leader's table.
 * -EMFILE, -ENFILE: of the daemon. Closing it may be the last close and take as long as the target
 * likes (SO_LINGER, FUSE): see closer.h.
 */
int target_fd(struct target *t, int fd);

#endif
