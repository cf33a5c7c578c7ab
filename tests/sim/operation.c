/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

void operation_free(struct operation *operation)
{
	if (operation == NULL)
		return;
	free(operation->key);
	free(operation->id);
	free(operation->data);
	free(operation->snapshot.value);
	free(operation->lookup);
	free(operation);
}

static void arrive_load(struct world *world, struct operation *operation)
{
	const struct sim_entry *entry = sim_find(&world->broker, operation->key);
	if (entry == NULL)
		return;
	operation->snapshot = *entry;
	operation->snapshot.key = NULL;
	operation->snapshot.value = NULL;
	if (entry->value == NULL)
		return;
	operation->snapshot.value = malloc(entry->length + 1);
	if (operation->snapshot.value == NULL)
		abort();
	memcpy(operation->snapshot.value, entry->value, entry->length + 1);
}

/* The breakage that loses the times of a record. */
static void forget_due(struct operation *operation)
{
	struct record record;
	char why[64];
	struct text value = {0};
	if (record_decode(operation->data, operation->length, &record, why, sizeof why) != RECORD_TAKEN)
		return;
	record.status.due = 0;
	record_encode(&value, &record);
	record_clear(&record);
	free(operation->data);
	operation->length = value.length;
	operation->data = text_take(&value);
}

static void arrive_write(struct world *world, struct operation *operation)
{
	bool removed = operation->kind == OPERATION_REMOVE;
	const struct sim_entry *entry = sim_find(&world->broker, operation->key);
	uint64_t expected = operation->expected, before = world->broker.revision;
	char fresh[64];
	const char *id = operation->id;
	if (world_strikes(world, BREAK_WRITE_LOST)) {
		operation->sequence = before + 1000;
		return;
	}
	if (world->breakage == BREAK_CONDITION)
		expected = entry != NULL ? entry->revision : 0;
	if (world->breakage == BREAK_DUE_NOT_STORED && !removed)
		forget_due(operation);
	if (world->breakage == BREAK_WRITE_ID) {
		snprintf(fresh, sizeof fresh, "fresh-%llu", (unsigned long long)world->order);
		id = fresh;
	}
	if (world->breakage == BREAK_MARKER_FORGOTTEN)
		operation->tombstone = (struct tombstone){0};
	if (removed && world->breakage == BREAK_CLEAN_BACKDATED &&
	    operation->tombstone.begun == world_upload(world, operation->key)->cleaned)
		operation->tombstone.begun = 0;
	bool good = sim_write(&world->broker, operation->key, expected, id, removed ? NULL : operation->data,
	                      operation->length, &operation->tombstone, world->now, &operation->sequence);
	operation->duplicate = good && world->broker.revision == before;
	if (good && world->broker.revision != before)
		promises_of_write(world, operation->key, operation->data, operation->length,
		                  removed ? &operation->tombstone : NULL);
	if (!good && world->breakage == BREAK_WRITE_ID) {
		operation->sequence = entry != NULL ? entry->revision : 0;
	} else if (!good) {
		operation->status = REQUEST_REFUSED;
		operation->error = REQUEST_WRONG_LAST_SEQUENCE;
	}
}

/* A decision that is repeated on a record that fell back has the same numbers as before, and so the same ID. */
static bool speaks_of_hit(struct world *world, const char *message_id)
{
	char id[sizeof world->upload[0].id];
	snprintf(id, sizeof id, "%.*s", (int)strcspn(message_id, "."), message_id);
	const struct sim_upload *upload = world_upload(world, id);
	/* If the broker forgets, nobody knows either that a command was carried out. */
	bool obeyed = upload != NULL && upload->resumed && strstr(message_id, ".restart.") != NULL;
	return upload != NULL && (upload->hit || obeyed);
}

static void arrive_publish(struct world *world, struct operation *operation)
{
	bool duplicate;
	char fresh[64];
	const char *id = operation->id;
	if (world_strikes(world, BREAK_PUBLISH_LOST) ||
	    (world->breakage == BREAK_RESTART_LOST && strstr(operation->id, ".restart.") != NULL))
		return;
	if (world->breakage == BREAK_MESSAGE_ID) {
		snprintf(fresh, sizeof fresh, "fresh-%llu", (unsigned long long)world->order);
		id = fresh;
	}
	bool before = sim_has(&world->broker, id);
	operation->sequence = sim_publish(&world->broker, operation->data, operation->length, id, world->now, &duplicate);
	if (before && !duplicate && !speaks_of_hit(world, id))
		world_violated(world, "%s is published twice", id);
	if (!duplicate)
		actors_see(world, operation->sequence);
}

/* Whether storage was asked for an upload between two messages. */
static void arrive_restart(struct world *world, const struct operation *operation)
{
	struct lookup *lookup = operation->lookup;
	struct event event;
	char why[128];
	for (uint64_t sequence = lookup->after + 1; sequence < lookup->before && sequence <= world->broker.count;
	     sequence++) {
		const struct sim_message *message = &world->broker.message[sequence - 1];
		if (event_decode(message->data, message->length, NULL, 0, 0, true, &event, why, sizeof why) != EVENT_TAKEN)
			continue;
		if (event.type == EVENT_RESTART && strcmp(event.upload_id, operation->id) == 0)
			lookup->result = LOOKUP_PRESENT;
		event_clear(&event);
	}
	if (world->breakage == BREAK_REPEAT_ASKED)
		lookup->result = LOOKUP_PRESENT;
}

static void arrive_look(struct world *world, struct operation *operation)
{
	operation->lookup->result = LOOKUP_ABSENT;
	if (operation->lookup->before != 0) {
		arrive_restart(world, operation);
		return;
	}
	for (size_t i = 0; i < world->broker.count && world->breakage != BREAK_NO_LOOK; i++) {
		const struct sim_message *message = &world->broker.message[i];
		if (message->id != NULL && message->stored >= operation->lookup->since &&
		    strcmp(message->id, operation->id) == 0)
			operation->lookup->result = LOOKUP_PRESENT;
	}
}

void operation_arrives(struct world *world, const struct happening *happening)
{
	struct operation *operation = happening->operation;
	struct happening answer = *happening;
	answer.kind = HAPPEN_ANSWER;
	if (!world->broker_up && operation->kind == OPERATION_ANNOUNCE) {
		operation_free(operation);
		return;
	}
	if (!world->broker_up) {
		operation->status = REQUEST_UNKNOWN;
		world_plan(world, 5 * SECOND, &answer);
		return;
	}
	operation->status = REQUEST_DONE;
	world->arriving = happening;
	if (operation->kind == OPERATION_ANNOUNCE) {
		arrive_publish(world, operation);
		world->arriving = NULL;
		operation_free(operation);
		return;
	}
	if (operation->kind == OPERATION_LOAD)
		arrive_load(world, operation);
	else if (operation->kind == OPERATION_PUBLISH)
		arrive_publish(world, operation);
	else if (operation->kind == OPERATION_LOOK)
		arrive_look(world, operation);
	else
		arrive_write(world, operation);
	world->arriving = NULL;
	if (operation->lose_answer)
		operation->status = REQUEST_UNKNOWN;
	world_plan(world, operation->lose_answer ? 5 * SECOND : 1 + (nanos)world_random(world, 10 * (uint64_t)MILLISECOND),
	           &answer);
}
