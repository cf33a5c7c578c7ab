/* SPDX-License-Identifier: Apache-2.0
 * Which keys the bucket of the cache has, so that the broker need not be asked for the others. A consumer of this
 * instance's own delivers the keys that are there, and then each one that any instance keeps; the broker removes it
 * when nobody pulls from it any more. Until it has delivered all, and whenever it is not heard of, any key may be
 * there. What another instance keeps is known about a second later. For the main thread.
 *
 * The consumer is one to pull from: with one that pushes, the broker (2.9) waits for a subscription of exactly its
 * subject, and the bus has one for all of its inbox.
 *
 * The permissions that this needs, besides an inbox: $JS.API.CONSUMER.CREATE.KV_BUCKET-cache.* and
 * $JS.API.CONSUMER.MSG.NEXT.KV_BUCKET-cache.* */
#ifndef CORE_JETSTREAM_CACHE_WATCH_H
#define CORE_JETSTREAM_CACHE_WATCH_H

#include "core/nats/bus.h"

struct cache_watch_options {
	const char *bucket; /* without the -cache behind it; borrowed, as all below */
	const char *nonce;  /* of this process, for the consumer's name */
	int64_t size;       /* the most bytes that the bucket may have */
	const struct log *log;
};

struct cache_watch;

struct cache_watch *cache_watch_create(const struct cache_watch_options *options);
/* The bus must have been destroyed. NULL is fine. */
void cache_watch_destroy(struct cache_watch *watch);

/* Begins, or begins again, if there is no consumer: the bucket is there. Does not try again for a minute after it
 * failed, unless the bucket was gone. */
void cache_watch_begin(struct cache_watch *watch, struct bus *bus);
/* The connection is another one, or is about to be. */
void cache_watch_reset(struct cache_watch *watch);
/* To be called about once a second; now: monotonic. False: the consumer ought to have been heard of, and was not. The
 * bucket may be gone, too. */
bool cache_watch_tick(struct cache_watch *watch, struct bus *bus, nanos now);

/* A key that this instance has kept. */
void cache_watch_add(struct cache_watch *watch, const char *key);
/* False: the bucket does not have the key. */
bool cache_watch_may_have(const struct cache_watch *watch, const char *key);

/* Takes the answer to the request that created the consumer. False: it is not that. gone: the bucket is not there. */
bool cache_watch_answered(struct cache_watch *watch, struct bus *bus, struct request *request, bool *gone);
/* Takes a message or a heartbeat of the consumer over. False: it is none. */
bool cache_watch_take(struct cache_watch *watch, struct bus *bus, struct delivery *delivery);

#endif
