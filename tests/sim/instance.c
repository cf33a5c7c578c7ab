/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define REQUEST_PATIENCE (5 * SECOND)
#define HELD_LIMIT 64

/* The closure of an instance's ports. */
struct reach {
	struct world *world;
	size_t number;
};

static struct reach reaches[SIM_INSTANCES];

static const struct pipeline_step limits[SIM_STEPS] = {
	{.name = "scan", .max_retries = 6, .retry_backoff = SECOND, .deadline = MINUTE},
	{.name = "delay", .max_retries = 6, .retry_backoff = SECOND, .deadline = MINUTE},
	{.name = "remote", .max_retries = 6, .retry_backoff = SECOND, .deadline = MINUTE},
};
static const char *const names[SIM_STEPS] = {"scan", "delay", "remote"};
static const unsigned workers[SIM_STEPS] = {2, 2, 2};

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

static char *duplicate(const char *text)
{
	char *copy = text != NULL ? strdup(text) : NULL;
	if (text != NULL && copy == NULL)
		abort();
	return copy;
}

static char *duplicate_bytes(const char *bytes, size_t length)
{
	char *copy = malloc(length + 1);
	if (copy == NULL)
		abort();
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

/* Every doing is a place where an instance may die; from then on it does nothing. */
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
	struct happening happening = {.instance = reach->number, .life = instance->life, .request = request, .operation = sent};
	if (dies_here(instance)) {
		operation_free(sent);
		return;
	}
	bool lost = world_chance(world, 4);
	if (!world->broker_up || lost) {
		sent->status = world->broker_up ? REQUEST_UNKNOWN : REQUEST_UNAVAILABLE;
		happening.kind = HAPPEN_ANSWER;
		world_plan(world, world->broker_up ? REQUEST_PATIENCE : MILLISECOND, &happening);
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

/* The record as it lies in the bucket, or a lie about it. */
static bool decode(struct world *world, size_t instance, const struct sim_entry *entry, struct record *record)
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
	entry->begun = snapshot->begun;
	entry->stream = snapshot->stream;
	if (snapshot->value == NULL)
		return LOADED_NOTHING;
	return decode(reach->world, reach->number, snapshot, &entry->record) ? LOADED_RECORD : LOADED_BROKEN;
}

static void port_put(void *closure, struct request *request, const char *id, uint64_t expected, const char *message_id,
                     const char *value, size_t length)
{
	struct reach *reach = closure;
	promises_of_put(reach->world, reach->number, id);
	send(closure, request,
	     &(struct operation){.kind = OPERATION_PUT, .key = duplicate(id), .id = duplicate(message_id), .expected = expected,
	                        .data = duplicate_bytes(value, length), .length = length});
}

static void port_remove(void *closure, struct request *request, const char *id, uint64_t expected, const char *message_id,
                        uint64_t begun, int64_t stream)
{
	send(closure, request,
	     &(struct operation){.kind = OPERATION_REMOVE, .key = duplicate(id), .id = duplicate(message_id), .expected = expected,
	                        .begun = begun, .stream = stream});
}

static void port_publish(void *closure, struct request *request, const char *message_id, const char *message, size_t length)
{
	send(closure, request,
	     &(struct operation){.kind = OPERATION_PUBLISH, .id = duplicate(message_id), .data = duplicate_bytes(message, length),
	                        .length = length});
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
		sim_acknowledge(&world->broker, delivery->sequence);
	end_delivery(reach, delivery);
}

static void port_drop(void *closure, struct delivery *delivery)
{
	struct reach *reach = closure;
	struct world *world = reach->world;
	promises_of_drop(world, reach->number, delivery->sequence);
	if (world->instance[reach->number].stops_until != 0 && world->broker_up && !world_chance(world, 4))
		sim_nak(&world->broker, delivery->sequence, world->now);
	end_delivery(closure, delivery);
}

/* What a step does. The scan has a result, half of the time soon; one in fifty hangs for ever. */
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
	} else if (run->step == 0) {
		uint64_t dice = world_random(world, 20);
		happening->outcome = dice < 3 ? OUTCOME_RETRY : dice == 3 ? OUTCOME_DELETE : dice == 4 ? OUTCOME_ABORT : OUTCOME_CONTINUE;
		if (happening->outcome != OUTCOME_RETRY)
			run->result = duplicate("{\"Infected\":false}");
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
	struct happening happening = {.kind = HAPPEN_RUN_ENDS, .instance = reach->number, .life = instance->life, .run = run};
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
	if (!is_out(instance, run) || world_maybe(world, 50))
		return;
	run->outcome = OUTCOME_RETRY;
	run->returned = RETURNED_VERDICT;
	world_plan(world, MILLISECOND, &(struct happening){.kind = HAPPEN_RUN_ENDS, .instance = reach->number, .life = instance->life,
	                                                   .run = run, .outcome = OUTCOME_RETRY});
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

/* Plans the reading of the bucket: each record as it is now, to be seen a little later. */
static void plan_reading(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	for (size_t i = 0; i < world->broker.entries && world->breakage != BREAK_NO_SCAN; i++) {
		const struct sim_entry *entry = &world->broker.entry[i];
		if (entry->value == NULL)
			continue;
		struct operation *operation = calloc(1, sizeof *operation);
		if (operation == NULL)
			abort();
		operation->snapshot = *entry;
		operation->snapshot.key = NULL;
		operation->snapshot.value = duplicate_bytes(entry->value, entry->length);
		world_plan(world, 1 + (nanos)world_random(world, (uint64_t)(SECOND / 2)),
		           &(struct happening){.kind = HAPPEN_FOUND, .instance = number, .life = instance->life, .operation = operation});
	}
}

void instance_start(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	if (instance->coordinator != NULL)
		return;
	reaches[number] = (struct reach){world, number};
	instance->life++;
	instance->dying = false;
	instance->held = 0;
	instance->stalled_until = instance->stops_until = instance->doubted = 0;
	instance->cancelled = false;
	/* Half of the lives end in the middle of something. */
	instance->calls_to_death = world_chance(world, 50) ? (int)world_random(world, 60) : -1;
	snprintf(instance->owner, sizeof instance->owner, "i%zu", number);
	snprintf(instance->nonce, sizeof instance->nonce, "i%zu.%u", number, instance->life);
	instance->coordinator = coordinator_create(&(struct coordinator_options){
		.pipeline = {.step = limits, .count = SIM_STEPS,
		             .other = {.name = "", .max_retries = 6, .retry_backoff = SECOND, .deadline = MINUTE},
		             .confirm_interval = MINUTE, .confirm_interval_limit = HOUR, .confirm_limit = 24},
		.step = names,
		.workers = workers,
		.ports = {&reaches[number], port_load, port_read, port_put, port_remove, port_publish, port_look, port_acknowledge, port_drop,
		          port_run, port_cancel, port_replace, port_lives, port_scan},
		.log = &world->log,
		.metrics = &instance->metrics,
		.owner = instance->owner,
		.nonce = instance->nonce,
		.busy_limit = 4, /* so that records are dropped from memory */
		.hold = world->breakage == BREAK_HELD_FOR_LONG ? HOUR : SIM_HOLD,
	});
	instance->peers = peers_create(instance->owner);
	if (instance->coordinator == NULL || instance->peers == NULL)
		abort();
	world_trace(world, "%s starts", instance->owner);
	size_t count = world->broker.count;
	coordinator_set_stream(instance->coordinator,
	                       &(struct stream_facts){.created = 1, .last = count, .memory = SIM_WINDOW,
	                                              .patience = world->breakage == BREAK_HELD_FOR_LONG ? 4 * HOUR : SIM_ACK_WAIT, .hold_limit = 3,
	                                              .behind = count > 0 && world->broker.message[count - 1].delivered == 0}, world->now);
	struct happening happening = {.kind = HAPPEN_PULL, .instance = number, .life = instance->life};
	world_plan(world, MILLISECOND, &happening);
	happening.kind = HAPPEN_TICK;
	world_plan(world, MILLISECOND, &happening);
	happening.kind = HAPPEN_SIGN;
	world_plan(world, MILLISECOND, &happening);
	plan_reading(world, number);
}

void instance_crash(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	if (instance->coordinator == NULL)
		return;
	world_trace(world, "%s dies", instance->owner);
	instance->dying = true;
	coordinator_destroy(instance->coordinator);
	peers_free(instance->peers);
	instance->coordinator = NULL;
	instance->peers = NULL;
	instance->life++;
	for (size_t i = 0; i < instance->runs; i++) {
		promises_of_death(world, number, instance->run[i]);
		run_free(instance->run[i]);
	}
	instance->runs = 0;
	promises_after_death(world, number);
	world_plan(world, 1 + (nanos)world_random(world, 40 * (uint64_t)SECOND), &(struct happening){.kind = HAPPEN_START, .instance = number});
	forget_died(world, number);
}

void instance_after_call(struct world *world, size_t number)
{
	if (world->instance[number].dying)
		instance_crash(world, number);
}

static void deliver(struct world *world, struct instance *instance, uint64_t sequence)
{
	const struct sim_message *message = &world->broker.message[sequence - 1];
	struct delivery *delivery = calloc(1, sizeof *delivery);
	if (delivery == NULL)
		abort();
	delivery->data = duplicate_bytes(message->data, message->length);
	delivery->length = message->length;
	delivery->sequence = sequence;
	delivery->stored = message->stored;
	delivery->pending = world->broker.count - sequence;
	delivery->redelivered = message->delivered > 1 && world->breakage != BREAK_FIRST_DELIVERIES;
	if (world->breakage == BREAK_ACK_FIRST)
		sim_acknowledge(&world->broker, sequence);
	instance->held++;
	coordinator_deliver(instance->coordinator, delivery, world->now);
}

static void pull(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	uint64_t sequence;
	while (world->broker_up && !instance->dying && instance->stops_until == 0 && instance->held < HELD_LIMIT && (sequence = sim_deliver(&world->broker, world->now)) != 0)
		deliver(world, instance, sequence);
	world_plan(world, 1 + (nanos)world_random(world, (uint64_t)(SECOND / 4)),
	           &(struct happening){.kind = HAPPEN_PULL, .instance = number, .life = instance->life});
}

static void tick(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	nanos now = world->now;
	if (world->breakage == BREAK_EARLY_WAKE && world_maybe(world, 10))
		now += MINUTE;
	if (world->breakage != BREAK_NO_TICK)
		coordinator_tick(instance->coordinator, now);
	if (!world->broker_up)
		peers_deaf(instance->peers, world->now);
	if (instance->stops_until != 0 && !instance->dying)
		stop_goes_on(world, number);
	else if (peers_tick(instance->peers, world->now)) {
		world_trace(world, "%s notices a death", instance->owner);
		plan_reading(world, number);
	}
	nanos next = coordinator_next(instance->coordinator, world->now) - world->now;
	world_plan(world, next > MILLISECOND ? next : MILLISECOND,
	           &(struct happening){.kind = HAPPEN_TICK, .instance = number, .life = instance->life});
}

static void give_sign(struct world *world, size_t number)
{
	for (size_t i = 0; i < world->instances && world->broker_up; i++)
		if (world->instance[i].peers != NULL && !world_chance(world, 4))
			peers_heard(world->instance[i].peers, world->instance[number].owner, world->now);
	world_plan(world, PEER_SIGN_INTERVAL,
	           &(struct happening){.kind = HAPPEN_SIGN, .instance = number, .life = world->instance[number].life});
}

/* It ends only once; its memory may soon be another one's. */
static void forget_other_ends(struct world *world, const struct run *run)
{
	for (size_t i = 0; i < world->happenings; i++)
		if (world->queue[i].run == run)
			world->queue[i].run = NULL;
}

static void end_run(struct world *world, const struct happening *happening)
{
	struct instance *instance = &world->instance[happening->instance];
	struct run *run = happening->run;
	for (size_t i = 0; i < instance->runs; i++) {
		if (instance->run[i] != run)
			continue;
		instance->run[i] = instance->run[--instance->runs];
		forget_other_ends(world, run);
		struct sim_upload *upload = world_upload(world, run->upload->id);
		if (run->returned == RETURNED_VERDICT && happening->outcome == OUTCOME_CONTINUE)
			upload->passed[run->step] = true;
		upload->feared &= ~(1u << run->step);
		coordinator_returned(instance->coordinator, run, world->now);
		return;
	}
	/* It has ended already, after it was cancelled. */
}

static void answer_look(struct world *world, const struct happening *happening)
{
	struct lookup *lookup = happening->operation->lookup;
	happening->operation->lookup = NULL;
	if (happening->operation->status != REQUEST_DONE)
		lookup->result = LOOKUP_FAILED;
	coordinator_looked(world->instance[happening->instance].coordinator, lookup, world->now);
}

static void answer(struct world *world, const struct happening *happening)
{
	struct request *request = happening->request;
	const struct operation *operation = happening->operation;
	if (operation->kind == OPERATION_LOOK) {
		answer_look(world, happening);
		return;
	}
	request->status = operation->status;
	request->sequence = operation->sequence;
	request->error = operation->error;
	request->text[0] = '\0';
	world->answering = operation;
	coordinator_answered(world->instance[happening->instance].coordinator, request, world->now);
	world->answering = NULL;
}

static void found(struct world *world, const struct happening *happening)
{
	const struct sim_entry *entry = &happening->operation->snapshot;
	struct record record;
	if (world->instance[happening->instance].stops_until == 0 && decode(world, happening->instance, entry, &record))
		coordinator_found(world->instance[happening->instance].coordinator, &record, entry->revision, NULL, world->now);
}

/* The bucket is the one that was used all the time: what is forgotten of it is found again. */
static void doubt(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	if (instance->coordinator == NULL || instance->stops_until != 0 || world->now < instance->stalled_until)
		return;
	world_trace(world, "%s takes the bucket for another one", instance->owner);
	instance->doubted = world->now;
	coordinator_doubt(instance->coordinator, world->now);
	plan_reading(world, number);
}

/* Shortly, across the broker's patience, or for longer than it remembers IDs. */
static void stall(struct world *world, size_t number)
{
	static const int64_t longest[] = {5, 40, 200};
	struct instance *instance = &world->instance[number];
	nanos duration = 1 + (nanos)world_random(world, (uint64_t)longest[world_random(world, 3)] * (uint64_t)SECOND);
	if (instance->coordinator == NULL)
		return;
	world_trace(world, "%s is stopped for %.3f s", instance->owner, (double)duration / (double)SECOND);
	/* What was put off to the end of the last time stays so. */
	if (world->now + duration > instance->stalled_until)
		instance->stalled_until = world->now + duration;
}

void instance_happens(struct world *world, const struct happening *happening)
{
	struct instance *instance = &world->instance[happening->instance];
	if (happening->kind == HAPPEN_START) {
		instance_start(world, happening->instance);
		return;
	}
	if (happening->kind == HAPPEN_CRASH) {
		instance_crash(world, happening->instance);
		return;
	}
	if (happening->kind == HAPPEN_STALL) {
		stall(world, happening->instance);
		return;
	}
	if (happening->kind == HAPPEN_STOP) {
		stop_begins(world, happening->instance);
		return;
	}
	if (happening->kind == HAPPEN_DOUBT) {
		doubt(world, happening->instance);
		instance_after_call(world, happening->instance);
		return;
	}
	if (instance->coordinator != NULL && instance->life == happening->life) {
		/* One that is stopped finds all of it when it goes on, in the same order. */
		if (world->now < instance->stalled_until) {
			world_plan(world, instance->stalled_until - world->now, happening);
			return;
		}
		if (happening->kind == HAPPEN_PULL)
			pull(world, happening->instance);
		else if (happening->kind == HAPPEN_TICK)
			tick(world, happening->instance);
		else if (happening->kind == HAPPEN_SIGN)
			give_sign(world, happening->instance);
		else if (happening->kind == HAPPEN_RUN_ENDS)
			end_run(world, happening);
		else if (happening->kind == HAPPEN_ANSWER)
			answer(world, happening);
		else
			found(world, happening);
		instance_after_call(world, happening->instance);
	}
	operation_free(happening->operation);
}
