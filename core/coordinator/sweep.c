/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/coordinator/coordinator_private.h"

void sweep_begin(struct coordinator *coordinator, struct delivery *delivery, struct event *event)
{
	struct sweep *sweep = alloc_bytes(sizeof *sweep);
	*sweep = (struct sweep){.source = delivery, .step = event->step, .references = 1};
	event->step = NULL;
	coordinator->options.ports.scan(coordinator->options.ports.closure, sweep);
}

void sweep_give_back(struct coordinator *coordinator, struct sweep *sweep)
{
	event_give_back(coordinator, &sweep->source);
}

void sweep_release(struct coordinator *coordinator, struct sweep *sweep)
{
	if (--sweep->references > 0)
		return;
	if (sweep->source != NULL)
		coordinator->options.ports.acknowledge(coordinator->options.ports.closure, sweep->source);
	free(sweep->step);
	free(sweep);
}

void coordinator_scanned(struct coordinator *coordinator, void *token, bool complete, nanos now)
{
	(void)now;
	struct sweep *sweep = token;
	if (sweep == NULL)
		return;
	if (!complete) /* some uploads may not have been seen */
		sweep_give_back(coordinator, sweep);
	sweep_release(coordinator, sweep);
}
