/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_time.c - times as people write them.
 */
#include "client/ctl_time.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "proto/base.h"
#include "proto/record.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct {
	const char *name;
	int64_t us;
} units[] = {
	{"us", 1},	    {"ms", 1000},	 {"s", SECOND},	    {"sec", SECOND},
	{"second", SECOND}, {"seconds", SECOND}, {"m", MINUTE},	    {"min", MINUTE},
	{"minute", MINUTE}, {"minutes", MINUTE}, {"h", HOUR},	    {"hr", HOUR},
	{"hour", HOUR},	    {"hours", HOUR},	 {"d", DAY},	    {"day", DAY},
	{"days", DAY},	    {"w", 7 * DAY},	 {"week", 7 * DAY}, {"weeks", 7 * DAY},
};

static const char *skip_space(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

/* ---- spans: "1h 30min" --------------------------------------------------------- */

static int unit_us(const char **s, int64_t *ret)
{
	size_t n = 0;

	while (isalpha((unsigned char)(*s)[n]))
		n++;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) == n && strncmp(units[i].name, *s, n) == 0) {
			*s += n;
			*ret = units[i].us;
			return 0;
		}
	}
	return -EINVAL;
}

/* One or more numbers with units; a lone number is seconds. *s ends up behind them. */
static int span(const char **s, int64_t *ret)
{
	bool any = false;

	*ret = 0;
	for (*s = skip_space(*s); isdigit((unsigned char)**s); *s = skip_space(*s)) {
		char *end;
		long long n;
		int64_t us = SECOND, part;

		errno = 0;
		n = strtoll(*s, &end, 10);
		*s = skip_space(end);
		if (errno || (isalpha((unsigned char)**s) && unit_us(s, &us) < 0))
			return -EINVAL;
		if (__builtin_mul_overflow((int64_t)n, us, &part) ||
		    __builtin_add_overflow(*ret, part, ret))
			return -EINVAL;
		any = true;
	}
	return any ? 0 : -EINVAL;
}

static int relative(const char *text, int64_t now, int64_t *ret)
{
	int sign = *text == '+' ? 1 : -1;
	bool ago = *text != '+' && *text != '-';
	int64_t us;

	text += !ago;
	if (span(&text, &us) < 0 || strcmp(text, ago ? "ago" : "") != 0)
		return -EINVAL;
	return __builtin_add_overflow(now, sign * us, ret) ? -EINVAL : 0;
}

/* ---- moments ------------------------------------------------------------------- */

static int fraction(const char **s)
{
	int us = 0, unit = 100000;

	if (**s != '.')
		return 0;
	for (++*s; isdigit((unsigned char)**s); ++*s, unit /= 10)
		us += (**s - '0') * unit;
	return us;
}

static int epoch(const char *s, int64_t *ret)
{
	char *end;
	long long n;
	const char *rest;

	errno = 0;
	n = strtoll(s, &end, 10);
	rest = end;
	if (!isdigit((unsigned char)*s) || errno || n > INT64_MAX / SECOND - 1)
		return -EINVAL;
	*ret = n * SECOND + fraction(&rest);
	return *rest ? -EINVAL : 0;
}

/* -EINVAL where a field would be made to fit: there is no February 30. */
static int from_tm(const struct tm *tm, bool utc, int64_t *ret)
{
	struct tm t = *tm;
	time_t s;

	t.tm_isdst = -1;
	s = utc ? timegm(&t) : mktime(&t);
	if (t.tm_mday != tm->tm_mday || t.tm_mon != tm->tm_mon || tm->tm_sec > 60)
		return -EINVAL;
	*ret = (int64_t)s * SECOND;
	return 0;
}

static int midnight(int64_t now, int days, int64_t *ret)
{
	time_t s = (time_t)(now / SECOND);
	struct tm tm;

	localtime_r(&s, &tm);
	tm.tm_mday += days;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	*ret = (int64_t)mktime(&tm) * SECOND;
	return 0;
}

/* "Z", "+01:00" or nothing (local time) at the end. */
static int zone(const char *s, bool *ret_utc, int64_t *ret_offset)
{
	int h, m, n = 0;

	*ret_offset = 0;
	*ret_utc = *s != '\0';
	if (!*s || strcmp(s, "Z") == 0 || strcmp(s, "z") == 0 || strcmp(s, " UTC") == 0)
		return 0;
	if ((*s != '+' && *s != '-') || sscanf(s + 1, "%2d:%2d%n", &h, &m, &n) != 2 || s[1 + n] ||
	    h > 23 || m > 59)
		return -EINVAL;
	*ret_offset = (h * HOUR + m * MINUTE) * (*s == '-' ? -1 : 1);
	return 0;
}

/* HH:MM[:SS[.FRACTION]] into TM. */
static int clock_time(const char **s, struct tm *tm, int *us)
{
	int n = 0;

	if (sscanf(*s, "%2d:%2d%n", &tm->tm_hour, &tm->tm_min, &n) != 2 || n < 4)
		return -EINVAL;
	*s += n;
	if (**s == ':') {
		n = 0;
		if (sscanf(*s, ":%2d%n", &tm->tm_sec, &n) != 1 || n < 2)
			return -EINVAL;
		*s += n;
		*us = fraction(s);
	}
	return tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_hour < 0 || tm->tm_min < 0 ? -EINVAL
											: 0;
}

static int date_time(const char *s, int64_t *ret)
{
	struct tm tm = {0};
	int64_t offset;
	int n = 0, us = 0;
	bool utc;

	if (sscanf(s, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &n) != 3 || n < 8)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	s += n;
	if (*s) {
		if (*s != ' ' && *s != 'T' && *s != 't')
			return -EINVAL;
		s++;
		if (clock_time(&s, &tm, &us) < 0)
			return -EINVAL;
	}
	if (zone(s, &utc, &offset) < 0 || from_tm(&tm, utc, ret) < 0)
		return -EINVAL;
	*ret += us - offset;
	return 0;
}

static int time_today(const char *s, int64_t now, int64_t *ret)
{
	time_t seconds = (time_t)(now / SECOND);
	struct tm tm;
	int us = 0;

	localtime_r(&seconds, &tm);
	tm.tm_sec = 0;
	if (clock_time(&s, &tm, &us) < 0 || *s || from_tm(&tm, false, ret) < 0)
		return -EINVAL;
	*ret += us;
	return 0;
}

int ctl_time_parse(const char *text, int64_t now_us, int64_t *ret)
{
	int64_t us = 0;
	int r;

	text = skip_space(text);
	if (strcmp(text, "now") == 0)
		us = now_us, r = 0;
	else if (strcmp(text, "today") == 0)
		r = midnight(now_us, 0, &us);
	else if (strcmp(text, "yesterday") == 0)
		r = midnight(now_us, -1, &us);
	else if (*text == '@')
		r = epoch(text + 1, &us);
	else if (*text == '-' || *text == '+')
		r = relative(text, now_us, &us);
	else if (strchr(text, '-'))
		r = date_time(text, &us);
	else if (strchr(text, ':'))
		r = time_today(text, now_us, &us);
	else
		r = relative(text, now_us, &us);
	/* Before the epoch there is no record, and 0 means no condition. */
	if (r == 0)
		*ret = us > 0 ? us : 1;
	return r;
}

void ctl_time_local(const char *text, char *buf, size_t size)
{
	int64_t us;
	time_t s;
	struct tm tm;

	if (record_time_parse(text, &us) < 0) {
		(void)snprintf(buf, size, "%s", text);
		return;
	}
	s = (time_t)(us / SECOND);
	localtime_r(&s, &tm);
	if (strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		*buf = '\0';
}

void ctl_time_span(int64_t s, char *buf, size_t size)
{
	if (s < 60)
		(void)snprintf(buf, size, "%llds", (long long)s);
	else if (s < 3600)
		(void)snprintf(buf, size, "%lldmin %llds", (long long)s / 60, (long long)s % 60);
	else if (s < 86400)
		(void)snprintf(buf, size, "%lldh %lldmin", (long long)s / 3600,
			       (long long)s % 3600 / 60);
	else
		(void)snprintf(buf, size, "%lldd %lldh", (long long)s / 86400,
			       (long long)s % 86400 / 3600);
}
