/* SPDX-License-Identifier: Apache-2.0 */
#include "core/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encoding.h"
#include "core/envelope.h"
#include "core/json.h"

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

static bool find_type(const char *name, size_t length, bool commands, enum event_type *type)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if ((commands || !types[i].command) && strlen(types[i].name) == length && memcmp(types[i].name, name, length) == 0) {
			*type = types[i].type;
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
	if (stop == NULL || memchr(at, '\\', (size_t)(stop - at)) != NULL || memmem(stop, (size_t)(end - stop), key, sizeof key - 1) != NULL)
		return false;
	return !find_type(at, (size_t)(stop - at), commands, &type);
}

static bool begin_upload(struct json_reader *payload, struct json_reader *metadata, const char *const *step, size_t count,
                         nanos now, struct event *event)
{
	char *user = json_reader_text(payload, "ExecutingUser");
	char *impersonating = json_reader_text(payload, "ImpersonatingUser");
	char *resource = json_reader_text(payload, "ResourceID");
	if (user != NULL && impersonating != NULL && resource != NULL)
		event->upload = upload_create(&(struct upload){
			.id = json_reader_string(payload, "UploadID"),
			.url = json_reader_string(payload, "URL"),
			.filename = json_reader_string(payload, "Filename"),
			.filesize = json_reader_integer(payload, "Filesize"),
			.initiator_id = json_reader_string(metadata, "initiatorid"),
			.traceparent = json_reader_string(metadata, "traceparent"),
			.user_json = user,
			.impersonating_user_json = impersonating,
			.resource_id_json = resource,
			.step = step,
			.step_count = count,
			.start_time = now,
		});
	free(user);
	free(impersonating);
	free(resource);
	return event->upload != NULL;
}

/* Which key names the step, by type; NULL: none does. */
static const char *step_key(enum event_type type)
{
	return type == EVENT_STEP_FINISHED ? "FinishedStep" : type == EVENT_RESUME ? "Step" : type == EVENT_START_STEP ? "StepToStart" : NULL;
}

/* All but EVENT_TAKEN with `why`. */
static enum event_verdict read_payload(struct json_reader *payload, struct json_reader *metadata, const char *const *step,
                                       size_t count, nanos now, struct event *event, char *why, size_t size)
{
	const char *id = json_reader_string(payload, "UploadID");
	const char *step_name = step_key(event->type) != NULL ? json_reader_string(payload, step_key(event->type)) : "";
	event->outcome = outcome_parse(json_reader_string(payload, "Outcome"));
	event->failed = event->type == EVENT_UPLOAD_READY && json_reader_bool(payload, "Failed");
	bool made;
	if (event->type == EVENT_BYTES_RECEIVED) {
		made = begin_upload(payload, metadata, step, count, now, event);
	} else {
		event->upload_id = strdup(id);
		event->step = strdup(step_name);
		made = event->upload_id != NULL && event->step != NULL;
	}
	const char *wrong = payload->wrong != NULL ? payload->wrong : metadata->wrong;
	if (wrong != NULL) {
		snprintf(why, size, "\"%s\" has a value of the wrong type", wrong);
	} else if ((id[0] != '\0' || event->type == EVENT_BYTES_RECEIVED) && !upload_id_acceptable(id, strlen(id))) {
		snprintf(why, size, "\"UploadID\" is empty, longer than %d bytes or has characters that no ID has", UPLOAD_ID_LIMIT);
	} else if (event->upload != NULL && event->upload->filesize < 0) {
		snprintf(why, size, "\"Filesize\" is negative");
	} else if (!made) {
		snprintf(why, size, "out of memory");
		return EVENT_UNREAD;
	} else {
		return EVENT_TAKEN;
	}
	return EVENT_BROKEN;
}

/* EVENT_BROKEN and EVENT_UNREAD with `why`. */
static enum event_verdict read_envelope(const struct envelope *envelope, bool commands, struct event *event, const char *const *step,
                                        size_t count, nanos now, char *why, size_t size)
{
	struct json_reader reader = {.object = envelope->object};
	struct json_reader metadata = {.object = json_reader_object(&reader, "Metadata")};
	const char *name = json_reader_string(&metadata, "eventtype");
	json_reader_string(&reader, "Payload"); /* for its type */
	if (name[0] == '\0' || reader.wrong != NULL) {
		snprintf(why, size, "no \"Metadata\" with an \"eventtype\", or a \"Payload\" that is no string");
		return EVENT_BROKEN;
	}
	if (!find_type(name, strlen(name), commands, &event->type))
		return EVENT_IRRELEVANT;
	size_t length;
	char *bytes = base64_decode(envelope->payload != NULL ? envelope->payload : "", envelope->length, &length);
	if (bytes == NULL) {
		snprintf(why, size, "%s: \"Payload\" is not base64", name);
		return EVENT_BROKEN;
	}
	char inner_why[128];
	json_t *object = json_read_object(bytes, length, inner_why, sizeof inner_why);
	free(bytes);
	struct json_reader payload = {.object = object};
	enum event_verdict verdict = EVENT_BROKEN;
	if (object != NULL)
		verdict = read_payload(&payload, &metadata, step, count, now, event, inner_why, sizeof inner_why);
	if (verdict != EVENT_TAKEN)
		snprintf(why, size, "%s: payload: %s", name, inner_why);
	json_decref(object);
	return verdict;
}

enum event_verdict event_decode(const char *message, size_t length, const char *const *step, size_t count, nanos now,
                                bool commands, struct event *event, char *why, size_t size)
{
	*event = (struct event){0};
	if (surely_irrelevant(message, length, commands))
		return EVENT_IRRELEVANT;
	if (length > EVENT_LIMIT) {
		snprintf(why, size, "larger than %zu bytes", EVENT_LIMIT);
		return EVENT_BROKEN;
	}
	struct envelope envelope;
	if (!envelope_read(&envelope, message, length, why, size))
		return EVENT_BROKEN;
	enum event_verdict verdict = read_envelope(&envelope, commands, event, step, count, now, why, size);
	envelope_clear(&envelope);
	if (verdict != EVENT_TAKEN)
		event_clear(event);
	return verdict;
}

void event_clear(struct event *event)
{
	upload_release(event->upload);
	free(event->upload_id);
	free(event->step);
	*event = (struct event){0};
}
