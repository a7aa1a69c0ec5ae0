/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_config.c - any text as seccompd.yaml: refused with a reason, or settings within bounds.
 */
#include <stdint.h>
#include <stdlib.h>

#include "daemon/config.h"

static const char *const _unused_ fuzz_seeds[] = {
	"operators: {users: [root], groups: [root, 12]}\nviewers: {users: 0}\n"
	"limits: {clients: 10, clients_per_uid: 9, connections: 8, connections_per_uid: 7}\n"
	"workers: 2\n"
	"log: {max_size: 1G, max_age: 30d, batch: 10ms, journal: true, journal_burst: 5, ring: "
	"4M}\n",
	"clients:\n"
	"  - match: {unit: [a.service, 'b*'], slice: c.slice, user: root, label: {k: [v, 'w*']}}\n"
	"    profile: web\n    choose: [web-*, other]\n"
	"  - match: {user: '*'}\n    choose: true\n"
	"  - refuse: true\n",
};

static void ask(const struct config *c)
{
	const char *const keys[] = {"k"}, *const values[] = {"v"};
	struct claim claim = {.unit = "a.service",
			      .slice = "c.slice",
			      .label_keys = keys,
			      .label_values = values,
			      .n_labels = 1};
	char reason[64] = "";

	for (int i = 0; i < 2; i++) {
		const char *got = config_assign(c, &claim, reason, sizeof(reason));

		if (!got && reason[0] == '\0')
			abort();
		claim.want = "web-1";
		reason[0] = '\0';
	}
	(void)config_is_operator(c, 5, 5, NULL, 0);
	(void)config_is_viewer(c, 5, 5, NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = {0};
	struct config *c = NULL;
	int r = config_parse("fuzz.yaml", (const char *)data, size, &c, &d);

	if ((r == 0) != (c != NULL) || (r == 0) != (d.n + d.dropped == 0))
		abort();
	if (c) {
		if (c->ring_bytes & (c->ring_bytes - 1) || c->max_clients == 0 ||
		    c->max_connections == 0)
			abort();
		ask(c);
	}
	config_free(c);
	diag_done(&d);
	return 0;
}

#include "tests/fuzz/fuzz_main.h"
