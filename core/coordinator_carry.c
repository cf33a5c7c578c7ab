/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/coordinator_private.h"

#define PAUSE_FIRST (100 * MILLISECOND)
#define PAUSE_LIMIT (5 * SECOND)
#define MESSAGE_ID_SIZE (UPLOAD_ID_LIMIT + 128)

static void finish(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct slot *slot = job->slot;
	if (job->source != NULL)
		coordinator->options.ports.acknowledge(coordinator->options.ports.closure, job->source);
	job->source = NULL;
	bool run = job->action.run, mark = job->action.mark;
	bool refused_start = job->input.kind == INPUT_STARTING && !run;
	job_free(coordinator, job);
	slot->current = NULL;
	coordinator->busy--;
	/* What these add to the slot waits for the slot_advance() below, which may free it. */
	bool outer = slot->advancing;
	slot->advancing = true;
	if (run)
		runs_start(coordinator, slot, mark, now);
	else if (refused_start)
		suspects_forget(coordinator, slot, now);
	slot->advancing = outer;
	slot_advance(coordinator, slot, now);
}

static void try_later(struct coordinator *coordinator, struct job *job, nanos now)
{
	nanos pause = PAUSE_FIRST << (job->attempts < 6 ? job->attempts : 6);
	job->attempts++;
	metrics_count(coordinator->options.metrics, requests_failed);
	/* Out of memory for a timer: the broker's return hastens nothing then, and only a restart helps. */
	if (!timers_set(&coordinator->again, &job->again, now + (pause < PAUSE_LIMIT ? pause : PAUSE_LIMIT)))
		log_error(coordinator->options.log, "upload %s: out of memory; it goes on at the next start", job->slot->id);
}

static void load(struct coordinator *coordinator, struct job *job)
{
	const struct ports *ports = &coordinator->options.ports;
	job->doing = JOB_LOADING;
	ports->load(ports->closure, &job->request, job->slot->id);
}

static void write_record(struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	const struct slot *slot = job->slot;
	const struct status *status = &job->record.status;
	char id[MESSAGE_ID_SIZE];
	job->doing = JOB_WRITING;
	job->intended = status->transition;
	/* Of the decision, not of the revision: an upload that comes again after its end begins at the first one again, and
	 * the broker would take its write for the one that it has seen. */
	snprintf(id, sizeof id, "%s.%" PRIu64, coordinator->options.nonce, job->decision);
	if (job->action.write == WRITE_DELETE) {
		ports->remove(ports->closure, &job->request, slot->id, slot->revision, id, status->begun, status->stream);
		return;
	}
	text_clear(&coordinator->text);
	record_encode(&coordinator->text, &job->record);
	if (coordinator->text.failed) {
		try_later(coordinator, job, now);
		return;
	}
	ports->put(ports->closure, &job->request, slot->id, slot->revision, id, coordinator->text.data, coordinator->text.length);
}

/* Publishes the first of what is left, or ends the job. In this order: a step's result before the end. */
static void publish_next(struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	const struct slot *slot = job->slot;
	const struct status *status = &slot->record.status;
	if (job->left == 0) {
		finish(coordinator, job, now);
		return;
	}
	unsigned kind = job->left & (~job->left + 1);
	char id[MESSAGE_ID_SIZE];
	job->doing = JOB_PUBLISHING;
	text_clear(&coordinator->text);
	if (kind == PUBLISH_RESTART) {
		snprintf(id, sizeof id, "%s.restart.%" PRIu64, slot->id, job->input.sequence);
		event_encode_restart(&coordinator->text, slot->id, now);
	} else {
		snprintf(id, sizeof id, "%s.%" PRIu64 ".%" PRIu64 ".%u", slot->id, status->begun, status->transition, kind);
		event_encode(&coordinator->text, kind, slot->record.upload, status, slot->record.result, job->action.backoff, now);
	}
	if (coordinator->text.failed)
		try_later(coordinator, job, now);
	else
		ports->publish(ports->closure, &job->request, id, coordinator->text.data, coordinator->text.length);
}

/* What users want to read, and what is counted, of a transition. */
static void report(struct coordinator *coordinator, const struct job *job)
{
	const struct record *record = &job->slot->record;
	const struct status *status = &record->status;
	const struct log *log = coordinator->options.log;
	struct metrics_list *metrics = coordinator->options.metrics;
	const char *id = job->slot->id, *between = status->reason[0] != '\0' ? ": " : "";
	char text[DURATION_TEXT_SIZE];
	if (job->input.kind == INPUT_BEGIN)
		metrics_count(metrics, uploads_begun);
	if (status->publish & PUBLISH_RETRY) {
		metrics_count(metrics, steps_retried);
		log_warning(log, "upload %s: %s failed (%u): %s; again in %s", id, status_step_name(record->upload, status),
		            status->failures, status->reason, duration_format(job->action.backoff, text));
	}
	if (status->phase == PHASE_UNCONFIRMED)
		log_error(log, "upload %s: storage has not confirmed its end (%s), though told %u times; `postprocessing resume -u %s` tells it again",
		          id, outcome_name(status->outcome), status->confirmations, id);
	if (!(status->publish & PUBLISH_FINISHED) || status->confirmations != 1)
		return;
	if (status->outcome == OUTCOME_CONTINUE)
		metrics_count(metrics, uploads_continued);
	else if (status->outcome == OUTCOME_DELETE)
		metrics_count(metrics, uploads_deleted);
	else
		metrics_count(metrics, uploads_aborted);
	log_write(log, status->outcome == OUTCOME_CONTINUE ? LOG_DEBUG : LOG_INFO, "upload %s: all steps done: %s%s%s", id,
	          outcome_name(status->outcome), between, status->reason);
}

/* The decision is durable: from here on it is carried out. */
static void decided(struct coordinator *coordinator, struct job *job, nanos now)
{
	if (job->action.drop)
		runs_drop(coordinator, job->slot, now);
	if (job->action.write == WRITE_PUT)
		report(coordinator, job);
	else if (job->action.write == WRITE_DELETE)
		metrics_count(coordinator->options.metrics, uploads_confirmed);
	if (job->action.ignored != NULL) {
		metrics_count(coordinator->options.metrics, events_ignored);
		log_debug(coordinator->options.log, "upload %s: input %d ignored: %s", job->slot->id, (int)job->input.kind,
		          job->action.ignored);
	}
	job->left = job->action.publish;
	job->attempts = 0;
	publish_next(coordinator, job, now);
}

static void written(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct slot *slot = job->slot;
	metrics_count(coordinator->options.metrics, records_written);
	slot->revision = job->request.sequence;
	slot->theirs = false;
	if (job->action.write == WRITE_DELETE) {
		slot->known = SLOT_ABSENT;
		slot->gone_begun = job->record.status.begun;
		slot->gone_stream = job->record.status.stream;
		record_clear(&slot->record);
	} else {
		slot->known = SLOT_PRESENT;
		record_clear(&slot->record);
		slot->record = job->record;
		job->record = (struct record){0};
	}
	decided(coordinator, job, now);
}

/* A found record: is it ours to look after? False: not now. */
static bool is_to_claim(struct job *job, nanos now)
{
	struct slot *slot = job->slot;
	bool asked = job->input.claim;
	if (slot->known != SLOT_PRESENT)
		return true;
	job->input.claim = slot->record.foreign || slot->theirs;
	nanos due = slot->record.status.due;
	return !slot->theirs || (asked && due != 0 && due + CLAIM_PATIENCE <= now);
}

/* Why the job has nothing to do, found out before the pipeline is asked; NULL: it is to be asked. */
static const char *reason_to_skip(struct job *job, nanos now)
{
	const struct slot *slot = job->slot;
	const struct input *input = &job->input;
	if (input->kind == INPUT_FOUND && !is_to_claim(job, now))
		return "another instance looks after it";
	if (input->kind == INPUT_BEGIN && slot->known == SLOT_ABSENT && slot->gone_begun != 0 &&
	    slot->gone_stream == input->stream && input->sequence <= slot->gone_begun)
		return "it has ended already";
	if (job->sweep != NULL && slot->known == SLOT_PRESENT &&
	    strcmp(status_step_name(slot->record.upload, &slot->record.status), job->sweep->step) != 0)
		return "it is no longer in that step";
	if (input->kind == INPUT_STARTING && !slot->suspect)
		return "it has moved on";
	/* A sweep saw a record; if it is gone by now, that is no reason to ask storage for the upload. */
	if (job->sweep != NULL && slot->known != SLOT_PRESENT)
		return "it has ended since";
	return NULL;
}

/* Whether the event speaks of a step that is behind the upload, as each answer of our own does when it comes back. */
static bool speaks_of_past(const struct job *job)
{
	const struct record *record = &job->slot->record;
	for (size_t i = 0; job->input.kind == INPUT_STEP_FINISHED && i < record->status.step; i++)
		if (strcmp(record->upload->step[i], job->input.step) == 0)
			return true;
	return false;
}

static void decide(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct slot *slot = job->slot;
	bool present = slot->known == SLOT_PRESENT;
	struct status status = {0};
	struct upload *upload = job->input.kind == INPUT_BEGIN ? job->event.upload : present ? slot->record.upload : NULL;
	if (present)
		status = slot->record.status;
	const char *skip = reason_to_skip(job, now);
	job->action = skip != NULL ? (struct action){.ignored = skip}
	                           : pipeline_apply(&coordinator->options.pipeline, upload, present, &status, &job->input,
	                                            slot_busy(slot), now);
	/* Other instances take events, too, so what we remember may be old: no event is passed over because of it. */
	if (job->action.ignored != NULL && job->source != NULL && present && !job->loaded && !speaks_of_past(job)) {
		load(coordinator, job);
		return;
	}
	if (job->action.write == WRITE_NONE) {
		if (present)
			slot->record.status = status;
		decided(coordinator, job, now);
		return;
	}
	job->decision = ++coordinator->decisions;
	record_clear(&job->record);
	job->record.upload = upload_hold(upload);
	job->record.status = status;
	if (job->action.publish & PUBLISH_STEP_FINISHED) {
		job->record.result = job->result;
		job->result = NULL;
	}
	snprintf(job->record.owner, sizeof job->record.owner, "%s", coordinator->options.owner);
	write_record(coordinator, job, now);
}

void job_start(struct coordinator *coordinator, struct job *job, nanos now)
{
	/* An upload that begins has no record in all likelihood: if it has, the write's condition says so. */
	if (job->slot->known == SLOT_UNKNOWN && job->input.kind != INPUT_BEGIN)
		load(coordinator, job);
	else
		decide(coordinator, job, now);
}

static void loaded(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct slot *slot = job->slot;
	struct loaded_entry entry;
	enum loaded what = coordinator->options.ports.read(coordinator->options.ports.closure, &job->request, &entry);
	if (what == LOADED_FAILED) {
		try_later(coordinator, job, now);
		return;
	}
	record_clear(&slot->record);
	slot->revision = entry.revision;
	slot->gone_begun = entry.begun;
	slot->gone_stream = entry.stream;
	slot->known = what == LOADED_RECORD ? SLOT_PRESENT : SLOT_ABSENT;
	slot->record = entry.record;
	slot->theirs = what == LOADED_RECORD && record_is_theirs(coordinator, &entry.record);
	job->loaded = true;
	job->attempts = 0;
	/* A write that was not answered, sent again, finds itself done. */
	if (job->uncertain && what == LOADED_RECORD && !slot->theirs && !entry.record.foreign &&
	    entry.record.status.transition == job->intended && job->action.write == WRITE_PUT) {
		decided(coordinator, job, now);
		return;
	}
	job->uncertain = false;
	decide(coordinator, job, now);
}

static void write_refused(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct slot *slot = job->slot;
	if (job->request.error != BUS_WRONG_LAST_SEQUENCE) {
		if (job->attempts == 0)
			log_error(coordinator->options.log, "upload %s: the broker refuses its record: %s (JetStream error %d); trying again",
			          slot->id, job->request.text, job->request.error);
		try_later(coordinator, job, now);
		return;
	}
	metrics_count(coordinator->options.metrics, record_conflicts);
	/* The step's result goes back to the job: it is decided anew. */
	if (job->record.result != NULL) {
		free(job->result);
		job->result = job->record.result;
		job->record.result = NULL;
	}
	record_clear(&job->record);
	record_clear(&slot->record);
	slot->known = SLOT_UNKNOWN;
	load(coordinator, job);
}

void job_answered(struct coordinator *coordinator, struct job *job, nanos now)
{
	enum request_status status = job->request.status;
	if (job->doing == JOB_LOADING) {
		loaded(coordinator, job, now);
	} else if (job->doing == JOB_WRITING) {
		if (status == REQUEST_DONE) {
			written(coordinator, job, now);
		} else if (status == REQUEST_REFUSED) {
			write_refused(coordinator, job, now);
		} else {
			job->uncertain = job->uncertain || status == REQUEST_UNKNOWN;
			try_later(coordinator, job, now);
		}
	} else if (status == REQUEST_DONE) {
		job->left &= job->left - 1;
		job->attempts = 0;
		publish_next(coordinator, job, now);
	} else {
		if (status == REQUEST_REFUSED && job->attempts == 0)
			log_error(coordinator->options.log, "upload %s: the broker refuses an event: %s (JetStream error %d); trying again",
			          job->slot->id, job->request.text, job->request.error);
		try_later(coordinator, job, now);
	}
}

void job_try_again(struct coordinator *coordinator, struct job *job, nanos now)
{
	if (job->doing == JOB_LOADING)
		load(coordinator, job);
	else if (job->doing == JOB_WRITING)
		write_record(coordinator, job, now);
	else
		publish_next(coordinator, job, now);
}
