/* SPDX-License-Identifier: Apache-2.0
 * What is known of an upload from the event that began it, and where it stands.
 *
 * struct upload never changes once made and is shared by reference, between threads too. struct status is
 * a plain value; the pipeline makes new ones of old ones. Together they are the record (record.h). */
#ifndef CORE_UPLOAD_UPLOAD_H
#define CORE_UPLOAD_UPLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"

/* Limits on what comes from outside. */
#define UPLOAD_ID_LIMIT 255
#define UPLOAD_STEPS_LIMIT 64
#define UPLOAD_STEP_NAME_LIMIT 64
/* Of all metadata together, as JSON. */
#define UPLOAD_METADATA_LIMIT ((size_t)16 << 10)
/* Failures of a step are not counted beyond it. */
#define UPLOAD_FAILURES_LIMIT 1000000

struct upload {
	/* All texts lie behind the struct in the same allocation. JSON texts are compact and never NULL ("null"). */
	const char *id;
	const char *url; /* a secret: whoever has it reads the file */
	const char *filename;
	const char *initiator_id;
	const char *traceparent;
	const char *metadata; /* what else the event that began it had as "Metadata": members of a JSON object, as "a":"b","c":"d"; "" */
	const char *user_json;
	const char *impersonating_user_json;
	const char *resource_id_json;
	const char *const *step; /* names, in order */
	size_t step_count;
	int64_t filesize; /* as announced; -1: nobody said it */
	nanos start_time;
	atomic_int references; /* upload_hold(), upload_release() */
};

/* Copies `fields` (its texts may lie anywhere; NULL texts become "" or "null"). One reference, the caller's.
 * NULL: out of memory. */
struct upload *upload_create(const struct upload *fields);
struct upload *upload_hold(struct upload *upload);
void upload_release(struct upload *upload); /* NULL is fine */

/* Is this an ID that we take? 1 to 255 bytes, no '/', no control characters. */
bool upload_id_acceptable(const char *id, size_t length);

enum outcome { OUTCOME_NONE, OUTCOME_CONTINUE, OUTCOME_ABORT, OUTCOME_DELETE, OUTCOME_RETRY };
/* "", "continue", "abort", "delete", "retry". */
const char *outcome_name(enum outcome outcome);
/* OUTCOME_RETRY for a word that is none of ours: unknown is a failure, never a verdict. */
enum outcome outcome_parse(const char *name);

/* What an unfinished upload waits for. */
enum phase {
	PHASE_QUEUED,      /* its step is to run as soon as a worker is free */
	PHASE_RUNNING,     /* its step runs, and has failed or perhaps ended the service before: marked so that a step
	                      that kills the service is counted */
	PHASE_WAITING,     /* its step asked to be run again at `due` */
	PHASE_BACKOFF,     /* its step failed and runs again at `due` */
	PHASE_AWAITING,    /* somebody else on the bus does its step and has until `due` to answer */
	PHASE_CONFIRMING,  /* all is decided and said; storage has until `due` to confirm before it is told again */
	PHASE_UNCONFIRMED, /* storage never confirmed, though told often */
	PHASE_ENDED        /* storage confirmed that it failed; the record is kept for people to see */
};
const char *phase_name(enum phase phase);
bool phase_parse(const char *name, enum phase *phase);

/* What a transition publishes. */
enum {
	PUBLISH_STEP_FINISHED = 1 << 0,
	PUBLISH_START = 1 << 1,
	PUBLISH_RETRY = 1 << 2,
	PUBLISH_FINISHED = 1 << 3,
	PUBLISH_RESTART = 1 << 4, /* of an upload that has no record, or whose URL has no bytes: never in `publish` below, … */
	PUBLISH_REFUSAL = 1 << 5  /* … and of one that can have no record */
};

#define REASON_SIZE 160

struct status {
	size_t step;          /* place among the upload's steps; step_count: all done ("finished" on the wire) */
	enum outcome outcome; /* of the upload once all is done; RETRY during a backoff; else NONE */
	enum phase phase;
	bool awaited;         /* somebody else was asked to do this step: an answer from the bus counts … */
	uint64_t answered;    /* … if it is newer than the last one that did, by its sequence in `stream`; 0: none did. Once
	                         it has ended: that of storage's word on it */
	unsigned failures;    /* of this step */
	unsigned confirmations; /* how often PostprocessingFinished was sent */
	nanos due;            /* when somebody must look again; 0: never */
	nanos woken_at;       /* the step asked to be woken at this time, and it has come; 0: no */
	unsigned waits;       /* how often this try of the step has asked for that */

	nanos gone_since;     /* since then its URL answers that there are no bytes; 0: it does not, as far as is known */
	nanos asked_at;       /* storage was asked to begin it again because of that, which is done once; 0: it was not … */
	bool renewed;         /* … and has begun it again since */

	uint64_t transition;  /* counts the record's writes */
	unsigned publish;     /* what was to be published last (PUBLISH_…) … */
	uint64_t published;   /* … by this transition, whose number is in the messages' IDs … */
	nanos published_at;        /* … which was decided at this time */
	size_t finished_step; /* for PUBLISH_STEP_FINISHED: which, and how it ended */
	enum outcome finished_outcome;
	size_t decided;       /* once all is done: the place of the step that ended it with abort or delete, from 1; 0: none did */
	bool exhausted;       /* … because it was given up without a verdict */

	nanos ended_at;       /* when it was last decided to publish PostprocessingFinished; 0: never, or nobody knows */

	uint64_t begun;       /* stream sequence of the event that began it; 0: unknown */
	int64_t stream;       /* the stream's time of creation, which tells two streams of one name apart */
	char reason[REASON_SIZE]; /* why it waits, or was ended, for people; "" */
};

/* The name of the step it is in, "finished" once all is done. */
const char *status_step_name(const struct upload *upload, const struct status *status);
/* Copies text, cut at a character's border. */
void status_set_reason(struct status *status, const char *text);

#define STEP_FINISHED_NAME "finished"

#endif
