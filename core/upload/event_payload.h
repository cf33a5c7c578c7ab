/* SPDX-License-Identifier: Apache-2.0
 * Internal to the events: what an event's payload says, and what becomes of it where something is wrong. */
#ifndef CORE_UPLOAD_EVENT_PAYLOAD_H
#define CORE_UPLOAD_EVENT_PAYLOAD_H

#include "core/upload/envelope.h"
#include "core/upload/event.h"

#define EVENT_TROUBLE_SIZE 256

/* The reading of one event. */
struct event_reader {
	struct envelope envelope;
	struct json_reader json;
	const char *const *step; /* for an upload that begins … */
	size_t count;
	nanos now;
	bool commands;
	bool cut;                /* it is not JSON to its end, or no envelope: nothing that it says is surely all of it */
	char trouble[EVENT_TROUBLE_SIZE]; /* the first thing that is wrong with it; "": nothing so far */
};

/* What a payload says that we want to know. */
struct payload {
	struct json_value id, url, user, filename, filesize, resource_id, impersonating_user, step, outcome, result, failed;
};

/* Sets what is there. But for JSON_GOOD `trouble` says what is wrong, if it says nothing yet. */
enum json_verdict payload_read(struct payload *payload, const char *bytes, size_t length, enum event_type type, char *trouble, size_t size);

/* Makes the event, whose type is set, of it. why[size] as with event_decode(). */
enum event_verdict payload_take(struct event_reader *reader, const struct payload *payload, struct event *event, char *why, size_t size);

#endif
