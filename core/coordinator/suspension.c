/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/coordinator/coordinator_private.h"

/* Uploads that one look at the queue ends at most. */
#define BATCH 64
/* Looks within check_limit. Few, as a look goes through the whole queue. */
#define LOOKS 16
/* The pause before the next look if one was not enough. */
#define PAUSE (10 * MILLISECOND)

bool step_is_suspended(const struct coordinator *coordinator, size_t step)
{
	return coordinator->step[step].suspension.since != 0;
}

bool active_is_suspended(const struct coordinator *coordinator, const struct active_upload *active)
{
	return active->queued && active->known == ACTIVE_PRESENT &&
	       step_is_suspended(coordinator, record_step(coordinator, active->record));
}

static nanos look_interval(const struct pipeline_step *limits)
{
	nanos interval = limits->check_limit / LOOKS;
	return interval < SECOND ? SECOND : interval > MINUTE ? MINUTE : interval;
}

void coordinator_suspend(struct coordinator *coordinator, size_t step, const char *reason, nanos now)
{
	struct step_suspension *suspension = &coordinator->step[step].suspension;
	text_copy(suspension->reason, sizeof suspension->reason, reason);
	if (suspension->since != 0)
		return;
	suspension->since = now;
	suspension->next_look = now;
}

void coordinator_release(struct coordinator *coordinator, size_t step, nanos now)
{
	coordinator->step[step].suspension.since = 0;
	dispatch_give(coordinator, step, now);
}

static nanos limit_of(const struct coordinator *coordinator, size_t step, nanos came)
{
	return pipeline_suspended_until(&coordinator->options.pipeline.step[step], came,
	                                coordinator->step[step].suspension.since);
}

void suspension_joined(struct coordinator *coordinator, size_t step, nanos came, nanos now)
{
	struct step_suspension *suspension = &coordinator->step[step].suspension;
	if (suspension->since == 0)
		return;
	nanos limit = limit_of(coordinator, step, came);
	nanos next = now + look_interval(&coordinator->options.pipeline.step[step]);
	if (limit < next)
		limit = next;
	if (limit < suspension->next_look)
		suspension->next_look = limit;
}

/* Uploads that have waited for too long. */
struct expired {
	char id[BATCH][UPLOAD_ID_LIMIT + 1];
	size_t count;
};

/* Looks through the queue for at most `most` of them, and sets when the next look is due. */
static void collect(struct coordinator *coordinator, size_t step, size_t most, struct expired *expired, nanos now)
{
	struct step_suspension *suspension = &coordinator->step[step].suspension;
	nanos interval = look_interval(&coordinator->options.pipeline.step[step]), next = INT64_MAX;
	struct queue_item item;
	const void *at = NULL;
	expired->count = 0;
	while ((at = fair_queue_next(&coordinator->queue, step, at, &item)) != NULL) {
		nanos limit = limit_of(coordinator, step, item.came);
		if (limit > now) {
			next = limit < next ? limit : next;
		} else if (active_is_moving(coordinator, item.id)) { /* it may be about to end */
			next = now;
		} else if (expired->count < most) {
			snprintf(expired->id[expired->count++], sizeof expired->id[0], "%s", item.id);
		} else {
			suspension->next_look = now + PAUSE;
			return;
		}
	}
	suspension->next_look = next < now + interval ? now + interval : next;
}

static void expire(struct coordinator *coordinator, size_t step, const char *id, nanos now)
{
	const struct step_suspension *suspension = &coordinator->step[step].suspension;
	char limit[DURATION_TEXT_SIZE], reason[2 * REASON_SIZE];
	struct active_upload *active = active_get(coordinator, id);
	struct job *job = job_create(INPUT_EXPIRED);
	snprintf(reason, sizeof reason, "the step was suspended for longer than check_limit (%s): %s",
	         duration_format(coordinator->options.pipeline.step[step].check_limit, limit), suspension->reason);
	text_copy(job->reason, sizeof job->reason, reason);
	job->input.reason = job->reason;
	job->input.suspended = suspension->since;
	active_add_job(coordinator, active, job, now);
}

static void expire_step(struct coordinator *coordinator, size_t step, nanos now)
{
	struct expired expired;
	size_t limit = coordinator->options.busy_limit, busy = coordinator_busy(coordinator);
	size_t left = busy < limit ? limit - busy : 0;
	collect(coordinator, step, left < BATCH ? left : BATCH, &expired, now);
	for (size_t i = 0; i < expired.count; i++)
		expire(coordinator, step, expired.id[i], now);
}

void suspensions_expire(struct coordinator *coordinator, nanos now)
{
	for (size_t i = 0; i < coordinator->options.pipeline.count; i++) {
		const struct step_suspension *suspension = &coordinator->step[i].suspension;
		if (suspension->since != 0 && now >= suspension->next_look && !coordinator->stopping)
			expire_step(coordinator, i, now);
		if (coordinator->options.suspended != NULL)
			gauge_set(coordinator->options.suspended[i],
			          suspension->since != 0 ? (int64_t)coordinator_waiting(coordinator, i) : 0);
	}
}

void suspension_decided(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	if (active->known != ACTIVE_PRESENT || active->theirs)
		dispatch_forfeit(coordinator, active, now);
}

void suspensions_set_back(struct coordinator *coordinator, nanos now)
{
	for (size_t i = 0; i < coordinator->options.pipeline.count; i++) {
		struct step_suspension *suspension = &coordinator->step[i].suspension;
		suspension->since = suspension->since > now ? now : suspension->since;
		suspension->next_look = suspension->next_look > now ? now : suspension->next_look;
	}
}
