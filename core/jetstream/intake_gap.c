/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/jetstream/intake_private.h"
#include "core/nats/bus_connect.h"

#define READER_ACK_WAIT (30 * SECOND)
/* Messages beyond the end of the gap stay unacknowledged and occupy a part of this. */
#define READER_MAX_ACK_PENDING 5000
/* By then, the events of a dead instance have been redelivered more than once. */
#define LAST_TIMEOUT (3 * READER_ACK_WAIT)
/* Once the whole gap has been delivered, pulls only get the events of dead instances. */
#define LAST_WINDOW 16u
/* All instances ask more often than this, so they find that the gap is processed before its reader is removed. */
#define LINGER (5 * SECOND)

/* Without a description of ours, the gap has no end. */
static void read_note(struct gap *gap, const char *description, uint64_t start)
{
	if (description != NULL && gap_read(gap, description))
		return;
	*gap = (struct gap){0};
	gap_add(gap, start > 0 ? start : 1);
}

natsStatus reader_find(struct intake *intake, jsCtx *js, struct gap *gap, struct stand *stand, jsErrCode *code)
{
	jsConsumerInfo *info = NULL;
	natsStatus status = js_GetConsumerInfo(&info, js, INTAKE_STREAM, reader_name(intake), NULL, code);
	*gap = (struct gap){0};
	if (status == NATS_OK) {
		pull_take_limits(&intake->reading.pull, info->Config);
		stand_read(stand, info);
		read_note(gap, info->Config->Description, info->Config->OptStartSeq);
	}
	jsConsumerInfo_Destroy(info);
	return status;
}

/* Whether the reader starts where it should, and not at the position of an earlier reader whose file remained. */
static bool is_at_start(const struct intake *intake, const struct stand *stand, uint64_t start)
{
	return stand->deliveries == 0 && stand->delivered < (start > intake->first ? start : intake->first);
}

static natsStatus make_once(struct intake *intake, jsCtx *js, const struct gap *gap, struct stand *stand,
                            jsErrCode *code)
{
	char note[GAP_TEXT_SIZE];
	gap_write(gap, note);
	jsConsumerConfig config = {
		.Durable = reader_name(intake),
		.Description = note,
		.AckWait = READER_ACK_WAIT,
		.MaxAckPending = READER_MAX_ACK_PENDING,
		.DeliverPolicy = js_DeliverByStartSequence,
		.OptStartSeq = gap->range[0].first,
	};
	natsStatus status = consumer_make(intake, js, &config, stand, code);
	if (status == NATS_OK)
		pull_take_limits(&intake->reading.pull, &config);
	return status;
}

natsStatus reader_make(struct intake *intake, jsCtx *js, const struct gap *gap, bool *there, jsErrCode *code)
{
	struct stand stand;
	struct gap other;
	natsStatus status = make_once(intake, js, gap, &stand, code);
	*there = status != NATS_OK && (*code == CONSUMER_NOT_MADE || *code == CONSUMER_EXISTS) &&
	         reader_find(intake, js, &other, &stand, NULL) == NATS_OK;
	if (status != NATS_OK || is_at_start(intake, &stand, gap->range[0].first))
		return status;
	status = consumer_remove(js, reader_name(intake), code);
	return status == NATS_OK ? make_once(intake, js, gap, &stand, code) : status;
}

natsStatus reader_note(struct intake *intake, jsCtx *js, const struct gap *gap, jsErrCode *code)
{
	char note[GAP_TEXT_SIZE];
	jsConsumerInfo *info = NULL;
	gap_write(gap, note);
	natsStatus status = js_GetConsumerInfo(&info, js, INTAKE_STREAM, reader_name(intake), NULL, code);
	if (status == NATS_OK) {
		jsConsumerConfig config = *info->Config;
		config.Description = note;
		status = js_UpdateConsumer(NULL, js, INTAKE_STREAM, &config, NULL, code);
	}
	jsConsumerInfo_Destroy(info);
	return status;
}

void reading_reset(struct intake *intake, bool up)
{
	struct gap_reading *reading = &intake->reading;
	pull_reset(&reading->pull, up);
	if (!up)
		return;
	pthread_mutex_lock(&intake->gap_lock);
	reading->gap = intake->gap;
	reading->open = intake->gap.count > 0 && !intake->gap_is_read;
	bool over = intake->gap.count > 0 && intake->gap_is_read;
	pthread_mutex_unlock(&intake->gap_lock);
	reading->delivered = reading->done = 0;
	reading->all_out = 0;
	reading->moved = clock_monotonic();
	reading->over = over ? reading->moved : 0;
}

void reading_pull(struct intake *intake, struct bus *bus, unsigned window)
{
	struct gap_reading *reading = &intake->reading;
	bool all_delivered = reading->delivered >= gap_end(&reading->gap);
	if (reading->open)
		pull_more(&reading->pull, bus, all_delivered && window > LAST_WINDOW ? LAST_WINDOW : window);
}

void reading_ask(struct intake *intake, struct bus *bus)
{
	struct gap_reading *reading = &intake->reading;
	char subject[CONSUMER_NAME_SIZE + 64];
	bool lingers = reading->over != 0 && clock_monotonic() - reading->over < LINGER;
	if (reading->asking || reading->removing || lingers || (!reading->open && reading->over == 0))
		return;
	reading->asking = true;
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.INFO." INTAKE_STREAM ".%s", reading->pull.consumer);
	bus_call(bus, &reading->question, subject, "", 0);
}

/* The reader is no longer needed. */
static void remove_reader(struct gap_reading *reading, struct bus *bus)
{
	char subject[CONSUMER_NAME_SIZE + 64];
	reading->removing = true;
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE." INTAKE_STREAM ".%s", reading->pull.consumer);
	bus_call(bus, &reading->removal, subject, "", 0);
}

/* The messages before the consumer are processed; from now on, its own position counts. */
static void note_over(struct intake *intake)
{
	struct gap_reading *reading = &intake->reading;
	struct checkpoint known = shared_checkpoint_get(&intake->applied);
	log_info(intake->log, "consumer %s: the events up to %" PRIu64 ", which it did not deliver, have been read",
	         intake->consumer, gap_end(&reading->gap));
	known.gap_end = 0;
	shared_checkpoint_look(&intake->applied, &known);
	shared_checkpoint_advance(&intake->applied, reading->gap.before, gap_end(&reading->gap));
	reading->open = false;
	reading->over = clock_monotonic();
}

/* False: the reader should have finished long ago. */
static bool note_progress(struct intake *intake, const struct stand *stand)
{
	struct gap_reading *reading = &intake->reading;
	uint64_t end = gap_end(&reading->gap);
	uint64_t floor = stand->acknowledged > 0 ? stand->floor : stand->start > 0 ? stand->start - 1 : 0;
	if (stand->delivered > reading->delivered) {
		reading->delivered = stand->delivered;
		reading->moved = clock_monotonic();
	}
	reading->done = floor;
	shared_checkpoint_advance(&intake->applied, reading->gap.before, floor < end ? floor : end);
	nanos now = clock_monotonic();
	if (stand->delivered < end)
		reading->all_out = 0;
	else if (reading->all_out == 0)
		reading->all_out = now;
	if (reading->open && stand_is_behind_gap(stand, &reading->gap, atomic_load(&intake->whole)))
		note_over(intake);
	return !reading->open || reading->all_out == 0 || now - reading->all_out < LAST_TIMEOUT;
}

/* Restarts the reader whatever its state. Some events are delivered twice, but events that wait for the end of the gap
 * do not wait forever. */
static void restart_reader(struct intake *intake, struct bus *bus)
{
	log_warning(intake->log,
	            "consumer %s: all its events were delivered, but it does not report them as acknowledged; "
	            "restarting it",
	            intake->reading.pull.consumer);
	intake->reading.all_out = 0;
	atomic_store(&intake->restart, true);
	bus_prepare_again(bus);
}

static void take_answer(struct intake *intake, struct bus *bus)
{
	struct gap_reading *reading = &intake->reading;
	struct stand stand;
	struct gap noted;
	char note[GAP_TEXT_SIZE];
	bool over = reading->over != 0;
	if (reading->question.status == REQUEST_REFUSED && reading->question.error == CONSUMER_NOT_FOUND) {
		reading->over = 0;
		if (reading->open)
			bus_prepare_again(bus);
		return;
	}
	if (reading->question.status != REQUEST_DONE || !stand_read_answer(&stand, &reading->question, note, sizeof note))
		return;
	read_note(&noted, note, stand.start);
	if (noted.before != reading->gap.before || gap_end(&noted) != gap_end(&reading->gap))
		bus_prepare_again(bus); /* the consumer was lost again, and another instance noticed it first */
	else if (over)
		remove_reader(reading, bus);
	else if (!note_progress(intake, &stand))
		restart_reader(intake, bus);
}

bool reading_answered(struct intake *intake, struct bus *bus, struct request *request)
{
	struct gap_reading *reading = &intake->reading;
	if (request == &reading->removal) {
		reading->removing = false;
		reading->over =
			request->status == REQUEST_UNAVAILABLE || request->status == REQUEST_UNKNOWN ? reading->over : 0;
		natsMsg_Destroy(request->reply);
		request->reply = NULL;
		return true;
	}
	if (request != &reading->question)
		return false;
	reading->asking = false;
	take_answer(intake, bus);
	return true;
}
