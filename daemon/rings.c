/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rings.c - the set of rings: taking over, merging by time, giving back.
 */
#include "daemon/rings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "proto/base.h"

#define RING_PREFIX "ring."
#define LOCK_NAME   "log.lock"
/* What JSON readers can count to; a greater client number is not one of ours. */
#define CLIENT_MAX ((uint64_t)1 << 53)
/* An earlier daemon may be about to end: 20 times 50 ms. */
#define LOCK_TRIES   20
#define LOCK_WAIT_NS 50000000

struct member {
	struct ring *ring;
	char *path; /* of a left-over one: to be unlinked */
	const struct ring_entry *head;
};

struct rings {
	unsigned n_own, n; /* own ones first */
	struct member *m;
	int lock;
	_Atomic unsigned n_left;
	_Atomic uint64_t broken_gone; /* of files moved aside and of rings that are gone */
};

static int take_lock(const char *dir)
{
	static const struct timespec pause = {.tv_nsec = LOCK_WAIT_NS};
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/%s", dir, LOCK_NAME) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (i == LOCK_TRIES)
			return -EBUSY;
		(void)nanosleep(&pause, NULL);
	}
	return TAKE_FD(fd);
}

static int add_left(struct rings *s, struct ring *r, const char *path)
{
	struct member *m = reallocarray(s->m, s->n + 1, sizeof(*m));
	char *copy;

	if (!m)
		return -ENOMEM;
	s->m = m;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	s->m[s->n++] = (struct member){.ring = r, .path = copy};
	atomic_fetch_add(&s->n_left, 1);
	return 0;
}

/* A ring in the place of an own one, but of another size (ring_bytes was changed): what is in it
 * must not be lost, so it gets another name. */
static int step_aside(struct rings *s, const char *dir, struct ring *r, const char *path)
{
	_cleanup_free_ char *other = NULL;
	char id[RING_ID_MAX];

	ring_id(r, id);
	if (asprintf(&other, "%s/" RING_PREFIX "left-%s", dir, id) < 0) {
		other = NULL;
		return -ENOMEM;
	}
	if (rename(path, other) < 0)
		return -errno;
	return add_left(s, r, other);
}

static int open_own(struct rings *s, const char *dir, unsigned i, size_t size)
{
	_cleanup_free_ char *path = NULL;
	struct ring *r = NULL;
	int rc;

	if (!dir)
		return ring_open(NULL, size, &s->m[i].ring);
	if (asprintf(&path, "%s/" RING_PREFIX "%u", dir, i) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	rc = ring_attach(path, &r);
	if (rc == 0 && ring_size(r) == size) {
		s->m[i].ring = r;
		return 0;
	}
	if (rc == 0)
		rc = step_aside(s, dir, r, path);
	if (rc < 0 && r) {
		(void)ring_close(r);
		return rc;
	}
	/* Broken or absent: ring_open() knows what to do. */
	return ring_open(path, size, &s->m[i].ring);
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

/* Is NAME that of an own ring? */
static bool is_own(const char *name, unsigned n)
{
	char canonical[32];
	char *end;
	unsigned long i = strtoul(name + strlen(RING_PREFIX), &end, 10);

	(void)snprintf(canonical, sizeof(canonical), RING_PREFIX "%lu", i);
	return *end == '\0' && i < n && strcmp(canonical, name) == 0;
}

static int take_left(struct rings *s, const char *path)
{
	_cleanup_free_ char *bad = NULL;
	struct ring *r = NULL;
	int rc = ring_attach(path, &r);

	if (rc == 0) {
		rc = add_left(s, r, path);
		if (rc < 0)
			(void)ring_close(r);
		return rc;
	}
	if (rc != -EUCLEAN)
		return rc == -ENOENT ? 0 : rc;
	if (asprintf(&bad, "%s.bad", path) < 0) {
		bad = NULL;
		return -ENOMEM;
	}
	atomic_fetch_add(&s->broken_gone, 1);
	return rename(path, bad) < 0 ? -errno : 0;
}

static int scan(struct rings *s, const char *dir, unsigned n_own)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return -errno;
	while (rc == 0 && (e = readdir(d))) {
		_cleanup_free_ char *path = NULL;

		if (strncmp(e->d_name, RING_PREFIX, strlen(RING_PREFIX)) != 0 ||
		    has_suffix(e->d_name, ".bad") || is_own(e->d_name, n_own))
			continue;
		if (asprintf(&path, "%s/%s", dir, e->d_name) < 0) {
			path = NULL;
			rc = -ENOMEM;
		} else if (has_suffix(e->d_name, ".tmp")) {
			(void)unlink(path);
		} else {
			rc = take_left(s, path);
		}
	}
	(void)closedir(d);
	return rc;
}

int rings_open(const char *dir, unsigned n, size_t size, struct rings **ret)
{
	struct rings *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s)
		return -ENOMEM;
	s->lock = -1;
	s->n_own = s->n = n;
	s->m = calloc(n ? n : 1, sizeof(*s->m));
	if (!s->m) {
		free(s);
		return -ENOMEM;
	}
	if (dir) {
		rc = s->lock = take_lock(dir);
		if (rc >= 0)
			rc = scan(s, dir, n);
	}
	for (unsigned i = 0; i < n && rc >= 0; i++)
		rc = open_own(s, dir, i, size);
	if (rc < 0) {
		(void)rings_close(s);
		return rc;
	}
	*ret = s;
	return 0;
}

struct rings *rings_close(struct rings *s)
{
	if (!s)
		return NULL;
	for (unsigned i = 0; i < s->n; i++) {
		(void)ring_close(s->m[i].ring);
		free(s->m[i].path);
	}
	(void)close_fd(s->lock);
	free(s->m);
	free(s);
	return NULL;
}

struct ring *rings_own(struct rings *s, unsigned i)
{
	return s->m[i].ring;
}

unsigned rings_n_own(const struct rings *s)
{
	return s->n_own;
}

unsigned rings_n_left(const struct rings *s)
{
	return atomic_load(&s->n_left);
}

uint64_t rings_broken(const struct rings *s)
{
	uint64_t sum = atomic_load(&s->broken_gone);

	for (unsigned i = 0; i < s->n_own; i++)
		sum += ring_broken(s->m[i].ring);
	return sum;
}

struct ring *rings_at(struct rings *s, unsigned i)
{
	return i < s->n ? s->m[i].ring : NULL;
}

size_t rings_collect(struct rings *s, const struct ring_entry **ret, size_t max)
{
	size_t n = 0;

	for (unsigned i = 0; i < s->n; i++)
		s->m[i].head = ring_peek(s->m[i].ring);
	while (n < max) {
		struct member *first = NULL;

		for (unsigned i = 0; i < s->n; i++) {
			struct member *m = &s->m[i];

			if (m->head && (!first || m->head->time_us < first->head->time_us))
				first = m;
		}
		if (!first)
			break;
		ret[n++] = ring_next(first->ring);
		first->head = ring_peek(first->ring);
	}
	return n;
}

void rings_release(struct rings *s)
{
	for (unsigned i = 0; i < s->n; i++)
		ring_release(s->m[i].ring);
	for (unsigned i = s->n; i-- > s->n_own;) {
		struct member *m = &s->m[i];

		if (ring_tail(m->ring) != ring_head(m->ring))
			continue;
		(void)unlink(m->path);
		atomic_fetch_add(&s->broken_gone, ring_broken(m->ring));
		(void)ring_close(m->ring);
		free(m->path);
		*m = s->m[--s->n];
		atomic_fetch_sub(&s->n_left, 1);
	}
}

void rings_rewind(struct rings *s)
{
	for (unsigned i = 0; i < s->n; i++)
		ring_rewind(s->m[i].ring);
}

bool rings_any(struct rings *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (ring_peek(s->m[i].ring))
			return true;
	return false;
}

uint64_t rings_max_client(struct rings *s)
{
	const struct ring_entry *e;
	uint64_t max = 0;

	for (unsigned i = 0; i < s->n; i++)
		while ((e = ring_next(s->m[i].ring)))
			if (e->client > max && e->client < CLIENT_MAX)
				max = e->client;
	rings_rewind(s);
	return max;
}

bool rings_arm(struct rings *s, bool any)
{
	bool half = false;

	for (unsigned i = 0; i < s->n_own; i++) {
		struct ring *r = s->m[i].ring;

		ring_want_wake(r, any);
		half |= ring_head(r) - ring_tail(r) > ring_size(r) / 2;
	}
	return any ? !rings_any(s) : !half;
}
