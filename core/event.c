/* SPDX-License-Identifier: Apache-2.0 */
#include "core/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/envelope.h"

static const struct {
	const char *name;
	enum event_type type;
	bool command;
} types[] = {
	{"events.BytesReceived", EVENT_BYTES_RECEIVED, false},
	{"events.PostprocessingStepFinished", EVENT_STEP_FINISHED, false},
	{"events.UploadReady", EVENT_UPLOAD_READY, false},
	{"events.ResumePostprocessing", EVENT_RESUME, false},
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

/* Most of what crosses the bus is not for us. True: the type is surely none of ours, because there is one key of
 * that name (or of one that ends in \"eventtype, which nobody sends) and its value is no type that we take. */
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
	if (stop == NULL || memchr(at, '\\', (size_t)(stop - at)) != NULL || memmem(stop, (size_t)(end - stop), key, sizeof key - 1) != NULL)
		return false;
	const struct json_value value = {.text = at - 1, .length = (size_t)(stop - at) + 2};
	return !find_type(&value, commands, &type, &name);
}

/* What a payload says that we want to know. */
struct payload {
	struct json_value id, url, user, filename, filesize, resource_id, impersonating_user, step, outcome, failed;
};

/* Others write no size, or -1, for one that they do not know. */
static int64_t read_size(struct json_reader *reader, const struct json_value *value)
{
	int64_t size = value->text != NULL && value->text[0] != 'n' ? json_reader_integer(reader, value) : -1;
	return size < 0 ? -1 : size;
}

static struct upload *begin_upload(struct json_reader *reader, const struct envelope *envelope, const struct payload *payload,
                                   const char *id, const char *const *step, size_t count, nanos now)
{
	struct upload fields = {
		.id = id,
		.url = json_reader_string(reader, &payload->url),
		.filename = json_reader_string(reader, &payload->filename),
		.filesize = read_size(reader, &payload->filesize),
		.user_json = json_reader_text(reader, &payload->user),
		.impersonating_user_json = json_reader_text(reader, &payload->impersonating_user),
		.resource_id_json = json_reader_text(reader, &payload->resource_id),
		.initiator_id = json_reader_string(reader, &envelope->initiator_id),
		.traceparent = json_reader_string(reader, &envelope->traceparent),
		.step = step,
		.step_count = count,
		.start_time = now,
	};
	return upload_create(&fields);
}

/* Which key names the step, by type. */
static const char *step_key(enum event_type type)
{
	return type == EVENT_RESUME ? "Step" : type == EVENT_START_STEP ? "StepToStart" : "FinishedStep";
}

static bool names_step(enum event_type type)
{
	return type == EVENT_STEP_FINISHED || type == EVENT_RESUME || type == EVENT_START_STEP;
}

static bool read_payload(const char *bytes, size_t length, enum event_type type, struct payload *payload, char *why, size_t size)
{
	const struct json_member members[] = {
		{"UploadID", &payload->id},
		{"ExecutingUser", &payload->user},
		{"ResourceID", &payload->resource_id},
		{"Filename", &payload->filename},
		{"Filesize", &payload->filesize},
		{"URL", &payload->url},
		{"ImpersonatingUser", &payload->impersonating_user},
		{step_key(type), &payload->step},
		{"Outcome", &payload->outcome},
		{"Failed", &payload->failed},
	};
	return json_read(bytes, length, members, JSON_COUNT(members), why, size);
}

/* All but EVENT_TAKEN with `why`. */
static enum event_verdict take_payload(struct json_reader *reader, const struct envelope *envelope, const struct payload *payload,
                                       const char *const *step, size_t count, nanos now, struct event *event, char *why, size_t size)
{
	bool begins = event->type == EVENT_BYTES_RECEIVED, made;
	const char *id = json_reader_string(reader, &payload->id);
	const char *step_name = names_step(event->type) ? json_reader_string(reader, &payload->step) : "";
	event->outcome = outcome_parse(json_reader_string(reader, &payload->outcome));
	event->failed = event->type == EVENT_UPLOAD_READY && json_reader_bool(reader, &payload->failed);
	if (begins) {
		event->upload = begin_upload(reader, envelope, payload, id, step, count, now);
		made = event->upload != NULL;
	} else {
		event->upload_id = strdup(id);
		event->step = strdup(step_name);
		made = event->upload_id != NULL && event->step != NULL;
	}
	if (reader->wrong != NULL) {
		snprintf(why, size, "\"%s\" has a value of the wrong type", reader->wrong);
	} else if ((id[0] != '\0' || begins) && !upload_id_acceptable(id, strlen(id))) {
		snprintf(why, size, "\"UploadID\" is empty, longer than %d bytes or has characters that no ID has", UPLOAD_ID_LIMIT);
	} else if (!made) {
		snprintf(why, size, "out of memory");
		return EVENT_UNREAD;
	} else {
		return EVENT_TAKEN;
	}
	return EVENT_BROKEN;
}

/* All but EVENT_TAKEN with `why`. */
static enum event_verdict read_event(struct json_reader *reader, const struct envelope *envelope, const char *const *step,
                                     size_t count, nanos now, struct event *event, char *why, size_t size)
{
	struct payload payload;
	size_t length;
	const char *bytes = json_reader_base64(reader, &envelope->payload, &length);
	if (bytes == NULL) {
		snprintf(why, size, "\"Payload\" is not base64");
		return EVENT_BROKEN;
	}
	char inner[128];
	enum event_verdict verdict = EVENT_BROKEN;
	if (read_payload(bytes, length, event->type, &payload, inner, sizeof inner))
		verdict = take_payload(reader, envelope, &payload, step, count, now, event, inner, sizeof inner);
	if (verdict != EVENT_TAKEN)
		snprintf(why, size, "payload: %s", inner);
	return verdict;
}

enum event_verdict event_decode(const char *message, size_t length, const char *const *step, size_t count, nanos now,
                                bool commands, struct event *event, char *why, size_t size)
{
	struct envelope envelope;
	const char *name;
	*event = (struct event){0};
	if (surely_irrelevant(message, length, commands))
		return EVENT_IRRELEVANT;
	if (length > EVENT_LIMIT) {
		snprintf(why, size, "larger than %zu bytes", EVENT_LIMIT);
		return EVENT_BROKEN;
	}
	if (!envelope_read(&envelope, message, length, why, size))
		return EVENT_BROKEN;
	if (!find_type(&envelope.type, commands, &event->type, &name))
		return EVENT_IRRELEVANT;
	char inner[192] = "out of memory", *room = malloc(JSON_ROOM(length));
	struct json_reader reader = {.room = room, .left = JSON_ROOM(length)};
	enum event_verdict verdict = EVENT_UNREAD;
	if (room != NULL)
		verdict = read_event(&reader, &envelope, step, count, now, event, inner, sizeof inner);
	free(room);
	if (verdict != EVENT_TAKEN) {
		snprintf(why, size, "%s: %s", name, inner);
		event_clear(event);
	}
	return verdict;
}

void event_clear(struct event *event)
{
	upload_release(event->upload);
	free(event->upload_id);
	free(event->step);
	*event = (struct event){0};
}
