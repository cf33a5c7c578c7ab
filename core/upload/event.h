/* SPDX-License-Identifier: Apache-2.0
 * The events on the bus. A message is one envelope:
 *
 *   {"Timestamp":…,"Metadata":{"eventtype":"events.NAME","eventid","traceparent","initiatorid",…},"ID","Topic",
 *    "Payload":base64(JSON)}
 *
 * What else there is in the "Metadata" of the event that begins an upload goes into all that is published for it. */
#ifndef CORE_UPLOAD_EVENT_H
#define CORE_UPLOAD_EVENT_H

#include "core/base/text.h"
#include "core/upload/upload.h"

enum event_type {
	EVENT_BYTES_RECEIVED,
	EVENT_STEP_FINISHED,
	EVENT_UPLOAD_READY,
	EVENT_RESUME,
	EVENT_CLEAN,
	/* These concern nobody but the commands: */
	EVENT_START_STEP,
	EVENT_FINISHED,
	EVENT_RETRY,
	EVENT_RESTART
};

/* What an event says, as far as it concerns us. */
struct event {
	enum event_type type;
	struct upload *upload;  /* BYTES_RECEIVED; one reference; its steps are those passed to event_decode() */
	char *upload_id;        /* the others; "" is possible */
	char *refusal;          /* BYTES_RECEIVED that is refused: why; else NULL */
	char *id_json;          /* … and if no record can have its ID: the ID as a JSON string, and no upload */
	char *step;             /* STEP_FINISHED: which; RESUME: which or ""; START_STEP */
	enum outcome outcome;   /* STEP_FINISHED, FINISHED */
	/* STEP_FINISHED without `continue`, as far as there is something for people to read: */
	char *result;           /* the Result, JSON text, if it is small enough for a record; NULL */
	char *reason;           /* what it says of why; NULL */
	bool failed;            /* UPLOAD_READY */
};

enum event_verdict {
	EVENT_TAKEN,      /* why says what had to be changed in it, or is "" */
	EVENT_IRRELEVANT, /* of a type that is not ours; found out without parsing it all */
	EVENT_REFUSED,    /* BYTES_RECEIVED that is unusable, of an upload that it names: that is to be aborted. Not with `commands` */
	EVENT_BROKEN,     /* of ours, but unusable: why says what is wrong */
	EVENT_UNREAD      /* there was no memory to read it: it has to come again */
};

/* BYTES_RECEIVED larger than this is refused: what it says has to fit into a record. Of the others little is kept. */
#define EVENT_LIMIT ((size_t)512 << 10)
/* No message larger than this is read. */
#define EVENT_READ_LIMIT ((size_t)16 << 20)

/* Reads a message. On EVENT_TAKEN and EVENT_REFUSED the caller ends `event` with event_clear(). step[count]: the pipeline for
 * uploads that begin. `now`: their start time. With `commands` also those types count that only concern
 * the commands. */
enum event_verdict event_decode(const char *message, size_t length, const char *const *step, size_t count, nanos now,
                                bool commands, struct event *event, char *why, size_t size);
void event_clear(struct event *event);

/* Appends the message of one kind (a single PUBLISH_… bit) for an upload. `result`: JSON text or NULL, for
 * PUBLISH_STEP_FINISHED. `backoff`: for PUBLISH_RETRY. */
void event_encode(struct text *message, unsigned kind, const struct upload *upload, const struct status *status,
                  const char *result, nanos backoff, nanos now);

/* The end of an upload that has no record: PostprocessingFinished with `abort`. `id`: its ID as a JSON string. */
void event_encode_refusal(struct text *message, const char *id, nanos now);

/* RestartPostprocessing or (kind 0) ResumePostprocessing as the commands send them. */
void event_encode_restart(struct text *message, const char *upload_id, nanos now);
void event_encode_resume(struct text *message, const char *upload_id, const char *step, nanos now);

/* CleanUpload, as storage's own commands send it. */
void event_encode_clean(struct text *message, const char *upload_id, nanos now);

/* What storage says; for `submit`, which plays it. */
void event_encode_bytes_received(struct text *message, const struct upload *upload, nanos now);
void event_encode_upload_ready(struct text *message, const struct upload *upload, bool failed, nanos now);

#define EVENT_TOPIC "main-queue"

#endif
