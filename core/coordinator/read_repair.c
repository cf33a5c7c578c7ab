/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "core/coordinator/coordinator_private.h"

/* If the broker has no key and the record was seen less than this ago, the record is lost. Later, the upload may as
 * well have ended at another instance and its tombstone been removed. */
#define REMEMBERED_LIMIT (TOMBSTONE_AGE / 2)

bool active_is_ahead(const struct active_upload *active, uint64_t revision, nanos now)
{
	return active->known == ACTIVE_PRESENT && active->expected && revision < active->acknowledged &&
	       (revision != 0 || now - active->known_at < REMEMBERED_LIMIT);
}

void record_forget_lost(const struct coordinator *coordinator, struct record *record)
{
	const struct read_repair *repair = &coordinator->repair;
	struct status *status = &record->status;
	if (repair->lost_from == 0 || status->stream != coordinator->stream)
		return;
	if (status->begun >= repair->lost_from && record->upload->start_time < repair->lost_at)
		status->begun = 0;
	if (status->answered >= repair->lost_from && status->published_at < repair->lost_at)
		status->answered = 0;
}

void read_repair_set_stream(struct coordinator *coordinator, const struct stream_facts *facts, nanos now)
{
	if (facts->lost_from == coordinator->repair.lost_from)
		return;
	coordinator->repair = (struct read_repair){.lost_from = facts->lost_from, .lost_at = now};
	for (struct active_upload *active = active_next(coordinator, NULL); active != NULL;
	     active = active_next(coordinator, active))
		if (active->known == ACTIVE_PRESENT)
			record_forget_lost(coordinator, active->record);
}

bool active_is_behind(const struct active_upload *active)
{
	return active->known == ACTIVE_PRESENT && active->revision != active->acknowledged;
}

void active_found_behind(struct coordinator *coordinator, struct active_upload *active, uint64_t revision)
{
	if (!active_is_behind(active)) {
		metrics_count(coordinator->options.metrics, records_restored);
		log_error(coordinator->options.log,
		          "upload %s: the broker has lost revision %" PRIu64 " of its record and has %" PRIu64
		          " (0: none); the record is written again from memory",
		          active->id, active->acknowledged, revision);
	}
	active->revision = revision;
	active->unsafe = true;
}

void active_lose(struct coordinator *coordinator, struct active_upload *active, nanos now)
{
	metrics_count(coordinator->options.metrics, records_restored);
	active->revision = 0;
	active->unsafe = true;
	active->known_at = now;
	/* Otherwise what is under way will write it. */
	if (active->current == NULL && active->run == NULL)
		active_set_timer(coordinator, active, now);
}

void job_restore(struct coordinator *coordinator, struct job *job, nanos now)
{
	if (job->doing != JOB_RESTORING)
		job_number_write(coordinator, job);
	job->doing = JOB_RESTORING;
	record_sign(coordinator, job->active->record);
	job_put(coordinator, job, job->active->record, now);
}

void job_restored(struct coordinator *coordinator, struct job *job, nanos now)
{
	struct active_upload *active = job->active;
	const struct request *request = &job->request;
	/* The job is either publishing or about to decide. */
	bool publishing = job->left != 0;
	if (request->status == REQUEST_DONE) {
		active->revision = active->acknowledged = request->sequence;
		active->known_at = now;
		active->theirs = false;
		job->attempts = 0;
		if (publishing)
			job_publish_next(coordinator, job, now);
		else
			job_decide(coordinator, job, now);
	} else if (request->status == REQUEST_REFUSED && request->error == REQUEST_WRONG_LAST_SEQUENCE && publishing) {
		job_load(coordinator, job);
		job->doing = JOB_CHECKING;
	} else if (request->status == REQUEST_REFUSED && request->error == REQUEST_WRONG_LAST_SEQUENCE) {
		job_load_again(coordinator, job, now);
	} else {
		job_try_later(coordinator, job, now);
	}
}

void job_lost(struct coordinator *coordinator, struct job *job)
{
	struct active_upload *active = job->active;
	active->expected = false;
	if (!(job->action.publish & PUBLISH_RESTART))
		return;
	job_number_write(coordinator, job);
	metrics_count(coordinator->options.metrics, uploads_restarted);
	log_warning(
		coordinator->options.log,
		"upload %s: the broker has neither its record nor a sign that it ended; asking storage to begin it again if "
		"it still waits for it",
		active->id);
}
