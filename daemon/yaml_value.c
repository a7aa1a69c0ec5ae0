/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* yaml_value.c - scalars of a YAML file to numbers, names, times and sizes */
#include <string.h>

#include "daemon/syscalls.h"
#include "daemon/yaml.h"
#include "proto/record.h"

/* ERESTARTSYS and its kin (include/linux/errno.h): not errors, but orders to the kernel. */
#define ERRNO_RESTART_FIRST 512
#define ERRNO_RESTART_LAST  516
#define YAML_ERRNO_MAX	    4095 /* what the kernel takes for an error: MAX_ERRNO */

int yaml_enum(struct yaml_file *f, const yaml_node_t *n, const char *what, const char *const *names,
	      size_t n_names)
{
	char list[256] = "", expected[320];
	const char *s, *near;
	size_t used = 0;

	for (size_t i = 0; i < n_names && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 names[i]);
	(void)snprintf(expected, sizeof(expected), "%s (%s)", what, list);
	s = yaml_scalar(f, n, expected);
	if (!s)
		return -1;
	for (size_t i = 0; i < n_names; i++)
		if (strcmp(s, names[i]) == 0)
			return (int)i;
	near = suggest_among(s, names, n_names);
	if (near)
		yaml_error(f, n, "'%.60s' is not %s; did you mean '%s'?", s, what, near);
	else
		yaml_error(f, n, "'%.60s' is not %s, expected one of: %s", s, what, list);
	return -1;
}

static int yaml_bool_word(const char *s)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(s, words[i]) == 0)
			return i % 2 == 1;
	}
	return -1;
}

bool yaml_is_bool(const yaml_node_t *n)
{
	return n->type == YAML_SCALAR_NODE && yaml_bool_word(yaml_text(n)) >= 0;
}

bool yaml_bool(struct yaml_file *f, const yaml_node_t *n, bool *ret)
{
	const char *s = yaml_scalar(f, n, "true or false");
	int word = s ? yaml_bool_word(s) : -1;

	if (word >= 0)
		*ret = word;
	if (!s || word >= 0)
		return s;
	yaml_error(f, n, "'%.60s' is neither true nor false", s);
	return false;
}

int yaml_digits(const char *s, size_t len, unsigned base, uint64_t *ret)
{
	uint64_t x = 0;

	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		unsigned digit = c >= '0' && c <= '9'	? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? c - 'a' + 10u
				 : c >= 'A' && c <= 'F' ? c - 'A' + 10u
							: 16;

		if (digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(x, (uint64_t)base, &x) ||
		    __builtin_add_overflow(x, (uint64_t)digit, &x))
			return -ERANGE;
	}
	*ret = x;
	return 0;
}

bool yaml_unsigned(struct yaml_file *f, const yaml_node_t *n, const char *what, uint64_t min,
		   uint64_t max, uint64_t *ret)
{
	const char *s = yaml_scalar(f, n, what);
	uint64_t x;

	if (!s)
		return false;
	if (yaml_digits(s, strlen(s), 10, &x) < 0 || x < min || x > max) {
		yaml_error(f, n, "'%.60s' is not %s, expected a whole number of %llu to %llu", s,
			   what, (unsigned long long)min, (unsigned long long)max);
		return false;
	}
	*ret = x;
	return true;
}

struct yaml_unit {
	const char *suffix;
	uint64_t factor;
};

/* Digits and one of the suffixes of UNITS. */
static bool yaml_scaled(const char *s, const struct yaml_unit *units, size_t n, uint64_t *ret)
{
	size_t digits = strspn(s, "0123456789");
	uint64_t x;

	if (yaml_digits(s, digits, 10, &x) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(s + digits, units[i].suffix) == 0)
			return !__builtin_mul_overflow(x, units[i].factor, ret);
	return false;
}

bool yaml_duration(struct yaml_file *f, const yaml_node_t *n, const char *what, uint64_t min_ms,
		   uint64_t max_ms, uint64_t *ret_ms)
{
	static const struct yaml_unit units[] = {
		{"ms", 1},	    {"s", 1000},	 {"m", 60000},	       {"min", 60000},
		{"h", 3600 * 1000}, {"d", 86400 * 1000}, {"w", 604800 * 1000},
	};
	const char *s = yaml_scalar(f, n, what);
	uint64_t ms = 0;

	if (!s)
		return false;
	if (strcmp(s, "0") != 0 && !yaml_scaled(s, units, ARRAY_SIZE(units), &ms)) {
		yaml_error(f, n,
			   "'%.60s' is not %s, expected a number with a unit: "
			   "ms, s, m, h, d or w, as in 30s",
			   s, what);
		return false;
	}
	if (ms < min_ms || ms > max_ms) {
		yaml_error(f, n, "'%.60s' is out of range for %s, expected %llums to %llus", s,
			   what, (unsigned long long)min_ms, (unsigned long long)max_ms / 1000);
		return false;
	}
	*ret_ms = ms;
	return true;
}

bool yaml_size(struct yaml_file *f, const yaml_node_t *n, const char *what, uint64_t min,
	       uint64_t max, uint64_t *ret)
{
	static const struct yaml_unit units[] = {
		{"", 1},
		{"K", UINT64_C(1) << 10},
		{"M", UINT64_C(1) << 20},
		{"G", UINT64_C(1) << 30},
		{"T", UINT64_C(1) << 40},
	};
	const char *s = yaml_scalar(f, n, what);
	uint64_t x;

	if (!s)
		return false;
	if (!yaml_scaled(s, units, ARRAY_SIZE(units), &x)) {
		yaml_error(f, n, "'%.60s' is not %s, expected bytes or a number with K, M, G or T",
			   s, what);
		return false;
	}
	if (x < min || x > max) {
		yaml_error(f, n, "'%.60s' is out of range for %s, expected %llu to %llu bytes", s,
			   what, (unsigned long long)min, (unsigned long long)max);
		return false;
	}
	*ret = x;
	return true;
}

int yaml_errno(struct yaml_file *f, const yaml_node_t *n)
{
	const char *s = yaml_scalar(f, n, "an errno, as EPERM");
	const char *names[256], *near;
	size_t n_names = 0;
	uint64_t x;
	int err;

	if (!s)
		return 0;
	if (yaml_digits(s, strlen(s), 10, &x) != -EINVAL) {
		if (yaml_digits(s, strlen(s), 10, &x) == 0 && x >= ERRNO_RESTART_FIRST &&
		    x <= ERRNO_RESTART_LAST) {
			yaml_error(f, n, "errno %.60s makes the kernel restart the call", s);
			return 0;
		}
		if (yaml_digits(s, strlen(s), 10, &x) == 0 && x >= 1 && x <= YAML_ERRNO_MAX)
			return (int)x;
		yaml_error(f, n, "errno %.60s is out of range, expected 1 to %d", s,
			   YAML_ERRNO_MAX);
		return 0;
	}
	err = errno_from_name(s);
	if (err > 0)
		return err;
	for (int e = 1; e < (int)ARRAY_SIZE(names); e++)
		if (errno_to_name(e))
			names[n_names++] = errno_to_name(e);
	near = suggest_among(s, names, n_names);
	if (near)
		yaml_error(f, n, "unknown errno '%.60s'; did you mean '%s'?", s, near);
	else
		yaml_error(f, n,
			   "unknown errno '%.60s', expected a name as EPERM or a number "
			   "of 1 to %d",
			   s, YAML_ERRNO_MAX);
	return 0;
}

static void yaml_unknown_constant(struct yaml_file *f, const yaml_node_t *n, const char *s,
				  size_t offset)
{
	const char *near = syscall_suggest(SUGGEST_CONSTANT, s);

	if (near)
		yaml_error_in(f, n, offset, "unknown constant '%.60s'; did you mean '%s'?", s,
			      near);
	else
		yaml_error_in(f, n, offset,
			      "'%.60s' is no number, expected decimal, 0x.., 0o.. or a constant "
			      "as O_CREAT",
			      s);
}

/* What a constant is on all architectures of the file that have it. */
static bool yaml_constant(struct yaml_file *f, const yaml_node_t *n, const char *s, size_t offset,
			  int64_t *ret)
{
	int first = -1;

	for (int a = 0; a < ARCH_MAX; a++) {
		int64_t value;
		int r = f->archs & ARCH_BIT(a) ? syscall_constant((enum arch)a, s, &value)
					       : -EOPNOTSUPP;

		if (r == -ENOENT) {
			yaml_unknown_constant(f, n, s, offset);
			return false;
		}
		if (r < 0)
			continue;
		if (first < 0) {
			first = a;
			*ret = value;
		} else if (value != *ret) {
			yaml_error_in(f, n, offset,
				      "'%.60s' is 0x%llx on %s but 0x%llx on %s; give numbers, or "
				      "leave one of the two out of 'architectures'",
				      s, (unsigned long long)*ret, arch_names[first],
				      (unsigned long long)value, arch_names[a]);
			return false;
		}
	}
	if (first < 0)
		yaml_error_in(f, n, offset, "there is no '%.60s' on this profile's architectures",
			      s);
	return first >= 0;
}

static bool yaml_plain_number(struct yaml_file *f, const yaml_node_t *n, const char *s,
			      size_t offset, struct yaml_number *ret)
{
	bool negative = s[0] == '-';
	const char *digits = s + negative;
	unsigned base = 10;
	int r;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'o')) {
		base = digits[1] == 'x' ? 16 : 8;
		digits += 2;
	} else if (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') {
		yaml_error_in(f, n, offset,
			      "'%.60s' starts with 0, expected 0o%.60s where octal is meant", s,
			      digits + 1);
		return false;
	}
	r = yaml_digits(digits, strlen(digits), base, &ret->magnitude);
	ret->negative = negative && ret->magnitude > 0;
	if (r == -EINVAL) {
		yaml_error_in(f, n, offset, "'%.60s' is no number, expected decimal, 0x.. or 0o..",
			      s);
	} else if (r < 0 || (negative && ret->magnitude > UINT64_C(1) << 63)) {
		r = -ERANGE;
		yaml_error_in(f, n, offset, "'%.60s' is out of range, expected 64 bits at most", s);
	}
	return r == 0;
}

/* One member of A|B: S, OFFSET bytes into N. */
static bool yaml_number_one(struct yaml_file *f, const yaml_node_t *n, const char *s, size_t offset,
			    struct yaml_number *ret)
{
	int64_t constant;

	if (s[0] == '-' || (s[0] >= '0' && s[0] <= '9'))
		return yaml_plain_number(f, n, s, offset, ret);
	if (!yaml_constant(f, n, s, offset, &constant))
		return false;
	ret->negative = constant < 0;
	ret->magnitude = constant < 0 ? -(uint64_t)constant : (uint64_t)constant;
	return true;
}

bool yaml_number(struct yaml_file *f, const yaml_node_t *n, struct yaml_number *ret)
{
	const char *s = yaml_scalar(f, n, "a number or a constant as O_CREAT");
	struct yaml_number sum = {0}, one = {0};
	const char *p = s;

	if (!s)
		return false;
	while (true) {
		size_t lead = strspn(p, " "), len = strcspn(p, "|");
		char word[64];
		size_t end = len;

		while (end > lead && p[end - 1] == ' ')
			end--;
		end = end > lead ? end - lead : 0;
		if (end >= sizeof(word)) {
			yaml_error_in(f, n, (size_t)(p - s) + lead, "too long for a number");
			return false;
		}
		memcpy(word, p + lead, end);
		word[end] = '\0';
		if (!yaml_number_one(f, n, word, (size_t)(p - s) + lead, &one))
			return false;
		if (one.negative && (p != s || p[len] == '|')) {
			yaml_error(f, n, "negative numbers cannot be joined with |");
			return false;
		}
		sum.negative = one.negative;
		sum.magnitude |= one.magnitude;
		if (p[len] == '\0')
			break;
		p += len + 1;
	}
	*ret = sum;
	return true;
}
