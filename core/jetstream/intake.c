/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/intake.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/jetstream/intake_private.h"
#include "core/nats/bus_connect.h"

#define POSITION_INTERVAL (2 * SECOND)
/* How long messages wait while their consumer, which may be another one, is checked. */
#define SUSPECT_PAUSE SECOND

/* Creates the stream only if it was never seen. If a lost stream were created silently, publishers would not learn of
 * the loss. */
static natsStatus find_stream(struct intake *intake, jsCtx *js, bool known, jsStreamInfo **info, char *why, size_t size)
{
	jsErrCode code = 0;
	natsStatus status = stream_watch_find(&intake->watch, js, INTAKE_STREAM, known, info, why, size);
	if (status != NATS_NOT_FOUND || known)
		return status;
	jsStreamConfig stream;
	jsStreamConfig_Init(&stream);
	stream.Name = INTAKE_STREAM;
	stream.Subjects = (const char *[]){INTAKE_STREAM};
	stream.SubjectsLen = 1;
	status = js_AddStream(info, js, &stream, NULL, &code);
	if (status != NATS_OK) {
		char reason[BUS_REASON_SIZE];
		snprintf(why, size, "stream " INTAKE_STREAM ": %s", bus_reason(status, code, reason));
		return status;
	}
	log_info(intake->log, "stream " INTAKE_STREAM ": created");
	atomic_store(&intake->foreign, false);
	return status;
}

/* Discards positions in another stream of the same name, or in a part of the stream that the broker has lost. False:
 * this is not certain yet. */
static bool compare_stream(struct intake *intake, const struct checkpoint *known, const jsStreamInfo *info)
{
	enum continuity continuity;
	struct checkpoint found = {.stream = info->Created, .sequence = info->State.LastSeq};
	if (!stream_watch_compare(&intake->watch, known, &found, info->Config->Replicas, &continuity))
		return false;
	if (continuity == CONTINUITY_GOOD)
		return true;
	if (continuity == CONTINUITY_OTHER)
		atomic_store(&intake->foreign, true);
	if (continuity == CONTINUITY_BEHIND)
		atomic_store(&intake->lost_from, info->State.LastSeq + 1);
	if (continuity != CONTINUITY_FIRST)
		counter_add(intake->alarms, 1);
	shared_checkpoint_set(
		&intake->applied,
		&(struct checkpoint){.stream = info->Created, .noted = continuity == CONTINUITY_BEHIND ? known->noted : 0});
	return true;
}

static bool prepare_stream(struct intake *intake, jsCtx *js, char *why, size_t size)
{
	jsStreamInfo *info = NULL;
	struct checkpoint known = shared_checkpoint_get(&intake->applied);
	natsStatus status = find_stream(intake, js, known.stream != 0, &info, why, size);
	bool settled = status != NATS_OK || compare_stream(intake, &known, info);
	if (!settled) {
		snprintf(why, size,
		         "stream " INTAKE_STREAM ": ends at event %" PRIu64 ", before the last event seen; its "
		         "replicas may be catching up",
		         info->State.LastSeq);
	} else if (status == NATS_OK) {
		atomic_store(&intake->duplicate_window, info->Config->Duplicates);
		atomic_store(&intake->last, info->State.LastSeq);
		intake->first = info->State.FirstSeq;
		atomic_store(&intake->whole, info->State.NumDeleted == 0);
	}
	jsStreamInfo_Destroy(info);
	return status == NATS_OK && settled;
}

void intake_forget(struct intake *intake)
{
	/* The next stream counts as foreign unless this service creates it. */
	atomic_store(&intake->foreign, true);
	shared_checkpoint_set(&intake->applied, &(struct checkpoint){0});
}

bool intake_prepare(void *closure, natsConnection *connection, jsCtx *js, char *why, size_t size)
{
	(void)connection;
	struct intake *intake = closure;
	bool stream = prepare_stream(intake, js, why, size);
	fact_set(intake->stream_fact, stream, stream ? "" : why);
	bool consumer = stream && intake_prepare_consumer(intake, js, why, size);
	fact_set(intake->consumer_fact, consumer, consumer ? "" : stream ? why : "waiting for the stream");
	return consumer;
}

void intake_init(struct intake *intake, const char *consumer, unsigned window, const char *state_dir,
                 const struct log *log, const struct checkpoint *known)
{
	*intake = (struct intake){
		.consumer = consumer,
		.window = window,
		.log = log,
		.watch = {.log = log,
	              .kind = "stream",
	              .name = INTAKE_STREAM,
	              .state_dir = state_dir,
	              .contents = "the events that were not yet processed",
	              .creator = ", or restart the storage service, which creates the stream",
	              .unit = "event",
	              .written = "events published",
	              .checkpoint = CHECKPOINT_EVENTS},
		.applied = SHARED_CHECKPOINT(*known),
		.gap_lock = PTHREAD_MUTEX_INITIALIZER,
		.pull.mark = 'p',
		.reading.pull.mark = 'g',
	};
	snprintf(intake->pull.consumer, sizeof intake->pull.consumer, "%s", consumer);
	snprintf(intake->reading.pull.consumer, sizeof intake->reading.pull.consumer, "%s-gap", consumer);
}

void intake_reset(struct intake *intake, bool up)
{
	pull_reset(&intake->pull, up);
	reading_reset(intake, up);
}

void intake_pull(struct intake *intake, struct bus *bus)
{
	/* The gap reader gets its share of the window. */
	unsigned of_gap = intake->reading.open ? intake->window - intake->window / 2 : 0;
	unsigned rest = intake->window - of_gap;
	pull_more(&intake->pull, bus, rest > 0 ? rest : 1);
	reading_pull(intake, bus, of_gap);
}

void intake_ask_position(struct intake *intake, struct bus *bus, bool alone)
{
	char subject[CONSUMER_NAME_SIZE + 64];
	nanos now = clock_monotonic();
	intake->alone = alone;
	if (!bus_is_up(bus))
		return;
	reading_ask(intake, bus);
	if (intake->asking || now - intake->asked < POSITION_INTERVAL)
		return;
	intake->asking = true;
	intake->asked = now;
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.INFO." INTAKE_STREAM ".%s", intake->consumer);
	bus_call(bus, &intake->question, subject, "", 0);
}

/* A consumer created by an earlier version is replaced when nothing is lost by that. */
static void ask_to_replace(struct intake *intake, struct bus *bus, const struct stand *stand)
{
	bool replace = stand->formerly_ours && intake->alone && stand_is_at_rest(stand) && !intake->reading.open;
	atomic_store(&intake->replace, replace);
	if (replace)
		bus_prepare_again(bus);
}

static void take_stand(struct intake *intake, struct bus *bus, const struct stand *stand)
{
	struct checkpoint known = shared_checkpoint_get(&intake->applied);
	if (known.made != stand->made || stand_has_forgotten(stand, &known)) {
		bus_prepare_again(bus);
		return;
	}
	struct checkpoint seen = stand_to_checkpoint(stand, &known, known.gap_end);
	shared_checkpoint_look(&intake->applied, &seen);
	ask_to_replace(intake, bus, stand);
}

bool intake_answered(struct intake *intake, struct bus *bus, struct request *request)
{
	struct stand stand;
	char description[GAP_TEXT_SIZE];
	if (request != &intake->question)
		return reading_answered(intake, bus, request);
	intake->asking = false;
	if (request->status == REQUEST_DONE && stand_read_answer(&stand, request, description, sizeof description))
		take_stand(intake, bus, &stand);
	return true;
}

struct gap_facts intake_gap(const struct intake *intake)
{
	const struct gap_reading *reading = &intake->reading;
	uint64_t end = gap_end(&reading->gap), done = reading->done < end ? reading->done : end;
	if (!reading->open)
		return (struct gap_facts){0};
	return (struct gap_facts){
		.open = true, .end = end, .behind = reading->delivered < end, .moved = reading->moved, .left = end - done};
}

/* Handles a delivery of the gap reader. True: the event must be processed. */
static bool take_of_gap(struct intake *intake, struct bus *bus, struct delivery *delivery)
{
	struct gap_reading *reading = &intake->reading;
	delivery->of_gap = true;
	bool follows = pull_take(&reading->pull, delivery);
	if (reading->open && follows && gap_has(&reading->gap, delivery->sequence))
		return true;
	/* The consumer delivers messages beyond the end. They stay unacknowledged here, because the end may still move. */
	if (reading->open && !follows)
		intake_postpone(intake, bus, delivery, SUSPECT_PAUSE);
	else if (reading->open && delivery->sequence < gap_end(&reading->gap))
		intake_acknowledge(intake, bus, delivery);
	else
		intake_drop(intake, delivery);
	return false;
}

bool intake_take(struct intake *intake, struct bus *bus, struct delivery *delivery)
{
	if (delivery->status) {
		/* If the gap is processed, a missing reader does not matter. */
		if (delivery->mark == intake->pull.mark || intake->reading.open)
			pull_take_status(delivery->mark == intake->pull.mark ? &intake->pull : &intake->reading.pull,
			                 delivery->message);
		delivery_free(delivery);
		return false;
	}
	if (delivery_is_of(delivery, intake->reading.pull.consumer))
		return take_of_gap(intake, bus, delivery);
	if (pull_take(&intake->pull, delivery))
		return true;
	/* Another program may have created the consumer again, and there may be a gap before it now. */
	intake_postpone(intake, bus, delivery, SUSPECT_PAUSE);
	return false;
}

void intake_acknowledge(struct intake *intake, struct bus *bus, struct delivery *delivery)
{
	/* If the acknowledgement cannot be sent, the event is redelivered and acknowledged then. */
	bus_send(bus, natsMsg_GetReply(delivery->message), NULL, "+ACK", 4);
	intake_drop(intake, delivery);
}

void intake_drop(struct intake *intake, struct delivery *delivery)
{
	struct pull *pull = delivery->of_gap ? &intake->reading.pull : &intake->pull;
	pull->held--;
	delivery_free(delivery);
}

void intake_postpone(struct intake *intake, struct bus *bus, struct delivery *delivery, nanos pause)
{
	char nak[64];
	int length = pause > 0 ? snprintf(nak, sizeof nak, "-NAK {\"delay\":%" PRId64 "}", pause)
	                       : snprintf(nak, sizeof nak, "-NAK");
	bus_send(bus, natsMsg_GetReply(delivery->message), NULL, nak, (size_t)length);
	intake_drop(intake, delivery);
}
