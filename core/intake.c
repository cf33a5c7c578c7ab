/* SPDX-License-Identifier: Apache-2.0 */
#include "core/intake.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bus_connect.h"

#define PULL_LIFE (30 * SECOND)
#define HEARTBEAT (5 * SECOND)
#define SILENCE_LIMIT (2 * HEARTBEAT + 2 * SECOND)
#define BATCH_LIMIT 1000u
/* A stream that is made anew while nats-server (2.9.10) is still at deleting its files takes no message until the
 * server is restarted; so give it time. */
#define LOST_PAUSE SECOND
#define POSITION_INTERVAL (2 * SECOND)
#define CONSUMER_MAX_ACK_PENDING 20000
/* The durable of older releases of the other implementation, whose position is taken over. */
#define OLDER_CONSUMER "postprocessing"

static bool prepare_stream(struct intake *intake, jsCtx *js, char *why, size_t size)
{
	jsStreamInfo *info = NULL;
	jsErrCode code = 0;
	natsStatus status = js_GetStreamInfo(&info, js, INTAKE_STREAM, NULL, &code);
	if (status == NATS_NOT_FOUND) {
		jsStreamConfig stream;
		jsStreamConfig_Init(&stream);
		stream.Name = INTAKE_STREAM;
		stream.Subjects = (const char *[]){INTAKE_STREAM};
		stream.SubjectsLen = 1;
		status = js_AddStream(&info, js, &stream, NULL, &code);
		if (status == NATS_OK)
			log_info(intake->log, "stream " INTAKE_STREAM ": created");
	}
	if (status != NATS_OK) {
		snprintf(why, size, "stream " INTAKE_STREAM ": %s (JetStream error %d)", bus_advice(status), (int)code);
		return false;
	}
	/* Positions in another stream of that name, or in what the broker has forgotten of this one, say nothing. */
	if (info->Created != __atomic_load_n(&intake->stream_created, __ATOMIC_RELAXED) || info->State.LastSeq < __atomic_load_n(&intake->applied, __ATOMIC_RELAXED))
		__atomic_store_n(&intake->applied, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&intake->stream_created, info->Created, __ATOMIC_RELAXED);
	__atomic_store_n(&intake->memory, info->Config->Duplicates, __ATOMIC_RELAXED);
	jsStreamInfo_Destroy(info);
	return true;
}

/* The position from which a consumer that does not exist is to begin; 0: from the first message on. */
static uint64_t first_sequence(struct intake *intake, jsCtx *js, const char **because)
{
	uint64_t applied = __atomic_load_n(&intake->applied, __ATOMIC_RELAXED);
	if (applied > 0) {
		*because = "behind what was applied";
		return applied + 1;
	}
	jsConsumerInfo *older = NULL;
	uint64_t start = 0;
	*because = "at the stream's first message";
	if (strcmp(intake->consumer, OLDER_CONSUMER) != 0 &&
	    js_GetConsumerInfo(&older, js, INTAKE_STREAM, OLDER_CONSUMER, NULL, NULL) == NATS_OK) {
		start = older->AckFloor.Stream + 1;
		*because = "where " OLDER_CONSUMER " stands";
	}
	jsConsumerInfo_Destroy(older);
	return start;
}

static bool create_consumer(struct intake *intake, jsCtx *js, char *why, size_t size)
{
	const char *because;
	uint64_t start = first_sequence(intake, js, &because);
	jsConsumerConfig config;
	jsConsumerConfig_Init(&config);
	config.Durable = intake->consumer;
	config.AckPolicy = js_AckExplicit;
	config.AckWait = 30 * SECOND;
	config.MaxAckPending = CONSUMER_MAX_ACK_PENDING;
	config.DeliverPolicy = start > 0 ? js_DeliverByStartSequence : js_DeliverAll;
	config.OptStartSeq = start;
	jsConsumerInfo *info = NULL;
	jsErrCode code = 0;
	natsStatus status = js_AddConsumer(&info, js, INTAKE_STREAM, &config, NULL, &code);
	jsConsumerInfo_Destroy(info);
	if (status != NATS_OK) {
		snprintf(why, size, "consumer %s: %s (JetStream error %d)", intake->consumer, bus_advice(status), (int)code);
		return false;
	}
	log_info(intake->log, "consumer %s: created, it begins %s", intake->consumer, because);
	return true;
}

bool intake_prepare(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	(void)connection;
	struct intake *intake = closure;
	if (!prepare_stream(intake, js, why, size))
		return false;
	jsConsumerInfo *info = NULL;
	jsErrCode code = 0;
	natsStatus status = js_GetConsumerInfo(&info, js, INTAKE_STREAM, intake->consumer, NULL, &code);
	if (status == NATS_NOT_FOUND)
		return create_consumer(intake, js, why, size);
	bool push = status == NATS_OK && info->Config->DeliverSubject != NULL;
	bool acks = status == NATS_OK && info->Config->AckPolicy == js_AckExplicit;
	jsConsumerInfo_Destroy(info);
	if (status != NATS_OK)
		snprintf(why, size, "consumer %s: %s (JetStream error %d)", intake->consumer, bus_advice(status), (int)code);
	else if (push || !acks)
		snprintf(why, size, "consumer %s is not a pull consumer with explicit acknowledgement: set [events] consumer to another name",
		         intake->consumer);
	else
		return true;
	return false;
}

void intake_ask_position(struct intake *intake, struct bus *bus)
{
	char subject[192];
	nanos now = clock_monotonic();
	if (intake->asking || !bus_is_up(bus) || now - intake->asked < POSITION_INTERVAL)
		return;
	intake->asking = true;
	intake->asked = now;
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.INFO." INTAKE_STREAM ".%s", intake->consumer);
	bus_call(bus, &intake->position, subject, "", 0);
}

bool intake_answered(struct intake *intake, struct request *request)
{
	if (request != &intake->position)
		return false;
	intake->asking = false;
	if (request->status != REQUEST_DONE)
		return true;
	json_t *answer = json_loadb(natsMsg_GetData(request->reply), (size_t)natsMsg_GetDataLength(request->reply), 0, NULL);
	json_int_t floor = json_integer_value(json_object_get(json_object_get(answer, "ack_floor"), "stream_seq"));
	/* A consumer that was made anew begins to count at 0. */
	if (floor > 0 && (uint64_t)floor > __atomic_load_n(&intake->applied, __ATOMIC_RELAXED))
		__atomic_store_n(&intake->applied, (uint64_t)floor, __ATOMIC_RELAXED);
	json_decref(answer);
	natsMsg_Destroy(request->reply);
	request->reply = NULL;
	return true;
}

void intake_reset(struct intake *intake)
{
	intake->outstanding = 0;
	intake->expires = 0;
	intake->pause_until = 0;
	intake->lost = false;
}

void intake_pull(struct intake *intake, struct bus *bus)
{
	nanos now = clock_monotonic();
	if (!bus_is_up(bus) || now < intake->pause_until)
		return;
	if (intake->lost) {
		intake->lost = false;
		intake->pause_until = now + LOST_PAUSE;
		bus_prepare_again(bus);
		return;
	}
	if (intake->outstanding > 0 && (now > intake->expires || now - intake->heard > SILENCE_LIMIT)) {
		/* Neither message nor heartbeat: the pull is lost, and perhaps the consumer with it. */
		intake_reset(intake);
		intake->heard = now;
		bus_prepare_again(bus);
	}
	unsigned taken = intake->held + intake->outstanding;
	if (taken >= intake->window || taken > intake->window - intake->window / 4 || (intake->outstanding > 0 && intake->outstanding > intake->window / 2))
		return;
	unsigned batch = intake->window - taken < BATCH_LIMIT ? intake->window - taken : BATCH_LIMIT;
	char subject[192], inbox[BUS_SUBJECT_SIZE], payload[128];
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT." INTAKE_STREAM ".%s", intake->consumer);
	bus_pull_subject(bus, inbox);
	int length = snprintf(payload, sizeof payload, "{\"batch\":%u,\"expires\":%" PRId64 ",\"idle_heartbeat\":%" PRId64 "}", batch,
	                      PULL_LIFE, HEARTBEAT);
	if (!bus_send(bus, subject, inbox, payload, (size_t)length))
		return;
	if (intake->outstanding == 0)
		intake->heard = now;
	intake->outstanding += batch;
	intake->expires = now + PULL_LIFE + SILENCE_LIMIT;
}

/* A pull has ended: by its expiry (408), because the consumer is gone or busy (409), or nobody listens (503). */
static void pull_ended(struct intake *intake, natsMsg *message, const char *status)
{
	const char *pending = NULL;
	unsigned left = intake->outstanding;
	if (natsMsgHeader_Get(message, "Nats-Pending-Messages", &pending) == NATS_OK && pending != NULL)
		left = (unsigned)strtoul(pending, NULL, 10);
	intake->outstanding -= left < intake->outstanding ? left : intake->outstanding;
	if (strcmp(status, "408") == 0 || strcmp(status, "404") == 0)
		return;
	intake->pause_until = clock_monotonic() + LOST_PAUSE;
	intake->lost = true;
}

bool intake_take(struct intake *intake, struct delivery *delivery)
{
	intake->heard = clock_monotonic();
	if (!delivery->status) {
		if (intake->outstanding > 0)
			intake->outstanding--;
		intake->held++;
		return true;
	}
	const char *status = NULL;
	if (natsMsgHeader_Get(delivery->message, "Status", &status) == NATS_OK && status != NULL && strcmp(status, "100") != 0)
		pull_ended(intake, delivery->message, status);
	delivery_free(delivery);
	return false;
}

void intake_acknowledge(struct intake *intake, struct bus *bus, struct delivery *delivery)
{
	/* An acknowledgement that cannot be sent is made up for by the redelivery. */
	bus_send(bus, natsMsg_GetReply(delivery->message), NULL, "+ACK", 4);
	intake_drop(intake, delivery);
}

void intake_drop(struct intake *intake, struct delivery *delivery)
{
	intake->held--;
	delivery_free(delivery);
}
