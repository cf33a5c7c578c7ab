/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/waiters.h"

#include <stdlib.h>
#include <string.h>

struct waiter {
	struct entry entry;
	struct timer due;
	unsigned char what; /* enum waits_for */
	char id[];
};

/* With a UUID for an ID it has its place among the cells, else in memory of its own. */
#define CELL_SIZE (offsetof(struct waiter, id) + 37)

bool waiters_init(struct waiters *waiters)
{
	memset(waiters->due, 0, sizeof waiters->due);
	waiters->cells = (struct cells){.size = CELL_SIZE};
	return table_init(&waiters->table, offsetof(struct waiter, id));
}

static size_t size_of(const char *id)
{
	return offsetof(struct waiter, id) + strlen(id) + 1;
}

static struct waiter *make(struct waiters *waiters, const char *id, enum waits_for what)
{
	size_t size = size_of(id);
	struct waiter *waiter = size <= CELL_SIZE ? cells_take(&waiters->cells) : malloc(size);
	if (waiter == NULL)
		return NULL;
	*waiter = (struct waiter){.what = (unsigned char)what};
	memcpy(waiter->id, id, strlen(id) + 1);
	return waiter;
}

static void unmake(struct waiters *waiters, struct waiter *waiter)
{
	if (size_of(waiter->id) <= CELL_SIZE)
		cells_give(&waiters->cells, waiter);
	else
		free(waiter);
}

static void end(struct waiters *waiters, struct waiter *waiter)
{
	table_remove(&waiters->table, &waiter->entry);
	timers_unset(&waiters->due[waiter->what], &waiter->due);
	unmake(waiters, waiter);
}

static struct waiter *of_timer(struct timer *timer)
{
	return (struct waiter *)(void *)((char *)timer - offsetof(struct waiter, due));
}

void waiters_free(struct waiters *waiters)
{
	struct timer *timer;
	for (size_t i = 0; i < WAITS_FOR_COUNT; i++) {
		while ((timer = timers_first(&waiters->due[i])) != NULL)
			end(waiters, of_timer(timer));
		timers_free(&waiters->due[i]);
	}
	table_free(&waiters->table);
}

bool waiters_add(struct waiters *waiters, const char *id, enum waits_for what, nanos at)
{
	struct waiter *waiter = make(waiters, id, what);
	if (waiter == NULL)
		return false;
	if (!timers_set(&waiters->due[what], &waiter->due, at)) {
		unmake(waiters, waiter);
		return false;
	}
	table_add(&waiters->table, &waiter->entry);
	return true;
}

nanos waiters_find(const struct waiters *waiters, const char *id)
{
	const struct waiter *waiter = (const struct waiter *)(void *)table_find(&waiters->table, id);
	return waiter != NULL ? waiter->due.at : 0;
}

nanos waiters_take(struct waiters *waiters, const char *id)
{
	struct waiter *waiter = (struct waiter *)(void *)table_find(&waiters->table, id);
	nanos at = waiter != NULL ? waiter->due.at : 0;
	if (waiter != NULL)
		end(waiters, waiter);
	return at;
}

const char *waiters_first(const struct waiters *waiters, enum waits_for what, nanos *at)
{
	struct timer *timer = timers_first(&waiters->due[what]);
	if (timer == NULL)
		return NULL;
	*at = timer->at;
	return of_timer(timer)->id;
}

void waiters_put_off(struct waiters *waiters, enum waits_for what, nanos at)
{
	struct timer *timer = timers_first(&waiters->due[what]);
	if (timer != NULL)
		timers_set(&waiters->due[what], timer, at); /* it is set already, so this needs no memory */
}

size_t waiters_count(const struct waiters *waiters)
{
	return waiters->table.count;
}
