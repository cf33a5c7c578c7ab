/* SPDX-License-Identifier: Apache-2.0
 * Steps that an instance cannot do for a while: their uploads wait there. */
#include <string.h>

#include "core/coordinator/coordinator_private.h"
#include "tests/sim/world.h"

/* Turns that were given before may be used. */
static unsigned count_turns(const struct coordinator *coordinator, size_t step)
{
	unsigned count = 0;
	for (const struct active_upload *active = active_next(coordinator, NULL); active != NULL;
	     active = active_next(coordinator, active))
		count += active->turn && active->turn_step == step;
	return count;
}

static void suspend(struct world *world, const struct happening *happening)
{
	struct instance *instance = &world->instance[happening->instance];
	size_t step = happening->upload;
	if (instance->coordinator == NULL || instance->stops_until != 0 || world->now < instance->stalled_until ||
	    instance->suspended[step])
		return;
	world_trace(world, "%s cannot do step %zu", instance->owner, step);
	world->suspensions++;
	instance->suspended[step] = true;
	instance->dispatch_before[step] = count_turns(instance->coordinator, step);
	if (world->breakage != BREAK_SUSPEND_UNHEARD)
		coordinator_suspend(instance->coordinator, step, "cannot", world->now);
	world_plan(world, 1 + (nanos)world_random(world, 100 * (uint64_t)SECOND),
	           &(struct happening){
				   .kind = HAPPEN_RELEASE, .instance = happening->instance, .upload = step, .life = instance->life});
}

void suspend_happens(struct world *world, const struct happening *happening)
{
	struct instance *instance = &world->instance[happening->instance];
	if (happening->kind == HAPPEN_SUSPEND) {
		suspend(world, happening);
		return;
	}
	if (instance->coordinator == NULL || instance->life != happening->life)
		return;
	world_trace(world, "%s can do step %zu again", instance->owner, happening->upload);
	instance->suspended[happening->upload] = false;
	if (world->breakage != BREAK_RELEASE_UNHEARD)
		coordinator_release(instance->coordinator, happening->upload, world->now);
}
