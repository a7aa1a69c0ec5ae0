/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.h - one thread waits without a system call until another lets it go on.
 *
 * The waiting thread reads a page that is not there yet; a userfaultfd(2) (Linux 5.11 for
 * everybody, UFFD_USER_MODE_ONLY) makes the kernel hold it at that until the page is filled, and
 * tells the other thread that it has come. Where there is no userfaultfd the waiting thread spins
 * and the other one looks for it from time to time.
 */
#ifndef SECCOMPD_CLIENT_GATE_H
#define SECCOMPD_CLIENT_GATE_H

#include <stdbool.h>

struct gate;

/* NULL where memory is short. Lives as long as the process, or until exec. */
struct gate *gate_new(void);
/* Does gate_pass() spin? */
bool gate_spins(const struct gate *g);
/* The one thread: says that it has come and waits for gate_open(). No system call. */
void gate_pass(struct gate *g);
/* The other thread: waits until the first is at the gate. */
void gate_await(struct gate *g);
/* 0 or -errno: the first thread stays where it is then. */
int gate_open(struct gate *g);
/* For who may make no system call and waits for the end of the process. */
_Noreturn void gate_stay(void);

#endif
