/* SPDX-License-Identifier: Apache-2.0
 * The runs of steps: from the turn to the end.
 *
 * runs_want() follows a decision to run a step: the upload takes a turn or is queued. With its turn runs_start() hands
 * a struct run to the workers. The run comes back with coordinator_returned(), and how it ended becomes an input of its
 * upload.
 *
 * A run that is past its deadline is cancelled. If it does not end within ten seconds after that, it is abandoned: its
 * worker is replaced, its turn ends, and the step counts as failed. When it comes back later, it is freed. A run whose
 * upload has moved on (runs_drop()) is cancelled and watched in the same way. */
#ifndef CORE_COORDINATOR_RUNS_H
#define CORE_COORDINATOR_RUNS_H

#include "core/base/heap.h"
#include "core/coordinator/coordinator.h"

struct active_upload;
struct job;

struct runs {
	size_t count;     /* not back yet */
	struct heap left; /* of runs whose uploads have moved on: when they count as stuck */
};

/* Has the upload's step run: at once, or when its turn comes. mark: it is marked as running before. by_hand: an
 * administrator wants it, so it runs although the step is suspended. */
void runs_want(struct coordinator *coordinator, struct active_upload *active, bool mark, bool by_hand, nanos now);
/* The upload has its turn, and is marked if it had to be: hands its run to the workers. */
void runs_start(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* Uses the upload's turn for a run on this record. */
void runs_launch(struct coordinator *coordinator, struct active_upload *active, const struct record *record);
/* Moves how the run ended into the job's input, whose kind stays. Takes the result over. */
void runs_pass(struct run *run, struct job *job);
/* The upload's run is not wanted any more: cancels it, and gives back the turn or the place in the queue. */
void runs_drop(struct coordinator *coordinator, struct active_upload *active, nanos now);

/* The upload's timer has fired while it runs: cancels the run after its deadline, and abandons it ten seconds later. */
void runs_due(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* When that has to be looked at again. */
nanos runs_look_again(const struct active_upload *active, nanos now);
/* Abandons runs that ignore their cancellation and whose uploads have moved on. To be called with each tick. */
void runs_watch(struct coordinator *coordinator, nanos now);
/* The clock was set back: what has begun later than now has begun now. */
void runs_set_back(struct coordinator *coordinator, nanos now);

#endif
