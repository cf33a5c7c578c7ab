/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/coordinator_private.h"

/* Much later than that its time was not noticed to be over. */
#define PATIENCE MINUTE

static bool is_to_hold(const struct coordinator *coordinator, const struct job *job)
{
	const struct slot *slot = job->slot;
	const struct input *input = &job->input;
	if (input->kind != INPUT_BEGIN || !job->action.run || input->redelivered || input->sequence <= coordinator->before)
		return false;
	/* People look for it while it waits. */
	if (step_is_suspended(coordinator, record_step(coordinator, job->record)))
		return false;
	/* Of what is read of the gap nobody knows whether it was delivered before. */
	if (job->source == NULL || job->source->of_gap)
		return false;
	if (coordinator->hold == 0 || coordinator->held >= coordinator->hold_limit || coordinator->stopping)
		return false;
	/* Only where there is no record in all likelihood. */
	return !job->loaded && slot->known != SLOT_PRESENT && !slot->expected && !slot_busy(slot);
}

/* From then on the run is watched as all are, for its deadline. */
static nanos hold_limit(const struct coordinator *coordinator, const struct record *record)
{
	nanos deadline = pipeline_current_step(&coordinator->options.pipeline, record->upload, &record->status)->deadline;
	return deadline < coordinator->hold ? deadline : coordinator->hold;
}

bool hold_is_on(const struct slot *slot)
{
	return slot->current != NULL && slot->current->doing == JOB_HOLDING;
}

/* There is no memory to run it now: it is written, and then run. */
static void give_up(struct coordinator *coordinator, struct job *job, nanos now)
{
	job->action.run = true;
	hold_end(coordinator, job, now);
}

void hold_run(struct coordinator *coordinator, struct slot *slot, nanos now)
{
	if (runs_launch(coordinator, slot, slot->current->record))
		return;
	turns_return(coordinator, slot, now);
	give_up(coordinator, slot->current, now);
}

bool hold_begin(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct slot *slot = job->slot;
	if (!is_to_hold(coordinator, job) || !timers_set(&coordinator->again, &job->again, now + hold_limit(coordinator, job->record)))
		return false;
	announce_step(coordinator, job, job->record, now);
	job->doing = JOB_HOLDING;
	job->held = true;
	job->action.run = false;
	coordinator->held++;
	size_t step = record_step(coordinator, job->record);
	if (turns_take(coordinator, slot, job->record->upload, step)) {
		hold_run(coordinator, slot, now);
	} else if (turns_stand_in_line(coordinator, job->record, step, false, now)) {
		slot->queued = true;
		turns_give(coordinator, step, now);
	} else {
		give_up(coordinator, job, now);
	}
	return true;
}

static bool is_late(const struct job *job, nanos now)
{
	return now - job->record->status.said_at > PATIENCE;
}

void hold_end(struct coordinator *coordinator, struct job *job, nanos now)
{
	timers_unset(&coordinator->again, &job->again);
	coordinator->held--;
	if (!is_late(job, now)) {
		job_write(coordinator, job, now);
		return;
	}
	hold_void(coordinator, job, now);
	event_give_back(coordinator, &job->source);
	job_finish(coordinator, job, now);
}

/* BEGIN was applied to the record, now RETURNED is. */
static void take_end(struct coordinator *coordinator, struct job *job, struct run *run, nanos now)
{
	struct record *record = job->record;
	runs_pass(run, job);
	struct input input = job->input;
	input.kind = INPUT_RETURNED;
	job->action = pipeline_apply(&coordinator->options.pipeline, record->upload, true, &record->status, &input, true, now);
	job->announced = false; /* of the step that is entered now */
	(void)job_take_result(job); /* the run's, which needs no memory */
}

bool hold_returned(struct coordinator *coordinator, struct slot *slot, struct run *run, nanos now)
{
	struct job *job = slot->current;
	if (!hold_is_on(slot))
		return false;
	if (!is_late(job, now))
		take_end(coordinator, job, run, now);
	hold_end(coordinator, job, now);
	return true;
}

void hold_void(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct slot *slot = job->slot;
	struct job **at = &slot->first;
	job->held = false;
	job->announced = true; /* its first step was, when it began to be held, and that begins once more */
	runs_drop(coordinator, slot, now);
	/* If it has ended since the write began, that waits behind the job. */
	for (struct job *next; (next = *at) != NULL;) {
		if (next->input.kind == INPUT_RETURNED) {
			*at = next->next;
			job_free(coordinator, next);
		} else {
			at = &next->next;
		}
	}
	slot->last = at;
}

void hold_put_back(struct coordinator *coordinator, struct slot *slot, nanos now)
{
	struct job *job = slot->current;
	timers_unset(&coordinator->again, &job->again);
	coordinator->held--;
	hold_void(coordinator, job, now);
	record_free(job->record);
	job->record = NULL;
	job->action = (struct action){0};
	job->doing = JOB_IDLE;
	slot->current = NULL;
	coordinator->busy--;
	job->next = slot->first;
	slot->first = job;
	if (job->next == NULL)
		slot->last = &job->next;
}
