/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/upload/pipeline_private.h"

/* Whether the event repeats the one that began an upload that has just ended. */
static bool is_repeat(const struct pipeline *pipeline, const struct input *input)
{
	return input->past.ended_at != 0 && input->past.begun != 0 && input->past.stream == input->stream &&
	       input->past.same_url && input->sequence > input->past.begun &&
	       input->stored <= input->past.ended_at + pipeline->confirm_interval && input->restart != RESTART_ASKED;
}

static struct action begin(const struct pipeline *pipeline, const struct upload *upload, bool present,
                           struct status *status, const struct input *input, bool busy, nanos now)
{
	if (present && stale(status, input))
		return ignore("the upload has been restarted since");
	if (present && status->begun == input->sequence && status->stream == input->stream)
		return ignore("it has already begun");
	if (present && status->phase == PHASE_ENDED && status->stream == input->stream &&
	    input->sequence < status->answered)
		return ignore("it has ended since");
	/* Storage reads of its end behind the question that this answers, and is told it until it confirms. */
	if (present && status->phase == PHASE_CONFIRMING && status->asked_at != 0 && !status->renewed)
		return ignore("it ended before storage sent a new URL");
	bool unwatched = status->phase == PHASE_UNCONFIRMED || status->phase == PHASE_ENDED;
	bool over = unwatched || status->phase == PHASE_CONFIRMING;
	if (present && input->refused != NULL && !unwatched)
		return ignore("it continues as it was begun");
	if ((!present || over) && is_repeat(pipeline, input))
		return input->restart == RESTART_UNKNOWN ? (struct action){.ask_restart = true} : ignore(PIPELINE_REPEAT);
	uint64_t transition = present ? status->transition : 0;
	/* That storage was asked for a new URL does not pass into another life of the upload. Told the same, it still
	 * waits. */
	bool under_way = present && !all_done(upload, status);
	nanos asked_at = under_way ? status->asked_at : 0,
		  gone_since = under_way && input->past.same_url ? status->gone_since : 0;
	bool renewed = asked_at != 0 && (status->renewed || !input->past.same_url);
	/* One of its steps may have crashed the process that had it. */
	bool feared = under_way && (input->mark || status->failures > 0 || status->phase == PHASE_RUNNING);
	*status = (struct status){.transition = transition,
	                          .begun = input->sequence,
	                          .stream = input->stream,
	                          .asked_at = asked_at,
	                          .renewed = renewed};
	struct action action = {.drop = busy};
	if (input->refused == NULL) {
		pipeline_enter(pipeline, upload, status, 0, &action, now);
		status->gone_since = all_done(upload, status) ? 0 : gone_since;
	} else {
		status_set_reason(status, input->refused);
		pipeline_finish(pipeline, upload, status, OUTCOME_ABORT, &action, now);
	}
	action.mark = action.run && (input->redelivered || feared);
	pipeline_put(status, &action, now);
	return action;
}

static struct action step_finished(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                                   const struct input *input, bool busy, nanos now)
{
	if (stale(status, input))
		return ignore("the upload has been restarted since");
	if (all_done(upload, status) || strcmp(input->step, upload->step[status->step]) != 0)
		return ignore("the upload is not in that step");
	if (!status->awaited)
		return ignore("no other service was asked to perform that step");
	if (status->phase == PHASE_BACKOFF && input->outcome == OUTCOME_RETRY)
		return ignore("its failure has already been counted");
	/* If it is redelivered after the backoff, it must not count as the answer to a later request. */
	if (input->stream == status->stream && input->sequence <= status->answered)
		return ignore("this answer has already been counted");
	struct action action = {.drop = busy};
	status->answered = input->sequence;
	/* Not what the step said when it asked for the answer. */
	status_set_reason(status, input->reason != NULL ? input->reason : "");
	pipeline_conclude(pipeline, upload, status, input->outcome, &action, now);
	pipeline_put(status, &action, now);
	return action;
}

static struct action ready(const struct upload *upload, struct status *status, const struct input *input, bool busy,
                           nanos now)
{
	if (stale(status, input))
		return ignore("the upload has been restarted since");
	if (input->failed && status->phase == PHASE_ENDED)
		return ignore("it is already marked as ended");
	struct action action = {.drop = busy, .write = WRITE_DELETE};
	if (!input->failed)
		return action;
	/* Older events that arrive late do not begin the upload again. */
	status->answered = status->stream == input->stream ? input->sequence : 0;
	if (!all_done(upload, status)) {
		char reason[REASON_SIZE];
		snprintf(reason, sizeof reason, "%.80s in step %s",
		         input->reason != NULL && input->reason[0] != '\0' ? input->reason : "storage ended it",
		         status_step_name(upload, status));
		status->outcome = OUTCOME_ABORT;
		status_set_reason(status, reason);
	}
	status->step = upload->step_count;
	status->gone_since = 0;
	status->held = false;
	status->phase = PHASE_ENDED;
	status->due = 0;
	pipeline_put(status, &action, now);
	return action;
}

static struct action clean(bool present, const struct status *status, const struct input *input, bool busy)
{
	if (present && stale(status, input))
		return ignore("the upload has been restarted since");
	return (struct action){.drop = busy, .write = WRITE_DELETE};
}

static struct action resume(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                            const struct input *input, bool busy, nanos now)
{
	struct action action = {0};
	if (busy)
		return ignore("its step is running");
	switch (status->phase) {
	case PHASE_ENDED:
		return ignore("it has ended");
	case PHASE_WAITING:
		/* It becomes due now. This is written, so that it stays due if this instance dies before the run. */
		status->due = status->due < now ? status->due : now;
		pipeline_wake(status, &action);
		action.mark = input->mark;
		pipeline_keep(status, &action);
		return action;
	case PHASE_QUEUED:
	case PHASE_RUNNING:
	case PHASE_BACKOFF:
		action.run = true;
		action.mark = status->phase == PHASE_BACKOFF || input->mark;
		if (input->claim)
			pipeline_keep(status, &action);
		return action;
	case PHASE_AWAITING:
		if (status->held) {
			pipeline_run_again(pipeline, upload, status, input, &action, now);
			action.mark = input->mark;
			return action;
		}
		pipeline_await(status, now + pipeline_current_step(pipeline, upload, status)->deadline, &action);
		break;
	case PHASE_CONFIRMING:
	case PHASE_UNCONFIRMED:
		pipeline_finish(pipeline, upload, status, status->outcome, &action, now);
		break;
	}
	pipeline_put(status, &action, now);
	return action;
}

static struct action returned(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                              const struct input *input, nanos now)
{
	if (all_done(upload, status) || status->transition != input->transition)
		return ignore("the upload has moved on since the run began");
	struct action action = {0};
	status_set_reason(status, input->reason);
	if (input->returned == RETURNED_HOLD) {
		pipeline_hold(pipeline, upload, status, now);
	} else if (input->returned != RETURNED_VERDICT) {
		pipeline_put_off(pipeline, upload, status, input, &action, now);
	} else {
		bool verdict =
			input->outcome == OUTCOME_CONTINUE || input->outcome == OUTCOME_ABORT || input->outcome == OUTCOME_DELETE;
		if (verdict && input->result) {
			action.publish |= PUBLISH_STEP_FINISHED;
			status->finished_step = status->step;
			status->finished_outcome = input->outcome;
		}
		if (input->gone && !verdict)
			pipeline_fail_gone(pipeline, upload, status, &action, now);
		else if (input->crashed && !verdict)
			pipeline_fail_crashed(pipeline, upload, status, &action, now);
		else
			pipeline_conclude(pipeline, upload, status, input->outcome, &action, now);
	}
	pipeline_put(status, &action, now);
	return action;
}

/* Has the time come that a step asked for, or that a failure led to, and has what follows perhaps begun already? */
static bool overdue(const struct status *status, nanos now)
{
	return (status->phase == PHASE_WAITING || status->phase == PHASE_BACKOFF) && status->due <= now;
}

/* Whether the upload still needs its turn. A resumed upload does not wait for the end of a backoff. */
static bool is_to_run(const struct status *status, nanos now)
{
	switch (status->phase) {
	case PHASE_QUEUED:
	case PHASE_RUNNING:
	case PHASE_BACKOFF:
		return true;
	case PHASE_WAITING:
		return status->due <= now;
	default:
		return false;
	}
}

static struct action starting(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                              const struct input *input, nanos now)
{
	if (all_done(upload, status) || !is_to_run(status, now))
		return ignore("it no longer needs to run");
	struct action action = {0};
	pipeline_wake(status, &action);
	if (!input->mark || status->phase == PHASE_RUNNING)
		return action;
	status->phase = PHASE_RUNNING;
	status->outcome = OUTCOME_NONE;
	status->due = now + pipeline_current_step(pipeline, upload, status)->deadline;
	pipeline_keep(status, &action);
	return action;
}

/* The step is not to blame. Without the mark, the next start does not count a failure. */
static struct action stopped(const struct upload *upload, struct status *status, const struct input *input)
{
	if (all_done(upload, status) || status->phase != PHASE_RUNNING || status->transition != input->transition)
		return ignore("it is not marked as running");
	struct action action = {0};
	status->phase = PHASE_QUEUED;
	pipeline_keep(status, &action);
	return action;
}

static struct action expired(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                             const struct input *input, bool busy, nanos now)
{
	if (all_done(upload, status) || !is_to_run(status, now))
		return ignore("it is not waiting for its turn");
	const struct pipeline_step *limits = pipeline_current_step(pipeline, upload, status);
	if (now < pipeline_suspended_until(limits, pipeline_came(limits, status), input->suspended))
		return ignore("it may wait longer for its step");
	struct action action = {.drop = busy};
	status_set_reason(status, input->reason);
	pipeline_exhaust(pipeline, upload, status, &action, now);
	pipeline_put(status, &action, now);
	return action;
}

static struct action due(const struct pipeline *pipeline, const struct upload *upload, struct status *status, bool busy,
                         nanos now)
{
	struct action action = {0};
	if (busy || status->due == 0 || status->due > now)
		return ignore("it is not due");
	switch (status->phase) {
	case PHASE_WAITING:
	case PHASE_QUEUED:
	case PHASE_RUNNING:
	case PHASE_BACKOFF:
		pipeline_wake(status, &action);
		action.mark = status->phase == PHASE_BACKOFF;
		return action;
	case PHASE_AWAITING:
		if (status->held) {
			pipeline_end_hold(pipeline, upload, status, &action, now);
			break;
		}
		status_set_reason(status, "no answer arrived before the deadline");
		pipeline_fail(pipeline, upload, status, &action, now);
		break;
	case PHASE_CONFIRMING:
		if (status->confirmations >= pipeline->confirm_limit) {
			status->phase = PHASE_UNCONFIRMED;
			status->due = 0;
		} else {
			status->confirmations++;
			status->ended_at = now;
			status->due = now + pipeline_doubled(pipeline->confirm_interval, status->confirmations,
			                                     pipeline->confirm_interval_limit);
			action.publish |= PUBLISH_FINISHED;
		}
		break;
	case PHASE_UNCONFIRMED:
	case PHASE_ENDED:
		return ignore("nothing is due");
	}
	pipeline_put(status, &action, now);
	return action;
}

/* A record of another implementation contains no times. */
static struct action adopt(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                           nanos now)
{
	struct action action = {0};
	unsigned failures = status->failures;
	if (all_done(upload, status)) {
		status->confirmations = 1;
		status->due = now + pipeline->confirm_interval;
	} else if (status->phase == PHASE_BACKOFF) {
		status->due = now + pipeline_backoff(pipeline, upload, status);
	} else {
		pipeline_enter(pipeline, upload, status, status->step, &action, now);
		action.announce = false; /* as it did who entered it */
		status->failures = failures;
		/* It may have sent a request, so an answer counts. */
		status->awaited = true;
	}
	pipeline_put(status, &action, now);
	return action;
}

static struct action found(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                           const struct input *input, bool busy, nanos now)
{
	if (busy || status->phase == PHASE_ENDED || status->phase == PHASE_UNCONFIRMED)
		return ignore("there is nothing to do");
	if (input->foreign)
		return adopt(pipeline, upload, status, now);
	struct action action = {0};
	if (status->phase == PHASE_RUNNING && input->spared) {
		status->phase = PHASE_QUEUED;
		pipeline_keep(status, &action);
	} else if (status->phase == PHASE_RUNNING) {
		status_set_reason(status, "the service stopped while the step was running");
		pipeline_fail(pipeline, upload, status, &action, now);
		pipeline_put(status, &action, now);
		return action;
	}
	if (status->phase == PHASE_QUEUED || overdue(status, now)) {
		pipeline_wake(status, &action);
		action.mark = true;
	}
	if (input->claim)
		pipeline_keep(status, &action);
	return action;
}

struct action pipeline_apply(const struct pipeline *pipeline, const struct upload *upload, bool present,
                             struct status *status, const struct input *input, bool busy, nanos now)
{
	if (input->kind == INPUT_BEGIN)
		return begin(pipeline, upload, present, status, input, busy, now);
	if (input->kind == INPUT_REFUSED)
		return (struct action){.publish = PUBLISH_REFUSAL};
	if (input->kind == INPUT_CLEAN)
		return clean(present, status, input, busy);
	if (!present) {
		/* Only storage knows what happened to the upload, so its own confirmation is enough. */
		if (input->kind == INPUT_RESUME || (input->lost && input->kind != INPUT_READY))
			return (struct action){.publish = PUBLISH_RESTART, .drop = busy};
		return (struct action){.drop = busy, .ignored = "there is no such upload"};
	}
	switch (input->kind) {
	case INPUT_STEP_FINISHED:
		return step_finished(pipeline, upload, status, input, busy, now);
	case INPUT_HOLD_ENDED:
		return pipeline_hold_ended(pipeline, upload, status, input, now);
	case INPUT_READY:
		return ready(upload, status, input, busy, now);
	case INPUT_RESUME:
		return resume(pipeline, upload, status, input, busy, now);
	case INPUT_RETURNED:
		return returned(pipeline, upload, status, input, now);
	case INPUT_STARTING:
		return starting(pipeline, upload, status, input, now);
	case INPUT_DUE:
		return due(pipeline, upload, status, busy, now);
	case INPUT_FOUND:
		return found(pipeline, upload, status, input, busy, now);
	case INPUT_STOPPED:
		return stopped(upload, status, input);
	case INPUT_EXPIRED:
		return expired(pipeline, upload, status, input, busy, now);
	case INPUT_DOUBT:
		return ignore("its record exists");
	case INPUT_BEGIN:
	case INPUT_REFUSED:
	case INPUT_CLEAN:
		break;
	}
	return ignore("unknown input");
}
