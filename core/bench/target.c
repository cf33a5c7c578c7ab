/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/target.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/terminal.h"
#include "core/jetstream/intake.h"
#include "core/nats/bus_connect.h"

#define BUCKET_STREAM_SIZE 280
#define ROUND (50 * MILLISECOND)
/* Where there is no consumer of a service to copy them from: the service's own defaults. */
#define ACK_WAIT (30 * SECOND)
#define MAX_ACK_PENDING 20000

static void report(const struct bench_target *target, const char *what, const char *name, natsStatus status)
{
	terminal_error("%s %s on %s: %s", what, name, target->client->events->endpoint, bus_advice(status));
}

static void bucket_stream(const char *bucket, char name[BUCKET_STREAM_SIZE])
{
	snprintf(name, BUCKET_STREAM_SIZE, "KV_%s", bucket);
}

static bool connect_both(struct bench_target *target, const struct client *client)
{
	target->client = client;
	target->events = client_connect(client, client->events, false);
	if (target->events == NULL)
		return false;
	target->records =
		client->records == client->events ? target->events : client_connect(client, client->records, false);
	if (target->records == NULL)
		return false;
	natsStatus status = natsConnection_JetStream(&target->js, target->events, NULL);
	if (status == NATS_OK)
		status = natsConnection_JetStream(&target->records_js, target->records, NULL);
	if (status != NATS_OK)
		report(target, "JetStream", "", status);
	return status == NATS_OK;
}

static bool stream_is_there(struct bench_target *target, jsCtx *js, const char *name)
{
	jsStreamInfo *info = NULL;
	natsStatus status = js_GetStreamInfo(&info, js, name, NULL, NULL);
	jsStreamInfo_Destroy(info);
	if (status == NATS_NOT_FOUND)
		terminal_error("broker %s has no stream %s: has `postprocessing server` ever run on it?",
		               target->client->events->endpoint, name);
	else if (status != NATS_OK)
		report(target, "stream", name, status);
	return status == NATS_OK;
}

static bool is_same_broker(const struct client *client)
{
	return client->records == client->events || strcmp(client->records->endpoint, client->events->endpoint) == 0;
}

bool bench_target_open(struct bench_target *target, const struct client *client)
{
	char name[BUCKET_STREAM_SIZE];
	*target = (struct bench_target){
		.stream = INTAKE_STREAM, .bucket = client->config->bucket, .consumer = client->config->consumer};
	bucket_stream(target->bucket, name);
	if (connect_both(target, client) && stream_is_there(target, target->js, target->stream) &&
	    stream_is_there(target, target->records_js, name))
		return true;
	bench_target_close(target);
	return false;
}

static natsStatus make_stream(struct bench_target *target)
{
	jsStreamInfo *model = NULL;
	jsStreamConfig stream;
	jsStreamConfig_Init(&stream);
	stream.Name = target->stream;
	stream.Subjects = (const char *[]){target->stream};
	stream.SubjectsLen = 1;
	if (js_GetStreamInfo(&model, target->js, INTAKE_STREAM, NULL, NULL) == NATS_OK) {
		stream.Storage = model->Config->Storage;
		stream.Replicas = model->Config->Replicas;
		stream.Duplicates = model->Config->Duplicates;
	}
	jsStreamInfo_Destroy(model);
	return js_AddStream(NULL, target->js, &stream, NULL, NULL);
}

static natsStatus make_consumer(struct bench_target *target)
{
	jsConsumerInfo *model = NULL;
	jsConsumerConfig consumer;
	jsConsumerConfig_Init(&consumer);
	consumer.Durable = target->consumer;
	consumer.AckPolicy = js_AckExplicit;
	consumer.DeliverPolicy = js_DeliverAll;
	consumer.AckWait = ACK_WAIT;
	consumer.MaxAckPending = MAX_ACK_PENDING;
	if (js_GetConsumerInfo(&model, target->js, INTAKE_STREAM, target->client->config->consumer, NULL, NULL) ==
	    NATS_OK) {
		consumer.AckWait = model->Config->AckWait;
		consumer.MaxAckPending = model->Config->MaxAckPending;
	}
	jsConsumerInfo_Destroy(model);
	return js_AddConsumer(NULL, target->js, target->stream, &consumer, NULL, NULL);
}

static natsStatus make_bucket(struct bench_target *target)
{
	char name[BUCKET_STREAM_SIZE];
	jsStreamInfo *model = NULL;
	kvStore *bucket = NULL;
	kvConfig config;
	kvConfig_Init(&config);
	config.Bucket = target->bucket;
	config.History = 1;
	config.StorageType = js_FileStorage;
	bucket_stream(target->client->config->bucket, name);
	if (js_GetStreamInfo(&model, target->js, name, NULL, NULL) == NATS_OK) {
		config.StorageType = model->Config->Storage;
		config.Replicas = (int)model->Config->Replicas;
	}
	jsStreamInfo_Destroy(model);
	natsStatus status = js_CreateKeyValue(&bucket, target->js, &config);
	kvStore_Destroy(bucket);
	return status;
}

static unsigned count_pulls(struct bench_target *target)
{
	jsConsumerInfo *info = NULL;
	unsigned pulls = 0;
	if (js_GetConsumerInfo(&info, target->js, target->stream, target->consumer, NULL, NULL) == NATS_OK)
		pulls = (unsigned)info->NumWaiting;
	jsConsumerInfo_Destroy(info);
	return pulls;
}

static void remove_own(struct bench_target *target)
{
	js_DeleteStream(target->js, target->stream, NULL, NULL);
	js_DeleteKeyValue(target->js, target->bucket);
}

bool bench_target_make(struct bench_target *target, const struct client *client)
{
	*target = (struct bench_target){.stream = BENCH_TARGET_NAME, .bucket = BENCH_TARGET_NAME, .consumer = "floor"};
	if (!is_same_broker(client)) {
		fputs("the floor can be measured only with events and records on one broker\n", stderr);
		return false;
	}
	if (!connect_both(target, client)) {
		bench_target_close(target);
		return false;
	}
	if (count_pulls(target) > 0) {
		fputs("the stream " BENCH_TARGET_NAME " is in use: another benchmark runs on this broker\n", stderr);
		bench_target_close(target);
		return false;
	}
	target->own = true;
	remove_own(target); /* a benchmark that was killed leaves it behind */
	natsStatus status = make_stream(target);
	if (status == NATS_OK)
		status = make_consumer(target);
	if (status == NATS_OK)
		status = make_bucket(target);
	if (status == NATS_OK)
		return true;
	report(target, "stream and bucket", BENCH_TARGET_NAME, status);
	bench_target_close(target);
	return false;
}

void bench_target_close(struct bench_target *target)
{
	if (target->own)
		remove_own(target);
	jsCtx_Destroy(target->records_js);
	jsCtx_Destroy(target->js);
	if (target->records != target->events)
		natsConnection_Destroy(target->records);
	natsConnection_Destroy(target->events);
	*target = (struct bench_target){0};
}

bool bench_target_await_consumer(struct bench_target *target, nanos limit)
{
	nanos until = clock_monotonic() + limit;
	while (count_pulls(target) == 0) {
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

bool bench_target_sequences(struct bench_target *target, struct bench_sequences *sequences)
{
	char name[BUCKET_STREAM_SIZE];
	bucket_stream(target->bucket, name);
	return last_sequence(target->js, target->stream, &sequences->events) &&
	       last_sequence(target->records_js, name, &sequences->records);
}

bool bench_target_acknowledged(struct bench_target *target, uint64_t *sequence)
{
	jsConsumerInfo *info = NULL;
	bool good = js_GetConsumerInfo(&info, target->js, target->stream, target->consumer, NULL, NULL) == NATS_OK;
	if (good)
		*sequence = info->AckFloor.Stream;
	jsConsumerInfo_Destroy(info);
	return good;
}
