/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/deferred.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/container_of.h"

struct deferred_upload {
	struct entry entry;
	struct heap_item due;
	unsigned char what; /* enum waits_for */
	char id[];
};

/* Large enough for a UUID as the ID. An upload with a longer one has an allocation of its own. */
#define CELL_SIZE (offsetof(struct deferred_upload, id) + 37)

void deferred_init(struct deferred *deferred)
{
	memset(deferred->due, 0, sizeof deferred->due);
	deferred->slab = (struct slab){.size = CELL_SIZE};
	table_init(&deferred->table, offsetof(struct deferred_upload, id));
}

static size_t size_of(const char *id)
{
	return offsetof(struct deferred_upload, id) + strlen(id) + 1;
}

static struct deferred_upload *make(struct deferred *deferred, const char *id, enum waits_for what)
{
	size_t size = size_of(id);
	struct deferred_upload *item = size <= CELL_SIZE ? slab_take(&deferred->slab) : alloc_bytes(size);
	*item = (struct deferred_upload){.what = (unsigned char)what};
	memcpy(item->id, id, strlen(id) + 1);
	return item;
}

static void unmake(struct deferred *deferred, struct deferred_upload *item)
{
	if (size_of(item->id) <= CELL_SIZE)
		slab_give(&deferred->slab, item);
	else
		free(item);
}

static void end(struct deferred *deferred, struct deferred_upload *item)
{
	table_remove(&deferred->table, &item->entry);
	heap_remove(&deferred->due[item->what], &item->due);
	unmake(deferred, item);
}

static struct deferred_upload *of_timer(struct heap_item *timer)
{
	return CONTAINER_OF(timer, struct deferred_upload, due);
}

void deferred_free(struct deferred *deferred)
{
	struct heap_item *timer;
	for (size_t i = 0; i < WAITS_FOR_COUNT; i++) {
		while ((timer = heap_first(&deferred->due[i])) != NULL)
			end(deferred, of_timer(timer));
		heap_free(&deferred->due[i]);
	}
	table_free(&deferred->table);
}

void deferred_add(struct deferred *deferred, const char *id, enum waits_for what, nanos at)
{
	struct deferred_upload *item = make(deferred, id, what);
	heap_set(&deferred->due[what], &item->due, at);
	table_add(&deferred->table, &item->entry);
}

nanos deferred_find(const struct deferred *deferred, const char *id)
{
	const struct deferred_upload *item = (const struct deferred_upload *)(void *)table_find(&deferred->table, id);
	return item != NULL ? item->due.key : 0;
}

nanos deferred_take(struct deferred *deferred, const char *id)
{
	struct deferred_upload *item = (struct deferred_upload *)(void *)table_find(&deferred->table, id);
	nanos at = item != NULL ? item->due.key : 0;
	if (item != NULL)
		end(deferred, item);
	return at;
}

const char *deferred_first(const struct deferred *deferred, enum waits_for what, nanos *at)
{
	struct heap_item *timer = heap_first(&deferred->due[what]);
	if (timer == NULL)
		return NULL;
	*at = timer->key;
	return of_timer(timer)->id;
}

size_t deferred_count(const struct deferred *deferred)
{
	return deferred->table.count;
}
