/* SPDX-License-Identifier: Apache-2.0
 * The description of an upload from the event that began it, and its status.
 *
 * struct upload is immutable and shared by reference, also between threads. struct status is a plain value, from which
 * the pipeline computes new ones. Together they form the record (record.h). */
#ifndef CORE_UPLOAD_UPLOAD_H
#define CORE_UPLOAD_UPLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"

/* Limits for external input. */
#define UPLOAD_ID_LIMIT 255
#define UPLOAD_STEPS_LIMIT 64
#define UPLOAD_STEP_NAME_LIMIT 64
/* For all metadata together, as JSON. */
#define UPLOAD_METADATA_LIMIT ((size_t)16 << 10)
/* For the ID of a user or a space. */
#define UPLOAD_NAME_LIMIT 255
#define UPLOAD_NAME_SIZE (UPLOAD_NAME_LIMIT + 1)
/* Failures of a step are not counted beyond this number. */
#define UPLOAD_FAILURES_LIMIT 1000000

struct upload {
	/* All strings are stored after the struct in the same allocation. JSON texts are compact and never NULL
	 * ("null"). */
	const char *id;
	const char *url; /* a secret, because it grants access to the file */
	const char *filename;
	const char *initiator_id;
	const char *traceparent;
	const char *metadata; /* other "Metadata" of the event that began it: the members of a JSON object, or "" */
	const char *user_json;
	const char *impersonating_user_json;
	const char *resource_id_json;
	const char *const *step; /* names, in order */
	size_t step_count;
	int64_t filesize; /* as announced; -1: unknown */
	nanos start_time;
	atomic_int references; /* upload_hold(), upload_release() */
};

/* Copies `fields` with their strings (NULL becomes "" or "null"). The caller owns the only reference. NULL: out of
 * memory. */
struct upload *upload_create(const struct upload *fields);
struct upload *upload_hold(struct upload *upload);
void upload_release(struct upload *upload); /* NULL is fine */

/* Copies the ID of the user who uploads ("id"."opaque_id" of the user), and that of the space ("space_id" of the
 * ResourceID). "" if it is unknown or longer than UPLOAD_NAME_LIMIT. */
void upload_user_id(const struct upload *upload, char name[UPLOAD_NAME_SIZE]);
void upload_space_id(const struct upload *upload, char name[UPLOAD_NAME_SIZE]);

/* Whether the ID is acceptable: 1 to 255 bytes, no '/', no control characters. */
bool upload_id_acceptable(const char *id, size_t length);

enum outcome { OUTCOME_NONE, OUTCOME_CONTINUE, OUTCOME_ABORT, OUTCOME_DELETE, OUTCOME_RETRY };
/* "", "continue", "abort", "delete", "retry". */
const char *outcome_name(enum outcome outcome);
/* OUTCOME_RETRY for an unknown word: this is a failure, never a verdict. */
enum outcome outcome_parse(const char *name);

/* What an upload is waiting for. */
enum phase {
	PHASE_QUEUED,      /* its step runs as soon as a worker is free */
	PHASE_RUNNING,     /* its step is running after it has failed, or may have crashed the service: the mark makes
	                      sure that a crash is counted */
	PHASE_WAITING,     /* its step asked to run again at `due` */
	PHASE_BACKOFF,     /* its step failed and runs again at `due` */
	PHASE_AWAITING,    /* another service performs its step, or an administrator decides: `held`. It has until `due` */
	PHASE_CONFIRMING,  /* the outcome is published; storage has until `due` to confirm before it is published again */
	PHASE_UNCONFIRMED, /* storage never confirmed the outcome, although it was published repeatedly */
	PHASE_ENDED        /* storage confirmed the failure; the record is kept for people to see */
};
const char *phase_name(enum phase phase);
bool phase_parse(const char *name, enum phase *phase);

/* What a transition publishes. */
enum {
	PUBLISH_STEP_FINISHED = 1 << 0,
	PUBLISH_START = 1 << 1,
	PUBLISH_RETRY = 1 << 2,
	PUBLISH_FINISHED = 1 << 3,
	/* Never in `publish` below: */
	PUBLISH_RESTART = 1 << 4, /* for an upload without a record, or whose bytes no longer exist at its URL */
	PUBLISH_REFUSAL = 1 << 5  /* for an upload that can have no record */
};

#define REASON_SIZE 160
/* How the reason of an upload begins whose hold has ended without a decision. */
#define HOLD_EXPIRED "nobody decided within hold_limit"

struct status {
	size_t step;          /* index of the current step; step_count: all done ("finished" on the wire) */
	enum outcome outcome; /* of the upload once all is done; RETRY during a backoff; else NONE */
	enum phase phase;
	bool held;              /* PHASE_AWAITING: an administrator has until `due` to release or reject the upload */
	bool awaited;           /* another service was asked to perform this step, so an answer from the bus counts … */
	uint64_t answered;      /* … if it is newer than the last one that counted, by its sequence in `stream`; 0: none.
	                           For a held upload also that of the last resume. After the end: the sequence of
	                           storage's confirmation */
	unsigned failures;      /* of this step … */
	unsigned crashes;       /* … and how many of them were crashes of its module */
	unsigned confirmations; /* how often PostprocessingFinished was sent */
	nanos due;              /* when the upload must be looked at again; 0: never */
	nanos woken_at;         /* the time at which the step asked to run again, once it has come; 0: none */
	unsigned waits;         /* how often this attempt of the step has asked for that */

	nanos gone_since; /* since when the bytes no longer exist at its URL; 0: they do, as far as is known */
	nanos asked_at;   /* when storage was asked to restart the upload because of that, once; 0: never */
	bool renewed;     /* storage has restarted it since */

	uint64_t transition;  /* counts the record's writes */
	unsigned publish;     /* what the last publishing transition publishes (PUBLISH_…) */
	uint64_t published;   /* the number of that transition, which is part of the message IDs */
	nanos published_at;   /* the time of that transition */
	size_t finished_step; /* for PUBLISH_STEP_FINISHED: the step and its outcome */
	enum outcome finished_outcome;
	size_t decided; /* when all is done: which step ended it with abort or delete, from 1; 0: none */
	bool exhausted; /* that step ended without a verdict, because its retries were exhausted */

	nanos ended_at; /* when publishing PostprocessingFinished was last decided; 0: never, or unknown */

	uint64_t begun;           /* stream sequence of the event that began it; 0: unknown */
	int64_t stream;           /* the stream's creation time, which distinguishes streams of the same name */
	char reason[REASON_SIZE]; /* why it is waiting, or has ended, for people; "" */
};

/* The name of the current step, "finished" when all are done. */
const char *status_step_name(const struct upload *upload, const struct status *status);
/* Copies the text, truncated at a character boundary. */
void status_set_reason(struct status *status, const char *text);

#define STEP_FINISHED_NAME "finished"

#endif
