/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/coordinator/coordinator_private.h"

/* How long a cancelled run may take to end. */
#define CANCEL_TIMEOUT (10 * SECOND)

static void return_now(struct coordinator *coordinator, struct active_upload *active, const struct input *input,
                       const char *reason, nanos now)
{
	struct job *job = job_create(INPUT_RETURNED);
	job->input = *input;
	job->input.kind = INPUT_RETURNED;
	snprintf(job->reason, sizeof job->reason, "%s", reason);
	job->input.reason = job->reason;
	active_add_job(coordinator, active, job, now);
}

/* The service stops before the step of a marked upload has ended: removes the mark. */
static void unmark(struct coordinator *coordinator, struct active_upload *active, uint64_t transition, nanos now)
{
	struct job *job = job_create(INPUT_STOPPED);
	job->input.transition = transition;
	active_add_job(coordinator, active, job, now);
}

void runs_launch(struct coordinator *coordinator, struct active_upload *active, const struct record *record)
{
	const struct status *status = &record->status;
	struct run *run = run_create(record->upload);
	active->turn = false;
	run->owner = active;
	run->step = active->turn_step;
	run->size = active->turn_size;
	run->turn_of = active->turn_of;
	run->turn = true;
	run->transition = status->transition;
	run->woken_at = status->woken_at;
	run->attempt = status->failures + 1;
	run->place = status->step;
	run->history = status->step > 0 ? record_history(record) : NULL;
	run->allowed = coordinator->options.pipeline.step[run->step].deadline;
	run->marked = status->phase == PHASE_RUNNING;
	active->run = run;
	coordinator->runs.count++;
	metrics_count(coordinator->options.metrics, steps_run);
	coordinator->options.ports.run(coordinator->options.ports.closure, run);
}

void runs_start(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	const struct status *status = &active->record->status;
	if (coordinator->stopping) {
		dispatch_return(coordinator, active, now);
		if (status->phase == PHASE_RUNNING)
			unmark(coordinator, active, status->transition, now);
		return;
	}
	runs_launch(coordinator, active, active->record);
}

void runs_want(struct coordinator *coordinator, struct active_upload *active, bool mark, bool by_hand, nanos now)
{
	if (by_hand && active_is_suspended(coordinator, active)) {
		struct queue_item item;
		mark = (fair_queue_find(&coordinator->queue, active->id, &item) && item.suspect) || mark;
		dispatch_forfeit(coordinator, active, now);
	}
	if (active_busy(active) || active->known != ACTIVE_PRESENT || coordinator->stopping)
		return;
	const struct status *status = &active->record->status;
	size_t step = record_step(coordinator, active->record);
	if (step == coordinator->options.pipeline.count) {
		/* The step is not configured here, so others are asked. */
		struct input input = {
			.returned = RETURNED_AWAIT,
			.transition = status->transition,
			.until = now + coordinator->options.pipeline.other.deadline,
		};
		return_now(coordinator, active, &input, "the step is not configured here: waiting for another service to do it",
		           now);
	} else if (by_hand && step_is_suspended(coordinator, step)) {
		dispatch_seize(coordinator, active, active->record, step, mark, now);
		log_info(coordinator->options.log, "upload %s: resumed: %s runs once, although it is suspended", active->id,
		         coordinator->options.step[step]);
	} else if (!mark && !active_is_stale(active, now) &&
	           dispatch_take(coordinator, active, active->record->upload, step)) {
		runs_start(coordinator, active, now);
	} else {
		dispatch_wait(coordinator, active, active->record, step, mark, now);
	}
}

void runs_drop(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	dispatch_forfeit(coordinator, active, now);
	if (active->run == NULL)
		return;
	struct run *run = active->run;
	active->run = NULL;
	run->owner = NULL;
	coordinator->options.ports.cancel(coordinator->options.ports.closure, run);
	heap_set(&coordinator->runs.left, &run->watch, now + CANCEL_TIMEOUT);
}

nanos runs_look_again(const struct active_upload *active, nanos now)
{
	const struct run *run = active->run;
	nanos started = atomic_load(&run->started);
	if (run->give_up != 0)
		return run->give_up;
	return (started != 0 ? started : now) + run->allowed;
}

void runs_set_back(struct coordinator *coordinator, nanos now)
{
	heap_set_all(&coordinator->runs.left, now + CANCEL_TIMEOUT);
	for (struct active_upload *active = active_next(coordinator, NULL); active != NULL;
	     active = active_next(coordinator, active)) {
		if (active->run == NULL)
			continue;
		if (atomic_load(&active->run->started) > now)
			atomic_store(&active->run->started, now);
		if (active->run->give_up > now + CANCEL_TIMEOUT)
			active->run->give_up = now + CANCEL_TIMEOUT;
		if (active->due.place != 0)
			active_set_timer(coordinator, active, runs_look_again(active, now));
	}
}

static void end_turn(struct coordinator *coordinator, struct run *run, nanos now)
{
	if (run->turn)
		dispatch_end(coordinator, run->step, run->size, run->turn_of, now);
	run->turn = false;
}

/* The run ignores its cancellation: replaces its worker and ends its turn. It is freed when it comes back. */
static void give_up(struct coordinator *coordinator, struct run *run, nanos now)
{
	metrics_count(coordinator->options.metrics, steps_stuck);
	log_error(coordinator->options.log, "upload %s: %s ignored its cancellation; run abandoned", run->upload->id,
	          coordinator->options.step[run->step]);
	coordinator->options.ports.replace(coordinator->options.ports.closure, run);
	run->owner = NULL;
	end_turn(coordinator, run, now);
}

void runs_watch(struct coordinator *coordinator, nanos now)
{
	struct heap *left = &coordinator->runs.left;
	struct heap_item *timer;
	while ((timer = heap_first(left)) != NULL && timer->key <= now) {
		struct run *run = CONTAINER_OF(timer, struct run, watch);
		heap_remove(left, timer);
		if (atomic_load(&run->started) != 0)
			give_up(coordinator, run, now);
		else /* it ends when a worker takes it from the queue */
			heap_set(left, timer, now + CANCEL_TIMEOUT);
	}
}

size_t coordinator_runs(const struct coordinator *coordinator)
{
	return coordinator->runs.count;
}

void runs_due(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	struct run *run = active->run;
	nanos started = atomic_load(&run->started);
	/* This may be noticed late. The run has its time to end from its cancellation on. */
	if (started != 0 && started + run->allowed <= now && run->give_up == 0) {
		coordinator->options.ports.cancel(coordinator->options.ports.closure, run);
		run->give_up = now + CANCEL_TIMEOUT;
	}
	if (run->give_up == 0 || run->give_up > now) {
		active_set_timer(coordinator, active, runs_look_again(active, now));
		return;
	}
	active->run = NULL;
	give_up(coordinator, run, now);
	return_now(coordinator, active, &(struct input){.outcome = OUTCOME_RETRY, .transition = run->transition},
	           "the step did not end by its deadline", now);
}

void runs_pass(struct run *run, struct job *job)
{
	job->input.returned = run->returned;
	job->input.outcome = run->outcome;
	job->input.transition = run->transition;
	job->input.began = atomic_load(&run->started);
	job->input.until = run->until;
	job->input.result = run->result != NULL;
	job->input.gone = run->gone;
	job->input.crashed = run->crashed;
	job->result = run->result;
	job->verdict = run->verdict;
	job->details = run->details;
	run->result = run->verdict = run->details = NULL;
	snprintf(job->reason, sizeof job->reason, "%s", run->reason);
	job->input.reason = job->reason;
}

/* No worker could be started, and the step is suspended because of that: the upload waits as the others do. */
static void wait_again(struct coordinator *coordinator, struct active_upload *active, struct run *run, nanos now)
{
	const struct record *record = coalescing_is_on(active) ? active->current->record : active->record;
	size_t step = run->step;
	bool marked = run->marked, known = coalescing_is_on(active) || active->known == ACTIVE_PRESENT;
	active->run = NULL;
	end_turn(coordinator, run, now);
	run_free(run);
	if (known)
		dispatch_wait(coordinator, active, record, step, marked, now);
}

void coordinator_returned(struct coordinator *coordinator, struct run *run, nanos now)
{
	struct active_upload *active = run->owner;
	nanos started = atomic_load(&run->started);
	coordinator->runs.count--;
	if (run->undone && active != NULL && !coordinator->stopping) {
		heap_remove(&coordinator->runs.left, &run->watch);
		wait_again(coordinator, active, run, now);
		return;
	}
	if (started != 0 && coordinator->options.run_time != NULL)
		histogram_observe(coordinator->options.run_time[run->step], now - started);
	heap_remove(&coordinator->runs.left, &run->watch);
	if (run->crashed)
		metrics_count(coordinator->options.metrics, steps_crashed);
	if (run->returned == RETURNED_AWAIT)
		announcement_is_question(coordinator, run->step);
	/* A run that fails while the service stops does not count: the next start repeats it. */
	bool counts = active != NULL &&
	              !(coordinator->stopping && run->returned == RETURNED_VERDICT && run->outcome == OUTCOME_RETRY);
	if (active != NULL)
		active->run = NULL;
	bool taken = counts && coalescing_returned(coordinator, active, run, now);
	if (counts && !taken) {
		struct job *job = job_create(INPUT_RETURNED);
		runs_pass(run, job);
		active_add_job(coordinator, active, job, now);
	} else if (!counts && active != NULL && run->marked) {
		unmark(coordinator, active, run->transition, now);
	}
	end_turn(coordinator, run, now);
	run_free(run);
}
