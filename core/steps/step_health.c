/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/step_health.h"

#include <stdio.h>

#define FAILURES_LIMIT 2

void step_health_init(struct step_health *health, bool checked, bool notes, nanos interval)
{
	*health = (struct step_health){
		.state = checked && interval > 0 ? HEALTH_UNKNOWN : HEALTH_GOOD,
		.interval = checked ? interval : 0,
		.notes = notes,
	};
}

/* The next check is due in the interval, or after `pause` if that is sooner. */
static void plan(struct step_health *health, nanos pause, nanos now)
{
	health->last = now;
	health->next = now + (health->interval > pause ? pause : health->interval);
}

/* The time after a check that has failed, or until the one that a failed run asks for. */
static nanos pause_of(const struct step_health *health)
{
	bool urgent = health->state != HEALTH_SUSPENDED && (health->failed || health->doubted);
	return urgent ? CHECK_SOON : CHECK_AGAIN;
}

static enum health_change pass(struct step_health *health)
{
	enum health_state before = health->state;
	health->state = HEALTH_GOOD;
	health->failures = 0;
	health->reason[0] = '\0';
	return before == HEALTH_GOOD ? HEALTH_SAME : HEALTH_RESUMES;
}

static enum health_change fail(struct step_health *health, const char *why)
{
	unsigned limit = health->state == HEALTH_UNKNOWN ? 1 : FAILURES_LIMIT;
	if (health->proven && !health->failed) {
		snprintf(health->note, sizeof health->note, "runs reach verdicts, but the check fails: %s", why);
		return HEALTH_SAME;
	}
	text_copy(health->reason, sizeof health->reason, why[0] != '\0' ? why : "the check failed and gave no reason");
	health->note[0] = '\0';
	health->failures++;
	if (health->failures < limit || health->state == HEALTH_SUSPENDED)
		return HEALTH_FAILS;
	health->state = HEALTH_SUSPENDED;
	return HEALTH_SUSPENDS;
}

static enum health_change fail_late(struct step_health *health, nanos now)
{
	char why[64], limit[DURATION_TEXT_SIZE];
	snprintf(why, sizeof why, CHECK_TOO_LONG, duration_format(CHECK_TIME, limit));
	health->late = true;
	health->overdue = now + CHECK_TIME;
	return fail(health, why);
}

enum health_change step_health_tick(struct step_health *health, bool *ask, nanos now)
{
	*ask = false;
	if (health->interval == 0)
		return HEALTH_SAME;
	if (health->asking)
		return now >= health->overdue ? fail_late(health, now) : HEALTH_SAME;
	if (now < health->next)
		return HEALTH_SAME;
	bool worked = health->worked && !health->failed;
	health->doubted = health->failed;
	health->worked = health->failed = false;
	if (worked && !health->notes) {
		plan(health, health->interval, now);
		return pass(health);
	}
	health->proven = worked && health->state == HEALTH_GOOD;
	*ask = health->asking = true;
	health->overdue = now + CHECK_TIME;
	return HEALTH_SAME;
}

enum health_change step_health_answered(struct step_health *health, bool passed, const char *why, nanos now)
{
	bool late = health->late;
	health->asking = health->late = false;
	if (late) {
		health->next = now;
		return HEALTH_SAME;
	}
	if (!passed) {
		enum health_change change = fail(health, why);
		plan(health, pause_of(health), now);
		return change;
	}
	plan(health, health->interval, now);
	text_copy(health->note, sizeof health->note, why);
	return pass(health);
}

enum health_change step_health_started(struct step_health *health, bool works, const char *why)
{
	if (works)
		return health->interval > 0 ? HEALTH_SAME : pass(health);
	enum health_state before = health->state;
	text_copy(health->reason, sizeof health->reason, why);
	health->note[0] = '\0';
	health->state = HEALTH_SUSPENDED;
	return before == HEALTH_SUSPENDED ? HEALTH_FAILS : HEALTH_SUSPENDS;
}

enum health_change step_health_ran(struct step_health *health, bool verdict, nanos now)
{
	if (health->interval == 0)
		return HEALTH_SAME;
	health->worked = health->worked || verdict;
	health->failed = health->failed || !verdict;
	nanos soon = health->last + pause_of(health);
	if (!verdict && health->next > soon)
		health->next = soon > now ? soon : now;
	return verdict && health->state == HEALTH_SUSPENDED ? pass(health) : HEALTH_SAME;
}
