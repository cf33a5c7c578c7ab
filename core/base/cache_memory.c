/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/cache_memory.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/table.h"
#include "core/base/thread.h"

/* In the list, the entry that was used last comes first. */
struct memorized {
	struct entry entry;
	struct memorized *before, *after;
	nanos until;
	size_t size;
	const char *text; /* behind the key */
	char key[];
};

struct cache_memory {
	struct cache_memory_limits limits;
	struct counter *recalled;
	pthread_mutex_t lock; /* of what follows */
	struct table table;
	struct memorized *first, *last;
	size_t bytes;
};

struct cache_memory *cache_memory_create(const struct cache_memory_limits *limits, struct counter *recalled)
{
	struct cache_memory *memory = alloc_zeroed(1, sizeof *memory);
	memory->limits = *limits;
	memory->recalled = recalled;
	lock_init(&memory->lock);
	table_init(&memory->table, offsetof(struct memorized, key));
	return memory;
}

static void unlink_entry(struct cache_memory *memory, struct memorized *memorized)
{
	if (memorized->before != NULL)
		memorized->before->after = memorized->after;
	else
		memory->first = memorized->after;
	if (memorized->after != NULL)
		memorized->after->before = memorized->before;
	else
		memory->last = memorized->before;
}

static void link_first(struct cache_memory *memory, struct memorized *memorized)
{
	memorized->before = NULL;
	memorized->after = memory->first;
	if (memory->first != NULL)
		memory->first->before = memorized;
	else
		memory->last = memorized;
	memory->first = memorized;
}

static void forget(struct cache_memory *memory, struct memorized *memorized)
{
	table_remove(&memory->table, &memorized->entry);
	unlink_entry(memory, memorized);
	memory->bytes -= memorized->size;
	free(memorized);
}

void cache_memory_destroy(struct cache_memory *memory)
{
	if (memory == NULL)
		return;
	while (memory->first != NULL)
		forget(memory, memory->first);
	table_free(&memory->table);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

static struct memorized *find(const struct cache_memory *memory, const char *key)
{
	return (struct memorized *)(void *)table_find(&memory->table, key);
}

/* The entry with the key, which is the first one then; NULL: there is none that is new enough. */
static struct memorized *use(struct cache_memory *memory, const char *key, nanos now)
{
	struct memorized *memorized = find(memory, key);
	if (memorized == NULL)
		return NULL;
	if (memorized->until <= now) {
		forget(memory, memorized);
		return NULL;
	}
	unlink_entry(memory, memorized);
	link_first(memory, memorized);
	return memorized;
}

char *cache_memory_recall(struct cache_memory *memory, const char *key, nanos now)
{
	pthread_mutex_lock(&memory->lock);
	const struct memorized *memorized = use(memory, key, now);
	char *text = memorized != NULL ? alloc_text(memorized->text) : NULL;
	pthread_mutex_unlock(&memory->lock);
	if (text != NULL)
		counter_add(memory->recalled, 1);
	return text;
}

static void make_room(struct cache_memory *memory, size_t size)
{
	while (memory->table.count >= memory->limits.entries || size > memory->limits.bytes - memory->bytes)
		forget(memory, memory->last);
}

void cache_memory_keep(struct cache_memory *memory, const char *key, const char *text, nanos until)
{
	size_t key_size = strlen(key) + 1, text_size = strlen(text) + 1;
	size_t size = sizeof(struct memorized) + key_size + text_size;
	pthread_mutex_lock(&memory->lock);
	struct memorized *memorized = find(memory, key);
	if (memorized != NULL)
		forget(memory, memorized);
	if (size <= memory->limits.bytes && memory->limits.entries > 0) {
		make_room(memory, size);
		memorized = alloc_bytes(size);
		*memorized = (struct memorized){.until = until, .size = size, .text = memorized->key + key_size};
		memcpy(memorized->key, key, key_size);
		memcpy(memorized->key + key_size, text, text_size);
		table_add(&memory->table, &memorized->entry);
		link_first(memory, memorized);
		memory->bytes += size;
	}
	pthread_mutex_unlock(&memory->lock);
}
