/* SPDX-License-Identifier: Apache-2.0
 * An instance that stops in an orderly way. */
#include "tests/sim/world.h"

void stop_begins(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	if (instance->coordinator == NULL || instance->stops_until != 0)
		return;
	world_trace(world, "%s is told to end", instance->owner);
	instance->stops_until = world->now + 1 + (nanos)world_random(world, 20 * (uint64_t)SECOND);
	coordinator_stopping(instance->coordinator);
}

/* Its last message is that it stops. */
static void end(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	coordinator_abandon(instance->coordinator);
	for (size_t i = 0; i < world->instances && world->broker_up; i++)
		if (i != number && world->instance[i].peers != NULL)
			peers_left(world->instance[i].peers, instance->owner);
	instance->dying = true;
}

/* As the server does, see server_run() and server_destroy(). */
void stop_goes_on(struct world *world, size_t number)
{
	struct instance *instance = &world->instance[number];
	bool idle = coordinator_busy(instance->coordinator) == 0 && coordinator_runs(instance->coordinator) == 0;
	if (idle || (instance->cancelled && world->now >= instance->stops_until)) {
		end(world, number);
	} else if (world->now >= instance->stops_until) {
		instance->stops_until = world->now + 2 * SECOND;
		instance->cancelled = true;
		coordinator_cancel_runs(instance->coordinator);
	}
}
