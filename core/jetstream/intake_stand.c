/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/jetstream/intake_private.h"
#include "core/jetstream/tombstones.h"

/* What earlier versions made. */
#define FORMER_ACK_WAIT (30 * SECOND)
#define FORMER_MAX_ACK_PENDING 20000
/* No deletion marker is cleared away before. */
#define MEMORY (TOMBSTONE_AGE / 2)

static bool is_former(const char *description, int64_t ack_wait, int64_t max_ack_pending)
{
	return description[0] == '\0' && ack_wait == FORMER_ACK_WAIT && max_ack_pending == FORMER_MAX_ACK_PENDING;
}

void stand_read(struct stand *stand, const jsConsumerInfo *info)
{
	const jsConsumerConfig *config = info->Config;
	const char *description = config->Description != NULL ? config->Description : "";
	bool begins_new = config->DeliverPolicy == js_DeliverNew;
	*stand = (struct stand){
		.made = info->Created,
		.ours = strcmp(description, CONSUMER_OURS) == 0,
		.formerly_ours = !begins_new && is_former(description, config->AckWait, config->MaxAckPending),
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

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));
	return value > 0 ? (uint64_t)value : 0;
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value != NULL ? value : "";
}

bool stand_read_answer(struct stand *stand, struct request *request, char *description, size_t size)
{
	json_t *answer = json_loadb(natsMsg_GetData(request->reply), (size_t)natsMsg_GetDataLength(request->reply), 0, NULL);
	const json_t *config = json_object_get(answer, "config"), *delivered = json_object_get(answer, "delivered"),
	             *floor = json_object_get(answer, "ack_floor");
	bool begins_new = strcmp(text(config, "deliver_policy"), "new") == 0;
	snprintf(description, size, "%s", text(config, "description"));
	*stand = (struct stand){
		.ours = strcmp(description, CONSUMER_OURS) == 0,
		.formerly_ours = !begins_new && is_former(description, (int64_t)number(config, "ack_wait"), (int64_t)number(config, "max_ack_pending")),
		.begins_new = begins_new,
		.start = number(config, "opt_start_seq"),
		.delivered = number(delivered, "stream_seq"),
		.deliveries = number(delivered, "consumer_seq"),
		.floor = number(floor, "stream_seq"),
		.acknowledged = number(floor, "consumer_seq"),
		.pending = number(answer, "num_pending"),
		.unacknowledged = number(answer, "num_ack_pending"),
	};
	bool good = time_parse(text(answer, "created"), &stand->made);
	json_decref(answer);
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
	return stand->pending == 0 && stand->unacknowledged == 0 && stand->acknowledged > 0 && stand->floor == stand->delivered;
}

bool checkpoint_is_recent(const struct checkpoint *known)
{
	return clock_now() - known->looked < MEMORY;
}

/* One that we have not seen before. */
static bool is_strange(const struct stand *stand, const struct checkpoint *known)
{
	/* Whoever of us made it, made it behind what was applied, or saw to the gap before it. */
	if (stand->ours || (known->made != 0 && stand->start > 0))
		return false;
	return (known->sequence > 0 || known->made != 0) && stand->acknowledged == 0 && stand->start <= known->sequence;
}

/* One that has acknowledged nothing would bring everything again, or, if it begins with what is new, skip what was not taken yet.
 * With one that somebody has used since, both numbers tell: a state that is only a little old has both of them lower. */
bool stand_has_forgotten(const struct stand *stand, const struct checkpoint *known)
{
	if (known->made != stand->made)
		return is_strange(stand, known);
	if (stand->acknowledged >= known->count)
		return stand->begins_new && stand->deliveries == 0 && known->floor > 0 && stand->delivered > known->floor;
	if (stand->acknowledged == 0)
		return stand->begins_new || stand->start <= known->sequence;
	return stand->floor > known->floor && checkpoint_is_recent(known);
}

struct checkpoint stand_to_checkpoint(const struct stand *stand, const struct checkpoint *known, uint64_t gap_end)
{
	struct checkpoint seen = {.gap_end = gap_end, .made = stand->made, .floor = stand->floor, .count = stand->acknowledged};
	if (stand->acknowledged == 0 && stand->deliveries == 0)
		seen.floor = stand->delivered; /* all before it is the gap's, or was done with */
	else if (stand->acknowledged == 0)
		seen.floor = known->made == stand->made ? known->floor : gap_end;
	return seen;
}

/* A floor may stay where it is as long as anything is unacknowledged, once nats-server (2.9.10) has been killed; so what is
 * unacknowledged is counted: all of it may be from beyond the end. */
bool stand_is_behind_gap(const struct stand *stand, const struct gap *gap, bool whole)
{
	uint64_t end = gap_end(gap);
	bool passed = stand->acknowledged > 0 && stand->floor >= end;
	bool all_beyond = stand->delivered >= end && (whole ? stand->unacknowledged == stand->delivered - end : stand->unacknowledged == 0);
	return passed || all_beyond;
}
