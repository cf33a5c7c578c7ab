/* SPDX-License-Identifier: Apache-2.0
 * The bucket of the cache that all instances share: bounded, and every entry expires. Nothing depends on it: whatever
 * goes wrong is as if there were no entry. It is created when it is first needed. For the main thread.
 *
 * What was kept or found in the last minute is remembered in the memory, too, and costs no round trip to the broker. So
 * within a minute it may be an older text than another instance has kept meanwhile. Neither do keys that the bucket
 * does not have: see cache_watch.h. */
#ifndef CORE_JETSTREAM_CACHE_H
#define CORE_JETSTREAM_CACHE_H

#include "core/base/metrics.h"
#include "core/nats/bus.h"

struct cache_options {
	bool enabled;
	const char *bucket; /* that of the records; the cache's has "-cache" behind it. Borrowed */
	const char *nonce;  /* of this process. Borrowed */
	nanos ttl;
	int64_t size; /* bytes, with what the broker adds to each entry */
	const struct log *log;
	struct cache_memory *memory; /* see below. Borrowed */
	struct counter *asked;       /* questions to the broker; NULL: they are not counted */
	/* Called once for each question, perhaps at once. text NULL: there is no such entry, or it cannot be had. Takes the
	 * text over. */
	void (*answer)(void *closure, void *question, char *text);
	void *closure;
};

struct cache;

struct cache *cache_create(const struct cache_options *options);
/* Answers all questions with NULL. The bus must have been destroyed. NULL is fine. */
void cache_destroy(struct cache *cache);

/* Asks for the text under the key. */
void cache_ask(struct cache *cache, struct bus *bus, const char *key, void *question);

/* Keeps the text, without waiting: it may be lost. */
void cache_keep(struct cache *cache, struct bus *bus, const char *key, const char *text);

/* Takes the answer to a request of the cache. False: it is not one. */
bool cache_answered(struct cache *cache, struct bus *bus, struct request *request);

/* Takes a message or a heartbeat of the bucket's over. False: it is none. */
bool cache_take(struct cache *cache, struct bus *bus, struct delivery *delivery);

/* The bus is down, or its connection is another one. */
void cache_reset(struct cache *cache);
/* To be called about once a second; now: monotonic. */
void cache_tick(struct cache *cache, struct bus *bus, nanos now);

#endif
