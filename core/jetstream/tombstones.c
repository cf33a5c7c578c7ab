/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/tombstones.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"
#include "core/jetstream/retention.h"
#include "core/jetstream/trim.h"
#include "core/nats/bus_connect.h"

#define FIRST_LOOK MINUTE
#define LOOK_INTERVAL (10 * MINUTE)
/* The maximum number of tombstones removed per scan, and the pause after each, to limit the load on the broker. */
#define ROUND_LIMIT 20000
#define PAUSE (10 * MILLISECOND)

struct tombstones {
	const struct store *store;
	const struct broker_address *address;
	struct shared_checkpoint *applied; /* or NULL */
	struct permission_scope permissions;
	struct retention retention; /* age 0: records are kept forever */
	struct counter *expired;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop;
	bool hasty; /* works without pauses, and without a thread of its own */
};

/* True: the time has passed. False: the thread must stop. */
static bool rest(struct tombstones *tombstones, nanos duration)
{
	if (tombstones->hasty)
		return true;
	nanos until = clock_monotonic() + duration;
	pthread_mutex_lock(&tombstones->lock);
	while (!tombstones->stop && condition_wait_until(&tombstones->changed, &tombstones->lock, until))
		;
	bool go_on = !tombstones->stop;
	pthread_mutex_unlock(&tombstones->lock);
	return go_on;
}

/* One look at the bucket: its old tombstones, and its old records. */
struct collection {
	const struct store *store;
	nanos oldest;
	struct entry_list list;
	uint64_t last;               /* the revision of the last entry of all */
	struct retention *retention; /* NULL: records are kept forever */
};

/* Whether an instance may still ask for this upload. */
static bool is_to_keep(natsMsg *message)
{
	const char *until = NULL;
	return natsMsgHeader_Get(message, TOMBSTONE_KEEP, &until) == NATS_OK && tombstone_read_keep(until) > clock_now();
}

static natsStatus collect(void *closure, natsMsg *message, const struct bus_position *position)
{
	struct collection *collection = closure;
	collection->last = position->sequence;
	if (!store_is_tombstone(message))
		return collection->retention != NULL ? retention_collect(collection->retention, message, position) : NATS_OK;
	if (position->stored <= collection->oldest && !is_to_keep(message))
		entry_list_add(&collection->list, collection->store, message, position, ROUND_LIMIT);
	return NATS_OK;
}

/* Removes a tombstone but nothing that was written later, by purging only messages before the next revision. */
static natsStatus purge(const struct store *store, jsCtx *js, const struct found_entry *entry)
{
	char subject[RECORD_KEY_SIZE + 160], stream[160];
	jsOptions options;
	jsOptions_Init(&options);
	snprintf(subject, sizeof subject, "$KV.%s.%s", store->bucket, entry->key);
	snprintf(stream, sizeof stream, "KV_%s", store->bucket);
	options.Stream.Purge.Subject = subject;
	options.Stream.Purge.Sequence = entry->revision + 1;
	return js_PurgeStream(js, stream, &options, NULL);
}

/* Purges the collected tombstones, except the last message of the stream. If nats-server 2.9.10 is killed after the
 * last message was removed, it reuses sequences, and other messages are lost. */
static natsStatus purge_all(struct tombstones *tombstones, jsCtx *js, const struct collection *collection,
                            long *cleared)
{
	natsStatus status = NATS_OK;
	for (size_t i = 0; i < collection->list.count && status == NATS_OK; i++) {
		const struct found_entry *entry = &collection->list.entry[i];
		if (entry->revision == collection->last || (i > 0 && !rest(tombstones, PAUSE)))
			break;
		status = purge(tombstones->store, js, entry);
		*cleared += status == NATS_OK;
	}
	return status;
}

static bool pause_between(void *tombstones)
{
	return rest(tombstones, PAUSE);
}

/* Removes the old records of uploads that ended badly. */
static natsStatus expire(struct tombstones *tombstones, jsCtx *js)
{
	char age[DURATION_TEXT_SIZE];
	size_t removed;
	natsStatus status = retention_apply(&tombstones->retention, js, pause_between, tombstones, &removed);
	counter_add(tombstones->expired, removed);
	if (removed > 0)
		log_info(tombstones->store->log,
		         "bucket %s: removed the records of uploads that ended badly more than %s ago "
		         "(retention): %zu",
		         tombstones->store->bucket, duration_format(tombstones->retention.age, age), removed);
	return status;
}

/* Returns the number of purged tombstones; -1: failed. */
static long clear_once(struct tombstones *tombstones, nanos age)
{
	struct collection collection = {.store = tombstones->store,
	                                .oldest = clock_now() - age,
	                                .retention = tombstones->retention.age > 0 ? &tombstones->retention : NULL};
	struct stream_reader reader;
	char why[BUS_FAULT_SIZE];
	long cleared = 0;
	store_reader_init(tombstones->store, &reader);
	reader.config.HeadersOnly = true;
	reader.take = collect;
	reader.closure = &collection;
	natsStatus status = stream_reader_open(&reader, tombstones->address, "postprocessing markers");
	if (status == NATS_OK)
		status = stream_read(&reader);
	bool whole = status == NATS_OK;
	if (status == NATS_OK)
		status = purge_all(tombstones, reader.js, &collection, &cleared);
	if (status == NATS_OK && tombstones->applied != NULL)
		status = trim_events(reader.js, shared_checkpoint_get(tombstones->applied).sequence, clock_now() - TRIM_AGE);
	natsStatus expired = expire(tombstones, whole ? reader.js : NULL);
	status = status == NATS_OK ? expired : status;
	entry_list_free(&collection.list);
	stream_reader_close(&reader, status, &tombstones->permissions, why);
	return status == NATS_OK ? cleared : -1;
}

long tombstones_clear(const struct store *store, const struct broker_address *address, nanos age)
{
	struct tombstones once = {.store = store, .address = address, .hasty = true};
	return clear_once(&once, age);
}

/* With a short retention, the bucket is scanned equally often. */
static nanos interval(const struct tombstones *tombstones, nanos usual)
{
	nanos age = tombstones->retention.age > 0 && tombstones->retention.age < usual ? tombstones->retention.age : usual;
	return age > SECOND ? age : SECOND;
}

static void *run_tombstones(void *closure)
{
	struct tombstones *tombstones = closure;
	for (nanos pause = FIRST_LOOK; rest(tombstones, interval(tombstones, pause)); pause = LOOK_INTERVAL) {
		long cleared = clear_once(tombstones, TOMBSTONE_AGE);
		/* Without the broker, nothing can be purged now; the next scan tries again. */
		if (cleared > 0)
			log_debug(tombstones->store->log, "bucket %s: %ld deletion markers purged", tombstones->store->bucket,
			          cleared);
	}
	return NULL;
}

struct tombstones *tombstones_start(const struct tombstones_options *options)
{
	struct tombstones *tombstones = alloc_zeroed(1, sizeof *tombstones);
	tombstones->store = options->store;
	tombstones->address = options->address;
	tombstones->applied = options->applied;
	tombstones->permissions = options->permissions;
	tombstones->retention = (struct retention){.store = options->store, .age = options->retention};
	tombstones->expired = options->expired;
	lock_init(&tombstones->lock);
	condition_init(&tombstones->changed);
	if (pthread_create(&tombstones->thread, NULL, run_tombstones, tombstones) == 0)
		return tombstones;
	pthread_cond_destroy(&tombstones->changed);
	pthread_mutex_destroy(&tombstones->lock);
	free(tombstones);
	return NULL;
}

void tombstones_stop(struct tombstones *tombstones)
{
	if (tombstones == NULL)
		return;
	pthread_mutex_lock(&tombstones->lock);
	tombstones->stop = true;
	pthread_cond_signal(&tombstones->changed);
	pthread_mutex_unlock(&tombstones->lock);
	pthread_join(tombstones->thread, NULL);
	pthread_cond_destroy(&tombstones->changed);
	pthread_mutex_destroy(&tombstones->lock);
	retention_free(&tombstones->retention);
	free(tombstones);
}
