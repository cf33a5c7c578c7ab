/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/coordinator_private.h"

/* If the end is noticed so long after the beginning, the process was stopped: others may have ended the upload. */
#define TIMEOUT MINUTE

void coalescing_set_stream(struct coordinator *coordinator, const struct stream_facts *facts)
{
	struct write_coalescing *coalescing = &coordinator->coalescing;
	/* The event must not be redelivered while its record is about to be written. */
	nanos longest = facts->ack_wait / 4;
	coalescing->before = facts->last;
	coalescing->limit = facts->coalescing_limit;
	coalescing->longest = longest < coordinator->options.coalescing ? longest : coordinator->options.coalescing;
}

static bool is_to_coalesce(const struct coordinator *coordinator, const struct job *job)
{
	const struct active_upload *active = job->active;
	const struct input *input = &job->input;
	if (input->kind != INPUT_BEGIN || !job->action.run || input->redelivered ||
	    input->sequence <= coordinator->coalescing.before)
		return false;
	/* It may wait for long, and people look for its record. */
	if (step_is_suspended(coordinator, record_step(coordinator, job->record)))
		return false;
	/* An event of the gap may have been delivered before. */
	if (job->source == NULL || job->source->of_gap)
		return false;
	if (coordinator->coalescing.longest == 0 || coordinator->coalescing.count >= coordinator->coalescing.limit ||
	    coordinator->stopping)
		return false;
	/* Only if there is probably no record. */
	return !job->loaded && active->known != ACTIVE_PRESENT && !active->expected && !active_busy(active);
}

/* How long the job may coalesce: at most as long as its step may run, as nothing watches the deadline meanwhile. */
static nanos coalescing_limit(const struct coordinator *coordinator, const struct record *record)
{
	nanos deadline = pipeline_current_step(&coordinator->options.pipeline, record->upload, &record->status)->deadline;
	return deadline < coordinator->coalescing.longest ? deadline : coordinator->coalescing.longest;
}

bool coalescing_is_on(const struct active_upload *active)
{
	return active->current != NULL && active->current->doing == JOB_COALESCING;
}

bool coalescing_begin(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct active_upload *active = job->active;
	if (!is_to_coalesce(coordinator, job))
		return false;
	job_set_timer(coordinator, job, now + coalescing_limit(coordinator, job->record));
	announce_step(coordinator, job, job->record, now);
	job->doing = JOB_COALESCING;
	job->coalesced = true;
	job->action.run = false;
	coordinator->coalescing.count++;
	size_t step = record_step(coordinator, job->record);
	if (dispatch_take(coordinator, active, job->record->upload, step))
		runs_launch(coordinator, active, job->record);
	else
		dispatch_wait(coordinator, active, job->record, step, false, now);
	return true;
}

static bool is_late(const struct job *job, nanos now)
{
	return now - job->record->status.published_at > TIMEOUT;
}

void coalescing_end(struct coordinator *coordinator, struct job *job, nanos now)
{
	job_unset_timer(coordinator, job);
	coordinator->coalescing.count--;
	if (!is_late(job, now)) {
		job_write(coordinator, job, now);
		return;
	}
	coalescing_void(coordinator, job, now);
	event_give_back(coordinator, &job->source);
	job_finish(coordinator, job, now);
}

void coalescing_check_stop(struct coordinator *coordinator, nanos now)
{
	if (coordinator->stopping && coordinator->coalescing.count > 0)
		jobs_hasten(coordinator, now);
}

/* BEGIN has been applied to the job's record. Applies the end of the run to it. */
static void take_end(struct coordinator *coordinator, struct job *job, struct run *run, nanos now)
{
	struct record *record = job->record;
	runs_pass(run, job);
	struct input input = job->input;
	input.kind = INPUT_RETURNED;
	size_t step = record->status.step;
	job->action =
		pipeline_apply(&coordinator->options.pipeline, record->upload, true, &record->status, &input, true, now);
	if (job->action.ignored == NULL)
		record->history = job_add_history(job, &input, record->upload, step, record->history);
	job->announced = false;     /* the step that is entered now has not been announced */
	(void)job_take_result(job); /* it is the run's, which is moved and not copied */
}

bool coalescing_returned(struct coordinator *coordinator, struct active_upload *active, struct run *run, nanos now)
{
	struct job *job = active->current;
	if (!coalescing_is_on(active))
		return false;
	if (!is_late(job, now))
		take_end(coordinator, job, run, now);
	coalescing_end(coordinator, job, now);
	return true;
}

void coalescing_void(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct active_upload *active = job->active;
	struct job **at = &active->first;
	job->coalesced = false;
	job->announced = true; /* the first step, which runs once more, has been announced */
	runs_drop(coordinator, active, now);
	/* If the run has ended since the write was sent, a job with that waits behind this one: it is void, too. */
	for (struct job *next; (next = *at) != NULL;) {
		if (next->input.kind == INPUT_RETURNED) {
			*at = next->next;
			job_free(coordinator, next);
		} else {
			at = &next->next;
		}
	}
	active->last = at;
}

void coalescing_put_back(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	struct job *job = active->current;
	job_unset_timer(coordinator, job);
	coordinator->coalescing.count--;
	coalescing_void(coordinator, job, now);
	record_free(job->record);
	job->record = NULL;
	job->action = (struct action){0};
	job->doing = JOB_IDLE;
	active_put_back_job(coordinator, active);
}
