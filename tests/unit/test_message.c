/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_message.c - whole JSON objects with descriptors over a stream socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/message.h"
#include "tests/helpers.h"

struct wire {
	int in, out; /* what is written to `in` is read from `out` */
	struct message_reader reader;
};

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static void wire_open(struct wire *w)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
	w->in = sv[0];
	w->out = sv[1];
	message_reader_init(&w->reader);
}

static void wire_close(struct wire *w)
{
	message_reader_done(&w->reader);
	w->in = close_fd(w->in);
	w->out = close_fd(w->out);
}

static void put(struct wire *w, const char *text)
{
	assert_int_equal(send(w->in, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* TEXT with N copies of a descriptor. */
static void put_fds(struct wire *w, const char *text, size_t n)
{
	int fds[SEND_FDS_MAX];

	for (size_t i = 0; i < n; i++)
		fds[i] = w->out;
	assert_int_equal(send_fds(w->in, text, fds, n, 0), strlen(text));
}

static int get(struct wire *w, json_t **ret)
{
	*ret = NULL;
	return message_read(&w->reader, w->out, ret);
}

/* Rows: what comes on the wire, and what the reader says to it at its first look. */
static void test_rows(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{"{}", 1},
		{"{\"a\":1}", 1},
		{" \n\t{\"a\":{\"b\":{}}} ", 1},
		{"{\"a\":\"}\"}", 1},
		{"{\"a\":\"\\\"}\"}", 1},
		{"{\"a\":\"\\\\\"}", 1},
		{"{\"}\":[{},{}]}", 1},
		{"{\"a\":\"\\u00e4\xc3\xa4\"}", 1},
		{"", -EAGAIN},
		{"   ", 0},
		{"{", 0},
		{"{\"a\":\"}", 0},
		{"{\"a\":{}", 0},
		{"{\"a\":\"\\\"}", 0},
		{"x", -EPROTO},
		{"[]", -EPROTO},
		{"1", -EPROTO},
		{"\"{}\"", -EPROTO},
		{"}", -EPROTO},
		{"{]}", -EPROTO},
		{"{a:1}", -EPROTO},
		{"{\"a\":1,}", -EPROTO},
		{"{\"a\":1,\"a\":2}", -EPROTO},
		{"{\"a\":\"\\u0000\"}", -EPROTO},
		{"{\"a\":\"\xff\"}", -EPROTO},
		{"\xef\xbb\xbf{}", -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire w;
		json_t *json;
		int r;

		wire_open(&w);
		put(&w, rows[i].text);
		r = get(&w, &json);
		if (r != rows[i].result)
			print_error("# %s: %d, expected %d\n", rows[i].text, r, rows[i].result);
		assert_int_equal(r, rows[i].result);
		assert_int_equal(json != NULL, r == 1);
		json_decref(json);
		wire_close(&w);
	}
}

static void test_byte_by_byte(void **state)
{
	const char *text = " {\"a\":\"x}\\\"{\",\"b\":[{\"c\":2}]}";
	struct wire w;
	json_t *json;

	(void)state;
	wire_open(&w);
	for (size_t i = 0; i < strlen(text); i++) {
		assert_int_equal(send(w.in, text + i, 1, 0), 1);
		assert_int_equal(get(&w, &json), i + 1 == strlen(text));
	}
	assert_string_equal(json_string_value(json_object_get(json, "a")), "x}\"{");
	assert_false(message_pending(&w.reader));
	json_decref(json);
	wire_close(&w);
}

static void test_two_at_once(void **state)
{
	struct wire w;
	json_t *json;

	(void)state;
	wire_open(&w);
	put(&w, "{\"a\":1}\n{\"a\":2} {\"a\":");
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(get(&w, &json), 1);
		assert_int_equal(json_integer_value(json_object_get(json, "a")), i);
		assert_true(message_pending(&w.reader));
		json_decref(json);
	}
	assert_int_equal(get(&w, &json), -EAGAIN);
	put(&w, "3}");
	assert_int_equal(get(&w, &json), 1);
	assert_int_equal(json_integer_value(json_object_get(json, "a")), 3);
	json_decref(json);
	wire_close(&w);
}

static void test_end_of_file(void **state)
{
	struct wire w;
	json_t *json;

	(void)state;
	wire_open(&w);
	w.in = close_fd(w.in);
	assert_int_equal(get(&w, &json), -ECONNRESET);
	wire_close(&w);

	wire_open(&w);
	put(&w, "{\"a\":");
	w.in = close_fd(w.in);
	assert_int_equal(get(&w, &json), 0);
	assert_int_equal(get(&w, &json), -EPROTO);
	wire_close(&w);
}

static void test_too_long(void **state)
{
	static char text[MESSAGE_MAX + 1];
	struct wire w;
	json_t *json;
	int r;

	(void)state;
	memset(text, ' ', MESSAGE_MAX);
	text[0] = '{';
	text[MESSAGE_MAX - 1] = '}';
	wire_open(&w);
	put(&w, text);
	while ((r = get(&w, &json)) == 0) {}
	assert_int_equal(r, 1);
	json_decref(json);
	wire_close(&w);

	text[MESSAGE_MAX - 1] = ' ';
	wire_open(&w);
	put(&w, text);
	while ((r = get(&w, &json)) == 0) {}
	assert_int_equal(r, -EMSGSIZE);
	wire_close(&w);
}

static void test_deep(void **state)
{
	static char text[MESSAGE_MAX];
	struct wire w;
	json_t *json;

	(void)state;
	strcpy(text, "{\"a\":");
	memset(text + 5, '[', 20000);
	memset(text + 20005, ']', 20000);
	strcpy(text + 40005, "}");
	wire_open(&w);
	put(&w, text);
	assert_int_equal(get(&w, &json), -EPROTO);
	wire_close(&w);
}

static void test_descriptor(void **state)
{
	unsigned before = open_fds();
	struct wire w;
	json_t *json, *ok = message_ok();
	int fd;

	(void)state;
	wire_open(&w);
	assert_int_equal(message_send(w.in, ok, w.in), 0);
	assert_int_equal(get(&w, &json), 1);
	json_decref(json);
	assert_int_equal(w.reader.n_fds, 1);
	assert_int_equal(fcntl(w.reader.fds[0], F_GETFD), FD_CLOEXEC);
	fd = message_take_fd(&w.reader);
	assert_true(fd >= 0);
	assert_int_equal(message_take_fd(&w.reader), -1);
	close_fd(fd);
	/* One that nobody takes. */
	assert_int_equal(message_send(w.in, ok, w.in), 0);
	assert_int_equal(get(&w, &json), 1);
	json_decref(json);
	json_decref(ok);
	wire_close(&w);
	assert_int_equal(open_fds(), before);
}

static void test_descriptors(void **state)
{
	unsigned before = open_fds();
	struct wire w;
	json_t *json;

	(void)state;
	wire_open(&w);
	put_fds(&w, "{}", 2);
	assert_int_equal(get(&w, &json), 1);
	assert_int_equal(w.reader.n_fds, 2);
	assert_int_equal(message_take_fd(&w.reader), -1);
	json_decref(json);
	wire_close(&w);

	/* With parts of one object. */
	wire_open(&w);
	for (int i = 0; i <= MESSAGE_FDS_MAX; i++) {
		put_fds(&w, i == 0 ? "{" : " ", 1);
		assert_int_equal(get(&w, &json), i == MESSAGE_FDS_MAX ? -EMFILE : 0);
	}
	wire_close(&w);

	/* As many as the kernel lets through: all are known, so that none is lost. */
	wire_open(&w);
	put_fds(&w, "{}", 253);
	assert_int_equal(get(&w, &json), -EMFILE);
	assert_int_equal(w.reader.n_fds, 253);
	wire_close(&w);
	assert_int_equal(open_fds(), before);
}

static void test_send_does_not_block(void **state)
{
	struct wire w;
	json_t *json = json_pack("{s:s}", "a", "some text that fills a socket");
	int r;

	(void)state;
	wire_open(&w);
	do
		r = message_send(w.in, json, -1);
	while (r == 0);
	assert_int_equal(r, -EAGAIN);
	w.out = close_fd(w.out);
	assert_int_equal(message_send(w.in, json, -1), -EPIPE);
	json_decref(json);
	wire_close(&w);
}

static void test_messages(void **state)
{
	const char *keys[] = {"k", "l"}, *values[] = {"v", ""};
	char reason[64];
	json_t *json;

	(void)state;
	json = message_compile(NULL, keys, values, 2);
	assert_true(json_is_null(json_object_get(json, "profile")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "labels"), "k")), "v");
	json_decref(json);
	json = message_state("id", 17, "/b", "m");
	assert_string_equal(json_string_value(json_object_get(json, "metadata")), "m");
	assert_int_equal(json_integer_value(json_object_get(json, "pid")), 17);
	json_decref(json);
	json = message_ok();
	assert_int_equal(message_answer(json, reason, sizeof(reason)), 0);
	json_decref(json);
	json = message_refused("because");
	assert_int_equal(message_answer(json, reason, sizeof(reason)), -EACCES);
	assert_string_equal(reason, "because");
	json_decref(json);
	json = message_refused("no utf-8: \xff");
	assert_int_equal(message_answer(json, reason, sizeof(reason)), -EACCES);
	json_decref(json);
	json = json_pack("{s:i,s:b}", "seccompd", 2, "ok", 1);
	assert_int_equal(message_answer(json, reason, sizeof(reason)), -EPROTO);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_end_of_file),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_send_does_not_block),
		cmocka_unit_test(test_messages),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
