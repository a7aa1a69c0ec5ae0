/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_detect.c - seccompctl detect: what this kernel lets the daemon enforce.
 */
#include "client/ctl.h"

enum ctl_exit ctl_detect(struct ctl *ctl)
{
	static const char *const headers[] = {"FEATURE", "LINUX", "HERE", "THEREFORE"};
	_cleanup_json_ json_t *answer = NULL;
	_cleanup_free_ char *archs = NULL;
	enum ctl_exit r = ctl_call(ctl, "GET", "/v1/detect", &answer);
	json_t *feature;
	struct table *t;
	size_t i;

	if (r != CTL_DONE)
		return r;
	if (ctl->output == OUTPUT_JSON)
		return ctl_print_json(ctl, answer, true);
	t = ctl->output == OUTPUT_SHORT ? table_new(NULL, 2)
					: table_new(headers, ARRAY_SIZE(headers));
	json_array_foreach (json_object_get(answer, "features"), i, feature) {
		bool here = ctl_flag(feature, "present");

		if (!t)
			break;
		table_styled(t, TABLE_BOLD, ctl_text(feature, "name"));
		if (ctl->output != OUTPUT_SHORT)
			table_add(t, ctl_text(feature, "since"));
		table_styled(t, here ? TABLE_GOOD : TABLE_BAD, here ? "yes" : "no");
		if (ctl->output != OUTPUT_SHORT)
			table_add(t, ctl_text(feature, "means"));
	}
	r = ctl_print_table(ctl, t);
	archs = ctl_join(json_object_get(answer, "architectures"), ", ");
	if (r == CTL_DONE && ctl->output == OUTPUT_TEXT)
		(void)printf("\nProfiles can cover %s; this machine is %s.\n", archs ? archs : "",
			     ctl_text(answer, "native"));
	return r;
}
