/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/tombstones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/thread.h"
#include "core/jetstream/retention.h"
#include "core/jetstream/trim.h"
#include "core/nats/bus_connect.h"

#define FIRST_LOOK MINUTE
#define LOOK_INTERVAL (10 * MINUTE)
/* The maximum number of tombstones removed per scan, and the pause after each, to limit the load on the broker. */
#define ROUND_LIMIT 20000
#define PAUSE (10 * MILLISECOND)
#define ENTRY_TIMEOUT_MS 10000

struct marker {
	char *key;
	uint64_t revision;
};

struct tombstones {
	const struct store *store;
	const struct broker_address *address;
	struct shared_checkpoint *applied; /* or NULL */
	struct permission_scope permissions;
	uint64_t after;             /* examine only tombstones after this revision: earlier ones must still be kept */
	struct retention retention; /* age 0: records are kept forever */
	struct counter *expired;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop;
};

/* True: the time has passed. False: the thread must stop. */
static bool rest(struct tombstones *tombstones, nanos duration)
{
	if (tombstones == NULL)
		return true;
	nanos until = clock_monotonic() + duration;
	pthread_mutex_lock(&tombstones->lock);
	while (!tombstones->stop && condition_wait_until(&tombstones->changed, &tombstones->lock, until))
		;
	bool go_on = !tombstones->stop;
	pthread_mutex_unlock(&tombstones->lock);
	return go_on;
}

static bool is_old_tombstone(kvEntry *entry, nanos oldest)
{
	kvOperation operation = kvEntry_Operation(entry);
	return (operation == kvOp_Delete || operation == kvOp_Purge) && kvEntry_Created(entry) <= oldest;
}

/* Collects the old tombstones of the bucket, except the last message of the stream. If nats-server 2.9.10 is killed
 * after the last message was removed, it reuses sequences, and other messages are lost. */
static natsStatus collect(kvWatcher *watcher, nanos oldest, uint64_t after, struct marker *marker, size_t *count)
{
	uint64_t last = 0;
	natsStatus status;
	kvEntry *entry = NULL;
	while ((status = kvWatcher_Next(&entry, watcher, ENTRY_TIMEOUT_MS)) == NATS_OK && entry != NULL) {
		last = kvEntry_Revision(entry);
		if (*count < ROUND_LIMIT && last > after && is_old_tombstone(entry, oldest)) {
			marker[*count] = (struct marker){strdup(kvEntry_Key(entry)), last};
			*count += marker[*count].key != NULL;
		}
		kvEntry_Destroy(entry);
	}
	if (*count > 0 && marker[*count - 1].revision == last)
		free(marker[--*count].key);
	return status;
}

/* Whether an instance may still ask for this upload. The client library does not return the headers of bucket
 * entries. */
static natsStatus is_to_keep(const struct store *store, jsCtx *js, const struct marker *marker, bool *keep)
{
	natsMsg *message = NULL;
	const char *until = NULL;
	char stream[160];
	*keep = false;
	snprintf(stream, sizeof stream, "KV_%s", store->bucket);
	natsStatus status = js_GetMsg(&message, js, stream, marker->revision, NULL, NULL);
	if (status == NATS_OK && natsMsgHeader_Get(message, TOMBSTONE_KEEP, &until) == NATS_OK)
		*keep = tombstone_read_keep(until) > clock_now();
	natsMsg_Destroy(message);
	return status == NATS_NOT_FOUND ? NATS_OK : status;
}

/* Removes a tombstone but nothing that was written later, by purging only messages before the next revision. */
static natsStatus purge(const struct store *store, jsCtx *js, const struct marker *marker)
{
	char subject[RECORD_KEY_SIZE + 160], stream[160];
	jsOptions options;
	jsOptions_Init(&options);
	snprintf(subject, sizeof subject, "$KV.%s.%s", store->bucket, marker->key);
	snprintf(stream, sizeof stream, "KV_%s", store->bucket);
	options.Stream.Purge.Subject = subject;
	options.Stream.Purge.Sequence = marker->revision + 1;
	return js_PurgeStream(js, stream, &options, NULL);
}

/* Handles the collected tombstones and frees the list. */
static natsStatus clear_all(struct tombstones *tombstones, const struct store *store, jsCtx *js, struct marker *marker,
                            size_t count, long *cleared)
{
	natsStatus status = NATS_OK;
	uint64_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		bool keep = false;
		if (status == NATS_OK && (i == 0 || rest(tombstones, PAUSE)))
			status = is_to_keep(store, js, &marker[i], &keep);
		else
			keep = true;
		if (status == NATS_OK && !keep && (status = purge(store, js, &marker[i])) == NATS_OK)
			++*cleared;
		kept = keep ? marker[i].revision : kept;
		free(marker[i].key);
	}
	/* All tombstones of a full round may have to be kept; the next round continues after them. */
	if (tombstones != NULL)
		tombstones->after = status == NATS_OK && count >= ROUND_LIMIT - 1 ? kept : 0;
	return status;
}

static natsStatus clear_bucket(struct tombstones *tombstones, const struct store *store, natsConnection *connection,
                               nanos age, struct marker *marker, long *cleared)
{
	jsCtx *js = NULL;
	kvStore *bucket = NULL;
	kvWatcher *watcher = NULL;
	kvWatchOptions options;
	size_t count = 0;
	kvWatchOptions_Init(&options);
	options.MetaOnly = true;
	natsStatus status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = js_KeyValue(&bucket, js, store->bucket);
	if (status == NATS_OK)
		status = kvStore_WatchAll(&watcher, bucket, &options);
	if (status == NATS_OK)
		status = collect(watcher, clock_now() - age, tombstones != NULL ? tombstones->after : 0, marker, &count);
	kvWatcher_Destroy(watcher);
	kvStore_Destroy(bucket);
	natsStatus whole = clear_all(tombstones, store, js, marker, status == NATS_OK ? count : 0, cleared);
	for (size_t i = 0; i < count && status != NATS_OK; i++)
		free(marker[i].key);
	jsCtx_Destroy(js);
	return status != NATS_OK ? status : whole;
}

static natsStatus trim(natsConnection *connection, uint64_t applied)
{
	jsCtx *js = NULL;
	natsStatus status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = trim_events(js, applied, clock_now() - TRIM_AGE);
	jsCtx_Destroy(js);
	return status;
}

static bool pause_between(void *tombstones)
{
	return rest(tombstones, PAUSE);
}

/* Removes the old records of uploads that ended badly. */
static natsStatus expire(struct tombstones *tombstones, natsConnection *connection)
{
	char age[DURATION_TEXT_SIZE];
	size_t removed;
	natsStatus status = retention_apply(&tombstones->retention, connection, pause_between, tombstones, &removed);
	counter_add(tombstones->expired, removed);
	if (removed > 0)
		log_info(tombstones->store->log,
		         "bucket %s: removed the records of uploads that ended badly more than %s ago "
		         "(retention): %zu",
		         tombstones->store->bucket, duration_format(tombstones->retention.age, age), removed);
	return status;
}

static long clear_once(struct tombstones *tombstones, const struct store *store, const struct broker_address *address,
                       nanos age)
{
	natsConnection *connection = NULL;
	long cleared = 0;
	struct marker *marker = calloc(ROUND_LIMIT, sizeof *marker);
	natsStatus status = marker != NULL
	                        ? bus_connect(&connection, address, "postprocessing markers", NULL, NULL, NULL, NULL)
	                        : NATS_NO_MEMORY;
	if (status == NATS_OK)
		status = clear_bucket(tombstones, store, connection, age, marker, &cleared);
	if (status == NATS_OK && tombstones != NULL && tombstones->applied != NULL)
		status = trim(connection, shared_checkpoint_get(tombstones->applied).sequence);
	if (connection != NULL && tombstones != NULL && tombstones->retention.age > 0) {
		natsStatus expired = expire(tombstones, connection);
		status = status == NATS_OK ? expired : status;
	}
	if (tombstones != NULL && connection != NULL)
		bus_report(connection, status, &tombstones->permissions);
	natsConnection_Destroy(connection);
	free(marker);
	return status == NATS_OK ? cleared : -1;
}

long tombstones_clear(const struct store *store, const struct broker_address *address, nanos age)
{
	return clear_once(NULL, store, address, age);
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
		long cleared = clear_once(tombstones, tombstones->store, tombstones->address, TOMBSTONE_AGE);
		/* Without the broker, nothing can be purged now; the next scan tries again. */
		if (cleared > 0)
			log_debug(tombstones->store->log, "bucket %s: %ld deletion markers purged", tombstones->store->bucket,
			          cleared);
	}
	return NULL;
}

struct tombstones *tombstones_start(const struct tombstones_options *options)
{
	struct tombstones *tombstones = calloc(1, sizeof *tombstones);
	if (tombstones == NULL)
		return NULL;
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
