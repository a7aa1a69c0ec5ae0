/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_reload.c - seccompctl reload: settings and profiles anew.
 */
#include "client/ctl.h"

enum ctl_exit ctl_reload(struct ctl *ctl)
{
	_cleanup_json_ json_t *answer = NULL;
	enum ctl_exit r = ctl_call(ctl, "POST", "/v1/reload", &answer);
	long long n = ctl_number(answer, "profiles");

	if (r != CTL_DONE)
		return r;
	if (ctl->output == OUTPUT_JSON)
		return ctl_print_json(ctl, answer, true);
	if (ctl->output == OUTPUT_TEXT)
		(void)printf("%lld profile%s in force\n", n, ctl_plural(n));
	return CTL_DONE;
}
