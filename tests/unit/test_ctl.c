/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_ctl.c - seccompctl: times as people write them, tables that nothing in
 * them can break.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The client's parts are in no library. */
#include "client/ctl_time.c"
#include "client/table.c"

#define NOW (INT64_C(1700000000) * SECOND) /* 2023-11-14 22:13:20 UTC */

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{"now", 1700000000},
		{"today", 1699920000},
		{"yesterday", 1699833600},
		{"@5", 5},
		{"-5m", 1700000000 - 300},
		{"-90", 1700000000 - 90},
		{"+1h", 1700000000 + 3600},
		{"1h ago", 1700000000 - 3600},
		{"1h30min ago", 1700000000 - 5400},
		{"1h 30min ago", 1700000000 - 5400},
		{"2 days ago", 1700000000 - 172800},
		{"1w ago", 1700000000 - 604800},
		{"2023-11-14", 1699920000},
		{"2023-11-14 10:00", 1699956000},
		{"2023-11-14 10:00:01", 1699956001},
		{"2023-11-14T10:00:01Z", 1699956001},
		{"2023-11-14T10:00:01+02:00", 1699956001 - 7200},
		{"2023-11-14 10:00:01 UTC", 1699956001},
		{"10:00", 1699956000},
		{"10:00:01", 1699956001},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t us = -1;

		print_message("# %s\n", rows[i].text);
		assert_int_equal(ctl_time_parse(rows[i].text, NOW, &us), 0);
		assert_true(us == rows[i].seconds * SECOND);
	}
}

static void test_time_fraction(void **state)
{
	int64_t us;

	(void)state;
	assert_int_equal(ctl_time_parse("2023-11-14 10:00:01.25", NOW, &us), 0);
	assert_true(us == 1699956001 * SECOND + 250000);
	assert_int_equal(ctl_time_parse("@1.5", NOW, &us), 0);
	assert_true(us == 1500000);
}

static void test_bad_times(void **state)
{
	static const char *const bad[] = {
		"",
		"tomorrowish",
		"5m",
		"ago",
		"-",
		"- 5m ago",
		"5x ago",
		"2023-13-01",
		"2023-02-30",
		"2023-11-14x",
		"25:00",
		"10:60",
		"2023-11-14 10",
		"@",
		"@x",
		"-5m ago",
		"1h 1h",
		"2023-11-14T10:00:01+1",
		"10:0x",
		"99999999999999999999d ago",
	};
	int64_t us = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		print_message("# %s\n", bad[i]);
		assert_int_equal(ctl_time_parse(bad[i], NOW, &us), -EINVAL);
	}
	assert_true(us == 42);
}

static void test_before_the_epoch(void **state)
{
	int64_t us = 0;

	(void)state;
	assert_int_equal(ctl_time_parse("1960-01-01", NOW, &us), 0);
	assert_true(us == 1);
}

static char *print_table(const struct table *t, bool colour)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(table_print(t, f, colour), 0);
	(void)fclose(f);
	return text;
}

static void test_table(void **state)
{
	static const char *const headers[] = {"ID", "UNIT", "X"};
	struct table *t = table_new(headers, 3);
	char *text;

	(void)state;
	table_add(t, "c1");
	table_add(t, "nginx.service");
	table_styled(t, TABLE_BAD, "7");
	table_add(t, "c10");
	table_end_row(t);
	text = print_table(t, false);
	assert_string_equal(text, "ID   UNIT           X\n"
				  "c1   nginx.service  7\n"
				  "c10\n");
	free(text);
	text = print_table(t, true);
	assert_non_null(strstr(text, "\033[31m7\033[0m"));
	free(text);
	table_free(t);
}

static void test_table_escapes(void **state)
{
	struct table *t = table_new(NULL, 1);
	char *text;

	(void)state;
	table_add(t, "\033[2J\r\n\x7f\xc2\x9b\xff");
	table_addf(t, "%s", "\t");
	text = print_table(t, true);
	assert_string_equal(text, "\\x1b[2J\\x0d\\x0a\\x7f\\xc2\\x9b\\xff\n\\x09\n");
	free(text);
	table_free(t);
}

static void test_span(void **state)
{
	char buf[64];

	(void)state;
	ctl_time_span(59, buf, sizeof(buf));
	assert_string_equal(buf, "59s");
	ctl_time_span(61, buf, sizeof(buf));
	assert_string_equal(buf, "1min 1s");
	ctl_time_span(90061, buf, sizeof(buf));
	assert_string_equal(buf, "1d 1h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),	  cmocka_unit_test(test_time_fraction),
		cmocka_unit_test(test_bad_times), cmocka_unit_test(test_before_the_epoch),
		cmocka_unit_test(test_table),	  cmocka_unit_test(test_table_escapes),
		cmocka_unit_test(test_span),
	};

	(void)setenv("TZ", "UTC", 1);
	tzset();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
