/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/thread.h"
#include "core/jetstream/store.h"

/* The maximum number of batches of records in the mailbox of the receiver. */
#define AHEAD_LIMIT 32

/* False: the scan must end early. */
static bool wait_for_room(struct scan *scan)
{
	pthread_mutex_lock(&scan->lock);
	while (scan->ahead >= AHEAD_LIMIT && !scan->stop)
		pthread_cond_wait(&scan->less, &scan->lock);
	bool go_on = !scan->stop;
	scan->ahead += go_on;
	pthread_mutex_unlock(&scan->lock);
	return go_on;
}

static bool goes_on(void *closure)
{
	struct scan *scan = closure;
	pthread_mutex_lock(&scan->lock);
	bool stop = scan->stop;
	pthread_mutex_unlock(&scan->lock);
	return !stop;
}

static void send_batch(void *closure)
{
	struct scan *scan = closure;
	if (scan->batch != NULL)
		mailbox_send(scan->mailbox, &scan->batch->mail);
	scan->batch = NULL;
}

static natsStatus make_batch(struct scan *scan)
{
	if (!wait_for_room(scan))
		return NATS_CONNECTION_CLOSED;
	scan->batch = alloc_bytes(sizeof *scan->batch);
	scan->batch->mail.kind = MAIL_RECORDS;
	scan->batch->scan = scan;
	scan->batch->count = 0;
	return NATS_OK;
}

static natsStatus take_record(struct scan *scan, natsMsg *message, uint64_t revision)
{
	natsStatus status = scan->batch == NULL ? make_batch(scan) : NATS_OK;
	if (status != NATS_OK)
		return status;
	struct found_record *found = &scan->batch->record[scan->batch->count];
	char why[256];
	found->revision = revision;
	switch (record_decode(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), &found->record, why,
	                      sizeof why)) {
	case RECORD_TAKEN:
		if (++scan->batch->count == FOUND_RECORDS)
			send_batch(scan);
		return NATS_OK;
	case RECORD_BROKEN:
		log_error(scan->store->log,
		          "bucket %s, revision %" PRIu64 ": invalid record: %s; to have storage restart an "
		          "upload, run `postprocessing restart -u ID`",
		          scan->store->bucket, revision, why);
		return NATS_OK;
	case RECORD_UNREAD:
		break;
	}
	return NATS_NO_MEMORY;
}

static natsStatus take_message(void *closure, natsMsg *message, const struct bus_position *position)
{
	bool tombstone = natsMsg_GetDataLength(message) == 0 && store_is_tombstone(message);
	return tombstone ? NATS_OK : take_record(closure, message, position->sequence);
}

static natsStatus read_bucket(struct scan *scan)
{
	struct stream_reader reader;
	store_reader_init(scan->store, &reader);
	reader.take = take_message;
	reader.go_on = goes_on;
	reader.idle = send_batch;
	reader.closure = scan;
	natsStatus status = stream_reader_open(&reader, scan->address, "postprocessing scan");
	if (status == NATS_OK)
		status = stream_read(&reader);
	send_batch(scan);
	stream_reader_close(&reader, status, &scan->permissions, scan->why);
	return status;
}

static void *run_scan(void *closure)
{
	struct scan *scan = closure;
	natsStatus status = read_bucket(scan);
	scan->failed = status != NATS_OK;
	if (status == NATS_NOT_FOUND)
		snprintf(scan->why, sizeof scan->why, "not found: has the service ever run on this broker?");
	scan->mail.kind = MAIL_SCAN_DONE;
	mailbox_send(scan->mailbox, &scan->mail);
	return NULL;
}

bool scan_start(struct scan *scan)
{
	scan->ahead = 0;
	scan->stop = false;
	scan->batch = NULL;
	lock_init(&scan->lock);
	condition_init(&scan->less);
	if (pthread_create(&scan->thread, NULL, run_scan, scan) == 0)
		return true;
	pthread_cond_destroy(&scan->less);
	pthread_mutex_destroy(&scan->lock);
	return false;
}

void scan_release(struct found_records *found)
{
	struct scan *scan = found->scan;
	for (size_t i = 0; i < found->count; i++)
		record_clear(&found->record[i].record);
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
