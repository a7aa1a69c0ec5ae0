/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter.h - a client's view of a profile -> a BPF program: what the kernel can
 * prove and nobody wants recorded is decided there, everything else is notified.
 */
#ifndef SECCOMPD_DAEMON_FILTER_H
#define SECCOMPD_DAEMON_FILTER_H

#include <linux/filter.h>

#include "daemon/decide.h"

struct filter {
	struct sock_filter *insns;
	size_t n;      /* at most BPF_MAXINSNS */
	bool notifies; /* has at least one SECCOMP_RET_USER_NOTIF */
};

/*
 * The same rules as decide(): the first that matches decides; a rule that only the daemon can
 * evaluate, or whose verdict is to be recorded, is notified. A call of an architecture that is
 * not covered is killed (where nothing at all of the profile is enforced: notified, or allowed
 * where nobody records). Where the program would be too long, the calls with the longest lists
 * of conditions are notified whatever their arguments; never those with a kernel-only action.
 *
 * 0; -E2BIG: longer than the kernel takes, even after widening to notifications (ERR says
 * which rules); -ENOMEM. ERR is "" for what has no explanation; it may be NULL where ERR_SIZE
 * is 0.
 */
int filter_compile(const struct view *v, struct filter *ret, char *err, size_t err_size);
void filter_done(struct filter *f);

/* Refuses what no filter can carry: kernel-only actions that an earlier or their own `when`
 * or `limit` would leave to the daemon, unless their arguments are provably disjoint. Items, one
 * a rule, go to D with the rule's position. 0 or -EINVAL. */
int filter_check(const struct profile *p, struct diag *d);

/* Runs the program on a call as the kernel would: the SECCOMP_RET_* value with its data. For
 * tests and `explain`. */
uint32_t filter_run(const struct filter *f, uint32_t arch, int32_t nr, const uint64_t args[6],
		    uint64_t ip);

/* The program in a sealed memfd (F_SEAL_SEAL|SHRINK|GROW|WRITE), close-on-exec: an array of
 * struct sock_filter. A descriptor or -errno. */
int filter_memfd(const struct filter *f);

#endif
