/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_detail.c - what a record says of an operation */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/detail.h"
#include "daemon/operation.h"
#include "proto/base.h"
#include "proto/record.h"

static void test_open(void **state _unused_)
{
	static const struct {
		const char *path, *given;
		unsigned access;
		const char *wanted;
	} rows[] = {
		{"", "", 0, ""},
		{"", "x", 0, "{\"given\":\"x\"}"},
		{"/x", "/x", ACCESS_READ, "{\"path\":\"/x\",\"access\":\"read\"}"},
		{"/x", "../x", ACCESS_WRITE | ACCESS_CREATE,
		 "{\"path\":\"/x\",\"given\":\"../x\",\"access\":\"write,create\"}"},
		{"/\"\n\\\xff\xc3\xa9", "", 0, "{\"path\":\"/\\\"\\u000a\\\\x5c\\\\xff\xc3\xa9\"}"},
	};
	char buf[DETAIL_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		detail_open(buf, rows[i].path, rows[i].given, rows[i].access);
		assert_string_equal(buf, rows[i].wanted);
	}
}

/* Every byte comes back as record_json_string() has it. */
static void test_bytes(void **state _unused_)
{
	char path[256], buf[DETAIL_MAX];
	json_t *wanted, *got;

	for (unsigned i = 0; i < 255; i++)
		path[i] = (char)(i + 1);
	path[255] = '\0';
	detail_open(buf, path, "", 0);
	got = json_loads(buf, JSON_REJECT_DUPLICATES, NULL);
	wanted = record_json_string(path, true);
	assert_non_null(got);
	assert_true(json_equal(json_object_get(got, "path"), wanted));
	json_decref(got);
	json_decref(wanted);
}

static void test_long(void **state _unused_)
{
	char path[4096], given[4096], buf[DETAIL_MAX];
	json_t *o;

	memset(path, 0xff, sizeof(path));
	memset(given, 'x', sizeof(given));
	path[sizeof(path) - 1] = given[sizeof(given) - 1] = '\0';
	detail_open(buf, path, given, ACCESS_READ);
	assert_true(strlen(buf) < DETAIL_MAX);
	o = json_loads(buf, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_true(json_object_get(o, "truncated")));
	assert_string_equal(json_string_value(json_object_get(o, "given")), given);
	assert_string_equal(json_string_value(json_object_get(o, "access")), "read");
	json_decref(o);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_long),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
