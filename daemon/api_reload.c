/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_reload.c - POST /v1/reload: settings and profiles anew.
 */
#include "daemon/api_route.h"
#include "proto/record.h"

static json_t *diagnostics_json(const struct diag *d)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < d->n; i++) {
		const struct diag_item *item = &d->items[i];

		json_array_append_new(list, json_pack("{s:o, s:I, s:I, s:o}", "file",
						      record_json_string(item->file, false), "line",
						      (json_int_t)item->line, "column",
						      (json_int_t)item->column, "text",
						      record_json_string(item->text, false)));
	}
	return list;
}

void api_reload(struct api_call *c)
{
	struct diag d = {0};
	int r = server_reload(c->server, &d);

	if (r < 0)
		api_reply(c->req, 422,
			  json_pack("{s:s, s:o, s:I}", "error",
				    "what was refused stays as it ran, the rest is in force",
				    "diagnostics", diagnostics_json(&d), "dropped",
				    (json_int_t)d.dropped));
	else
		api_reply(c->req, 200,
			  json_pack("{s:b, s:I}", "ok", 1, "profiles",
				    (json_int_t)store_count(c->server->store)));
	diag_done(&d);
}
