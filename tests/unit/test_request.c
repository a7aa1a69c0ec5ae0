/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_request.c - messages of client.sock taken apart: rows of text -> what is refused, and why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/request.h"
#include "proto/base.h"

#define STATE(more) \
	"{\"ociVersion\":\"1.0.2\",\"fds\":[\"seccompFd\"],\"pid\":1,\"state\":{" more "}}"

static const struct {
	const char *text;
	const char *refused; /* a part of the reason; NULL: taken */
} rows[] = {
	{"{\"seccompd\":1,\"request\":\"compile\"}", NULL},
	{"{\"seccompd\":1,\"request\":\"compile\",\"profile\":null,\"labels\":null}", NULL},
	{"{\"seccompd\":1,\"request\":\"compile\",\"profile\":\"p\",\"labels\":{\"a\":\"b\"}}",
	 NULL},
	{"{\"seccompd\":2,\"request\":\"compile\"}", "version 2"},
	{"{\"seccompd\":\"1\",\"request\":\"compile\"}", "not a number"},
	{"{\"seccompd\":null,\"request\":\"compile\"}", "not a number"},
	{"{\"seccompd\":1}", "unknown request"},
	{"{\"seccompd\":1,\"request\":\"shutdown\"}", "unknown request shutdown"},
	{"{\"seccompd\":1,\"request\":1}", "request is not a string"},
	{"{\"seccompd\":1,\"request\":\"compile\",\"profile\":1}", "profile is not a string"},
	{"{\"seccompd\":1,\"request\":\"compile\",\"labels\":[]}", "labels is not an object"},
	{"{\"seccompd\":1,\"request\":\"compile\",\"labels\":{\"a\":1}}",
	 "label a is not a string"},
	{"{\"seccompd\":1,\"request\":\"compile\",\"labels\":{\"\":\"b\"}}", "key"},
	{"{\"seccompd\":1,\"request\":\"compile\",\"labels\":{\"a=b\":\"c\"}}", "key"},
	{"{\"seccompd\":1,\"request\":\"compile\",\"labels\":{\"a\\n\":\"c\"}}", "key"},
	{"{\"seccompd\":1,\"request\":\"compile\",\"labels\":{\"a\":\"c\\u001b\"}}", "value"},
	{"{\"seccompd\":1,\"request\":\"compile\",\"uid\":0}", "unknown member uid"},
	{"{}", "neither"},
	{"{\"profile\":\"p\"}", "neither"},
	{"{\"request\":\"compile\"}", "neither"},
	{STATE(""), NULL},
	{STATE("\"id\":\"c\",\"annotations\":{\"io.seccompd.profile\":\"p\",\"x\":"
	       "\"two\\nlines\"}"),
	 NULL},
	{STATE("\"annotations\":null"), NULL},
	{STATE("\"annotations\":[]"), "annotations is not an object"},
	{STATE("\"annotations\":{\"a\":1}"), "annotation a is not a string"},
	{STATE("\"id\":1"), "id is not a string"},
	{"{\"ociVersion\":\"1\",\"fds\":[\"seccompFd\"],\"pid\":1}", "state is not an object"},
	{"{\"ociVersion\":\"1\",\"fds\":[\"seccompFd\"],\"state\":{}}", "pid is not a number"},
	{"{\"ociVersion\":1,\"fds\":[\"seccompFd\"],\"pid\":1,\"state\":{}}", "ociVersion"},
	{"{\"fds\":[\"seccompFd\"],\"pid\":1,\"state\":{}}", "ociVersion"},
	{"{\"ociVersion\":\"1\",\"pid\":1,\"state\":{}}", "fds is not an array"},
	{"{\"ociVersion\":\"1\",\"fds\":[],\"pid\":1,\"state\":{}}", "fds must name"},
	{"{\"ociVersion\":\"1\",\"fds\":[\"x\"],\"pid\":1,\"state\":{}}", "fds must name"},
	{"{\"ociVersion\":\"1\",\"fds\":[1],\"pid\":1,\"state\":{}}", "fds must name"},
	{"{\"ociVersion\":\"1\",\"fds\":[\"seccompFd\",\"a\"],\"pid\":1,\"state\":{}}",
	 "fds must name"},
	{"{\"ociVersion\":\"1\",\"fds\":[\"seccompFd\"],\"pid\":1,\"metadata\":1,\"state\":{}}",
	 "metadata is not a string"},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *json = json_loads(rows[i].text, 0, NULL);
		char reason[256] = "";
		struct request q;
		int r;

		assert_non_null(json);
		r = request_parse(json, &q, reason, sizeof(reason));
		if (rows[i].refused ? r == 0 || !strstr(reason, rows[i].refused) : r != 0)
			fail_msg("%s: %d %s", rows[i].text, r, reason);
		if (r == 0)
			request_done(&q);
		json_decref(json);
	}
}

static void test_compile(void **state)
{
	json_t *json = json_pack("{s:i,s:s,s:s,s:{s:s}}", "seccompd", 1, "request", "compile",
				 "profile", "web", "labels", "role", "front");
	char reason[256];
	struct request q;

	(void)state;
	assert_int_equal(request_parse(json, &q, reason, sizeof(reason)), 0);
	assert_int_equal(q.kind, REQUEST_COMPILE);
	assert_string_equal(q.want, "web");
	assert_int_equal(q.n_labels, 1);
	assert_string_equal(q.label_keys[0], "role");
	assert_string_equal(q.label_values[0], "front");
	request_done(&q);
	json_decref(json);
}

static void test_state(void **state)
{
	json_t *json = json_loads(
		STATE("\"id\":\"box\",\"annotations\":{\"io.seccompd.profile\":\"web\"}"), 0, NULL);
	char reason[256];
	struct request q;

	(void)state;
	assert_int_equal(request_parse(json, &q, reason, sizeof(reason)), 0);
	assert_int_equal(q.kind, REQUEST_STATE);
	assert_string_equal(q.want, "web");
	assert_string_equal(q.id, "box");
	assert_int_equal(q.n_labels, 1);
	request_done(&q);
	json_decref(json);
}

static void test_many_labels(void **state)
{
	json_t *labels = json_object();
	json_t *json =
		json_pack("{s:i,s:s,s:o}", "seccompd", 1, "request", "compile", "labels", labels);
	char reason[256], key[REQUEST_LABEL_KEY_MAX + 2];
	struct request q;

	(void)state;
	for (int i = 0; i < REQUEST_LABELS_MAX; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		json_object_set_new(labels, key, json_string("v"));
	}
	assert_int_equal(request_parse(json, &q, reason, sizeof(reason)), 0);
	assert_int_equal(q.n_labels, REQUEST_LABELS_MAX);
	request_done(&q);
	json_object_set_new(labels, "one more", json_string("v"));
	assert_int_equal(request_parse(json, &q, reason, sizeof(reason)), -EINVAL);
	json_object_clear(labels);
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	json_object_set_new(labels, key, json_string("v"));
	assert_int_equal(request_parse(json, &q, reason, sizeof(reason)), -EINVAL);
	json_decref(json);
}

/* They are kept as long as the container lives. */
static void test_many_annotations(void **state)
{
	json_t *annotations = json_object();
	json_t *json = json_pack("{s:s,s:[s],s:i,s:{s:o}}", "ociVersion", "1.0.2", "fds",
				 "seccompFd", "pid", 1, "state", "annotations", annotations);
	char reason[256], key[16], *value = calloc(1, REQUEST_ANNOTATIONS_BYTES + 1);
	struct request q;

	(void)state;
	for (int i = 0; i < REQUEST_ANNOTATIONS_MAX; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		json_object_set_new(annotations, key, json_string(""));
	}
	assert_int_equal(request_parse(json, &q, reason, sizeof(reason)), 0);
	request_done(&q);
	json_object_set_new(annotations, "one more", json_string(""));
	assert_int_equal(request_parse(json, &q, reason, sizeof(reason)), -EINVAL);
	assert_non_null(strstr(reason, "more than 256 annotations"));
	json_object_clear(annotations);
	memset(value, 'v', REQUEST_ANNOTATIONS_BYTES);
	json_object_set_new(annotations, "k", json_string(value));
	assert_int_equal(request_parse(json, &q, reason, sizeof(reason)), -EINVAL);
	assert_non_null(strstr(reason, "bytes of annotations"));
	json_object_set_new(annotations, "k", json_string(value + 1));
	assert_int_equal(request_parse(json, &q, reason, sizeof(reason)), 0);
	request_done(&q);
	json_decref(json);
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_annotations), cmocka_unit_test(test_rows),
		cmocka_unit_test(test_compile),		 cmocka_unit_test(test_state),
		cmocka_unit_test(test_many_labels),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
