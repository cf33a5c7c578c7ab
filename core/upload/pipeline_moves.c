/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/upload/pipeline_private.h"

/* No backoff is longer. */
#define BACKOFF_LIMIT (365 * 24 * HOUR)
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

nanos pipeline_doubled(nanos base, unsigned n, nanos limit)
{
	for (; n > 1 && base < limit; n--)
		base *= 2;
	return base < limit ? base : limit;
}

void pipeline_keep(struct status *status, struct action *action)
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
		return pipeline_doubled(limits->retry_backoff, failures, BACKOFF_LIMIT);
	nanos left = status->gone_since + GONE_TIMEOUT - now;
	return pipeline_doubled(limits->retry_backoff, status->failures, left > WAIT_LEAST ? left : WAIT_LEAST);
}

nanos pipeline_backoff(const struct pipeline *pipeline, const struct upload *upload, const struct status *status)
{
	return backoff_at(pipeline, upload, status, status->published_at);
}

void pipeline_put(struct status *status, struct action *action, nanos now)
{
	pipeline_keep(status, action);
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

void pipeline_finish(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
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

void pipeline_reject(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                     enum outcome outcome, bool exhausted, struct action *action, nanos now)
{
	status->decided = status->step + 1;
	status->exhausted = exhausted;
	pipeline_finish(pipeline, upload, status, outcome, action, now);
}

void pipeline_await(struct status *status, nanos until, struct action *action)
{
	status->phase = PHASE_AWAITING;
	status->awaited = true;
	status->held = false;
	status->due = until;
	action->publish |= PUBLISH_START;
}

void pipeline_enter(const struct pipeline *pipeline, const struct upload *upload, struct status *status, size_t step,
                    struct action *action, nanos now)
{
	move_to(status, step);
	status->reason[0] = '\0';
	if (all_done(upload, status)) {
		pipeline_finish(pipeline, upload, status, OUTCOME_CONTINUE, action, now);
		return;
	}
	const struct pipeline_step *limits = pipeline_current_step(pipeline, upload, status);
	status->outcome = OUTCOME_NONE;
	status->phase = PHASE_QUEUED;
	status->due = now + limits->deadline;
	if (limits == &pipeline->other)
		pipeline_await(status, status->due, action);
	else
		action->run = action->announce = true;
}

void pipeline_pass_over(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                        struct action *action, nanos now)
{
	action->passed = true;
	action->passed_step = status->step;
	action->passed_failures = status->failures;
	memcpy(action->why_passed, status->reason, sizeof action->why_passed);
	pipeline_enter(pipeline, upload, status, status->step + 1, action, now);
}

void pipeline_exhaust(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                      struct action *action, nanos now)
{
	if (pipeline_current_step(pipeline, upload, status)->continue_when_exhausted)
		pipeline_pass_over(pipeline, upload, status, action, now);
	else
		pipeline_reject(pipeline, upload, status, OUTCOME_ABORT, true, action, now);
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

void pipeline_fail(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                   struct action *action, nanos now)
{
	status->gone_since = 0;
	status->failures++;
	if (status->failures > pipeline_current_step(pipeline, upload, status)->max_retries) {
		pipeline_exhaust(pipeline, upload, status, action, now);
		return;
	}
	try_again_later(pipeline, upload, status, action, now);
}

void pipeline_lead_reason(struct status *status, const char *lead)
{
	char reason[REASON_SIZE + 64];
	snprintf(reason, sizeof reason, "%s: %s", lead, status->reason);
	status_set_reason(status, reason);
}

void pipeline_fail_gone(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                        struct action *action, nanos now)
{
	if (status->gone_since == 0 || status->gone_since > now)
		status->gone_since = now;
	if (now - status->gone_since >= GONE_TIMEOUT || (status->renewed && status->failures > 0)) {
		pipeline_lead_reason(status, "the bytes are gone");
		pipeline_reject(pipeline, upload, status, OUTCOME_ABORT, true, action, now);
		return;
	}
	if (status->asked_at == 0) {
		status->asked_at = now;
		action->publish |= PUBLISH_RESTART;
	}
	if (!status->renewed)
		pipeline_lead_reason(status, "storage was asked for a new URL");
	if (status->failures < UPLOAD_FAILURES_LIMIT)
		status->failures++;
	try_again_later(pipeline, upload, status, action, now);
}

void pipeline_fail_crashed(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                           struct action *action, nanos now)
{
	const struct pipeline_step *limits = pipeline_current_step(pipeline, upload, status);
	char lead[48];
	status->crashes++;
	if (limits->max_crashes == 0 || status->crashes < limits->max_crashes) {
		pipeline_fail(pipeline, upload, status, action, now);
		return;
	}
	snprintf(lead, sizeof lead, "%u crashes (max_crashes)", status->crashes);
	pipeline_lead_reason(status, lead);
	pipeline_reject(pipeline, upload, status, OUTCOME_ABORT, true, action, now);
}

void pipeline_conclude(const struct pipeline *pipeline, const struct upload *upload, struct status *status,
                       enum outcome outcome, struct action *action, nanos now)
{
	switch (outcome) {
	case OUTCOME_CONTINUE:
		pipeline_enter(pipeline, upload, status, status->step + 1, action, now);
		break;
	case OUTCOME_ABORT:
	case OUTCOME_DELETE:
		pipeline_reject(pipeline, upload, status, outcome, false, action, now);
		break;
	default: /* whatever else it is, it is no verdict */
		pipeline_fail(pipeline, upload, status, action, now);
	}
}

void pipeline_wake(struct status *status, struct action *action)
{
	if (status->phase == PHASE_WAITING)
		status->woken_at = status->due;
	action->run = true;
}
