/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.c - the log thread.
 *
 * Theory of operation. One pass: collect the oldest entries of all rings by time; in one
 * transaction number and write them, with the place that was reached in each ring; commit; tell
 * the journal and the sink; give the entries back to the rings; say what can be read now.
 *
 * - Killed before the commit: the entries are still in the rings, and are collected again.
 * - Killed after it, before they were given back: the stored places say so, and they are skipped.
 *   A place belongs to a ring's random id, so a ring made anew is never skipped.
 * - The commit fails, or it cannot be told whether it did: the database is closed and opened anew,
 *   and the places that are stored in it by then decide. Entries wait in the rings meanwhile.
 *
 * Numbers are given here and not by the workers, so that they are in the order of the commits: who
 * has read up to N has missed nothing before N.
 */
#include "daemon/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/burst.h"
#include "daemon/fold.h"
#include "daemon/journal.h"
#include "daemon/rings.h"
#include "daemon/sink_sqlite.h"
#include "proto/clock.h"

#define BATCH_MAX	  16384
#define BACKOFF_MIN_MS	  100
#define BACKOFF_MAX_MS	  5000
#define HOUSEKEEPING_US	  1000000
#define RETAIN_EVERY_US	  60000000
#define RETAIN_EVERY_ROWS 65536
#define CORRUPT_TRIES	  2
#define RING_BYTES_MIN	  ((size_t)64 * 1024)
#define RING_BYTES_MAX	  ((size_t)1024 * 1024 * 1024)

struct log {
	struct log_options o;
	char *db_path;
	struct rings *rings;
	int wake; /* eventfd */
	pthread_t thread;
	bool started, locks_made;
	_Atomic bool stop;
	_Atomic uint64_t next_client;

	/* The thread's own. */
	struct sink *sink; /* NULL: no database, or it could not be opened yet */
	struct fold *fold;
	struct burst *burst;
	const struct ring_entry **items;
	uint64_t *seqs; /* of items; 0: folded into an earlier one */
	size_t n_items;
	uint64_t seq; /* the last one given; last_seq once it is committed */
	uint64_t stored_client;
	unsigned corrupt; /* how often in a row the database was found so */
	unsigned backoff_ms;
	bool windows_open, retain_more;
	int64_t next_housekeeping_us, next_retain_us;
	uint64_t rows_since_retain;
	uint64_t broken_told, last_told;

	pthread_mutex_t lock;
	pthread_cond_t released; /* entries were given back */
	/* Under the lock, written by the thread. */
	uint64_t written, last_seq, failures;
	bool failing;
	char error[256];
};

static void wake_up(struct log *l)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(l->wake, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

/* ---- the database: opening, failing ------------------------------------------------ */

static void set_error(struct log *l, const char *text)
{
	(void)pthread_mutex_lock(&l->lock);
	(void)snprintf(l->error, sizeof(l->error), "%s", text);
	(void)pthread_mutex_unlock(&l->lock);
}

static void raise_next_client(struct log *l, uint64_t at_least)
{
	uint64_t next = atomic_load(&l->next_client);

	while (next < at_least && !atomic_compare_exchange_weak(&l->next_client, &next, at_least))
		;
}

/* What the database already has of the rings is given back. */
static int sync_rings(struct log *l)
{
	char ids[64][RING_ID_MAX];
	const char *list[ARRAY_SIZE(ids)];
	struct ring *ring;
	unsigned i;

	for (i = 0; (ring = rings_at(l->rings, i)); i++) {
		char id[RING_ID_MAX];
		uint64_t position = 0;
		int r;

		ring_id(ring, id);
		r = sink_position(l->sink, id, &position);
		if (r < 0)
			return r;
		ring_skip_to(ring, position);
		if (i < ARRAY_SIZE(ids)) {
			memcpy(ids[i], id, sizeof(id));
			list[i] = ids[i];
		}
	}
	/* Tidiness only; with very many rings it is left to a run with fewer. */
	return i <= ARRAY_SIZE(ids) ? sink_forget_rings(l->sink, list, i) : 0;
}

static int set_aside(struct log *l)
{
	char name[4096], text[256];
	int r = sink_set_aside(l->db_path, name, sizeof(name));

	if (r < 0) {
		(void)snprintf(text, sizeof(text), "%s is corrupt and cannot be moved aside: %s",
			       l->db_path, strerror(-r));
		set_error(l, text);
		return r;
	}
	l->corrupt = 0;
	l->stored_client = 0;
	log_error("The decision log was corrupt: %s was moved aside to %s, a new one is made",
		  l->db_path, name);
	return 0;
}

static int open_sink(struct log *l)
{
	char err[256] = "";
	int r;

	if (l->corrupt >= CORRUPT_TRIES) {
		r = set_aside(l);
		if (r < 0)
			return r;
	}
	r = sink_open(l->db_path, &l->sink, err, sizeof(err));
	if (r < 0) {
		set_error(l, err);
		return r;
	}
	r = sync_rings(l);
	if (r < 0) {
		set_error(l, sink_error(l->sink));
		l->sink = sink_close(l->sink);
		return r;
	}
	(void)pthread_mutex_lock(&l->lock);
	if (sink_last_seq(l->sink) > l->last_seq)
		l->last_seq = sink_last_seq(l->sink);
	l->seq = l->last_seq;
	(void)pthread_mutex_unlock(&l->lock);
	l->stored_client = sink_next_client(l->sink);
	raise_next_client(l, l->stored_client);
	return 0;
}

/* Everything goes back to where it was; the next try opens the database anew. */
static void fail(struct log *l, int error)
{
	bool first;

	l->corrupt = error == -EUCLEAN ? l->corrupt + 1 : 0;
	l->sink = sink_close(l->sink);
	rings_rewind(l->rings);
	fold_clear(l->fold);
	l->retain_more = false;
	l->backoff_ms = l->backoff_ms ? 2 * l->backoff_ms : BACKOFF_MIN_MS;
	if (l->backoff_ms > BACKOFF_MAX_MS)
		l->backoff_ms = BACKOFF_MAX_MS;

	(void)pthread_mutex_lock(&l->lock);
	l->seq = l->last_seq;
	l->failures++;
	first = !l->failing;
	l->failing = true;
	(void)pthread_mutex_unlock(&l->lock);
	if (first)
		journal_event(EVENT_LOG_FAILING, 3, NULL,
			      "The decision log cannot be written, records wait: %s", l->error);
}

static void recover(struct log *l)
{
	bool was;

	l->backoff_ms = 0;
	l->corrupt = 0;
	(void)pthread_mutex_lock(&l->lock);
	was = l->failing;
	l->failing = false;
	l->error[0] = '\0';
	(void)pthread_mutex_unlock(&l->lock);
	if (was)
		journal_event(EVENT_LOG_RECOVERED, 5, NULL, "The decision log is written again");
}

/* ---- one batch --------------------------------------------------------------------- */

static int fold_one(uint64_t seq, uint32_t add, int64_t last_us, void *data)
{
	struct log *l = data;

	return sink_fold(l->sink, seq, add, last_us);
}

/* Numbers the batch, and writes it where there is a database. */
static int write_items(struct log *l)
{
	struct decision d;
	int r;

	for (size_t i = 0; i < l->n_items; i++) {
		const struct ring_entry *e = l->items[i];

		l->seqs[i] = 0;
		if (fold_add(l->fold, e))
			continue;
		l->seqs[i] = ++l->seq;
		if (l->sink) {
			ring_entry_decode(e, &d);
			d.seq = l->seq;
			r = sink_insert(l->sink, &d);
			if (r < 0)
				return r;
		}
		fold_start(l->fold, e, l->seq);
	}
	return fold_flush(l->fold, l->sink ? fold_one : NULL, l);
}

static int write_meta(struct log *l, uint64_t next_client)
{
	struct ring *ring;
	int r = 0;

	for (unsigned i = 0; r == 0 && (ring = rings_at(l->rings, i)); i++) {
		char id[RING_ID_MAX];

		if (ring_position(ring) == ring_tail(ring))
			continue;
		ring_id(ring, id);
		r = sink_set_position(l->sink, id, ring_position(ring));
	}
	if (r == 0)
		r = sink_set_last_seq(l->sink, l->seq);
	if (r == 0 && next_client != l->stored_client)
		r = sink_set_next_client(l->sink, next_client);
	return r;
}

static int store(struct log *l)
{
	/* Read before the entries were written: an entry's client has its number by then. */
	uint64_t next_client = atomic_load(&l->next_client);
	int r;

	if (!l->sink)
		return write_items(l);
	r = sink_begin(l->sink);
	if (r == -ESTALE)
		set_error(l, "the database was removed or replaced");
	if (r == 0)
		r = write_items(l);
	if (r == 0)
		r = write_meta(l, next_client);
	if (r == 0)
		r = sink_commit(l->sink);
	if (r == 0) {
		l->stored_client = next_client;
		return 0;
	}
	if (r != -ESTALE)
		set_error(l, sink_error(l->sink));
	sink_rollback(l->sink);
	return r;
}

static void suppressed_cb(uint64_t client, uint64_t n, void *data _unused_)
{
	char field[2][48];
	const char *const fields[] = {field[0], field[1], NULL};

	(void)snprintf(field[0], sizeof(field[0]), "SECCOMPD_CLIENT=c%" PRIu64, client);
	(void)snprintf(field[1], sizeof(field[1]), "SECCOMPD_SUPPRESSED=%" PRIu64, n);
	journal_event(EVENT_SUPPRESSED, 5, fields,
		      "%" PRIu64 " decisions on c%" PRIu64 " were left out of the journal", n,
		      client);
}

/* What is durable is told to the journal and the sink: at most once, a crash may skip some. */
static void deliver(struct log *l)
{
	int64_t now = now_us();
	struct decision d;

	if (!l->o.sink && !l->o.journal)
		return;
	for (size_t i = 0; i < l->n_items; i++) {
		if (l->seqs[i] == 0)
			continue;
		ring_entry_decode(l->items[i], &d);
		d.seq = l->seqs[i];
		if (l->o.sink)
			l->o.sink(&d, l->o.sink_data);
		if (l->o.journal && journal_decision_wanted(&d) &&
		    burst_take(l->burst, d.client, now)) {
			journal_decision(&d);
			l->windows_open = true;
		}
	}
}

static void release(struct log *l)
{
	uint64_t broken, last;

	/* The counts first: who waits for the release looks at them. */
	(void)pthread_mutex_lock(&l->lock);
	l->written += l->seq - l->last_seq;
	l->last_seq = last = l->seq;
	rings_release(l->rings);
	(void)pthread_cond_broadcast(&l->released);
	(void)pthread_mutex_unlock(&l->lock);

	if (last != l->last_told && l->o.committed)
		l->o.committed(last, l->o.committed_data);
	l->last_told = last;
	broken = rings_broken(l->rings);
	if (broken != l->broken_told)
		log_warning("Decision log: %" PRIu64 " entries or ring files could not be read",
			    broken - l->broken_told);
	l->broken_told = broken;
}

/* ---- housekeeping ------------------------------------------------------------------ */

static bool keeps_bounds(const struct log *l)
{
	return l->o.max_age_s > 0 || l->o.max_bytes > 0;
}

/* One round; more of them come between batches where one is not enough. 0 or -errno. */
static int retain(struct log *l, int64_t now)
{
	int64_t before = 0;
	int r;

	if (!l->sink || !keeps_bounds(l) ||
	    (!l->retain_more && now < l->next_retain_us &&
	     l->rows_since_retain < RETAIN_EVERY_ROWS))
		return 0;
	if (l->o.max_age_s > 0)
		before = wall_us() - (int64_t)l->o.max_age_s * 1000000;
	r = sink_retain(l->sink, before, l->o.max_bytes);
	if (r < 0) {
		set_error(l, sink_error(l->sink));
		return r;
	}
	if (r > 0)
		fold_clear(l->fold); /* the record of a run may be gone */
	l->retain_more = r > 0;
	l->rows_since_retain = 0;
	l->next_retain_us = now + RETAIN_EVERY_US;
	return 0;
}

static int keep_house(struct log *l)
{
	int64_t now = now_us();

	if (l->windows_open && now >= l->next_housekeeping_us) {
		l->windows_open = burst_expire(l->burst, now, suppressed_cb, NULL);
		l->next_housekeeping_us = now + HOUSEKEEPING_US;
	}
	return retain(l, now);
}

/* ---- the thread -------------------------------------------------------------------- */

static void sleep_ms(struct log *l, int ms)
{
	struct pollfd p = {.fd = l->wake, .events = POLLIN};
	uint64_t n;

	if (ms != 0 && poll(&p, 1, ms) > 0 && read(l->wake, &n, sizeof(n)) < 0)
		return;
}

static int idle_ms(const struct log *l)
{
	if (l->windows_open)
		return HOUSEKEEPING_US / 1000;
	return l->sink && keeps_bounds(l) ? RETAIN_EVERY_US / 1000 : -1;
}

static bool client_is_stored(struct log *l)
{
	return !l->sink || atomic_load(&l->next_client) == l->stored_client;
}

/* Sleeps as long as there is nothing to do, or until the next batch is due. */
static void pause_thread(struct log *l, int64_t started_us)
{
	int64_t left_ms;

	if (l->retain_more || l->n_items == BATCH_MAX)
		return;
	if (l->n_items == 0) {
		if (rings_arm(l->rings, true))
			sleep_ms(l, idle_ms(l));
		return;
	}
	left_ms = l->o.batch_ms - (now_us() - started_us) / 1000;
	if (left_ms > 0 && rings_arm(l->rings, false))
		sleep_ms(l, (int)left_ms);
}

/* Collects and makes durable: 0 or -errno. */
static int batch(struct log *l)
{
	int r;

	l->n_items = 0;
	if (l->db_path && !l->sink) {
		r = open_sink(l);
		if (r < 0)
			return r;
	}
	l->n_items = rings_collect(l->rings, l->items, BATCH_MAX);
	/* While failing also without entries: an empty transaction tells whether it works again. */
	if (l->n_items > 0 || !client_is_stored(l) || l->backoff_ms > 0) {
		r = store(l);
		if (r < 0)
			return r;
	}
	l->rows_since_retain += l->n_items;
	return 0;
}

/* One pass. False: the end. */
static bool pass(struct log *l)
{
	bool stop = atomic_load(&l->stop);
	int64_t started = now_us();
	int r = batch(l);

	if (r == 0) {
		if (l->backoff_ms > 0)
			recover(l);
		deliver(l);
		release(l);
		if (!stop)
			r = keep_house(l);
	}
	if (r < 0) {
		fail(l, r);
		if (!stop)
			sleep_ms(l, (int)l->backoff_ms);
		return !stop;
	}
	if (stop)
		return l->n_items > 0;
	pause_thread(l, started);
	return true;
}

static void *log_thread(void *data)
{
	struct log *l = data;

	while (pass(l))
		;
	(void)burst_expire(l->burst, INT64_MAX, suppressed_cb, NULL);
	return NULL;
}

/* Signals are the main thread's. */
static int start_thread(struct log *l)
{
	sigset_t all, old;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&l->thread, NULL, log_thread, l);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	l->started = r == 0;
	if (r == 0)
		(void)pthread_setname_np(l->thread, "seccompd-log");
	return -r;
}

/* ---- start and end ----------------------------------------------------------------- */

static int make_parts(struct log *l)
{
	pthread_condattr_t attr;

	if (l->o.db_path) {
		l->db_path = strdup(l->o.db_path);
		if (!l->db_path)
			return -ENOMEM;
	}
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake < 0)
		return -errno;
	l->items = calloc(BATCH_MAX, sizeof(l->items[0]));
	l->seqs = calloc(BATCH_MAX, sizeof(l->seqs[0]));
	l->fold = fold_new(BATCH_MAX);
	l->burst = burst_new(l->o.journal_burst);
	if (!l->items || !l->seqs || !l->fold || !l->burst)
		return -ENOMEM;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)pthread_cond_init(&l->released, &attr);
	(void)pthread_condattr_destroy(&attr);
	l->locks_made = true;
	return 0;
}

static size_t ring_bytes(size_t wanted)
{
	size_t n = RING_BYTES_MIN;

	while (n < wanted && n < RING_BYTES_MAX)
		n *= 2;
	return n;
}

/* The directory of the database must be there: that is a mistake of the settings, and no
 * waiting mends it. */
static int check_directory(const struct log *l)
{
	_cleanup_free_ char *dir = strdup(l->db_path);
	struct stat st;
	char *slash;

	if (!dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	if (!slash)
		return 0;
	slash[slash == dir ? 1 : 0] = '\0';
	if (stat(dir, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static int start_database(struct log *l)
{
	int r = check_directory(l);

	if (r < 0) {
		(void)snprintf(l->error, sizeof(l->error), "%s: %s", l->db_path, strerror(-r));
		return r;
	}
	for (unsigned i = 0; i <= CORRUPT_TRIES; i++) {
		r = open_sink(l);
		if (r != -EUCLEAN)
			break;
		l->corrupt++;
	}
	if (r < 0) {
		fail(l, r);
		/* What numbers clients have had is not known: seconds are ahead of any count. */
		raise_next_client(l, (uint64_t)time(NULL));
	}
	return 0;
}

static int start(struct log *l)
{
	int r = make_parts(l);

	if (r < 0)
		return r;
	r = rings_open(l->o.ring_dir, l->o.n_rings, ring_bytes(l->o.ring_bytes), &l->rings);
	if (r < 0) {
		(void)snprintf(l->error, sizeof(l->error), "%s: %s",
			       l->o.ring_dir ? l->o.ring_dir : "rings",
			       r == -EBUSY ? "another daemon writes its log from here"
					   : strerror(-r));
		return r;
	}
	l->o.ring_dir = NULL; /* borrowed for this call only */
	l->o.db_path = NULL;
	atomic_store(&l->next_client, 1);
	if (l->db_path) {
		r = start_database(l);
		if (r < 0)
			return r;
	}
	raise_next_client(l, rings_max_client(l->rings) + 1);
	return start_thread(l);
}

int log_new(const struct log_options *o, struct log **ret, char *err, size_t err_size)
{
	struct log *l = calloc(1, sizeof(*l));
	int r;

	if (!l) {
		(void)snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	l->o = *o;
	l->wake = -1;
	r = start(l);
	if (r < 0) {
		(void)snprintf(err, err_size, "%s", l->error[0] ? l->error : strerror(-r));
		(void)log_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct log *log_free(struct log *l)
{
	if (!l)
		return NULL;
	if (l->started) {
		atomic_store(&l->stop, true);
		wake_up(l);
		(void)pthread_join(l->thread, NULL);
	}
	(void)sink_close(l->sink);
	(void)rings_close(l->rings);
	(void)fold_free(l->fold);
	(void)burst_free(l->burst);
	(void)close_fd(l->wake);
	if (l->locks_made) {
		(void)pthread_cond_destroy(&l->released);
		(void)pthread_mutex_destroy(&l->lock);
	}
	free(l->items);
	free(l->seqs);
	free(l->db_path);
	free(l);
	return NULL;
}

/* ---- other threads ----------------------------------------------------------------- */

struct ring *log_ring(struct log *l, unsigned i)
{
	return rings_own(l->rings, i);
}

void log_kick(struct log *l, struct ring *r)
{
	if (ring_wake_wanted(r))
		wake_up(l);
}

uint64_t log_next_client(struct log *l)
{
	/* The thread stores it with the next records, or at the end: a number that was lost by a
	 * crash before that has none. So a launch costs no transaction. */
	return atomic_fetch_add(&l->next_client, 1);
}

/* Has all that was committed up to HEADS been given back? Under the lock. */
static bool is_flushed(struct log *l, const uint64_t *heads)
{
	if (rings_n_left(l->rings) > 0)
		return false;
	for (unsigned i = 0; i < rings_n_own(l->rings); i++)
		if (ring_tail(rings_own(l->rings, i)) < heads[i])
			return false;
	return true;
}

bool log_flush(struct log *l, unsigned timeout_ms)
{
	unsigned n = rings_n_own(l->rings);
	_cleanup_free_ uint64_t *heads = calloc(n ? n : 1, sizeof(*heads));
	struct timespec until;
	bool done;

	if (!heads)
		return false;
	for (unsigned i = 0; i < n; i++)
		heads[i] = ring_head(rings_own(l->rings, i));
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	wake_up(l);
	(void)pthread_mutex_lock(&l->lock);
	while (!(done = is_flushed(l, heads)) &&
	       pthread_cond_timedwait(&l->released, &l->lock, &until) == 0)
		;
	(void)pthread_mutex_unlock(&l->lock);
	return done;
}

static uint64_t file_bytes(const char *path, const char *suffix)
{
	_cleanup_free_ char *name = NULL;
	struct stat st;

	if (asprintf(&name, "%s%s", path, suffix) < 0) {
		name = NULL;
		return 0;
	}
	return stat(name, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

void log_stats(struct log *l, struct log_stats *ret)
{
	*ret = (struct log_stats){0};
	(void)pthread_mutex_lock(&l->lock);
	ret->written = l->written;
	ret->last_seq = l->last_seq;
	ret->failures = l->failures;
	ret->failing = l->failing;
	memcpy(ret->error, l->error, sizeof(ret->error));
	(void)pthread_mutex_unlock(&l->lock);
	ret->broken = rings_broken(l->rings);
	ret->journal_dropped = journal_dropped();
	if (l->db_path)
		ret->db_bytes = file_bytes(l->db_path, "") + file_bytes(l->db_path, "-wal");
}
