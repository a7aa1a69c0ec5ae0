/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl_profile.c - seccompctl profile list, show NAME, check FILE...
 */
#include <math.h>
#include <string.h>

#include "client/ctl.h"
#include "client/http.h"

#ifndef SECCOMPD_PATH
#define SECCOMPD_PATH "/usr/sbin/seccompd"
#endif

/* ---- list -------------------------------------------------------------------------- */

static void add_profile(struct table *t, json_t *profile)
{
	bool refused = json_is_string(json_object_get(profile, "refused"));

	table_styled(t, TABLE_BOLD, ctl_text(profile, "name"));
	table_add(t, ctl_text(profile, "mode"));
	table_add(t, ctl_text(profile, "default"));
	table_addf(t, "%lld", ctl_number(profile, "rule_count"));
	table_addf(t, "%lld", ctl_number(profile, "clients"));
	table_styled(t, refused ? TABLE_BAD : TABLE_GOOD, refused ? "change refused" : "in force");
	table_add(t, ctl_text(profile, "description"));
}

static enum ctl_exit list(struct ctl *ctl)
{
	static const char *const headers[] = {"NAME",	 "MODE",  "DEFAULT",	"RULES",
					      "CLIENTS", "STATE", "DESCRIPTION"};
	_cleanup_json_ json_t *answer = NULL;
	enum ctl_exit r = ctl_call(ctl, "GET", "/v1/profiles", &answer);
	json_t *profile;
	struct table *t;
	size_t i;

	if (r != CTL_DONE)
		return r;
	if (ctl->output == OUTPUT_JSON)
		return ctl_print_json(ctl, answer, true);
	t = ctl->output == OUTPUT_SHORT ? table_new(NULL, 1)
					: table_new(headers, ARRAY_SIZE(headers));
	json_array_foreach (json_object_get(answer, "profiles"), i, profile) {
		if (t && ctl->output == OUTPUT_SHORT)
			table_add(t, ctl_text(profile, "name"));
		else if (t)
			add_profile(t, profile);
	}
	return ctl_print_table(ctl, t);
}

/* ---- show -------------------------------------------------------------------------- */

static void add_pair(struct table *t, const char *key, const char *value)
{
	table_styled(t, TABLE_BOLD, key);
	table_add(t, *value ? value : "-");
}

static enum ctl_exit print_head(const struct ctl *ctl, json_t *profile)
{
	_cleanup_free_ char *archs = ctl_join(json_object_get(profile, "architectures"), ", ");
	_cleanup_free_ char *files = ctl_join(json_object_get(profile, "files"), ", ");
	struct table *t = table_new(NULL, 2);

	if (!t || !archs || !files) {
		table_free(t);
		return ctl_no_memory();
	}
	add_pair(t, "name", ctl_text(profile, "name"));
	add_pair(t, "description", ctl_text(profile, "description"));
	add_pair(t, "files", files);
	add_pair(t, "snapshot", ctl_text(profile, "hash"));
	add_pair(t, "mode", ctl_text(profile, "mode"));
	table_styled(t, TABLE_BOLD, "default");
	table_addf(t, "%s, denials give %s", ctl_text(profile, "default"),
		   ctl_text(profile, "errno"));
	add_pair(t, "log", ctl_text(profile, "log"));
	add_pair(t, "architectures", archs);
	table_styled(t, TABLE_BOLD, "clients");
	table_addf(t, "%lld", ctl_number(profile, "clients"));
	if (json_is_string(json_object_get(profile, "refused"))) {
		table_styled(t, TABLE_BOLD, "refused");
		table_styled(t, TABLE_BAD, ctl_text(profile, "refused"));
	}
	return ctl_print_table(ctl, t);
}

/* What a rule is for: its calls (the first few of many) and what their arguments must be. */
static char *subject_text(json_t *subject)
{
	json_t *calls = json_object_get(subject, "syscall"), *item;
	char *text = NULL;
	size_t size, i, n = json_array_size(calls);
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	json_array_foreach (calls, i, item) {
		if (i == 4 && n > 5)
			break;
		(void)fprintf(f, "%s%s", i ? " " : "", json_string_value(item));
	}
	if (i < n)
		(void)fprintf(f, " +%zu", n - i);
	json_array_foreach (json_object_get(subject, "args"), i, item) {
		json_t *any = json_object_get(item, "any");
		_cleanup_free_ char *tests = any ? ctl_join(any, " or ")
						 : ctl_join(json_object_get(item, "all"), " and ");

		(void)fprintf(f, "%s%s", i ? " and " : ", ", tests ? tests : "");
	}
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/* "deny EPERM", "return 0", "kill (permissive)" */
static char *action_text(json_t *rule)
{
	const char *err = ctl_text(rule, "errno");
	bool permissive = strcmp(ctl_text(rule, "mode"), "permissive") == 0;
	char value[32] = "", *text;

	if (json_object_get(rule, "value"))
		(void)snprintf(value, sizeof(value), " %lld", ctl_number(rule, "value"));
	if (asprintf(&text, "%s%s%s%s%s", ctl_text(rule, "action"), *err ? " " : "", err, value,
		     permissive ? " (permissive)" : "") < 0)
		return NULL;
	return text;
}

/* Conditions, and a limit in the first unit in which it is whole, as a file says it. */
static void add_when(struct table *t, json_t *when, json_t *limit)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {{"s", 1}, {"m", 60}, {"h", 3600}};
	double rate = json_number_value(json_object_get(limit, "rate"));
	_cleanup_free_ char *text =
		json_object_size(when) ? json_dumps(when, JSON_COMPACT) : strdup("");
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(units) &&
	       fabs(rate * units[i].seconds - round(rate * units[i].seconds)) > 1e-6)
		i++;
	if (limit)
		table_addf(t, "%s%s%.10g/%s burst %lld", text ? text : "", text && *text ? " " : "",
			   rate * units[i].seconds, units[i].name, ctl_number(limit, "burst"));
	else
		table_add(t, text ? text : "");
}

static void add_rule(struct table *t, json_t *rule)
{
	_cleanup_free_ char *subject = subject_text(json_object_get(rule, "subject"));
	_cleanup_free_ char *action = action_text(rule);
	bool refuses = strcmp(ctl_text(rule, "action"), "allow") != 0;

	table_styled(t, TABLE_BOLD, ctl_text(rule, "name"));
	table_styled(t, refuses ? TABLE_BAD : TABLE_PLAIN, action ? action : "");
	table_add(t, ctl_text(rule, "log"));
	table_add(t, ctl_text(rule, "where"));
	add_when(t, json_object_get(rule, "when"), json_object_get(rule, "limit"));
	/* The last, for it may be long. */
	table_add(t, subject ? subject : "");
}

static enum ctl_exit show(struct ctl *ctl, const char *name)
{
	static const char *const headers[] = {"RULE", "ACTION", "LOG", "WHERE", "WHEN", "SUBJECT"};
	_cleanup_free_ char *segment = http_segment(name), *path = NULL;
	_cleanup_json_ json_t *profile = NULL;
	enum ctl_exit r;
	struct table *t;
	json_t *rule;
	size_t i;

	/* What no profile is called would ask for something else. */
	if (!*name || *name == '.' || strchr(name, '/'))
		return ctl_fail(CTL_REFUSED, "there is no profile '%s'", name);
	if (!segment || asprintf(&path, "/v1/profiles/%s", segment) < 0)
		return ctl_no_memory();
	r = ctl_call(ctl, "GET", path, &profile);
	if (r != CTL_DONE)
		return r;
	if (ctl->output == OUTPUT_JSON)
		return ctl_print_json(ctl, profile, true);
	if (ctl->output == OUTPUT_TEXT) {
		r = print_head(ctl, profile);
		(void)putchar('\n');
	}
	t = ctl->output == OUTPUT_SHORT ? table_new(NULL, 1)
					: table_new(headers, ARRAY_SIZE(headers));
	json_array_foreach (json_object_get(profile, "rules"), i, rule) {
		if (t && ctl->output == OUTPUT_SHORT)
			table_add(t, ctl_text(rule, "name"));
		else if (t)
			add_rule(t, rule);
	}
	return r == CTL_DONE ? ctl_print_table(ctl, t) : r;
}

/* ---- check ------------------------------------------------------------------------- */

/* The daemon's own program judges, as it will when it loads them. Does not return where it
 * can be run. */
static enum ctl_exit check(struct ctl *ctl)
{
	const char *program = getenv("SECCOMPD");
	char **argv = calloc((size_t)ctl->argc + 3, sizeof(*argv));
	int n = 0;

	if (!argv)
		return ctl_no_memory();
	if (!program || !*program)
		program = SECCOMPD_PATH;
	argv[n++] = (char *)program;
	argv[n++] = (char *)"--check";
	for (int i = 1; i < ctl->argc; i++)
		argv[n++] = ctl->argv[i];
	(void)fflush(stdout);
	(void)execv(program, argv);
	free(argv);
	return ctl_fail(CTL_REFUSED, "%s: %s", program, strerror(errno));
}

enum ctl_exit ctl_profile(struct ctl *ctl)
{
	static const char *const verbs[] = {"list", "show", "check"};
	const char *verb = ctl->argv[0], *near;

	if (strcmp(verb, "list") == 0 && ctl->argc == 1)
		return list(ctl);
	if (strcmp(verb, "show") == 0 && ctl->argc == 2)
		return show(ctl, ctl->argv[1]);
	if (strcmp(verb, "check") == 0)
		return check(ctl);
	near = ctl_suggest(verb, verbs, ARRAY_SIZE(verbs));
	if (near && strcmp(near, verb) != 0)
		return ctl_fail(CTL_USAGE, "there is no verb 'profile %s'; did you mean '%s'?",
				verb, near);
	return ctl_fail(CTL_USAGE, "usage: seccompctl profile list | show NAME | check [FILE]...");
}
