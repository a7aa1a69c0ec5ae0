/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_record.c - names, times, JSON and text of a decision record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <time.h>

#include "proto/base.h"
#include "proto/record.h"

static const struct decision sample = {
	.seq = 7,
	.time_us = 1763978400123456,
	.last_us = 1763978400123456,
	.client = 17,
	.unit = "nginx.service",
	.profile = "nginx",
	.pid = 123,
	.tid = 124,
	.uid = 33,
	.gid = 34,
	.comm = "nginx",
	.exe = "/usr/sbin/nginx",
	.arch = AUDIT_ARCH_X86_64,
	.syscall = "write",
	.nr = 1,
	.args = {1, 0x7fff00000000, UINT64_MAX, 0, 5, 6},
	.detail = "",
	.rule = "quiet-stdout",
	.verdict = VERDICT_DENY,
	.err = EINVAL,
	.basis = BASIS_REGISTERS,
	.by = BY_RULE,
	.operator_user = "",
	.mode = MODE_ENFORCE,
	.latency_us = 12,
	.count = 1,
};

static char *dump(const struct decision *d)
{
	json_t *o = decision_to_json(d);
	char *s;

	assert_non_null(o);
	s = json_dumps(o, JSON_COMPACT);
	assert_non_null(s);
	json_decref(o);
	return s;
}

static void test_json_exact(void **state _unused_)
{
	_cleanup_free_ char *s = dump(&sample);

	assert_string_equal(
		s, "{\"seq\":7,\"time\":\"2025-11-24T10:00:00.123456Z\",\"client\":\"c17\","
		   "\"unit\":\"nginx.service\",\"profile\":\"nginx\",\"pid\":123,\"tid\":124,"
		   "\"uid\":33,\"gid\":34,\"comm\":\"nginx\",\"exe\":\"/usr/sbin/nginx\","
		   "\"arch\":\"x86-64\",\"syscall\":\"write\",\"nr\":1,\"args\":[\"0x1\","
		   "\"0x7fff00000000\",\"0xffffffffffffffff\",\"0x0\",\"0x5\",\"0x6\"],"
		   "\"detail\":{},\"rule\":\"quiet-stdout\",\"verdict\":\"deny\","
		   "\"errno\":\"EINVAL\",\"value\":null,\"basis\":\"registers\",\"by\":\"rule\","
		   "\"operator\":null,\"mode\":\"enforce\",\"latency_us\":12,\"count\":1}");
}

static void test_json_folded(void **state _unused_)
{
	struct decision d = sample;

	d.count = 3;
	d.last_us += 2000000;
	d.verdict = VERDICT_RETURN;
	d.err = 0;
	d.value = -5;
	d.operator_user = "root";
	d.by = BY_OPERATOR;
	d.detail = "{\"path\":\"/etc/x\"}";
	_cleanup_free_ char *s = dump(&d);

	assert_non_null(strstr(s, "\"time\":\"2025-11-24T10:00:00.123456Z\","
				  "\"last\":\"2025-11-24T10:00:02.123456Z\",\"client\""));
	assert_non_null(strstr(s, "\"errno\":null,\"value\":-5,"));
	assert_non_null(strstr(s, "\"operator\":{\"uid\":0,\"user\":\"root\"}"));
	assert_non_null(strstr(s, "\"detail\":{\"path\":\"/etc/x\"}"));
}

static void test_json_bad_bytes(void **state _unused_)
{
	struct decision d = sample;

	d.comm = "a\xff\n\"b";
	d.exe = "/x/\xed\xa0\x80/\xc0\xaf/\xf5";
	d.detail = "{\"cut";
	_cleanup_free_ char *s = dump(&d);

	assert_non_null(strstr(s, "\"comm\":\"a\\\\xff\\n\\\"b\""));
	assert_non_null(strstr(s, "\"exe\":\"/x/\\\\xed\\\\xa0\\\\x80/\\\\xc0\\\\xaf/\\\\xf5\""));
	assert_non_null(strstr(s, "\"detail\":{\"text\":\"{\\\"cut\"}"));
	json_t *o = json_loads(s, 0, NULL);
	assert_non_null(o);
	json_decref(o);
}

static void test_json_round_trip(void **state _unused_)
{
	struct decision d = sample, back;
	_cleanup_free_ char *text = NULL;
	json_t *o;

	d.nr = 0x40000001;
	d.count = 4;
	d.last_us += 10;
	d.err = 4000; /* no name */
	d.uid = UINT32_MAX;
	d.operator_user = "eve";
	d.operator_uid = 1000;
	d.mode = MODE_PERMISSIVE;
	d.detail = "{\"port\":80}";
	o = decision_to_json(&d);
	assert_non_null(o);
	assert_int_equal(decision_from_json(o, &back, &text), 0);
	assert_int_equal(back.seq, d.seq);
	assert_int_equal(back.time_us, d.time_us);
	assert_int_equal(back.last_us, d.last_us);
	assert_int_equal(back.client, 17);
	assert_string_equal(back.unit, d.unit);
	assert_int_equal(back.uid, d.uid);
	assert_int_equal(back.arch, d.arch);
	assert_int_equal(back.nr, d.nr);
	assert_memory_equal(back.args, d.args, sizeof(d.args));
	assert_string_equal(back.detail, d.detail);
	assert_int_equal(back.verdict, d.verdict);
	assert_int_equal(back.err, 4000);
	assert_int_equal(back.mode, d.mode);
	assert_string_equal(back.operator_user, "eve");
	assert_int_equal(back.operator_uid, 1000);
	assert_int_equal(back.count, 4);
	json_decref(o);
}

/* A name that looks like an escaped one is told from it, and both come back as they were. */
static void test_json_backslash(void **state _unused_)
{
	static const char *const comms[] = {"\\x0a",  "\n",    "\xff",	  "\\xff",
					    "a\\b\\", "\\x5c", "\\\\xff", ""};
	struct decision d = sample, back;
	char lines[ARRAY_SIZE(comms)][DECISION_LINE_MAX];

	d.unit = "by\\x2duuid.mount"; /* systemd's own escape stays as it is */
	for (size_t i = 0; i < ARRAY_SIZE(comms); i++) {
		_cleanup_free_ char *text = NULL;
		json_t *o;

		d.comm = d.exe = comms[i];
		o = decision_to_json(&d);
		assert_non_null(o);
		assert_int_equal(decision_from_json(o, &back, &text), 0);
		assert_string_equal(back.comm, comms[i]);
		assert_string_equal(back.exe, comms[i]);
		assert_string_equal(back.unit, d.unit);
		(void)decision_format(lines[i], DECISION_LINE_MAX, &back, DECISION_MESSAGE, false);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(lines[k], lines[i]);
		json_decref(o);
	}
	assert_non_null(strstr(lines[0], "by\\x2duuid.mount \\x5cx0a["));
	assert_non_null(strstr(lines[1], "\\x0a["));
}

/* Each key is needed, and each of another type is refused. */
static void test_json_refused(void **state _unused_)
{
	json_t *good = decision_to_json(&sample);
	const char *key;
	json_t *value;

	json_object_foreach (good, key, value) {
		struct decision d;
		char *text = NULL;
		json_t *bad = json_copy(good);

		assert_non_null(value);
		json_object_set_new(bad, key, json_true());
		if (strcmp(key, "value") != 0) /* looked at for `return` only */
			assert_int_equal(decision_from_json(bad, &d, &text), -EINVAL);
		json_object_del(bad, key);
		if (strcmp(key, "value") != 0)
			assert_int_equal(decision_from_json(bad, &d, &text), -EINVAL);
		assert_null(text);
		json_decref(bad);
	}
	json_decref(good);
}

static void test_arch(void **state _unused_)
{
	uint32_t arch = 0;

	assert_string_equal(record_arch_name(AUDIT_ARCH_X86_64, 0), "x86-64");
	assert_string_equal(record_arch_name(AUDIT_ARCH_X86_64, 0x40000000), "x32");
	assert_string_equal(record_arch_name(AUDIT_ARCH_X86_64, -1), "x86-64");
	assert_string_equal(record_arch_name(AUDIT_ARCH_I386, 0x40000000), "x86");
	assert_string_equal(record_arch_name(AUDIT_ARCH_AARCH64, 1), "arm64");
	assert_string_equal(record_arch_name(0x1234, 1), "unknown");
	assert_int_equal(record_arch_from_name("x32", &arch), 0);
	assert_int_equal(arch, AUDIT_ARCH_X86_64);
	assert_int_equal(record_arch_from_name("vax", &arch), -EINVAL);
}

static void test_time(void **state _unused_)
{
	static const struct {
		int64_t us;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000000Z"},
		{1763978400123456, "2025-11-24T10:00:00.123456Z"},
		{-1, "1969-12-31T23:59:59.999999Z"},
	};
	char buf[RECORD_TIME_MAX];
	int64_t us = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		record_time_format(rows[i].us, buf);
		assert_string_equal(buf, rows[i].text);
		assert_int_equal(record_time_parse(buf, &us), 0);
		assert_int_equal(us, rows[i].us);
	}
	record_time_format(INT64_MAX, buf);
	record_time_format(INT64_MIN, buf);
	assert_int_equal(record_time_parse("2025-11-24T10:00:00Z", &us), 0);
	assert_int_equal(record_time_parse("2025-11-24T10:00:00", &us), -EINVAL);
	assert_int_equal(record_time_parse("2025-11-24T10:00:00.1234567Z", &us), -EINVAL);
	assert_int_equal(record_time_parse("yesterday", &us), -EINVAL);
}

static void test_errno(void **state _unused_)
{
	assert_string_equal(errno_to_name(EPERM), "EPERM");
	assert_string_equal(errno_to_name(ENOSYS), "ENOSYS");
	assert_null(errno_to_name(0));
	assert_null(errno_to_name(-1));
	assert_null(errno_to_name(4000));
	for (int e = 1; e < 134; e++)
		if (errno_to_name(e))
			assert_int_equal(errno_from_name(errno_to_name(e)), e);
	assert_int_equal(errno_from_name("EWOULDBLOCK"), EAGAIN);
	assert_int_equal(errno_from_name("ENOTSUP"), EOPNOTSUPP);
	assert_int_equal(errno_from_name("eperm"), 0);
	assert_int_equal(errno_from_name(""), 0);
	assert_int_equal(errno_from_name(NULL), 0);
}

static void line(const struct decision *d, enum decision_style style, const char *expected)
{
	char buf[DECISION_LINE_MAX];
	size_t n = decision_format(buf, sizeof(buf), d, style, false);

	assert_string_equal(buf, expected);
	assert_int_equal(n, strlen(expected));
}

static void test_text(void **state _unused_)
{
	struct decision d = sample;

	line(&d, DECISION_TEXT,
	     "2025-11-24 10:00:00.123456 c17 nginx.service nginx[123] write(0x1, 0x7fff00000000, "
	     "0xffffffffffffffff, 0x0, 0x5, 0x6) = deny EINVAL (rule quiet-stdout)");
	line(&d, DECISION_SHORT,
	     "10:00:00.123456 c17 nginx[123] write = deny EINVAL (rule quiet-stdout)");
	d.spare_args = 3;
	line(&d, DECISION_MESSAGE,
	     "c17 nginx.service nginx[123] write(0x1, 0x7fff00000000, 0xffffffffffffffff) = deny "
	     "EINVAL (rule quiet-stdout)");
	d.spare_args = 6;
	line(&d, DECISION_MESSAGE,
	     "c17 nginx.service nginx[123] write() = deny EINVAL (rule quiet-stdout)");
	d.detail = "{\"path\":\"/a \\\"b\",\"given\":\"b\",\"access\":\"read,write\"}";
	line(&d, DECISION_MESSAGE,
	     "c17 nginx.service nginx[123] write() \"/a \\\"b\" read,write, given \"b\" = deny "
	     "EINVAL (rule quiet-stdout)");
	d.detail = "{\"given\":\"b\"}";
	line(&d, DECISION_MESSAGE,
	     "c17 nginx.service nginx[123] write() given \"b\" = deny EINVAL (rule quiet-stdout)");
	d.detail = "{\"port\":80}";
	line(&d, DECISION_MESSAGE,
	     "c17 nginx.service nginx[123] write() {\"port\":80} = deny EINVAL (rule "
	     "quiet-stdout)");
	d.detail = "";
	d.rule = "";
	d.by = BY_DEFAULT;
	d.mode = MODE_PERMISSIVE;
	d.syscall = "";
	d.nr = 9999;
	d.count = 2;
	d.last_us += 1000000;
	line(&d, DECISION_SHORT,
	     "10:00:00.123456 c17 nginx[123] x86-64:9999 = deny EINVAL (default, permissive) x2 "
	     "until 10:00:01.123456");
}

/* Nothing that a target chose reaches the line as a control character. */
static void test_text_escapes(void **state _unused_)
{
	struct decision d = sample;
	char buf[DECISION_LINE_MAX], small[40];
	size_t n;

	d.comm = "\n\033[2J\xff";
	d.detail = "{\"path\":\"\xc2\x9b\xe2\x80\xae\xc3\xa9\xd8\x9c\"}";
	d.rule = "a\tb\xe2\x80\x8b\xe2\x81\xa0\xef\xbb\xbf";
	n = decision_format(buf, sizeof(buf), &d, DECISION_TEXT, false);
	for (size_t i = 0; i < n; i++)
		assert_true((unsigned char)buf[i] >= 0x20 && buf[i] != 0x7f);
	assert_non_null(strstr(buf, "\\x0a\\x1b[2J\\xff[123]"));
	assert_non_null(strstr(buf, "\\xc2\\x9b\\xe2\\x80\\xae\xc3\xa9\\xd8\\x9c"));
	assert_non_null(strstr(buf, "(rule a\\x09b\\xe2\\x80\\x8b\\xe2\\x81\\xa0\\xef\\xbb\\xbf)"));

	for (size_t size = 1; size <= sizeof(small); size++) {
		memset(small, 'X', sizeof(small));
		n = decision_format(small, size, &d, DECISION_TEXT, true);
		assert_true(n < size);
		assert_int_equal(strlen(small), n);
	}
}

static void test_utf8(void **state _unused_)
{
	static const struct {
		const char *s;
		size_t n;
	} rows[] = {
		{"a", 1},
		{"\x7f", 1},
		{"\xc2\x80", 2},
		{"\xe0\xa0\x80", 3},
		{"\xef\xbf\xbd", 3},
		{"\xf0\x90\x80\x80", 4},
		{"\x80", 0},
		{"\xc1\x80", 0},
		{"\xe0\x9f\x80", 0},
		{"\xed\xa0\x80", 0},
		{"\xc2", 0},
		{"\xf4\x90\x80\x80", 0},
		{"\xe2\x82", 0},
		{"\xff", 0},
		{"\xf4\x8f\xbf\xbf", 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(record_utf8(rows[i].s, NULL), rows[i].n);
}

static void test_json_string(void **state)
{
	json_t *json = record_json_string("a\xff\x80\\z", false);

	(void)state;
	assert_string_equal(json_string_value(json), "a\\xff\\x80\\z");
	json_decref(json);
	json = record_json_string("caf\xc3\xa9", true);
	assert_string_equal(json_string_value(json), "caf\xc3\xa9");
	json_decref(json);
	assert_null(record_json_string(NULL, false));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_string),    cmocka_unit_test(test_json_exact),
		cmocka_unit_test(test_json_folded),    cmocka_unit_test(test_json_bad_bytes),
		cmocka_unit_test(test_json_backslash), cmocka_unit_test(test_json_round_trip),
		cmocka_unit_test(test_json_refused),   cmocka_unit_test(test_arch),
		cmocka_unit_test(test_time),	       cmocka_unit_test(test_errno),
		cmocka_unit_test(test_text),	       cmocka_unit_test(test_text_escapes),
		cmocka_unit_test(test_utf8),
	};

	(void)setenv("TZ", "UTC", 1);
	tzset();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
