/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/base/json_reader.h"
#include "core/jetstream/intake_private.h"
#include "core/jetstream/tombstones.h"

/* Consumers created by earlier versions. */
#define FORMER_ACK_WAIT (30 * SECOND)
#define FORMER_MAX_ACK_PENDING 20000
/* For an answer's texts: a description of ours, and a time. */
#define ROOM (4 * GAP_TEXT_SIZE)
/* Up to nats-server 2.10, a consumer's creation time becomes a little later when the broker restarts: the consumer
 * takes one time for itself, and then another one for its file. */
#define MADE_AGAIN SECOND
/* No tombstone is purged earlier. */
#define MEMORY (TOMBSTONE_AGE / 2)

void stand_read(struct stand *stand, const jsConsumerInfo *info)
{
	const jsConsumerConfig *config = info->Config;
	const char *description = config->Description != NULL ? config->Description : "";
	bool begins_new = config->DeliverPolicy == js_DeliverNew;
	*stand = (struct stand){
		.made = info->Created,
		.ours = strcmp(description, CONSUMER_OURS) == 0,
		.formerly_ours = !begins_new && description[0] == '\0' && config->AckWait == FORMER_ACK_WAIT &&
	                     config->MaxAckPending == FORMER_MAX_ACK_PENDING,
		.begins_new = begins_new,
		.start = config->OptStartSeq,
		.delivered = info->Delivered.Stream,
		.deliveries = info->Delivered.Consumer,
		.floor = info->AckFloor.Stream,
		.acknowledged = info->AckFloor.Consumer,
		.pending = info->NumPending,
		.unacknowledged = (uint64_t)info->NumAckPending,
	};
}

static uint64_t number(struct json_reader *reader, const struct json_value *value)
{
	int64_t number = json_reader_integer(reader, value);
	return number > 0 ? (uint64_t)number : 0;
}

/* Reads a position of a consumer: the stream sequence and the consumer sequence. */
static void read_place(struct json_reader *reader, const struct json_value *place, jsSequenceInfo *position)
{
	struct json_value stream, consumer;
	const struct json_member members[] = {{"stream_seq", &stream}, {"consumer_seq", &consumer}};
	json_reader_members(reader, place, members, JSON_COUNT(members));
	position->Stream = number(reader, &stream);
	position->Consumer = number(reader, &consumer);
}

/* A description that does not fit is not ours. */
static void read_config(struct json_reader *reader, const struct json_value *value, jsConsumerConfig *config,
                        char *description, size_t size)
{
	struct json_value words, policy, start, ack_wait, most;
	const struct json_member members[] = {{"description", &words},
	                                      {"deliver_policy", &policy},
	                                      {"opt_start_seq", &start},
	                                      {"ack_wait", &ack_wait},
	                                      {"max_ack_pending", &most}};
	json_reader_members(reader, value, members, JSON_COUNT(members));
	snprintf(description, size, "%s", words.length <= size ? json_reader_string(reader, &words) : "?");
	*config = (jsConsumerConfig){
		.Description = description,
		.DeliverPolicy = json_says(&policy, "new") ? js_DeliverNew : js_DeliverAll,
		.OptStartSeq = number(reader, &start),
		.AckWait = json_reader_integer(reader, &ack_wait),
		.MaxAckPending = json_reader_integer(reader, &most),
	};
}

bool stand_read_answer(struct stand *stand, struct request *request, char *description, size_t size)
{
	char room[ROOM];
	struct json_reader reader = {.room = room, .left = sizeof room};
	struct json_value created, config, delivered, floor, pending, unacknowledged;
	const struct json_member members[] = {{"config", &config},
	                                      {"created", &created},
	                                      {"delivered", &delivered},
	                                      {"ack_floor", &floor},
	                                      {"num_ack_pending", &unacknowledged},
	                                      {"num_pending", &pending}};
	jsConsumerConfig read;
	jsConsumerInfo info = {.Config = &read};
	bool good = json_read(natsMsg_GetData(request->reply), (size_t)natsMsg_GetDataLength(request->reply), members,
	                      JSON_COUNT(members), NULL, 0);
	read_config(&reader, &config, &read, description, size);
	read_place(&reader, &delivered, &info.Delivered);
	read_place(&reader, &floor, &info.AckFloor);
	info.NumPending = number(&reader, &pending);
	info.NumAckPending = (int64_t)number(&reader, &unacknowledged);
	good = good && time_parse(json_reader_string(&reader, &created), &info.Created) && reader.wrong == NULL;
	stand_read(stand, &info);
	natsMsg_Destroy(request->reply);
	request->reply = NULL;
	return good;
}

bool stand_is_fresh(const struct stand *stand, uint64_t last)
{
	return stand->deliveries != UINT64_MAX && stand->delivered >= last;
}

bool stand_is_at_rest(const struct stand *stand)
{
	return stand->pending == 0 && stand->unacknowledged == 0 && stand->acknowledged > 0 &&
	       stand->floor == stand->delivered;
}

bool checkpoint_is_recent(const struct checkpoint *known)
{
	return clock_now() - known->looked < MEMORY;
}

/* A consumer that we have not seen before. */
static bool is_strange(const struct stand *stand, const struct checkpoint *known)
{
	/* The instance that created it started it after the processed events, or handled the gap before it. */
	if (stand->ours || (known->made != 0 && stand->start > 0))
		return false;
	if (stand->acknowledged == 0)
		return (known->sequence > 0 || known->made != 0) && stand->start <= known->sequence;
	/* Whoever uses it need not know of the gap: a service that has just created it, or an instance that did not notice.
	 * Events that were processed meanwhile are delivered twice, and recognised by their records. */
	return stand->begins_new && known->made != 0 && checkpoint_is_recent(known);
}

bool stand_is_known(const struct stand *stand, const struct checkpoint *known)
{
	int64_t later = stand->made - known->made;
	bool restarted = known->made != 0 && later > 0 && later < MADE_AGAIN;
	bool goes_on = known->count > 0 && stand->acknowledged >= known->count;
	return later == 0 || (restarted && (stand->ours || goes_on));
}

/* A consumer without acknowledgements would deliver everything again or, if it starts with new messages, skip
 * unprocessed ones. If it has been used since, both numbers show the loss: both are lower in a slightly older state. */
bool stand_has_forgotten(const struct stand *stand, const struct checkpoint *known)
{
	if (!stand_is_known(stand, known))
		return is_strange(stand, known);
	if (stand->acknowledged >= known->count)
		return stand->begins_new && stand->deliveries == 0 && known->floor > 0 && stand->delivered > known->floor;
	if (stand->acknowledged == 0)
		return stand->begins_new || stand->start <= known->sequence;
	return stand->floor > known->floor && checkpoint_is_recent(known);
}

struct checkpoint stand_to_checkpoint(const struct stand *stand, const struct checkpoint *known, uint64_t gap_end)
{
	struct checkpoint seen = {
		.gap_end = gap_end, .made = stand->made, .floor = stand->floor, .count = stand->acknowledged};
	if (stand->acknowledged == 0 && stand->deliveries == 0)
		seen.floor = stand->delivered; /* everything before it belongs to the gap or is processed */
	else if (stand->acknowledged == 0)
		seen.floor = stand_is_known(stand, known) ? known->floor : gap_end;
	return seen;
}

/* After nats-server (2.9.10) was killed, the floor may not advance while any message is unacknowledged. Therefore
 * unacknowledged messages are counted: all of them may be beyond the end. */
bool stand_is_behind_gap(const struct stand *stand, const struct gap *gap, bool whole)
{
	uint64_t end = gap_end(gap);
	bool passed = stand->acknowledged > 0 && stand->floor >= end;
	bool all_beyond = stand->delivered >= end &&
	                  (whole ? stand->unacknowledged == stand->delivered - end : stand->unacknowledged == 0);
	return passed || all_beyond;
}
