/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl.h - what the verbs of seccompctl share: options, asking the daemon,
 * printing, exit statuses.
 */
#ifndef SECCOMPD_CLIENT_CTL_H
#define SECCOMPD_CLIENT_CTL_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "client/table.h"
#include "proto/base.h"

enum ctl_exit { CTL_DONE = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_NO_DAEMON = 4 };

enum ctl_output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_SHORT, OUTPUT_MAX };

/* Options of `log` alone. Texts are borrowed from argv; NULL where not given. */
struct ctl_log_options {
	const char *since, *until, *unit, *client, *profile, *syscall, *verdict, *rule, *lines;
	bool follow;
};

struct ctl {
	const char *socket;
	enum ctl_output output;
	bool no_pager;
	bool terminal; /* what is printed ends up on one */
	bool colour;
	struct ctl_log_options log;
	int argc; /* what stands behind the verb */
	char **argv;
};

typedef enum ctl_exit (*ctl_verb_fn)(struct ctl *ctl);
enum ctl_exit ctl_status(struct ctl *ctl);
enum ctl_exit ctl_clients(struct ctl *ctl);
enum ctl_exit ctl_client(struct ctl *ctl);
enum ctl_exit ctl_log(struct ctl *ctl);
enum ctl_exit ctl_profile(struct ctl *ctl);
enum ctl_exit ctl_reload(struct ctl *ctl);
enum ctl_exit ctl_detect(struct ctl *ctl);

/* "seccompctl: TEXT" on stderr, escaped. Returns STATUS. */
enum ctl_exit ctl_fail(enum ctl_exit status, const char *fmt, ...) _printf_(2, 3);
enum ctl_exit ctl_no_memory(void);

/* Asks the daemon. CTL_DONE with the answer in *ret; otherwise the reason is printed, and with
 * -o json what the daemon says as well. */
enum ctl_exit ctl_call(const struct ctl *ctl, const char *method, const char *path, json_t **ret);
/* Prints why a connection failed (R: -errno of http_call()). */
enum ctl_exit ctl_connect_failed(const struct ctl *ctl, int r);
/* Prints what an answer other than 200 says. */
enum ctl_exit ctl_http_failed(long status, const char *body);

/* Is TEXT an ID as `seccompctl clients` shows, "c17" or "17"? */
bool ctl_is_client_id(const char *text);
/* Digits, and not too many for a number of 64 bits. */
bool ctl_is_number(const char *text);

/* Is one of N the word TEXT was meant to be? NULL where none is near. */
const char *ctl_suggest(const char *text, const char *const *list, size_t n);

/* ---- printing (ctl_print.c) ------------------------------------------------------ */

void ctl_json_freep(json_t **json);
#define _cleanup_json_ _cleanup_(ctl_json_freep)

/* Values of JSON objects; "" or 0 where there is no such member. */
const char *ctl_text(json_t *object, const char *key);
long long ctl_number(json_t *object, const char *key);
bool ctl_flag(json_t *object, const char *key);
/* "client" or "clients", for "%lld client%s". */
const char *ctl_plural(long long n);

/* JSON indented, or on one line; on a terminal without any byte that it could obey. */
enum ctl_exit ctl_print_json(const struct ctl *ctl, json_t *json, bool indent);
/* Prints T and frees it. */
enum ctl_exit ctl_print_table(const struct ctl *ctl, struct table *t);
/* The texts of an array, "a, b, c"; allocated, NULL where memory is short. */
char *ctl_join(json_t *array, const char *between);

#endif
