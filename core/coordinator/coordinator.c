/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/coordinator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/coordinator/coordinator_private.h"

#define TICK_LIMIT (SECOND)

struct coordinator *coordinator_create(const struct coordinator_options *options)
{
	struct coordinator *coordinator = alloc_zeroed(1, sizeof *coordinator);
	size_t count = options->pipeline.count;
	coordinator->options = *options;
	coordinator->order = options->step;
	coordinator->order_count = count;
	coordinator->step = alloc_zeroed(count + 1, sizeof *coordinator->step);
	for (size_t i = 0; i < count && options->announced != NULL; i++)
		coordinator->step[i].announcement.wanted = options->announced[i];
	lag_cut(&coordinator->lag);
	active_uploads_init(coordinator);
	fair_queue_init(&coordinator->queue, count);
	return coordinator;
}

void coordinator_set_steps(struct coordinator *coordinator, const struct coordinator_steps *steps)
{
	struct coordinator_options *options = &coordinator->options;
	size_t before = options->pipeline.count, count = steps->pipeline.count;
	coordinator->step = alloc_resized(coordinator->step, (count + 1) * sizeof *coordinator->step);
	memset(coordinator->step + before, 0, (count + 1 - before) * sizeof *coordinator->step);
	for (size_t i = 0; i < count; i++)
		if (i >= before || options->announced == NULL || options->announced[i] != steps->announced[i])
			coordinator->step[i].announcement.wanted = steps->announced[i];
	fair_queue_extend(&coordinator->queue, count);
	options->pipeline = steps->pipeline;
	options->step = steps->step;
	options->workers = steps->workers;
	options->announced = steps->announced;
	options->run_time = steps->run_time;
	options->suspended = steps->suspended;
	coordinator->order = steps->order;
	coordinator->order_count = steps->order_count;
}

void coordinator_destroy(struct coordinator *coordinator)
{
	if (coordinator == NULL)
		return;
	active_uploads_free(coordinator);
	heap_free(&coordinator->runs.left);
	heap_free(&coordinator->jobs.again);
	fair_queue_free(&coordinator->queue);
	text_free(&coordinator->scratch);
	free(coordinator->step);
	free(coordinator);
}

struct text *coordinator_scratch(struct coordinator *coordinator)
{
	text_clear(&coordinator->scratch);
	return &coordinator->scratch;
}

void coordinator_set_stream(struct coordinator *coordinator, const struct stream_facts *facts, nanos now)
{
	lag_connected(&coordinator->lag, facts->created == coordinator->stream, facts->behind, now);
	coordinator->stream = facts->created;
	read_repair_set_stream(coordinator, facts, now);
	outbox_set_stream(coordinator, facts);
	coalescing_set_stream(coordinator, facts);
}

void coordinator_set_gap(struct coordinator *coordinator, bool open, uint64_t end, bool behind)
{
	coordinator->gap_end = open ? end : 0;
	coordinator->gap_behind = open && behind;
}

bool events_may_come(const struct coordinator *coordinator, nanos then, nanos now)
{
	return coordinator->gap_behind || lag_may_hide(&coordinator->lag, then, now);
}

static struct job *make_event_job(struct coordinator *coordinator, struct delivery *delivery, struct event *event,
                                  nanos now)
{
	static const enum input_kind kinds[] = {
		[EVENT_BYTES_RECEIVED] = INPUT_BEGIN, [EVENT_STEP_FINISHED] = INPUT_STEP_FINISHED,
		[EVENT_UPLOAD_READY] = INPUT_READY,   [EVENT_RESUME] = INPUT_RESUME,
		[EVENT_CLEAN] = INPUT_CLEAN,          [EVENT_HOLD_ENDED] = INPUT_HOLD_ENDED};
	struct job *job = job_create(event->id_json != NULL ? INPUT_REFUSED : kinds[event->type]);
	job->event = *event;
	*event = (struct event){0};
	job->source = delivery;
	job->taken = now;
	job->input.sequence = delivery->sequence;
	job->input.stream = coordinator->stream;
	job->input.redelivered = delivery->redelivered;
	job->input.stored = delivery->stored;
	job->input.refused = job->event.refusal;
	job->input.step = job->event.step;
	job->input.outcome = job->event.outcome;
	job->input.reason = job->event.reason;
	job->input.failed = job->event.failed;
	return job;
}

void coordinator_cut_off(struct coordinator *coordinator)
{
	lag_cut(&coordinator->lag);
}

/* Whether the upload coalesces its first write for an event that is newer than the job's. */
static bool is_older_than_coalesced(const struct active_upload *active, const struct job *job)
{
	return coalescing_is_on(active) && active->current->input.stream == job->input.stream &&
	       active->current->input.sequence > job->input.sequence;
}

static void take_event(struct coordinator *coordinator, struct delivery *delivery, struct event *event, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	bool by_step = event->type == EVENT_RESUME && event->step[0] != '\0';
	metrics_count(coordinator->options.metrics, events_taken);
	if (by_step) {
		sweep_begin(coordinator, delivery, event);
		event_clear(event);
		return;
	}
	char item[32];
	const char *id = event->upload != NULL ? event->upload->id : event->upload_id;
	/* An upload that can have no record gets a name that cannot be an ID. */
	if (event->id_json != NULL) {
		snprintf(item, sizeof item, "/%llu", (unsigned long long)delivery->sequence);
		id = item;
	}
	bool ours = event_is_our_result(coordinator, delivery, event);
	if (ours)
		metrics_count(coordinator->options.metrics, events_ignored);
	if (ours || id[0] == '\0') { /* no ID: an on-demand scan, or a file that storage has taken in by itself */
		ports->acknowledge(ports->closure, delivery);
		event_clear(event);
		return;
	}
	struct active_upload *active = active_get(coordinator, id);
	/* A redelivery while the job is under way does not become another job. The job gets the new delivery to
	 * acknowledge, as the consumer of the old one may be gone. */
	struct job *under_way = active_find_event(active, delivery->sequence, coordinator->stream);
	if (under_way != NULL) {
		event_clear(event);
		ports->drop(ports->closure, under_way->source);
		under_way->source = delivery;
		return;
	}
	struct job *job = make_event_job(coordinator, delivery, event, now);
	if (job->input.kind == INPUT_CLEAN && !is_older_than_coalesced(active, job))
		active_hurry_job(coordinator, active, job, now);
	else
		active_add_job(coordinator, active, job, now);
}

void coordinator_deliver(struct coordinator *coordinator, struct delivery *delivery, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	struct event event;
	char why[512];
	if (!delivery->redelivered && !delivery->of_gap)
		lag_delivered(&coordinator->lag, delivery->stored, delivery->pending, now);
	switch (event_decode(delivery->data, delivery->length, coordinator->order, coordinator->order_count, now, false,
	                     &event, why, sizeof why)) {
	case EVENT_TAKEN:
		if (why[0] != '\0' && !delivery->redelivered)
			log_warning(coordinator->options.log, "event %llu of the stream: %s",
			            (unsigned long long)delivery->sequence, why);
		take_event(coordinator, delivery, &event, now);
		return;
	case EVENT_REFUSED:
		if (!delivery->redelivered) {
			metrics_count(coordinator->options.metrics, events_broken);
			log_error(coordinator->options.log, "event %llu of the stream is invalid: %s",
			          (unsigned long long)delivery->sequence, why);
		}
		take_event(coordinator, delivery, &event, now);
		return;
	case EVENT_BROKEN:
		metrics_count(coordinator->options.metrics, events_broken);
		log_error(coordinator->options.log, "event %llu of the stream is invalid and skipped: %s",
		          (unsigned long long)delivery->sequence, why);
		break;
	case EVENT_UNREAD:
		log_error(coordinator->options.log, "event %llu of the stream cannot be read now and will be redelivered: %s",
		          (unsigned long long)delivery->sequence, why);
		ports->drop(ports->closure, delivery);
		return;
	case EVENT_IRRELEVANT:
		metrics_count(coordinator->options.metrics, events_irrelevant);
		break;
	}
	ports->acknowledge(ports->closure, delivery);
}

void coordinator_told_gone(struct coordinator *coordinator, const char *id, nanos now)
{
	if (active_exists(coordinator, id))
		active_hurry_job(coordinator, active_get(coordinator, id), job_create(INPUT_DOUBT), now);
}

void coordinator_answered(struct coordinator *coordinator, struct request *request, nanos now)
{
	job_answered(coordinator, CONTAINER_OF(request, struct job, request), now);
}

bool record_is_theirs(const struct coordinator *coordinator, const struct record *record)
{
	return !record->foreign && strcmp(record->owner, coordinator->options.owner) != 0;
}

void record_describe(const struct coordinator *coordinator, const struct record *record, struct input *input)
{
	input->foreign = record->foreign;
	input->claim = record_is_theirs(coordinator, record);
	input->spared = record->writer[0] != '\0' && strcmp(record->writer, coordinator->options.spared) == 0;
}

/* Whether this instance has to look after the upload of a record: it is the owner, or the owner is dead. */
static bool is_ours_to_find(const struct coordinator *coordinator, const struct record *record)
{
	const struct coordinator_options *options = &coordinator->options;
	/* It is kept for people; nothing is to be done about it. */
	if (record->status.phase == PHASE_ENDED || record->status.phase == PHASE_UNCONFIRMED)
		return false;
	return !record_is_theirs(coordinator, record) || !options->ports.lives(options->ports.closure, record->owner);
}

/* Whether the record was written by this process, which still knows the upload: then it tells nothing new. */
static bool is_known(const struct coordinator *coordinator, const struct record *record)
{
	return strcmp(record->writer, coordinator->options.nonce) == 0 && active_exists(coordinator, record->upload->id);
}

/* Makes a job of a record that was found. Takes *record over if nothing is known of the upload. */
static void take_found(struct coordinator *coordinator, struct record *record, uint64_t revision, struct sweep *sweep,
                       nanos now)
{
	struct active_upload *active = active_get(coordinator, record->upload->id);
	struct job *job = job_create(sweep != NULL ? INPUT_RESUME : INPUT_FOUND);
	if (active->known == ACTIVE_UNKNOWN && active->current == NULL) {
		struct record *moved = record_move(record);
		active_know(coordinator, active, moved, revision, now);
		active_find_owner(coordinator, active);
		active->unpublished = record_unpublished(coordinator, moved, now);
	}
	job->sweep = sweep;
	if (sweep != NULL)
		sweep->references++;
	active_add_job(coordinator, active, job, now);
}

/* There is no memory for the steps of a record that was found. The event of a resume by step comes again; otherwise the
 * caller reads the bucket again. */
static void report_unread(struct coordinator *coordinator, const struct record *record, struct sweep *sweep)
{
	log_error(coordinator->options.log, "upload %s: out of memory; its record will be read again later",
	          record->upload->id);
	if (sweep != NULL)
		sweep_give_back(coordinator, sweep);
}

bool coordinator_found(struct coordinator *coordinator, struct record *record, uint64_t revision, void *token,
                       nanos now)
{
	struct sweep *sweep = token;
	if (!record_give_steps(record, coordinator->order, coordinator->order_count)) {
		report_unread(coordinator, record, sweep);
		record_clear(record);
		return false;
	}
	bool wanted = sweep != NULL ? strcmp(status_step_name(record->upload, &record->status), sweep->step) == 0
	                            : is_ours_to_find(coordinator, record) && !is_known(coordinator, record);
	bool at_rest = wanted && sweep == NULL && !active_exists(coordinator, record->upload->id) &&
	               active_put_to_rest(coordinator, record, now);
	if (wanted && !at_rest)
		take_found(coordinator, record, revision, sweep, now);
	record_clear(record);
	return true;
}

void coordinator_doubt(struct coordinator *coordinator, nanos now)
{
	for (struct active_upload *active = active_next(coordinator, NULL), *next; active != NULL; active = next) {
		next = active_next(coordinator, active);
		active->expected = active->unsafe = false;
		if (active->current != NULL) /* its conditional write will be refused */
			continue;
		active_forget(coordinator, active);
		active->not_before = 0;
		active_rest(coordinator, active, now);
	}
	active_forget_deferred(coordinator);
}

void coordinator_rewrite(struct coordinator *coordinator, nanos now)
{
	size_t count = 0;
	for (struct active_upload *active = active_next(coordinator, NULL), *next; active != NULL; active = next) {
		next = active_next(coordinator, active);
		bool ours = active->known == ACTIVE_PRESENT && !active->theirs && active->record->status.phase != PHASE_ENDED;
		if (ours) {
			active_lose(coordinator, active, now);
			count++;
		} else if (active->current == NULL && active->known != ACTIVE_UNKNOWN) {
			active->expected = active->unsafe = false;
			active_forget(coordinator, active);
			active_rest(coordinator, active, now);
		}
	}
	if (count > 0)
		log_warning(coordinator->options.log, "the records of %zu uploads are written again from memory", count);
}

void coordinator_retry(struct coordinator *coordinator, nanos now)
{
	jobs_hasten(coordinator, now);
}

static void active_due(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	if (active->run != NULL)
		runs_due(coordinator, active, now);
	else
		active_add_job(coordinator, active, job_create(INPUT_DUE), now);
}

/* Due times in records stay as they are. Timers that were to fire soon would fire late: they fire now. */
static void clock_was_set_back(struct coordinator *coordinator, nanos now)
{
	jobs_hasten(coordinator, now);
	runs_set_back(coordinator, now);
	suspensions_set_back(coordinator, now);
}

/* Whether uploads may be started because they are due: not while many are being moved, nor once the service stops. */
static bool may_take_due(const struct coordinator *coordinator)
{
	return coordinator_busy(coordinator) < coordinator->options.busy_limit && !coordinator->stopping;
}

void coordinator_tick(struct coordinator *coordinator, nanos now)
{
	if (now < coordinator->ticked - SECOND)
		clock_was_set_back(coordinator, now);
	coordinator->ticked = now;
	coalescing_check_stop(coordinator, now);
	jobs_try_again(coordinator, now);
	runs_watch(coordinator, now);
	struct active_upload *active;
	while (may_take_due(coordinator) && (active = active_take_due(coordinator, now)) != NULL)
		if (active->current == NULL) /* otherwise the end of its jobs sets the timer again */
			active_due(coordinator, active, now);
	suspensions_expire(coordinator, now);
	/* An upload that has left the queue may have been in the way of those behind it. */
	for (size_t i = 0; i < coordinator->options.pipeline.count; i++)
		dispatch_give(coordinator, i, now);
	gauge_set(coordinator->options.metrics->uploads, (int64_t)coordinator_uploads(coordinator));
	gauge_set(coordinator->options.metrics->busy, (int64_t)coordinator_busy(coordinator));
	gauge_set(coordinator->options.metrics->waiting, (int64_t)fair_queue_count(&coordinator->queue));
	gauge_set(coordinator->options.metrics->runs, (int64_t)coordinator_runs(coordinator));
}

static nanos earlier(nanos one, nanos other)
{
	return one < other ? one : other;
}

nanos coordinator_next(const struct coordinator *coordinator, nanos now)
{
	nanos work = earlier(heap_first_key(&coordinator->jobs.again), heap_first_key(&coordinator->runs.left));
	nanos next = earlier(now + TICK_LIMIT, work);
	if (may_take_due(coordinator))
		next = earlier(next, active_next_due(coordinator, now));
	return next > now ? next : now;
}

void coordinator_stopping(struct coordinator *coordinator)
{
	coordinator->stopping = true;
}

void coordinator_cancel_runs(struct coordinator *coordinator)
{
	for (struct active_upload *active = active_next(coordinator, NULL); active != NULL;
	     active = active_next(coordinator, active))
		if (active->run != NULL)
			coordinator->options.ports.cancel(coordinator->options.ports.closure, active->run);
}

static void give_back_job(struct coordinator *coordinator, struct job *job)
{
	event_give_back(coordinator, &job->source);
	if (job->sweep != NULL)
		sweep_give_back(coordinator, job->sweep);
}

void coordinator_abandon(struct coordinator *coordinator)
{
	for (struct active_upload *active = active_next(coordinator, NULL); active != NULL;
	     active = active_next(coordinator, active)) {
		if (active->current != NULL)
			give_back_job(coordinator, active->current);
		/* current->next is not the list of those that follow. */
		for (struct job *job = active->first; job != NULL; job = job->next)
			give_back_job(coordinator, job);
	}
}
