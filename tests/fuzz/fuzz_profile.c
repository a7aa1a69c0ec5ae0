/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_profile.c - any text as a profile: refused with a reason, or a snapshot in order.
 */
#include <stdint.h>
#include <stdlib.h>

#include "daemon/profile.h"

static const char *const _unused_ fuzz_seeds[] = {
	"description: a\nmode: enforce\ndefault: allow\nerrno: EPERM\nlog: denied\n"
	"ask: {timeout: 30s, otherwise: deny}\narchitectures: [x86-64, x32, x86, arm64]\nrules:\n"
	"  - name: one\n    syscall: [write, writev]\n    args: {fd: 1}\n    action: deny\n"
	"  - syscall: [\"@module\"]\n    action: kill\n    log: none\n",
	"default: deny\nrules:\n"
	"  - syscall: openat\n"
	"    args: {dirfd: AT_FDCWD, flags: {all: [O_CREAT], none: O_EXCL|O_TRUNC}, mode: {mask: "
	"0o7000, eq: 0}}\n"
	"    when: {unit: a.service, slice: b.slice, user: root, group: root, exe: /a, comm: b, "
	"label: {k: [v, w]}}\n"
	"    limit: {rate: 100/s, burst: 200}\n    action: return\n    value: -9999\n"
	"  - {syscall: write, args: {count: {ge: 4096, lt: 0x10000, ne: [1, 2]}, fd: [1, 2]}, "
	"action: deny, errno: 5, mode: permissive}\n",
	"default: kill\nrules:\n  - open: {path: [/etc/**]}\n    action: ask\n"
	"  - {syscall: close, action: trap}\n  - {syscall: close, limit: {rate: 1/h}, action: "
	"log}\n",
};

/* What everything that reads a snapshot relies on. */
static void check_table(const struct profile *p, const struct archent *a)
{
	for (unsigned i = 0; i < a->n_sysents; i++) {
		const struct sysent *s = &a->sysents[i];

		if (!a->covered || s->n_matches == 0 ||
		    (i > 0 && (uint32_t)a->sysents[i - 1].nr >= (uint32_t)s->nr))
			abort();
		for (unsigned m = 0; m < s->n_matches; m++) {
			if (s->matches[m].rule >= p->n_rules ||
			    (m > 0 && s->matches[m - 1].rule >= s->matches[m].rule))
				abort();
			for (unsigned c = 0; c < s->matches[m].n_conds; c++)
				if (s->matches[m].conds[c].arg > 5 ||
				    s->matches[m].conds[c].n_cmps == 0)
					abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = {0};
	struct profile *p = NULL;
	int r = profile_parse("fuzz", "fuzz.yaml", (const char *)data, size, &p, &d);

	if ((r == 0) != (p != NULL) || (r == 0) != (d.n + d.dropped == 0))
		abort();
	for (int a = 0; p && a < ARCH_MAX; a++)
		check_table(p, &p->arch[a]);
	for (unsigned i = 0; p && i < p->n_rules; i++)
		if (!p->rules[i].name || !p->rules[i].file || p->rules[i].line == 0)
			abort();
	(void)profile_unref(p);
	diag_done(&d);
	return 0;
}

#include "tests/fuzz/fuzz_main.h"
