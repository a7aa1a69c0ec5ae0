/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ctl.c - seccompctl: options, and the table of verbs.
 */
#include "client/ctl.h"

#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/un.h>

#include <config.h>
#include <curl/curl.h>

#include "proto/paths.h"

#define SUGGEST_MAX 3 /* letters to change */
#define HELP_COLUMN 45

struct verb {
	const char *name, *arguments, *help;
	int min_args, max_args; /* -1: any number */
	bool log_options;
	ctl_verb_fn run;
};

static const struct verb verbs[] = {
	{"status", "", "how the daemon does", 0, 0, false, ctl_status},
	{"clients", "", "who is supervised", 0, 0, false, ctl_clients},
	{"client", "ID", "one of them", 1, 1, false, ctl_client},
	{"log", "[OPTION]...", "decisions that were recorded", 0, 0, true, ctl_log},
	{"profile", "list | show NAME | check [FILE]...", "profiles", 1, -1, false, ctl_profile},
	{"reload", "", "read settings and profiles anew", 0, 0, false, ctl_reload},
	{"detect", "", "what this kernel can enforce", 0, 0, false, ctl_detect},
};

static const char *const output_names[] = {
	[OUTPUT_TEXT] = "text",
	[OUTPUT_JSON] = "json",
	[OUTPUT_SHORT] = "short",
};
_Static_assert(ARRAY_SIZE(output_names) == OUTPUT_MAX, "every output has a name");

enum {
	OPT_SOCKET = 256,
	OPT_NO_PAGER,
	OPT_VERSION,
	OPT_FIRST_OF_LOG, /* from here on: of `log` alone */
	OPT_SINCE,
	OPT_UNTIL,
	OPT_UNIT,
	OPT_CLIENT,
	OPT_PROFILE,
	OPT_SYSCALL,
	OPT_VERDICT,
	OPT_RULE,
	OPT_FOLLOW,
	OPT_LINES,
};

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPT_VERSION},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"output", required_argument, NULL, 'o'},
	{"no-pager", no_argument, NULL, OPT_NO_PAGER},
	{"since", required_argument, NULL, OPT_SINCE},
	{"until", required_argument, NULL, OPT_UNTIL},
	{"unit", required_argument, NULL, OPT_UNIT},
	{"client", required_argument, NULL, OPT_CLIENT},
	{"profile", required_argument, NULL, OPT_PROFILE},
	{"syscall", required_argument, NULL, OPT_SYSCALL},
	{"verdict", required_argument, NULL, OPT_VERDICT},
	{"rule", required_argument, NULL, OPT_RULE},
	{"follow", no_argument, NULL, OPT_FOLLOW},
	{"lines", required_argument, NULL, OPT_LINES},
	{NULL, 0, NULL, 0},
};

static void print_help(FILE *f)
{
	(void)fputs("Usage: seccompctl [OPTION]... VERB [ARGUMENT]...\n\nVerbs:\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		int n = fprintf(f, "  %s %s", verbs[i].name, verbs[i].arguments);

		(void)fprintf(f, "%*s%s\n", n < HELP_COLUMN ? HELP_COLUMN - n : 1, "",
			      verbs[i].help);
	}
	(void)fputs(
		"\nOptions:\n"
		"  --socket PATH          the daemon's control socket (" CONTROL_SOCKET ")\n"
		"  -o text|json|short     how to print\n"
		"  --no-pager             do not pipe the log into a pager\n"
		"  -h, --help             this text\n"
		"  --version              the version\n"
		"\nOptions of log:\n"
		"  --since T, --until T   \"2026-11-24 10:00:00\", today, -5m, \"1h ago\", ...\n"
		"  -u, --unit UNIT        --client ID       -p, --profile NAME\n"
		"  --syscall NAME         --rule NAME       --verdict allow|deny|return|kill|...\n"
		"  -n, --lines N          only the last N\n"
		"  -f, --follow           go on as decisions are made\n"
		"\nSee seccompctl(1).\n",
		f);
}

/* ---- suggestions --------------------------------------------------------------- */

/* Levenshtein's distance; words of more than 32 letters are far from anything. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33];
	size_t n = strlen(b);

	if (n > 32 || strlen(a) > 32)
		return 100;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

const char *ctl_suggest(const char *text, const char *const *list, size_t n)
{
	unsigned best = SUGGEST_MAX;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned d = distance(text, list[i]);

		if (d < best && d < strlen(list[i])) {
			best = d;
			found = list[i];
		}
	}
	return found;
}

/* ---- options ------------------------------------------------------------------- */

static bool set_output(struct ctl *ctl, const char *name)
{
	for (int i = 0; i < OUTPUT_MAX; i++) {
		if (strcmp(name, output_names[i]) == 0) {
			ctl->output = (enum ctl_output)i;
			return true;
		}
	}
	ctl_fail(CTL_USAGE, "-o %s: expected text, json or short", name);
	return false;
}

static bool set_log_option(struct ctl_log_options *o, int c)
{
	static const size_t texts[] = {
		[OPT_SINCE - OPT_FIRST_OF_LOG] = offsetof(struct ctl_log_options, since),
		[OPT_UNTIL - OPT_FIRST_OF_LOG] = offsetof(struct ctl_log_options, until),
		[OPT_UNIT - OPT_FIRST_OF_LOG] = offsetof(struct ctl_log_options, unit),
		[OPT_CLIENT - OPT_FIRST_OF_LOG] = offsetof(struct ctl_log_options, client),
		[OPT_PROFILE - OPT_FIRST_OF_LOG] = offsetof(struct ctl_log_options, profile),
		[OPT_SYSCALL - OPT_FIRST_OF_LOG] = offsetof(struct ctl_log_options, syscall),
		[OPT_VERDICT - OPT_FIRST_OF_LOG] = offsetof(struct ctl_log_options, verdict),
		[OPT_RULE - OPT_FIRST_OF_LOG] = offsetof(struct ctl_log_options, rule),
		[OPT_LINES - OPT_FIRST_OF_LOG] = offsetof(struct ctl_log_options, lines),
	};

	const char **text;

	if (c == OPT_FOLLOW) {
		o->follow = true;
		return true;
	}
	text = (const char **)((char *)o + texts[c - OPT_FIRST_OF_LOG]);
	/* Neither "the last one" nor "one of them" is what all would expect. */
	if (*text) {
		ctl_fail(CTL_USAGE, "'%s' and '%s': an option of the log is given once", *text,
			 optarg);
		return false;
	}
	*text = optarg;
	return true;
}

static bool set_socket(struct ctl *ctl, const char *path)
{
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	ctl->socket = path;
	if (*path && strlen(path) <= max)
		return true;
	ctl_fail(CTL_USAGE, "--socket '%s': expected a path of 1 to %zu bytes", path, max);
	return false;
}

static int long_form(int c)
{
	switch (c) {
	case 'f':
		return OPT_FOLLOW;
	case 'n':
		return OPT_LINES;
	case 'u':
		return OPT_UNIT;
	case 'p':
		return OPT_PROFILE;
	default:
		return c;
	}
}

/* -1: go on; else the exit status. */
static int take_option(struct ctl *ctl, int c, bool *of_log)
{
	c = long_form(c);
	switch (c) {
	case 'h':
		print_help(stdout);
		return CTL_DONE;
	case OPT_VERSION:
		(void)puts("seccompctl " PACKAGE_VERSION);
		return CTL_DONE;
	case OPT_SOCKET:
		return set_socket(ctl, optarg) ? -1 : CTL_USAGE;
	case 'o':
		return set_output(ctl, optarg) ? -1 : CTL_USAGE;
	case OPT_NO_PAGER:
		ctl->no_pager = true;
		return -1;
	case '?':
		(void)fputs("Try 'seccompctl --help'.\n", stderr);
		return CTL_USAGE;
	default:
		*of_log = true;
		return set_log_option(&ctl->log, c) ? -1 : CTL_USAGE;
	}
}

static enum ctl_exit unknown_verb(const char *name)
{
	const char *names[ARRAY_SIZE(verbs)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		names[i] = verbs[i].name;
	near = ctl_suggest(name, names, ARRAY_SIZE(names));
	return ctl_fail(CTL_USAGE, "there is no verb '%s'%s%s%s (see seccompctl --help)", name,
			near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum ctl_exit run_verb(struct ctl *ctl, const char *name, bool log_options)
{
	const struct verb *v = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(verbs) && !v; i++)
		if (strcmp(verbs[i].name, name) == 0)
			v = &verbs[i];
	if (!v)
		return unknown_verb(name);
	if (ctl->argc < v->min_args || (v->max_args >= 0 && ctl->argc > v->max_args))
		return ctl_fail(CTL_USAGE, "usage: seccompctl %s%s%s", v->name,
				*v->arguments ? " " : "", v->arguments);
	if (log_options && !v->log_options)
		return ctl_fail(CTL_USAGE, "this option is one of `log`, not of `%s`", v->name);
	return v->run(ctl);
}

static bool on_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return on_terminal() && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

/* The status of what was done, unless what was printed did not arrive. A reader that has seen
 * enough is no failure. */
static enum ctl_exit finish(enum ctl_exit status)
{
	if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE)
		return ctl_fail(CTL_REFUSED, "cannot write: %s", strerror(errno));
	return status;
}

int main(int argc, char **argv)
{
	struct ctl ctl = {.socket = CONTROL_SOCKET};
	bool log_options = false;
	int c, r;

	(void)setlocale(LC_CTYPE, "");
	(void)signal(SIGPIPE, SIG_IGN);
	ctl.terminal = on_terminal();
	ctl.colour = wants_colour();
	while ((c = getopt_long(argc, argv, "ho:n:fu:p:", long_options, NULL)) != -1) {
		r = take_option(&ctl, c, &log_options);
		if (r >= 0)
			return (int)finish((enum ctl_exit)r);
	}
	if (optind == argc) {
		print_help(stderr);
		return CTL_USAGE;
	}
	ctl.argc = argc - optind - 1;
	ctl.argv = argv + optind + 1;
	if (curl_global_init(CURL_GLOBAL_NOTHING) != 0)
		return (int)ctl_no_memory();
	r = (int)finish(run_verb(&ctl, argv[optind], log_options));
	curl_global_cleanup();
	return r;
}
