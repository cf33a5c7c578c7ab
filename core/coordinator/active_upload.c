/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/coordinator/coordinator_private.h"

void active_forget(struct coordinator *coordinator, struct active_upload *active)
{
	coordinator->active.remembered -= active->record != NULL;
	record_free(active->record);
	active->record = NULL;
	active->revision = 0;
	active->known = ACTIVE_UNKNOWN;
}

void active_know(struct coordinator *coordinator, struct active_upload *active, struct record *record,
                 uint64_t revision, nanos now)
{
	active_forget(coordinator, active);
	record_forget_lost(coordinator, record);
	active->record = record;
	active->revision = active->acknowledged = revision;
	active->known = ACTIVE_PRESENT;
	active->known_at = now;
	active->expected = true;
	coordinator->active.remembered++;
}

void active_find_owner(const struct coordinator *coordinator, struct active_upload *active)
{
	active->theirs = record_is_theirs(coordinator, active->record);
	/* not_before belongs to the record that the other instance has replaced. */
	if (active->theirs)
		active->not_before = 0;
}

static void active_free(struct coordinator *coordinator, struct active_upload *active)
{
	active_forget(coordinator, active);
	free(active);
}

static void active_destroy(struct coordinator *coordinator, struct active_upload *active)
{
	if (active->current != NULL)
		job_free(coordinator, active->current);
	while (active->first != NULL) {
		struct job *job = active->first;
		active->first = job->next;
		job_free(coordinator, job);
	}
	active_free(coordinator, active);
}

void active_uploads_init(struct coordinator *coordinator)
{
	table_init(&coordinator->active.table, offsetof(struct active_upload, id));
	deferred_init(&coordinator->active.deferred);
}

void active_uploads_free(struct coordinator *coordinator)
{
	for (struct active_upload *active = active_next(coordinator, NULL), *next; active != NULL; active = next) {
		next = active_next(coordinator, active);
		active_destroy(coordinator, active);
	}
	table_free(&coordinator->active.table);
	deferred_free(&coordinator->active.deferred);
	heap_free(&coordinator->active.due);
}

struct active_upload *active_get(struct coordinator *coordinator, const char *id)
{
	struct active_upload *active = (struct active_upload *)(void *)table_find(&coordinator->active.table, id);
	if (active != NULL)
		return active;
	size_t size = strlen(id) + 1;
	active = alloc_zeroed(1, sizeof *active + size);
	memcpy(active->id, id, size);
	active->last = &active->first;
	/* `id` may be part of the deferred upload, which this frees. */
	active->not_before = deferred_take(&coordinator->active.deferred, active->id);
	active->queued = fair_queue_find(&coordinator->queue, active->id, NULL);
	active->expected = active->not_before != 0 || active->queued;
	coordinator->active.queued_only -= active->queued;
	table_add(&coordinator->active.table, &active->entry);
	return active;
}

bool active_exists(const struct coordinator *coordinator, const char *id)
{
	return table_find(&coordinator->active.table, id) != NULL ||
	       deferred_find(&coordinator->active.deferred, id) != 0 || fair_queue_find(&coordinator->queue, id, NULL);
}

bool active_is_moving(const struct coordinator *coordinator, const char *id)
{
	const struct active_upload *active =
		(const struct active_upload *)(const void *)table_find(&coordinator->active.table, id);
	return active != NULL && active->current != NULL;
}

struct active_upload *active_next(const struct coordinator *coordinator, const struct active_upload *active)
{
	return (struct active_upload *)(void *)table_next(&coordinator->active.table,
	                                                  active != NULL ? &active->entry : NULL);
}

static void active_remove(struct coordinator *coordinator, struct active_upload *active)
{
	table_remove(&coordinator->active.table, &active->entry);
	heap_remove(&coordinator->active.due, &active->due);
	coordinator->active.queued_only += active->queued;
	active_free(coordinator, active);
}

static bool has_event(const struct job *job, uint64_t sequence, int64_t stream)
{
	return job != NULL && job->source != NULL && job->input.sequence == sequence && job->input.stream == stream;
}

struct job *active_find_event(const struct active_upload *active, uint64_t sequence, int64_t stream)
{
	struct job *job = active->first;
	while (job != NULL && !has_event(job, sequence, stream))
		job = job->next;
	return job == NULL && has_event(active->current, sequence, stream) ? active->current : job;
}

void active_add_job(struct coordinator *coordinator, struct active_upload *active, struct job *job, nanos now)
{
	job->active = active;
	*active->last = job;
	active->last = &job->next;
	if (active->current == NULL)
		active_advance(coordinator, active, now);
}

static void add_first(struct active_upload *active, struct job *job)
{
	job->active = active;
	job->next = active->first;
	active->first = job;
	if (job->next == NULL)
		active->last = &job->next;
}

void active_hurry_job(struct coordinator *coordinator, struct active_upload *active, struct job *job, nanos now)
{
	if (coalescing_is_on(active))
		coalescing_put_back(coordinator, active, now);
	add_first(active, job);
	if (active->current == NULL)
		active_advance(coordinator, active, now);
}

void active_end_job(struct coordinator *coordinator, struct active_upload *active)
{
	active->current = NULL;
	coordinator->active.busy--;
}

void active_put_back_job(struct coordinator *coordinator, struct active_upload *active)
{
	struct job *job = active->current;
	active_end_job(coordinator, active);
	add_first(active, job);
}

bool active_is_cleaned_next(const struct active_upload *active)
{
	const struct job *next = active->first;
	if (next == NULL || next->input.kind != INPUT_CLEAN)
		return false;
	const struct status *status = active->known == ACTIVE_PRESENT ? &active->record->status : NULL;
	return status == NULL || status->stream != next->input.stream || status->begun < next->input.sequence;
}

enum waits_for status_waits_for(const struct status *status)
{
	return status->phase == PHASE_CONFIRMING || status->phase == PHASE_AWAITING ? WAITS_FOR_ANSWER : WAITS_FOR_TIME;
}

/* When the upload has to be looked at again, though no input comes; 0: never. */
static nanos look_again(const struct active_upload *active, nanos now)
{
	if (active->run != NULL)
		return runs_look_again(active, now);
	if (active_busy(active) || active->theirs)
		return 0;
	if (active->known == ACTIVE_UNKNOWN)
		return active->not_before;
	if (active->known == ACTIVE_ABSENT || active->record->status.due == 0)
		return 0;
	nanos due = active->record->status.due;
	return due > active->not_before ? due : active->not_before;
}

/* How many records may be remembered for this upload's to be one of them. Uploads that wait for more than a minute are
 * read again anyway, so fewer of theirs are kept than of uploads that storage is about to confirm. */
static size_t records_limit(const struct coordinator *coordinator, const struct active_upload *active, nanos at,
                            nanos now)
{
	size_t busy = coordinator->options.busy_limit;
	return active->record->status.phase == PHASE_WAITING && at > now + MINUTE ? busy / 8 : 2 * busy;
}

/* Whether an upload at rest stops being active: it is never due, or too many records are remembered. */
static bool is_to_forget(const struct coordinator *coordinator, const struct active_upload *active, nanos at, nanos now)
{
	if (active->run != NULL || active->turn)
		return false;
	if (at == 0 && !active->queued)
		return true;
	if (active->unsafe && active->known == ACTIVE_PRESENT)
		return false;
	bool crowded =
		active->known != ACTIVE_PRESENT || coordinator->active.remembered > records_limit(coordinator, active, at, now);
	return crowded && (active->queued || at > now + SECOND);
}

void active_rest(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	nanos at = look_again(active, now);
	enum waits_for what = active->known == ACTIVE_PRESENT ? status_waits_for(&active->record->status) : WAITS_FOR_TIME;
	if (is_to_forget(coordinator, active, at, now)) {
		if (at != 0)
			deferred_add(&coordinator->active.deferred, active->id, what, at);
		active_remove(coordinator, active);
	} else if (at == 0) {
		heap_remove(&coordinator->active.due, &active->due);
	} else {
		active_set_timer(coordinator, active, at);
	}
}

void active_set_timer(struct coordinator *coordinator, struct active_upload *active, nanos at)
{
	heap_set(&coordinator->active.due, &active->due, at);
}

bool active_put_to_rest(struct coordinator *coordinator, const struct record *record, nanos now)
{
	const struct pipeline *pipeline = &coordinator->options.pipeline;
	struct status status = record->status;
	struct input input = {.kind = INPUT_FOUND};
	record_describe(coordinator, record, &input);
	if (record_unpublished(coordinator, record, now) != 0)
		return false;
	struct action action = pipeline_apply(pipeline, record->upload, true, &status, &input, false, now);
	size_t step = record_step(coordinator, record);
	if (action.write != WRITE_NONE || (action.run && step == pipeline->count))
		return false;
	if (action.run) {
		dispatch_enqueue(coordinator, record, step, action.mark, now);
		coordinator->active.queued_only++;
		dispatch_give(coordinator, step, now);
	} else if (status.due != 0) {
		deferred_add(&coordinator->active.deferred, record->upload->id, status_waits_for(&status), status.due);
	}
	return true;
}

void active_forget_deferred(struct coordinator *coordinator)
{
	const char *id;
	nanos at;
	for (enum waits_for what = 0; what < WAITS_FOR_COUNT; what++)
		while ((id = deferred_first(&coordinator->active.deferred, what, &at)) != NULL)
			deferred_take(&coordinator->active.deferred, id);
}

size_t coordinator_busy(const struct coordinator *coordinator)
{
	return coordinator->active.busy;
}

size_t coordinator_uploads(const struct coordinator *coordinator)
{
	const struct active_uploads *uploads = &coordinator->active;
	return uploads->table.count + deferred_count(&uploads->deferred) + uploads->queued_only;
}

/* The deferred upload that is due first; NULL: there is none. Uploads whose answers may be among the events that have
 * not been delivered yet are left out until those are. */
static const char *first_deferred(const struct coordinator *coordinator, enum waits_for *what, nanos *at, nanos now)
{
	const struct deferred *deferred = &coordinator->active.deferred;
	nanos answer;
	const char *id = deferred_first(deferred, WAITS_FOR_TIME, at);
	const char *other = deferred_first(deferred, WAITS_FOR_ANSWER, &answer);
	*what = WAITS_FOR_TIME;
	if (other == NULL || (id != NULL && *at <= answer) || (answer <= now && events_may_come(coordinator, answer, now)))
		return id;
	*what = WAITS_FOR_ANSWER;
	*at = answer;
	return other;
}

nanos active_next_due(const struct coordinator *coordinator, nanos now)
{
	enum waits_for what;
	nanos at = heap_first_key(&coordinator->active.due), item;
	return first_deferred(coordinator, &what, &item, now) != NULL && item < at ? item : at;
}

struct active_upload *active_take_due(struct coordinator *coordinator, nanos now)
{
	struct heap_item *timer = heap_first(&coordinator->active.due);
	enum waits_for what;
	nanos at;
	const char *id = first_deferred(coordinator, &what, &at, now);
	if (id != NULL && at <= now && (timer == NULL || at <= timer->key))
		return active_get(coordinator, id);
	if (timer == NULL || timer->key > now)
		return NULL;
	heap_remove(&coordinator->active.due, timer);
	return CONTAINER_OF(timer, struct active_upload, due);
}

/* Another implementation has rewritten the record, which has no due time now: takes it up, or nobody would look at it
 * again. False: that is not the case. */
static bool adopt(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	bool foreign =
		active->known == ACTIVE_PRESENT && active->record->foreign && active->record->status.phase != PHASE_ENDED;
	bool adopts = foreign && !active_busy(active) && !coordinator->stopping;
	if (adopts)
		active_add_job(coordinator, active, job_create(INPUT_FOUND), now);
	return adopts;
}

void active_advance(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	if (active->advancing) /* called by a job that was over at once: the loop below goes on */
		return;
	active->advancing = true;
	while (active->current == NULL && active->first != NULL) {
		struct job *job = active->first;
		active->first = job->next;
		if (active->first == NULL)
			active->last = &active->first;
		active->current = job;
		coordinator->active.busy++;
		job_start(coordinator, job, now);
	}
	active->advancing = false;
	if (active->current == NULL && !adopt(coordinator, active, now))
		active_rest(coordinator, active, now);
}
