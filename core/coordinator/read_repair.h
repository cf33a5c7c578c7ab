/* SPDX-License-Identifier: Apache-2.0
 * Writes records again that the broker has lost.
 *
 * A broker that is killed may lose writes that it has acknowledged, and come back with an older record or with none. An
 * active upload knows the revision that was acknowledged. If the broker then has an older one, what is remembered is
 * newer than what was read: it is kept and written again, on the broker's revision, and the upload is not dropped from
 * memory any more. Without a key the record may also have been deleted and its tombstone cleared away; so that counts
 * as a loss only within half an hour of the time at which the record was last seen.
 *
 * If nothing is remembered of an upload that must have a record, storage is asked to begin it again (job_lost()). */
#ifndef CORE_COORDINATOR_READ_REPAIR_H
#define CORE_COORDINATOR_READ_REPAIR_H

#include "core/coordinator/coordinator.h"

struct active_upload;
struct job;

struct read_repair {
	uint64_t lost_from; /* the broker has lost the events from this one on, and reuses their numbers; 0: none */
	nanos lost_at;      /* when that was noticed */
};

void read_repair_set_stream(struct coordinator *coordinator, const struct stream_facts *facts, nanos now);

/* Whether what is remembered is newer than this revision, which the broker has (0: no key). */
bool active_is_ahead(const struct active_upload *active, uint64_t revision, nanos now);
/* It is: notes that it has to be written again, and logs and counts that. */
void active_found_behind(struct coordinator *coordinator, struct active_upload *active, uint64_t revision);
/* Whether it is still to be written again. */
bool active_is_behind(const struct active_upload *active);
/* The whole bucket was lost: the record is written again when the upload is next looked at, which is at once. */
void active_lose(struct coordinator *coordinator, struct active_upload *active, nanos now);

/* Removes the numbers of lost events from a record: the events that have these numbers now are others. */
void record_forget_lost(const struct coordinator *coordinator, struct record *record);
/* Writes what is remembered again, with this instance as the owner: the one before may not remember it. */
void job_restore(struct coordinator *coordinator, struct job *job, nanos now);
/* The request to do so was answered. */
void job_restored(struct coordinator *coordinator, struct job *job, nanos now);
/* The record of the job's upload is lost, and what to do about it was decided: counts and logs it. */
void job_lost(struct coordinator *coordinator, struct job *job);

#endif
