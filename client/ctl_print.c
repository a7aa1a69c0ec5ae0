/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_print.c - asking the daemon, and printing what it says. All that comes
 * from it may carry the words of a target: nothing is printed unescaped.
 */
#include <stdarg.h>
#include <string.h>

#include "client/ctl.h"
#include "client/http.h"

void ctl_json_freep(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

enum ctl_exit ctl_fail(enum ctl_exit status, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL, *escaped = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	escaped = text ? table_escape(text) : NULL;
	(void)fprintf(stderr, "seccompctl: %s\n", escaped ? escaped : "out of memory");
	return status;
}

enum ctl_exit ctl_no_memory(void)
{
	return ctl_fail(CTL_REFUSED, "out of memory");
}

/* ---- asking -------------------------------------------------------------------- */

enum ctl_exit ctl_connect_failed(const struct ctl *ctl, int r)
{
	switch (r) {
	case -ENOENT:
	case -ECONNREFUSED:
	case -ENOTDIR:
		return ctl_fail(CTL_NO_DAEMON, "no daemon at %s: %s", ctl->socket, strerror(-r));
	case -ECONNRESET:
		return ctl_fail(CTL_NO_DAEMON, "the daemon at %s broke the connection off",
				ctl->socket);
	case -ENOMEM:
		return ctl_no_memory();
	default:
		return ctl_fail(CTL_REFUSED, "%s: %s", ctl->socket, strerror(-r));
	}
}

/* The text of an error, line by line. */
static void print_lines(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, n);

		ctl_fail(CTL_REFUSED, "%s", line ? line : "out of memory");
		text += n + (text[n] == '\n');
	}
}

static void print_diagnostics(json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		_cleanup_free_ char *file = table_escape(ctl_text(item, "file"));
		_cleanup_free_ char *text = table_escape(ctl_text(item, "text"));
		long long line = ctl_number(item, "line");

		if (line)
			(void)fprintf(stderr, "%s:%lld:%lld: %s\n", file ? file : "", line,
				      ctl_number(item, "column"), text ? text : "");
		else
			(void)fprintf(stderr, "%s: %s\n", file ? file : "", text ? text : "");
	}
}

enum ctl_exit ctl_http_failed(long status, const char *body)
{
	_cleanup_json_ json_t *json = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
	const char *error = ctl_text(json, "error");

	print_diagnostics(json_object_get(json, "diagnostics"));
	if (*error)
		print_lines(error);
	else
		ctl_fail(CTL_REFUSED, "the daemon answers with HTTP status %ld", status);
	return CTL_REFUSED;
}

enum ctl_exit ctl_call(const struct ctl *ctl, const char *method, const char *path, json_t **ret)
{
	_cleanup_json_ json_t *answer = NULL;
	struct http_reply reply;
	enum ctl_exit status = CTL_DONE;
	int r = http_call(ctl->socket, method, path, &reply);

	if (r < 0)
		return ctl_connect_failed(ctl, r);
	answer = json_loadb(reply.body, reply.len, JSON_REJECT_DUPLICATES, NULL);
	if (reply.status != 200) {
		status = ctl_http_failed(reply.status, reply.body);
		if (answer && ctl->output == OUTPUT_JSON)
			(void)ctl_print_json(ctl, answer, true);
	} else if (answer) {
		*ret = TAKE_PTR(answer);
	} else {
		status = ctl_fail(CTL_REFUSED, "the daemon's answer is not JSON");
	}
	http_reply_done(&reply);
	return status;
}

/* ---- values -------------------------------------------------------------------- */

const char *ctl_text(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

long long ctl_number(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool ctl_flag(json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *ctl_plural(long long n)
{
	return n == 1 ? "" : "s";
}

char *ctl_join(json_t *array, const char *between)
{
	char *text = NULL;
	size_t size, i;
	json_t *item;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	json_array_foreach (array, i, item)
		(void)fprintf(f, "%s%s", i ? between : "",
			      json_is_string(item) ? json_string_value(item) : "");
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/* ---- printing ------------------------------------------------------------------ */

enum ctl_exit ctl_print_json(const struct ctl *ctl, json_t *json, bool indent)
{
	/* jansson escapes what is below 0x20; as ASCII also all above 0x7f; what remains is DEL. */
	size_t flags =
		(indent ? JSON_INDENT(2) : JSON_COMPACT) | (ctl->terminal ? JSON_ENSURE_ASCII : 0);
	_cleanup_free_ char *text = json_dumps(json, flags);

	if (!text)
		return ctl_no_memory();
	for (const char *p = text; *p; p++) {
		if (*p == 0x7f && ctl->terminal)
			(void)fputs("\\u007f", stdout);
		else
			(void)putchar(*p);
	}
	(void)putchar('\n');
	return CTL_DONE;
}

enum ctl_exit ctl_print_table(const struct ctl *ctl, struct table *t)
{
	int r = t ? table_print(t, stdout, ctl->colour) : -ENOMEM;

	table_free(t);
	return r < 0 ? ctl_no_memory() : CTL_DONE;
}
