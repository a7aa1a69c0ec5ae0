/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c - options, order of start and stop.
 */
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include <config.h>

#include "daemon/check.h"
#include "daemon/journal.h"
#include "daemon/server.h"
#include "daemon/service.h"
#include "proto/base.h"
#include "proto/paths.h"

#define DIRS_MAX 16

struct options {
	char *config_path, *runtime_dir, *state_dir;
	bool config_required;
	const char *dirs[DIRS_MAX];
	size_t n_dirs;
	char *conf_profiles;
	int log_level;
	bool check;
	char **files;
	int n_files;
};

static const char *const level_names[] = {"emerg",   "alert",  "crit", "err",
					  "warning", "notice", "info", "debug"};

static void usage(FILE *f)
{
	(void)fputs(
		"usage: seccompd [OPTION]...\n"
		"       seccompd --check [OPTION]... [FILE]...\n"
		"Supervises processes whose seccomp filters notify: decides their system calls.\n\n"
		"  --config FILE       settings (" CONFDIR "/" CONFIG_NAME ")\n"
		"  --profile-dir DIR   profiles; repeatable, the first wins (" CONFDIR
		"/" PROFILES_NAME ",\n"
		"                      " VENDORDIR "/" PROFILES_NAME ")\n"
		"  --runtime-dir DIR   sockets and what outlives a crash (" RUNTIMEDIR ")\n"
		"  --state-dir DIR     the decision log (" STATEDIR ")\n"
		"  --log-level LEVEL   emerg ... debug or 0..7 (info)\n"
		"  --check             validate FILEs as profiles, or without any the settings "
		"and\n"
		"                      every profile in force; exit 0 or 1\n"
		"  --version, --help\n",
		f);
}

static int parse_level(const char *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
		if (strcmp(s, level_names[i]) == 0)
			return (int)i;
	if (strcmp(s, "error") == 0)
		return 3;
	if (s[0] >= '0' && s[0] <= '7' && !s[1])
		return s[0] - '0';
	return -1;
}

/* systemd passes lists ended by colons; the first counts. */
static char *from_environment(const char *variable, const char *fallback)
{
	const char *v = getenv(variable);

	return v && v[0] ? strndup(v, strcspn(v, ":")) : strdup(fallback);
}

static char *below(const char *dir, const char *name)
{
	char *s;

	return asprintf(&s, "%s/%s", dir, name) < 0 ? NULL : s;
}

static int complete_options(struct options *o)
{
	_cleanup_free_ char *conf = from_environment("CONFIGURATION_DIRECTORY", CONFDIR);

	if (!conf)
		return -ENOMEM;
	if (!o->config_path)
		o->config_path = below(conf, CONFIG_NAME);
	if (!o->runtime_dir)
		o->runtime_dir = from_environment("RUNTIME_DIRECTORY", RUNTIMEDIR);
	if (!o->state_dir)
		o->state_dir = from_environment("STATE_DIRECTORY", STATEDIR);
	if (o->n_dirs == 0) {
		o->conf_profiles = below(conf, PROFILES_NAME);
		o->dirs[o->n_dirs++] = o->conf_profiles;
		o->dirs[o->n_dirs++] = VENDORDIR "/" PROFILES_NAME;
	}
	return o->config_path && o->runtime_dir && o->state_dir && o->dirs[0] ? 0 : -ENOMEM;
}

static void options_done(struct options *o)
{
	free(o->config_path);
	free(o->runtime_dir);
	free(o->state_dir);
	free(o->conf_profiles);
}

static void replace(char **s, const char *value)
{
	free(*s);
	*s = strdup(value);
}

/* -1: go on; else the exit status. */
static int parse_option(struct options *o, int c)
{
	switch (c) {
	case 'c':
		replace(&o->config_path, optarg);
		o->config_required = true;
		return -1;
	case 'p':
		if (o->n_dirs == DIRS_MAX) {
			(void)fprintf(stderr, "seccompd: more than %d --profile-dir\n", DIRS_MAX);
			return 2;
		}
		o->dirs[o->n_dirs++] = optarg;
		return -1;
	case 'r':
		replace(&o->runtime_dir, optarg);
		return -1;
	case 's':
		replace(&o->state_dir, optarg);
		return -1;
	case 'l':
		o->log_level = parse_level(optarg);
		if (o->log_level >= 0)
			return -1;
		(void)fprintf(
			stderr,
			"seccompd: --log-level %s: expected emerg, alert, crit, err, warning, "
			"notice, info, debug or 0..7\n",
			optarg);
		return 2;
	case 'C':
		o->check = true;
		return -1;
	case 'V':
		(void)puts("seccompd " PACKAGE_VERSION);
		return 0;
	case 'h':
		usage(stdout);
		return 0;
	default:
		usage(stderr);
		return 2;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{"config", required_argument, NULL, 'c'},
		{"profile-dir", required_argument, NULL, 'p'},
		{"runtime-dir", required_argument, NULL, 'r'},
		{"state-dir", required_argument, NULL, 's'},
		{"log-level", required_argument, NULL, 'l'},
		{"check", no_argument, NULL, 'C'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c, r;

	while ((c = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		r = parse_option(o, c);
		if (r >= 0)
			return r;
	}
	o->files = argv + optind;
	o->n_files = argc - optind;
	if (o->n_files > 0 && !o->check) {
		(void)fprintf(stderr, "seccompd: unexpected argument '%s'\n", o->files[0]);
		return 2;
	}
	return -1;
}

/* ---- running ------------------------------------------------------------------ */

static void stop_cb(evutil_socket_t sig, short what, void *data)
{
	struct server *s = data;

	(void)sig;
	(void)what;
	service_stopping();
	event_base_loopbreak(s->base);
}

static void reload_cb(evutil_socket_t sig, short what, void *data)
{
	struct diag d = {0};

	(void)sig;
	(void)what;
	(void)server_reload(data, &d);
	diag_done(&d);
}

static int watch_signals(struct server *s, struct event *events[3])
{
	events[0] = evsignal_new(s->base, SIGTERM, stop_cb, s);
	events[1] = evsignal_new(s->base, SIGINT, stop_cb, s);
	events[2] = evsignal_new(s->base, SIGHUP, reload_cb, s);
	for (int i = 0; i < 3; i++)
		if (!events[i] || event_add(events[i], NULL) < 0)
			return -ENOMEM;
	(void)signal(SIGPIPE, SIG_IGN);
	return 0;
}

/* A listener a client, and some for the sockets: as many as we may have. */
static void raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* Settings must be right to start; a refused profile is absent, and said. */
static int load(struct server *s)
{
	struct diag d = {0};
	int profiles, r = server_load(s, &d, &profiles);

	diag_print(&d, stderr);
	diag_done(&d);
	return r;
}

/* Nobody will answer them. */
static void say_who_is_left(const struct server *s)
{
	size_t n = client_table_count(s->clients);

	if (n > 0)
		journal_event(
			EVENT_STOPPED, 4, NULL,
			"%zu client%s lose%s the supervisor: what they are notified for fails "
			"with ENOSYS from now on",
			n, n == 1 ? "" : "s", n == 1 ? "s" : "");
}

static int run(struct server *s)
{
	char err[512] = "";
	struct event *signals[3] = {0};
	int r = server_start(s, err, sizeof(err));

	if (r < 0)
		log_error("%s", err);
	else
		r = watch_signals(s, signals);
	if (r == 0)
		r = service_watchdog(s);
	if (r == 0) {
		server_warn(s);
		journal_event(EVENT_STARTED, 5, NULL,
			      "seccompd " PACKAGE_VERSION " started: %u workers, %zu profiles",
			      s->n_workers, store_count(s->store));
		service_ready("Supervising");
		event_base_dispatch(s->base);
		say_who_is_left(s);
		journal_event(EVENT_STOPPED, 5, NULL, "seccompd stopped");
	}
	for (int i = 0; i < 3; i++)
		if (signals[i])
			event_free(signals[i]);
	server_stop(s);
	return r < 0 ? 1 : 0;
}

/* Priorities: libevent's own (0), what must be answered (1, the default), and the steps of streams
 * (2, api_stream.c): of those one a pass, between which the loop looks for everything else. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_max_dispatch_interval(config, NULL, 1, 2) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	if (base && event_base_priority_init(base, 3) < 0) {
		event_base_free(base);
		base = NULL;
	}
	return base;
}

static int prepare(struct server *s, const struct options *o)
{
	int r = notif_probe(&s->features);

	if (r < 0 || !s->features.user_notif) {
		(void)fprintf(stderr,
			      "seccompd: this kernel has no seccomp user notification (Linux 5.0 "
			      "and CONFIG_SECCOMP_FILTER are needed)\n");
		return -ENOSYS;
	}
	s->config_path = o->config_path;
	s->config_required = o->config_required;
	s->runtime_dir = o->runtime_dir;
	s->state_dir = o->state_dir;
	s->db_path = below(o->state_dir, DATABASE_NAME);
	s->base = new_base();
	s->store = store_new(o->dirs, o->n_dirs);
	if (!s->db_path || !s->base || !s->store)
		return -ENOMEM;
	return load(s);
}

static int serve(const struct options *o)
{
	struct server s = {0};
	int status = 1;

	raise_limits();
	if (prepare(&s, o) < 0) {
		service_hold_off();
	} else {
		bool to_journal = s.config->log_journal && getenv("JOURNAL_STREAM");

		if (journal_start(to_journal, o->log_level) == 0)
			status = run(&s);
		journal_stop();
	}
	store_free(s.store);
	config_free(s.config);
	if (s.base)
		event_base_free(s.base);
	free(s.db_path);
	libevent_global_shutdown();
	return status;
}

int main(int argc, char **argv)
{
	struct options o = {.log_level = 6};
	int status = parse_options(argc, argv, &o);

	if (status < 0 && complete_options(&o) < 0)
		status = 1;
	if (status < 0 && o.check && o.config_required && access(o.config_path, R_OK) < 0) {
		(void)fprintf(stderr, "%s: %s\n", o.config_path, strerror(errno));
		status = 1;
	}
	if (status < 0 && o.check)
		status = check_run(o.config_path, o.dirs, o.n_dirs, o.files, o.n_files, stdout);
	if (status < 0)
		status = serve(&o);
	options_done(&o);
	return status;
}
