/* SPDX-License-Identifier: Apache-2.0
 * Texts of the cache that this instance has kept or found lately, so that it does not ask the broker for the same one
 * again and again. Bounded by number, by bytes and by age; what was used least lately goes first. No clock; any thread
 * may call any function. */
#ifndef CORE_BASE_CACHE_MEMORY_H
#define CORE_BASE_CACHE_MEMORY_H

#include <stddef.h>

#include "core/base/clock.h"
#include "core/base/metrics.h"

struct cache_memory_limits {
	size_t entries;
	size_t bytes; /* of keys and texts, with what each entry takes beside them */
};

struct cache_memory;

/* recalled: counts the texts that it has given; NULL: nobody wants to know. Borrowed. */
struct cache_memory *cache_memory_create(const struct cache_memory_limits *limits, struct counter *recalled);
/* NULL is fine. */
void cache_memory_destroy(struct cache_memory *memory);

/* The text under the key, which the caller frees; NULL: it is not known. */
char *cache_memory_recall(struct cache_memory *memory, const char *key, nanos now);
/* Remembers the text until then, in place of an older one. Copies it. */
void cache_memory_keep(struct cache_memory *memory, const char *key, const char *text, nanos until);

#endif
