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
/* Our clock and the broker's may differ by so much. */
#define SKEW (2 * MINUTE)
/* In a cluster a new leader may have to catch up. */
#define AHEAD_PATIENCE (5 * SECOND)
/* JetStream's err_code. */
#define CONSUMER_NOT_MADE 10012
#define CONSUMER_MAX_ACK_PENDING 20000
/* The durable of older releases of the other implementation, whose position is taken over. */
#define OLDER_CONSUMER "postprocessing"

/* Made only if it was never seen: whoever publishes into one that is made in silence would not learn what was lost. */
static natsStatus find_stream(struct intake *intake, jsCtx *js, bool known, jsStreamInfo **info, jsErrCode *code)
{
	natsStatus status = js_GetStreamInfo(info, js, INTAKE_STREAM, NULL, code);
	bool gone = status == NATS_NOT_FOUND && known;
	if (gone && !intake->missed)
		log_error(intake->log,
		          "stream " INTAKE_STREAM ": it is gone from the broker, and with it the events that were not taken yet; nothing is done "
		          "until it is back. Restore the broker's files (a private broker's are in %s/broker), or restart what makes it, the "
		          "storage service. Or, if it is lost for good or another broker is meant, stop the service, delete "
		          "%s/" POSITION_EVENTS ", start it, and have storage begin its uploads again",
		          intake->state_dir, intake->state_dir);
	intake->missed = status != NATS_OK && (gone || intake->missed);
	if (status != NATS_NOT_FOUND || known)
		return status;
	jsStreamConfig stream;
	jsStreamConfig_Init(&stream);
	stream.Name = INTAKE_STREAM;
	stream.Subjects = (const char *[]){INTAKE_STREAM};
	stream.SubjectsLen = 1;
	status = js_AddStream(info, js, &stream, NULL, code);
	if (status != NATS_OK)
		return status;
	log_info(intake->log, "stream " INTAKE_STREAM ": created");
	__atomic_store_n(&intake->foreign, false, __ATOMIC_RELAXED);
	return status;
}

/* Positions in another stream of that name, or in what the broker has forgotten of this one, say nothing. */
static void compare_stream(struct intake *intake, const struct position *known, const jsStreamInfo *info)
{
	enum standing standing = position_compare(known, info->Created, info->State.LastSeq);
	if (standing == STANDING_GOOD)
		return;
	if (standing == STANDING_OTHER)
		__atomic_store_n(&intake->foreign, true, __ATOMIC_RELAXED);
	if (standing == STANDING_OTHER)
		log_error(intake->log, "stream " INTAKE_STREAM ": it is not the one that was used before: the events in that one that were not taken yet "
		                       "are lost; have storage begin again the uploads that it still waits for");
	else if (standing == STANDING_BEHIND)
		log_error(intake->log,
		          "stream " INTAKE_STREAM ": the broker went back in time, from event %" PRIu64 " to %" PRIu64 ": what was published in between is "
		          "lost; have storage begin again the uploads that it still waits for",
		          known->sequence, info->State.LastSeq);
	if (standing == STANDING_BEHIND)
		__atomic_store_n(&intake->lost_from, info->State.LastSeq + 1, __ATOMIC_RELAXED);
	if (standing != STANDING_FIRST)
		counter_add(intake->alarms, 1);
	shared_position_set(&intake->applied, &(struct position){.stream = info->Created, .noted = standing == STANDING_BEHIND ? known->noted : 0});
}

static bool prepare_stream(struct intake *intake, jsCtx *js, char *why, size_t size)
{
	jsStreamInfo *info = NULL;
	jsErrCode code = 0;
	struct position known = shared_position_get(&intake->applied);
	natsStatus status = find_stream(intake, js, known.stream != 0, &info, &code);
	if (status == NATS_OK) {
		compare_stream(intake, &known, info);
		__atomic_store_n(&intake->memory, info->Config->Duplicates, __ATOMIC_RELAXED);
		__atomic_store_n(&intake->last, info->State.LastSeq, __ATOMIC_RELAXED);
	} else if (status == NATS_NOT_FOUND) {
		snprintf(why, size, "stream " INTAKE_STREAM ": it is gone");
	} else {
		snprintf(why, size, "stream " INTAKE_STREAM ": %s (JetStream error %d)", bus_advice(status), (int)code);
	}
	jsStreamInfo_Destroy(info);
	return status == NATS_OK;
}

/* Where a consumer that does not exist is to begin: at a sequence, at a time, or (both 0) with the first message. */
struct start {
	uint64_t sequence;
	nanos time;
	const char *because;
};

static struct start find_start(struct intake *intake, jsCtx *js)
{
	struct position applied = shared_position_get(&intake->applied);
	if (applied.sequence > 0)
		return (struct start){.sequence = applied.sequence + 1, .because = "behind what was applied"};
	/* The numbers mean nothing since the broker went back in time. */
	if (applied.noted > SKEW)
		return (struct start){.time = applied.noted - SKEW, .because = "with what has come since something was applied last"};
	jsConsumerInfo *older = NULL;
	struct start start = {.because = "at the stream's first message"};
	if (strcmp(intake->consumer, OLDER_CONSUMER) != 0 &&
	    js_GetConsumerInfo(&older, js, INTAKE_STREAM, OLDER_CONSUMER, NULL, NULL) == NATS_OK)
		start = (struct start){.sequence = older->AckFloor.Stream + 1, .because = "where " OLDER_CONSUMER " stands"};
	jsConsumerInfo_Destroy(older);
	return start;
}

/* It may be somebody else's, with limits of his own. */
static void take_facts(struct intake *intake, const jsConsumerInfo *info)
{
	int64_t most = info->Config->MaxAckPending;
	__atomic_store_n(&intake->patience, info->Config->AckWait, __ATOMIC_RELAXED);
	__atomic_store_n(&intake->pending, most > 0 ? (uint64_t)most : UINT64_MAX, __ATOMIC_RELAXED);
	int64_t batch = info->Config->MaxRequestBatch, life = info->Config->MaxRequestExpires;
	__atomic_store_n(&intake->batch_limit, batch > 0 && batch < BATCH_LIMIT ? (uint32_t)batch : BATCH_LIMIT, __ATOMIC_RELAXED);
	__atomic_store_n(&intake->life_limit, life > 0 && life < PULL_LIFE ? life : PULL_LIFE, __ATOMIC_RELAXED);
	__atomic_store_n(&intake->behind, info->NumPending > 0, __ATOMIC_RELAXED);
}

/* misplaced: it does not begin there, because of what was left of the files of one that the broker has lost. in_memory: the
 * broker keeps none of how far it gets. */
static natsStatus add_consumer(struct intake *intake, jsCtx *js, const struct start *start, bool in_memory, bool *misplaced, jsErrCode *code)
{
	jsConsumerConfig config;
	jsConsumerConfig_Init(&config);
	config.Durable = intake->consumer;
	config.AckPolicy = js_AckExplicit;
	config.AckWait = 30 * SECOND;
	config.MaxAckPending = CONSUMER_MAX_ACK_PENDING;
	config.DeliverPolicy = start->sequence > 0 ? js_DeliverByStartSequence : start->time > 0 ? js_DeliverByStartTime : js_DeliverAll;
	config.OptStartSeq = start->sequence;
	config.OptStartTime = start->time;
	config.MemoryStorage = in_memory;
	jsConsumerInfo *info = NULL;
	natsStatus status = js_AddConsumer(&info, js, INTAKE_STREAM, &config, NULL, code);
	if (status == NATS_OK)
		take_facts(intake, info);
	*misplaced = status == NATS_OK && info->AckFloor.Stream == 0 &&
	             (info->Delivered.Consumer == UINT64_MAX || info->Delivered.Stream + 1 < start->sequence);
	jsConsumerInfo_Destroy(info);
	return status;
}

static bool create_consumer(struct intake *intake, jsCtx *js, char *why, size_t size)
{
	struct start start = find_start(intake, js);
	bool misplaced;
	jsErrCode code = 0;
	natsStatus status = add_consumer(intake, js, &start, false, &misplaced, &code);
	if (misplaced)
		status = js_DeleteConsumer(js, INTAKE_STREAM, intake->consumer, NULL, &code);
	if (misplaced && status == NATS_OK)
		status = add_consumer(intake, js, &start, false, &misplaced, &code);
	/* nats-server 2.15 makes none where files of a former one are torn. What it forgets of this one at its next start is
	 * known from what was applied. */
	bool in_memory = status != NATS_OK && code == CONSUMER_NOT_MADE;
	if (in_memory)
		status = add_consumer(intake, js, &start, true, &misplaced, &code);
	if (status != NATS_OK) {
		snprintf(why, size, "consumer %s: %s (JetStream error %d)", intake->consumer, bus_advice(status), (int)code);
		return false;
	}
	log_info(intake->log, "consumer %s: created, it begins %s%s", intake->consumer, start.because,
	         in_memory ? "; the broker cannot have it on disk, its log says why, and keeps it in memory until it is restarted" : "");
	return true;
}

/* Has the broker lost what its consumer knew? One that has acknowledged nothing would bring everything again, or, if it
 * begins with what is new, skip what was not taken yet. */
static bool has_forgotten(struct intake *intake, const jsConsumerInfo *info)
{
	uint64_t applied = shared_position_get(&intake->applied).sequence;
	return applied > 0 && info->AckFloor.Stream == 0 && info->Config->OptStartSeq <= applied;
}

/* Is it ahead of its stream? Then the broker has lost the stream's end, say with the power, and not the consumer's file: what
 * comes now gets numbers that the consumer takes for done with. */
static void note_ahead(struct intake *intake, jsCtx *js, const jsConsumerInfo *consumer)
{
	jsStreamInfo *info = NULL;
	uint64_t delivered = consumer->Delivered.Stream;
	/* More may have come since that was asked. */
	bool ahead = delivered > __atomic_load_n(&intake->last, __ATOMIC_RELAXED) &&
	             js_GetStreamInfo(&info, js, INTAKE_STREAM, NULL, NULL) == NATS_OK && delivered > info->State.LastSeq;
	if (!ahead) {
		intake->ahead_since = 0;
	} else if (intake->ahead_since == 0) {
		intake->ahead_since = clock_monotonic();
		intake->ahead_of = info->State.LastSeq;
	}
	jsStreamInfo_Destroy(info);
}

static bool make_anew(struct intake *intake, jsCtx *js, const char *because, char *why, size_t size)
{
	jsErrCode code = 0;
	log_warning(intake->log, "consumer %s: %s", intake->consumer, because);
	natsStatus status = js_DeleteConsumer(js, INTAKE_STREAM, intake->consumer, NULL, &code);
	if (status == NATS_OK || status == NATS_NOT_FOUND)
		return create_consumer(intake, js, why, size);
	snprintf(why, size, "consumer %s: %s (JetStream error %d)", intake->consumer, bus_advice(status), (int)code);
	return false;
}

/* It is there, and perhaps of no use. */
static bool mend_consumer(struct intake *intake, jsCtx *js, bool forgotten, char *why, size_t size)
{
	if (forgotten)
		return make_anew(intake, js, "the broker has lost how far it had got", why, size);
	if (intake->ahead_since == 0)
		return true;
	if (clock_monotonic() - intake->ahead_since < AHEAD_PATIENCE) {
		snprintf(why, size, "consumer %s has delivered more than its stream holds", intake->consumer);
		return false;
	}
	intake->ahead_since = 0;
	__atomic_store_n(&intake->lost_from, intake->ahead_of + 1, __ATOMIC_RELAXED);
	return make_anew(intake, js, "its stream has lost what it had delivered last", why, size);
}

static bool prepare_consumer(struct intake *intake, jsCtx *js, char *why, size_t size)
{
	jsConsumerInfo *info = NULL;
	jsErrCode code = 0;
	natsStatus status = js_GetConsumerInfo(&info, js, INTAKE_STREAM, intake->consumer, NULL, &code);
	if (status == NATS_NOT_FOUND)
		return create_consumer(intake, js, why, size);
	bool push = status == NATS_OK && info->Config->DeliverSubject != NULL;
	bool acks = status == NATS_OK && info->Config->AckPolicy == js_AckExplicit && !info->Config->HeadersOnly;
	bool forgotten = status == NATS_OK && has_forgotten(intake, info);
	if (status == NATS_OK) {
		take_facts(intake, info);
		note_ahead(intake, js, info);
	}
	jsConsumerInfo_Destroy(info);
	if (status != NATS_OK)
		snprintf(why, size, "consumer %s: %s (JetStream error %d)", intake->consumer, bus_advice(status), (int)code);
	else if (push || !acks)
		snprintf(why, size, "consumer %s is not a pull consumer of whole messages with explicit acknowledgement: set [events] consumer to another name",
		         intake->consumer);
	else
		return mend_consumer(intake, js, forgotten, why, size);
	return false;
}

void intake_forget(struct intake *intake)
{
	/* Unless this service makes the next one. */
	__atomic_store_n(&intake->foreign, true, __ATOMIC_RELAXED);
	shared_position_set(&intake->applied, &(struct position){0});
}

bool intake_prepare(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	(void)connection;
	struct intake *intake = closure;
	bool stream = prepare_stream(intake, js, why, size);
	fact_set(intake->stream_fact, stream, stream ? "" : why);
	bool consumer = stream && prepare_consumer(intake, js, why, size);
	fact_set(intake->consumer_fact, consumer, consumer ? "" : stream ? why : "the stream has to be there first");
	return consumer;
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
	bus_call(bus, &intake->question, subject, "", 0);
}

bool intake_answered(struct intake *intake, struct request *request)
{
	if (request != &intake->question)
		return false;
	intake->asking = false;
	if (request->status != REQUEST_DONE)
		return true;
	json_t *answer = json_loadb(natsMsg_GetData(request->reply), (size_t)natsMsg_GetDataLength(request->reply), 0, NULL);
	json_int_t floor = json_integer_value(json_object_get(json_object_get(answer, "ack_floor"), "stream_seq"));
	const char *created = json_string_value(json_object_get(answer, "created"));
	nanos made;
	/* It may be of a stream that is gone. And a consumer that was made anew begins to count at 0. */
	if (created != NULL && time_parse(created, &made) && floor > 0)
		shared_position_advance(&intake->applied, made, (uint64_t)floor);
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
	unsigned most = __atomic_load_n(&intake->batch_limit, __ATOMIC_RELAXED);
	unsigned batch = intake->window - taken < most ? intake->window - taken : most;
	int64_t life = __atomic_load_n(&intake->life_limit, __ATOMIC_RELAXED), heartbeat = life / 2 < HEARTBEAT ? life / 2 : HEARTBEAT;
	char subject[192], inbox[BUS_SUBJECT_SIZE], payload[128];
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT." INTAKE_STREAM ".%s", intake->consumer);
	bus_pull_subject(bus, inbox);
	int length = snprintf(payload, sizeof payload, "{\"batch\":%u,\"expires\":%" PRId64 ",\"idle_heartbeat\":%" PRId64 "}", batch,
	                      life, heartbeat);
	if (!bus_send(bus, subject, inbox, payload, (size_t)length))
		return;
	if (intake->outstanding == 0)
		intake->heard = now;
	intake->outstanding += batch;
	intake->expires = now + life + SILENCE_LIMIT;
}

/* A pull has ended: by its expiry (408), because the consumer is gone or busy (409), or, of which without TLS only the bus
 * learns, because nobody listens (503). */
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
