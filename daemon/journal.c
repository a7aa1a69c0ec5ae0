/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal.c - messages on their way to the journal or to stderr.
 *
 * A message is built by the thread that has something to say, copied once, and put in a bounded
 * queue; one thread empties it. sd_journal_sendv() blocks while journald does not read: only that
 * thread waits then, and what does not fit in the queue is dropped and counted.
 */
#include "daemon/journal.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <time.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "daemon/journal_ids.h"
#include "daemon/syscalls.h"

#define QUEUE_MESSAGES 4096
#define QUEUE_BYTES    (4 * 1024 * 1024)
#define FIELDS_MAX     40
#define TEXT_MAX       4096
#define DRAFT_BYTES    (DECISION_LINE_MAX + 16 * 1024)
#define STOP_TIMEOUT_S 1
#define LEVEL_DEFAULT  6
#define IDENTIFIER     "seccompd"
#define MESSAGE_PREFIX "MESSAGE="

static const char *const event_ids[EVENT_MAX] = {
	[EVENT_STARTED] = MESSAGE_ID_STARTED,
	[EVENT_STOPPED] = MESSAGE_ID_STOPPED,
	[EVENT_RELOADED] = MESSAGE_ID_RELOADED,
	[EVENT_PROFILE_REFUSED] = MESSAGE_ID_PROFILE_REFUSED,
	[EVENT_CLIENT_STARTED] = MESSAGE_ID_CLIENT_STARTED,
	[EVENT_CLIENT_ENDED] = MESSAGE_ID_CLIENT_ENDED,
	[EVENT_CLIENT_REFUSED] = MESSAGE_ID_CLIENT_REFUSED,
	[EVENT_LOG_FAILING] = MESSAGE_ID_LOG_FAILING,
	[EVENT_LOG_RECOVERED] = MESSAGE_ID_LOG_RECOVERED,
	[EVENT_OVERLOAD] = MESSAGE_ID_OVERLOAD,
	[EVENT_DENIED] = MESSAGE_ID_DENIED,
	[EVENT_KILLED] = MESSAGE_ID_KILLED,
	[EVENT_FAILURE] = MESSAGE_ID_FAILURE,
	[EVENT_ANSWERED] = MESSAGE_ID_ANSWERED,
	[EVENT_SUPPRESSED] = MESSAGE_ID_SUPPRESSED,
};
static_assert(EVENT_MAX == 15, "an event has no MESSAGE_ID");

/* The first field is always MESSAGE. Lengths count: a value may hold any byte. */
struct message {
	STAILQ_ENTRY(message) entry;
	size_t len;
	unsigned n_fields;
	uint32_t ends[FIELDS_MAX];
	char data[];
};
STAILQ_HEAD(message_list, message);

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled; /* something is queued, or the end is near */
	pthread_cond_t ended;
	pthread_t thread;
	struct message_list queue;
	size_t n, bytes;
	bool running, stopping, gone, to_journal;
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Atomic int journal_level = LEVEL_DEFAULT;
static _Atomic uint64_t journal_lost;

/* A message while it is made. What does not fit is left out. */
struct draft {
	size_t len;
	unsigned n_fields;
	uint32_t ends[FIELDS_MAX];
	char data[DRAFT_BYTES];
};

static void draft_bytes(struct draft *m, const char *prefix, const char *value, size_t n)
{
	size_t p = strlen(prefix);

	if (m->n_fields >= FIELDS_MAX || p + n > sizeof(m->data) - m->len)
		return;
	memcpy(m->data + m->len, prefix, p);
	memcpy(m->data + m->len + p, value, n);
	m->len += p + n;
	m->ends[m->n_fields++] = (uint32_t)m->len;
}

/* PREFIX is "NAME=". An empty value has its field too: without it the catalog's text would show
 * the field's name. */
static void draft_string(struct draft *m, const char *prefix, const char *value)
{
	draft_bytes(m, prefix, value, strlen(value));
}

static void draft_number(struct draft *m, const char *prefix, int64_t value)
{
	char buf[24];
	int n = snprintf(buf, sizeof(buf), "%" PRId64, value);

	draft_bytes(m, prefix, buf, (size_t)n);
}

/* Starts a draft: its text without control characters, so that it is one line anywhere. */
static void draft_text(struct draft *m, int priority, const char *text)
{
	char line[TEXT_MAX];

	m->len = 0;
	m->n_fields = 0;
	draft_bytes(m, MESSAGE_PREFIX, line, record_escape(line, sizeof(line), text));
	draft_number(m, "PRIORITY=", priority);
	draft_string(m, "SYSLOG_IDENTIFIER=", IDENTIFIER);
}

static void print_line(const char *data, size_t end)
{
	struct iovec iov[3];
	size_t skip = strlen(MESSAGE_PREFIX);

	iov[0] = (struct iovec){(void *)(uintptr_t)IDENTIFIER ": ", strlen(IDENTIFIER ": ")};
	iov[1] = (struct iovec){(void *)(uintptr_t)(data + skip), end - skip};
	iov[2] = (struct iovec){(void *)(uintptr_t) "\n", 1};
	/* Nowhere to say that stderr does not take it. */
	if (writev(STDERR_FILENO, iov, 3) < 0)
		return;
}

static void send_fields(const char *data, const uint32_t *ends, unsigned n)
{
	struct iovec iov[FIELDS_MAX];
	uint32_t start = 0;

	for (unsigned i = 0; i < n; start = ends[i++])
		iov[i] = (struct iovec){(void *)(uintptr_t)(data + start), ends[i] - start};
	if (sd_journal_sendv(iov, (int)n) < 0)
		atomic_fetch_add(&journal_lost, 1);
}

/* Under the lock: takes the draft's copy in, or counts it as lost. */
static void enqueue(const struct draft *m)
{
	struct message *copy = NULL;

	if (journal.n < QUEUE_MESSAGES && journal.bytes + m->len <= QUEUE_BYTES)
		copy = malloc(sizeof(*copy) + m->len);
	if (!copy) {
		atomic_fetch_add(&journal_lost, 1);
		return;
	}
	copy->len = m->len;
	copy->n_fields = m->n_fields;
	memcpy(copy->ends, m->ends, m->n_fields * sizeof(m->ends[0]));
	memcpy(copy->data, m->data, m->len);
	STAILQ_INSERT_TAIL(&journal.queue, copy, entry);
	journal.n++;
	journal.bytes += m->len;
	(void)pthread_cond_signal(&journal.filled);
}

static void submit(const struct draft *m)
{
	bool running;

	(void)pthread_mutex_lock(&journal.lock);
	running = journal.running && !journal.stopping;
	if (running)
		enqueue(m);
	(void)pthread_mutex_unlock(&journal.lock);
	if (!running)
		print_line(m->data, m->ends[0]);
}

static void *journal_thread(void *unused _unused_)
{
	(void)pthread_mutex_lock(&journal.lock);
	for (;;) {
		struct message *m = STAILQ_FIRST(&journal.queue);
		bool to_journal = journal.to_journal;

		if (!m) {
			if (journal.stopping)
				break;
			(void)pthread_cond_wait(&journal.filled, &journal.lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&journal.queue, entry);
		journal.n--;
		journal.bytes -= m->len;
		(void)pthread_mutex_unlock(&journal.lock);

		if (to_journal)
			send_fields(m->data, m->ends, m->n_fields);
		else
			print_line(m->data, m->ends[0]);
		free(m);
		(void)pthread_mutex_lock(&journal.lock);
	}
	journal.gone = true;
	(void)pthread_cond_signal(&journal.ended);
	(void)pthread_mutex_unlock(&journal.lock);
	return NULL;
}

/* Signals are the main thread's. */
static int thread_start(void)
{
	sigset_t all, old;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&journal.thread, NULL, journal_thread, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

int journal_start(bool to_journal, int max_level)
{
	pthread_condattr_t attr;
	int r;

	atomic_store(&journal_level, max_level);
	(void)pthread_mutex_lock(&journal.lock);
	if (journal.running) {
		(void)pthread_mutex_unlock(&journal.lock);
		return -EALREADY;
	}
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&journal.filled, NULL);
	(void)pthread_cond_init(&journal.ended, &attr);
	(void)pthread_condattr_destroy(&attr);
	STAILQ_INIT(&journal.queue);
	journal.n = journal.bytes = 0;
	journal.to_journal = to_journal;
	journal.stopping = journal.gone = false;
	r = thread_start();
	journal.running = r == 0;
	(void)pthread_mutex_unlock(&journal.lock);
	return r;
}

void journal_stop(void)
{
	struct timespec until;
	bool gone;

	(void)pthread_mutex_lock(&journal.lock);
	if (!journal.running || journal.stopping) {
		(void)pthread_mutex_unlock(&journal.lock);
		return;
	}
	journal.stopping = true;
	(void)pthread_cond_signal(&journal.filled);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_TIMEOUT_S;
	while (!journal.gone && pthread_cond_timedwait(&journal.ended, &journal.lock, &until) == 0)
		;
	gone = journal.gone;
	if (gone)
		journal.running = false;
	(void)pthread_mutex_unlock(&journal.lock);
	/* A thread that hangs in a send is left behind: it holds nothing that is used again,
	 * for `running` and `stopping` stay set. */
	if (gone)
		(void)pthread_join(journal.thread, NULL);
	else
		(void)pthread_detach(journal.thread);
}

void journal_log(int priority, const char *fmt, ...)
{
	char text[TEXT_MAX];
	struct draft m;
	va_list ap;

	if (priority > atomic_load_explicit(&journal_level, memory_order_relaxed))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	draft_text(&m, priority, text);
	submit(&m);
}

void journal_event(enum journal_event e, int priority, const char *const *fields, const char *fmt,
		   ...)
{
	char text[TEXT_MAX];
	struct draft m;
	va_list ap;

	if (priority > atomic_load_explicit(&journal_level, memory_order_relaxed))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	draft_text(&m, priority, text);
	draft_string(&m, "MESSAGE_ID=", event_ids[e]);
	for (; fields && *fields; fields++)
		draft_bytes(&m, "", *fields, strlen(*fields));
	submit(&m);
}

/* EVENT_MAX: not worth an entry. */
static enum journal_event decision_event(const struct decision *d)
{
	if (d->by == BY_FAILURE || d->verdict == VERDICT_ERROR)
		return EVENT_FAILURE;
	if (d->verdict == VERDICT_KILL)
		return EVENT_KILLED;
	if (d->verdict == VERDICT_DENY)
		return EVENT_DENIED;
	return d->by == BY_OPERATOR ? EVENT_ANSWERED : EVENT_MAX;
}

bool journal_decision_wanted(const struct decision *d)
{
	return decision_event(d) != EVENT_MAX;
}

static void draft_decision(struct draft *m, const struct decision *d)
{
	const char *err = errno_to_name(d->err);
	char client[24];

	(void)snprintf(client, sizeof(client), "c%" PRIu64, d->client);
	draft_string(m, "SECCOMPD_CLIENT=", client);
	draft_string(m, "SECCOMPD_UNIT=", d->unit);
	draft_string(m, "SECCOMPD_PROFILE=", d->profile);
	draft_string(m, "SECCOMPD_SYSCALL=", d->syscall);
	draft_number(m, "SECCOMPD_NR=", d->nr);
	draft_string(m, "SECCOMPD_ARCH=", record_arch_name(d->arch, d->nr));
	draft_string(m, "SECCOMPD_DETAIL=", d->detail);
	draft_string(m, "SECCOMPD_RULE=", d->rule);
	draft_string(m, "SECCOMPD_VERDICT=", record_verdict_names[d->verdict]);
	if (err)
		draft_string(m, "SECCOMPD_ERRNO=", err);
	else if (d->err)
		draft_number(m, "SECCOMPD_ERRNO=", d->err);
	draft_string(m, "SECCOMPD_BASIS=", record_basis_names[d->basis]);
	draft_string(m, "SECCOMPD_BY=", record_by_names[d->by]);
	draft_string(m, "SECCOMPD_OPERATOR=", d->operator_user);
	draft_string(m, "SECCOMPD_MODE=", record_mode_names[d->mode]);
	draft_number(m, "SECCOMPD_PID=", d->pid);
	draft_number(m, "SECCOMPD_TID=", d->tid);
	draft_number(m, "SECCOMPD_UID=", d->uid);
	draft_string(m, "SECCOMPD_EXE=", d->exe);
	draft_string(m, "SECCOMPD_COMM=", d->comm);
	if (d->seq)
		draft_number(m, "SECCOMPD_SEQ=", (int64_t)d->seq);
}

void journal_decision(const struct decision *d)
{
	enum journal_event e = decision_event(d);
	struct decision shown = *d;
	int priority = e == EVENT_DENIED || e == EVENT_ANSWERED ? 5 : 4;
	char text[TEXT_MAX];
	struct draft m;

	if (e == EVENT_MAX || priority > atomic_load_explicit(&journal_level, memory_order_relaxed))
		return;
	shown.spare_args = (uint8_t)syscall_spare_args(d->arch, d->nr);
	(void)decision_format(text, sizeof(text), &shown, DECISION_MESSAGE, false);
	/* The text is escaped already, and record_escape() leaves such text as it is. */
	draft_text(&m, priority, text);
	draft_string(&m, "MESSAGE_ID=", event_ids[e]);
	draft_decision(&m, d);
	submit(&m);
}

uint64_t journal_dropped(void)
{
	return atomic_load(&journal_lost);
}
