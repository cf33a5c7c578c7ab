/* SPDX-License-Identifier: Apache-2.0
 * What a coordinator asks of its world. Each request takes a while, may be lost, and the instance may die meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define REQUEST_TIMEOUT (5 * SECOND)

/* The closure of an instance's ports. */
struct reach {
	struct world *world;
	size_t number;
};

static struct reach reaches[SIM_INSTANCES];

static char *duplicate(const char *text)
{
	char *copy = text != NULL ? strdup(text) : NULL;
	if (text != NULL && copy == NULL)
		abort();
	return copy;
}

/* An instance may die in every port call; from then on it does nothing. */
static bool dies_here(struct instance *instance)
{
	if (!instance->dying && instance->calls_to_death >= 0 && instance->calls_to_death-- == 0)
		instance->dying = true;
	return instance->dying;
}

static void send(struct reach *reach, struct request *request, const struct operation *operation)
{
	struct world *world = reach->world;
	struct instance *instance = &world->instance[reach->number];
	struct operation *sent = malloc(sizeof *sent);
	if (sent == NULL)
		abort();
	*sent = *operation;
	struct happening happening = {
		.instance = reach->number, .life = instance->life, .request = request, .operation = sent};
	if (dies_here(instance)) {
		operation_free(sent);
		return;
	}
	bool lost = world_chance(world, 4);
	if (!world->broker_up || lost) {
		sent->status = world->broker_up ? REQUEST_UNKNOWN : REQUEST_UNAVAILABLE;
		happening.kind = HAPPEN_ANSWER;
		world_plan(world, world->broker_up ? REQUEST_TIMEOUT : MILLISECOND, &happening);
		return;
	}
	sent->lose_answer = world_chance(world, 4);
	happening.kind = HAPPEN_ARRIVE;
	nanos slow = world_chance(world, 2) ? 4 * SECOND : 10 * MILLISECOND;
	world_plan(world, 1 + (nanos)world_random(world, (uint64_t)slow), &happening);
}

static void port_load(void *closure, struct request *request, const char *id)
{
	send(closure, request, &(struct operation){.kind = OPERATION_LOAD, .key = duplicate(id)});
}

bool sim_decode(struct world *world, size_t instance, const struct sim_entry *entry, struct record *record)
{
	char why[128];
	if (record_decode(entry->value, entry->length, record, why, sizeof why) != RECORD_TAKEN) {
		world_violated(world, "a record cannot be read: %s", why);
		return false;
	}
	world_upload(world, record->upload->id)->shown[instance] = world->now;
	if (world->breakage == BREAK_STEP_SKIPPED && record->status.step < record->upload->step_count)
		record->status.step++;
	return true;
}

static enum loaded port_read(void *closure, struct request *request, struct loaded_entry *entry)
{
	struct reach *reach = closure;
	const struct operation *operation = reach->world->answering;
	*entry = (struct loaded_entry){0};
	if (request->status != REQUEST_DONE)
		return LOADED_FAILED;
	const struct sim_entry *snapshot = &operation->snapshot;
	entry->revision = snapshot->revision;
	entry->tombstone = snapshot->tombstone;
	if (snapshot->value == NULL)
		return LOADED_NOTHING;
	return sim_decode(reach->world, reach->number, snapshot, &entry->record) ? LOADED_RECORD : LOADED_BROKEN;
}

static void port_put(void *closure, struct request *request, const char *id, uint64_t expected, const char *message_id,
                     const char *value, size_t length)
{
	struct reach *reach = closure;
	promises_of_put(reach->world, reach->number, id);
	send(closure, request,
	     &(struct operation){.kind = OPERATION_PUT,
	                         .key = duplicate(id),
	                         .id = duplicate(message_id),
	                         .expected = expected,
	                         .data = sim_copy(value, length),
	                         .length = length});
}

static void port_remove(void *closure, struct request *request, const char *id, uint64_t expected,
                        const char *message_id, const struct tombstone *tombstone)
{
	send(closure, request,
	     &(struct operation){.kind = OPERATION_REMOVE,
	                         .key = duplicate(id),
	                         .id = duplicate(message_id),
	                         .expected = expected,
	                         .tombstone = *tombstone});
}

/* Perhaps no instance receives it, and some receive it late. */
static void port_announce_gone(void *closure, const char *id)
{
	struct reach *reach = closure;
	struct world *world = reach->world;
	struct sim_upload *upload = world_upload(world, id);
	if (dies_here(&world->instance[reach->number]))
		return;
	for (size_t i = 0; i < world->instances && world->broker_up; i++)
		if (i != reach->number && world->instance[i].coordinator != NULL && !world_chance(world, 25))
			world_plan(world, 1 + (nanos)world_random(world, 10 * (uint64_t)MILLISECOND),
			           &(struct happening){.kind = HAPPEN_TOLD,
			                               .instance = i,
			                               .life = world->instance[i].life,
			                               .upload = (size_t)(upload - world->upload)});
}

static void port_publish(void *closure, struct request *request, const char *message_id, const char *message,
                         size_t length)
{
	send(closure, request,
	     &(struct operation){.kind = OPERATION_PUBLISH,
	                         .id = duplicate(message_id),
	                         .data = sim_copy(message, length),
	                         .length = length});
}

/* It stays unknown whether it arrives. */
static void port_announce(void *closure, const char *message_id, const char *message, size_t length)
{
	struct reach *reach = closure;
	struct world *world = reach->world;
	if (dies_here(&world->instance[reach->number]) || !world->broker_up || world_chance(world, 4))
		return;
	struct operation *operation = calloc(1, sizeof *operation);
	if (operation == NULL)
		abort();
	*operation = (struct operation){
		.kind = OPERATION_ANNOUNCE, .id = duplicate(message_id), .data = sim_copy(message, length), .length = length};
	world_plan(world, 1 + (nanos)world_random(world, 10 * (uint64_t)MILLISECOND),
	           &(struct happening){.kind = HAPPEN_ARRIVE,
	                               .instance = reach->number,
	                               .life = world->instance[reach->number].life,
	                               .operation = operation});
}

static const char *port_message_id(void *closure, const struct delivery *delivery)
{
	struct reach *reach = closure;
	return reach->world->broker.message[delivery->sequence - 1].id;
}

static void port_look(void *closure, struct lookup *lookup)
{
	send(closure, NULL, &(struct operation){.kind = OPERATION_LOOK, .id = duplicate(lookup->id), .lookup = lookup});
}

static void end_delivery(struct reach *reach, struct delivery *delivery)
{
	reach->world->instance[reach->number].held--;
	free((char *)(uintptr_t)delivery->data);
	free(delivery);
}

static void port_acknowledge(void *closure, struct delivery *delivery)
{
	struct reach *reach = closure;
	struct world *world = reach->world;
	promises_of_acknowledgement(world, delivery->sequence);
	if (!dies_here(&world->instance[reach->number]) && world->broker_up && !world_chance(world, 4))
		sim_acknowledge(&world->broker, delivery->sequence, delivery->consumer_sequence);
	end_delivery(reach, delivery);
}

static void port_drop(void *closure, struct delivery *delivery)
{
	struct reach *reach = closure;
	struct world *world = reach->world;
	promises_of_drop(world, reach->number, delivery->sequence);
	if (world->instance[reach->number].stops_until != 0 && world->broker_up && !world_chance(world, 4))
		sim_nak(&world->broker, delivery->sequence, delivery->consumer_sequence, world->now);
	end_delivery(closure, delivery);
}

static void port_postpone(void *closure, struct delivery *delivery, nanos pause)
{
	struct reach *reach = closure;
	struct world *world = reach->world;
	promises_of_drop(world, reach->number, delivery->sequence);
	if (world->broker_up && !world_chance(world, 4))
		sim_nak(&world->broker, delivery->sequence, delivery->consumer_sequence, world->now + pause);
	end_delivery(closure, delivery);
}

/* What a step does. The scan has a result, half of the time soon; one run in fifty hangs for ever. */
static void plan_end_of_run(struct world *world, struct happening *happening, struct run *run)
{
	run->returned = RETURNED_VERDICT;
	happening->outcome = OUTCOME_CONTINUE;
	nanos takes = 1 + (nanos)world_random(world, (uint64_t)(SECOND / 2));
	if (run->step == 1 && run->woken_at == 0) {
		run->returned = RETURNED_WAIT;
		run->until = world->now + SIM_DELAY;
	} else if (run->step == 2) {
		run->returned = RETURNED_AWAIT;
		run->until = world->now + MINUTE;
	} else if (run->step == 0 && strcmp(run->upload->url, SIM_URL_GONE) == 0) {
		run->gone = true;
		happening->outcome = OUTCOME_RETRY;
	} else if (run->step == 0) {
		uint64_t dice = world_random(world, 20);
		happening->outcome = dice < 3    ? OUTCOME_RETRY
		                     : dice == 3 ? OUTCOME_DELETE
		                     : dice == 4 ? OUTCOME_ABORT
		                                 : OUTCOME_CONTINUE;
		if (happening->outcome != OUTCOME_RETRY && dice != 5)
			run->result = duplicate("{\"Infected\":false}");
		if (happening->outcome != OUTCOME_RETRY)
			run->verdict = duplicate("clean");
		if (dice == 5)
			run->returned = RETURNED_HOLD;
		takes = (nanos)world_random(world, (world_maybe(world, 50) ? 1 : 15) * (uint64_t)SECOND);
		if (world_chance(world, 2))
			return; /* hangs */
	}
	run->outcome = happening->outcome;
	if (world->breakage == BREAK_ERROR_IS_CONTINUE && run->returned == RETURNED_VERDICT)
		run->outcome = OUTCOME_CONTINUE;
	world_plan(world, takes, happening);
}

static void port_run(void *closure, struct run *run)
{
	struct reach *reach = closure;
	struct world *world = reach->world;
	struct instance *instance = &world->instance[reach->number];
	if (instance->runs == sizeof instance->run / sizeof instance->run[0])
		abort();
	instance->run[instance->runs++] = run;
	if (dies_here(instance))
		return;
	promises_of_run(world, reach->number, run);
	atomic_store(&run->started, world->now);
	struct happening happening = {
		.kind = HAPPEN_RUN_ENDS, .instance = reach->number, .life = instance->life, .run = run};
	plan_end_of_run(world, &happening, run);
}

static bool is_out(const struct instance *instance, const struct run *run)
{
	for (size_t i = 0; i < instance->runs; i++)
		if (instance->run[i] == run)
			return true;
	return false;
}

/* A run that hangs may notice. */
static void port_cancel(void *closure, struct run *run)
{
	struct reach *reach = closure;
	struct world *world = reach->world;
	struct instance *instance = &world->instance[reach->number];
	atomic_store(&run->cancelled, true);
	promises_of_cancellation(world, reach->number, run);
	/* It may also be given up. */
	world_upload(world, run->upload->id)->failed_runs++;
	if (!is_out(instance, run) || world_maybe(world, 50))
		return;
	run->outcome = OUTCOME_RETRY;
	run->returned = RETURNED_VERDICT;
	world_plan(world, MILLISECOND,
	           &(struct happening){.kind = HAPPEN_RUN_ENDS,
	                               .instance = reach->number,
	                               .life = instance->life,
	                               .run = run,
	                               .outcome = OUTCOME_RETRY});
}

static void port_replace(void *closure, const struct run *run)
{
	(void)closure;
	(void)run;
}

static bool port_lives(void *closure, const char *owner)
{
	struct reach *reach = closure;
	struct peers *peers = reach->world->instance[reach->number].peers;
	peers_mentioned(peers, owner, reach->world->now);
	return peers_lives(peers, owner);
}

static void port_scan(void *closure, void *token)
{
	struct reach *reach = closure;
	coordinator_scanned(reach->world->instance[reach->number].coordinator, token, false, reach->world->now);
}

struct ports sim_ports(struct world *world, size_t number)
{
	reaches[number] = (struct reach){world, number};
	return (struct ports){.closure = &reaches[number],
	                      .load = port_load,
	                      .read = port_read,
	                      .put = port_put,
	                      .remove = port_remove,
	                      .scan = port_scan,
	                      .publish = port_publish,
	                      .announce = port_announce,
	                      .look = port_look,
	                      .message_id = port_message_id,
	                      .acknowledge = port_acknowledge,
	                      .drop = port_drop,
	                      .postpone = port_postpone,
	                      .run = port_run,
	                      .cancel = port_cancel,
	                      .replace = port_replace,
	                      .lives = port_lives,
	                      .announce_gone = port_announce_gone};
}
