/* SPDX-License-Identifier: Apache-2.0
 * A resume by step: one ResumePostprocessing event that concerns all uploads in a step.
 *
 * The bucket is read for it. Each record in the step that is found gets a job (INPUT_RESUME) that holds a reference to
 * the sweep. The event is acknowledged when the reading and all these jobs are over. If the reading did not get to its
 * end, or a record could not be taken, the event is given back, so that it comes again and the sweep is repeated. */
#ifndef CORE_COORDINATOR_SWEEP_H
#define CORE_COORDINATOR_SWEEP_H

#include "core/coordinator/coordinator.h"

struct sweep {
	struct delivery *source; /* NULL: it was given back */
	char *step;
	unsigned references; /* its jobs, and one while the bucket is read */
};

/* Takes the delivery and event->step over, and starts to read the bucket. */
void sweep_begin(struct coordinator *coordinator, struct delivery *delivery, struct event *event);
/* Gives up one reference. The last one frees the sweep. */
void sweep_release(struct coordinator *coordinator, struct sweep *sweep);
/* Gives the event back, so that it comes again. */
void sweep_give_back(struct coordinator *coordinator, struct sweep *sweep);

#endif
