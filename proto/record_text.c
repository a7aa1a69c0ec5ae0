/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record_text.c - a decision as one line for people. Whatever the target chose (its comm, the
 * names in detail) is escaped, so that no record can draw on a terminal or start a line.
 */
#include "proto/record.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "proto/base.h"

#define COLOUR_RED    "\033[31m"
#define COLOUR_YELLOW "\033[33m"
#define COLOUR_GREEN  "\033[32m"
#define COLOUR_OFF    "\033[0m"

/* C0 and C1 controls, the marks that turn the direction of what follows, and what has no width:
 * two names that look alike are alike. */
static bool unsafe_char(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x61c ||
	       (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) || cp == 0x2060 ||
	       (cp >= 0x2066 && cp <= 0x206f) || cp == 0xfeff;
}

/* EXACT: a backslash too, so that no text passes for an escaped one. */
static size_t escape(char *buf, size_t size, const char *s, bool exact)
{
	size_t n = 0;

	if (size == 0)
		return 0;
	while (*s) {
		uint32_t cp = 0;
		size_t step = record_utf8(s, &cp);
		bool plain = step > 0 && !unsafe_char(cp) && !(exact && cp == '\\');

		if (step == 0)
			step = 1;
		if (n + (plain ? step : 4 * step) >= size)
			break;
		if (plain) {
			memcpy(buf + n, s, step);
			n += step;
		} else {
			for (size_t i = 0; i < step; i++, n += 4)
				(void)snprintf(buf + n, 5, "\\x%02x", (unsigned char)s[i]);
		}
		s += step;
	}
	buf[n] = '\0';
	return n;
}

size_t record_escape(char *buf, size_t size, const char *s)
{
	return escape(buf, size, s, false);
}

struct text {
	char *buf;
	size_t size, len;
};

static void add(struct text *t, const char *fmt, ...) _printf_(2, 3);
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < t->size - t->len ? (size_t)n : t->size - t->len - 1;
}

static void add_escaped(struct text *t, const char *s)
{
	t->len += record_escape(t->buf + t->len, t->size - t->len, s);
}

static void add_time(struct text *t, int64_t time_us, bool date)
{
	time_t s = (time_t)(time_us / 1000000);
	char buf[64] = "";
	struct tm tm;

	if (localtime_r(&s, &tm))
		(void)strftime(buf, sizeof(buf), date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
	add(t, "%s.%06u", buf, (unsigned)(time_us % 1000000));
}

/* A string with its quotes, so that no name passes for what follows it. */
static void add_quoted(struct text *t, const char *prefix, const json_t *s)
{
	_cleanup_free_ char *quoted = json_is_string(s) ? json_dumps(s, JSON_ENCODE_ANY) : NULL;

	if (!quoted)
		return;
	add(t, "%s", prefix);
	add_escaped(t, quoted);
}

/* `"/etc/shadow" read, given "../shadow"`, or what of it is known; what is about no path stands as
 * it is. */
static void add_detail(struct text *t, const char *detail)
{
	json_t *o = json_loads(detail, JSON_REJECT_DUPLICATES, NULL);
	const json_t *path = json_object_get(o, "path"), *given = json_object_get(o, "given");
	const char *access = json_string_value(json_object_get(o, "access"));

	add_quoted(t, " ", path);
	if (json_is_string(path) && access) {
		add(t, " ");
		add_escaped(t, access);
	}
	add_quoted(t, json_is_string(path) ? ", given " : " given ", given);
	if (!json_is_string(path) && !json_is_string(given)) {
		add(t, " ");
		add_escaped(t, detail);
	}
	json_decref(o);
}

static void add_call(struct text *t, const struct decision *d, bool args)
{
	const char *arch = record_arch_name(d->arch, d->nr);

	if (*d->syscall)
		add_escaped(t, d->syscall);
	else
		add(t, "%s:%" PRId32, arch, d->nr);
	if (args) {
		add(t, "(");
		for (unsigned i = 0; i + d->spare_args < ARRAY_SIZE(d->args); i++)
			add(t, "%s0x%" PRIx64, i ? ", " : "", d->args[i]);
		add(t, ")");
	}
	if (*d->detail)
		add_detail(t, d->detail);
}

static void add_verdict(struct text *t, const struct decision *d, bool colour)
{
	static const char *const colours[VERDICT_MAX] = {
		[VERDICT_ALLOW] = COLOUR_GREEN,	 [VERDICT_DENY] = COLOUR_RED,
		[VERDICT_RETURN] = COLOUR_GREEN, [VERDICT_KILL] = COLOUR_RED,
		[VERDICT_ERROR] = COLOUR_YELLOW, [VERDICT_GONE] = COLOUR_YELLOW,
	};
	const char *err = errno_to_name(d->err);

	add(t, " = %s%s", colour ? colours[d->verdict] : "", record_verdict_names[d->verdict]);
	if (d->verdict == VERDICT_RETURN)
		add(t, " %" PRId64, d->value);
	if (err)
		add(t, " %s", err);
	else if (d->err)
		add(t, " %" PRId32, d->err);
	add(t, "%s", colour ? COLOUR_OFF : "");
}

static void add_why(struct text *t, const struct decision *d)
{
	const char *sep = "";

	add(t, " (");
	if (*d->rule) {
		add(t, "rule ");
		add_escaped(t, d->rule);
		sep = ", ";
	}
	if (d->by != BY_RULE || !*d->rule) {
		add(t, "%s%s", sep, record_by_names[d->by]);
		sep = ", ";
	}
	if (*d->operator_user) {
		add(t, " ");
		add_escaped(t, d->operator_user);
	}
	if (d->mode == MODE_PERMISSIVE)
		add(t, "%spermissive", sep);
	add(t, ")");
}

size_t decision_format(char *buf, size_t size, const struct decision *d, enum decision_style style,
		       bool colour)
{
	struct text t = {buf, size, 0};

	if (size == 0)
		return 0;
	buf[0] = '\0';
	if (style != DECISION_MESSAGE) {
		add_time(&t, d->time_us, style == DECISION_TEXT);
		add(&t, " ");
	}
	add(&t, "c%" PRIu64 " ", d->client);
	if (style != DECISION_SHORT && *d->unit) {
		add_escaped(&t, d->unit);
		add(&t, " ");
	}
	t.len += escape(t.buf + t.len, size - t.len, *d->comm ? d->comm : "?", true);
	add(&t, "[%" PRId32 "] ", d->pid ? d->pid : d->tid);
	add_call(&t, d, style != DECISION_SHORT);
	add_verdict(&t, d, colour);
	add_why(&t, d);
	if (d->count > 1) {
		add(&t, " x%" PRIu32 " until ", d->count);
		add_time(&t, d->last_us, false);
	}
	return t.len;
}

void decision_print(FILE *f, const struct decision *d, enum decision_style style, bool colour)
{
	char buf[DECISION_LINE_MAX];
	size_t n = decision_format(buf, sizeof(buf) - 1, d, style, colour);

	buf[n] = '\n';
	(void)fwrite(buf, 1, n + 1, f);
}
