/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define HELD_LIMIT 64

#define LIMITS .max_retries = 6, .retry_backoff = SECOND, .deadline = MINUTE
static const struct pipeline_step limits[SIM_STEPS] = {{.name = "scan",
                                                        LIMITS,
                                                        .max_wait = 720 * HOUR,
                                                        .max_waits = 1000,
                                                        .check_limit = 24 * HOUR,
                                                        .hold_limit = 40 * SECOND},
                                                       {.name = "delay", LIMITS, MAX_WAITING},
                                                       {.name = "remote", LIMITS, MAX_WAITING}};
/* For half of the seeds, uploads wait for a suspended step for less time than the suspension may last. */
static const struct pipeline_step hasty[SIM_STEPS] = {
	{.name = "scan",
     LIMITS,
     .max_wait = HOUR,
     .max_waits = 9,
     .check_limit = 30 * SECOND,
     .hold_limit = 20 * SECOND,
     .hold_outcome = OUTCOME_DELETE},
	{.name = "delay", LIMITS, .max_wait = HOUR, .max_waits = 9, .check_limit = 30 * SECOND},
	{.name = "remote", LIMITS, .max_wait = HOUR, .max_waits = 9, .check_limit = 30 * SECOND}};
static const char *const names[SIM_STEPS] = {"scan", "delay", "remote"};
static const unsigned workers[SIM_STEPS] = {2, 2, 2};
static const bool announced[SIM_STEPS] = {true, true, false};

/* Schedules the scan of the bucket: each record as it is now, to be seen a little later. */
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
		operation->snapshot.value = sim_copy(entry->value, entry->length);
		world_plan(world, 1 + (nanos)world_random(world, (uint64_t)(SECOND / 2)),
		           &(struct happening){
					   .kind = HAPPEN_FOUND, .instance = number, .life = instance->life, .operation = operation});
	}
}

/* From time to time it asks how far the gap is read. */
static void look_at_gap(struct world *world, size_t number)
{
	const struct sim_broker *broker = &world->broker;
	if (world->breakage != BREAK_NO_WAIT_FOR_GAP && world->broker_up)
		coordinator_set_gap(world->instance[number].coordinator, broker->gap.count > 0, gap_end(&broker->gap),
		                    sim_gap_is_behind(broker));
}

static void connect(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	size_t count = world->broker.count;
	instance->consumer = world->broker_up ? world->broker.life : SIM_UNCONNECTED;
	coordinator_set_stream(
		instance->coordinator,
		&(struct stream_facts){.created = 1,
	                           .last = count,
	                           .duplicate_window = SIM_WINDOW,
	                           .ack_wait = world->breakage == BREAK_HELD_FOR_LONG ? 4 * HOUR : SIM_ACK_WAIT,
	                           .coalescing_limit = 3,
	                           .behind = count > 0 && world->broker.message[count - 1].delivered == 0},
		world->now);
	look_at_gap(world, number);
}

void instance_start(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	if (instance->coordinator != NULL)
		return;
	instance->life++;
	instance->dying = false;
	instance->held = 0;
	instance->stalled_until = instance->stops_until = instance->doubted = 0;
	instance->cancelled = false;
	memset(instance->suspended, 0, sizeof instance->suspended);
	/* Half of the lives end in the middle of an operation. */
	instance->calls_to_death = world_chance(world, 50) ? (int)world_random(world, 60) : -1;
	snprintf(instance->owner, sizeof instance->owner, "i%zu", number);
	snprintf(instance->nonce, sizeof instance->nonce, "i%zu.%u", number, instance->life);
	instance->coordinator = coordinator_create(&(struct coordinator_options){
		.pipeline = {.step = world->seed % 2 == 0 && world->breakage == BREAK_NOTHING ? hasty : limits,
	                 .count = SIM_STEPS,
	                 .other = {.name = "", LIMITS, MAX_WAITING},
	                 .confirm_interval = MINUTE,
	                 .confirm_interval_limit = HOUR,
	                 .confirm_limit = 24},
		.step = names,
		.workers = workers,
		.announced = announced,
		.ports = sim_ports(world, number),
		.log = &world->log,
		.metrics = &instance->metrics,
		.owner = instance->owner,
		.nonce = instance->nonce,
		.spared = "",
		.busy_limit = 4, /* so that records are dropped from memory */
		.coalescing = world->breakage == BREAK_HELD_FOR_LONG ? HOUR : SIM_HOLD,
	});
	instance->peers = peers_create(instance->owner);
	if (instance->coordinator == NULL || instance->peers == NULL)
		abort();
	world_trace(world, "%s starts", instance->owner);
	connect(world, number);
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
	world_plan(world, 1 + (nanos)world_random(world, 40 * (uint64_t)SECOND),
	           &(struct happening){.kind = HAPPEN_START, .instance = number});
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
	delivery->data = sim_copy(message->data, message->length);
	delivery->length = message->length;
	delivery->sequence = sequence;
	delivery->stored = message->stored;
	delivery->pending = world->broker.count - sequence;
	delivery->redelivered = message->delivered > 1 && world->breakage != BREAK_FIRST_DELIVERIES;
	delivery->of_gap = gap_has(&world->broker.gap, sequence);
	delivery->consumer_sequence = message->life;
	delivery->delivered = message->delivered;
	if (world->breakage == BREAK_ACK_FIRST)
		sim_acknowledge(&world->broker, sequence, message->life);
	instance->held++;
	coordinator_deliver(instance->coordinator, delivery, world->now);
}

/* An event that the service does not understand. */
static bool is_skipped(struct world *world, uint64_t sequence)
{
	const struct sim_message *message = &world->broker.message[sequence - 1];
	if (world->breakage != BREAK_CLEAN_SKIPPED || memmem(message->data, message->length, "CleanUpload", 11) == NULL)
		return false;
	sim_acknowledge(&world->broker, sequence, message->life);
	return true;
}

/* From the consumer or from the gap's reader; 0: there is none. */
static uint64_t take_next(struct world *world)
{
	bool of_gap = world->broker.gap.count > 0 && world_maybe(world, 50);
	uint64_t sequence = sim_deliver(&world->broker, of_gap, world->now);
	return sequence != 0 || world->broker.gap.count == 0 ? sequence : sim_deliver(&world->broker, !of_gap, world->now);
}

static void pull(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	uint64_t sequence;
	/* Whichever instance created the consumer again, it is known before a message is taken from it. */
	if (world->broker_up && instance->consumer != world->broker.life)
		connect(world, number);
	while (world->broker_up && !instance->dying && instance->stops_until == 0 && instance->held < HELD_LIMIT &&
	       (sequence = take_next(world)) != 0)
		if (!is_skipped(world, sequence))
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
	if (!instance->dying && instance->consumer == world->broker.life)
		look_at_gap(world, number);
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

/* It ends only once; its memory may soon be another run's. */
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
		else if (run->returned == RETURNED_VERDICT && happening->outcome == OUTCOME_RETRY)
			upload->failed_runs++;
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
	request->duplicate = operation->duplicate;
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
	if (world->instance[happening->instance].stops_until == 0 && sim_decode(world, happening->instance, entry, &record))
		coordinator_found(world->instance[happening->instance].coordinator, &record, entry->revision, NULL, world->now);
}

/* The bucket is the one that was used all the time: uploads that are forgotten are found again. */
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

/* For a short time, longer than the broker waits for an acknowledgement, or longer than it remembers message IDs. */
static void stall(struct world *world, size_t number)
{
	static const int64_t longest[] = {5, 40, 200};
	struct instance *instance = &world->instance[number];
	nanos duration = 1 + (nanos)world_random(world, (uint64_t)longest[world_random(world, 3)] * (uint64_t)SECOND);
	if (instance->coordinator == NULL)
		return;
	world_trace(world, "%s is stopped for %.3f s", instance->owner, (double)duration / (double)SECOND);
	/* What was delayed to the end of the last time stays delayed. */
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
	if (happening->kind == HAPPEN_SUSPEND || happening->kind == HAPPEN_RELEASE) {
		suspend_happens(world, happening);
		instance_after_call(world, happening->instance);
		return;
	}
	if (happening->kind == HAPPEN_DOUBT) {
		doubt(world, happening->instance);
		instance_after_call(world, happening->instance);
		return;
	}
	if (instance->coordinator != NULL && instance->life == happening->life) {
		/* A stopped instance finds all of it when it continues, in the same order. */
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
		else if (happening->kind == HAPPEN_TOLD)
			coordinator_told_gone(instance->coordinator, world->upload[happening->upload].id, world->now);
		else if (happening->kind == HAPPEN_ANSWER)
			answer(world, happening);
		else
			found(world, happening);
		instance_after_call(world, happening->instance);
	}
	operation_free(happening->operation);
}
