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
	free(job->verdict);
	free(job->details);
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

void job_decided(struct coordinator *coordinator, struct job *job, nanos now)
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
	report_decision_in_vain(coordinator, job);
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
	job_decided(coordinator, job, now);
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
		job_decided(coordinator, job, now);
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
