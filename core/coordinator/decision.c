/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/decision.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/coordinator/coordinator_private.h"
#include "core/upload/history.h"

/* A postponed event comes again after a pause that grows by this each time. */
#define POSTPONED SECOND
#define POSTPONED_LIMIT (5 * SECOND)
/* How often to look whether an answer may still be delivered. */
#define ANSWER_INTERVAL (10 * SECOND)

/* What is left of the upload when its record is deleted. */
static struct tombstone make_tombstone(const struct job *job, nanos now)
{
	const struct active_upload *active = job->active;
	const struct record *record = active->known == ACTIVE_PRESENT ? active->record : NULL;
	struct tombstone tombstone = {0};
	if (job->input.kind == INPUT_CLEAN) {
		tombstone.begun = job->input.sequence;
		tombstone.stream = job->input.stream;
	} else if (record != NULL) {
		tombstone.begun = record->status.begun;
		tombstone.stream = record->status.stream;
		tombstone.ended = record->status.ended_at;
		url_mark(record->upload->url, tombstone.url);
	}
	/* An event that is older than this one and comes late must not begin the upload again. */
	if (job->input.kind == INPUT_READY && tombstone.stream == job->input.stream &&
	    tombstone.begun < job->input.sequence)
		tombstone.begun = job->input.sequence;
	/* Another instance may remember the upload and ask for it when it is due. */
	if (record == NULL)
		tombstone.keep = active->gone.keep;
	else if (record->status.due > now + TOMBSTONE_AGE / 2)
		tombstone.keep = record->status.due + TOMBSTONE_AGE;
	return tombstone;
}

/* Whether this instance has to look after the upload of a record that was found, as the record is now. */
static bool is_to_claim(const struct coordinator *coordinator, struct job *job)
{
	const struct ports *ports = &coordinator->options.ports;
	const struct active_upload *active = job->active;
	if (active->known != ACTIVE_PRESENT)
		return true;
	record_describe(coordinator, active->record, &job->input);
	job->input.claim = active->theirs;
	return !active->theirs || !ports->lives(ports->closure, active->record->owner);
}

/* Whether a resume by step takes an upload over from another instance. If that is alive, it keeps uploads that are
 * queued or run there, and those whose step is suspended here. */
static bool is_to_take(const struct coordinator *coordinator, const struct active_upload *active)
{
	const struct ports *ports = &coordinator->options.ports;
	enum phase phase = active->record->status.phase;
	bool turn = phase == PHASE_QUEUED || phase == PHASE_RUNNING;
	return !(turn || step_is_suspended(coordinator, record_step(coordinator, active->record))) ||
	       !ports->lives(ports->closure, active->record->owner);
}

/* Whether the answer that an upload waits for may be in the stream and not delivered yet. Then the upload is not due
 * yet. */
static bool is_to_wait_on(const struct coordinator *coordinator, const struct job *job, nanos now)
{
	const struct active_upload *active = job->active;
	if (job->input.kind != INPUT_DUE || active->known != ACTIVE_PRESENT)
		return false;
	const struct status *status = &active->record->status;
	return status_waits_for(status) == WAITS_FOR_ANSWER && status->due <= now &&
	       events_may_come(coordinator, status->due, now);
}

/* Why the job has nothing to do, for reasons that the pipeline does not know; NULL: the pipeline decides. */
static const char *reason_to_skip(const struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct active_upload *active = job->active;
	const struct input *input = &job->input;
	if (input->kind == INPUT_FOUND && !is_to_claim(coordinator, job))
		return "another instance looks after it";
	bool theirs = active->known == ACTIVE_PRESENT && active->theirs;
	if ((input->kind == INPUT_DUE || input->kind == INPUT_STARTING || input->kind == INPUT_EXPIRED) && theirs)
		return "another instance looks after it";
	if (input->kind == INPUT_EXPIRED && active->known == ACTIVE_PRESENT && !active_is_suspended(coordinator, active))
		return "it no longer waits for its turn";
	if (is_to_wait_on(coordinator, job, now)) {
		job->active->not_before = now + ANSWER_INTERVAL;
		return "the answer may be among the events that have not come yet";
	}
	/* The event is older than the end of the upload. */
	if (job->source != NULL && active->known == ACTIVE_ABSENT && active->gone.begun != 0 &&
	    active->gone.stream == input->stream && input->sequence <= active->gone.begun)
		return "it has ended already";
	if (job->sweep != NULL && active->known == ACTIVE_PRESENT &&
	    strcmp(status_step_name(active->record->upload, &active->record->status), job->sweep->step) != 0)
		return "it is no longer in that step";
	if (input->kind == INPUT_STARTING &&
	    (!active->turn ||
	     (active->known == ACTIVE_PRESENT && record_step(coordinator, active->record) != active->turn_step)))
		return "it has moved on";
	if (input->kind == INPUT_STARTING && coordinator->stopping)
		return "the service stops";
	if (job->sweep != NULL && theirs && !is_to_take(coordinator, active))
		return "another instance looks after it";
	/* The record was there when the bucket was read, so the upload has ended, and storage is not asked to begin it
	 * again. */
	if (job->sweep != NULL && active->known != ACTIVE_PRESENT)
		return "it has ended since";
	return NULL;
}

/* Whether the event has to wait because its upload has no record and may begin with one of the older events of the gap.
 * If the tombstone is newer than those, none of them matters. */
static bool is_to_come_later(const struct coordinator *coordinator, const struct job *job)
{
	const struct active_upload *active = job->active;
	const struct input *input = &job->input;
	bool asks = input->kind == INPUT_STEP_FINISHED || input->kind == INPUT_READY || input->kind == INPUT_RESUME ||
	            input->kind == INPUT_HOLD_ENDED;
	if (!asks || coordinator->gap_end == 0 || job->source == NULL || input->sequence <= coordinator->gap_end)
		return false;
	bool over = active->gone.begun > coordinator->gap_end && active->gone.stream == input->stream;
	return active->known == ACTIVE_ABSENT && !input->lost && !over;
}

/* Whether the event has to be left to another instance, which is alive and has begun the upload. If that was restarted
 * before its write reached the broker, only this event tells it of the record; so the event comes again until that
 * instance gets it. */
static bool is_for_its_owner(const struct coordinator *coordinator, const struct job *job)
{
	const struct active_upload *active = job->active;
	if (job->input.kind != INPUT_BEGIN || job->source == NULL || !job->input.redelivered ||
	    job->action.ignored == NULL || active->known != ACTIVE_PRESENT || !active->theirs)
		return false;
	const struct status *status = &active->record->status;
	bool over = status->phase == PHASE_ENDED || status->phase == PHASE_UNCONFIRMED;
	return !over && status->begun == job->input.sequence && status->stream == job->input.stream &&
	       coordinator->options.ports.lives(coordinator->options.ports.closure, active->record->owner);
}

static void postpone(struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	bool again = job->source != NULL && job->source->delivered > 0;
	nanos pause = (again ? job->source->delivered : 1) * POSTPONED;
	metrics_count(coordinator->options.metrics, events_postponed);
	ports->postpone(ports->closure, job->source, pause < POSTPONED_LIMIT ? pause : POSTPONED_LIMIT);
	job->source = NULL;
	job->action = (struct action){0};
	job_finish(coordinator, job, now);
}

/* Whether a step ends the upload by this transition. */
static bool decides(const struct job *job)
{
	const struct status *status = &job->record->status;
	const struct record *before = job->active->record;
	return status->decided != 0 && (before == NULL || before->status.decided != status->decided ||
	                                before->status.begun != status->begun || before->status.stream != status->stream);
}

bool job_take_result(struct job *job)
{
	struct record *record = job->record;
	const struct status *status = &record->status;
	const char *kept = job->active->record != NULL ? job->active->record->result : NULL;
	bool publishes = (status->publish & PUBLISH_STEP_FINISHED) != 0;
	if (!publishes && status->decided == 0)
		return true;
	if (status->published == status->transition && (publishes || decides(job))) {
		/* The result of an event stays with the event, as the job may decide again. */
		kept = job->result == NULL ? job->event.result : NULL;
		record->result = job->result;
		job->result = NULL;
	}
	if (kept == NULL)
		return true;
	record->result = strdup(kept);
	return record->result != NULL;
}

char *job_add_history(const struct job *job, const struct input *input, const struct upload *upload, size_t step,
                      char *history)
{
	const struct action *action = &job->action;
	enum outcome outcome = input->outcome;
	bool said = input->returned == RETURNED_VERDICT &&
	            (outcome == OUTCOME_CONTINUE || outcome == OUTCOME_ABORT || outcome == OUTCOME_DELETE);
	struct history_entry entry = {0};
	if (action->passed) {
		step = action->passed_step;
		entry.passed = true;
		entry.reason = action->why_passed;
	} else if (input->kind == INPUT_RETURNED && (input->returned == RETURNED_HOLD || said)) {
		entry.whole = true;
		entry.verdict = job->verdict;
		entry.details = job->details;
		/* The result of a verdict is published first. */
		entry.result = input->returned == RETURNED_HOLD ? job->result : NULL;
	} else if (input->kind == INPUT_STEP_FINISHED && outcome == OUTCOME_CONTINUE) {
		entry.result = job->event.result;
	}
	if (step >= upload->step_count)
		return history;
	entry.step = upload->step[step];
	char *more = history_add(history, &entry);
	free(history);
	return more;
}

/* The history of the record that is to be written. */
static char *make_history(const struct job *job, const struct status *status)
{
	const struct record *before = job->active->record;
	if (job->input.kind == INPUT_BEGIN || job->active->known != ACTIVE_PRESENT)
		return NULL;
	/* A Result that the record no longer has for another reason becomes a part of it. */
	size_t result_step = record_result_step(before->upload, &before->status);
	bool stays = record_result_step(before->upload, status) == result_step;
	char *history = stays && before->history != NULL ? alloc_text(before->history)
	                : stays                          ? NULL
	                                                 : record_history(before);
	return job_add_history(job, &job->input, before->upload, before->status.step, history);
}

void record_sign(const struct coordinator *coordinator, struct record *record)
{
	snprintf(record->owner, sizeof record->owner, "%s", coordinator->options.owner);
	snprintf(record->writer, sizeof record->writer, "%s", coordinator->options.nonce);
}

/* Makes the record that is to be written. False: there is no memory for its result. */
static bool make_record(struct coordinator *coordinator, struct job *job, struct upload *upload,
                        const struct status *status)
{
	job_number_write(coordinator, job);
	struct record record = {.upload = upload_hold(upload), .status = *status};
	record_sign(coordinator, &record);
	record.history = make_history(job, status);
	record_free(job->record);
	job->record = record_move(&record);
	record_clear(&record);
	return job_take_result(job);
}

/* Whether the event is about a step that the upload has passed, as each result is that this service has published
 * itself. */
static bool speaks_of_past(const struct job *job)
{
	const struct record *record = job->active->record;
	for (size_t i = 0; job->input.kind == INPUT_STEP_FINISHED && i < record->status.step; i++)
		if (strcmp(record->upload->step[i], job->input.step) == 0)
			return true;
	return false;
}

/* An upload that another implementation has left in a step is taken up here: a resume does not ask others to do the
 * step. */
static void begin_foreign(struct job *job)
{
	const struct active_upload *active = job->active;
	if (job->input.kind == INPUT_RESUME && active->known == ACTIVE_PRESENT && active->record->foreign &&
	    active->record->status.phase == PHASE_AWAITING)
		job->input.kind = INPUT_FOUND;
}

static void write_decision(struct coordinator *coordinator, struct job *job, struct upload *upload,
                           const struct status *status, nanos now)
{
	if (job->action.write == WRITE_DELETE) {
		job_number_write(coordinator, job);
		job->tombstone = make_tombstone(job, now);
		job_write(coordinator, job, now);
	} else if (!make_record(coordinator, job, upload, status)) {
		job->doing = JOB_IDLE;
		job_try_later(coordinator, job, now);
	} else if (!coalescing_begin(coordinator, job, now)) {
		/* The upload probably has no record yet, and the announcement does not wait for one. An upload of the gap may
		 * be over. */
		if (job->input.kind == INPUT_BEGIN && job->active->known != ACTIVE_PRESENT &&
		    (job->source == NULL || !job->source->of_gap))
			announce_step(coordinator, job, job->record, now);
		job_write(coordinator, job, now);
	}
}

/* Sets what is known of the last time that this upload was processed. */
static void recall(struct job *job)
{
	const struct active_upload *active = job->active;
	struct input *input = &job->input;
	char mark[URL_MARK_SIZE];
	if (active->known == ACTIVE_PRESENT) {
		const struct status *status = &active->record->status;
		input->past.begun = status->begun;
		input->past.stream = status->stream;
		input->past.ended_at = status->ended_at;
		input->past.same_url = strcmp(active->record->upload->url, job->event.upload->url) == 0;
	} else if (active->known == ACTIVE_ABSENT && active->gone.ended != 0) {
		url_mark(job->event.upload->url, mark);
		input->past.begun = active->gone.begun;
		input->past.stream = active->gone.stream;
		input->past.ended_at = active->gone.ended;
		input->past.same_url = mark[0] != '\0' && strcmp(active->gone.url, mark) == 0;
	} else {
		input->past.ended_at = 0;
	}
}

/* Whether to read the record before the step is run on it, as it is stale. If a mark is written first, that write is
 * conditional. */
static bool is_to_read_first(const struct job *job, nanos now)
{
	return job->action.run && !job->action.mark && job->action.write == WRITE_NONE && !job->loaded &&
	       active_is_stale(job->active, now);
}

/* Applies the job's input to the status. skip: why there is nothing to do; NULL: the pipeline decides. */
static struct action apply(const struct coordinator *coordinator, struct job *job, const struct upload *upload,
                           struct status *status, const char *skip, nanos now)
{
	const struct active_upload *active = job->active;
	bool present = active->known == ACTIVE_PRESENT, busy = active_busy(active);
	/* If the record is gone, its run is cancelled. */
	if (skip != NULL)
		return (struct action){.ignored = skip, .drop = active->known == ACTIVE_ABSENT && busy};
	bool inherited = present && strcmp(active->record->writer, coordinator->options.nonce) != 0;
	job->input.mark = active->suspect;
	if (job->input.kind == INPUT_BEGIN) {
		job->input.mark = inherited && !active->theirs;
	} else if (job->input.kind == INPUT_RESUME) {
		/* The upload runs here next, and another process may have been running it. One that was resumed by its ID runs
		 * although its step is suspended. */
		job->input.claim = present && active->theirs;
		job->input.mark = inherited;
		busy = busy && !(job->sweep == NULL && active_is_suspended(coordinator, active));
	}
	return pipeline_apply(&coordinator->options.pipeline, upload, present, status, &job->input, busy, now);
}

void job_decide(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct active_upload *active = job->active;
	begin_foreign(job);
	if (job->input.kind == INPUT_BEGIN)
		recall(job);
	job->input.lost = active->known == ACTIVE_ABSENT && active->expected;
	if (is_to_come_later(coordinator, job)) {
		postpone(coordinator, job, now);
		return;
	}
	const char *skip = job->input.lost ? NULL : reason_to_skip(coordinator, job, now);
	/* A decision on an older record is void. */
	job->action = (struct action){0};
	job->republished = skip == NULL ? job_to_republish(job) : 0;
	if (job->republished != 0) {
		job->republishing = true;
		job->checked = now;
		job->left = job->republished;
		job_publish_next(coordinator, job, now);
		return;
	}
	bool present = active->known == ACTIVE_PRESENT;
	struct status status = {0};
	struct upload *upload = present ? active->record->upload : NULL;
	if (job->input.kind == INPUT_BEGIN)
		upload = job->event.upload;
	if (present)
		status = active->record->status;
	job->action = apply(coordinator, job, upload, &status, skip, now);
	/* Other instances take events, too, so what is remembered may be old: an event is ignored only after the record was
	 * read. */
	bool nothing = (job->action.ignored != NULL || job->action.ask_restart) && job->source != NULL;
	if ((nothing && present && !job->loaded && !speaks_of_past(job)) || is_to_read_first(job, now)) {
		job_load(coordinator, job);
		return;
	}
	if (is_for_its_owner(coordinator, job)) {
		postpone(coordinator, job, now);
		return;
	}
	if (job->action.ask_restart) {
		job_ask_restart(coordinator, job);
		return;
	}
	if (job->action.write == WRITE_NONE) {
		if (present)
			active->record->status = status;
		if (job->input.lost)
			job_lost(coordinator, job);
		if (active_is_behind(active))
			job_restore(coordinator, job, now);
		else
			job_decided(coordinator, job, now);
		return;
	}
	write_decision(coordinator, job, upload, &status, now);
}
