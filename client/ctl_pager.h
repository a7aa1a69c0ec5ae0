/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_pager.h - standard output through a pager.
 */
#ifndef SECCOMPD_CLIENT_CTL_PAGER_H
#define SECCOMPD_CLIENT_CTL_PAGER_H

#include <sys/types.h>

struct ctl_pager {
	pid_t pid; /* 0: none */
};

/* $SECCOMPD_PAGER, $PAGER or less(1); none where that is empty or cat, or cannot be started. */
void ctl_pager_start(struct ctl_pager *p);
/* Ends the output and waits until the reader leaves the pager. */
void ctl_pager_end(struct ctl_pager *p);

#endif
