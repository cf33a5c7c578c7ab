/* SPDX-License-Identifier: Apache-2.0
 * Decides which upload is next in each step.
 *
 * An upload needs a turn to be run. A step gives as many turns at a time as it has workers, and up to 64 more to small
 * uploads (1 MiB together), so that workers find the next one without a pause. Uploads for which there is no turn wait
 * in the step's fair queue (fair_queue.h). A turn ends with the run that it leads to, or is given back.
 *
 * An upload that may have been running when the service ended, or that has failed before, is a poison suspect: it may
 * end the service. It is marked in its record before it runs (PHASE_RUNNING), and suspects have turns only while a
 * worker is free, so that few uploads are blamed if the service ends.
 *
 * While a step is suspended it gives no turns (suspension.h). */
#ifndef CORE_COORDINATOR_DISPATCH_H
#define CORE_COORDINATOR_DISPATCH_H

#include "core/coordinator/coordinator.h"
#include "core/coordinator/fair_queue.h"

struct active_upload;

struct step_turns {
	unsigned out;  /* turns that are not over */
	int64_t bytes; /* of their uploads together */
	bool giving;   /* dispatch_give() is running */
};

/* Whether the upload is queued, has a turn, or runs. */
bool active_busy(const struct active_upload *active);
/* The number of the step of this name; the number of steps if it is none of the configured ones. */
size_t step_number(const struct coordinator *coordinator, const char *name);
/* The same for the step that the record is in. */
size_t record_step(const struct coordinator *coordinator, const struct record *record);

/* Takes a turn at once. False: others are before it, there is no room, or the step is suspended. */
bool dispatch_take(struct coordinator *coordinator, struct active_upload *active, const struct upload *upload,
                   size_t step);
/* Queues the upload until its turn comes, which may be at once. */
void dispatch_wait(struct coordinator *coordinator, struct active_upload *active, const struct record *record,
                   size_t step, bool suspect, nanos now);
/* Queues an upload that is not active, by its record. dispatch_give() has to follow. */
void dispatch_enqueue(struct coordinator *coordinator, const struct record *record, size_t step, bool suspect,
                      nanos now);
/* Takes a turn at once, whatever the queue and the suspension, and runs the upload. A suspect is marked first. */
void dispatch_seize(struct coordinator *coordinator, struct active_upload *active, const struct record *record,
                    size_t step, bool suspect, nanos now);
/* Gives back the upload's turn, if it has one. */
void dispatch_return(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* The same, and removes the upload from the queue. */
void dispatch_forfeit(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* One turn of the step is over, of an upload of `size` bytes, which counted for `of`. */
void dispatch_end(struct coordinator *coordinator, size_t step, int64_t size, struct flow *of, nanos now);
/* Gives turns to those first in the queue while there is room: each gets a job that starts its run. */
void dispatch_give(struct coordinator *coordinator, size_t step, nanos now);

#endif
