/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record.h - one decision on one notification: its fields, their names, its
 * JSON and its text. The binary layout that the ring carries is daemon/ring.h's.
 */
#ifndef SECCOMPD_PROTO_RECORD_H
#define SECCOMPD_PROTO_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

enum record_verdict {
	VERDICT_ALLOW,	/* the call went on in the kernel */
	VERDICT_DENY,	/* the call failed with err */
	VERDICT_RETURN, /* the call was not made, value was returned */
	VERDICT_KILL,	/* the process was killed */
	VERDICT_ERROR,	/* the answer could not be delivered; err says why */
	VERDICT_GONE,	/* the target was gone before the answer */
	VERDICT_MAX,
};

enum record_basis { BASIS_REGISTERS, BASIS_EMULATED, BASIS_UNPROVEN, BASIS_MAX };
enum record_by { BY_RULE, BY_DEFAULT, BY_OPERATOR, BY_TIMEOUT, BY_FAILURE, BY_MAX };
enum record_mode { MODE_ENFORCE, MODE_PERMISSIVE, MODE_MAX };

extern const char *const record_verdict_names[VERDICT_MAX];
extern const char *const record_basis_names[BASIS_MAX];
extern const char *const record_by_names[BY_MAX];
extern const char *const record_mode_names[MODE_MAX];

/*
 * A decision, decoded. Strings are borrowed and never NULL ("" where there is
 * nothing to say); detail is "" or the text of a JSON object.
 */
struct decision {
	uint64_t seq;
	int64_t time_us; /* wall clock, microseconds since the epoch */
	int64_t last_us; /* of the last decision folded in; time_us where count is 1 */
	uint64_t client; /* shown as c<N> */
	const char *unit;
	const char *profile;
	int32_t pid; /* thread group, 0 where not known */
	int32_t tid;
	uint32_t uid;
	uint32_t gid;
	const char *comm;
	const char *exe;
	uint32_t arch;	     /* AUDIT_ARCH_* */
	const char *syscall; /* "" where the number has no name */
	int32_t nr;
	uint64_t args[6];
	uint8_t spare_args; /* the last ones, which the call does not take: not in the text */
	const char *detail;
	const char *rule; /* "" for the default */
	enum record_verdict verdict;
	int32_t err; /* positive errno, 0 where there is none */
	int64_t value;
	enum record_basis basis;
	enum record_by by;
	uint32_t operator_uid;
	const char *operator_user; /* "" where no operator answered */
	enum record_mode mode;
	uint32_t latency_us;
	uint32_t count;
};

/* systemd's name of an AUDIT_ARCH_* ("x86-64", "x86", "arm64"), or "unknown". x32 calls are
 * told by bit 30 of NR. */
const char *record_arch_name(uint32_t arch, int32_t nr);
/* The reverse, e.g. "x32" gives AUDIT_ARCH_X86_64; -EINVAL for an unknown name. */
int record_arch_from_name(const char *name, uint32_t *ret);

/* S as a new JSON string; a byte that is no UTF-8 is written as the four characters \xNN. EXACT: a
 * backslash too, so that the bytes of S can be told from it: for what a target chose. NULL for
 * NULL, or where memory is short. */
json_t *record_json_string(const char *s, bool exact);

/* A new JSON object of contract form, keys in contract order; NULL where memory is short. Strings
 * are as above, comm and exe exact. `detail` that is no JSON object is given as {"text": DETAIL}.
 */
json_t *decision_to_json(const struct decision *d);

/* Reads what decision_to_json() wrote. The strings point into JSON, which must outlive *ret, or
 * into *ret_text, which the caller frees. 0, -EINVAL or -ENOMEM. */
int decision_from_json(json_t *json, struct decision *ret, char **ret_text);

/* One line without newline characters from the target: control characters and what is no UTF-8
 * are escaped as \xNN, in comm a backslash too. Local time.
 * Text: "2026-11-24 10:00:00.123456 c1 nginx.service nginx[123] write(0x1, ...) = deny EINVAL
 *        (rule quiet-stdout)", without spare_args; what the call was about follows it, as
 * "openat(...) "/etc/shadow" read, given "../shadow"". The short form leaves the date, the
 * arguments and the unit out; message is text without date and time, for the journal. */
enum decision_style { DECISION_TEXT, DECISION_SHORT, DECISION_MESSAGE };
void decision_print(FILE *f, const struct decision *d, enum decision_style style, bool colour);
/* The same line without its newline into BUF, always ended by NUL; cut where it does not fit.
 * The length without NUL. DECISION_LINE_MAX is enough for what a ring entry can hold. */
#define DECISION_LINE_MAX (24 * 1024)
size_t decision_format(char *buf, size_t size, const struct decision *d, enum decision_style style,
		       bool colour);

/* Length of the UTF-8 character at S (NUL-terminated), 1..4, its code point in *ret_cp (may be
 * NULL); 0 where the bytes are no UTF-8. */
size_t record_utf8(const char *s, uint32_t *ret_cp);
/* Copies S into BUF with control characters, direction overrides and bad bytes as \xNN: safe for
 * a terminal and a line of a log. Always ended by NUL; the length without it. */
size_t record_escape(char *buf, size_t size, const char *s);

/* Time of a record: RFC 3339 with microseconds, UTC ("2026-11-24T10:00:00.123456Z"). */
#define RECORD_TIME_MAX 40
void record_time_format(int64_t time_us, char buf[static RECORD_TIME_MAX]);
/* Reads it back (UTC, up to six digits of fraction, 'Z'). 0 or -EINVAL. */
int record_time_parse(const char *s, int64_t *ret_us);

/* "EPERM" for EPERM; NULL for an unknown number. And the reverse, 0 for an unknown name. */
const char *errno_to_name(int err);
int errno_from_name(const char *name);

#endif
