/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* detail.c - what a record says of an operation */
#include "daemon/detail.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "daemon/operation.h"
#include "proto/base.h"
#include "proto/record.h"

#define NAME_SIZE_MAX 8000 /* of a name with its escapes; all else is short */
static_assert(2 * NAME_SIZE_MAX + 128 < DETAIL_MAX, "two names and their keys fit");

struct out {
	char *p;
	bool any, cut;
};

static void put(struct out *o, const char *s)
{
	size_t n = strlen(s);

	memcpy(o->p, s, n + 1);
	o->p += n;
}

static void put_key(struct out *o, const char *key)
{
	put(o, o->any ? ",\"" : "{\"");
	put(o, key);
	put(o, "\":");
	o->any = true;
}

/* The character at S as it stands in a JSON string; its length in *ret_step. */
static size_t escape(const char *s, char buf[static 8], size_t *ret_step)
{
	unsigned char c = (unsigned char)*s;
	size_t step = record_utf8(s, NULL);

	*ret_step = step ? step : 1;
	if (step == 0 || c == '\\')
		return (size_t)snprintf(buf, 8, "\\\\x%02x", c);
	if (c < 0x20)
		return (size_t)snprintf(buf, 8, "\\u%04x", c);
	if (c == '"')
		return (size_t)snprintf(buf, 8, "\\\"");
	memcpy(buf, s, step);
	return step;
}

static void put_name(struct out *o, const char *key, const char *s)
{
	char one[8];
	size_t len = 0, n, step;

	put_key(o, key);
	put(o, "\"");
	for (; *s; s += step, len += n) {
		n = escape(s, one, &step);
		if (len + n > NAME_SIZE_MAX)
			break;
		memcpy(o->p, one, n);
		o->p += n;
	}
	o->cut = o->cut || *s;
	put(o, "\"");
}

static void put_access(struct out *o, unsigned access)
{
	const char *sep = "\"";

	put_key(o, "access");
	for (unsigned i = 0; i < ACCESS_NAMES_N; i++) {
		if (!(access & 1u << i))
			continue;
		put(o, sep);
		put(o, access_names[i]);
		sep = ",";
	}
	put(o, "\"");
}

void detail_open(char buf[static DETAIL_MAX], const char *path, const char *given, unsigned access)
{
	struct out o = {.p = buf};

	*buf = '\0';
	if (*path)
		put_name(&o, "path", path);
	if (*given && strcmp(given, path) != 0)
		put_name(&o, "given", given);
	if (access)
		put_access(&o, access);
	if (o.cut) {
		put_key(&o, "truncated");
		put(&o, "true");
	}
	if (o.any)
		put(&o, "}");
}
