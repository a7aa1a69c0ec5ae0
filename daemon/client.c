/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * client.c - one supervised tree, and the table of all of them.
 */
#include "daemon/client.h"

#include <string.h>

#include "proto/base.h"

TAILQ_HEAD(client_list, client);

struct client_table {
	struct client_list list; /* in the order of registration */
	size_t count;
};

struct client_table *client_table_new(void)
{
	struct client_table *t = calloc(1, sizeof(*t));

	if (t)
		TAILQ_INIT(&t->list);
	return t;
}

void client_table_free(struct client_table *t)
{
	if (!t)
		return;
	while (!TAILQ_EMPTY(&t->list))
		client_table_remove(t, TAILQ_FIRST(&t->list));
	free(t);
}

void client_table_add(struct client_table *t, struct client *c)
{
	TAILQ_INSERT_TAIL(&t->list, c, entry);
	t->count++;
}

void client_table_remove(struct client_table *t, struct client *c)
{
	TAILQ_REMOVE(&t->list, c, entry);
	t->count--;
	client_free(c);
}

struct client *client_table_find(struct client_table *t, uint64_t id)
{
	struct client *c;

	TAILQ_FOREACH (c, &t->list, entry)
		if (c->id == id)
			return c;
	return NULL;
}

size_t client_table_count(const struct client_table *t)
{
	return t->count;
}

size_t client_table_count_uid(const struct client_table *t, uid_t uid)
{
	struct client *c;
	size_t n = 0;

	TAILQ_FOREACH (c, &t->list, entry)
		n += c->identity.uid == uid;
	return n;
}

struct client *client_table_first(struct client_table *t)
{
	return TAILQ_FIRST(&t->list);
}

struct client *client_next(struct client *c)
{
	return TAILQ_NEXT(c, entry);
}

static bool has_limits(const struct profile *p)
{
	for (unsigned i = 0; i < p->n_rules; i++)
		if (p->rules[i].limit.rate > 0)
			return true;
	return false;
}

struct client *client_new(uint64_t id, int listener, struct identity *identity, struct view *view)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	if (has_limits(view->profile)) {
		c->buckets = calloc(view->profile->n_rules, sizeof(*c->buckets));
		if (!c->buckets) {
			free(c);
			return NULL;
		}
	}
	c->id = id;
	c->listener = listener;
	c->root_fd = -1;
	c->view = view;
	c->identity = *identity;
	memset(identity, 0, sizeof(*identity));
	return c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	close_fd(c->listener);
	close_fd(c->root_fd);
	identity_done(&c->identity);
	view_free(c->view);
	free(c->buckets);
	free(c->command);
	free(c);
}
