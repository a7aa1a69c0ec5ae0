/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_log.c - seccompctl log: decisions that were recorded.
 *
 * With --follow a daemon that goes away is waited for: the next one is asked
 * for what comes after the last record that was printed.
 */
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "client/ctl.h"
#include "client/ctl_pager.h"
#include "client/ctl_time.h"
#include "client/http.h"
#include "daemon/syscalls.h"
#include "proto/clock.h"
#include "proto/record.h"

#define FOLLOW_LINES  "10" /* shown before going on, as tail(1) does */
#define RECONNECT_MS  250
#define RECONNECT_FOR 120 /* tries: 30 s */
#define QUERY_PARTS   12

struct printing {
	struct ctl *ctl;
	uint64_t last_seq;
	uint64_t records;
	bool failed; /* the daemon could not read on, or said what is no record */
};

/* ---- the question ---------------------------------------------------------------- */

struct query_text {
	char *parts[QUERY_PARTS];
	size_t n;
	bool failed;
};

static void query_done(struct query_text *q)
{
	for (size_t i = 0; i < q->n; i++)
		free(q->parts[i]);
}

static void add_param(struct query_text *q, const char *key, const char *value)
{
	if (!value)
		return;
	q->parts[q->n] = http_param(key, value);
	if (q->parts[q->n])
		q->n++;
	else
		q->failed = true;
}

/* "@SECONDS.MICROS", which the daemon takes. */
static enum ctl_exit add_time(struct query_text *q, const char *key, const char *text)
{
	char buf[48];
	int64_t us;

	if (!text)
		return CTL_DONE;
	if (ctl_time_parse(text, wall_us(), &us) < 0)
		return ctl_fail(CTL_USAGE,
				"--%s '%s': expected \"2026-11-24 10:00:00\", 10:00, today, "
				"yesterday, -5m, \"1h ago\", RFC 3339 or @SECONDS",
				key, text);
	(void)snprintf(buf, sizeof(buf), "@%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
	add_param(q, key, buf);
	return CTL_DONE;
}

/* nginx is nginx.service, as for systemctl. */
static void add_unit(struct query_text *q, const char *unit)
{
	_cleanup_free_ char *full = NULL;

	if (unit && *unit && !strchr(unit, '.')) {
		if (asprintf(&full, "%s.service", unit) < 0) {
			full = NULL;
			q->failed = true;
		}
		unit = full;
	}
	add_param(q, "unit", unit);
}

static enum ctl_exit check_options(const struct ctl_log_options *o)
{
	const char *near;

	if (o->lines && !ctl_is_number(o->lines))
		return ctl_fail(CTL_USAGE, "-n %s: expected a number", o->lines);
	if (o->client && !ctl_is_client_id(o->client))
		return ctl_fail(CTL_USAGE,
				"--client %s: expected an ID as `seccompctl clients` shows",
				o->client);
	for (int i = 0; o->verdict && i < VERDICT_MAX; i++)
		if (strcmp(o->verdict, record_verdict_names[i]) == 0)
			return CTL_DONE;
	if (!o->verdict)
		return CTL_DONE;
	near = ctl_suggest(o->verdict, record_verdict_names, VERDICT_MAX);
	return ctl_fail(
		CTL_USAGE, "--verdict %s: expected allow, deny, return, kill, error or gone%s%s%s",
		o->verdict, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum ctl_exit make_query(const struct ctl *ctl, struct query_text *q)
{
	const struct ctl_log_options *o = &ctl->log;
	enum ctl_exit r = check_options(o);

	if (r == CTL_DONE)
		r = add_time(q, "since", o->since);
	if (r == CTL_DONE)
		r = add_time(q, "until", o->until);
	if (r != CTL_DONE)
		return r;
	add_unit(q, o->unit);
	add_param(q, "client", o->client);
	add_param(q, "profile", o->profile);
	add_param(q, "syscall", o->syscall);
	add_param(q, "verdict", o->verdict);
	add_param(q, "rule", o->rule);
	if (o->follow)
		add_param(q, "follow", "1");
	return q->failed ? ctl_no_memory() : CTL_DONE;
}

/* The path of the first question, or of the one that goes on behind AFTER. */
static char *make_path(const struct ctl *ctl, const struct query_text *q, uint64_t after)
{
	const char *lines = ctl->log.lines;
	char *path = NULL;
	size_t size;
	FILE *f = open_memstream(&path, &size);

	if (!f)
		return NULL;
	(void)fputs("/v1/log?", f);
	for (size_t i = 0; i < q->n; i++)
		(void)fprintf(f, "%s&", q->parts[i]);
	if (after)
		(void)fprintf(f, "after=%" PRIu64, after);
	else if (lines || (ctl->log.follow && !ctl->log.since))
		(void)fprintf(f, "n=%s", lines ? lines : FOLLOW_LINES);
	if (fclose(f) == 0)
		return path;
	free(path);
	return NULL;
}

/* ---- the answer ------------------------------------------------------------------ */

static void print_record(struct printing *p, json_t *json, const char *line)
{
	_cleanup_free_ char *text = NULL;
	struct decision d;

	if (decision_from_json(json, &d, &text) < 0) {
		const char *error = ctl_text(json, "error");

		ctl_fail(CTL_REFUSED, "%s", *error ? error : "the daemon sent what is no record");
		p->failed = true;
		return;
	}
	d.spare_args = (uint8_t)syscall_spare_args(d.arch, d.nr);
	p->last_seq = d.seq;
	p->records++;
	if (p->ctl->output != OUTPUT_JSON)
		decision_print(stdout, &d,
			       p->ctl->output == OUTPUT_SHORT ? DECISION_SHORT : DECISION_TEXT,
			       p->ctl->colour);
	else if (p->ctl->terminal)
		(void)ctl_print_json(p->ctl, json, false);
	else
		(void)puts(line);
}

static bool line_cb(char *line, size_t len, void *data)
{
	struct printing *p = data;
	_cleanup_json_ json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

	print_record(p, json, line);
	return !p->failed && !ferror(stdout);
}

/* What was printed goes out; a reader that went away ends it. */
static bool idle_cb(void *data)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	(void)data;
	return fflush(stdout) == 0 &&
	       !(poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLNVAL)));
}

static enum ctl_exit ask_once(struct printing *p, const struct query_text *q, int *ret)
{
	struct http_sink sink = {line_cb, idle_cb, p};
	_cleanup_free_ char *path = make_path(p->ctl, q, p->last_seq);
	enum ctl_exit status = CTL_DONE;
	struct http_reply reply = {0};

	if (!path)
		return ctl_no_memory();
	*ret = http_stream(p->ctl->socket, path, &sink, &reply);
	if (*ret == 0 && reply.status != 200)
		status = ctl_http_failed(reply.status, reply.body);
	else if (p->failed)
		status = CTL_REFUSED;
	http_reply_done(&reply);
	return status;
}

static bool is_gone(int r)
{
	return r == 0 || r == -ECONNRESET || r == -ECONNREFUSED || r == -ENOENT || r == -EAGAIN ||
	       r == -ETIMEDOUT;
}

static enum ctl_exit ask(struct printing *p, const struct query_text *q)
{
	static const struct timespec pause = {.tv_nsec = RECONNECT_MS * 1000000L};
	enum ctl_exit status;
	bool connected = false;
	int tries = 0, r = 0;

	for (;;) {
		status = ask_once(p, q, &r);
		if (status != CTL_DONE || r == -ECANCELED || (r == 0 && !p->ctl->log.follow))
			return status;
		if (r == 0 || r == -ECONNRESET) {
			connected = true;
			tries = 0;
		}
		if (!p->ctl->log.follow || !connected || !is_gone(r) || tries++ == RECONNECT_FOR)
			return ctl_connect_failed(p->ctl, r == 0 ? -ECONNRESET : r);
		if (!idle_cb(NULL))
			return CTL_DONE;
		nanosleep(&pause, NULL);
	}
}

enum ctl_exit ctl_log(struct ctl *ctl)
{
	struct printing p = {.ctl = ctl};
	struct query_text q = {0};
	struct ctl_pager pager = {0};
	enum ctl_exit status = make_query(ctl, &q);

	if (status == CTL_DONE) {
		if (ctl->terminal && !ctl->no_pager && !ctl->log.follow)
			ctl_pager_start(&pager);
		status = ask(&p, &q);
		ctl_pager_end(&pager);
	}
	query_done(&q);
	if (status == CTL_DONE && p.records == 0 && !ctl->log.follow)
		return CTL_REFUSED; /* nothing found */
	return status;
}
