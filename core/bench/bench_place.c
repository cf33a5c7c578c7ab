/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/bench_place.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/nats/bus_connect.h"
#include "core/jetstream/intake.h"

#define BUCKET_STREAM_SIZE 280
#define ROUND (50 * MILLISECOND)
/* As the service makes them where there are none to go by. */
#define ACK_WAIT (30 * SECOND)
#define MAX_ACK_PENDING 20000

static void report(const struct bench_place *place, const char *what, const char *name, natsStatus status)
{
	fprintf(stderr, "%s %s on %s: %s\n", what, name, place->client->events->endpoint, bus_advice(status));
}

static void bucket_stream(const char *bucket, char name[BUCKET_STREAM_SIZE])
{
	snprintf(name, BUCKET_STREAM_SIZE, "KV_%s", bucket);
}

static bool connect_both(struct bench_place *place, const struct client *client)
{
	place->client = client;
	place->events = client_connect(client, client->events);
	if (place->events == NULL)
		return false;
	place->records = client->records == client->events ? place->events : client_connect(client, client->records);
	if (place->records == NULL)
		return false;
	natsStatus status = natsConnection_JetStream(&place->js, place->events, NULL);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&place->records_js, place->records, NULL);
	if (status != NATS_OK)
		report(place, "JetStream", "", status);
	return status == NATS_OK;
}

static bool stream_is_there(struct bench_place *place, jsCtx *js, const char *name)
{
	jsStreamInfo *info = NULL;
	natsStatus status = js_GetStreamInfo(&info, js, name, NULL, NULL);
	jsStreamInfo_Destroy(info);
	if (status == NATS_NOT_FOUND)
		fprintf(stderr, "broker %s has no stream %s: has `postprocessing server` ever run on it?\n",
		        place->client->events->endpoint, name);
	else if (status != NATS_OK)
		report(place, "stream", name, status);
	return status == NATS_OK;
}

static bool is_same_broker(const struct client *client)
{
	return client->records == client->events || strcmp(client->records->endpoint, client->events->endpoint) == 0;
}

bool bench_place_open(struct bench_place *place, const struct client *client)
{
	char name[BUCKET_STREAM_SIZE];
	*place = (struct bench_place){.stream = INTAKE_STREAM, .bucket = client->config->bucket, .consumer = client->config->consumer};
	bucket_stream(place->bucket, name);
	if (connect_both(place, client) && stream_is_there(place, place->js, place->stream) &&
	    stream_is_there(place, place->records_js, name))
		return true;
	bench_place_close(place);
	return false;
}

static natsStatus make_stream(struct bench_place *place)
{
	jsStreamInfo *model = NULL;
	jsStreamConfig stream;
	jsStreamConfig_Init(&stream);
	stream.Name = place->stream;
	stream.Subjects = (const char *[]){place->stream};
	stream.SubjectsLen = 1;
	if (js_GetStreamInfo(&model, place->js, INTAKE_STREAM, NULL, NULL) == NATS_OK) {
		stream.Storage = model->Config->Storage;
		stream.Replicas = model->Config->Replicas;
		stream.Duplicates = model->Config->Duplicates;
	}
	jsStreamInfo_Destroy(model);
	return js_AddStream(NULL, place->js, &stream, NULL, NULL);
}

static natsStatus make_consumer(struct bench_place *place)
{
	jsConsumerInfo *model = NULL;
	jsConsumerConfig consumer;
	jsConsumerConfig_Init(&consumer);
	consumer.Durable = place->consumer;
	consumer.AckPolicy = js_AckExplicit;
	consumer.DeliverPolicy = js_DeliverAll;
	consumer.AckWait = ACK_WAIT;
	consumer.MaxAckPending = MAX_ACK_PENDING;
	if (js_GetConsumerInfo(&model, place->js, INTAKE_STREAM, place->client->config->consumer, NULL, NULL) == NATS_OK) {
		consumer.AckWait = model->Config->AckWait;
		consumer.MaxAckPending = model->Config->MaxAckPending;
	}
	jsConsumerInfo_Destroy(model);
	return js_AddConsumer(NULL, place->js, place->stream, &consumer, NULL, NULL);
}

static natsStatus make_bucket(struct bench_place *place)
{
	char name[BUCKET_STREAM_SIZE];
	jsStreamInfo *model = NULL;
	kvStore *bucket = NULL;
	kvConfig config;
	kvConfig_Init(&config);
	config.Bucket = place->bucket;
	config.History = 1;
	config.StorageType = js_FileStorage;
	bucket_stream(place->client->config->bucket, name);
	if (js_GetStreamInfo(&model, place->js, name, NULL, NULL) == NATS_OK) {
		config.StorageType = model->Config->Storage;
		config.Replicas = (int)model->Config->Replicas;
	}
	jsStreamInfo_Destroy(model);
	natsStatus status = js_CreateKeyValue(&bucket, place->js, &config);
	kvStore_Destroy(bucket);
	return status;
}

static unsigned count_takers(struct bench_place *place)
{
	jsConsumerInfo *info = NULL;
	unsigned takers = 0;
	if (js_GetConsumerInfo(&info, place->js, place->stream, place->consumer, NULL, NULL) == NATS_OK)
		takers = (unsigned)info->NumWaiting;
	jsConsumerInfo_Destroy(info);
	return takers;
}

static void remove_own(struct bench_place *place)
{
	js_DeleteStream(place->js, place->stream, NULL, NULL);
	js_DeleteKeyValue(place->js, place->bucket);
}

bool bench_place_make(struct bench_place *place, const struct client *client)
{
	*place = (struct bench_place){.stream = BENCH_PLACE_NAME, .bucket = BENCH_PLACE_NAME, .consumer = "floor"};
	if (!is_same_broker(client)) {
		fputs("the floor is only known with events and records on one broker\n", stderr);
		return false;
	}
	if (!connect_both(place, client)) {
		bench_place_close(place);
		return false;
	}
	if (count_takers(place) > 0) {
		fprintf(stderr, "the stream " BENCH_PLACE_NAME " is in use: another benchmark runs on this broker\n");
		bench_place_close(place);
		return false;
	}
	place->own = true;
	remove_own(place); /* of one that was killed */
	natsStatus status = make_stream(place);
	if (status == NATS_OK)
		status = make_consumer(place);
	if (status == NATS_OK)
		status = make_bucket(place);
	if (status == NATS_OK)
		return true;
	report(place, "stream and bucket", BENCH_PLACE_NAME, status);
	bench_place_close(place);
	return false;
}

void bench_place_close(struct bench_place *place)
{
	if (place->own)
		remove_own(place);
	jsCtx_Destroy(place->records_js);
	jsCtx_Destroy(place->js);
	if (place->records != place->events)
		natsConnection_Destroy(place->records);
	natsConnection_Destroy(place->events);
	*place = (struct bench_place){0};
}

bool bench_place_await_taker(struct bench_place *place, nanos limit)
{
	nanos until = clock_monotonic() + limit;
	while (count_takers(place) == 0) {
		if (clock_monotonic() > until)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = ROUND}, NULL);
	}
	return true;
}

static bool last_sequence(jsCtx *js, const char *name, uint64_t *sequence)
{
	jsStreamInfo *info = NULL;
	bool good = js_GetStreamInfo(&info, js, name, NULL, NULL) == NATS_OK;
	if (good)
		*sequence = info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	return good;
}

bool bench_place_positions(struct bench_place *place, struct bench_positions *positions)
{
	char name[BUCKET_STREAM_SIZE];
	bucket_stream(place->bucket, name);
	return last_sequence(place->js, place->stream, &positions->events) && last_sequence(place->records_js, name, &positions->records);
}

bool bench_place_done(struct bench_place *place, uint64_t *sequence)
{
	jsConsumerInfo *info = NULL;
	bool good = js_GetConsumerInfo(&info, place->js, place->stream, place->consumer, NULL, NULL) == NATS_OK;
	if (good)
		*sequence = info->AckFloor.Stream;
	jsConsumerInfo_Destroy(info);
	return good;
}
