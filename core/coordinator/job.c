/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/coordinator/coordinator_private.h"

#define PAUSE_FIRST (100 * MILLISECOND)
#define PAUSE_LIMIT (5 * SECOND)
#define WRITE_ID_SIZE 64
/* Refused writes after which a job pauses: a broker may contradict itself. */
#define CONFLICTS_AT_ONCE 3
/* An event that began an upload and is older is given back: others may have ended the upload so long ago that its
 * tombstone is gone. */
#define BEGIN_LIMIT (TOMBSTONE_AGE / 2)
/* A record that was last seen longer ago is read again before a step is run on it. */
#define KNOWN_LIMIT (5 * SECOND)
/* An event that waits for older ones comes again after a pause that grows by this each time. */
#define POSTPONED SECOND
#define POSTPONED_LIMIT (5 * SECOND)
/* How often to look whether an answer may still be delivered. */
#define ANSWER_INTERVAL (10 * SECOND)

bool jobs_init(struct coordinator *coordinator)
{
	coordinator->jobs.marker = url_marker_create();
	return coordinator->jobs.marker != NULL;
}

void jobs_free(struct coordinator *coordinator)
{
	heap_free(&coordinator->jobs.again);
	url_marker_free(coordinator->jobs.marker);
}

struct job *job_create(enum input_kind kind)
{
	struct job *job = alloc_zeroed(1, sizeof *job);
	job->input.kind = kind;
	return job;
}

void event_give_back(struct coordinator *coordinator, struct delivery **source)
{
	if (*source != NULL)
		coordinator->options.ports.drop(coordinator->options.ports.closure, *source);
	*source = NULL;
}

void job_free(struct coordinator *coordinator, struct job *job)
{
	event_give_back(coordinator, &job->source);
	if (job->sweep != NULL)
		sweep_release(coordinator, job->sweep);
	job_unset_timer(coordinator, job);
	event_clear(&job->event);
	record_free(job->record);
	free(job->result);
	free(job);
}

void job_set_timer(struct coordinator *coordinator, struct job *job, nanos at)
{
	heap_set(&coordinator->jobs.again, &job->again, at);
}

void job_unset_timer(struct coordinator *coordinator, struct job *job)
{
	heap_remove(&coordinator->jobs.again, &job->again);
}

void jobs_hasten(struct coordinator *coordinator, nanos now)
{
	heap_set_all(&coordinator->jobs.again, now);
}

nanos jobs_next(const struct coordinator *coordinator)
{
	const struct heap_item *timer = heap_first(&coordinator->jobs.again);
	return timer != NULL ? timer->key : INT64_MAX;
}

void job_number_write(struct coordinator *coordinator, struct job *job)
{
	job->write_id = coordinator->jobs.writes++;
}

void job_finish(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct active_upload *active = job->active;
	if (job->source != NULL)
		coordinator->options.ports.acknowledge(coordinator->options.ports.closure, job->source);
	job->source = NULL;
	bool run = job->action.run, mark = job->action.mark;
	bool starting = job->input.kind == INPUT_STARTING, expired = job->input.kind == INPUT_EXPIRED;
	bool by_hand = job->input.kind == INPUT_RESUME && job->sweep == NULL;
	job_free(coordinator, job);
	active_end_job(coordinator, active);
	/* Jobs that these calls add wait for the active_advance() below, which may free the upload. */
	bool outer = active->advancing;
	active->advancing = true;
	if (starting && run && active_is_stale(active, now)) /* the mark was written long ago: reads the record first */
		active_add_job(coordinator, active, job_create(INPUT_STARTING), now);
	else if (starting && run)
		runs_start(coordinator, active, now);
	else if (starting)
		dispatch_return(coordinator, active, now);
	else if (run)
		runs_want(coordinator, active, mark, by_hand, now);
	if (expired)
		suspension_decided(coordinator, active, now);
	active->advancing = outer;
	active_advance(coordinator, active, now);
}

void job_try_later(struct coordinator *coordinator, struct job *job, nanos now)
{
	nanos pause = PAUSE_FIRST << (job->attempts < 6 ? job->attempts : 6);
	job->attempts++;
	metrics_count(coordinator->options.metrics, requests_failed);
	job_set_timer(coordinator, job, now + (pause < PAUSE_LIMIT ? pause : PAUSE_LIMIT));
}

bool active_is_stale(const struct active_upload *active, nanos now)
{
	return active->known == ACTIVE_PRESENT && now - active->known_at > KNOWN_LIMIT;
}

void job_load(struct coordinator *coordinator, struct job *job)
{
	const struct ports *ports = &coordinator->options.ports;
	job->doing = JOB_LOADING;
	ports->load(ports->closure, &job->request, job->active->id);
}

void job_load_again(struct coordinator *coordinator, struct job *job, nanos now)
{
	if (++job->conflicts <= CONFLICTS_AT_ONCE) {
		job_load(coordinator, job);
		return;
	}
	job->doing = JOB_LOADING;
	job_try_later(coordinator, job, now);
}

static void make_write_id(const struct coordinator *coordinator, const struct job *job, char id[WRITE_ID_SIZE])
{
	snprintf(id, WRITE_ID_SIZE, "%s.%" PRIu64, coordinator->options.nonce, job->write_id);
}

void job_put(struct coordinator *coordinator, struct job *job, const struct record *record, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	const struct active_upload *active = job->active;
	char id[WRITE_ID_SIZE];
	make_write_id(coordinator, job, id);
	struct text *value = coordinator_scratch(coordinator);
	record_encode(value, record);
	if (value->failed)
		job_try_later(coordinator, job, now);
	else
		ports->put(ports->closure, &job->request, active->id, active->revision, id, value->data, value->length);
}

/* What is left of the upload when its record is deleted. */
static struct tombstone make_tombstone(const struct coordinator *coordinator, const struct job *job, nanos now)
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
		url_mark(coordinator->jobs.marker, record->upload->url, tombstone.url);
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

void job_write(struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	const struct active_upload *active = job->active;
	char id[WRITE_ID_SIZE];
	job->doing = JOB_WRITING;
	if (job->action.write != WRITE_DELETE) {
		job->intended = job->record->status;
		job_put(coordinator, job, job->record, now);
		return;
	}
	make_write_id(coordinator, job, id);
	ports->remove(ports->closure, &job->request, active->id, active->revision, id, &job->tombstone);
}

/* The decision is written, or needs no write: logs it, counts it and publishes. */
static void decided(struct coordinator *coordinator, struct job *job, nanos now)
{
	if (job->action.drop)
		runs_drop(coordinator, job->active, now);
	if (job->action.write == WRITE_PUT) {
		const struct status *status = &job->active->record->status;
		if (status->published == status->transition)
			job->active->not_before = 0;
		report_transition(coordinator, job);
	} else if (job->action.write == WRITE_DELETE && job->input.kind == INPUT_CLEAN) {
		coordinator->options.ports.announce_gone(coordinator->options.ports.closure, job->active->id);
	} else if (job->action.write == WRITE_DELETE) {
		metrics_count(coordinator->options.metrics, uploads_confirmed);
	}
	if (job->action.ignored != NULL) {
		if (job->source != NULL)
			metrics_count(coordinator->options.metrics, events_ignored);
		if (strcmp(job->action.ignored, PIPELINE_REPEAT) == 0)
			metrics_count(coordinator->options.metrics, events_repeated);
		log_debug(coordinator->options.log, "upload %s: input %d ignored: %s", job->active->id, (int)job->input.kind,
		          job->action.ignored);
	}
	report_refusal(coordinator, job);
	report_answer_of_others(coordinator, job);
	if (job->action.write == WRITE_PUT)
		announce_step(coordinator, job, job->active->record, now);
	job->left = job->action.publish;
	job->unsure = 0;
	job->looked = 0;
	job->attempts = 0;
	job_publish_next(coordinator, job, now);
}

static void written(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct active_upload *active = job->active;
	metrics_count(coordinator->options.metrics, records_written);
	active->theirs = false;
	active->unpublished = 0;
	if (job->action.write == WRITE_DELETE) {
		report_removal(coordinator, job);
		active_forget(coordinator, active);
		active->known = ACTIVE_ABSENT;
		active->expected = false;
		active->revision = job->request.sequence;
		active->gone = job->tombstone;
	} else {
		/* If the broker dropped the write as a repetition, the record may have changed since the first one. */
		nanos since = job->request.duplicate ? now - KNOWN_LIMIT - 1 : now;
		active_know(coordinator, active, job->record, job->request.sequence, since);
		job->record = NULL;
	}
	decided(coordinator, job, now);
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
	bool asks = input->kind == INPUT_STEP_FINISHED || input->kind == INPUT_READY || input->kind == INPUT_RESUME;
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
		job->tombstone = make_tombstone(coordinator, job, now);
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
static void recall(const struct coordinator *coordinator, struct job *job)
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
		url_mark(coordinator->jobs.marker, job->event.upload->url, mark);
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
		recall(coordinator, job);
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
			decided(coordinator, job, now);
		return;
	}
	write_decision(coordinator, job, upload, &status, now);
}

static bool is_too_late(const struct job *job, nanos now)
{
	return job->input.kind == INPUT_BEGIN && job->source != NULL && now - job->taken > BEGIN_LIMIT;
}

/* Gives the event back: it comes again unless another process acknowledges it. */
static void give_back(struct coordinator *coordinator, struct job *job, nanos now)
{
	if (job->coalesced)
		coalescing_void(coordinator, job, now);
	event_give_back(coordinator, &job->source);
	job->action = (struct action){0};
	job_finish(coordinator, job, now);
}

void job_start(struct coordinator *coordinator, struct job *job, nanos now)
{
	if (is_too_late(job, now)) {
		give_back(coordinator, job, now);
		return;
	}
	/* An upload that begins has probably no record. If it has one, the write is refused. */
	bool known =
		job->active->known != ACTIVE_UNKNOWN || job->input.kind == INPUT_BEGIN || job->input.kind == INPUT_REFUSED;
	if (!known || job->input.kind == INPUT_DOUBT)
		job_load(coordinator, job);
	else
		job_decide(coordinator, job, now);
}

/* Remembers what was read, unless what is remembered is newer. False: it has to be read again. */
static bool take_entry(struct coordinator *coordinator, struct job *job, enum loaded what, struct loaded_entry *entry,
                       nanos now)
{
	struct active_upload *active = job->active;
	if (what != LOADED_FAILED && active_is_ahead(active, entry->revision, now)) {
		record_clear(&entry->record);
		active_found_behind(coordinator, active, entry->revision);
		return true;
	}
	const struct coordinator_options *options = &coordinator->options;
	if (what == LOADED_FAILED ||
	    (what == LOADED_RECORD && !record_give_steps(&entry->record, options->step, options->pipeline.count))) {
		record_clear(&entry->record);
		return false;
	}
	active_forget(coordinator, active);
	active->theirs = false;
	active->unpublished = 0;
	if (what == LOADED_RECORD) {
		struct record *record = record_move(&entry->record);
		active_know(coordinator, active, record, entry->revision, now);
		active->unpublished = record_unpublished(coordinator, record, now);
		active_find_owner(coordinator, active);
	} else {
		active->known = ACTIVE_ABSENT;
		active->expected = active->expected && entry->revision == 0;
		active->revision = entry->revision;
		active->gone = entry->tombstone;
	}
	return true;
}

/* Whether the record is the one that the job has written. The number of the transition alone does not tell: a decision
 * on a record that was read long before has the same number as one that was written meanwhile. */
static bool is_as_intended(const struct coordinator *coordinator, const struct job *job)
{
	const struct record *record = job->active->record;
	const struct status *is = &record->status, *intended = &job->intended;
	bool same = is->publish == intended->publish && (is->publish == 0 || is->published_at == intended->published_at);
	return strcmp(record->writer, coordinator->options.nonce) == 0 && is->transition == intended->transition && same &&
	       is->step == intended->step && is->phase == intended->phase && is->due == intended->due;
}

static void loaded(struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	struct loaded_entry entry;
	enum loaded what = ports->read(ports->closure, &job->request, &entry);
	if (!take_entry(coordinator, job, what, &entry, now)) {
		job_try_later(coordinator, job, now);
		return;
	}
	job->loaded = true;
	job->attempts = 0;
	/* The write that was not answered has happened. */
	bool done =
		job->uncertain && what == LOADED_RECORD && job->action.write == WRITE_PUT && is_as_intended(coordinator, job);
	job->uncertain = false;
	if (done) {
		decided(coordinator, job, now);
		return;
	}
	if (job->coalesced)
		coalescing_void(coordinator, job, now);
	job_decide(coordinator, job, now);
}

/* The record was read again before publishing. If it has changed, its last writer publishes. */
static void checked(struct coordinator *coordinator, struct job *job, nanos now)
{
	const struct ports *ports = &coordinator->options.ports;
	struct active_upload *active = job->active;
	struct loaded_entry entry;
	uint64_t revision = active->revision;
	enum loaded what = ports->read(ports->closure, &job->request, &entry);
	if (!take_entry(coordinator, job, what, &entry, now)) {
		job_try_later(coordinator, job, now);
		return;
	}
	job->attempts = 0;
	job->checked = now;
	if (active_is_behind(active)) {
		job_restore(coordinator, job, now);
	} else if (active->known == ACTIVE_PRESENT && active->revision == revision) {
		job_publish_next(coordinator, job, now);
	} else if (job->republishing) {
		job->republishing = false;
		job->loaded = true;
		job_decide(coordinator, job, now);
	} else {
		job->left = 0;
		job->action.run = false;
		job_publish_next(coordinator, job, now);
	}
}

static void write_refused(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct active_upload *active = job->active;
	if (job->request.error != REQUEST_WRONG_LAST_SEQUENCE) {
		if (job->attempts == 0)
			log_error(coordinator->options.log,
			          "upload %s: the broker refuses its record: %s (JetStream error %d); retrying", active->id,
			          job->request.text, job->request.error);
		job_try_later(coordinator, job, now);
		return;
	}
	metrics_count(coordinator->options.metrics, record_conflicts);
	/* The job decides again, and needs the step's result for that. */
	if (job->record != NULL && job->record->result != NULL) {
		free(job->result);
		job->result = job->record->result;
		job->record->result = NULL;
	}
	record_free(job->record);
	job->record = NULL;
	job_load_again(coordinator, job, now);
}

static void write_answered(struct coordinator *coordinator, struct job *job, nanos now)
{
	switch (job->request.status) {
	case REQUEST_DONE:
		written(coordinator, job, now);
		return;
	case REQUEST_REFUSED:
		write_refused(coordinator, job, now);
		return;
	case REQUEST_UNKNOWN:
		job->uncertain = true;
		break;
	case REQUEST_UNAVAILABLE:
		break;
	}
	job_try_later(coordinator, job, now);
}

void job_answered(struct coordinator *coordinator, struct job *job, nanos now)
{
	switch (job->doing) {
	case JOB_LOADING:
		loaded(coordinator, job, now);
		break;
	case JOB_CHECKING:
		checked(coordinator, job, now);
		break;
	case JOB_RESTORING:
		job_restored(coordinator, job, now);
		break;
	case JOB_WRITING:
		write_answered(coordinator, job, now);
		break;
	case JOB_PUBLISHING:
		job_published(coordinator, job, now);
		break;
	case JOB_IDLE: /* these have no request under way */
	case JOB_COALESCING:
	case JOB_LOOKING:
	case JOB_ASKING_RESTART:
		break;
	}
}

static void try_again(struct coordinator *coordinator, struct job *job, nanos now)
{
	if ((job->doing == JOB_LOADING || job->doing == JOB_WRITING) && is_too_late(job, now)) {
		give_back(coordinator, job, now);
		return;
	}
	switch (job->doing) {
	case JOB_IDLE:
		job_start(coordinator, job, now);
		break;
	case JOB_LOADING:
		job_load(coordinator, job);
		break;
	case JOB_COALESCING:
		coalescing_end(coordinator, job, now);
		break;
	case JOB_RESTORING:
		job_restore(coordinator, job, now);
		break;
	case JOB_WRITING:
		job_write(coordinator, job, now);
		break;
	case JOB_ASKING_RESTART:
		job_ask_restart(coordinator, job);
		break;
	case JOB_CHECKING:
	case JOB_LOOKING:
	case JOB_PUBLISHING:
		job_publish_next(coordinator, job, now);
		break;
	}
}

void jobs_try_again(struct coordinator *coordinator, nanos now)
{
	struct heap_item *timer;
	while ((timer = heap_first(&coordinator->jobs.again)) != NULL && timer->key <= now) {
		heap_remove(&coordinator->jobs.again, timer);
		try_again(coordinator, CONTAINER_OF(timer, struct job, again), now);
	}
}
