/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/upload/pipeline_private.h"

/* The minimum time that a step is suspended before uploads end because of it. */
#define SUSPENDED_LEAST HOUR

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

void pipeline_hold(const struct pipeline *pipeline, const struct upload *upload, struct status *status, nanos now)
{
	status->outcome = OUTCOME_NONE;
	status->gone_since = 0;
	status->phase = PHASE_AWAITING;
	status->awaited = false;
	status->held = true;
	status->due = now + pipeline_current_step(pipeline, upload, status)->hold_limit;
}

void pipeline_put_off(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                      const struct input *input, struct action *action, nanos now)
{
	char why[REASON_SIZE];
	nanos until = input->until > now + WAIT_LEAST ? input->until : now + WAIT_LEAST;
	if (!is_to_have(pipeline_current_step(pipeline, upload, status), status, input, now, why)) {
		status_set_reason(status, why);
		pipeline_fail(pipeline, upload, status, action, now);
		return;
	}
	status->outcome = OUTCOME_NONE;
	status->gone_since = 0;
	if (input->returned == RETURNED_AWAIT) {
		pipeline_await(status, until, action);
		return;
	}
	status->phase = PHASE_WAITING;
	status->held = false;
	status->woken_at = 0;
	status->due = until;
	status->waits++;
}

struct action pipeline_hold_ended(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
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
	pipeline_conclude(pipeline, upload, status, input->outcome, &action, now);
	pipeline_put(status, &action, now);
	return action;
}

void pipeline_end_hold(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                       struct action *action, nanos now)
{
	enum outcome outcome = pipeline_current_step(pipeline, upload, status)->hold_outcome;
	action->hold_expired = true;
	pipeline_lead_reason(status, HOLD_EXPIRED);
	if (outcome == OUTCOME_CONTINUE)
		pipeline_pass_over(pipeline, upload, status, action, now);
	else
		pipeline_reject(pipeline, upload, status, outcome == OUTCOME_DELETE ? outcome : OUTCOME_ABORT, true, action,
		                now);
}

void pipeline_run_again(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                        const struct input *input, struct action *action, nanos now)
{
	if (input->stream == status->stream && input->sequence > status->answered)
		status->answered = input->sequence;
	action->hold_resumed = status->held;
	status->held = false;
	status->phase = PHASE_QUEUED;
	status->due = now + pipeline_current_step(pipeline, upload, status)->deadline;
	action->run = true;
	pipeline_keep(status, action);
}
