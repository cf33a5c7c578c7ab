/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upload/pipeline.h"

#include <stdio.h>
#include <string.h>

/* No backoff is longer. */
#define BACKOFF_LIMIT (365 * 24 * HOUR)
/* The minimum wait; otherwise a step that asks for no wait would run and be written in a loop. */
#define WAIT_LEAST (100 * MILLISECOND)
/* The minimum time that a step is suspended before uploads end because of it. */
#define SUSPENDED_LEAST HOUR
/* How long a URL may answer that the bytes no longer exist, as it does while storage restarts behind a proxy. */
#define GONE_TIMEOUT (10 * MINUTE)

const struct pipeline_step *pipeline_current_step(const struct pipeline *pipeline, const struct upload *upload,
                                                  const struct status *status)
{
	for (size_t i = 0; i < pipeline->count; i++)
		if (strcmp(pipeline->step[i].name, upload->step[status->step]) == 0)
			return &pipeline->step[i];
	return &pipeline->other;
}

static bool all_done(const struct upload *upload, const struct status *status)
{
	return status->step >= upload->step_count;
}

/* base · 2^(n-1), n from 1. */
static nanos doubled(nanos base, unsigned n, nanos limit)
{
	for (; n > 1 && base < limit; n--)
		base *= 2;
	return base < limit ? base : limit;
}

/* A write without progress: pending messages stay pending under their transition number. */
static void keep(struct status *status, struct action *action)
{
	action->write = WRITE_PUT;
	status->transition++;
}

static nanos backoff_at(const struct pipeline *pipeline, const struct upload *upload, const struct status *status,
                        nanos now)
{
	const struct pipeline_step *limits = pipeline_current_step(pipeline, upload, status);
	/* A record may name any number of failures; the next one beyond the last retry ends the step in any case. */
	unsigned failures = status->failures < limits->max_retries ? status->failures : limits->max_retries;
	if (status->gone_since == 0)
		return doubled(limits->retry_backoff, failures, BACKOFF_LIMIT);
	nanos left = status->gone_since + GONE_TIMEOUT - now;
	return doubled(limits->retry_backoff, status->failures, left > WAIT_LEAST ? left : WAIT_LEAST);
}

nanos pipeline_backoff(const struct pipeline *pipeline, const struct upload *upload, const struct status *status)
{
	return backoff_at(pipeline, upload, status, status->published_at);
}

static void put(struct status *status, struct action *action, nanos now)
{
	keep(status, action);
	/* The status itself records whether storage was asked for a new URL. */
	status->publish = action->publish & ~(unsigned)PUBLISH_RESTART;
	status->published = status->transition;
	status->published_at = now;
}

/* What was noted of a step does not pass into the next one. */
static void move_to(struct status *status, size_t step)
{
	status->step = step;
	status->awaited = false;
	status->held = false;
	status->failures = 0;
	status->crashes = 0;
	status->woken_at = 0;
	status->waits = 0;
	status->gone_since = 0;
}

/* All steps are done, or one ended it. */
static void finish(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                   enum outcome outcome, struct action *action, nanos now)
{
	move_to(status, upload->step_count);
	status->outcome = outcome;
	status->phase = PHASE_CONFIRMING;
	status->confirmations = 1;
	status->due = now + pipeline->confirm_interval;
	status->ended_at = now;
	action->publish |= PUBLISH_FINISHED;
}

/* The current step ends the upload, with or without a verdict. */
static void reject(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                   enum outcome outcome, bool exhausted, struct action *action, nanos now)
{
	status->decided = status->step + 1;
	status->exhausted = exhausted;
	finish(pipeline, upload, status, outcome, action, now);
}

static void await_others(struct status *status, nanos until, struct action *action)
{
	status->phase = PHASE_AWAITING;
	status->awaited = true;
	status->held = false;
	status->due = until;
	action->publish |= PUBLISH_START;
}

static void enter_step(const struct pipeline *pipeline, const struct upload *upload, struct status *status, size_t step,
                       struct action *action, nanos now)
{
	move_to(status, step);
	status->reason[0] = '\0';
	if (all_done(upload, status)) {
		finish(pipeline, upload, status, OUTCOME_CONTINUE, action, now);
		return;
	}
	const struct pipeline_step *limits = pipeline_current_step(pipeline, upload, status);
	status->outcome = OUTCOME_NONE;
	status->phase = PHASE_QUEUED;
	status->due = now + limits->deadline;
	if (limits == &pipeline->other)
		await_others(status, status->due, action);
	else
		action->run = action->announce = true;
}

/* The upload continues without the verdict of its current step. */
static void pass_over(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                      struct action *action, nanos now)
{
	action->passed = true;
	action->passed_step = status->step;
	action->passed_failures = status->failures;
	memcpy(action->why_passed, status->reason, sizeof action->why_passed);
	enter_step(pipeline, upload, status, status->step + 1, action, now);
}

nanos pipeline_came(const struct pipeline_step *limits, const struct status *status)
{
	bool queued = status->phase == PHASE_QUEUED || status->phase == PHASE_RUNNING;
	return queued ? status->due - limits->deadline : status->due;
}

nanos pipeline_suspended_until(const struct pipeline_step *limits, nanos came, nanos suspended)
{
	nanos least = limits->check_limit < SUSPENDED_LEAST ? limits->check_limit : SUSPENDED_LEAST;
	nanos until = came < TIME_LAST - limits->check_limit ? came + limits->check_limit : TIME_LAST;
	return until > suspended + least ? until : suspended + least;
}

/* The current step is abandoned without a verdict. */
static void exhaust(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                    struct action *action, nanos now)
{
	if (pipeline_current_step(pipeline, upload, status)->continue_when_exhausted)
		pass_over(pipeline, upload, status, action, now);
	else
		reject(pipeline, upload, status, OUTCOME_ABORT, true, action, now);
}

static void try_again_later(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                            struct action *action, nanos now)
{
	action->publish |= PUBLISH_RETRY;
	status->phase = PHASE_BACKOFF;
	status->outcome = OUTCOME_RETRY;
	status->held = false;
	status->woken_at = 0;
	status->waits = 0;
	status->due = now + backoff_at(pipeline, upload, status, now);
}

/* The current step failed to reach a verdict. */
static void fail(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                 struct action *action, nanos now)
{
	status->gone_since = 0;
	status->failures++;
	if (status->failures > pipeline_current_step(pipeline, upload, status)->max_retries) {
		exhaust(pipeline, upload, status, action, now);
		return;
	}
	try_again_later(pipeline, upload, status, action, now);
}

static void give_reason(struct status *status, const char *lead)
{
	char reason[REASON_SIZE + 64];
	snprintf(reason, sizeof reason, "%s: %s", lead, status->reason);
	status_set_reason(status, reason);
}

/* The server answers that the bytes no longer exist at this URL. They may have another URL, which storage sends when it
 * is asked to restart the upload. This is done once. Until then the step is retried, regardless of its retries. The
 * upload is hopeless if the second URL answers the same, even after a pause, or if no new URL arrives within ten
 * minutes. */
static void fail_gone(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                      struct action *action, nanos now)
{
	if (status->gone_since == 0 || status->gone_since > now)
		status->gone_since = now;
	if (now - status->gone_since >= GONE_TIMEOUT || (status->renewed && status->failures > 0)) {
		give_reason(status, "the bytes are gone");
		reject(pipeline, upload, status, OUTCOME_ABORT, true, action, now);
		return;
	}
	if (status->asked_at == 0) {
		status->asked_at = now;
		action->publish |= PUBLISH_RESTART;
	}
	if (!status->renewed)
		give_reason(status, "storage was asked for a new URL");
	if (status->failures < UPLOAD_FAILURES_LIMIT)
		status->failures++;
	try_again_later(pipeline, upload, status, action, now);
}

/* The module crashed while it had the upload. It is tried again, but not as often as it may fail. */
static void fail_crashed(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                         struct action *action, nanos now)
{
	const struct pipeline_step *limits = pipeline_current_step(pipeline, upload, status);
	char lead[48];
	status->crashes++;
	if (limits->max_crashes == 0 || status->crashes < limits->max_crashes) {
		fail(pipeline, upload, status, action, now);
		return;
	}
	snprintf(lead, sizeof lead, "%u crashes (max_crashes)", status->crashes);
	give_reason(status, lead);
	reject(pipeline, upload, status, OUTCOME_ABORT, true, action, now);
}

static void conclude(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                     enum outcome outcome, struct action *action, nanos now)
{
	switch (outcome) {
	case OUTCOME_CONTINUE:
		enter_step(pipeline, upload, status, status->step + 1, action, now);
		break;
	case OUTCOME_ABORT:
	case OUTCOME_DELETE:
		reject(pipeline, upload, status, outcome, false, action, now);
		break;
	default: /* whatever else it is, it is no verdict */
		fail(pipeline, upload, status, action, now);
	}
}

/* The event is older than the one that began this pass of the upload. */
static bool stale(const struct status *status, const struct input *input)
{
	return status->begun != 0 && status->stream == input->stream && input->sequence < status->begun;
}

static struct action ignore(const char *why)
{
	return (struct action){.ignored = why};
}

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
		enter_step(pipeline, upload, status, 0, &action, now);
		status->gone_since = all_done(upload, status) ? 0 : gone_since;
	} else {
		status_set_reason(status, input->refused);
		finish(pipeline, upload, status, OUTCOME_ABORT, &action, now);
	}
	action.mark = action.run && (input->redelivered || feared);
	put(status, &action, now);
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
	conclude(pipeline, upload, status, input->outcome, &action, now);
	put(status, &action, now);
	return action;
}

/* An administrator has decided on an upload that is held. */
static struct action hold_ended(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                                const struct input *input, nanos now)
{
	if (stale(status, input))
		return ignore("the upload has been restarted since");
	if (!status->held || strcmp(input->step, upload->step[status->step]) != 0)
		return ignore("the upload is not held in that step");
	if (input->stream == status->stream && input->sequence <= status->answered)
		return ignore("this decision has already been counted");
	if (input->outcome == OUTCOME_NONE || input->outcome == OUTCOME_RETRY)
		return ignore("it is no decision");
	struct action action = {0};
	status->answered = input->sequence;
	status_set_reason(status, input->reason != NULL ? input->reason : "");
	conclude(pipeline, upload, status, input->outcome, &action, now);
	put(status, &action, now);
	return action;
}

/* Nobody has decided in time. */
static void end_hold(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                     struct action *action, nanos now)
{
	enum outcome outcome = pipeline_current_step(pipeline, upload, status)->hold_outcome;
	action->hold_expired = true;
	give_reason(status, "held until its hold_limit");
	if (outcome == OUTCOME_CONTINUE)
		pass_over(pipeline, upload, status, action, now);
	else
		reject(pipeline, upload, status, outcome == OUTCOME_DELETE ? outcome : OUTCOME_ABORT, true, action, now);
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
		status->outcome = OUTCOME_ABORT;
		status_set_reason(status, "storage ended it before all steps were done");
	}
	status->step = upload->step_count;
	status->gone_since = 0;
	status->held = false;
	status->phase = PHASE_ENDED;
	status->due = 0;
	put(status, &action, now);
	return action;
}

static struct action clean(bool present, const struct status *status, const struct input *input, bool busy)
{
	if (present && stale(status, input))
		return ignore("the upload has been restarted since");
	return (struct action){.drop = busy, .write = WRITE_DELETE};
}

static void wake(struct status *status, struct action *action)
{
	if (status->phase == PHASE_WAITING)
		status->woken_at = status->due;
	action->run = true;
}

/* The step of a held upload has another look at it. If it holds the upload again, older decisions do not count. */
static void run_again(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                      const struct input *input, struct action *action, nanos now)
{
	if (input->stream == status->stream && input->sequence > status->answered)
		status->answered = input->sequence;
	status->held = false;
	status->phase = PHASE_QUEUED;
	status->due = now + pipeline_current_step(pipeline, upload, status)->deadline;
	action->run = true;
	keep(status, action);
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
		wake(status, &action);
		action.mark = input->mark;
		keep(status, &action);
		return action;
	case PHASE_QUEUED:
	case PHASE_RUNNING:
	case PHASE_BACKOFF:
		action.run = true;
		action.mark = status->phase == PHASE_BACKOFF || input->mark;
		if (input->claim)
			keep(status, &action);
		return action;
	case PHASE_AWAITING:
		if (status->held) {
			run_again(pipeline, upload, status, input, &action, now);
			action.mark = input->mark;
			return action;
		}
		await_others(status, now + pipeline_current_step(pipeline, upload, status)->deadline, &action);
		break;
	case PHASE_CONFIRMING:
	case PHASE_UNCONFIRMED:
		finish(pipeline, upload, status, status->outcome, &action, now);
		break;
	}
	put(status, &action, now);
	return action;
}

/* Whether the step may ask for this time. False: why[REASON_SIZE] has the reason. */
static bool is_to_have(const struct pipeline_step *limits, const struct status *status, const struct input *input,
                       nanos now, char *why)
{
	char time[TIME_TEXT_SIZE], limit[DURATION_TEXT_SIZE];
	/* Another service's answer has at least the time that a run has. */
	nanos most =
		input->returned == RETURNED_AWAIT && limits->deadline > limits->max_wait ? limits->deadline : limits->max_wait;
	/* If the clock was set back in the meantime, the present time is acceptable. */
	nanos began = input->began < now ? input->began : now;
	if (input->until < began)
		snprintf(why, REASON_SIZE, "the step asked to wait until %s, which is before its run began",
		         time_format(input->until, time));
	else if (input->until > now && input->until - now > most)
		snprintf(why, REASON_SIZE, "the step asked to wait until %s, longer than max_wait (%s) allows",
		         time_format(input->until, time), duration_format(most, limit));
	else if (input->returned == RETURNED_WAIT && status->waits >= limits->max_waits)
		snprintf(why, REASON_SIZE, "the step asked to wait more than %u times (max_waits)", limits->max_waits);
	else
		return true;
	return false;
}

/* The step wants people to decide. Others are not asked, so their answers do not count. */
static void hold(const struct pipeline *pipeline, const struct upload *upload, struct status *status, nanos now)
{
	status->outcome = OUTCOME_NONE;
	status->gone_since = 0;
	status->phase = PHASE_AWAITING;
	status->awaited = false;
	status->held = true;
	status->due = now + pipeline_current_step(pipeline, upload, status)->hold_limit;
}

/* The step asks to run again at a certain time, or for an answer of another service until then. */
static void put_off(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                    const struct input *input, struct action *action, nanos now)
{
	char why[REASON_SIZE];
	nanos until = input->until > now + WAIT_LEAST ? input->until : now + WAIT_LEAST;
	if (!is_to_have(pipeline_current_step(pipeline, upload, status), status, input, now, why)) {
		status_set_reason(status, why);
		fail(pipeline, upload, status, action, now);
		return;
	}
	status->outcome = OUTCOME_NONE;
	status->gone_since = 0;
	if (input->returned == RETURNED_AWAIT) {
		await_others(status, until, action);
		return;
	}
	status->phase = PHASE_WAITING;
	status->held = false;
	status->woken_at = 0;
	status->due = until;
	status->waits++;
}

static struct action returned(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                              const struct input *input, nanos now)
{
	if (all_done(upload, status) || status->transition != input->transition)
		return ignore("the upload has moved on since the run began");
	struct action action = {0};
	status_set_reason(status, input->reason);
	if (input->returned == RETURNED_HOLD) {
		hold(pipeline, upload, status, now);
	} else if (input->returned != RETURNED_VERDICT) {
		put_off(pipeline, upload, status, input, &action, now);
	} else {
		bool verdict =
			input->outcome == OUTCOME_CONTINUE || input->outcome == OUTCOME_ABORT || input->outcome == OUTCOME_DELETE;
		if (verdict && input->result) {
			action.publish |= PUBLISH_STEP_FINISHED;
			status->finished_step = status->step;
			status->finished_outcome = input->outcome;
		}
		if (input->gone && !verdict)
			fail_gone(pipeline, upload, status, &action, now);
		else if (input->crashed && !verdict)
			fail_crashed(pipeline, upload, status, &action, now);
		else
			conclude(pipeline, upload, status, input->outcome, &action, now);
	}
	put(status, &action, now);
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
	wake(status, &action);
	if (!input->mark || status->phase == PHASE_RUNNING)
		return action;
	status->phase = PHASE_RUNNING;
	status->outcome = OUTCOME_NONE;
	status->due = now + pipeline_current_step(pipeline, upload, status)->deadline;
	keep(status, &action);
	return action;
}

/* The step is not to blame. Without the mark, the next start does not count a failure. */
static struct action stopped(const struct upload *upload, struct status *status, const struct input *input)
{
	if (all_done(upload, status) || status->phase != PHASE_RUNNING || status->transition != input->transition)
		return ignore("it is not marked as running");
	struct action action = {0};
	status->phase = PHASE_QUEUED;
	keep(status, &action);
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
	exhaust(pipeline, upload, status, &action, now);
	put(status, &action, now);
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
		wake(status, &action);
		action.mark = status->phase == PHASE_BACKOFF;
		return action;
	case PHASE_AWAITING:
		if (status->held) {
			end_hold(pipeline, upload, status, &action, now);
			break;
		}
		status_set_reason(status, "no answer arrived before the deadline");
		fail(pipeline, upload, status, &action, now);
		break;
	case PHASE_CONFIRMING:
		if (status->confirmations >= pipeline->confirm_limit) {
			status->phase = PHASE_UNCONFIRMED;
			status->due = 0;
		} else {
			status->confirmations++;
			status->ended_at = now;
			status->due =
				now + doubled(pipeline->confirm_interval, status->confirmations, pipeline->confirm_interval_limit);
			action.publish |= PUBLISH_FINISHED;
		}
		break;
	case PHASE_UNCONFIRMED:
	case PHASE_ENDED:
		return ignore("nothing is due");
	}
	put(status, &action, now);
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
		enter_step(pipeline, upload, status, status->step, &action, now);
		action.announce = false; /* as it did who entered it */
		status->failures = failures;
		/* It may have sent a request, so an answer counts. */
		status->awaited = true;
	}
	put(status, &action, now);
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
		keep(status, &action);
	} else if (status->phase == PHASE_RUNNING) {
		status_set_reason(status, "the service stopped while the step was running");
		fail(pipeline, upload, status, &action, now);
		put(status, &action, now);
		return action;
	}
	if (status->phase == PHASE_QUEUED || overdue(status, now)) {
		wake(status, &action);
		action.mark = true;
	}
	if (input->claim)
		keep(status, &action);
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
		return hold_ended(pipeline, upload, status, input, now);
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
