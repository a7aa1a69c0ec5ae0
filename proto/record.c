/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record.c - names, times and the JSON of a decision record.
 */
#include "proto/record.h"

#include <assert.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <string.h>
#include <time.h>

#include "proto/base.h"

#define X32_BIT 0x40000000

const char *const record_verdict_names[VERDICT_MAX] = {
	[VERDICT_ALLOW] = "allow", [VERDICT_DENY] = "deny",   [VERDICT_RETURN] = "return",
	[VERDICT_KILL] = "kill",   [VERDICT_ERROR] = "error", [VERDICT_GONE] = "gone",
};
const char *const record_basis_names[BASIS_MAX] = {
	[BASIS_REGISTERS] = "registers",
	[BASIS_EMULATED] = "emulated",
	[BASIS_UNPROVEN] = "unproven",
};
const char *const record_by_names[BY_MAX] = {
	[BY_RULE] = "rule",	  [BY_DEFAULT] = "default", [BY_OPERATOR] = "operator",
	[BY_TIMEOUT] = "timeout", [BY_FAILURE] = "failure",
};
const char *const record_mode_names[MODE_MAX] = {
	[MODE_ENFORCE] = "enforce",
	[MODE_PERMISSIVE] = "permissive",
};
/* A new enumerator needs its name above; these numbers stand in rings and databases. */
static_assert(VERDICT_MAX == 6 && BASIS_MAX == 3 && BY_MAX == 5 && MODE_MAX == 2,
	      "name tables are not complete");

static const struct {
	const char *name;
	uint32_t arch;
} record_archs[] = {
	{"x86-64", AUDIT_ARCH_X86_64},
	{"x32", AUDIT_ARCH_X86_64},
	{"x86", AUDIT_ARCH_I386},
	{"arm64", AUDIT_ARCH_AARCH64},
	{"arm", AUDIT_ARCH_ARM},
	{"riscv64", AUDIT_ARCH_RISCV64},
	{"ppc64-le", AUDIT_ARCH_PPC64LE},
	{"s390x", AUDIT_ARCH_S390X},
	{"mips64-le", AUDIT_ARCH_MIPSEL64},
	{"loongarch64", AUDIT_ARCH_LOONGARCH64},
};

const char *record_arch_name(uint32_t arch, int32_t nr)
{
	/* -1 is what a tracer sets to skip a call: it belongs to no ABI of its own. */
	if (arch == AUDIT_ARCH_X86_64 && nr != -1 && (nr & X32_BIT))
		return "x32";
	for (size_t i = 0; i < ARRAY_SIZE(record_archs); i++)
		if (record_archs[i].arch == arch)
			return record_archs[i].name;
	return "unknown";
}

int record_arch_from_name(const char *name, uint32_t *ret)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(record_archs); i++) {
		if (strcmp(record_archs[i].name, name) == 0) {
			*ret = record_archs[i].arch;
			return 0;
		}
	}
	return -EINVAL;
}

void record_time_format(int64_t time_us, char buf[static RECORD_TIME_MAX])
{
	int64_t us = time_us % 1000000, s = time_us / 1000000;
	time_t t;
	struct tm tm;
	size_t n;

	if (us < 0) {
		us += 1000000;
		s--;
	}
	t = (time_t)s;
	if (!gmtime_r(&t, &tm))
		memset(&tm, 0, sizeof(tm));
	n = strftime(buf, RECORD_TIME_MAX - 8, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + n, RECORD_TIME_MAX - n, ".%06uZ", (unsigned)us);
}

int record_time_parse(const char *s, int64_t *ret_us)
{
	struct tm tm = {0};
	const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t us = 0, unit = 100000;

	if (!p)
		return -EINVAL;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9' && unit; p++, unit /= 10)
			us += (*p - '0') * unit;
	if (strcmp(p, "Z") != 0)
		return -EINVAL;
	*ret_us = (int64_t)timegm(&tm) * 1000000 + us;
	return 0;
}

size_t record_utf8(const char *s, uint32_t *ret_cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *u = (const unsigned char *)s;
	uint32_t cp = u[0];
	size_t n = cp < 0x80 ? 1 : (cp & 0xe0) == 0xc0 ? 2 : (cp & 0xf0) == 0xe0 ? 3 : 4;

	if (cp >= 0x80 && (cp < 0xc2 || cp > 0xf4))
		return 0;
	if (n > 1)
		cp &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (u[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	if (ret_cp)
		*ret_cp = cp;
	return n;
}

json_t *record_json_string(const char *s, bool exact)
{
	_cleanup_free_ char *buf = NULL;
	size_t n = 0, step;

	if (!s)
		return NULL;
	buf = malloc(4 * strlen(s) + 1);
	if (!buf)
		return NULL;
	for (; *s; s += step ? step : 1) {
		step = record_utf8(s, NULL);
		if (step && !(exact && *s == '\\')) {
			memcpy(buf + n, s, step);
			n += step;
		} else {
			n += (size_t)sprintf(buf + n, "\\x%02x", (unsigned char)*s);
		}
	}
	return json_stringn_nocheck(buf, n);
}

static json_t *json_time(int64_t us)
{
	char buf[RECORD_TIME_MAX];

	record_time_format(us, buf);
	return json_string(buf);
}

static json_t *json_args(const uint64_t args[6])
{
	json_t *a = json_array();

	for (int i = 0; a && i < 6; i++)
		if (json_array_append_new(a, json_sprintf("0x%" PRIx64, args[i])) < 0) {
			json_decref(a);
			return NULL;
		}
	return a;
}

static json_t *json_detail(const char *text)
{
	json_t *o;

	if (!*text)
		return json_object();
	o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(o))
		return o;
	json_decref(o);
	return json_pack("{s:o}", "text", record_json_string(text, true));
}

static json_t *json_errno(int err)
{
	const char *name = errno_to_name(err);

	if (err == 0)
		return json_null();
	return name ? json_string(name) : json_sprintf("%d", err);
}

static json_t *json_operator(const struct decision *d)
{
	if (!*d->operator_user)
		return json_null();
	return json_pack("{s:I, s:o}", "uid", (json_int_t)d->operator_uid, "user",
			 record_json_string(d->operator_user, false));
}

static int put(json_t *o, const char *key, json_t *value)
{
	return json_object_set_new_nocheck(o, key, value);
}

static int put_int(json_t *o, const char *key, json_int_t value)
{
	return put(o, key, json_integer(value));
}

static int put_who(json_t *o, const struct decision *d)
{
	int rc = put_int(o, "seq", (json_int_t)d->seq);

	rc |= put(o, "time", json_time(d->time_us));
	if (d->count > 1)
		rc |= put(o, "last", json_time(d->last_us));
	rc |= put(o, "client", json_sprintf("c%" PRIu64, d->client));
	rc |= put(o, "unit", record_json_string(d->unit, false));
	rc |= put(o, "profile", record_json_string(d->profile, false));
	rc |= put_int(o, "pid", d->pid);
	rc |= put_int(o, "tid", d->tid);
	rc |= put_int(o, "uid", d->uid);
	rc |= put_int(o, "gid", d->gid);
	rc |= put(o, "comm", record_json_string(d->comm, true));
	rc |= put(o, "exe", record_json_string(d->exe, true));
	return rc;
}

static int put_what(json_t *o, const struct decision *d)
{
	int rc = put(o, "arch", json_string(record_arch_name(d->arch, d->nr)));

	rc |= put(o, "syscall", record_json_string(d->syscall, false));
	rc |= put_int(o, "nr", d->nr);
	rc |= put(o, "args", json_args(d->args));
	rc |= put(o, "detail", json_detail(d->detail));
	rc |= put(o, "rule", record_json_string(d->rule, false));
	rc |= put(o, "verdict", json_string(record_verdict_names[d->verdict]));
	rc |= put(o, "errno", json_errno(d->err));
	rc |= put(o, "value", d->verdict == VERDICT_RETURN ? json_integer(d->value) : json_null());
	rc |= put(o, "basis", json_string(record_basis_names[d->basis]));
	rc |= put(o, "by", json_string(record_by_names[d->by]));
	rc |= put(o, "operator", json_operator(d));
	rc |= put(o, "mode", json_string(record_mode_names[d->mode]));
	rc |= put_int(o, "latency_us", d->latency_us);
	rc |= put_int(o, "count", d->count);
	return rc;
}

json_t *decision_to_json(const struct decision *d)
{
	json_t *o = json_object();

	if (!o)
		return NULL;
	if (put_who(o, d) == 0 && put_what(o, d) == 0)
		return o;
	json_decref(o);
	return NULL;
}

/* Reading: each getter adds to the reader's error, so that a caller checks once. */
struct reader {
	json_t *json;
	int error;
};

static const char *get_str(struct reader *r, const char *key)
{
	const char *s = json_string_value(json_object_get(r->json, key));

	if (!s)
		r->error = -EINVAL;
	return s ? s : "";
}

static int64_t get_int(struct reader *r, const char *key, int64_t min, int64_t max)
{
	json_t *v = json_object_get(r->json, key);
	int64_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < min || n > max) {
		r->error = -EINVAL;
		return min;
	}
	return n;
}

static int64_t get_time(struct reader *r, const char *key)
{
	int64_t us = 0;

	if (record_time_parse(get_str(r, key), &us) < 0)
		r->error = -EINVAL;
	return us;
}

static unsigned get_name(struct reader *r, const char *key, const char *const *names, unsigned n)
{
	const char *s = get_str(r, key);

	for (unsigned i = 0; i < n; i++)
		if (strcmp(names[i], s) == 0)
			return i;
	r->error = -EINVAL;
	return 0;
}

static uint64_t get_number(struct reader *r, const char *s, int base)
{
	char *end = NULL;
	unsigned long long n;

	errno = 0;
	n = strtoull(s, &end, base);
	if (errno || end == s || *end || *s == '-' || *s == '+' || *s == ' ')
		r->error = -EINVAL;
	return n;
}

static int get_errno(struct reader *r)
{
	json_t *v = json_object_get(r->json, "errno");
	const char *s = json_string_value(v);
	int err;

	if (json_is_null(v))
		return 0;
	err = errno_from_name(s);
	if (err == 0 && s)
		err = (int)(get_number(r, s, 10) & 0xffff);
	if (err == 0)
		r->error = -EINVAL;
	return err;
}

static void get_args(struct reader *r, uint64_t args[6])
{
	json_t *a = json_object_get(r->json, "args");

	if (json_array_size(a) != 6)
		r->error = -EINVAL;
	for (size_t i = 0; i < 6; i++) {
		const char *s = json_string_value(json_array_get(a, i));

		args[i] = get_number(r, s ? s : "", 16);
	}
}

static void get_who(struct reader *r, struct decision *d)
{
	const char *client = get_str(r, "client");

	d->seq = (uint64_t)get_int(r, "seq", 0, INT64_MAX);
	d->time_us = get_time(r, "time");
	d->last_us = json_object_get(r->json, "last") ? get_time(r, "last") : d->time_us;
	d->client = get_number(r, *client == 'c' ? client + 1 : "", 10);
	d->unit = get_str(r, "unit");
	d->profile = get_str(r, "profile");
	d->pid = (int32_t)get_int(r, "pid", INT32_MIN, INT32_MAX);
	d->tid = (int32_t)get_int(r, "tid", INT32_MIN, INT32_MAX);
	d->uid = (uint32_t)get_int(r, "uid", 0, UINT32_MAX);
	d->gid = (uint32_t)get_int(r, "gid", 0, UINT32_MAX);
	d->comm = get_str(r, "comm");
	d->exe = get_str(r, "exe");
}

static void get_operator(struct reader *r, struct decision *d)
{
	struct reader sub = {json_object_get(r->json, "operator"), 0};

	d->operator_user = "";
	if (json_is_null(sub.json))
		return;
	d->operator_user = get_str(&sub, "user");
	d->operator_uid = (uint32_t)get_int(&sub, "uid", 0, UINT32_MAX);
	if (sub.error)
		r->error = sub.error;
}

static void get_what(struct reader *r, struct decision *d)
{
	if (record_arch_from_name(get_str(r, "arch"), &d->arch) < 0)
		d->arch = 0;
	d->syscall = get_str(r, "syscall");
	d->nr = (int32_t)get_int(r, "nr", INT32_MIN, INT32_MAX);
	get_args(r, d->args);
	d->rule = get_str(r, "rule");
	d->verdict = get_name(r, "verdict", record_verdict_names, VERDICT_MAX);
	d->err = get_errno(r);
	if (d->verdict == VERDICT_RETURN)
		d->value = get_int(r, "value", INT64_MIN, INT64_MAX);
	d->basis = get_name(r, "basis", record_basis_names, BASIS_MAX);
	d->by = get_name(r, "by", record_by_names, BY_MAX);
	get_operator(r, d);
	d->mode = get_name(r, "mode", record_mode_names, MODE_MAX);
	d->latency_us = (uint32_t)get_int(r, "latency_us", 0, UINT32_MAX);
	d->count = (uint32_t)get_int(r, "count", 0, UINT32_MAX);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What record_json_string() wrote of *TEXT with EXACT, put to *TO, which is left behind it. */
static void unescape(char **to, const char **text)
{
	const char *s = *text;

	*text = *to;
	while (*s) {
		int high = s[0] == '\\' && s[1] == 'x' ? hex_digit(s[2]) : -1;
		int low = high >= 0 ? hex_digit(s[3]) : -1;

		*(*to)++ = low >= 0 ? (char)(high * 16 + low) : *s;
		s += low >= 0 ? 4 : 1;
	}
	*(*to)++ = '\0';
}

int decision_from_json(json_t *json, struct decision *ret, char **ret_text)
{
	struct reader r = {json, 0};
	json_t *detail = json_object_get(json, "detail");
	_cleanup_free_ char *detail_text = NULL;
	struct decision d = {0};
	char *text, *end;

	get_who(&r, &d);
	get_what(&r, &d);
	if (!json_is_object(detail))
		r.error = -EINVAL;
	if (r.error)
		return r.error;

	detail_text = json_object_size(detail) > 0 ? json_dumps(detail, JSON_COMPACT) : strdup("");
	if (!detail_text)
		return -ENOMEM;
	text = end = malloc(strlen(d.comm) + strlen(d.exe) + strlen(detail_text) + 3);
	if (!text)
		return -ENOMEM;
	unescape(&end, &d.comm);
	unescape(&end, &d.exe);
	d.detail = strcpy(end, detail_text);
	*ret = d;
	*ret_text = text;
	return 0;
}
