/* SPDX-License-Identifier: Apache-2.0
 * The state machine of one upload: (status, input, now) → (status', action). It has no I/O, no clock, no allocations
 * and no threads, so all decisions that depend on the order of events can be tested here.
 *
 * The life of an upload:
 *
 *   BEGIN ──▶ queued ──▶ (runs) ──▶ queued in the next step … ──▶ confirming ──READY──▶ record deleted, or ended
 *               ▲          │ wait            ▲                        │ due
 *               │          ├──▶ waiting ─due─┤ (runs again)           └──▶ said again … ──▶ unconfirmed
 *               │          │ retry           │
 *               │          ├──▶ backoff ─due─┘
 *               │          │ await
 *               └─ due ────┼──▶ awaiting ─STEP_FINISHED─▶ next step
 *                          └──▶ held (awaiting an administrator) ─HOLD_ENDED or due─▶ next step, or ended
 *
 * If the server of an upload's URL answers that the bytes no longer exist, storage is asked once to restart the upload.
 * The BEGIN that follows may contain another URL. The status records the request until the end of the upload. An
 * instance that finds the request unanswered makes sure that it was published.
 *
 * A step that crashes the service must not do so forever. If a step may have been running when the service ended, or
 * has failed before, the record is marked as running before the next run. If such a mark is found after a restart, it
 * counts as a failure, unless the process noted that it ended because it was out of memory, for which no step is to
 * blame. An upload that begins with a redelivered event is marked too, because the first receiver may have run the step
 * without leaving a record. The same is true for an upload that is restarted although another process may have been
 * running a step of it, or a step of it has failed.
 *
 * A step whose check fails is suspended: its uploads do not run, and stay queued or due. Uploads that have waited too
 * long (EXPIRED) end like those whose retries are exhausted.
 *
 * Storage may publish the same BEGIN twice within moments. For an unfinished upload, the second one restarts it, which
 * costs a run. For a finished upload it is ignored, because the upload would end a second time. A finished upload
 * begins again if its URL differs, if a restart was requested (RestartPostprocessing), or if it ended so long ago that
 * storage should know.
 *
 * CLEAN means that the upload no longer exists in storage: its record is deleted in any state.
 *
 * The caller (coordinator.c) loads the record, applies one input at a time, and writes the record if the action says
 * so, on the condition that it has not changed. Only then does it publish and run what the action says. The only
 * exception is the run started by BEGIN: it may end before the record is written, and BEGIN and RETURNED are then
 * combined into one write. */
#ifndef CORE_UPLOAD_PIPELINE_H
#define CORE_UPLOAD_PIPELINE_H

#include "core/upload/upload.h"

/* The limits of one step. */
struct pipeline_step {
	const char *name;
	unsigned max_retries;
	unsigned max_crashes; /* how often the module may crash on an upload; 0: as often as it may fail */
	nanos retry_backoff;
	nanos deadline;
	nanos max_wait;            /* the longest time that a step may ask to wait, or give others to answer */
	unsigned max_waits;        /* how often one attempt of the step may ask to wait */
	nanos check_limit;         /* how long an upload waits for the step while it is suspended */
	nanos hold_limit;          /* how long the step may hold an upload … */
	enum outcome hold_outcome; /* … and what ends it then */
	bool continue_when_exhausted;
};

/* The defaults of all that an upload may wait for. */
#define MAX_WAITING \
	.max_wait = 720 * HOUR, .max_waits = 1000, .check_limit = 24 * HOUR, .hold_limit = 720 * HOUR, \
	.hold_outcome = OUTCOME_ABORT

struct pipeline {
	const struct pipeline_step *step;
	size_t count;
	struct pipeline_step other; /* for steps in records that are not configured: other services perform them */
	nanos confirm_interval;     /* the time before PostprocessingFinished is repeated; doubles each time */
	nanos confirm_interval_limit;
	unsigned confirm_limit; /* the maximum number of times it is sent */
};

enum input_kind {
	INPUT_BEGIN,         /* BytesReceived */
	INPUT_REFUSED,       /* an unusable BytesReceived with an ID that no record can have */
	INPUT_STEP_FINISHED, /* PostprocessingStepFinished from the bus */
	INPUT_READY,         /* UploadReady */
	INPUT_RESUME,        /* ResumePostprocessing */
	INPUT_CLEAN,         /* CleanUpload */
	INPUT_HOLD_ENDED,    /* an administrator has released or rejected the upload */
	INPUT_RETURNED,      /* run() of the current step returned, or its deadline passed */
	INPUT_STARTING,      /* the current step is about to run */
	INPUT_DUE,           /* the status' due time has come */
	INPUT_FOUND,         /* the record was found in the bucket at startup, or after another instance died */
	INPUT_DOUBT,         /* another instance may have deleted the record; it has been read again */
	INPUT_STOPPED,       /* the service stops before the step that is marked as running has ended */
	INPUT_EXPIRED        /* the current step is suspended, and the upload may have waited long enough for it */
};

/* Whether the stream contains a RestartPostprocessing of the upload between the event that began it and the input. */
enum restart { RESTART_UNKNOWN, RESTART_NONE, RESTART_ASKED };

enum returned { RETURNED_VERDICT, RETURNED_WAIT, RETURNED_AWAIT, RETURNED_HOLD };

struct input {
	enum input_kind kind;
	/* From the bus: the position of the event. */
	uint64_t sequence;
	int64_t stream;
	bool redelivered; /* the event was delivered before, possibly to a process that died */
	nanos stored;     /* BEGIN: when the event was stored in the stream */
	/* BEGIN: what is known about the previous, finished run of the upload through the pipeline; ended_at 0: nothing. */
	struct {
		uint64_t begun;
		int64_t stream;
		nanos ended_at;
		bool same_url; /* as the event's */
	} past;
	enum restart restart; /* BEGIN */
	const char *refused;  /* BEGIN: why the event is unusable, so that the upload ends at once; NULL: it is usable */
	const char *step;     /* STEP_FINISHED, HOLD_ENDED */
	enum outcome outcome; /* STEP_FINISHED, HOLD_ENDED, RETURNED with a verdict */
	bool failed;          /* READY */
	/* RETURNED: */
	enum returned returned;
	uint64_t transition; /* the status' transition when the run began; STOPPED, too */
	nanos began;         /* when it did; 0: there was no run */
	nanos until;         /* WAIT, AWAIT */
	bool result;         /* the step set a result */
	bool crashed;        /* the module's process died */
	bool gone;           /* the server of the upload's URL answered that the bytes no longer exist */
	const char *reason;  /* may be ""; also for EXPIRED, STEP_FINISHED, HOLD_ENDED, READY (NULL: none) */
	nanos suspended;     /* EXPIRED: when the step was suspended */
	bool mark;           /* STARTING: mark the upload as running first, see PHASE_RUNNING; RESUME, BEGIN: another
	                        process may have run the step and died */
	bool lost;           /* there should be a record, but the broker has lost it */
	bool foreign;        /* FOUND: another implementation wrote it */
	bool spared;         /* FOUND: the process that marked it as running ended because it was out of memory */
	bool claim;          /* FOUND, RESUME: another instance looked after it: it has to be written to be ours */
};

/* The value of action.ignored for a BEGIN that repeats a finished upload. */
#define PIPELINE_REPEAT "duplicate event: the upload has just ended, and no restart was requested"

enum write { WRITE_NONE, WRITE_PUT, WRITE_DELETE };

struct action {
	enum write write;
	unsigned publish;   /* PUBLISH_… */
	bool run;           /* hand the current step to its workers */
	bool mark;          /* … after it was marked as running */
	bool announce;      /* the upload has entered the step: announce it if it is performed here */
	bool drop;          /* a current run is no longer wanted */
	bool ask_restart;   /* undecided: input.restart must be determined first */
	bool passed;        /* the upload continues without the verdict of a step: */
	size_t passed_step; /* the step, its number of failures, and the reason */
	unsigned passed_failures;
	char why_passed[REASON_SIZE];
	bool hold_expired;   /* nobody decided on the held upload in time */
	bool hold_resumed;   /* the step runs again on the held upload */
	const char *ignored; /* why the input changed nothing; NULL: it did */
};

/* Applies `input` to `status`. upload: from the record, or from BEGIN; NULL if there is no record (then only BEGIN,
 * RESUME, CLEAN and inputs with `lost` have an effect). present: there is a record, and `status` belongs to it. busy:
 * the current step is queued or running in this instance. */
struct action pipeline_apply(const struct pipeline *pipeline, const struct upload *upload, bool present,
                             struct status *status, const struct input *input, bool busy, nanos now);

/* The limits of the current step. Do not call this when all steps are done. */
const struct pipeline_step *pipeline_current_step(const struct pipeline *pipeline, const struct upload *upload,
                                                  const struct status *status);

/* How long the current step waits before its next run, given the failures in the status. */
nanos pipeline_backoff(const struct pipeline *pipeline, const struct upload *upload, const struct status *status);

/* Since when an upload has been waiting to run in its current step. */
nanos pipeline_came(const struct pipeline_step *limits, const struct status *status);
/* Until when such an upload waits for the step, which has been suspended since `suspended`: check_limit after `came`.
 * An upload that has been waiting for long already, for example because the service was stopped or the queue is long,
 * is not ended at once: the step must have been suspended for an hour (or for check_limit, if that is shorter). */
nanos pipeline_suspended_until(const struct pipeline_step *limits, nanos came, nanos suspended);

#endif
