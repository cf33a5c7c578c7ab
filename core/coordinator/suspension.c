/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/coordinator/coordinator_private.h"

/* So many uploads are ended with one look at the line. */
#define BATCH 64
/* A look takes as long as the line is, so there are so few of them within check_limit. */
#define LOOKS 16
/* Behind a look that could not take all. */
#define PAUSE (10 * MILLISECOND)

bool step_is_suspended(const struct coordinator *coordinator, size_t step)
{
	return coordinator->dispatch[step].suspended != 0;
}

bool active_is_suspended(const struct coordinator *coordinator, const struct active_upload *active)
{
	return active->queued && active->known == ACTIVE_PRESENT && step_is_suspended(coordinator, record_step(coordinator, active->record));
}

static nanos look_interval(const struct pipeline_step *limits)
{
	nanos interval = limits->check_limit / LOOKS;
	return interval < SECOND ? SECOND : interval > MINUTE ? MINUTE : interval;
}

void coordinator_suspend(struct coordinator *coordinator, size_t step, const char *reason, nanos now)
{
	struct dispatch *dispatch = &coordinator->dispatch[step];
	text_copy(dispatch->reason, sizeof dispatch->reason, reason);
	if (dispatch->suspended != 0)
		return;
	dispatch->suspended = now;
	dispatch->expiry = now;
}

void coordinator_release(struct coordinator *coordinator, size_t step, nanos now)
{
	coordinator->dispatch[step].suspended = 0;
	dispatch_give(coordinator, step, now);
}

size_t coordinator_waiting(const struct coordinator *coordinator, size_t step)
{
	return fair_queue_length(&coordinator->queue, step);
}

static nanos limit_of(const struct coordinator *coordinator, size_t step, nanos came)
{
	return pipeline_suspended_until(&coordinator->options.pipeline.step[step], came, coordinator->dispatch[step].suspended);
}

void suspension_joined(struct coordinator *coordinator, size_t step, nanos came, nanos now)
{
	struct dispatch *dispatch = &coordinator->dispatch[step];
	if (dispatch->suspended == 0)
		return;
	nanos limit = limit_of(coordinator, step, came), next = now + look_interval(&coordinator->options.pipeline.step[step]);
	if (limit < next)
		limit = next;
	if (limit < dispatch->expiry)
		dispatch->expiry = limit;
}

/* Those that have waited for too long. */
struct expired {
	char id[BATCH][UPLOAD_ID_LIMIT + 1];
	size_t count;
};

/* Something is under way for it already, perhaps its end. */
static bool is_moving(const struct coordinator *coordinator, const char *id)
{
	const struct active_upload *active = (const struct active_upload *)(const void *)table_find(&coordinator->active_uploads, id);
	return active != NULL && active->current != NULL;
}

/* Looks through the line for at most `most` of them, and notes when the next look is worth it. */
static void collect(struct coordinator *coordinator, size_t step, size_t most, struct expired *expired, nanos now)
{
	struct dispatch *dispatch = &coordinator->dispatch[step];
	nanos interval = look_interval(&coordinator->options.pipeline.step[step]), next = INT64_MAX;
	struct queue_item item;
	const void *at = NULL;
	expired->count = 0;
	while ((at = fair_queue_next(&coordinator->queue, step, at, &item)) != NULL) {
		nanos limit = limit_of(coordinator, step, item.came);
		if (limit > now) {
			next = limit < next ? limit : next;
		} else if (is_moving(coordinator, item.id)) {
			next = now;
		} else if (expired->count < most) {
			snprintf(expired->id[expired->count++], sizeof expired->id[0], "%s", item.id);
		} else {
			dispatch->expiry = now + PAUSE;
			return;
		}
	}
	dispatch->expiry = next < now + interval ? now + interval : next;
}

static void expire(struct coordinator *coordinator, size_t step, const char *id, nanos now)
{
	const struct dispatch *dispatch = &coordinator->dispatch[step];
	char limit[DURATION_TEXT_SIZE], reason[2 * REASON_SIZE];
	struct active_upload *active = active_get(coordinator, id);
	struct job *job = job_create(INPUT_EXPIRED);
	snprintf(reason, sizeof reason, "the step was suspended for longer than check_limit (%s): %s",
	         duration_format(coordinator->options.pipeline.step[step].check_limit, limit), dispatch->reason);
	text_copy(job->reason, sizeof job->reason, reason);
	job->input.reason = job->reason;
	job->input.suspended = dispatch->suspended;
	active_add_job(coordinator, active, job, now);
}

static void expire_step(struct coordinator *coordinator, size_t step, nanos now)
{
	struct expired expired;
	size_t limit = coordinator->options.busy_limit, left = coordinator->busy < limit ? limit - coordinator->busy : 0;
	collect(coordinator, step, left < BATCH ? left : BATCH, &expired, now);
	for (size_t i = 0; i < expired.count; i++)
		expire(coordinator, step, expired.id[i], now);
}

void suspensions_expire(struct coordinator *coordinator, nanos now)
{
	for (size_t i = 0; i < coordinator->options.pipeline.count; i++) {
		const struct dispatch *dispatch = &coordinator->dispatch[i];
		if (dispatch->suspended != 0 && now >= dispatch->expiry && !coordinator->stopping)
			expire_step(coordinator, i, now);
		if (coordinator->options.suspended != NULL)
			gauge_set(coordinator->options.suspended[i], dispatch->suspended != 0 ? (int64_t)coordinator_waiting(coordinator, i) : 0);
	}
}

/* Of one that has ended, or that another instance has taken over, nothing is waited for here. */
void suspension_decided(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	if (active->known != ACTIVE_PRESENT || active->theirs)
		dispatch_forfeit(coordinator, active, now);
}

void suspensions_set_back(struct coordinator *coordinator, nanos now)
{
	for (size_t i = 0; i < coordinator->options.pipeline.count; i++) {
		struct dispatch *dispatch = &coordinator->dispatch[i];
		dispatch->suspended = dispatch->suspended > now ? now : dispatch->suspended;
		dispatch->expiry = dispatch->expiry > now ? now : dispatch->expiry;
	}
}
