/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_status.c - seccompctl status: how the daemon does.
 */
#include "client/ctl.h"
#include "client/ctl_time.h"

static void bytes_text(long long n, char *buf, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double d = (double)n;
	size_t i = 0;

	for (; d >= 1024 && i + 1 < ARRAY_SIZE(units); i++)
		d /= 1024;
	(void)snprintf(buf, size, i ? "%.1f %s" : "%.0f %s", d, units[i]);
}

static void add_daemon(struct table *t, json_t *status)
{
	long long reloads = ctl_number(status, "reloads");
	const char *config = ctl_text(status, "config");
	char span[64], since[64];

	ctl_time_span(ctl_number(status, "uptime_s"), span, sizeof(span));
	ctl_time_local(ctl_text(status, "started"), since, sizeof(since));
	table_styled(t, TABLE_BOLD, "seccompd");
	table_addf(t, "%s, process %lld, since %s (%s)", ctl_text(status, "version"),
		   ctl_number(status, "pid"), since, span);
	table_styled(t, TABLE_BOLD, "settings");
	table_addf(t, "%s, %lld reload%s (%lld refused)", *config ? config : "no file", reloads,
		   ctl_plural(reloads), ctl_number(status, "reloads_refused"));
}

static void add_clients(struct table *t, json_t *status)
{
	json_t *clients = json_object_get(status, "clients"), *worker;
	json_t *workers = json_object_get(status, "workers");
	size_t i;

	table_styled(t, TABLE_BOLD, "clients");
	table_addf(t, "%lld of at most %lld, %lld since the start, %lld refused",
		   ctl_number(clients, "now"), ctl_number(clients, "max"),
		   ctl_number(clients, "total"), ctl_number(clients, "refused"));
	json_array_foreach (workers, i, worker) {
		long long n = ctl_number(worker, "clients");

		table_styled(t, TABLE_BOLD, i ? "" : "workers");
		table_addf(t, "%zu: %lld client%s", i, n, ctl_plural(n));
	}
}

static void add_log(struct table *t, json_t *status)
{
	json_t *log = json_object_get(status, "log");
	long long written = ctl_number(log, "written"),
		  dropped = ctl_number(log, "journal_dropped");
	_cleanup_free_ char *failing = NULL;
	char bytes[32];

	bytes_text(ctl_number(log, "bytes"), bytes, sizeof(bytes));
	table_styled(t, TABLE_BOLD, "log");
	table_addf(t, "%lld record%s written since the start, %s", written, ctl_plural(written),
		   bytes);
	if (ctl_flag(log, "failing") &&
	    asprintf(&failing, "failing: %s", ctl_text(log, "error")) >= 0) {
		table_add(t, "");
		table_styled(t, TABLE_BAD, failing);
	}
	if (dropped) {
		table_add(t, "");
		table_addf(t, "left out of the journal: %lld", dropped);
	}
}

static void add_profiles(struct table *t, json_t *status)
{
	json_t *profiles = json_object_get(status, "profiles"), *item;
	size_t i;

	table_styled(t, TABLE_BOLD, "profiles");
	table_addf(t, "%lld", ctl_number(profiles, "count"));
	json_array_foreach (json_object_get(profiles, "refused"), i, item) {
		_cleanup_free_ char *text = NULL;

		bool running = json_is_true(json_object_get(item, "running"));

		if (asprintf(&text, "%s was refused, %s", ctl_text(item, "name"),
			     running ? "it stays as it ran" : "it is not in force") < 0)
			text = NULL;
		table_add(t, "");
		table_styled(t, TABLE_BAD, text ? text : "");
	}
}

static void print_short(json_t *status)
{
	json_t *log = json_object_get(status, "log");
	long long clients = ctl_number(json_object_get(status, "clients"), "now");
	long long records = ctl_number(log, "written");

	(void)printf("%s, %lld client%s, %lld record%s\n",
		     ctl_flag(log, "failing") ? "log failing" : "running", clients,
		     ctl_plural(clients), records, ctl_plural(records));
}

enum ctl_exit ctl_status(struct ctl *ctl)
{
	_cleanup_json_ json_t *status = NULL;
	enum ctl_exit r = ctl_call(ctl, "GET", "/v1/status", &status);
	struct table *t;

	if (r != CTL_DONE)
		return r;
	if (ctl->output == OUTPUT_JSON)
		return ctl_print_json(ctl, status, true);
	if (ctl->output == OUTPUT_SHORT) {
		print_short(status);
		return CTL_DONE;
	}
	t = table_new(NULL, 2);
	if (t) {
		add_daemon(t, status);
		add_clients(t, status);
		add_log(t, status);
		add_profiles(t, status);
	}
	return ctl_print_table(ctl, t);
}
