/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.c - a message of client.sock taken apart.
 */
#include "daemon/request.h"

#include <stdarg.h>
#include <string.h>

#include "proto/base.h"
#include "proto/message.h"

/* The annotation with which a container names its profile. */
#define PROFILE_ANNOTATION "io.seccompd.profile"
/* The name that the OCI runtime specification gives to the listener. */
#define LISTENER_NAME "seccompFd"

struct why {
	char *text;
	size_t size;
};

static _printf_(2, 3) int wrong(const struct why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why->text, why->size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static int check_label(const char *key, const char *value, const struct why *why)
{
	size_t len = strlen(key);

	if (len == 0 || len > REQUEST_LABEL_KEY_MAX || strchr(key, '=') || !is_printable(key))
		return wrong(why, "a label's key is 1 to %d bytes without = and control characters",
			     REQUEST_LABEL_KEY_MAX);
	if (strlen(value) > REQUEST_LABEL_VALUE_MAX || !is_printable(value))
		return wrong(why,
			     "label %s: a value is at most %d bytes without control characters",
			     key, REQUEST_LABEL_VALUE_MAX);
	return 0;
}

/* STRICT: a launcher's labels are ours to define, a container's annotations are not. */
static int parse_labels(json_t *labels, bool strict, struct request *r, const struct why *why)
{
	size_t n = json_object_size(labels), bytes = 0;
	const char *key;
	json_t *value;
	int rc = 0;

	if (n > (strict ? REQUEST_LABELS_MAX : REQUEST_ANNOTATIONS_MAX))
		return wrong(why, "more than %d %s",
			     strict ? REQUEST_LABELS_MAX : REQUEST_ANNOTATIONS_MAX,
			     strict ? "labels" : "annotations");
	if (n == 0)
		return 0;
	r->label_keys = calloc(n, sizeof(*r->label_keys));
	r->label_values = calloc(n, sizeof(*r->label_values));
	if (!r->label_keys || !r->label_values)
		return -ENOMEM;
	json_object_foreach (labels, key, value) {
		if (!json_is_string(value))
			return wrong(why, "%s %.64s is not a string",
				     strict ? "label" : "annotation", key);
		if (strict)
			rc = check_label(key, json_string_value(value), why);
		if (rc < 0)
			return rc;
		bytes += strlen(key) + json_string_length(value);
		if (!strict && bytes > REQUEST_ANNOTATIONS_BYTES)
			return wrong(why, "more than %d bytes of annotations",
				     REQUEST_ANNOTATIONS_BYTES);
		r->label_keys[r->n_labels] = key;
		r->label_values[r->n_labels++] = json_string_value(value);
	}
	return 0;
}

/* A member that may be absent or null; *RET is left alone then. */
static int optional_object(json_t *json, const char *key, json_t **ret, const struct why *why)
{
	json_t *member = json_object_get(json, key);

	if (!member || json_is_null(member))
		return 0;
	if (!json_is_object(member))
		return wrong(why, "%s is not an object", key);
	*ret = member;
	return 0;
}

static int optional_string(json_t *json, const char *key, const char **ret, const struct why *why)
{
	json_t *member = json_object_get(json, key);

	if (!member || json_is_null(member))
		return 0;
	if (!json_is_string(member))
		return wrong(why, "%s is not a string", key);
	*ret = json_string_value(member);
	return 0;
}

/* Nobody who asks for something new may be given something else in silence. */
static int known_keys(json_t *json, const struct why *why)
{
	static const char *const known[] = {"seccompd", "request", "profile", "labels"};
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach (json, key, value) {
		for (i = 0; i < ARRAY_SIZE(known); i++)
			if (strcmp(key, known[i]) == 0)
				break;
		if (i == ARRAY_SIZE(known))
			return wrong(why, "unknown member %.64s of the request", key);
	}
	return 0;
}

static int parse_request(json_t *json, struct request *r, const struct why *why)
{
	json_t *version = json_object_get(json, "seccompd");
	json_t *labels = NULL;
	const char *name = NULL;
	int rc;

	if (!json_is_integer(version))
		return wrong(why, "seccompd, the version of the protocol, is not a number");
	if (json_integer_value(version) != MESSAGE_VERSION)
		return wrong(why, "version %lld of the protocol is not known, only %d is",
			     (long long)json_integer_value(version), MESSAGE_VERSION);
	rc = optional_string(json, "request", &name, why);
	if (rc < 0)
		return rc;
	if (!name || strcmp(name, "compile") != 0)
		return wrong(why, "unknown request %.64s, expected compile",
			     name ? name : "(none)");
	r->kind = REQUEST_COMPILE;
	rc = known_keys(json, why);
	if (rc == 0)
		rc = optional_string(json, "profile", &r->want, why);
	if (rc == 0)
		rc = optional_object(json, "labels", &labels, why);
	return rc < 0 ? rc : parse_labels(labels, true, r, why);
}

static int check_fds(json_t *json, const struct why *why)
{
	json_t *fds = json_object_get(json, "fds");
	const char *name = json_string_value(json_array_get(fds, 0));

	if (!json_is_array(fds))
		return wrong(why, "fds is not an array");
	if (json_array_size(fds) != 1 || !name || strcmp(name, LISTENER_NAME) != 0)
		return wrong(why, "fds must name %s and nothing else", LISTENER_NAME);
	return 0;
}

static int parse_state(json_t *json, struct request *r, const struct why *why)
{
	json_t *annotations = NULL, *state = json_object_get(json, "state");
	const char *metadata = NULL;
	int rc;

	r->kind = REQUEST_STATE;
	r->id = "";
	if (!json_is_string(json_object_get(json, "ociVersion")))
		return wrong(why, "ociVersion is not a string");
	if (!json_is_integer(json_object_get(json, "pid")))
		return wrong(why, "pid is not a number");
	if (!json_is_object(state))
		return wrong(why, "state is not an object");
	rc = check_fds(json, why);
	if (rc == 0)
		rc = optional_string(json, "metadata", &metadata, why);
	if (rc == 0)
		rc = optional_string(state, "id", &r->id, why);
	if (rc == 0)
		rc = optional_object(state, "annotations", &annotations, why);
	if (rc == 0)
		rc = parse_labels(annotations, false, r, why);
	if (rc == 0)
		r->want = json_string_value(json_object_get(annotations, PROFILE_ANNOTATION));
	return rc;
}

int request_parse(json_t *json, struct request *ret, char *reason, size_t size)
{
	const struct why why = {reason, size};
	struct request r = {0};
	int rc;

	if (json_object_get(json, "seccompd"))
		rc = parse_request(json, &r, &why);
	else if (json_object_get(json, "ociVersion") || json_object_get(json, "fds"))
		rc = parse_state(json, &r, &why);
	else
		rc = wrong(&why, "neither a request nor the state of a container process");
	if (rc == -ENOMEM)
		(void)snprintf(reason, size, "out of memory");
	if (rc < 0)
		request_done(&r);
	else
		*ret = r;
	return rc;
}

void request_done(struct request *r)
{
	free(r->label_keys);
	free(r->label_values);
	memset(r, 0, sizeof(*r));
}
