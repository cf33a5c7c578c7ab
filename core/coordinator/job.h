/* SPDX-License-Identifier: Apache-2.0
 * A job: one input for one upload, and what has to be done about it.
 *
 *   load ──▶ decide ──▶ write ──▶ publish ──▶ finish
 *     ▲                   │ refused: another writer was faster
 *     └───────────────────┘
 *
 * Load: the record is read if it is not remembered. Decide: pipeline_apply() makes a new status and an action of the
 * old status and the input; it has no side effects. Write: the record is written on the condition that its key still
 * has the revision that was decided on, so a decision that is out of date has no effect: the record is read and decided
 * on again. Publish: see outbox.h. Finish: the event is acknowledged, the job is freed, and the step is queued for its
 * workers if the action says so (runs.h).
 *
 * A job waits for the broker in JOB_LOADING, JOB_WRITING, JOB_PUBLISHING and so on. An answer continues it
 * (job_answered()). When a request fails, or when there is no memory to encode a record or an event, job_try_later()
 * sets its timer: after 100 ms at first, then twice as long each time up to 5 s. So a job ends only when all is done,
 * or when it gives its event back. */
#ifndef CORE_COORDINATOR_JOB_H
#define CORE_COORDINATOR_JOB_H

#include "core/base/heap.h"
#include "core/coordinator/coordinator.h"
#include "core/coordinator/sweep.h"
#include "core/upload/loaded.h"

struct active_upload;

struct job {
	struct job *next;
	struct active_upload *active;
	struct input input;
	struct event event;       /* the input's texts point into it */
	struct delivery *source;  /* acknowledged at the end; NULL: there is none */
	nanos taken;              /* when the event came */
	struct sweep *sweep;      /* a resume by step, which it holds a reference of; or NULL */
	char *result;             /* of a run; JSON text, owned */
	char *verdict, *details;  /* the same; owned, NULL: none */
	char reason[REASON_SIZE]; /* of a run */

	/* What it is doing: */
	enum {
		JOB_IDLE,       /* not started */
		JOB_LOADING,    /* reads the record */
		JOB_COALESCING, /* its step runs before its record is written, see write_coalescing.h */
		JOB_RESTORING,  /* writes a record that the broker has lost, see read_repair.h */
		JOB_WRITING,    /* writes what was decided */
		JOB_CHECKING,   /* reads the record again before it publishes */
		JOB_LOOKING,    /* searches the stream for what it is about to publish */
		JOB_PUBLISHING,
		JOB_ASKING_RESTART /* searches the stream for a RestartPostprocessing, before it decides */
	} doing;
	struct request request; /* under way */
	struct heap_item again; /* when to try again */
	unsigned attempts;      /* of the current request that have failed */

	/* Reading and writing: */
	bool loaded;            /* the record was read for this job */
	unsigned conflicts;     /* writes that were refused because another writer was faster */
	uint64_t write_id;      /* the same for all attempts of one write */
	bool uncertain;         /* a write was sent and not answered */
	struct status intended; /* by that write */

	/* What was decided: */
	struct action action;
	struct record *record;      /* as it is to be written; owned */
	struct tombstone tombstone; /* … or what is to stay of it */
	bool coalesced;             /* its step was to run before the record was written */
	bool announced;             /* the step that it enters was announced */

	/* Publishing, see outbox.h: */
	unsigned left;        /* PUBLISH_… that are not published yet */
	bool republishing;    /* they are what a process that died may not have published … */
	unsigned republished; /* … namely these */
	nanos checked;        /* when the record was last read again; 0: not since it was decided */
	nanos sent;           /* when the first of `left` was last published */
	nanos unsure;         /* when it was first published without an answer; 0: never */
	nanos looked;         /* when it was known not to be in the stream; 0: nobody looked */
};

struct jobs {
	struct heap again;
	uint64_t writes; /* begun so far; numbers them */
};

struct job *job_create(enum input_kind kind);
/* An event that the job still has is given back. */
void job_free(struct coordinator *coordinator, struct job *job);
/* Ends the delivery without acknowledging it, if there is one: it comes again. */
void event_give_back(struct coordinator *coordinator, struct delivery **source);

/* Carries out the job, which is its upload's current one. It may be over, and freed, on return. */
void job_start(struct coordinator *coordinator, struct job *job, nanos now);
/* Continues the job, whose request was answered. */
void job_answered(struct coordinator *coordinator, struct job *job, nanos now);
/* Acknowledges the event, frees the job, has the step run if that was decided, and lets the upload advance. */
void job_finish(struct coordinator *coordinator, struct job *job, nanos now);
/* Repeats what the job was doing after a pause that grows with each attempt. */
void job_try_later(struct coordinator *coordinator, struct job *job, nanos now);

void job_set_timer(struct coordinator *coordinator, struct job *job, nanos at);
void job_unset_timer(struct coordinator *coordinator, struct job *job);
/* Continues all jobs whose timers are due. To be called with each tick. */
void jobs_try_again(struct coordinator *coordinator, nanos now);
/* Makes all timers due. */
void jobs_hasten(struct coordinator *coordinator, nanos now);

/* Reads the record. */
void job_load(struct coordinator *coordinator, struct job *job);
/* Reads it after a write that was refused: at once, or after a pause if that happens often. */
void job_load_again(struct coordinator *coordinator, struct job *job, nanos now);
/* Goes on with a decision that is written, or that needs no write: logs it, counts it and publishes. */
void job_decided(struct coordinator *coordinator, struct job *job, nanos now);
/* Writes the job's record, or deletes it. */
void job_write(struct coordinator *coordinator, struct job *job, nanos now);
/* Writes a record, on the revision that is known. */
void job_put(struct coordinator *coordinator, struct job *job, const struct record *record, nanos now);
/* The writes that follow have an ID of their own. */
void job_number_write(struct coordinator *coordinator, struct job *job);
/* Whether the record was last known to be current more than five seconds ago, so that another instance may have changed
 * it since. */
bool active_is_stale(const struct active_upload *active, nanos now);

#endif
