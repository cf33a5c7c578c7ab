/* SPDX-License-Identifier: Apache-2.0
 * The uploads that this instance looks after: their table, the queues of their jobs, and the times at which they are
 * due.
 *
 * An upload is known in one of three ways. It is *active*, with a struct active_upload, while a job or a run of it is
 * under way or while its record is remembered. Once nothing is under way it comes to rest (active_rest()): it stays
 * active with a timer if there is room for its record; otherwise only its place in the fair queue or, in struct
 * deferred, its due time is kept, and the record is read again when the upload is due.
 *
 * The jobs of one upload are carried out one after the other, those of different uploads side by side. active_add_job()
 * starts the job at once if none is under way. active_advance() follows the end of a job: it starts the next one or
 * lets the upload come to rest, which may free it. So after active_add_job(), active_advance() and active_rest() the
 * caller must not use the upload. */
#ifndef CORE_COORDINATOR_ACTIVE_UPLOAD_H
#define CORE_COORDINATOR_ACTIVE_UPLOAD_H

#include "core/base/heap.h"
#include "core/base/table.h"
#include "core/coordinator/coordinator.h"
#include "core/coordinator/deferred.h"
#include "core/upload/loaded.h"

struct flow;
struct job;

struct active_upload {
	struct entry entry;
	/* What is known of the key in the bucket: nothing; that it has no record; that it has `record`. */
	enum { ACTIVE_UNKNOWN, ACTIVE_ABSENT, ACTIVE_PRESENT } known;
	uint64_t revision;     /* of the record or tombstone, 0: no key; the next write is conditional on it */
	struct tombstone gone; /* ABSENT: what the tombstone says */
	struct record *record; /* PRESENT; owned */
	uint64_t acknowledged; /* PRESENT: its revision; another one than `revision` if the broker has lost it since */
	nanos known_at;        /* PRESENT: when the broker was last known to have the record */
	bool expected;         /* there must be a record: there was one, and nobody is known to have deleted it */
	bool unsafe;           /* the broker has lost the record before, so it is not dropped from memory */
	bool theirs;           /* PRESENT: another instance looks after the upload */
	unsigned unpublished;  /* PUBLISH_… that a process may have died before publishing */

	struct job *current;       /* under way, NULL: none */
	struct job *first, **last; /* those that follow, in order */
	bool advancing;            /* active_advance() is running for it */

	struct run *run;      /* handed to the workers; NULL: none */
	bool queued;          /* in the fair queue of its step */
	bool turn;            /* it has a turn that it has not used yet (dispatch.h): */
	bool suspect;         /* … which it uses only after its record was marked as running */
	size_t turn_step;     /* … of this step */
	int64_t turn_size;    /* … of this many bytes */
	struct flow *turn_of; /* … which counts for this user (fair_queue.h) */

	nanos not_before; /* its timer does not fire earlier; 0: the status alone decides */
	struct heap_item due;
	char id[];
};

struct active_uploads {
	struct table table;
	struct heap due; /* of active uploads */
	struct deferred deferred;
	size_t queued_only; /* uploads that are in the fair queue and not active */
	size_t remembered;  /* records of active uploads */
	size_t busy;        /* uploads with a current job */
};

void active_uploads_init(struct coordinator *coordinator);
/* Frees all of them, with their jobs and records. Their runs stay. */
void active_uploads_free(struct coordinator *coordinator);

/* Finds the upload, or makes it active. */
struct active_upload *active_get(struct coordinator *coordinator, const char *id);
/* Whether the upload is known here: active, deferred or queued. */
bool active_exists(const struct coordinator *coordinator, const char *id);
/* Whether a job of the upload is under way. */
bool active_is_moving(const struct coordinator *coordinator, const char *id);
/* The next active upload, after NULL the first; NULL: there are no more. */
struct active_upload *active_next(const struct coordinator *coordinator, const struct active_upload *active);

/* Takes the job over as the upload's last one. */
void active_add_job(struct coordinator *coordinator, struct active_upload *active, struct job *job, nanos now);
/* Takes the job over as the upload's next one. A current job that coalesces its first write goes back behind it. */
void active_hurry_job(struct coordinator *coordinator, struct active_upload *active, struct job *job, nanos now);
/* The job that already has the event of this sequence number; NULL: none has. */
struct job *active_find_event(const struct active_upload *active, uint64_t sequence, int64_t stream);
/* The current job has ended and was freed. active_advance() has to follow. */
void active_end_job(struct coordinator *coordinator, struct active_upload *active);
/* The current job has not ended: it becomes the upload's next one. */
void active_put_back_job(struct coordinator *coordinator, struct active_upload *active);
/* Starts the upload's next job if none is under way. Without any the upload comes to rest. */
void active_advance(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* Whether the next job is a CleanUpload, after which nothing of the upload is published. */
bool active_is_cleaned_next(const struct active_upload *active);

/* Nothing is under way for the upload: sets its timer, or drops it from memory. */
void active_rest(struct coordinator *coordinator, struct active_upload *active, nanos now);
/* Sets the time at which the upload is looked at again. */
void active_set_timer(struct coordinator *coordinator, struct active_upload *active, nanos at);
/* Lets an upload rest that is not active and whose record was found, if the record needs no write and nothing is to be
 * published: it is queued for its step, or deferred until it is due. False: it needs a job. */
bool active_put_to_rest(struct coordinator *coordinator, const struct record *record, nanos now);
/* Forgets all deferred uploads. The bucket has to be read again. */
void active_forget_deferred(struct coordinator *coordinator);

/* Takes the upload whose time has come first; NULL: none is due. Uploads that wait for an answer are left out while
 * that answer may be among the events that have not been delivered yet. */
struct active_upload *active_take_due(struct coordinator *coordinator, nanos now);
/* When the next one is due; INT64_MAX: never. */
nanos active_next_due(const struct coordinator *coordinator, nanos now);

/* Forgets what is known of the record. */
void active_forget(struct coordinator *coordinator, struct active_upload *active);
/* Takes over the record that the broker has now. */
void active_know(struct coordinator *coordinator, struct active_upload *active, struct record *record,
                 uint64_t revision, nanos now);
/* Sets `theirs` from the record that was read. */
void active_find_owner(const struct coordinator *coordinator, struct active_upload *active);

/* What an upload at rest waits for. */
enum waits_for status_waits_for(const struct status *status);

#endif
