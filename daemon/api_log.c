/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * api_log.c - GET /v1/log: the decision log, one record a line, to its end or
 * on and on.
 *
 * A record is read from the database when its reader has room for it, and never
 * before it is durable: a slow reader costs nothing, and no reader sees what a
 * crash could take back.
 */
#include <inttypes.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/api_route.h"
#include "daemon/query.h"

#define RECORDS_A_STEP 64

struct log_stream {
	struct query *query;
	struct evbuffer *out;
	bool failed;
	bool pause; /* the first end is that of the last N, not of the log */
};

/* ---- the question ---------------------------------------------------------------- */

static int digits(const char **s, uint64_t *ret)
{
	char *end;

	if (**s < '0' || **s > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(*s, &end, 10);
	if (errno)
		return -EINVAL;
	*s = end;
	return 0;
}

static int epoch_time(const char *s, int64_t *ret)
{
	uint64_t seconds, micros = 0;

	if (digits(&s, &seconds) < 0 || seconds > INT64_MAX / 1000000 - 1)
		return -EINVAL;
	if (*s == '.') {
		uint64_t unit = 100000;

		for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
			micros += (uint64_t)(*s - '0') * unit;
	}
	*ret = (int64_t)(seconds * 1000000 + micros);
	return *s ? -EINVAL : 0;
}

/* +HH:MM or -HH:MM at the end of TEXT: its length without it, and the offset in minutes. */
static size_t split_offset(const char *text, int *ret_minutes)
{
	size_t n = strlen(text);
	unsigned h, m;
	char sign;

	*ret_minutes = 0;
	if (n < 6 || sscanf(text + n - 6, "%c%2u:%2u", &sign, &h, &m) != 3 ||
	    (sign != '+' && sign != '-') || h > 23 || m > 59)
		return n;
	*ret_minutes = (int)(h * 60 + m) * (sign == '-' ? -1 : 1);
	return n - 6;
}

int api_time(const char *text, int64_t *ret)
{
	char utc[RECORD_TIME_MAX + 8];
	int minutes;
	size_t n;
	int r;

	if (*text == '@')
		return epoch_time(text + 1, ret);
	n = split_offset(text, &minutes);
	if (n >= RECORD_TIME_MAX)
		return -EINVAL;
	snprintf(utc, sizeof(utc), "%.*s%s", (int)n, text, text[n] ? "Z" : "");
	r = record_time_parse(utc, ret);
	if (r == 0)
		*ret -= (int64_t)minutes * 60 * 1000000;
	return r;
}

static int number(const char *text, uint64_t *ret)
{
	return digits(&text, ret) < 0 || *text ? -EINVAL : 0;
}

static int set_text(char **field, const char *value)
{
	free(*field);
	*field = *value ? strdup(value) : NULL;
	return *value && !*field ? -ENOMEM : 0;
}

struct question {
	struct log_filter filter;
	bool follow, n_given;
};

static int set_flag(const char *value, bool *ret)
{
	*ret = strcmp(value, "1") == 0;
	return *ret || strcmp(value, "0") == 0 ? 0 : -EINVAL;
}

/* -ENOENT: no such parameter; -EINVAL: no such value. */
static int set_param(struct question *q, const char *key, const char *value)
{
	struct log_filter *f = &q->filter;

	if (strcmp(key, "since") == 0)
		return api_time(value, &f->since_us);
	if (strcmp(key, "until") == 0)
		return api_time(value, &f->until_us);
	if (strcmp(key, "unit") == 0)
		return set_text(&f->unit, value);
	if (strcmp(key, "profile") == 0)
		return set_text(&f->profile, value);
	if (strcmp(key, "syscall") == 0)
		return set_text(&f->syscall, value);
	if (strcmp(key, "verdict") == 0)
		return set_text(&f->verdict, value);
	if (strcmp(key, "rule") == 0)
		return set_text(&f->rule, value);
	if (strcmp(key, "client") == 0)
		return api_client_id(value, &f->client);
	if (strcmp(key, "after") == 0)
		return number(value, &f->after_seq);
	if (strcmp(key, "follow") == 0)
		return set_flag(value, &q->follow);
	if (strcmp(key, "n") != 0)
		return -ENOENT;
	q->n_given = true;
	return number(value, &f->last_n);
}

/* Answers itself where it does not give 0. */
static int parse_question(struct api_call *c, struct question *q)
{
	const struct evkeyval *p;
	int r;

	TAILQ_FOREACH (p, &c->query, next) {
		r = set_param(q, p->key, p->value);
		if (r == -ENOENT)
			api_error(c->req, 400, "no such parameter: %.100s", p->key);
		else if (r == -ENOMEM)
			api_error(c->req, 500, "out of memory");
		else if (r < 0)
			api_error(c->req, 400, "%s: '%.200s' is no value for it", p->key, p->value);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the answer ------------------------------------------------------------------ */

static void add_record_cb(const struct decision *d, void *data)
{
	struct log_stream *s = data;
	json_t *json = decision_to_json(d);
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (!text || evbuffer_add(s->out, text, strlen(text)) < 0 ||
	    evbuffer_add(s->out, "\n", 1) < 0)
		s->failed = true;
}

static int log_produce(void *data, struct evbuffer *out)
{
	struct log_stream *s = data;
	int r;

	s->out = out;
	r = query_step(s->query, RECORDS_A_STEP, add_record_cb, s);
	s->out = NULL;
	if (s->failed)
		r = -ENOMEM;
	if (r == -EBUSY)
		return 1;
	if (r == 0 && s->pause) {
		s->pause = false;
		return 1;
	}
	/* A record missing must not look like the end. */
	if (r < 0)
		evbuffer_add_printf(out, "{\"error\":\"the log cannot be read: %s\"}\n",
				    strerror(-r));
	return r;
}

static void log_stream_free(void *data)
{
	struct log_stream *s = data;

	query_free(s->query);
	free(s);
}

void api_log(struct api_call *c)
{
	static const struct api_stream_ops ops = {log_produce, log_stream_free};
	struct question q = {0};
	struct log_stream *s = NULL;
	const char *full;
	int r = parse_question(c, &q);

	if (r == 0 && (full = api_streams_full(c))) {
		api_error(c->req, 503, "%s", full);
		r = -EUSERS;
	}
	if (r < 0) {
		log_filter_done(&q.filter);
		return;
	}
	if (q.n_given && q.filter.last_n == 0) { /* nothing of what there is */
		struct log_stats st = {0};

		log_stats(c->server->log, &st);
		if (q.filter.after_seq < st.last_seq)
			q.filter.after_seq = st.last_seq;
	}
	s = calloc(1, sizeof(*s));
	if (s) {
		s->pause = q.follow && q.filter.last_n > 0;
		r = query_new(c->server->db_path, &q.filter, &s->query);
	} else {
		log_filter_done(&q.filter);
	}
	if (s && r == 0) {
		api_stream_new(c, "application/x-ndjson", q.follow, &ops, s);
		return;
	}
	free(s);
	if (r == -EINVAL)
		api_error(c->req, 400,
			  "verdict: expected allow, deny, return, kill, error or gone");
	else
		api_error(c->req, 500, "the log cannot be read: %s", strerror(r ? -r : ENOMEM));
}
