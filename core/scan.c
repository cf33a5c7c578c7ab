/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/bus_connect.h"
#include "core/store.h"

/* Records on their way to the receiver. */
#define AHEAD_LIMIT 1000
#define ENTRY_PATIENCE_MS 10000

static bool wait_for_room(struct scan *scan)
{
	pthread_mutex_lock(&scan->lock);
	while (scan->ahead >= AHEAD_LIMIT && !scan->stop)
		pthread_cond_wait(&scan->less, &scan->lock);
	bool go_on = !scan->stop;
	scan->ahead++;
	pthread_mutex_unlock(&scan->lock);
	return go_on;
}

static void send_entry(struct scan *scan, kvEntry *entry)
{
	struct found_record *found = calloc(1, sizeof *found);
	char why[128] = "out of memory";
	if (found == NULL || !record_decode(kvEntry_Value(entry), (size_t)kvEntry_ValueLen(entry), &found->record, why, sizeof why)) {
		log_error(scan->store->log, "bucket %s, revision %" PRIu64 ": not a record: %s", scan->store->bucket,
		          kvEntry_Revision(entry), why);
		free(found);
		pthread_mutex_lock(&scan->lock);
		scan->ahead--;
		pthread_mutex_unlock(&scan->lock);
		return;
	}
	found->mail.kind = MAIL_RECORD;
	found->scan = scan;
	found->revision = kvEntry_Revision(entry);
	mailbox_send(scan->mailbox, &found->mail);
}

/* Until the last entry that was there at the start. Markers are passed over here: the library, when it does that, takes
 * what all of them together took from its patience with each one (3.4.1), so that some thousands use it up in a moment. */
static natsStatus read_entries(struct scan *scan, kvWatcher *watcher)
{
	for (;;) {
		kvEntry *entry = NULL;
		natsStatus status = kvWatcher_Next(&entry, watcher, ENTRY_PATIENCE_MS);
		if (status != NATS_OK || entry == NULL)
			return status;
		if (kvEntry_Operation(entry) != kvOp_Put) {
			kvEntry_Destroy(entry);
			continue;
		}
		if (!wait_for_room(scan)) {
			kvEntry_Destroy(entry);
			return NATS_CONNECTION_CLOSED;
		}
		send_entry(scan, entry);
		kvEntry_Destroy(entry);
	}
}

static natsStatus read_bucket(struct scan *scan, natsConnection *connection)
{
	jsCtx *js = NULL;
	kvStore *bucket = NULL;
	kvWatcher *watcher = NULL;
	natsStatus status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = js_KeyValue(&bucket, js, scan->store->bucket);
	if (status == NATS_OK)
		status = kvStore_WatchAll(&watcher, bucket, NULL);
	if (status == NATS_OK)
		status = read_entries(scan, watcher);
	kvWatcher_Destroy(watcher);
	kvStore_Destroy(bucket);
	jsCtx_Destroy(js);
	return status;
}

static void *run_scan(void *closure)
{
	struct scan *scan = closure;
	natsConnection *connection = NULL;
	natsStatus status = bus_connect(&connection, scan->address, "postprocessing scan", NULL, NULL, NULL, NULL);
	if (status == NATS_OK)
		status = read_bucket(scan, connection);
	natsConnection_Destroy(connection);
	scan->failed = status != NATS_OK;
	snprintf(scan->why, sizeof scan->why, "%s", status == NATS_NOT_FOUND ? "it is not there: has a service ever run on this broker?" : bus_advice(status));
	scan->mail.kind = MAIL_SCAN_DONE;
	mailbox_send(scan->mailbox, &scan->mail);
	return NULL;
}

bool scan_start(struct scan *scan)
{
	scan->ahead = 0;
	scan->stop = false;
	if (pthread_mutex_init(&scan->lock, NULL) != 0)
		return false;
	if (pthread_cond_init(&scan->less, NULL) != 0) {
		pthread_mutex_destroy(&scan->lock);
		return false;
	}
	if (pthread_create(&scan->thread, NULL, run_scan, scan) == 0)
		return true;
	pthread_cond_destroy(&scan->less);
	pthread_mutex_destroy(&scan->lock);
	return false;
}

void scan_release(struct found_record *found)
{
	struct scan *scan = found->scan;
	record_clear(&found->record);
	free(found);
	pthread_mutex_lock(&scan->lock);
	scan->ahead--;
	pthread_cond_signal(&scan->less);
	pthread_mutex_unlock(&scan->lock);
}

void scan_stop(struct scan *scan)
{
	pthread_mutex_lock(&scan->lock);
	scan->stop = true;
	pthread_cond_signal(&scan->less);
	pthread_mutex_unlock(&scan->lock);
}

void scan_end(struct scan *scan)
{
	pthread_join(scan->thread, NULL);
	pthread_cond_destroy(&scan->less);
	pthread_mutex_destroy(&scan->lock);
}
