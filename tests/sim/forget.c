/* SPDX-License-Identifier: Apache-2.0
 * A broker that forgets what it has acknowledged. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

/* The owner of a record; "" for a marker. */
static void read_owner(const struct sim_entry *entry, char owner[OWNER_LIMIT])
{
	struct record record;
	char why[128];
	owner[0] = '\0';
	if (entry->value == NULL || record_decode(entry->value, entry->length, &record, why, sizeof why) != RECORD_TAKEN)
		return;
	memcpy(owner, record.owner, OWNER_LIMIT);
	record_clear(&record);
}

/* Somebody notices that the upload does not go on. */
static void begin_again(struct world *world, struct sim_upload *upload)
{
	upload->missed_by = 0;
	if (!upload->confirmed && upload->cleaned == 0)
		world_plan(world, MINUTE,
		           &(struct happening){.kind = HAPPEN_UPLOAD, .upload = (size_t)(upload - world->upload)});
}

/* How far the last record of a key falls back: by one write or more, perhaps to nothing. Never to a record of
 * another owner: that owner has left the upload to the last one and forgotten it, and the last one would believe
 * that the other has it again. */
static void fall_back(struct world *world, struct sim_entry *entry, const char *owner)
{
	char other[OWNER_LIMIT];
	bool whole = world_maybe(world, 50);
	const struct sim_broker *broker = &world->broker;
	size_t entries = broker->entries;
	do {
		sim_forget(&world->broker, entry);
		if (broker->entries == entries)
			read_owner(entry, other);
	} while (broker->entries == entries &&
	         (whole || world_maybe(world, 30) || (owner[0] != '\0' && strcmp(owner, other) != 0)));
}

void forget_happens(struct world *world)
{
	char owner[OWNER_LIMIT];
	if (world->broker.entries == 0)
		return;
	struct sim_entry *entry = &world->broker.entry[world_random(world, world->broker.entries)];
	struct sim_upload *upload = world_upload(world, entry->key);
	read_owner(entry, owner);
	fall_back(world, entry, owner);
	upload->hit = true;
	world_trace(world, "the broker forgets of %s, which %s looked after", upload->id, owner);
	for (size_t i = 0; i < world->instances && owner[0] != '\0'; i++)
		if (strcmp(world->instance[i].owner, owner) == 0)
			upload->missed_by = i + 1;
	if (upload->missed_by != 0 && world->instance[upload->missed_by - 1].coordinator == NULL)
		begin_again(world, upload);
}

void forget_died(struct world *world, size_t instance)
{
	for (size_t i = 0; i < SIM_UPLOADS; i++)
		if (world->upload[i].missed_by == instance + 1)
			begin_again(world, &world->upload[i]);
}

static void lose_consumer(struct world *world)
{
	struct sim_broker *broker = &world->broker;
	sim_lose_consumer(broker);
	world_trace(world, "the consumer is lost, and begins again behind %zu", broker->count);
	for (size_t i = 0; i < SIM_UPLOADS; i++) {
		struct sim_upload *upload = &world->upload[i];
		if (upload->begun == 0 || !gap_has(&broker->gap, upload->begun))
			continue;
		upload->lost = true;
		/* While its event is not read yet. */
		if (!upload->present && !upload->removed && !upload->hit)
			world_plan(world, 1 + (nanos)world_random(world, (uint64_t)SECOND),
			           &(struct happening){.kind = HAPPEN_ASK, .upload = i});
	}
	if (world->breakage == BREAK_GAP_FORGOTTEN)
		for (uint64_t i = 1; i <= broker->count; i++)
			broker->message[i - 1].acknowledged = true;
}

void forget_consumer(struct world *world)
{
	if (world->broker.gap.count == 0 || world_maybe(world, 70)) {
		lose_consumer(world);
	} else {
		world_trace(world, "the gap's reader has lost how far it had got");
		sim_lose_reader(&world->broker);
	}
}
