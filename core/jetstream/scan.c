/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/thread.h"
#include "core/jetstream/store.h"
#include "core/jetstream/stream_tail.h"
#include "core/nats/bus_connect.h"

#define SUBJECT_SIZE 192
/* The maximum number of batches of records in the mailbox of the receiver. */
#define AHEAD_LIMIT 32
#define TIMEOUT (10 * SECOND)
#define PULL_BATCH 2000
/* The maximum size of a pull. A broker disconnects clients that are too slow to take 64 MB. */
#define PULL_BYTES (8 << 20)
#define PULL_LIFE (5 * SECOND)
#define CONSUMER_LIFE MINUTE
/* How long the thread sleeps after handling all received messages. Waking this thread and the library's for each
 * message would cost more than the reading itself. */
#define NAP MILLISECOND

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

static bool is_stopped(struct scan *scan)
{
	pthread_mutex_lock(&scan->lock);
	bool stop = scan->stop;
	pthread_mutex_unlock(&scan->lock);
	return stop;
}

static void send_batch(struct scan *scan)
{
	if (scan->batch != NULL)
		mailbox_send(scan->mailbox, &scan->batch->mail);
	scan->batch = NULL;
}

static natsStatus make_batch(struct scan *scan)
{
	if (!wait_for_room(scan))
		return NATS_CONNECTION_CLOSED;
	scan->batch = malloc(sizeof *scan->batch);
	if (scan->batch == NULL) {
		pthread_mutex_lock(&scan->lock);
		scan->ahead--;
		pthread_mutex_unlock(&scan->lock);
		return NATS_NO_MEMORY;
	}
	scan->batch->mail.kind = MAIL_RECORDS;
	scan->batch->scan = scan;
	scan->batch->count = 0;
	return NATS_OK;
}

/* Deletion markers and other entries that are not records have no value. */
static bool is_tombstone(natsMsg *message)
{
	const char *operation = NULL;
	return natsMsg_GetDataLength(message) == 0 && natsMsgHeader_Get(message, "KV-Operation", &operation) == NATS_OK;
}

static natsStatus take_message(struct scan *scan, natsMsg *message, uint64_t revision)
{
	if (is_tombstone(message))
		return NATS_OK;
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

/* The bucket's messages are pulled in parts. With a push consumer and the client library's flow control, some scans of
 * large buckets stalled for seconds. */
struct pull {
	natsConnection *connection;
	jsCtx *js;
	natsSubscription *subscription;
	natsInbox *inbox;
	char stream[SUBJECT_SIZE], subject[SUBJECT_SIZE], consumer[SUBJECT_SIZE];
	uint64_t asked;    /* requested but not received */
	uint64_t received; /* the consumer sequence of the last message */
	uint64_t seen;     /* its stream sequence */
	uint64_t last;     /* the stream sequence of the last message at the start */
	uint64_t ended;    /* `received` when the last request ended; UINT64_MAX: none has ended */
};

static natsStatus open_pull(const struct scan *scan, struct pull *pull)
{
	jsStreamInfo *about = NULL;
	jsConsumerInfo *consumer = NULL;
	jsConsumerConfig config;
	jsConsumerConfig_Init(&config);
	snprintf(pull->stream, sizeof pull->stream, "KV_%s", scan->store->bucket);
	snprintf(pull->subject, sizeof pull->subject, "$KV.%s.>", scan->store->bucket);
	natsStatus status = js_GetStreamInfo(&about, pull->js, pull->stream, NULL, NULL);
	config.AckPolicy = js_AckNone;
	config.InactiveThreshold = CONSUMER_LIFE;
	/* Each key has only one message, unless the bucket was created with a history. Finding only the last ones takes
	 * long. */
	if (status == NATS_OK && about->Config->MaxMsgsPerSubject != 1) {
		config.DeliverPolicy = js_DeliverLastPerSubject;
		config.FilterSubject = pull->subject;
	}
	jsStreamInfo_Destroy(about);
	if (status == NATS_OK)
		status = bus_find_last(pull->js, pull->stream, pull->subject, &pull->last, NULL);
	if (status == NATS_OK)
		status = natsInbox_Create(&pull->inbox);
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(&pull->subscription, pull->connection, pull->inbox);
	if (status == NATS_OK)
		status = js_AddConsumer(&consumer, pull->js, pull->stream, &config, NULL, NULL);
	if (status == NATS_OK)
		snprintf(pull->consumer, sizeof pull->consumer, "%s", consumer->Name);
	jsConsumerInfo_Destroy(consumer);
	return status;
}

/* Requests more messages before all requested ones have arrived. */
static natsStatus ask(struct pull *pull)
{
	char subject[2 * SUBJECT_SIZE + 32], request[96];
	if (pull->asked > PULL_BATCH / 2)
		return NATS_OK;
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", pull->stream, pull->consumer);
	snprintf(request, sizeof request, "{\"batch\":%d,\"max_bytes\":%d,\"expires\":%" PRId64 "}", PULL_BATCH, PULL_BYTES,
	         PULL_LIFE);
	pull->asked += PULL_BATCH;
	return natsConnection_PublishRequestString(pull->connection, subject, pull->inbox, request);
}

/* A request has expired or was rejected: checks whether there are more messages. */
static natsStatus pull_ended(struct pull *pull)
{
	jsConsumerInfo *consumer = NULL;
	uint64_t last;
	natsStatus status = js_GetConsumerInfo(&consumer, pull->js, pull->stream, pull->consumer, NULL, NULL);
	pull->asked = 0;
	/* Nothing was received since the last time although the broker has sent messages: they are lost and not
	 * redelivered. */
	if (status == NATS_OK && pull->ended == pull->received && consumer->Delivered.Consumer > pull->received)
		status = NATS_MISMATCH;
	pull->ended = pull->received;
	jsConsumerInfo_Destroy(consumer);
	if (status == NATS_OK)
		status = bus_find_last(pull->js, pull->stream, pull->subject, &last, NULL);
	/* The message that was the last may have been removed. */
	if (status == NATS_OK && last < pull->last)
		pull->last = last;
	return status == NATS_NOT_FOUND ? NATS_INVALID_SUBSCRIPTION : status;
}

/* Receives the next message; NATS_TIMEOUT: the broker has been silent for too long. */
static natsStatus next_message(struct scan *scan, struct pull *pull, natsMsg **message)
{
	natsStatus status = natsSubscription_NextMsg(message, pull->subscription, 0);
	if (status != NATS_TIMEOUT)
		return status;
	send_batch(scan);
	nanos limit = clock_monotonic() + TIMEOUT;
	while (status == NATS_TIMEOUT && clock_monotonic() < limit && !is_stopped(scan)) {
		nanosleep(&(struct timespec){.tv_nsec = NAP}, NULL);
		status = natsSubscription_NextMsg(message, pull->subscription, 0);
	}
	return status;
}

static natsStatus take_next(struct scan *scan, struct pull *pull, natsMsg *message)
{
	struct bus_position position;
	/* Pulled messages keep the subject that they have in the stream. */
	if (strcmp(natsMsg_GetSubject(message), pull->inbox) == 0)
		return pull_ended(pull);
	if (!bus_read_position(natsMsg_GetReply(message), &position) || position.consumer_sequence != pull->received + 1)
		return NATS_MISMATCH; /* a message is lost */
	pull->received++;
	pull->seen = position.sequence;
	pull->asked -= pull->asked > 0;
	return take_message(scan, message, position.sequence);
}

/* Reads up to the last message that existed at the start. Messages may be removed and added during the scan. */
static natsStatus read_messages(struct scan *scan, struct pull *pull)
{
	natsStatus status = NATS_OK;
	struct message_reaper reaper;
	message_reaper_init(&reaper);
	while (pull->seen < pull->last && status == NATS_OK) {
		natsMsg *message = NULL;
		status = is_stopped(scan) ? NATS_CONNECTION_CLOSED : ask(pull);
		if (status == NATS_OK)
			status = next_message(scan, pull, &message);
		if (status == NATS_OK)
			status = take_next(scan, pull, message);
		message_reaper_add(&reaper, message);
	}
	message_reaper_end(&reaper);
	send_batch(scan);
	return status;
}

static natsStatus read_bucket(struct scan *scan)
{
	struct pull pull = {.ended = UINT64_MAX};
	natsStatus status = bus_connect(&pull.connection, scan->address, "postprocessing scan", NULL, NULL, NULL, NULL);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&pull.js, pull.connection, NULL);
	if (status == NATS_OK)
		status = open_pull(scan, &pull);
	if (status == NATS_OK)
		status = read_messages(scan, &pull);
	/* If this fails, the broker removes the consumer after a while. */
	if (status == NATS_OK)
		js_DeleteConsumer(pull.js, pull.stream, pull.consumer, NULL, NULL);
	bus_report(pull.connection, status, &scan->permissions);
	if (status != NATS_OK && status != NATS_NOT_FOUND)
		bus_fault(pull.connection, status, scan->why);
	natsConnection_Destroy(pull.connection);
	natsSubscription_Destroy(pull.subscription);
	natsInbox_Destroy(pull.inbox);
	jsCtx_Destroy(pull.js);
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
