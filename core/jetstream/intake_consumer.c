/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/jetstream/intake_private.h"
#include "core/jetstream/stream_tail.h"
#include "core/nats/bus_connect.h"

/* The assumed maximum difference between our clock and the broker's. */
#define SKEW (2 * MINUTE)
/* In a cluster a new leader may have to catch up. */
#define AHEAD_TIMEOUT (5 * SECOND)
/* When it starts, the other implementation sets the first to a minute, and the second to the same value as ours. With
 * half a minute, the events of a dead instance are redelivered sooner. */
#define CONSUMER_ACK_WAIT (30 * SECOND)
#define CONSUMER_MAX_ACK_PENDING 10000
/* Other instances may do the same concurrently. */
#define ATTEMPTS 4
/* If the process was stopped for longer than this after looking, it looks again before it deletes anything. */
#define LOOK_LIMIT (3 * SECOND)
/* The durable consumer of older releases of the other implementation, whose position is adopted. */
#define OLDER_CONSUMER "postprocessing"

/* What to do with our consumer. */
enum fate {
	FATE_GOOD,
	FATE_SKIPS,   /* it has lost its position but continues with new messages: keep it and read the gap */
	FATE_USELESS, /* it must be replaced */
	FATE_MISSING
};

/* The observed state, and the planned one. */
struct view {
	nanos looked; /* when it was observed (monotonic) */
	struct checkpoint known;
	enum fate fate;
	const char *because; /* why the consumer is not good; "": no error */
	struct stand stand;  /* of the consumer, unless it is missing */
	bool reader;         /* there is one … */
	struct gap noted;    /* … for this gap … */
	struct stand reader_stand;
	struct gap gap; /* … which is to be for this one */
};

enum settled { SETTLED, NOT_SETTLED, OTHERS_WERE_FASTER };

static enum settled failed(const char *consumer, natsStatus status, jsErrCode code, char *why, size_t size)
{
	char reason[BUS_REASON_SIZE];
	snprintf(why, size, "consumer %s: %s", consumer, bus_reason(status, code, reason));
	return NOT_SETTLED;
}

/* Another service may have created the consumer with its own limits. */
static void take_facts(struct intake *intake, const jsConsumerInfo *info)
{
	int64_t most = info->Config->MaxAckPending;
	atomic_store(&intake->ack_wait, info->Config->AckWait);
	atomic_store(&intake->pending, most > 0 ? (uint64_t)most : UINT64_MAX);
	atomic_store(&intake->behind, info->NumPending > 0);
	pull_take_limits(&intake->pull, info->Config);
}

/* Detects that the consumer is ahead of its stream. In that case the broker has lost the end of the stream but not the
 * consumer's state, for example in a power failure. New messages then get numbers that the consumer has already
 * passed. */
static void note_ahead(struct intake *intake, jsCtx *js, const jsConsumerInfo *consumer)
{
	jsStreamInfo *info = NULL;
	uint64_t delivered = consumer->Delivered.Stream;
	/* More messages may have been stored since the last query. */
	bool ahead = delivered > atomic_load(&intake->last) &&
	             js_GetStreamInfo(&info, js, INTAKE_STREAM, NULL, NULL) == NATS_OK && delivered > info->State.LastSeq;
	if (!ahead) {
		intake->ahead_since = 0;
	} else if (intake->ahead_since == 0) {
		intake->ahead_since = clock_monotonic();
		intake->ahead_of = info->State.LastSeq;
	}
	jsStreamInfo_Destroy(info);
}

/* Whether another instance has already handled what this one finds now. */
static bool is_seen_to(const struct view *view)
{
	return view->reader && view->noted.before == view->stand.made && gap_end(&view->noted) != GAP_WITHOUT_END &&
	       view->known.floor <= gap_end(&view->noted);
}

static bool is_to_be_replaced(const struct intake *intake, const struct stand *stand)
{
	return atomic_load(&intake->replace) && stand->formerly_ours && stand_is_at_rest(stand);
}

/* False: the consumer is ahead of its stream, perhaps only briefly. */
static bool find_fate(struct intake *intake, struct view *view)
{
	const struct stand *stand = &view->stand;
	bool forgotten = view->fate != FATE_MISSING && stand_has_forgotten(stand, &view->known) && !is_seen_to(view);
	/* Otherwise it might skip more messages, or deliver everything again. */
	bool stays = stand->begins_new && stand_is_fresh(stand, view->known.floor);
	if (view->fate == FATE_MISSING) {
		view->because = "";
	} else if (forgotten) {
		view->fate = stays ? FATE_SKIPS : FATE_USELESS;
		view->because = stand_is_known(stand, &view->known) ? "the broker has lost its position"
		                                                    : "another program has created it again";
	} else if (intake->ahead_since != 0) {
		if (clock_monotonic() - intake->ahead_since < AHEAD_TIMEOUT)
			return false;
		intake->ahead_since = 0;
		atomic_store(&intake->lost_from, intake->ahead_of + 1);
		view->fate = FATE_USELESS;
		view->because = "the stream has lost the last events that it delivered";
	} else if (is_to_be_replaced(intake, stand)) {
		view->fate = FATE_USELESS;
		view->because = "";
		view->known.floor = stand->floor;
	}
	return true;
}

/* Whether the configuration of the consumer is usable. */
static bool is_usable(const struct intake *intake, const jsConsumerInfo *info, char *why, size_t size)
{
	if (info->Config->DeliverSubject == NULL && info->Config->AckPolicy == js_AckExplicit && !info->Config->HeadersOnly)
		return true;
	snprintf(why, size,
	         "consumer %s is not a pull consumer of whole messages with explicit acknowledgements: set "
	         "[events] consumer to another name",
	         intake->consumer);
	return false;
}

/* Creates the reader again for the part of the gap that is not certainly processed. If this fails, the gap is still
 * remembered. */
static void restart_reader(struct intake *intake, jsCtx *js, struct view *view)
{
	bool there;
	jsErrCode code = 0;
	struct gap rest = view->noted;
	if (view->reader_stand.acknowledged > 0)
		gap_skip(&rest, view->reader_stand.floor);
	if (rest.count == 0 || gap_end(&rest) == GAP_WITHOUT_END ||
	    consumer_remove(js, reader_name(intake), &code) != NATS_OK)
		return;
	view->noted = rest;
	view->reader = reader_make(intake, js, &rest, &there, &code) == NATS_OK;
	view->reader_stand = (struct stand){.delivered = rest.range[0].first - 1};
}

static enum settled look(struct intake *intake, jsCtx *js, struct view *view, char *why, size_t size)
{
	jsConsumerInfo *info = NULL;
	jsErrCode code = 0;
	*view = (struct view){.looked = clock_monotonic(), .known = shared_checkpoint_get(&intake->applied)};
	natsStatus status = js_GetConsumerInfo(&info, js, INTAKE_STREAM, intake->consumer, NULL, &code);
	bool usable = status != NATS_OK || is_usable(intake, info, why, size);
	if (status == NATS_OK && usable) {
		take_facts(intake, info);
		stand_read(&view->stand, info);
		note_ahead(intake, js, info);
	}
	jsConsumerInfo_Destroy(info);
	if (!usable)
		return NOT_SETTLED;
	if (status != NATS_OK && status != NATS_NOT_FOUND)
		return failed(intake->consumer, status, code, why, size);
	view->fate = status == NATS_OK ? FATE_GOOD : FATE_MISSING;
	status = reader_find(intake, js, &view->noted, &view->reader_stand, &code);
	if (status != NATS_OK && status != NATS_NOT_FOUND)
		return failed(reader_name(intake), status, code, why, size);
	view->reader = status == NATS_OK;
	if (view->reader && atomic_exchange(&intake->restart, false))
		restart_reader(intake, js, view);
	if (find_fate(intake, view))
		return SETTLED;
	snprintf(why, size, "consumer %s has delivered more events than the stream holds", intake->consumer);
	return NOT_SETTLED;
}

/* The first message that the consumer has to deliver, if it is created or has skipped messages. */
struct start {
	uint64_t sequence;
	const char *because;
};

static natsStatus find_start(struct intake *intake, jsCtx *js, const struct checkpoint *known, struct start *start)
{
	uint64_t limit = atomic_load(&intake->last) + 1;
	jsConsumerInfo *older = NULL;
	*start = (struct start){.sequence = 1, .because = "at the stream's first message"};
	if (known->floor > 0 || known->sequence > 0) {
		uint64_t last = known->floor > known->sequence ? known->floor : known->sequence;
		*start = (struct start){last + 1, "after the last processed event"};
	} else if (known->noted > SKEW) {
		/* Sequences are meaningless after the broker went back in time. */
		start->because = "with the events received since the last one was processed";
		return bus_find_since(js, INTAKE_STREAM, intake->first > 0 ? intake->first : 1, limit, known->noted - SKEW,
		                      &start->sequence);
	} else if (strcmp(intake->consumer, OLDER_CONSUMER) != 0 &&
	           js_GetConsumerInfo(&older, js, INTAKE_STREAM, OLDER_CONSUMER, NULL, NULL) == NATS_OK) {
		*start = (struct start){older->AckFloor.Stream + 1, "at the position of " OLDER_CONSUMER};
	}
	jsConsumerInfo_Destroy(older);
	return NATS_OK;
}

/* The gap as last known, if the reader has disappeared, probably before reading everything. */
static void recall_gap(struct intake *intake, struct view *view)
{
	pthread_mutex_lock(&intake->gap_lock);
	if (intake->gap.count > 0 && !intake->gap_is_read)
		view->gap = intake->gap;
	pthread_mutex_unlock(&intake->gap_lock);
	if (view->gap.count > 0)
		return;
	view->gap.before = view->known.made;
	gap_add(&view->gap, view->known.sequence + 1);
	gap_close(&view->gap, view->known.gap_end, view->known.made);
}

/* Adds everything after its end, or after the position of the consumer behind it, if known. */
static void extend_gap(struct view *view)
{
	const struct checkpoint *known = &view->known;
	uint64_t end = gap_end(&view->gap);
	if (end != GAP_WITHOUT_END)
		gap_add(&view->gap, (known->made == view->gap.before && known->floor > end ? known->floor : end) + 1);
}

/* Determines the gap that the reader has to read, without its end. */
static natsStatus find_gap(struct intake *intake, jsCtx *js, struct view *view, struct start *start)
{
	const struct checkpoint *known = &view->known;
	const struct stand *stand = &view->stand;
	bool good = view->fate == FATE_GOOD;
	natsStatus status = good ? NATS_OK : find_start(intake, js, known, start);
	if (view->reader)
		view->gap = view->noted;
	else if (known->gap_end > 0 && checkpoint_is_recent(known))
		recall_gap(intake, view);
	struct gap *gap = &view->gap;
	if (gap->count == 0 && !good)
		gap_add(gap, start->sequence);
	else if (gap->count > 0 &&
	         (!good || gap->before != stand->made || (stand->deliveries == 0 && stand->delivered > gap_end(gap))))
		extend_gap(view);
	if (known->gap_end > 0)
		gap_skip(gap, known->sequence);
	return status;
}

/* Stores the gap in the reader's description. */
static enum settled note_gap(struct intake *intake, jsCtx *js, struct view *view, char *why, size_t size)
{
	jsErrCode code = 0;
	bool there = false, same = gap_equals(&view->gap, &view->noted);
	natsStatus status = NATS_OK;
	if (view->gap.count == 0 && view->reader)
		status = consumer_remove(js, reader_name(intake), &code);
	else if (view->gap.count > 0 && view->reader && !same)
		status = reader_note(intake, js, &view->gap, &code);
	/* Or another instance that had processed the gap has removed the reader. */
	if (view->gap.count > 0 && (!view->reader || status == NATS_NOT_FOUND))
		status = reader_make(intake, js, &view->gap, &there, &code);
	if (there)
		return OTHERS_WERE_FASTER;
	if (status != NATS_OK)
		return failed(reader_name(intake), status, code, why, size);
	view->reader = view->gap.count > 0;
	view->noted = view->gap;
	return SETTLED;
}

natsStatus consumer_make(struct intake *intake, jsCtx *js, jsConsumerConfig *config, struct stand *stand,
                         jsErrCode *code)
{
	jsConsumerInfo *info = NULL;
	config->AckPolicy = js_AckExplicit;
	natsStatus status = js_AddConsumer(&info, js, INTAKE_STREAM, config, NULL, code);
	/* nats-server 2.15 makes none where files of a former one are torn. What it forgets of this one at its next start
	 * is known from what was applied. */
	if (status != NATS_OK && *code == CONSUMER_NOT_MADE) {
		config->MemoryStorage = true;
		status = js_AddConsumer(&info, js, INTAKE_STREAM, config, NULL, code);
		if (status == NATS_OK)
			log_warning(intake->log,
			            "consumer %s: the broker cannot store it on disk (its log says why) and keeps it "
			            "in memory until the broker restarts",
			            config->Durable);
	}
	if (status == NATS_OK)
		stand_read(stand, info);
	if (status == NATS_OK && strcmp(config->Durable, intake->consumer) == 0)
		take_facts(intake, info);
	jsConsumerInfo_Destroy(info);
	return status;
}

natsStatus consumer_remove(jsCtx *js, const char *name, jsErrCode *code)
{
	natsStatus status = js_DeleteConsumer(js, INTAKE_STREAM, name, NULL, code);
	return status == NATS_NOT_FOUND ? NATS_OK : status;
}

static natsStatus make_once(struct intake *intake, jsCtx *js, struct stand *stand, jsErrCode *code)
{
	jsConsumerConfig config = {
		.Durable = intake->consumer,
		.Description = CONSUMER_OURS,
		.AckWait = CONSUMER_ACK_WAIT,
		.MaxAckPending = CONSUMER_MAX_ACK_PENDING,
		.DeliverPolicy = js_DeliverNew,
	};
	return consumer_make(intake, js, &config, stand, code);
}

static enum settled make_consumer(struct intake *intake, jsCtx *js, struct view *view, const struct start *start,
                                  char *why, size_t size)
{
	jsErrCode code = 0;
	natsStatus status = make_once(intake, js, &view->stand, &code);
	bool left = status == NATS_OK && !stand_is_fresh(&view->stand, atomic_load(&intake->last));
	if (left)
		status = consumer_remove(js, intake->consumer, &code);
	if (left && status == NATS_OK)
		status = make_once(intake, js, &view->stand, &code);
	if (status != NATS_OK)
		return failed(intake->consumer, status, code, why, size);
	log_info(intake->log, "consumer %s: created; it starts %s", intake->consumer, start->because);
	return SETTLED;
}

static enum settled remove_consumer(struct intake *intake, jsCtx *js, const struct view *view, char *why, size_t size)
{
	jsErrCode code = 0;
	/* It may be a different consumer by now. */
	if (clock_monotonic() - view->looked > LOOK_LIMIT)
		return OTHERS_WERE_FASTER;
	natsStatus status = consumer_remove(js, intake->consumer, &code);
	return status == NATS_OK ? SETTLED : failed(intake->consumer, status, code, why, size);
}

/* The order makes sure that another instance finds everything that has to be read, wherever this one dies: the gap is
 * stored in the reader before the consumer behind it is created. */
static enum settled mend_consumer(struct intake *intake, jsCtx *js, struct view *view, const struct start *start,
                                  char *why, size_t size)
{
	enum settled settled = note_gap(intake, js, view, why, size);
	if (settled == SETTLED && view->because[0] != '\0')
		log_warning(intake->log, "consumer %s: %s", intake->consumer, view->because);
	if (settled == SETTLED && view->fate == FATE_USELESS)
		settled = remove_consumer(intake, js, view, why, size);
	if (settled == SETTLED && view->fate != FATE_SKIPS)
		settled = make_consumer(intake, js, view, start, why, size);
	else if (settled == SETTLED)
		log_info(intake->log, "consumer %s: reading the events that it skipped; it starts %s", intake->consumer,
		         start->because);
	return settled;
}

/* This may be the case at each start until it is fixed, or permanently. */
static void report_policy(struct intake *intake, const struct stand *stand)
{
	if (stand->begins_new || intake->policy_said)
		return;
	intake->policy_said = true;
	log_info(intake->log, "consumer %s: its deliver_policy is not \"new\", which OpenCloud's own service requires. %s",
	         intake->consumer,
	         stand->formerly_ours ? "It is replaced when it is idle and no instance of an earlier version runs"
	                              : "It is used as it is; to replace it, delete it while this service runs (no event "
	                                "is lost)");
}

/* Passes the new state to the receiver. */
static void share(struct intake *intake, const struct view *view)
{
	const struct stand *stand = &view->stand;
	const struct gap *gap = &view->gap;
	uint64_t end = gap_end(gap), last = atomic_load(&intake->last);
	bool whole = atomic_load(&intake->whole);
	bool is_read = view->reader && stand_is_behind_gap(&view->reader_stand, gap, whole);
	struct checkpoint seen = stand_to_checkpoint(stand, &view->known, is_read ? 0 : end);
	if (last < end) /* the messages of the gap are older than the connection */
		atomic_store(&intake->last, end);
	pthread_mutex_lock(&intake->gap_lock);
	intake->gap = *gap;
	intake->gap_is_read = is_read;
	pthread_mutex_unlock(&intake->gap_lock);
	shared_checkpoint_look(&intake->applied, &seen);
}

static enum settled settle(struct intake *intake, jsCtx *js, struct view *view, char *why, size_t size)
{
	struct start start = {0};
	bool good = view->fate == FATE_GOOD;
	natsStatus status = find_gap(intake, js, view, &start);
	if (status != NATS_OK)
		return failed(intake->consumer, status, 0, why, size);
	enum settled settled = good ? SETTLED : mend_consumer(intake, js, view, &start, why, size);
	if (settled != SETTLED)
		return settled;
	gap_close(&view->gap, view->stand.delivered, view->stand.made);
	settled = note_gap(intake, js, view, why, size);
	if (settled != SETTLED)
		return settled;
	if (!good && view->gap.count > 0)
		log_info(intake->log,
		         "consumer %s: events from %" PRIu64 " to %" PRIu64 ", which it does not deliver, are "
		         "read separately",
		         intake->consumer, view->gap.range[0].first, gap_end(&view->gap));
	report_policy(intake, &view->stand);
	share(intake, view);
	return SETTLED;
}

bool intake_prepare_consumer(struct intake *intake, jsCtx *js, char *why, size_t size)
{
	struct view view;
	enum settled settled = OTHERS_WERE_FASTER;
	for (unsigned i = 0; i < ATTEMPTS && settled == OTHERS_WERE_FASTER; i++) {
		settled = look(intake, js, &view, why, size);
		if (settled == SETTLED)
			settled = settle(intake, js, &view, why, size);
	}
	if (settled == OTHERS_WERE_FASTER)
		snprintf(why, size, "consumer %s: other instances keep changing it", intake->consumer);
	return settled == SETTLED;
}
