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

void deferred_init(struct deferred *deferred)
{
	memset(deferred->due, 0, sizeof deferred->due);
	table_init(&deferred->table, offsetof(struct deferred_upload, id));
}

static struct deferred_upload *make(const char *id, enum waits_for what)
{
	size_t size = strlen(id) + 1;
	struct deferred_upload *item = alloc_bytes(offsetof(struct deferred_upload, id) + size);
	memset(item, 0, offsetof(struct deferred_upload, id));
	item->what = (unsigned char)what;
	memcpy(item->id, id, size);
	return item;
}

static void end(struct deferred *deferred, struct deferred_upload *item)
{
	table_remove(&deferred->table, &item->entry);
	heap_remove(&deferred->due[item->what], &item->due);
	free(item);
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
	struct deferred_upload *item = make(id, what);
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
