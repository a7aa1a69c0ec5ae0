/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_clients.c - seccompctl clients, seccompctl client ID: who is supervised.
 */
#include <pwd.h>
#include <string.h>

#include "client/ctl.h"
#include "client/ctl_time.h"
#include "client/http.h"

static void user_text(long long uid, char *buf, size_t size)
{
	const struct passwd *pw = getpwuid((uid_t)uid);

	if (pw)
		(void)snprintf(buf, size, "%s", pw->pw_name);
	else
		(void)snprintf(buf, size, "%lld", uid);
}

/* All that are no plain allows. */
static long long count_denied(json_t *client)
{
	json_t *verdicts = json_object_get(client, "verdicts");

	return ctl_number(verdicts, "deny") + ctl_number(verdicts, "return") +
	       ctl_number(verdicts, "kill");
}

static void add_client(struct table *t, json_t *client)
{
	long long denied = count_denied(client);
	char since[64], user[64], number[32];

	ctl_time_local(ctl_text(client, "since"), since, sizeof(since));
	user_text(ctl_number(client, "uid"), user, sizeof(user));
	(void)snprintf(number, sizeof(number), "%lld", denied);
	table_styled(t, TABLE_BOLD, ctl_text(client, "id"));
	table_add(t, *ctl_text(client, "unit") ? ctl_text(client, "unit") : "-");
	table_addf(t, "%s%s", ctl_text(client, "profile"),
		   ctl_flag(client, "current") ? "" : " (old)");
	table_addf(t, "%lld", ctl_number(client, "pid"));
	table_add(t, user);
	table_add(t, since);
	table_addf(t, "%lld", ctl_number(json_object_get(client, "verdicts"), "allow"));
	table_styled(t, denied ? TABLE_BAD : TABLE_PLAIN, number);
	table_add(t, ctl_text(client, "command"));
}

static enum ctl_exit print_short(const struct ctl *ctl, json_t *clients)
{
	struct table *t = table_new(NULL, 3);
	json_t *client;
	size_t i;

	json_array_foreach (clients, i, client) {
		if (!t)
			break;
		table_add(t, ctl_text(client, "id"));
		table_add(t, *ctl_text(client, "unit") ? ctl_text(client, "unit") : "-");
		table_add(t, ctl_text(client, "profile"));
	}
	return ctl_print_table(ctl, t);
}

enum ctl_exit ctl_clients(struct ctl *ctl)
{
	static const char *const headers[] = {"ID",    "UNIT",	"PROFILE", "PID",    "USER",
					      "SINCE", "ALLOW", "DENY",	   "COMMAND"};
	_cleanup_json_ json_t *answer = NULL;
	enum ctl_exit r = ctl_call(ctl, "GET", "/v1/clients", &answer);
	json_t *clients = json_object_get(answer, "clients"), *client;
	struct table *t;
	size_t i;

	if (r != CTL_DONE)
		return r;
	if (ctl->output == OUTPUT_JSON)
		return ctl_print_json(ctl, answer, true);
	if (ctl->output == OUTPUT_SHORT)
		return print_short(ctl, clients);
	t = table_new(headers, ARRAY_SIZE(headers));
	json_array_foreach (clients, i, client)
		if (t)
			add_client(t, client);
	return ctl_print_table(ctl, t);
}

bool ctl_is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0' && strlen(text) < 19;
}

bool ctl_is_client_id(const char *text)
{
	text += *text == 'c';
	return ctl_is_number(text) && strtoull(text, NULL, 10) > 0;
}

/* ---- one of them ------------------------------------------------------------------ */

static void add_pair(struct table *t, const char *key, const char *value)
{
	table_styled(t, TABLE_BOLD, key);
	table_add(t, *value ? value : "-");
}

static void add_details(struct table *t, json_t *client)
{
	json_t *labels = json_object_get(client, "labels"), *value;
	json_t *verdicts = json_object_get(client, "verdicts");
	char since[64], last[64], user[64];
	const char *key;

	ctl_time_local(ctl_text(client, "since"), since, sizeof(since));
	ctl_time_local(ctl_text(client, "last"), last, sizeof(last));
	user_text(ctl_number(client, "uid"), user, sizeof(user));
	add_pair(t, "id", ctl_text(client, "id"));
	add_pair(t, "unit", ctl_text(client, "unit"));
	add_pair(t, "slice", ctl_text(client, "slice"));
	table_styled(t, TABLE_BOLD, "profile");
	table_addf(t, "%s (%s, %s)", ctl_text(client, "profile"), ctl_text(client, "profile_hash"),
		   ctl_flag(client, "current") ? "current" : "not the one in force now");
	add_pair(t, "user", user);
	table_styled(t, TABLE_BOLD, "process");
	table_addf(t, "%lld", ctl_number(client, "pid"));
	add_pair(t, "command", ctl_text(client, "command"));
	add_pair(t, "origin", ctl_text(client, "origin"));
	add_pair(t, "since", since);
	add_pair(t, "last decision", last);
	json_object_foreach (labels, key, value) {
		table_styled(t, TABLE_BOLD, "label");
		table_addf(t, "%s=%s", key, json_string_value(value));
	}
	json_object_foreach (verdicts, key, value) {
		table_styled(t, TABLE_BOLD, key);
		table_addf(t, "%lld", (long long)json_integer_value(value));
	}
	table_styled(t, TABLE_BOLD, "failures");
	table_addf(t, "%lld", ctl_number(client, "failures"));
	table_styled(t, TABLE_BOLD, "worker");
	table_addf(t, "%lld", ctl_number(client, "worker"));
}

enum ctl_exit ctl_client(struct ctl *ctl)
{
	_cleanup_free_ char *id = http_segment(ctl->argv[0]), *path = NULL;
	_cleanup_json_ json_t *client = NULL;
	enum ctl_exit r;
	struct table *t;

	if (!ctl_is_client_id(ctl->argv[0]))
		return ctl_fail(CTL_USAGE,
				"client %s: expected an ID as `seccompctl clients` shows",
				ctl->argv[0]);
	if (!id || asprintf(&path, "/v1/clients/%s", id) < 0)
		return ctl_no_memory();
	r = ctl_call(ctl, "GET", path, &client);
	if (r != CTL_DONE)
		return r;
	if (ctl->output == OUTPUT_JSON)
		return ctl_print_json(ctl, client, true);
	t = table_new(NULL, ctl->output == OUTPUT_SHORT ? 3 : 2);
	if (t && ctl->output == OUTPUT_SHORT) {
		table_add(t, ctl_text(client, "id"));
		table_add(t, *ctl_text(client, "unit") ? ctl_text(client, "unit") : "-");
		table_add(t, ctl_text(client, "profile"));
	} else if (t) {
		add_details(t, client);
	}
	return ctl_print_table(ctl, t);
}
