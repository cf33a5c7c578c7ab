/* SPDX-License-Identifier: Apache-2.0
 * The events on the bus. A message is one envelope:
 *
 *   {"Timestamp":…,"Metadata":{"eventtype":"events.NAME","eventid","traceparent","initiatorid",…},"ID","Topic",
 *    "Payload":base64(JSON)}
 *
 * All other members of the "Metadata" of the event that begins an upload are copied to all events published for it. */
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
	EVENT_HOLD_ENDED, /* ours: sent by the commands release and reject */
	/* Only for the commands: */
	EVENT_START_STEP,
	EVENT_FINISHED,
	EVENT_RETRY,
	EVENT_RESTART
};

/* The relevant contents of an event. */
struct event {
	enum event_type type;
	struct upload *upload; /* BYTES_RECEIVED: one reference; the steps are those passed to event_decode() */
	char *upload_id;       /* all other types; may be "" */
	char *refusal;         /* rejected BYTES_RECEIVED: the reason; else NULL */
	char *id_json;         /* … with an ID that no record can have: the ID as a JSON string; no upload */
	char *step;            /* STEP_FINISHED, START_STEP, HOLD_ENDED: the step; RESUME: the step or "" */
	enum outcome outcome;  /* STEP_FINISHED, FINISHED, HOLD_ENDED */
	/* STEP_FINISHED without `continue`, for people: */
	char *result;     /* the Result as JSON text, if it is small enough for a record; or NULL */
	char *reason;     /* the reason that it contains, or that of HOLD_ENDED or UPLOAD_READY; or NULL */
	char *user, *why; /* HOLD_ENDED: who decided, and why; "": it does not say */
	bool failed;      /* UPLOAD_READY */
};

enum event_verdict {
	EVENT_TAKEN,      /* `why` says what was changed in it, or is "" */
	EVENT_IRRELEVANT, /* a type that we do not handle; detected without parsing the whole message */
	EVENT_REFUSED,    /* unusable BYTES_RECEIVED that names an upload, which has to be aborted. Not with `commands` */
	EVENT_BROKEN,     /* a type that we handle, but unusable: `why` has the reason */
	EVENT_UNREAD      /* out of memory: the message has to be delivered again */
};

/* A larger BYTES_RECEIVED is rejected, because its contents have to fit into a record. Little is kept of other
 * events. */
#define EVENT_LIMIT ((size_t)512 << 10)
/* Larger messages are not read. */
#define EVENT_READ_LIMIT ((size_t)16 << 20)

/* Reads a message. On EVENT_TAKEN and EVENT_REFUSED the caller ends `event` with event_clear(). step[count]: the
 * pipeline for uploads that begin. `now`: their start time. With `commands` also those types count that only concern
 * the commands. */
enum event_verdict event_decode(const char *message, size_t length, const char *const *step, size_t count, nanos now,
                                bool commands, struct event *event, char *why, size_t size);
void event_clear(struct event *event);

/* Appends the message of one kind (a single PUBLISH_… bit) for an upload. `result`: JSON text or NULL, for
 * PUBLISH_STEP_FINISHED. `backoff`: for PUBLISH_RETRY. */
void event_encode(struct text *message, unsigned kind, const struct upload *upload, const struct status *status,
                  const char *result, nanos backoff, nanos now);

/* Ends an upload without a record: PostprocessingFinished with `abort`. `id`: its ID as a JSON string. */
void event_encode_refusal(struct text *message, const char *id, nanos now);

/* RestartPostprocessing or (kind 0) ResumePostprocessing as the commands send them. */
void event_encode_restart(struct text *message, const char *upload_id, nanos now);
void event_encode_resume(struct text *message, const char *upload_id, const char *step, nanos now);

/* The end of a hold. `reason`: who decided and why, for people; user, why: the same for the audit log, NULL: unknown.
 */
void event_encode_hold_ended(struct text *message, const char *upload_id, const char *step, enum outcome outcome,
                             const char *reason, const char *user, const char *why, nanos now);

/* CleanUpload, as storage's own commands send it. */
void event_encode_clean(struct text *message, const char *upload_id, nanos now);

/* The events of storage; for `submit`, which acts as storage. */
void event_encode_bytes_received(struct text *message, const struct upload *upload, nanos now);
void event_encode_upload_ready(struct text *message, const struct upload *upload, bool failed, nanos now);
/* The same with `failed`, and with a reason for people, which other receivers ignore. */
void event_encode_withdrawn(struct text *message, const struct upload *upload, const char *reason, nanos now);

#define EVENT_TOPIC "main-queue"

#endif
