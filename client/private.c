/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * private.c - a supervisor for one command, in the process that is its parent: the daemon's own
 * profile, filter, worker and log, without database, journal and sockets.
 */
#include "client/private.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/filter.h"
#include "daemon/log.h"
#include "daemon/notif.h"
#include "daemon/peer.h"
#include "daemon/request.h"
#include "daemon/store.h"
#include "daemon/worker.h"
#include "proto/base.h"
#include "proto/message.h"
#include "proto/paths.h"

#define RING_BYTES (1024 * 1024)
#define BATCH_MS   2

struct private
{
	struct identity identity;
	struct view *view; /* until the client has it */
	struct filter filter;
	struct notif_features features;
	char *profile;
	struct log *log;
	struct lane *lane; /* the worker's */
	struct worker *worker;
	struct message_reader reader;
	int sock;
};

/* ---- profile ----------------------------------------------------------------------- */

/* By name as the daemon finds it, drop-ins of all directories included. NULL: said. */
static struct profile *find_profile(const struct options *o)
{
	const char *dirs[OPTIONS_DIRS_MAX + 2];
	struct profile *p = NULL;
	struct diag d = {0};
	struct store *s;
	size_t n = o->n_dirs;

	memcpy(dirs, o->dirs, n * sizeof(*dirs));
	/* As with the daemon: directories that are given stand in the place of these. */
	if (n == 0) {
		dirs[n++] = CONFDIR "/" PROFILES_NAME;
		dirs[n++] = VENDORDIR "/" PROFILES_NAME;
	}
	s = store_new(dirs, n);
	if (s) {
		/* What is wrong with others is not this command's concern. */
		(void)store_load(s, &d);
		diag_done(&d);
		p = store_get(s, o->profile);
		if (p)
			profile_ref(p);
		else if (store_error(s, o->profile))
			(void)fputs(store_error(s, o->profile), stderr);
		else
			say("there is no profile %s (a path has a slash)", o->profile);
		store_free(s);
	}
	return p;
}

static char *profile_name(const char *path)
{
	const char *base = strrchr(path, '/');
	size_t len;

	base = base ? base + 1 : path;
	len = strlen(base);
	if (len > 5 && strcmp(base + len - 5, ".yaml") == 0)
		len -= 5;
	return strndup(base, len);
}

static struct profile *load_profile(const struct options *o)
{
	_cleanup_free_ char *name = NULL;
	struct profile *p = NULL;
	struct diag d = {0};

	if (!strchr(o->profile, '/'))
		return find_profile(o);
	name = profile_name(o->profile);
	if (!name || profile_load(name, o->profile, true, &p, &d) < 0)
		p = NULL;
	diag_print(&d, stderr);
	diag_done(&d);
	return p;
}

/* ---- who ---------------------------------------------------------------------------- */

static int copy_labels(struct identity *id, const struct options *o)
{
	if (o->n_labels == 0)
		return 0;
	id->label_keys = calloc(o->n_labels, sizeof(*id->label_keys));
	id->label_values = calloc(o->n_labels, sizeof(*id->label_values));
	if (!id->label_keys || !id->label_values)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_labels; i++) {
		id->n_labels = i + 1;
		id->label_keys[i] = strdup(o->label_keys[i]);
		id->label_values[i] = strdup(o->label_values[i]);
		if (!id->label_keys[i] || !id->label_values[i])
			return -ENOMEM;
	}
	return 0;
}

/* This user, in this unit: as the daemon would see a launcher. */
static int identify(struct identity *id, const struct options *o)
{
	struct peer peer;
	int sv[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	r = peer_read(sv[0], &peer);
	close_fd(sv[0]);
	close_fd(sv[1]);
	if (r < 0)
		return r;
	id->pid = peer.pid;
	id->uid = peer.uid;
	id->gid = peer.gid;
	id->unit = TAKE_PTR(peer.unit);
	id->slice = TAKE_PTR(peer.slice);
	peer_done(&peer);
	return copy_labels(id, o);
}

int private_prepare(const struct options *o, struct private **ret)
{
	struct private *p = calloc(1, sizeof(*p));
	struct profile *profile;
	char err[512] = "";
	int r = -ENOMEM;

	if (p) {
		p->sock = -1;
		message_reader_init(&p->reader);
	}
	profile = p ? load_profile(o) : NULL;
	if (!profile) {
		private_free(p);
		return -1;
	}
	p->profile = strdup(profile->name);
	if (p->profile)
		r = identify(&p->identity, o);
	if (r == 0)
		r = notif_probe(&p->features);
	if (r == 0 && !(p->view = view_new(profile, &p->identity)))
		r = -ENOMEM;
	profile_unref(profile);
	if (r == 0)
		r = filter_compile(p->view, &p->filter, err, sizeof(err));
	if (r < 0) {
		say("profile %s: %s", o->profile, err[0] ? err : strerror(-r));
		private_free(p);
		return -1;
	}
	*ret = p;
	return 0;
}

/* ---- answering ------------------------------------------------------------------------ */

/* Log thread. */
static void print_decision(const struct decision *d, void *data)
{
	const bool *colour = data;

	if (d->verdict != VERDICT_ALLOW && d->verdict != VERDICT_GONE)
		decision_print(stderr, d, DECISION_SHORT, *colour);
}

/* Worker thread. */
static void client_ended(struct client *c, void *data)
{
	(void)data;
	client_free(c);
}

static int start(struct private *p)
{
	static bool colour;
	struct log_options lo = {
		.n_rings = 1,
		.ring_bytes = RING_BYTES,
		.batch_ms = BATCH_MS,
		.sink = print_decision,
		.sink_data = &colour,
	};
	struct worker_options wo = {.ended = client_ended};
	char err[256] = "";
	int r;

	colour = isatty(STDERR_FILENO);
	r = log_new(&lo, &p->log, err, sizeof(err));
	if (r == 0)
		r = worker_lane_new(&p->lane);
	if (r == 0) {
		wo.lane = p->lane;
		wo.log = p->log;
		wo.ring = log_ring(p->log, 0);
		r = worker_new(&wo, &p->worker);
	}
	if (r < 0)
		say("cannot supervise: %s", err[0] ? err : strerror(-r));
	return r;
}

static void stop(struct private *p)
{
	if (p->worker)
		worker_stop(p->worker);
	p->lane = lane_free(p->lane);
	p->worker = worker_free(p->worker);
	p->log = log_free(p->log);
}

static int send_program(struct private *p)
{
	_cleanup_close_ int fd = filter_memfd(&p->filter);
	json_t *json = message_ok(), *more;
	int r = -ENOMEM;

	more = json_pack("{s:s, s:I, s:b, s:b}", "profile", p->profile, "program_bytes",
			 (json_int_t)(p->filter.n * sizeof(*p->filter.insns)), "notifies",
			 p->filter.notifies, "wait_killable", p->features.wait_killable);
	if (fd < 0)
		r = fd;
	else if (json && more && json_object_update(json, more) == 0)
		r = message_send(p->sock, json, fd);
	json_decref(json);
	json_decref(more);
	return r;
}

static int take_client(struct private *p)
{
	int listener = message_take_fd(&p->reader), r;
	struct client *c;
	json_t *json;

	/* No target of the same user may take the listener out of us, or trace us. It still waits
	 * for our word. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (listener < 0 || !p->view)
		return -EPROTO;
	c = client_new(log_next_client(p->log), listener, &p->identity, p->view);
	if (!c) {
		close_fd(listener);
		return -ENOMEM;
	}
	p->view = NULL;
	c->killable = p->features.wait_killable;
	c->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = worker_adopt(p->worker, c);
	if (r < 0) {
		client_free(c);
		return r;
	}
	json = message_ok();
	r = json ? message_send(p->sock, json, -1) : -ENOMEM;
	json_decref(json);
	return r;
}

static int take_message(struct private *p)
{
	char reason[256] = "";
	struct request q = {0};
	json_t *json = NULL;
	int r = message_read(&p->reader, p->sock, &json);

	if (r <= 0)
		return r;
	r = request_parse(json, &q, reason, sizeof(reason));
	if (r == 0 && q.kind == REQUEST_COMPILE)
		r = send_program(p);
	else if (r == 0)
		r = take_client(p);
	if (r < 0 && reason[0] == '\0')
		(void)snprintf(reason, sizeof(reason), "%s", strerror(-r));
	if (r < 0) {
		json_t *refused = message_refused(reason);

		(void)message_send(p->sock, refused, -1);
		json_decref(refused);
	}
	request_done(&q);
	json_decref(json);
	return r;
}

/* What came from the terminal has gone to the command as well: it is of the same process group.
 * What a process sent was meant for the command and reached only its parent. */
static void forward_signal(int signal_fd, pid_t child)
{
	struct signalfd_siginfo si;

	if (read(signal_fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo != SIGCHLD && si.ssi_code <= 0)
		(void)kill(child, (int)si.ssi_signo);
}

int private_supervise(struct private *p, int sock, int signal_fd, pid_t child)
{
	struct pollfd pfds[2] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = sock, .events = POLLIN},
	};
	bool broken = start(p) < 0;
	int status = 0;

	p->sock = sock;
	/* Without a supervisor the child hears nothing but the end of the connection. */
	while (waitpid(child, &status, WNOHANG) != child) {
		if (broken || !p->worker) {
			p->sock = close_fd(p->sock);
			pfds[1].fd = -1;
		}
		if (poll(pfds, 2, -1) < 0)
			continue;
		if (pfds[1].revents) {
			int r = take_message(p);

			broken = r < 0 && r != -EAGAIN && r != -EINTR;
		}
		if (pfds[0].revents)
			forward_signal(signal_fd, child);
	}
	/* What was decided is still to be said. */
	stop(p);
	return status;
}

struct private *private_free(struct private *p)
{
	if (!p)
		return NULL;
	stop(p);
	close_fd(p->sock);
	message_reader_done(&p->reader);
	filter_done(&p->filter);
	view_free(p->view);
	identity_done(&p->identity);
	free(p->profile);
	free(p);
	return NULL;
}
