/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/coordinator/coordinator_private.h"
#include "core/upload/message_id.h"

/* If a decision is older, the record is read again before anything is published. */
#define RECHECK_AGE (30 * SECOND)
/* Clocks of instances differ by less than this. A time farther ahead was written before a clock was set back, … */
#define CLOCK_SKEW (2 * MINUTE)
/* … and may be as old as this. */
#define CLOCK_STEP (24 * HOUR)

/* A longer duplicate window is not relied on, as others may shorten it. */
#define DUPLICATE_WINDOW_LIMIT (2 * MINUTE)

void outbox_set_stream(struct coordinator *coordinator, const struct stream_facts *facts)
{
	nanos window = facts->duplicate_window;
	coordinator->outbox.sure = (window < DUPLICATE_WINDOW_LIMIT ? window : DUPLICATE_WINDOW_LIMIT) / 2;
}

bool outbox_is_remembered(const struct coordinator *coordinator, nanos published, nanos now)
{
	return now - published <= coordinator->outbox.sure;
}

/* All messages of a decision that is less than a minute old count: the broker still remembers their IDs. Of an older
 * decision, the result of a step counts, and the request for a new URL while there is none. All else is published again
 * anyway when it is due. */
unsigned record_unpublished(const struct coordinator *coordinator, const struct record *record, nanos now)
{
	const struct status *status = &record->status;
	if (record->foreign || strcmp(record->writer, coordinator->options.nonce) == 0)
		return 0;
	/* This request has no due time of its own. */
	unsigned asked = status->gone_since != 0 && status->asked_at != 0 && !status->renewed ? PUBLISH_RESTART : 0;
	return asked | (now - status->published_at < MINUTE ? status->publish : status->publish & PUBLISH_STEP_FINISHED);
}

/* An event may prove that a message was published. If it is delivered for the first time, its writer has probably just
 * published the others, too. */
unsigned job_to_republish(const struct job *job)
{
	const struct active_upload *active = job->active;
	bool over = job->input.kind == INPUT_READY || job->input.kind == INPUT_CLEAN;
	if (active->known != ACTIVE_PRESENT || active->unpublished == 0 || over)
		return 0;
	if (job->input.kind == INPUT_RESUME) /* which publishes the others again itself */
		return active->unpublished & (PUBLISH_STEP_FINISHED | PUBLISH_RETRY | PUBLISH_RESTART);
	/* An event with another URL answers the request for one. */
	if (job->input.kind == INPUT_BEGIN && strcmp(job->event.upload->url, active->record->upload->url) != 0)
		return active->unpublished & ~(unsigned)PUBLISH_RESTART;
	if (job->input.kind != INPUT_STEP_FINISHED)
		return active->unpublished;
	unsigned unpublished = active->unpublished & (job->input.redelivered ? ~(unsigned)PUBLISH_START
	                                                                     : PUBLISH_STEP_FINISHED | PUBLISH_RESTART);
	bool echo = (unpublished & PUBLISH_STEP_FINISHED) &&
	            strcmp(job->input.step, active->record->upload->step[active->record->status.finished_step]) == 0;
	return echo ? unpublished & ~(unsigned)PUBLISH_STEP_FINISHED : unpublished;
}

/* How long to wait for the answer to what was published again, perhaps for the first time. The deadline of a step may
 * be far shorter than the time that storage has. */
static nanos timeout(const struct coordinator *coordinator, const struct job *job)
{
	const struct pipeline *pipeline = &coordinator->options.pipeline;
	const struct record *record = job->active->record;
	if (!(job->republished & PUBLISH_START) || record->status.step >= record->upload->step_count)
		return pipeline->confirm_interval;
	nanos deadline = pipeline_current_step(pipeline, record->upload, &record->status)->deadline;
	return deadline < pipeline->confirm_interval ? deadline : pipeline->confirm_interval;
}

/* All is published again: decides the job. An upload that was due has to wait for the answer instead. */
static void republished(struct coordinator *coordinator, struct job *job, nanos now)
{
	job->republishing = false;
	bool asked = (job->republished & (PUBLISH_FINISHED | PUBLISH_START)) != 0;
	/* The event of the job need not be the answer to a request for a new URL, so that stays to be published. */
	job->active->unpublished &= ~job->republished & PUBLISH_RESTART;
	if (asked)
		job->active->not_before = now + timeout(coordinator, job);
	if (asked && job->input.kind == INPUT_DUE)
		job_finish(coordinator, job, now);
	else
		job_decide(coordinator, job, now);
}

/* Whether to read the record again before publishing. If this process was stopped for a while, another one may have
 * taken it for dead and published the message, so long ago that the broker does not know its ID any more. Then the
 * record has changed. */
static bool is_to_check(const struct job *job, nanos now)
{
	const struct active_upload *active = job->active;
	if (active->known != ACTIVE_PRESENT)
		return false;
	nanos since = active->record->status.published_at;
	return now - (since > job->checked ? since : job->checked) > RECHECK_AGE;
}

/* Whether what is left to publish answers an event and does not follow from a record. */
static bool is_answer(const struct job *job)
{
	return (job->left & (PUBLISH_RESTART | PUBLISH_REFUSAL)) != 0;
}

/* The message that is published next: the lowest bit, so that the result of a step comes before the end. */
static unsigned first_kind(const struct job *job)
{
	return job->left & (~job->left + 1);
}

static void make_message_id(const struct coordinator *coordinator, const struct job *job, char id[MESSAGE_ID_SIZE])
{
	const struct active_upload *active = job->active;
	if (first_kind(job) == PUBLISH_RESTART && active->known == ACTIVE_PRESENT)
		snprintf(id, MESSAGE_ID_SIZE, "%s.restart.url.%" PRId64, active->id, active->record->status.asked_at);
	else if (first_kind(job) == PUBLISH_RESTART && job->source == NULL)
		snprintf(id, MESSAGE_ID_SIZE, "%s.restart.%s.%" PRIu64, active->id, coordinator->options.nonce, job->write_id);
	else if (first_kind(job) == PUBLISH_RESTART)
		snprintf(id, MESSAGE_ID_SIZE, "%s.restart.%" PRIu64, active->id, job->input.sequence);
	else if (first_kind(job) == PUBLISH_REFUSAL)
		snprintf(id, MESSAGE_ID_SIZE, "refused.%" PRIu64 ".%" PRId64, job->input.sequence, job->input.stream);
	else
		message_id_make(id, active->id, &active->record->status, first_kind(job));
}

/* When the message may have been stored for the first time; 0: it surely was not. */
static nanos perhaps_stored(const struct job *job, nanos now)
{
	const struct active_upload *active = job->active;
	/* If it could not be published for long, another process may have found the record and published it. */
	bool late =
		job->unsure == 0 && job->checked != 0 && first_kind(job) != PUBLISH_RESTART && active->known == ACTIVE_PRESENT;
	nanos since = !job->republishing && !late          ? job->unsure
	              : first_kind(job) == PUBLISH_RESTART ? active->record->status.asked_at
	                                                   : active->record->status.published_at;
	/* Another process may have had the event, and published the request. */
	if (first_kind(job) == PUBLISH_RESTART && job->source != NULL && job->input.redelivered && since == 0)
		since = job->source->stored;
	return since < now + CLOCK_SKEW ? since : now - CLOCK_STEP;
}

/* Whether the broker may have forgotten the ID of a message that may have been stored. */
static bool is_to_look(const struct coordinator *coordinator, const struct job *job, nanos now)
{
	nanos since = perhaps_stored(job, now);
	return since != 0 && !outbox_is_remembered(coordinator, since > job->looked ? since : job->looked, now);
}

static void look(struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	char id[MESSAGE_ID_SIZE];
	make_message_id(coordinator, job, id);
	struct lookup *lookup = lookup_create(id, perhaps_stored(job, now), job);
	job->doing = JOB_LOOKING;
	job->sent = now;
	ports->look(ports->closure, lookup);
}

static void publish(struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	const struct active_upload *active = job->active;
	unsigned kind = first_kind(job);
	char id[MESSAGE_ID_SIZE];
	make_message_id(coordinator, job, id);
	job->doing = JOB_PUBLISHING;
	job->sent = now;
	struct text *text = coordinator_scratch(coordinator);
	if (kind == PUBLISH_RESTART) {
		event_encode_restart(text, active->id, now);
	} else if (kind == PUBLISH_REFUSAL) {
		event_encode_refusal(text, job->event.id_json, now);
	} else {
		const struct status *status = &active->record->status;
		nanos backoff = kind == PUBLISH_RETRY
		                    ? pipeline_backoff(&coordinator->options.pipeline, active->record->upload, status)
		                    : 0;
		event_encode(text, kind, active->record->upload, status, active->record->result, backoff, now);
	}
	if (text->failed)
		job_try_later(coordinator, job, now);
	else
		ports->publish(ports->closure, &job->request, id, text->data, text->length);
}

void job_publish_next(struct coordinator *coordinator, struct job *job, nanos now)
{
	if (active_is_cleaned_next(job->active) && job->left != 0 && !is_answer(job)) {
		job->left = 0;
		job->action.run = false;
	}
	if (job->left == 0) {
		if (job->republishing)
			republished(coordinator, job, now);
		else
			job_finish(coordinator, job, now);
		return;
	}
	if (is_to_check(job, now)) {
		job_load(coordinator, job);
		job->doing = JOB_CHECKING;
	} else if (is_to_look(coordinator, job, now)) {
		look(coordinator, job, now);
	} else {
		publish(coordinator, job, now);
	}
}

/* The first of job->left is published: goes on to the next. */
static void published(struct coordinator *coordinator, struct job *job, nanos now)
{
	/* Storage has its time to confirm from now on, not from the decision. */
	if (first_kind(job) == PUBLISH_FINISHED)
		job->active->not_before = now + coordinator->options.pipeline.confirm_interval;
	job->left &= job->left - 1;
	job->attempts = 0;
	job->unsure = 0;
	job->looked = 0;
	job_publish_next(coordinator, job, now);
}

void job_published(struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct request *request = &job->request;
	if (request->status == REQUEST_DONE) {
		published(coordinator, job, now);
		return;
	}
	if (request->status == REQUEST_UNKNOWN && job->unsure == 0)
		job->unsure = job->sent;
	if (request->status == REQUEST_REFUSED && job->attempts == 0)
		log_error(coordinator->options.log, "upload %s: the broker refuses an event: %s (JetStream error %d); retrying",
		          job->active->id, request->text, request->error);
	job_try_later(coordinator, job, now);
}

void job_ask_restart(struct coordinator *coordinator, struct job *job)
{
	const struct ports *ports = &coordinator->options.ports;
	struct lookup *lookup = lookup_create_restart(job->active->id, job->input.past.begun, job->input.sequence, job);
	job->doing = JOB_ASKING_RESTART;
	ports->look(ports->closure, lookup);
}

void coordinator_looked(struct coordinator *coordinator, struct lookup *lookup, nanos now)
{
	struct job *job = lookup->owner;
	enum lookup_result result = lookup->result;
	free(lookup);
	if (job->doing == JOB_ASKING_RESTART && result != LOOKUP_FAILED) {
		job->input.restart = result == LOOKUP_PRESENT ? RESTART_ASKED : RESTART_NONE;
		job_decide(coordinator, job, now);
	} else if (result == LOOKUP_PRESENT) {
		published(coordinator, job, now);
	} else if (result == LOOKUP_ABSENT) {
		job->looked = now;
		job_publish_next(coordinator, job, now);
	} else {
		job_try_later(coordinator, job, now);
	}
}
