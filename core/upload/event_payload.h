/* SPDX-License-Identifier: Apache-2.0
 * Internal to the events: reads the payload of an event, and decides what happens to invalid ones. */
#ifndef CORE_UPLOAD_EVENT_PAYLOAD_H
#define CORE_UPLOAD_EVENT_PAYLOAD_H

#include "core/upload/envelope.h"
#include "core/upload/event.h"

#define EVENT_TROUBLE_SIZE 256

/* The state while reading an event. */
struct event_reader {
	struct envelope envelope;
	struct json_reader json;
	const char *const *step; /* the steps of an upload that begins */
	size_t count;
	nanos now;
	bool commands;
	bool cut;                         /* the JSON is incomplete, or there is no envelope: members may be missing */
	char trouble[EVENT_TROUBLE_SIZE]; /* the first error; "": none so far */
};

/* The members of a payload that we need. */
struct payload {
	struct json_value id, url, user, filename, filesize, resource_id, impersonating_user, step, outcome, result, failed,
		reason, by, why;
};

/* Sets the members that exist. Unless the result is JSON_GOOD, sets `trouble` if it is still empty. */
enum json_verdict payload_read(struct payload *payload, const char *bytes, size_t length, enum event_type type,
                               char *trouble, size_t size);

/* Fills in the event, whose type is set. why[size] as in event_decode(). */
enum event_verdict payload_take(struct event_reader *reader, const struct payload *payload, struct event *event,
                                char *why, size_t size);

#endif
