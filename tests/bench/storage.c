/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/storage.h"

#include <inttypes.h>
#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/event.h"
#include "tests/harness/limits.h"

#define PATIENCE (600 * SECOND)
#define BUCKET_STREAM "KV_postprocessing"
#define INITIATOR "\"initiatorid\":\""
#define ID_FORMAT "%08" PRIx32 "-0000-4000-8000-%012" PRIx32

struct announced {
	struct text begin, ready; /* BytesReceived, UploadReady */
	nanos sent;
	bool finished;
};

struct storage {
	struct storage_run *run;
	uint32_t number; /* of the run, in its IDs */
	struct announced *upload;
	natsConnection *connection;
	natsSubscription *events, *acks;
	char inbox[64];
	bool prompt; /* send each message at once */
	atomic_size_t acknowledged, refused;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock: */
	size_t next, finished, sent;
};

void storage_id(char id[STORAGE_ID_SIZE], uint32_t run, size_t index)
{
	snprintf(id, STORAGE_ID_SIZE, ID_FORMAT, run, (uint32_t)index);
}

bool storage_find_id(const char *message, size_t length, uint32_t *run, size_t *index)
{
	char id[STORAGE_ID_SIZE];
	const char *at = memmem(message, length, INITIATOR, sizeof INITIATOR - 1);
	if (at == NULL || (size_t)(message + length - at) < sizeof INITIATOR - 1 + sizeof id)
		return false;
	memcpy(id, at + sizeof INITIATOR - 1, sizeof id - 1);
	id[sizeof id - 1] = '\0';
	char *end;
	*run = (uint32_t)strtoul(id, &end, 16);
	if (strncmp(end, "-0000-4000-8000-", 16) != 0)
		return false;
	*index = strtoul(end + 16, &end, 16);
	return *end == '\0';
}

struct upload storage_fields(const char *id)
{
	return (struct upload){
		.id = id,
		.url = "https://localhost:9200/data/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		.filename = "bench.dat",
		.initiator_id = id,
		.traceparent = "00-cce37da908c0ef28522511ae4ccbb827-692551b2e3fbee02-00",
		.user_json = "{\"id\":{\"idp\":\"https://localhost:9200\",\"opaque_id\":\"023ca0f3-8c07-45f8-9b00-4cc83f855216\","
		             "\"type\":1},\"username\":\"admin\",\"display_name\":\"Admin\"}",
		.resource_id_json = "{\"storage_id\":\"71bb8994-02a8-4256-bfdc-7f9a8e3d2c69\","
		                    "\"opaque_id\":\"3b3f445c-6f47-4541-bddd-b9ea3b6b4a48\","
		                    "\"space_id\":\"023ca0f3-8c07-45f8-9b00-4cc83f855216\"}",
		.filesize = 3,
	};
}

static bool make_messages(struct storage *storage)
{
	const struct storage_run *run = storage->run;
	storage->upload = calloc(run->count, sizeof *storage->upload);
	for (size_t i = 0; storage->upload != NULL && i < run->count; i++) {
		char id[STORAGE_ID_SIZE];
		storage_id(id, storage->number, i);
		struct upload fields = storage_fields(id);
		if (run->url != NULL) {
			fields.url = run->url;
			fields.filesize = run->filesize;
		}
		struct upload *upload = upload_create(&fields);
		if (upload == NULL)
			return false;
		event_encode_bytes_received(&storage->upload[i].begin, upload, clock_now());
		event_encode_upload_ready(&storage->upload[i].ready, upload, false, clock_now());
		upload_release(upload);
		if (storage->upload[i].begin.failed || storage->upload[i].ready.failed)
			return false;
	}
	return storage->upload != NULL;
}

/* With the lock held. */
static void send_message(struct storage *storage, const struct text *message)
{
	storage->sent++;
	if (natsConnection_PublishRequest(storage->connection, EVENT_TOPIC, storage->inbox, message->data, (int)message->length) != NATS_OK)
		atomic_fetch_add(&storage->refused, 1);
}

/* With the lock held. */
static void announce_next(struct storage *storage)
{
	struct announced *upload = &storage->upload[storage->next++];
	upload->sent = clock_monotonic();
	send_message(storage, &upload->begin);
}

/* On a thread of the client library. */
static void on_ack(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	(void)connection;
	(void)subscription;
	struct storage *storage = closure;
	bool good = memmem(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), "\"seq\"", 5) != NULL;
	atomic_fetch_add(good ? &storage->acknowledged : &storage->refused, 1);
	natsMsg_Destroy(message);
}

static void take_finished(struct storage *storage, size_t index, nanos now)
{
	struct announced *upload = &storage->upload[index];
	pthread_mutex_lock(&storage->lock);
	if (!upload->finished) {
		upload->finished = true;
		storage->run->latency[index] = (double)(now - upload->sent) / (double)SECOND;
		send_message(storage, &upload->ready);
		if (storage->next < storage->run->count)
			announce_next(storage);
		if (++storage->finished == storage->run->count)
			pthread_cond_signal(&storage->changed);
	}
	pthread_mutex_unlock(&storage->lock);
}

/* On a thread of the client library. */
static void on_event(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure)
{
	(void)connection;
	(void)subscription;
	struct storage *storage = closure;
	nanos now = clock_monotonic();
	const char *data = natsMsg_GetData(message);
	size_t length = (size_t)natsMsg_GetDataLength(message), index;
	uint32_t number;
	if (memmem(data, length, "PostprocessingFinished", 22) != NULL && storage_find_id(data, length, &number, &index) &&
	    number == storage->number && index < storage->run->count) {
		struct event event;
		char why[128];
		if (index == storage->run->count - 1 &&
		    event_decode(data, length, NULL, 0, 0, true, &event, why, sizeof why) == EVENT_TAKEN) {
			storage->run->outcome = event.outcome;
			event_clear(&event);
		}
		take_finished(storage, index, now);
	}
	natsMsg_Destroy(message);
}

static natsStatus connect_to(struct storage *storage, const struct nats_fixture *nats)
{
	natsOptions *options = NULL;
	natsStatus status = natsOptions_Create(&options);
	if (status == NATS_OK)
		status = natsOptions_SetURL(options, nats->url);
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(options, storage->prompt);
	if (status == NATS_OK)
		status = natsOptions_SetNoEcho(options, true);
	if (status == NATS_OK)
		status = natsConnection_Connect(&storage->connection, options);
	natsOptions_Destroy(options);
	return status;
}

static bool open_storage(struct storage *storage, const struct nats_fixture *nats)
{
	snprintf(storage->inbox, sizeof storage->inbox, "_INBOX.storage%08" PRIx32, storage->number);
	natsStatus status = connect_to(storage, nats);
	if (status == NATS_OK)
		status = natsConnection_Subscribe(&storage->events, storage->connection, EVENT_TOPIC, on_event, storage);
	if (status == NATS_OK)
		status = natsConnection_Subscribe(&storage->acks, storage->connection, storage->inbox, on_ack, storage);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(storage->events, -1, -1);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(storage->acks, -1, -1);
	if (status == NATS_OK)
		status = natsConnection_Flush(storage->connection);
	if (status != NATS_OK)
		fprintf(stderr, "storage: %s\n", natsStatus_GetText(status));
	return status == NATS_OK;
}

static void close_storage(struct storage *storage)
{
	/* So that no callback is under way when what it uses goes. */
	natsSubscription *one[] = {storage->events, storage->acks};
	for (size_t i = 0; i < 2; i++)
		if (one[i] != NULL && natsSubscription_Drain(one[i]) == NATS_OK)
			natsSubscription_WaitForDrainCompletion(one[i], 2000);
	natsConnection_Destroy(storage->connection);
	natsSubscription_Destroy(storage->events);
	natsSubscription_Destroy(storage->acks);
	for (size_t i = 0; storage->upload != NULL && i < storage->run->count; i++) {
		text_free(&storage->upload[i].begin);
		text_free(&storage->upload[i].ready);
	}
	free(storage->upload);
	pthread_mutex_destroy(&storage->lock);
	pthread_cond_destroy(&storage->changed);
}

/* The bucket's last sequence; 0: not known. */
static uint64_t bucket_position(struct storage *storage)
{
	jsCtx *js = NULL;
	jsStreamInfo *info = NULL;
	uint64_t position = 0;
	if (natsConnection_JetStream(&js, storage->connection, NULL) == NATS_OK &&
	    js_GetStreamInfo(&info, js, BUCKET_STREAM, NULL, NULL) == NATS_OK)
		position = info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	jsCtx_Destroy(js);
	return position;
}

static bool wait_for_position(struct storage *storage, uint64_t wanted)
{
	nanos limit = clock_monotonic() + PATIENCE;
	while (bucket_position(storage) < wanted) {
		if (clock_monotonic() > limit)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 2 * MILLISECOND}, NULL);
	}
	return true;
}

static bool wait_for_finished(struct storage *storage)
{
	struct timespec limit;
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += PATIENCE / SECOND;
	pthread_mutex_lock(&storage->lock);
	for (size_t i = 0; i < storage->run->in_flight && storage->next < storage->run->count; i++)
		announce_next(storage);
	int status = 0;
	while (storage->finished < storage->run->count && status == 0)
		status = pthread_cond_timedwait(&storage->changed, &storage->lock, &limit);
	bool all = storage->finished == storage->run->count;
	if (!all)
		fprintf(stderr, "only %zu of %zu uploads were finished\n", storage->finished, storage->run->count);
	pthread_mutex_unlock(&storage->lock);
	return all;
}

/* Is there no record left? */
static bool bucket_is_empty(struct storage *storage)
{
	jsCtx *js = NULL;
	kvStore *bucket = NULL;
	kvKeysList keys = {0};
	natsStatus status = natsConnection_JetStream(&js, storage->connection, NULL);
	if (status == NATS_OK)
		status = js_KeyValue(&bucket, js, "postprocessing");
	if (status == NATS_OK)
		status = kvStore_Keys(&keys, bucket, NULL);
	bool empty = status == NATS_NOT_FOUND || (status == NATS_OK && keys.Count == 0);
	if (!empty)
		fprintf(stderr, "%d records are left (%s)\n", keys.Count, natsStatus_GetText(status));
	kvKeysList_Destroy(&keys);
	kvStore_Destroy(bucket);
	jsCtx_Destroy(js);
	return empty;
}

static bool all_acknowledged(void *closure)
{
	struct storage *storage = closure;
	return atomic_load(&storage->acknowledged) + atomic_load(&storage->refused) >= storage->sent;
}

static bool init(struct storage *storage, const struct nats_fixture *nats)
{
	storage->number = (uint32_t)clock_monotonic();
	storage->prompt = storage->run->in_flight < 16;
	bool good = pthread_mutex_init(&storage->lock, NULL) == 0 && pthread_cond_init(&storage->changed, NULL) == 0;
	return good && make_messages(storage) && open_storage(storage, nats);
}

bool storage_run(const struct nats_fixture *nats, struct storage_run *run)
{
	struct storage storage = {.run = run};
	run->latency = calloc(run->count, sizeof *run->latency);
	bool good = run->latency != NULL && init(&storage, nats);
	uint64_t before = good ? bucket_position(&storage) : 0;
	nanos begun = clock_monotonic();
	good = good && wait_for_finished(&storage) && wait_for_position(&storage, before + run->writes * run->count);
	run->elapsed = (double)(clock_monotonic() - begun) / (double)SECOND;
	good = good && bucket_is_empty(&storage);
	if (good && (!wait_until(all_acknowledged, &storage, TEST_LIMIT) || atomic_load(&storage.refused) > 0)) {
		fprintf(stderr, "the broker acknowledged %zu of %zu events\n", atomic_load(&storage.acknowledged), storage.sent);
		good = false;
	}
	close_storage(&storage);
	if (!good)
		free(run->latency);
	return good;
}

bool storage_announce(const struct nats_fixture *nats, size_t count, uint64_t writes)
{
	struct storage_run run = {.count = count, .in_flight = count};
	struct storage storage = {.run = &run};
	bool good = init(&storage, nats);
	uint64_t before = good ? bucket_position(&storage) : 0;
	for (size_t i = 0; good && i < count; i++)
		announce_next(&storage);
	good = good && wait_for_position(&storage, before + writes);
	close_storage(&storage);
	return good;
}
