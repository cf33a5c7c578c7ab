/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTY_TIME (5 * MINUTE)
/* All uploads end long before, or never. */
#define END_OF_TIME (12 * HOUR)
/* One in this many seeds has a broker that forgets. */
#define FORGETFUL 4
#define HAPPENINGS_LIMIT 2000000u

uint64_t world_random(struct world *world, uint64_t below)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return world->random % below;
}

bool world_maybe(struct world *world, unsigned percent)
{
	return world_random(world, 100) < percent;
}

bool world_chance(struct world *world, unsigned percent)
{
	bool lucky = world_maybe(world, percent);
	return lucky && world->now < world->faults_until;
}

bool world_strikes(struct world *world, enum breakage breakage)
{
	return world->breakage == breakage && world->broken++ % 8 == 0;
}

void world_violated(struct world *world, const char *format, ...)
{
	if (world->violation[0] != '\0')
		return;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(world->violation, sizeof world->violation, format, arguments);
	va_end(arguments);
	world_trace(world, "VIOLATION %s", world->violation);
}

void world_trace(struct world *world, const char *format, ...)
{
	if (!world->trace)
		return;
	va_list arguments;
	va_start(arguments, format);
	printf("%12.6f  ", (double)world->now / (double)SECOND);
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
}

static bool earlier(const struct happening *one, const struct happening *other)
{
	return one->at != other->at ? one->at < other->at : one->order < other->order;
}

void world_plan(struct world *world, nanos in, const struct happening *happening)
{
	if (world->happenings == world->queue_size) {
		world->queue_size = world->queue_size != 0 ? world->queue_size * 2 : 256;
		world->queue = realloc(world->queue, world->queue_size * sizeof *world->queue);
		if (world->queue == NULL)
			abort();
	}
	struct happening planned = *happening;
	planned.at = world->now + in;
	planned.order = world->order++;
	size_t at = world->happenings++;
	for (; at > 0 && earlier(&planned, &world->queue[(at - 1) / 2]); at = (at - 1) / 2)
		world->queue[at] = world->queue[(at - 1) / 2];
	world->queue[at] = planned;
}

static struct happening take_first(struct world *world)
{
	struct happening first = world->queue[0], last = world->queue[--world->happenings];
	size_t at = 0;
	for (size_t child; (child = 2 * at + 1) < world->happenings; at = child) {
		if (child + 1 < world->happenings && earlier(&world->queue[child + 1], &world->queue[child]))
			child++;
		if (!earlier(&world->queue[child], &last))
			break;
		world->queue[at] = world->queue[child];
	}
	world->queue[at] = last;
	return first;
}

static void happen(struct world *world, const struct happening *happening)
{
	switch (happening->kind) {
	case HAPPEN_ARRIVE:
		operation_arrives(world, happening);
		break;
	case HAPPEN_FORGET:
		forget_happens(world);
		break;
	case HAPPEN_CONSUMER:
		forget_consumer(world);
		break;
	case HAPPEN_BROKER_DOWN:
		world_trace(world, "broker goes away");
		world->broker_up = false;
		world_plan(world, (nanos)world_random(world, world_maybe(world, 30) ? 240 : 60) * SECOND + 1,
		           &(struct happening){.kind = HAPPEN_BROKER_UP});
		break;
	case HAPPEN_BROKER_UP:
		world_trace(world, "broker is back");
		world->broker_up = true;
		for (size_t i = 0; i < world->instances; i++) {
			if (world->instance[i].coordinator == NULL || world->now < world->instance[i].stalled_until)
				continue;
			peers_deaf(world->instance[i].peers, world->now);
			world->instance[i].consumer = SIM_UNCONNECTED;
			coordinator_retry(world->instance[i].coordinator, world->now);
			instance_after_call(world, i);
		}
		break;
	case HAPPEN_UPLOAD:
	case HAPPEN_REPEAT:
	case HAPPEN_CLEAN:
	case HAPPEN_MEDDLE:
	case HAPPEN_READY:
	case HAPPEN_RESUME:
	case HAPPEN_ASK:
	case HAPPEN_DECIDE:
	case HAPPEN_REMOTE:
		actors_happen(world, happening);
		break;
	default:
		instance_happens(world, happening);
	}
}

static void plan_troubles(struct world *world)
{
	uint64_t crashes = world_random(world, 12), outages = world_random(world, 3), stalls = world_random(world, 3);
	for (uint64_t i = 0; i < crashes; i++)
		world_plan(
			world, (nanos)world_random(world, (uint64_t)FAULTY_TIME),
			&(struct happening){.kind = HAPPEN_CRASH, .instance = (size_t)world_random(world, world->instances)});
	for (uint64_t i = 0; i < stalls; i++)
		world_plan(
			world, (nanos)world_random(world, (uint64_t)FAULTY_TIME),
			&(struct happening){.kind = HAPPEN_STALL, .instance = (size_t)world_random(world, world->instances)});
	for (uint64_t i = 0; i < outages; i++)
		world_plan(world, (nanos)world_random(world, (uint64_t)FAULTY_TIME),
		           &(struct happening){.kind = HAPPEN_BROKER_DOWN});
	/* An instance that doubts the bucket does not look for what may have been forgotten. */
	bool forgetful = world->seed % FORGETFUL == 0;
	uint64_t stops = world_random(world, 4), doubts = forgetful ? 0 : world_random(world, 3);
	for (uint64_t i = 0; i < stops; i++)
		world_plan(world, (nanos)world_random(world, (uint64_t)FAULTY_TIME),
		           &(struct happening){.kind = HAPPEN_STOP, .instance = (size_t)world_random(world, world->instances)});
	for (uint64_t i = 0; i < doubts; i++)
		world_plan(
			world, (nanos)world_random(world, (uint64_t)FAULTY_TIME),
			&(struct happening){.kind = HAPPEN_DOUBT, .instance = (size_t)world_random(world, world->instances)});
	uint64_t resumes = world_random(world, 6);
	for (uint64_t i = 0; i < resumes; i++)
		world_plan(world, (nanos)world_random(world, (uint64_t)FAULTY_TIME),
		           &(struct happening){.kind = HAPPEN_RESUME, .upload = (size_t)world_random(world, SIM_UPLOADS)});
	uint64_t suspensions = world_random(world, 8);
	for (uint64_t i = 0; i < suspensions; i++)
		world_plan(world, (nanos)world_random(world, (uint64_t)FAULTY_TIME),
		           &(struct happening){.kind = HAPPEN_SUSPEND,
		                               .instance = (size_t)world_random(world, world->instances),
		                               .upload = (size_t)world_random(world, SIM_STEPS)});
	uint64_t consumers = world_random(world, 4);
	for (uint64_t i = 0; i < consumers; i++)
		world_plan(world, (nanos)world_random(world, 2 * (uint64_t)MINUTE),
		           &(struct happening){.kind = HAPPEN_CONSUMER});
	uint64_t losses = forgetful ? 1 + world_random(world, 12) : 0;
	for (uint64_t i = 0; i < losses; i++)
		world_plan(world, (nanos)world_random(world, (uint64_t)FAULTY_TIME),
		           &(struct happening){.kind = HAPPEN_FORGET});
}

static bool all_over(const struct world *world)
{
	for (size_t i = 0; i < SIM_UPLOADS; i++) {
		const struct sim_upload *upload = &world->upload[i];
		bool over = upload->confirmed || upload->cleaned != 0;
		if (!over || (upload->present && upload->last.status.phase != PHASE_ENDED && !upload->hit))
			return false;
	}
	return sim_unacknowledged(&world->broker) == 0;
}

bool world_run(struct world *world, uint64_t seed, enum breakage breakage, bool trace)
{
	*world = (struct world){.seed = seed,
	                        .random = seed * 2862933555777941757u + 3037000493u,
	                        .breakage = breakage,
	                        .broker_up = true,
	                        .trace = trace,
	                        .now = 1700000000 * SECOND,
	                        .log = {.fd = trace ? 1 : -1, .level = trace ? LOG_DEBUG : LOG_ERROR}};
	if (world->random == 0)
		world->random = 1;
	for (int i = 0; i < 8; i++)
		world_random(world, 2);
	nanos start = world->now;
	world->faults_until = start + FAULTY_TIME;
	world->instances = 1 + (size_t)world_random(world, SIM_INSTANCES);
	for (size_t i = 0; i < world->instances; i++)
		instance_start(world, i);
	for (size_t i = 0; i < SIM_UPLOADS; i++) {
		snprintf(world->upload[i].id, sizeof world->upload[i].id, "upload-%zu", i);
		world->upload[i].loss = i < SIM_LOSSES ? (enum sim_loss)world_random(world, LOSS_UNANSWERED + 1) : LOSS_NONE;
		world_plan(world, (nanos)world_random(world, 120 * (uint64_t)SECOND),
		           &(struct happening){.kind = HAPPEN_UPLOAD, .upload = i});
	}
	plan_troubles(world);
	unsigned steps = 0;
	while (world->happenings > 0 && world->violation[0] == '\0' &&
	       !(world->now > world->faults_until && all_over(world))) {
		struct happening next = take_first(world);
		world->now = next.at;
		if (world->now > start + END_OF_TIME || ++steps > HAPPENINGS_LIMIT)
			break;
		happen(world, &next);
	}
	promises_at_end(world);
	return world->violation[0] == '\0';
}

void world_free(struct world *world)
{
	for (size_t i = 0; i < world->instances; i++)
		if (world->instance[i].coordinator != NULL)
			instance_crash(world, i);
	for (size_t i = 0; i < world->happenings; i++)
		operation_free(world->queue[i].operation);
	for (size_t i = 0; i < SIM_UPLOADS; i++)
		record_clear(&world->upload[i].last);
	free(world->queue);
	sim_broker_free(&world->broker);
}
