/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upload/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/event_payload.h"

static const struct {
	const char *name;
	enum event_type type;
	bool command;
} types[] = {
	{"events.BytesReceived", EVENT_BYTES_RECEIVED, false},
	{"events.PostprocessingStepFinished", EVENT_STEP_FINISHED, false},
	{"events.UploadReady", EVENT_UPLOAD_READY, false},
	{"events.ResumePostprocessing", EVENT_RESUME, false},
	{"events.CleanUpload", EVENT_CLEAN, false},
	{"events.PostprocessingHoldEnded", EVENT_HOLD_ENDED, false},
	{"events.StartPostprocessingStep", EVENT_START_STEP, true},
	{"events.PostprocessingFinished", EVENT_FINISHED, true},
	{"events.PostprocessingRetry", EVENT_RETRY, true},
	{"events.RestartPostprocessing", EVENT_RESTART, true},
};

static bool find_type(const struct json_value *name, bool commands, enum event_type *type, const char **type_name)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if ((commands || !types[i].command) && json_says(name, types[i].name)) {
			*type = types[i].type;
			*type_name = types[i].name;
			return true;
		}
	}
	return false;
}

/* Most messages on the bus are not for us. True: the type is certainly not ours, because there is exactly one key of
 * that name (or one that ends in \"eventtype, which no service sends), and its value is not one of our types. */
static bool surely_irrelevant(const char *message, size_t length, bool commands)
{
	static const char key[] = "\"eventtype\"";
	const char *end = message + length;
	const char *at = memmem(message, length, key, sizeof key - 1);
	if (at == NULL)
		return false;
	at += sizeof key - 1;
	while (at < end && (*at == ' ' || *at == ':' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	if (at == end || *at++ != '"')
		return false;
	const char *stop = memchr(at, '"', (size_t)(end - at));
	enum event_type type;
	const char *name;
	if (stop == NULL || memchr(at, '\\', (size_t)(stop - at)) != NULL ||
	    memmem(stop, (size_t)(end - stop), key, sizeof key - 1) != NULL)
		return false;
	const struct json_value value = {.text = at - 1, .length = (size_t)(stop - at) + 2};
	return !find_type(&value, commands, &type, &name);
}

/* Reads an event of one of our types completely. */
static enum event_verdict read_event(struct event_reader *reader, struct event *event, char *why, size_t size)
{
	struct payload payload;
	size_t length;
	const char *bytes = json_reader_base64(&reader->json, &reader->envelope.payload, &length);
	if (bytes == NULL) {
		snprintf(why, size, "\"Payload\" is not base64");
		return EVENT_BROKEN;
	}
	enum json_verdict verdict =
		payload_read(&payload, bytes, length, event->type, reader->trouble, sizeof reader->trouble);
	reader->cut = reader->cut || verdict == JSON_BAD;
	return payload_take(reader, &payload, event, why, size);
}

enum event_verdict event_decode(const char *message, size_t length, const char *const *step, size_t count, nanos now,
                                bool commands, struct event *event, char *why, size_t size)
{
	struct event_reader reader = {.step = step, .count = count, .now = now, .commands = commands};
	const char *name;
	*event = (struct event){0};
	if (size > 0)
		why[0] = '\0';
	if (surely_irrelevant(message, length, commands))
		return EVENT_IRRELEVANT;
	if (length > EVENT_READ_LIMIT) {
		snprintf(why, size, "larger than %zu bytes", EVENT_READ_LIMIT);
		return EVENT_BROKEN;
	}
	reader.cut = !envelope_read(&reader.envelope, message, length, reader.trouble, sizeof reader.trouble);
	if (!find_type(&reader.envelope.type, commands, &event->type, &name)) {
		snprintf(why, size, "%s", reader.trouble);
		return reader.cut ? EVENT_BROKEN : EVENT_IRRELEVANT;
	}
	if (length > EVENT_LIMIT && event->type == EVENT_BYTES_RECEIVED)
		snprintf(reader.trouble, sizeof reader.trouble, "larger than %zu bytes", EVENT_LIMIT);
	char inner[2 * EVENT_TROUBLE_SIZE] = "out of memory", *room = malloc(JSON_ROOM(length));
	reader.json = (struct json_reader){.room = room, .left = JSON_ROOM(length)};
	enum event_verdict verdict = EVENT_UNREAD;
	if (room != NULL)
		verdict = read_event(&reader, event, inner, sizeof inner);
	free(room);
	if (inner[0] != '\0')
		snprintf(why, size, "%s: %s", name, inner);
	if (verdict != EVENT_TAKEN && verdict != EVENT_REFUSED)
		event_clear(event);
	return verdict;
}

void event_clear(struct event *event)
{
	upload_release(event->upload);
	free(event->upload_id);
	free(event->refusal);
	free(event->id_json);
	free(event->step);
	free(event->result);
	free(event->reason);
	free(event->user);
	free(event->why);
	*event = (struct event){0};
}
