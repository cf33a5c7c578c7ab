/* SPDX-License-Identifier: Apache-2.0
 * The state machine of one upload: (status, input, now) → (status', action). No I/O, no clock, no memory,
 * no threads: everything that can go wrong in time is decided here.
 *
 * The life of an upload:
 *
 *   BEGIN ──▶ queued ──▶ (runs) ──▶ queued in the next step … ──▶ confirming ──READY──▶ record deleted, or ended
 *               ▲          │ wait            ▲                        │ due
 *               │          ├──▶ waiting ─due─┤ (runs again)           └──▶ said again … ──▶ unconfirmed
 *               │          │ retry           │
 *               │          ├──▶ backoff ─due─┘
 *               │          │ await
 *               └─ due ────┴──▶ awaiting ─STEP_FINISHED─▶ next step
 *
 * A run whose URL answers that there are no bytes has storage asked to begin the upload again, once in its life: the BEGIN
 * that answers may name another URL. The status says so until the end, beyond that BEGIN, and whoever finds it unanswered
 * makes sure that it was said.
 *
 * A step that ends the whole service must not do so for ever: what may have been running when the service ended, and
 * what has failed before, is marked in its record (running) before it runs, and counts as failed if it is found so.
 * It does not count if that process noted that it ended because it was out of memory: no step is to blame for that.
 * What begins with an event that was delivered before is marked, too: whoever had it may have run the step, and left no
 * record. So is what begins again although another process may have been running a step of it, or one has failed.
 *
 * A step whose check fails is suspended: its uploads are not run, and stay as they are, queued or with their time come.
 * Those that have waited for too long then (EXPIRED) end as those do whose retries are used up.
 *
 * Storage may say twice what it says once (BEGIN of the same bytes, within moments): that begins an upload that is under
 * way again, which costs a run, but not one that has ended, for that would end a second time. It begins again if its URL is
 * another one, if somebody has asked for it (RestartPostprocessing), or if the end is so long ago that storage should know.
 *
 * CLEAN is storage's word that there is no such upload any more: whatever it is doing, its record goes.
 *
 * The caller (coordinator.c) loads the record, applies one input at a time, writes the record if the action
 * says so, conditional on what it loaded, and only then publishes and runs what the action says. The one exception is
 * what BEGIN runs: it may be over before the record is written, and BEGIN and RETURNED then are one write. */
#ifndef CORE_UPLOAD_PIPELINE_H
#define CORE_UPLOAD_PIPELINE_H

#include "core/upload/upload.h"

/* The limits of one step. */
struct pipeline_step {
	const char *name;
	unsigned max_retries;
	nanos retry_backoff;
	nanos deadline;
	nanos max_wait;     /* farther ahead a step may not ask to be run again, or ask others to answer */
	unsigned max_waits; /* as often may one try of the step ask to be run again later */
	nanos check_limit;  /* so long an upload waits for the step while it is suspended */
	bool continue_when_exhausted;
};

/* The defaults of max_wait, max_waits and check_limit. */
#define MAX_WAITING .max_wait = 720 * HOUR, .max_waits = 1000, .check_limit = 24 * HOUR

struct pipeline {
	const struct pipeline_step *step;
	size_t count;
	struct pipeline_step other;   /* for steps that a record names and the configuration does not: done by others */
	nanos confirm_interval;       /* before PostprocessingFinished is sent a second time; doubles each time */
	nanos confirm_interval_limit;
	unsigned confirm_limit;       /* how often it is sent at the most */
};

enum input_kind {
	INPUT_BEGIN,         /* BytesReceived */
	INPUT_REFUSED,       /* one that cannot be used, and names an upload that can have no record */
	INPUT_STEP_FINISHED, /* PostprocessingStepFinished from the bus */
	INPUT_READY,         /* UploadReady */
	INPUT_RESUME,        /* ResumePostprocessing */
	INPUT_CLEAN,         /* CleanUpload */
	INPUT_RETURNED,      /* run() of the current step came back, or its deadline passed */
	INPUT_STARTING,      /* the turn of the current step has come */
	INPUT_DUE,           /* the time that the status names has come */
	INPUT_FOUND,         /* the record was found in the bucket at start, or left behind by another instance */
	INPUT_DOUBT,         /* another instance may have deleted the record, which was read since */
	INPUT_STOPPED,       /* the service stops before the step that is marked as running came to an end */
	INPUT_EXPIRED        /* the current step is suspended, and the upload has perhaps waited long enough for it */
};

/* Whether a RestartPostprocessing of the upload stands in the stream between the event that begun it and the input. */
enum restart { RESTART_UNKNOWN, RESTART_NONE, RESTART_ASKED };

enum returned { RETURNED_VERDICT, RETURNED_WAIT, RETURNED_AWAIT };

struct input {
	enum input_kind kind;
	/* From the bus: where the event stands there. */
	uint64_t sequence;
	int64_t stream;
	bool redelivered;      /* it was delivered before, perhaps to a process that died */
	nanos stored;          /* BEGIN: when the stream got the event */
	/* BEGIN: what is known of the pass of the upload that has ended; ended_at 0: nothing. */
	struct {
		uint64_t begun;
		int64_t stream;
		nanos ended_at;
		bool same_url; /* as the event's */
	} past;
	enum restart restart;  /* BEGIN */
	const char *refused;   /* BEGIN: why the event cannot be used, so that the upload ends at once; NULL: it can */
	const char *step;      /* STEP_FINISHED */
	enum outcome outcome;  /* STEP_FINISHED, RETURNED with a verdict */
	bool failed;           /* READY */
	/* RETURNED: */
	enum returned returned;
	uint64_t transition;   /* the status' transition when the run began; STOPPED, too */
	nanos began;           /* when it did; 0: there was no run */
	nanos until;           /* WAIT, AWAIT */
	bool result;           /* the step set a result */
	bool gone;             /* the upload's URL answered that there are no bytes */
	const char *reason;    /* "", and of EXPIRED and STEP_FINISHED (NULL: none) */
	nanos suspended;       /* EXPIRED: since then the step is */
	bool mark;             /* STARTING: it is to be marked as running first, see PHASE_RUNNING; RESUME, BEGIN: another
	                          process may have run it, and died */
	bool lost;             /* there is no record, though there has to be one: the broker has lost it */
	bool foreign;          /* FOUND: another implementation wrote it */
	bool spared;           /* FOUND: the process that marked it as running ended because it was out of memory */
	bool claim;            /* FOUND, RESUME: another instance looked after it: it has to be written to be ours */
};

/* What action.ignored is for a BEGIN that only repeats what has ended. */
#define PIPELINE_REPEAT "storage repeats itself: the upload has just ended, and nobody asked for it again"

enum write { WRITE_NONE, WRITE_PUT, WRITE_DELETE };

struct action {
	enum write write;
	unsigned publish;    /* PUBLISH_… */
	bool run;            /* hand the current step to its workers */
	bool mark;           /* … which are to mark it as running first */
	bool announce;       /* the step has been entered: others may be told so, if it is done here */
	bool drop;           /* a run that is under way is no longer wanted */
	bool ask_restart;    /* nothing is decided: input.restart has to be known */
	bool passed;         /* the upload goes on without the verdict of a step: */
	size_t passed_step;  /* which, how often it had failed, and why */
	unsigned passed_failures;
	char why_passed[REASON_SIZE];
	const char *ignored; /* the input changed nothing, for this reason; NULL: it did */
};

/* Applies `input` to `status`. upload: of the record, or of BEGIN; NULL if there is no record (then only BEGIN, RESUME, CLEAN
 * and whatever finds it lost do something). present: there is a record, and status is its. busy: the current step is
 * queued or running in this instance. */
struct action pipeline_apply(const struct pipeline *pipeline, const struct upload *upload, bool present,
                             struct status *status, const struct input *input, bool busy, nanos now);

/* The limits of the step that the upload is in; not to be called once all are done. */
const struct pipeline_step *pipeline_current_step(const struct pipeline *pipeline, const struct upload *upload,
                                                  const struct status *status);

/* How long the current step waits before its next run, after so many failures as the status says. */
nanos pipeline_backoff(const struct pipeline *pipeline, const struct upload *upload, const struct status *status);

/* Since when an upload wants the turn in its step that it has not had yet. */
nanos pipeline_came(const struct pipeline_step *limits, const struct status *status);
/* Until when such an upload waits for the step, which has been suspended since `suspended`: for check_limit from when it came.
 * One that came long before, as after a long stop of the service or in a long line, is not ended at once: the step has to
 * have been suspended for an hour (or for check_limit, if that is less). */
nanos pipeline_suspended_until(const struct pipeline_step *limits, nanos came, nanos suspended);

/* Is the step one that the configuration has? */
bool pipeline_step_known(const struct pipeline *pipeline, const char *name);

#endif
