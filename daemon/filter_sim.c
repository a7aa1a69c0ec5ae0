/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filter_sim.c - runs a filter on a call as the kernel would */
#include "daemon/filter.h"

#include <linux/seccomp.h>
#include <string.h>

struct sim {
	const struct filter *f;
	const struct seccomp_data *data;
	uint32_t a;
	uint32_t ret;
	size_t pc;
};

static bool sim_load(struct sim *s, uint32_t offset)
{
	if (offset % 4 != 0 || offset > sizeof(*s->data) - 4)
		return false;
	memcpy(&s->a, (const char *)s->data + offset, sizeof(s->a));
	return true;
}

/* False: the program ended, or is none that the kernel would take. */
static bool sim_step(struct sim *s)
{
	const struct sock_filter *i = &s->f->insns[s->pc++];

	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return sim_load(s, i->k);
	case BPF_ALU | BPF_AND | BPF_K:
		s->a &= i->k;
		return true;
	case BPF_JMP | BPF_JA:
		s->pc += i->k;
		return true;
	case BPF_JMP | BPF_JEQ | BPF_K:
		s->pc += s->a == i->k ? i->jt : i->jf;
		return true;
	case BPF_JMP | BPF_JGT | BPF_K:
		s->pc += s->a > i->k ? i->jt : i->jf;
		return true;
	case BPF_JMP | BPF_JGE | BPF_K:
		s->pc += s->a >= i->k ? i->jt : i->jf;
		return true;
	case BPF_JMP | BPF_JSET | BPF_K:
		s->pc += (s->a & i->k) ? i->jt : i->jf;
		return true;
	case BPF_RET | BPF_K:
		s->ret = i->k;
		return false;
	default:
		return false;
	}
}

uint32_t filter_run(const struct filter *f, uint32_t arch, int32_t nr, const uint64_t args[6],
		    uint64_t ip)
{
	struct seccomp_data data = {.nr = nr, .arch = arch, .instruction_pointer = ip};
	/* What is no program kills, as what the kernel does not know does. */
	struct sim s = {.f = f, .data = &data, .ret = SECCOMP_RET_KILL_PROCESS};

	memcpy(data.args, args, sizeof(data.args));
	while (s.pc < f->n && sim_step(&s))
		;
	return s.ret;
}
