/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The maximum number of records per round; the others follow in the next one. */
#define ROUND_LIMIT 10000
#define ENTRY_TIMEOUT_MS 10000

struct candidate {
	char *key;
	uint64_t revision;
};

struct round {
	struct retention *retention;
	jsCtx *js;
	struct candidate *candidate;
	size_t count;
	uint64_t *unended; /* found in this round */
	size_t unended_count, unended_room;
};

static bool is_known(const struct retention *retention, uint64_t revision)
{
	size_t low = 0, high = retention->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (retention->unended[middle] == revision)
			return true;
		if (retention->unended[middle] < revision)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* If memory runs out, the record is read again in the next round. */
static void note_unended(struct round *round, uint64_t revision)
{
	if (round->unended_count == round->unended_room) {
		size_t room = round->unended_room != 0 ? 2 * round->unended_room : 256;
		uint64_t *grown = realloc(round->unended, room * sizeof *grown);
		if (grown == NULL)
			return;
		round->unended = grown;
		round->unended_room = room;
	}
	round->unended[round->unended_count++] = revision;
}

static void take_entry(struct round *round, kvEntry *entry, nanos oldest)
{
	uint64_t revision = kvEntry_Revision(entry);
	if (kvEntry_Operation(entry) != kvOp_Put || kvEntry_Created(entry) > oldest)
		return;
	if (is_known(round->retention, revision)) {
		note_unended(round, revision);
	} else if (round->count < ROUND_LIMIT) {
		round->candidate[round->count] = (struct candidate){strdup(kvEntry_Key(entry)), revision};
		round->count += round->candidate[round->count].key != NULL;
	}
}

/* Lists the old records of the bucket without their values. */
static natsStatus collect(struct round *round)
{
	kvStore *bucket = NULL;
	kvWatcher *watcher = NULL;
	kvWatchOptions options;
	kvEntry *entry = NULL;
	nanos oldest = clock_now() - round->retention->age;
	kvWatchOptions_Init(&options);
	options.MetaOnly = true;
	natsStatus status = js_KeyValue(&bucket, round->js, round->retention->store->bucket);
	if (status == NATS_OK)
		status = kvStore_WatchAll(&watcher, bucket, &options);
	while (status == NATS_OK && (status = kvWatcher_Next(&entry, watcher, ENTRY_TIMEOUT_MS)) == NATS_OK &&
	       entry != NULL) {
		take_entry(round, entry, oldest);
		kvEntry_Destroy(entry);
	}
	kvWatcher_Destroy(watcher);
	kvStore_Destroy(bucket);
	return status;
}

/* Removes the record if the upload has ended. A record that has been written since is not removed. */
static natsStatus look_at(struct round *round, const struct candidate *candidate, natsMsg *message, size_t *removed)
{
	struct record record;
	char why[128];
	if (natsMsg_GetSequence(message) != candidate->revision)
		return NATS_OK;
	enum record_verdict verdict =
		record_decode(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), &record, why, sizeof why);
	if (verdict == RECORD_UNREAD)
		return NATS_OK;
	if (verdict == RECORD_BROKEN || record.status.phase != PHASE_ENDED) {
		note_unended(round, candidate->revision);
		record_clear(&record);
		return NATS_OK;
	}
	bool gone = false;
	natsStatus status =
		store_expire(round->retention->store, round->js, candidate->key, candidate->revision, &record.status, &gone);
	*removed += gone;
	record_clear(&record);
	return status;
}

static natsStatus read_and_look(struct round *round, const struct candidate *candidate, size_t *removed)
{
	char stream[160], subject[RECORD_KEY_SIZE + 160];
	natsMsg *message = NULL;
	snprintf(stream, sizeof stream, "KV_%s", round->retention->store->bucket);
	snprintf(subject, sizeof subject, "$KV.%s.%s", round->retention->store->bucket, candidate->key);
	natsStatus status = js_GetLastMsg(&message, round->js, stream, subject, NULL, NULL);
	if (status == NATS_OK)
		status = look_at(round, candidate, message, removed);
	natsMsg_Destroy(message);
	/* Another instance was faster. */
	return status == NATS_NOT_FOUND ? NATS_OK : status;
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
	return (a > b) - (a < b);
}

/* Replaces the old list with the new one. */
static void keep_unended(struct round *round)
{
	struct retention *retention = round->retention;
	if (round->unended_count > 0)
		qsort(round->unended, round->unended_count, sizeof *round->unended, compare);
	free(retention->unended);
	retention->unended = round->unended;
	retention->count = round->unended_count;
}

natsStatus retention_apply(struct retention *retention, natsConnection *connection, bool (*pause)(void *closure),
                           void *closure, size_t *removed)
{
	struct round round = {.retention = retention, .candidate = calloc(ROUND_LIMIT, sizeof *round.candidate)};
	*removed = 0;
	if (round.candidate == NULL)
		return NATS_NO_MEMORY;
	natsStatus status = natsConnection_JetStream(&round.js, connection, NULL);
	if (status == NATS_OK)
		status = collect(&round);
	bool whole = status == NATS_OK, go_on = true;
	for (size_t i = 0; i < round.count; i++) {
		if (status == NATS_OK && go_on && (status = read_and_look(&round, &round.candidate[i], removed)) == NATS_OK)
			go_on = pause(closure);
		free(round.candidate[i].key);
	}
	jsCtx_Destroy(round.js);
	free(round.candidate);
	if (whole)
		keep_unended(&round);
	else
		free(round.unended);
	return status;
}

void retention_free(struct retention *retention)
{
	free(retention->unended);
	retention->unended = NULL;
	retention->count = 0;
}
