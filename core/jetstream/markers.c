/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/markers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/nats/bus_connect.h"
#include "core/jetstream/retention.h"
#include "core/jetstream/trim.h"

#define FIRST_LOOK MINUTE
#define LOOK_INTERVAL (10 * MINUTE)
/* Removed in one look, and the pause behind each, so that the broker has other things to do as well. */
#define ROUND_LIMIT 20000
#define PAUSE (10 * MILLISECOND)
#define ENTRY_PATIENCE_MS 10000

struct marker {
	char *key;
	uint64_t revision;
};

struct markers {
	const struct store *store;
	const struct broker_address *address;
	struct shared_position *applied; /* or NULL */
	struct permission_scope permissions;
	uint64_t after; /* look only at markers behind this revision: those before it are still to be kept */
	struct retention retention; /* age 0: what has ended is kept */
	struct counter *expired;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop;
};

/* True: the time is over. False: it is to stop. */
static bool rest(struct markers *markers, nanos duration)
{
	if (markers == NULL)
		return true;
	nanos until = clock_monotonic() + duration;
	struct timespec limit = {.tv_sec = (time_t)(until / SECOND), .tv_nsec = (long)(until % SECOND)};
	pthread_mutex_lock(&markers->lock);
	while (!markers->stop && pthread_cond_timedwait(&markers->changed, &markers->lock, &limit) == 0)
		;
	bool go_on = !markers->stop;
	pthread_mutex_unlock(&markers->lock);
	return go_on;
}

static bool is_old_marker(kvEntry *entry, nanos oldest)
{
	kvOperation operation = kvEntry_Operation(entry);
	return (operation == kvOp_Delete || operation == kvOp_Purge) && kvEntry_Created(entry) <= oldest;
}

/* Collects the old markers of the bucket as it is now, but for the one that is the last message of all: nats-server 2.9.10,
 * killed after that was removed, counts its messages from an earlier one on, and others are lost. */
static natsStatus collect(kvWatcher *watcher, nanos oldest, uint64_t after, struct marker *marker, size_t *count)
{
	uint64_t last = 0;
	natsStatus status;
	kvEntry *entry = NULL;
	while ((status = kvWatcher_Next(&entry, watcher, ENTRY_PATIENCE_MS)) == NATS_OK && entry != NULL) {
		last = kvEntry_Revision(entry);
		if (*count < ROUND_LIMIT && last > after && is_old_marker(entry, oldest)) {
			marker[*count] = (struct marker){strdup(kvEntry_Key(entry)), last};
			*count += marker[*count].key != NULL;
		}
		kvEntry_Destroy(entry);
	}
	if (*count > 0 && marker[*count - 1].revision == last)
		free(marker[--*count].key);
	return status;
}

/* Whether somebody may still ask what became of its upload. The library gives the headers of no entry of a bucket. */
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

/* Removes a marker, and nothing that was written since: only what is older than the revision behind it. */
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

/* Goes through what was collected, and frees it. */
static natsStatus clear_all(struct markers *markers, const struct store *store, jsCtx *js, struct marker *marker, size_t count, long *cleared)
{
	natsStatus status = NATS_OK;
	uint64_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		bool keep = false;
		if (status == NATS_OK && (i == 0 || rest(markers, PAUSE)))
			status = is_to_keep(store, js, &marker[i], &keep);
		else
			keep = true;
		if (status == NATS_OK && !keep && (status = purge(store, js, &marker[i])) == NATS_OK)
			++*cleared;
		kept = keep ? marker[i].revision : kept;
		free(marker[i].key);
	}
	/* A full round may be all of such as are kept: the next one looks behind them. */
	if (markers != NULL)
		markers->after = status == NATS_OK && count >= ROUND_LIMIT - 1 ? kept : 0;
	return status;
}

static natsStatus clear_bucket(struct markers *markers, const struct store *store, natsConnection *connection, nanos age,
                               struct marker *marker, long *cleared)
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
		status = collect(watcher, clock_now() - age, markers != NULL ? markers->after : 0, marker, &count);
	kvWatcher_Destroy(watcher);
	kvStore_Destroy(bucket);
	natsStatus whole = clear_all(markers, store, js, marker, status == NATS_OK ? count : 0, cleared);
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

static bool pause_between(void *markers)
{
	return rest(markers, PAUSE);
}

/* Removes the records of uploads that ended long ago. */
static natsStatus expire(struct markers *markers, natsConnection *connection)
{
	char age[DURATION_TEXT_SIZE];
	size_t removed;
	natsStatus status = retention_apply(&markers->retention, connection, pause_between, markers, &removed);
	counter_add(markers->expired, removed);
	if (removed > 0)
		log_info(markers->store->log, "bucket %s: records removed of uploads that ended badly more than %s ago (retention): %zu",
		         markers->store->bucket, duration_format(markers->retention.age, age), removed);
	return status;
}

static long clear_once(struct markers *markers, const struct store *store, const struct broker_address *address, nanos age)
{
	natsConnection *connection = NULL;
	long cleared = 0;
	struct marker *marker = calloc(ROUND_LIMIT, sizeof *marker);
	natsStatus status = marker != NULL ? bus_connect(&connection, address, "postprocessing markers", NULL, NULL, NULL, NULL) : NATS_NO_MEMORY;
	if (status == NATS_OK)
		status = clear_bucket(markers, store, connection, age, marker, &cleared);
	if (status == NATS_OK && markers != NULL && markers->applied != NULL)
		status = trim(connection, shared_position_get(markers->applied).sequence);
	if (connection != NULL && markers != NULL && markers->retention.age > 0) {
		natsStatus expired = expire(markers, connection);
		status = status == NATS_OK ? expired : status;
	}
	if (markers != NULL && connection != NULL)
		bus_report(connection, status, &markers->permissions);
	natsConnection_Destroy(connection);
	free(marker);
	return status == NATS_OK ? cleared : -1;
}

long markers_clear(const struct store *store, const struct broker_address *address, nanos age)
{
	return clear_once(NULL, store, address, age);
}

/* What is kept for a short time only is looked at as often. */
static nanos interval(const struct markers *markers, nanos usual)
{
	nanos age = markers->retention.age > 0 && markers->retention.age < usual ? markers->retention.age : usual;
	return age > SECOND ? age : SECOND;
}

static void *run_markers(void *closure)
{
	struct markers *markers = closure;
	for (nanos pause = FIRST_LOOK; rest(markers, interval(markers, pause)); pause = LOOK_INTERVAL) {
		long cleared = clear_once(markers, markers->store, markers->address, TOMBSTONE_AGE);
		/* Without the broker there is nothing to clear now; the next look comes. */
		if (cleared > 0)
			log_debug(markers->store->log, "bucket %s: %ld deletion markers cleared away", markers->store->bucket, cleared);
	}
	return NULL;
}

struct markers *markers_start(const struct markers_options *options)
{
	struct markers *markers = calloc(1, sizeof *markers);
	pthread_condattr_t monotonic;
	if (markers == NULL)
		return NULL;
	markers->store = options->store;
	markers->address = options->address;
	markers->applied = options->applied;
	markers->permissions = options->permissions;
	markers->retention = (struct retention){.store = options->store, .age = options->retention};
	markers->expired = options->expired;
	bool good = pthread_condattr_init(&monotonic) == 0;
	if (good) {
		good = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 && pthread_cond_init(&markers->changed, &monotonic) == 0;
		pthread_condattr_destroy(&monotonic);
	}
	if (good && pthread_mutex_init(&markers->lock, NULL) == 0 && pthread_create(&markers->thread, NULL, run_markers, markers) == 0)
		return markers;
	free(markers);
	return NULL;
}

void markers_stop(struct markers *markers)
{
	if (markers == NULL)
		return;
	pthread_mutex_lock(&markers->lock);
	markers->stop = true;
	pthread_cond_signal(&markers->changed);
	pthread_mutex_unlock(&markers->lock);
	pthread_join(markers->thread, NULL);
	pthread_cond_destroy(&markers->changed);
	pthread_mutex_destroy(&markers->lock);
	retention_free(&markers->retention);
	free(markers);
}
