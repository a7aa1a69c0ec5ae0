/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.c - the command line of seccomp-run.
 */
#include "client/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "config.h"

#include "proto/base.h"
#include "proto/paths.h"

enum option_id {
	OPT_PROFILE = 256,
	OPT_LABEL,
	OPT_SOCKET,
	OPT_PRIVATE,
	OPT_PROFILE_DIR,
	OPT_ALLOW_NEW_PRIVS,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{"profile", required_argument, NULL, OPT_PROFILE},
	{"label", required_argument, NULL, OPT_LABEL},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"private", no_argument, NULL, OPT_PRIVATE},
	{"profile-dir", required_argument, NULL, OPT_PROFILE_DIR},
	{"allow-new-privs", no_argument, NULL, OPT_ALLOW_NEW_PRIVS},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

void say(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* At once, so that lines of several processes do not mix. */
	(void)fprintf(stderr, "seccomp-run: %s\n", text);
}

static void usage(FILE *f)
{
	(void)fputs(
		"usage: seccomp-run [OPTION]... [--] COMMAND [ARG]...\n"
		"Runs COMMAND under a profile of seccompd(8), in place of itself.\n\n"
		"  --profile NAME      the profile (what the daemon assigns); with --private also\n"
		"                      the path of a file\n"
		"  --label KEY=VALUE   a label of this client; repeatable\n"
		"  --socket PATH       where the daemon listens (" CLIENT_SOCKET ")\n"
		"  --private           no daemon: supervise this command alone, say on stderr\n"
		"                      what is refused\n"
		"  --profile-dir DIR   with --private: look for profiles here alone; repeatable\n"
		"  --allow-new-privs   do not set no_new_privs (needs CAP_SYS_ADMIN)\n"
		"  --help, --version\n\n"
		"Exit status: COMMAND's own; 125 seccomp-run itself failed, 126 COMMAND cannot be\n"
		"executed, 127 COMMAND is not found.\n",
		f);
}

/* A copy is taken apart: seccomp-private reads the same argv again. */
static int add_label(struct options *o, const char *arg)
{
	const char *eq = strchr(arg, '=');
	char *key;

	if (!eq || eq == arg) {
		say("--label %s: KEY=VALUE expected", arg);
		return EXIT_LAUNCHER;
	}
	key = strdup(arg);
	if (!key) {
		say("out of memory");
		return EXIT_LAUNCHER;
	}
	key[eq - arg] = '\0';
	for (size_t i = 0; i < o->n_labels; i++) {
		if (strcmp(o->label_keys[i], key) == 0) {
			say("--label %s is given twice", key);
			free(key);
			return EXIT_LAUNCHER;
		}
	}
	if (o->n_labels == OPTIONS_LABELS_MAX) {
		say("more than %d labels", OPTIONS_LABELS_MAX);
		free(key);
		return EXIT_LAUNCHER;
	}
	o->label_keys[o->n_labels] = key;
	o->label_values[o->n_labels++] = key + (eq - arg) + 1;
	return -1;
}

static int add_dir(struct options *o, const char *dir)
{
	if (o->n_dirs == OPTIONS_DIRS_MAX) {
		say("more than %d times --profile-dir", OPTIONS_DIRS_MAX);
		return EXIT_LAUNCHER;
	}
	o->dirs[o->n_dirs++] = dir;
	return -1;
}

static int take_option(struct options *o, int option, char *arg)
{
	switch (option) {
	case OPT_PROFILE:
		o->profile = arg;
		return -1;
	case OPT_LABEL:
		return add_label(o, arg);
	case OPT_SOCKET:
		o->socket = arg;
		return -1;
	case OPT_PRIVATE:
		o->private_supervisor = true;
		return -1;
	case OPT_PROFILE_DIR:
		return add_dir(o, arg);
	case OPT_ALLOW_NEW_PRIVS:
		o->allow_new_privs = true;
		return -1;
	case OPT_HELP:
		usage(stdout);
		return EXIT_SUCCESS;
	case OPT_VERSION:
		(void)printf("seccomp-run (%s)\n", PACKAGE_STRING);
		return EXIT_SUCCESS;
	default:
		usage(stderr);
		return EXIT_LAUNCHER;
	}
}

static int check_options(const struct options *o)
{
	if (!o->command[0]) {
		say("no command given");
		usage(stderr);
		return EXIT_LAUNCHER;
	}
	if (o->profile && !o->profile[0]) {
		say("--profile '': a name expected");
		return EXIT_LAUNCHER;
	}
	if (o->private_supervisor && o->socket) {
		say("--private and --socket exclude each other: there is no daemon to connect to");
		return EXIT_LAUNCHER;
	}
	if (o->private_supervisor && !o->profile) {
		say("--private needs --profile: there is no daemon that could assign one");
		return EXIT_LAUNCHER;
	}
	if (!o->private_supervisor && o->n_dirs > 0) {
		say("--profile-dir goes with --private; the daemon has its own directories");
		return EXIT_LAUNCHER;
	}
	if (!o->private_supervisor && o->profile && strchr(o->profile, '/')) {
		say("--profile %s: a path goes with --private; the daemon takes names", o->profile);
		return EXIT_LAUNCHER;
	}
	return -1;
}

int options_parse(int argc, char **argv, struct options *ret)
{
	int option, status;

	*ret = (struct options){0};
	/* "+": the command's options are its own. */
	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		status = take_option(ret, option, optarg);
		if (status >= 0)
			return status;
	}
	ret->command = argv + optind;
	status = check_options(ret);
	if (!ret->socket)
		ret->socket = CLIENT_SOCKET;
	return status;
}
