/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/coordinator/coordinator_private.h"

void slot_forget(struct coordinator *coordinator, struct slot *slot)
{
	coordinator->cached -= slot->record != NULL;
	record_free(slot->record);
	slot->record = NULL;
	slot->revision = 0;
	slot->known = SLOT_UNKNOWN;
}

void slot_know(struct coordinator *coordinator, struct slot *slot, struct record *record, uint64_t revision, nanos now)
{
	slot_forget(coordinator, slot);
	record_forget_lost(coordinator, record);
	slot->record = record;
	slot->revision = slot->acknowledged = revision;
	slot->known = SLOT_PRESENT;
	slot->known_at = now;
	slot->expected = true;
	coordinator->cached++;
}

void slot_find_owner(const struct coordinator *coordinator, struct slot *slot)
{
	slot->theirs = record_is_theirs(coordinator, slot->record);
	/* What was remembered is of the record as it was before another one wrote it. */
	if (slot->theirs)
		slot->not_before = 0;
}

static void slot_free(struct coordinator *coordinator, struct slot *slot)
{
	slot_forget(coordinator, slot);
	free(slot);
}

void slot_destroy(struct coordinator *coordinator, struct slot *slot)
{
	if (slot->current != NULL)
		job_free(coordinator, slot->current);
	while (slot->first != NULL) {
		struct job *job = slot->first;
		slot->first = job->next;
		job_free(coordinator, job);
	}
	slot_free(coordinator, slot);
}

struct slot *slot_get(struct coordinator *coordinator, const char *id)
{
	struct slot *slot = (struct slot *)(void *)table_find(&coordinator->slots, id);
	if (slot != NULL)
		return slot;
	size_t size = strlen(id) + 1;
	slot = calloc(1, sizeof *slot + size);
	if (slot == NULL)
		return NULL;
	memcpy(slot->id, id, size);
	slot->last = &slot->first;
	slot->not_before = waiters_take(&coordinator->waiters, slot->id); /* which ends the one that `id` may be of */
	slot->queued = lines_has(&coordinator->lines, slot->id);
	slot->expected = slot->not_before != 0 || slot->queued;
	coordinator->standing -= slot->queued;
	table_add(&coordinator->slots, &slot->entry);
	return slot;
}

bool slot_exists(const struct coordinator *coordinator, const char *id)
{
	return table_find(&coordinator->slots, id) != NULL || waiters_find(&coordinator->waiters, id) != 0 || lines_has(&coordinator->lines, id);
}

struct slot *slot_next(const struct coordinator *coordinator, const struct slot *slot)
{
	return (struct slot *)(void *)table_next(&coordinator->slots, slot != NULL ? &slot->entry : NULL);
}

static void slot_remove(struct coordinator *coordinator, struct slot *slot)
{
	table_remove(&coordinator->slots, &slot->entry);
	timers_unset(&coordinator->due, &slot->due);
	coordinator->standing += slot->queued;
	slot_free(coordinator, slot);
}

static bool has_event(const struct job *job, uint64_t sequence, int64_t stream)
{
	return job != NULL && job->source != NULL && job->input.sequence == sequence && job->input.stream == stream;
}

struct job *slot_find_event(const struct slot *slot, uint64_t sequence, int64_t stream)
{
	struct job *job = slot->first;
	while (job != NULL && !has_event(job, sequence, stream))
		job = job->next;
	return job == NULL && has_event(slot->current, sequence, stream) ? slot->current : job;
}

void slot_add_job(struct coordinator *coordinator, struct slot *slot, struct job *job, nanos now)
{
	job->slot = slot;
	*slot->last = job;
	slot->last = &job->next;
	if (slot->current == NULL)
		slot_advance(coordinator, slot, now);
}

static void add_first(struct slot *slot, struct job *job)
{
	job->slot = slot;
	job->next = slot->first;
	slot->first = job;
	if (job->next == NULL)
		slot->last = &job->next;
}

void slot_hurry_job(struct coordinator *coordinator, struct slot *slot, struct job *job, nanos now)
{
	if (hold_is_on(slot))
		hold_put_back(coordinator, slot, now);
	add_first(slot, job);
	if (slot->current == NULL)
		slot_advance(coordinator, slot, now);
}

bool slot_is_cleaned_next(const struct slot *slot)
{
	const struct job *next = slot->first;
	if (next == NULL || next->input.kind != INPUT_CLEAN)
		return false;
	const struct status *status = slot->known == SLOT_PRESENT ? &slot->record->status : NULL;
	return status == NULL || status->stream != next->input.stream || status->begun < next->input.sequence;
}

/* 0: never, or not by its timer. */
static nanos look_again(const struct slot *slot, nanos now)
{
	if (slot->run != NULL)
		return runs_look_again(slot, now);
	if (slot_busy(slot) || slot->theirs)
		return 0;
	if (slot->known == SLOT_UNKNOWN)
		return slot->not_before;
	if (slot->known == SLOT_ABSENT || slot->record->status.due == 0)
		return 0;
	nanos due = slot->record->status.due;
	return due > slot->not_before ? due : slot->not_before;
}

/* Records that are remembered although nothing is under way for them: fewer of uploads that wait for long, which are read
 * again then, than of those that storage is about to confirm. */
static size_t records_limit(const struct coordinator *coordinator, const struct slot *slot, nanos at, nanos now)
{
	size_t busy = coordinator->options.busy_limit;
	return slot->record->status.phase == PHASE_WAITING && at > now + MINUTE ? busy / 8 : 2 * busy;
}

/* Whether the upload is to be remembered at all. Of many that wait only the times stay in memory. */
static bool is_to_forget(const struct coordinator *coordinator, const struct slot *slot, nanos at, nanos now)
{
	if (slot->run != NULL || slot->turn)
		return false;
	if (at == 0 && !slot->queued)
		return true;
	if (slot->unsafe && slot->known == SLOT_PRESENT)
		return false;
	bool crowded = slot->known != SLOT_PRESENT || coordinator->cached > records_limit(coordinator, slot, at, now);
	return crowded && (slot->queued || at > now + SECOND);
}

void slot_rest(struct coordinator *coordinator, struct slot *slot, nanos now)
{
	nanos at = look_again(slot, now);
	enum waits_for what = slot->known == SLOT_PRESENT ? status_waits_for(&slot->record->status) : WAITS_FOR_TIME;
	if (is_to_forget(coordinator, slot, at, now) && (at == 0 || waiters_add(&coordinator->waiters, slot->id, what, at)))
		slot_remove(coordinator, slot);
	else if (at == 0)
		timers_unset(&coordinator->due, &slot->due);
	else if (!timers_set(&coordinator->due, &slot->due, at))
		coordinator->untimed = true;
}

void slots_time(struct coordinator *coordinator, nanos now)
{
	if (!coordinator->untimed)
		return;
	coordinator->untimed = false;
	for (struct slot *slot = slot_next(coordinator, NULL), *next; slot != NULL; slot = next) {
		next = slot_next(coordinator, slot);
		if (slot->current == NULL && slot->due.place == 0)
			slot_rest(coordinator, slot, now);
	}
}

/* The waiter that is to be looked at first; NULL: nobody waits. Whose answer may be among the events that have not come
 * yet is left alone until they have. */
static const char *first_waiter(const struct coordinator *coordinator, enum waits_for *what, nanos *at, nanos now)
{
	const struct waiters *waiters = &coordinator->waiters;
	nanos answer;
	const char *id = waiters_first(waiters, WAITS_FOR_TIME, at), *other = waiters_first(waiters, WAITS_FOR_ANSWER, &answer);
	*what = WAITS_FOR_TIME;
	if (other == NULL || (id != NULL && *at <= answer) || (answer <= now && events_may_come(coordinator, answer, now)))
		return id;
	*what = WAITS_FOR_ANSWER;
	*at = answer;
	return other;
}

nanos slot_next_due(const struct coordinator *coordinator, nanos now)
{
	const struct timer *timer = timers_first(&coordinator->due);
	enum waits_for what;
	nanos at = timer != NULL ? timer->at : INT64_MAX, waiter;
	return first_waiter(coordinator, &what, &waiter, now) != NULL && waiter < at ? waiter : at;
}

struct slot *slot_take_due(struct coordinator *coordinator, nanos now)
{
	struct timer *timer = timers_first(&coordinator->due);
	enum waits_for what;
	nanos at;
	const char *id = first_waiter(coordinator, &what, &at, now);
	if (id != NULL && at <= now && (timer == NULL || at <= timer->at)) {
		struct slot *slot = slot_get(coordinator, id);
		if (slot == NULL)
			waiters_put_off(&coordinator->waiters, what, now + SECOND);
		return slot;
	}
	if (timer == NULL || timer->at > now)
		return NULL;
	timers_unset(&coordinator->due, timer);
	return CONTAINER(timer, struct slot, due);
}

/* Another implementation has rewritten the record: it says nothing of time now, so nobody would look at it again. */
static bool adopt(struct coordinator *coordinator, struct slot *slot, nanos now)
{
	bool foreign = slot->known == SLOT_PRESENT && slot->record->foreign && slot->record->status.phase != PHASE_ENDED;
	struct job *job = foreign && !slot_busy(slot) && !coordinator->stopping ? job_create(INPUT_FOUND) : NULL;
	if (job != NULL)
		slot_add_job(coordinator, slot, job, now);
	return job != NULL;
}

void slot_advance(struct coordinator *coordinator, struct slot *slot, nanos now)
{
	if (slot->advancing) /* a job that was over at once brought us here again */
		return;
	slot->advancing = true;
	while (slot->current == NULL && slot->first != NULL) {
		struct job *job = slot->first;
		slot->first = job->next;
		if (slot->first == NULL)
			slot->last = &slot->first;
		slot->current = job;
		coordinator->busy++;
		job_start(coordinator, job, now);
	}
	slot->advancing = false;
	if (slot->current == NULL && !adopt(coordinator, slot, now))
		slot_rest(coordinator, slot, now);
}
