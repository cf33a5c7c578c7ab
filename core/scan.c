/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/bus_connect.h"
#include "core/store.h"

#define SUBJECT_SIZE 192
/* Batches of records on their way to the receiver. */
#define AHEAD_LIMIT 32
#define PATIENCE (10 * SECOND)
/* When all that has come is taken the thread sleeps so long: to be woken for each message, it and the library's, costs more
 * than the reading. */
#define NAP MILLISECOND

/* False: it is to end early. */
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

/* A deletion's marker has no value; nor has what is no record. */
static bool is_marker(natsMsg *message)
{
	const char *operation = NULL;
	return natsMsg_GetDataLength(message) == 0 && natsMsgHeader_Get(message, "KV-Operation", &operation) == NATS_OK;
}

static natsStatus take_message(struct scan *scan, natsMsg *message, uint64_t revision)
{
	if (is_marker(message))
		return NATS_OK;
	natsStatus status = scan->batch == NULL ? make_batch(scan) : NATS_OK;
	if (status != NATS_OK)
		return status;
	struct found_record *found = &scan->batch->record[scan->batch->count];
	char why[128];
	found->revision = revision;
	switch (record_decode(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), &found->record, why, sizeof why)) {
	case RECORD_TAKEN:
		if (++scan->batch->count == FOUND_RECORDS)
			send_batch(scan);
		return NATS_OK;
	case RECORD_BROKEN:
		log_error(scan->store->log, "bucket %s, revision %" PRIu64 ": not a record: %s", scan->store->bucket, revision, why);
		return NATS_OK;
	case RECORD_UNREAD:
		break;
	}
	return NATS_NO_MEMORY;
}

/* The next message; NATS_TIMEOUT: the broker is silent for too long. */
static natsStatus next_message(struct scan *scan, natsSubscription *subscription, natsMsg **message)
{
	natsStatus status = natsSubscription_NextMsg(message, subscription, 0);
	if (status != NATS_TIMEOUT)
		return status;
	send_batch(scan);
	nanos limit = clock_monotonic() + PATIENCE;
	while (status == NATS_TIMEOUT && clock_monotonic() < limit) {
		nanosleep(&(struct timespec){.tv_nsec = NAP}, NULL);
		status = natsSubscription_NextMsg(message, subscription, 0);
	}
	return status;
}

/* Until the last one of those that were there at the start, `left` of them: some may go meanwhile, and others come. In a
 * cluster a broker that lags may deliver them; what it has not got yet, up to `last`, follows when it has. */
static natsStatus read_messages(struct scan *scan, natsSubscription *subscription, uint64_t left, uint64_t last)
{
	natsStatus status = NATS_OK;
	uint64_t seen = 0;
	struct spent spent;
	if (!spent_init(&spent))
		return NATS_NO_MEMORY;
	while ((left > 0 || seen < last) && status == NATS_OK) {
		natsMsg *message = NULL;
		jsMsgMetaData *about = NULL;
		status = next_message(scan, subscription, &message);
		if (status == NATS_OK)
			status = natsMsg_GetMetaData(&about, message);
		if (status == NATS_OK) {
			seen = about->Sequence.Stream;
			left = left > 0 && about->NumPending > 0 ? left - 1 : 0;
			status = take_message(scan, message, seen);
		}
		jsMsgMetaData_Destroy(about);
		spent_add(&spent, message);
	}
	spent_end(&spent);
	send_batch(scan);
	return status;
}

/* The bucket's last message, as the broker that leads it has it; 0: there is none. */
static natsStatus find_last(const struct store *store, jsCtx *js, uint64_t *last)
{
	char stream[SUBJECT_SIZE], subject[SUBJECT_SIZE];
	natsMsg *message = NULL;
	snprintf(stream, sizeof stream, "KV_%s", store->bucket);
	snprintf(subject, sizeof subject, "$KV.%s.>", store->bucket);
	natsStatus status = js_GetLastMsg(&message, js, stream, subject, NULL, NULL);
	*last = status == NATS_OK ? natsMsg_GetSequence(message) : 0;
	natsMsg_Destroy(message);
	return status == NATS_NOT_FOUND ? NATS_OK : status;
}

/* Has the bucket's messages delivered, in order. *left: how many there are. */
static natsStatus subscribe(const struct scan *scan, jsCtx *js, natsSubscription **subscription, uint64_t *left)
{
	char stream[SUBJECT_SIZE], subject[SUBJECT_SIZE];
	jsStreamInfo *about = NULL;
	jsConsumerInfo *consumer = NULL;
	jsSubOptions options;
	jsSubOptions_Init(&options);
	snprintf(stream, sizeof stream, "KV_%s", scan->store->bucket);
	snprintf(subject, sizeof subject, "$KV.%s.>", scan->store->bucket);
	natsStatus status = js_GetStreamInfo(&about, js, stream, NULL, NULL);
	options.Stream = stream;
	options.Ordered = true;
	/* The last of each key are all that there are, unless somebody made the bucket to keep more; finding them takes long. */
	if (status == NATS_OK && about->Config->MaxMsgsPerSubject != 1)
		options.Config.DeliverPolicy = js_DeliverLastPerSubject;
	jsStreamInfo_Destroy(about);
	if (status == NATS_OK)
		status = js_SubscribeSync(subscription, js, subject, NULL, &options, NULL);
	/* The broker's flow control sees to it that no more comes than is taken. */
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(*subscription, -1, -1);
	if (status == NATS_OK)
		status = natsSubscription_GetConsumerInfo(&consumer, *subscription, NULL, NULL);
	if (status == NATS_OK)
		*left = consumer->NumPending + consumer->Delivered.Consumer;
	jsConsumerInfo_Destroy(consumer);
	return status;
}

static natsStatus read_bucket(struct scan *scan)
{
	natsConnection *connection = NULL;
	jsCtx *js = NULL;
	natsSubscription *subscription = NULL;
	uint64_t left = 0, last = 0;
	natsStatus status = bus_connect(&connection, scan->address, "postprocessing scan", NULL, NULL, NULL, NULL);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&js, connection, NULL);
	if (status == NATS_OK)
		status = find_last(scan->store, js, &last);
	if (status == NATS_OK)
		status = subscribe(scan, js, &subscription, &left);
	if (status == NATS_OK)
		status = read_messages(scan, subscription, left, last);
	/* The broker removes the consumer when nobody listens. */
	natsConnection_Destroy(connection);
	natsSubscription_Destroy(subscription);
	jsCtx_Destroy(js);
	return status;
}

static void *run_scan(void *closure)
{
	struct scan *scan = closure;
	natsStatus status = read_bucket(scan);
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
	scan->batch = NULL;
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
