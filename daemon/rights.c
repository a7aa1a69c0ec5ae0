/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rights.c - a thread of the daemon under a target's rights.
 *
 * Theory of operation. Credentials are a thread's; glibc's set*id() and setgroups() change those
 * of all threads, so the system calls are made raw. The file system looks at fsuid, fsgid, the
 * supplementary groups and the effective capabilities, the peer of a socket at euid and egid.
 * Nothing else is changed. Real and saved ids stay the daemon's, which keeps the target's user from
 * signalling it (kill(2) looks at these) and from tracing it (ptrace(2) at these and the effective
 * one). The permitted capabilities stay, which keeps him from its priority and CPUs, where euid
 * would let him (cap_task_setnice wants ours to be a part of his), and makes the way back one that
 * the kernel grants: effective may be set to permitted at any time, and with CAP_SETUID and
 * CAP_SETGID in it the ids follow. Tried on 6.18, see tests/live/rights.c.
 *
 * What can still fail is the allocation of the new credentials. So each step is noted only when
 * the kernel has done it, and every function starts from what is noted and not from what should
 * be. A thread that could not come back has too few rights, and that is a denial.
 *
 * An fsuid or euid that changes makes the process undumpable (fs.suid_dumpable, all versions): no
 * core dump with a target's data, /proc/PID of the daemon belongs to root. And the process
 * connector (proc.c) tells of each such change, ours included.
 */
#include "daemon/rights.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/base.h"

#define STATUS_SMALL 4096
#define STATUS_MAX   (2u << 20) /* 65536 groups of ten digits and the rest */

/* The plain names take 16-bit ids on some 32-bit machines. */
#ifdef SYS_setgroups32
#define NR_SETGROUPS SYS_setgroups32
#define NR_SETRESUID SYS_setresuid32
#define NR_SETRESGID SYS_setresgid32
#else
#define NR_SETGROUPS SYS_setgroups
#define NR_SETRESUID SYS_setresuid
#define NR_SETRESGID SYS_setresgid
#endif

/* ---- reading ------------------------------------------------------------ */

/* File NAME of DIR whole, into SMALL or the heap; ended by NUL. */
static int read_whole(int dir, const char *name, char *small, char **ret, char **ret_heap)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *heap = NULL;
	char *buf = small;
	size_t len = 0, size = STATUS_SMALL;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((n = read(fd, buf + len, size - 1 - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (len < size - 1)
			continue;
		if (size == STATUS_MAX)
			return -E2BIG;
		buf = realloc(heap, STATUS_MAX);
		if (!buf)
			return -ENOMEM;
		if (!heap)
			memcpy(buf, small, len);
		heap = buf;
		size = STATUS_MAX;
	}
	buf[len] = '\0';
	*ret = buf;
	*ret_heap = TAKE_PTR(heap);
	return 0;
}

/* What follows the line head KEY, "\nUid:" for one. Names in this file are escaped: no line of it
 * is the target's to write. */
static const char *line_of(const char *status, const char *key)
{
	const char *p = strstr(status, key);

	return p ? p + strlen(key) : NULL;
}

static bool parse_ids(const char *p, uint32_t *ret[4])
{
	char *end;

	for (int i = 0; p && i < 4; i++, p = end) {
		*ret[i] = (uint32_t)strtoul(p, &end, 10);
		if (end == p)
			return false;
	}
	return p;
}

static bool parse_number(const char *p, int base, uint64_t *ret)
{
	char *end;

	if (!p)
		return false;
	*ret = strtoull(p, &end, base);
	return end != p;
}

static int parse_groups(const char *p, struct rights *r)
{
	size_t size = RIGHTS_SMALL;
	char *end;

	if (!p)
		return -EBADMSG;
	r->groups = r->small;
	for (p += strspn(p, " \t"); *p && *p != '\n'; p = end + strspn(end, " ")) {
		if (r->n_groups == size) {
			gid_t *old = r->groups == r->small ? NULL : r->groups;
			gid_t *more = reallocarray(old, size * 8, sizeof(gid_t));

			if (!more)
				return -ENOMEM;
			if (!old)
				memcpy(more, r->small, sizeof(r->small));
			r->groups = more;
			size *= 8;
		}
		r->groups[r->n_groups++] = (gid_t)strtoul(p, &end, 10);
		if (end == p)
			return -EBADMSG;
	}
	return 0;
}

/* The last one of a line: NStgid and NSpid go from our pid namespace to the thread's. */
static bool parse_innermost(const char *p, pid_t *ret)
{
	char *end;

	if (!p)
		return false;
	for (*ret = 0; *p != '\n' && *p; p = end) {
		*ret = (pid_t)strtol(p, &end, 10);
		if (end == p)
			return false;
	}
	return *ret > 0;
}

static bool parse_pids(const char *status, struct rights_pids *ret)
{
	uint64_t tgid;

	if (!parse_number(line_of(status, "\nTgid:"), 10, &tgid) ||
	    !parse_innermost(line_of(status, "\nNStgid:"), &ret->inner_tgid) ||
	    !parse_innermost(line_of(status, "\nNSpid:"), &ret->inner_tid))
		return false;
	ret->tgid = (pid_t)tgid;
	return true;
}

static int parse_status(const char *status, struct rights *r)
{
	uint32_t *uids[4] = {&r->uid, &r->euid, &r->suid, &r->fsuid};
	uint32_t *gids[4] = {&r->gid, &r->egid, &r->sgid, &r->fsgid};
	uint64_t umask = 0;

	if (!parse_ids(line_of(status, "\nUid:"), uids) ||
	    !parse_ids(line_of(status, "\nGid:"), gids) ||
	    !parse_number(line_of(status, "\nCapInh:"), 16, &r->inheritable) ||
	    !parse_number(line_of(status, "\nCapPrm:"), 16, &r->permitted) ||
	    !parse_number(line_of(status, "\nCapEff:"), 16, &r->effective))
		return -EBADMSG;
	/* A thread that is ending has no umask any more. */
	if (!parse_number(line_of(status, "\nUmask:"), 8, &umask))
		return -ESRCH;
	r->umask = (mode_t)umask;
	return parse_groups(line_of(status, "\nGroups:"), r);
}

/* The link says "user:[4026531837]": half of the price of stat(2), which makes the inode. */
static int read_user_ns(int dir, uint64_t *ret)
{
	char link[64];
	unsigned long long ino;
	ssize_t n = readlinkat(dir, "ns/user", link, sizeof(link) - 1);

	if (n < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	link[n] = '\0';
	if (sscanf(link, "user:[%llu]", &ino) != 1)
		return -EBADMSG;
	*ret = ino;
	return 0;
}

int rights_read(int dir, struct rights *ret, struct rights_pids *ret_pids)
{
	char small[STATUS_SMALL], *status = small;
	_cleanup_free_ char *heap = NULL;
	_cleanup_(rights_done) struct rights r = {0};
	int err = read_whole(dir, "status", small, &status, &heap);

	if (err == 0)
		err = parse_status(status, &r);
	if (err == 0 && ret_pids && !parse_pids(status, ret_pids))
		err = -EBADMSG;
	if (err == 0)
		err = read_user_ns(dir, &r.user_ns);
	if (err < 0)
		return err;
	*ret = r;
	if (r.groups == r.small)
		ret->groups = ret->small;
	r.groups = NULL;
	return 0;
}

void rights_done(struct rights *r)
{
	if (r->groups != r->small)
		free(r->groups);
	memset(r, 0, sizeof(*r));
}

/* ---- taking over --------------------------------------------------------- */

#define CAPS_UNKNOWN   UINT64_MAX /* there is no bit 63 */
#define GROUPS_UNKNOWN SIZE_MAX

/* The calling thread. `now`: what the kernel has done; its groups are `small`, those of `own`, or
 * not known. */
static _Thread_local struct {
	bool ready;
	struct rights own, now;
} self;

static int set_caps(uint64_t effective)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (self.now.effective == effective)
		return 0;
	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(effective >> (32 * i)),
			.permitted = (uint32_t)(self.own.permitted >> (32 * i)),
			.inheritable = (uint32_t)(self.own.inheritable >> (32 * i)),
		};
	if (syscall(SYS_capset, &head, data) < 0)
		return -errno;
	self.now.effective = effective;
	return 0;
}

static bool same_groups(const struct rights *r)
{
	return self.now.n_groups == r->n_groups &&
	       memcmp(self.now.groups, r->groups, r->n_groups * sizeof(gid_t)) == 0;
}

static int set_groups(const struct rights *r)
{
	if (same_groups(r))
		return 0;
	if (syscall(NR_SETGROUPS, r->n_groups, r->groups) < 0)
		return -errno;
	self.now.n_groups = r->n_groups;
	self.now.groups = self.now.small;
	if (r == &self.own)
		self.now.groups = self.own.groups;
	else if (r->n_groups <= RIGHTS_SMALL)
		memcpy(self.now.small, r->groups, r->n_groups * sizeof(gid_t));
	else
		self.now.n_groups = GROUPS_UNKNOWN;
	return 0;
}

static int set_gids(gid_t egid, gid_t fsgid)
{
	if (self.now.egid != egid) {
		if (syscall(NR_SETRESGID, -1, egid, -1) < 0)
			return -errno;
		self.now.egid = self.now.fsgid = egid;
	}
	if (self.now.fsgid != fsgid) {
		/* No error is told: an id that does not exist makes it say what there is. */
		(void)setfsgid(fsgid);
		self.now.fsgid = (gid_t)setfsgid((gid_t)-1);
	}
	return self.now.fsgid == fsgid ? 0 : -EPERM;
}

/* Both calls take effective capabilities away, or add some, where user 0 is left or entered. */
static int set_uids(uid_t euid, uid_t fsuid)
{
	int r;

	if (self.now.euid != euid) {
		if (syscall(NR_SETRESUID, -1, euid, -1) < 0)
			return -errno;
		self.now.euid = self.now.fsuid = euid;
		self.now.effective = CAPS_UNKNOWN;
	}
	if (self.now.fsuid != fsuid) {
		r = set_caps(self.own.permitted);
		if (r < 0)
			return r;
		(void)setfsuid(fsuid);
		self.now.fsuid = (uid_t)setfsuid((uid_t)-1);
		self.now.effective = CAPS_UNKNOWN;
	}
	return self.now.fsuid == fsuid ? 0 : -EPERM;
}

static bool same_ids(const struct rights *r)
{
	return self.now.euid == r->euid && self.now.fsuid == r->fsuid && self.now.egid == r->egid &&
	       self.now.fsgid == r->fsgid && same_groups(r);
}

/* The ids, the groups and the umask of R, under the daemon's capabilities. */
static int set_ids(const struct rights *r)
{
	int err;

	if (self.now.umask != r->umask) {
		(void)umask(r->umask); /* cannot fail */
		self.now.umask = r->umask;
	}
	if (same_ids(r))
		return 0;
	err = set_caps(self.own.permitted);
	if (err == 0)
		err = set_groups(r);
	if (err == 0)
		err = set_gids(r->egid, r->fsgid);
	if (err == 0)
		err = set_uids(r->euid, r->fsuid);
	return err;
}

int rights_assume(const struct rights *r)
{
	int err;

	if (!self.ready)
		return -EINVAL;
	if (r->user_ns != self.own.user_ns)
		return -EOPNOTSUPP;
	err = set_ids(r);
	return err < 0 ? err : set_caps(r->effective & self.own.permitted);
}

int rights_raise(void)
{
	return self.ready ? set_caps(self.own.permitted) : -EINVAL;
}

int rights_restore(void)
{
	int err = rights_raise();

	if (err == 0)
		err = set_ids(&self.own);
	return err < 0 ? err : set_caps(self.own.effective);
}

int rights_thread_init(void)
{
	_cleanup_close_ int dir = open("/proc/thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir < 0)
		return -errno;
	if (unshare(CLONE_FS) < 0)
		return -errno;
	r = rights_read(dir, &self.own, NULL);
	if (r < 0)
		return r;
	self.now = self.own; /* and its groups are not to be freed */
	self.ready = true;
	return 0;
}

void rights_thread_done(void)
{
	rights_done(&self.own);
	self.ready = false;
}
