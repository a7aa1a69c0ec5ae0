/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* errand.c - an operation that is done for its target */
#include "daemon/errand.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/notif.h"
#include "proto/base.h"

#define MOUNTS_KEPT 8 /* a client seldom has more than one mount namespace and root */

/* Whose list it is. While it is kept it holds its namespace and its root, so that none of these
 * numbers can be another's. */
struct place {
	uint64_t ns, mount, ino;
	uint32_t dev_major, dev_minor;
};

struct errands {
	struct {
		struct place place;
		struct mounts *mounts;
	} kept[MOUNTS_KEPT];
	unsigned next;
};

struct errands *errands_new(void)
{
	return calloc(1, sizeof(struct errands));
}

struct errands *errands_free(struct errands *es)
{
	for (size_t i = 0; es && i < MOUNTS_KEPT; i++)
		mounts_unref(es->kept[i].mounts);
	free(es);
	return NULL;
}

static int find_place(int dir, struct place *ret)
{
	struct stat ns;
	struct statx root;

	if (fstatat(dir, "ns/mnt", &ns, 0) < 0 ||
	    statx(dir, "root", AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &root) < 0)
		return -errno;
	*ret = (struct place){
		.ns = ns.st_ino,
		.mount = root.stx_mnt_id,
		.ino = root.stx_ino,
		.dev_major = root.stx_dev_major,
		.dev_minor = root.stx_dev_minor,
	};
	return 0;
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->ns == b->ns && a->mount == b->mount && a->ino == b->ino &&
	       a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/* The mounts of the process with directory DIR of /proc, for the caller to give back. */
static struct mounts *find_mounts(struct errands *es, int dir)
{
	struct place place, after;
	struct mounts *m;

	if (find_place(dir, &place) < 0)
		return NULL;
	for (size_t i = 0; i < MOUNTS_KEPT; i++) {
		if (es->kept[i].mounts && same_place(&es->kept[i].place, &place))
			return mounts_ref(es->kept[i].mounts);
	}
	if (mounts_new(dir, &m) < 0)
		return NULL;
	/* Others may change the root meanwhile. */
	if (find_place(dir, &after) < 0 || !same_place(&place, &after))
		return m;
	mounts_unref(es->kept[es->next].mounts);
	es->kept[es->next].mounts = mounts_ref(m);
	es->kept[es->next].place = place;
	es->next = (es->next + 1) % MOUNTS_KEPT;
	return m;
}

/* The daemon's own lack of descriptors is none of the target's, whose own is found when it is given
 * one. */
static int own_lack(int r)
{
	return r == -EMFILE || r == -ENFILE ? -ENOTRECOVERABLE : r;
}

int errand_begin(struct errands *es, struct errand *e, int listener, uint64_t id, pid_t tid,
		 enum arch arch, const struct operation_call *op, const uint64_t args[6],
		 int client_root)
{
	int r;

	memset(&e->rights, 0, sizeof(e->rights));
	e->open.found = (struct resolved){.fd = -1, .dir = -1};
	e->open.how = (struct open_how){0};
	e->open.by_kernel = false;
	e->emulate.may_block = false;
	e->open.path[0] = e->open.name[0] = '\0';
	e->mounts = NULL;
	e->step = ERRAND_LOOK;
	r = target_open(&e->target, listener, id, tid);
	e->begun = r == 0;
	if (r == -ESRCH && notif_valid(listener, id))
		return -ENOTRECOVERABLE; /* of a pid namespace that is not seen from here */
	if (r == 0)
		r = target_rights(&e->target, &e->rights);
	if (r < 0)
		return r == -ESRCH ? r : -ENOTRECOVERABLE;
	e->mounts = find_mounts(es, e->target.dir);
	if (!e->mounts)
		return target_valid(&e->target) ? -ENOTRECOVERABLE : -ESRCH;
	e->emulate = (struct emulate){
		.target = &e->target,
		.rights = &e->rights,
		.tgid = e->target.pids.tgid,
		.inner_tgid = e->target.pids.inner_tgid,
		.inner_tid = e->target.pids.inner_tid,
		.mounts = e->mounts,
		.client_root = client_root,
		.arch = arch,
	};
	return own_lack(emulate_open_read(&e->emulate, op->form, args, &e->open));
}

int errand_step(struct errand *e, bool may_block)
{
	e->emulate.may_block = may_block;
	if (e->step == ERRAND_LOOK)
		e->result = emulate_open_look(&e->emulate, &e->open);
	else if (!target_valid(&e->target)) /* all that was read counts only now */
		e->result = -ESRCH;
	else
		e->result = emulate_open_do(&e->emulate, &e->open);
	e->result = own_lack(e->result);
	return e->result;
}

void errand_run(struct lane_job *job)
{
	struct errand *e = (struct errand *)job;

	if (atomic_load(&job->cancelled))
		e->result = -EINTR;
	else
		(void)errand_step(e, true);
}

void errand_facts(const struct errand *e, struct op_facts *ret)
{
	*ret = (struct op_facts){
		.op = OPERATION_OPEN,
		.access = e->open.access,
		.name = e->open.name,
	};
}

const char *errand_given(const struct errand *e)
{
	return e->open.path;
}

bool errand_by_kernel(const struct errand *e)
{
	return e->open.by_kernel;
}

int errand_fd_flags(const struct errand *e)
{
	return (int)(e->open.how.flags & O_CLOEXEC);
}

void errand_end(struct errand *e)
{
	if (!e->begun)
		return;
	emulate_open_done(&e->open);
	e->mounts = mounts_unref(e->mounts);
	rights_done(&e->rights);
	target_done(&e->target);
	e->begun = false;
}
