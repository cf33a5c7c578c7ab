/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/stream_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/jetstream/stream_tail.h"
#include "core/nats/bus_connect.h"

#define TIMEOUT (10 * SECOND)
#define PULL_BATCH 2000
/* The maximum size of a pull. A broker disconnects clients that are too slow to take 64 MB. */
#define PULL_BYTES (8 << 20)
#define PULL_LIFE (5 * SECOND)
#define CONSUMER_LIFE MINUTE
/* How long the thread sleeps after handling all received messages. Waking this thread and the library's for each
 * message would cost more than the reading itself. */
#define NAP MILLISECOND

void stream_reader_init(struct stream_reader *reader)
{
	*reader = (struct stream_reader){.ended = UINT64_MAX};
	jsConsumerConfig_Init(&reader->config);
	reader->config.AckPolicy = js_AckNone;
	reader->config.InactiveThreshold = CONSUMER_LIFE;
}

natsStatus stream_reader_open(struct stream_reader *reader, const struct broker_address *address, const char *name)
{
	natsStatus status = bus_connect(&reader->connection, address, name);
	return status == NATS_OK ? natsConnection_JetStream(&reader->js, reader->connection, NULL) : status;
}

void stream_reader_close(struct stream_reader *reader, natsStatus status, const struct permission_scope *permissions,
                         char *why)
{
	bus_report(reader->connection, status, permissions);
	if (status != NATS_OK)
		bus_fault(reader->connection, status, why);
	/* A subscription must not be destroyed before its connection is closed. */
	natsConnection_Destroy(reader->connection);
	natsSubscription_Destroy(reader->subscription);
	natsInbox_Destroy(reader->inbox);
	jsCtx_Destroy(reader->js);
}

static natsStatus make_consumer(struct stream_reader *reader)
{
	jsStreamInfo *about = NULL;
	jsConsumerInfo *consumer = NULL;
	natsStatus status = js_GetStreamInfo(&about, reader->js, reader->stream, NULL, NULL);
	/* Each key of a bucket has only one message, unless the bucket was created with a history. Finding only the last
	 * ones takes long. */
	if (status == NATS_OK && reader->latest && about->Config->MaxMsgsPerSubject != 1) {
		reader->config.DeliverPolicy = js_DeliverLastPerSubject;
		reader->config.FilterSubject = reader->subject;
	}
	jsStreamInfo_Destroy(about);
	if (status == NATS_OK)
		status = js_AddConsumer(&consumer, reader->js, reader->stream, &reader->config, NULL, NULL);
	if (status == NATS_OK)
		snprintf(reader->consumer, sizeof reader->consumer, "%s", consumer->Name);
	jsConsumerInfo_Destroy(consumer);
	return status;
}

static natsStatus find_last(const struct stream_reader *reader, uint64_t *last)
{
	return bus_find_last(reader->js, reader->stream, reader->subject, last, NULL);
}

static natsStatus begin(struct stream_reader *reader)
{
	natsStatus status = natsInbox_Create(&reader->inbox);
	if (status == NATS_OK && reader->last == 0)
		status = find_last(reader, &reader->last);
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(&reader->subscription, reader->connection, reader->inbox);
	return status == NATS_OK ? make_consumer(reader) : status;
}

/* Requests more messages before all requested ones have arrived. */
static natsStatus ask(struct stream_reader *reader)
{
	char subject[2 * STREAM_NAME_SIZE + 32], request[96];
	if (reader->asked > PULL_BATCH / 2)
		return NATS_OK;
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", reader->stream, reader->consumer);
	snprintf(request, sizeof request, "{\"batch\":%d,\"max_bytes\":%d,\"expires\":%" PRId64 "}", PULL_BATCH, PULL_BYTES,
	         PULL_LIFE);
	reader->asked += PULL_BATCH;
	return natsConnection_PublishRequestString(reader->connection, subject, reader->inbox, request);
}

/* A request has expired or was rejected: checks whether there are more messages. */
static natsStatus request_ended(struct stream_reader *reader)
{
	jsConsumerInfo *consumer = NULL;
	uint64_t last;
	natsStatus status = js_GetConsumerInfo(&consumer, reader->js, reader->stream, reader->consumer, NULL, NULL);
	reader->asked = 0;
	/* Nothing was received since the last time although the broker has sent messages: they are lost and not
	 * redelivered. */
	if (status == NATS_OK && reader->ended == reader->received && consumer->Delivered.Consumer > reader->received)
		status = NATS_MISMATCH;
	reader->ended = reader->received;
	jsConsumerInfo_Destroy(consumer);
	if (status == NATS_OK)
		status = find_last(reader, &last);
	/* The message that was the last may have been removed. */
	if (status == NATS_OK && last < reader->last)
		reader->last = last;
	return status == NATS_NOT_FOUND ? NATS_INVALID_SUBSCRIPTION : status;
}

static bool is_wanted(const struct stream_reader *reader)
{
	return reader->go_on == NULL || reader->go_on(reader->closure);
}

/* Receives the next message; NATS_TIMEOUT: the broker has been silent for too long. */
static natsStatus next_message(const struct stream_reader *reader, natsMsg **message)
{
	natsStatus status = natsSubscription_NextMsg(message, reader->subscription, 0);
	if (status != NATS_TIMEOUT)
		return status;
	if (reader->idle != NULL)
		reader->idle(reader->closure);
	nanos limit = clock_monotonic() + TIMEOUT;
	while (status == NATS_TIMEOUT && clock_monotonic() < limit && is_wanted(reader)) {
		nanosleep(&(struct timespec){.tv_nsec = NAP}, NULL);
		status = natsSubscription_NextMsg(message, reader->subscription, 0);
	}
	return status;
}

static natsStatus take_message(struct stream_reader *reader, natsMsg *message)
{
	struct bus_position position;
	/* Pulled messages keep the subject that they have in the stream. */
	if (strcmp(natsMsg_GetSubject(message), reader->inbox) == 0)
		return request_ended(reader);
	if (!bus_read_position(natsMsg_GetReply(message), &position) || position.consumer_sequence != reader->received + 1)
		return NATS_MISMATCH; /* a message is lost */
	reader->received++;
	reader->seen = position.sequence;
	reader->asked -= reader->asked > 0;
	return reader->take(reader->closure, message, &position);
}

static natsStatus read_on(struct stream_reader *reader)
{
	natsStatus status = NATS_OK;
	struct message_reaper reaper;
	message_reaper_init(&reaper);
	while (reader->seen < reader->last && status == NATS_OK) {
		natsMsg *message = NULL;
		status = is_wanted(reader) ? ask(reader) : NATS_CONNECTION_CLOSED;
		if (status == NATS_OK)
			status = next_message(reader, &message);
		if (status == NATS_OK)
			status = take_message(reader, message);
		message_reaper_add(&reaper, message);
	}
	message_reaper_end(&reaper);
	return status;
}

natsStatus stream_read(struct stream_reader *reader)
{
	natsStatus status = begin(reader);
	if (status == NATS_OK)
		status = read_on(reader);
	/* If this fails, the broker removes the consumer after a while. */
	if (status == NATS_OK)
		js_DeleteConsumer(reader->js, reader->stream, reader->consumer, NULL, NULL);
	return status;
}
