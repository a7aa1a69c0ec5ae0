/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_api.c - the table of routes, and how the words of a request are read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/api_route.h"

static const struct {
	enum evhttp_cmd_type method;
	const char *path;
	int code; /* 200: found */
	enum api_right right;
	const char *param;
} route_rows[] = {
	{EVHTTP_REQ_GET, "/v1/status", 200, RIGHT_VIEWER, ""},
	{EVHTTP_REQ_GET, "/v1/clients", 200, RIGHT_VIEWER, ""},
	{EVHTTP_REQ_GET, "/v1/clients/c17", 200, RIGHT_VIEWER, "c17"},
	{EVHTTP_REQ_GET, "/v1/log", 200, RIGHT_VIEWER, ""},
	{EVHTTP_REQ_GET, "/v1/profiles/a%20b", 200, RIGHT_VIEWER, "a b"},
	{EVHTTP_REQ_GET, "/v1/detect", 200, RIGHT_VIEWER, ""},
	{EVHTTP_REQ_POST, "/v1/reload", 200, RIGHT_OPERATOR, ""},
	{EVHTTP_REQ_GET, "/v1/reload", 405, RIGHT_NONE, NULL},
	{EVHTTP_REQ_POST, "/v1/status", 405, RIGHT_NONE, NULL},
	{EVHTTP_REQ_HEAD, "/v1/status", 405, RIGHT_NONE, NULL},
	{EVHTTP_REQ_DELETE, "/v1/clients/c17", 405, RIGHT_NONE, NULL},
	{EVHTTP_REQ_GET, "/", 404, RIGHT_NONE, NULL},
	{EVHTTP_REQ_GET, "", 404, RIGHT_NONE, NULL},
	{EVHTTP_REQ_GET, "/v1/status/", 404, RIGHT_NONE, NULL},
	{EVHTTP_REQ_GET, "/v1/statusx", 404, RIGHT_NONE, NULL},
	{EVHTTP_REQ_GET, "/V1/status", 404, RIGHT_NONE, NULL},
	{EVHTTP_REQ_GET, "/v1/clients/", 404, RIGHT_NONE, NULL},
	{EVHTTP_REQ_GET, "/v1/clients/c1/c2", 404, RIGHT_NONE, NULL},
	{EVHTTP_REQ_GET, "/v1/profiles/a%2fb", 404, RIGHT_NONE, NULL},
	{EVHTTP_REQ_GET, "/v1/profiles/a%00b", 404, RIGHT_NONE, NULL},
};

static void test_routes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(route_rows); i++) {
		char param[API_PARAM_MAX], allow[32];
		int code;
		const struct api_route *r = api_route_find(route_rows[i].method, route_rows[i].path,
							   param, &code, allow, sizeof(allow));

		print_message("# %s\n", route_rows[i].path);
		if (route_rows[i].code != 200) {
			assert_null(r);
			assert_int_equal(code, route_rows[i].code);
			assert_int_equal(code == 405, allow[0] != '\0');
			continue;
		}
		assert_non_null(r);
		assert_int_equal(r->right, route_rows[i].right);
		assert_string_equal(param, route_rows[i].param);
	}
}

static void test_long_segment(void **state)
{
	char path[API_PARAM_MAX + 64] = "/v1/profiles/", param[API_PARAM_MAX], allow[32];
	int code;

	(void)state;
	memset(path + strlen(path), 'a', API_PARAM_MAX);
	assert_null(api_route_find(EVHTTP_REQ_GET, path, param, &code, allow, sizeof(allow)));
	assert_int_equal(code, 404);
}

/* A route without a right would be anyone's. */
static void test_rights(void **state)
{
	(void)state;
	for (size_t i = 0; i < api_n_routes; i++) {
		assert_true(api_routes[i].right > RIGHT_NONE && api_routes[i].right < RIGHT_MAX);
		if (api_routes[i].method != EVHTTP_REQ_GET)
			assert_int_equal(api_routes[i].right, RIGHT_OPERATOR);
		assert_non_null(api_routes[i].handler);
	}
}

static void test_client_id(void **state)
{
	static const char *const bad[] = {
		"", "c", "x1", "c0", "0", "c1x", "-1", "c-1", "cc1", " 1", "99999999999999999999"};
	uint64_t id = 0;

	(void)state;
	assert_int_equal(api_client_id("c17", &id), 0);
	assert_int_equal(id, 17);
	assert_int_equal(api_client_id("18", &id), 0);
	assert_int_equal(id, 18);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(api_client_id(bad[i], &id), -EINVAL);
	assert_int_equal(id, 18);
}

static void test_time(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} rows[] = {
		{"@1", 1000000},
		{"@1.5", 1500000},
		{"@1.000001", 1000001},
		{"@1.0000019", 1000001},
		{"1970-01-01T00:00:01Z", 1000000},
		{"1970-01-01T00:00:01.25Z", 1250000},
		{"1970-01-01T01:00:01+01:00", 1000000},
		{"1969-12-31T19:00:01-05:00", 1000000},
	};
	static const char *const bad[] = {"",
					  "@",
					  "@x",
					  "@1x",
					  "@-1",
					  "@99999999999999999999",
					  "today",
					  "1970-01-01",
					  "1970-01-01T00:00:01",
					  "1970-01-01T00:00:01+25:00"};
	int64_t us = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(api_time(rows[i].text, &us), 0);
		assert_true(us == rows[i].us);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		print_message("# %s\n", bad[i]);
		assert_int_equal(api_time(bad[i], &us), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes), cmocka_unit_test(test_long_segment),
		cmocka_unit_test(test_rights), cmocka_unit_test(test_client_id),
		cmocka_unit_test(test_time),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
