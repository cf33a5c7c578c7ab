/* SPDX-License-Identifier: Apache-2.0
 * No upload is left for ever because of what is wrong with an event that names it: what can be replaced is replaced,
 * what cannot ends the upload, and a word that cannot be understood is never a verdict. */
#include "core/upload/event_payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/record.h"

/* The number of bytes kept of each text of a rejected event. */
#define REFUSED_TEXT_LIMIT 4096
/* An upload with a longer ID cannot even be aborted. */
#define REFUSED_ID_LIMIT ((size_t)64 << 10)

/* Which key names the step, by type. */
static const char *step_key(enum event_type type)
{
	return type == EVENT_RESUME || type == EVENT_HOLD_ENDED ? "Step"
	       : type == EVENT_START_STEP                       ? "StepToStart"
	                                                        : "FinishedStep";
}

static bool names_step(enum event_type type)
{
	return type == EVENT_STEP_FINISHED || type == EVENT_RESUME || type == EVENT_START_STEP || type == EVENT_HOLD_ENDED;
}

enum json_verdict payload_read(struct payload *payload, const char *bytes, size_t length, enum event_type type,
                               char *trouble, size_t size)
{
	char why[128];
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
		{"Result", &payload->result},
		{"Failed", &payload->failed},
		{"Reason", &payload->reason},
		{"By", &payload->by},
		{"Why", &payload->why},
	};
	enum json_verdict verdict = json_read_through(bytes, length, members, JSON_COUNT(members), why, sizeof why);
	if (verdict != JSON_GOOD && trouble[0] == '\0')
		snprintf(trouble, size, "payload: %s", why);
	return verdict;
}

static void note_wrong(struct event_reader *reader)
{
	if (reader->json.wrong != NULL && reader->trouble[0] == '\0')
		snprintf(reader->trouble, sizeof reader->trouble, "\"%s\" has a value of the wrong type", reader->json.wrong);
}

/* Other services omit an unknown size, or write -1. */
static int64_t read_size(struct json_reader *reader, const struct json_value *value)
{
	int64_t size = value->text != NULL && value->text[0] != 'n' ? json_reader_integer(reader, value) : -1;
	return size < 0 ? -1 : size;
}

/* Whether each event has its own value of this metadata, or it is handled separately. */
static bool is_own_metadata(const struct json_value *key)
{
	return json_says(key, "eventtype") || json_says(key, "eventid") || json_says(key, "initiatorid") ||
	       json_says(key, "traceparent");
}

/* The metadata to copy to other events, and those that are dropped. */
struct metadata {
	struct text members;
	size_t left; /* of the limit */
	unsigned dropped;
	char first[64]; /* the key of the first that was */
};

static void drop(struct metadata *metadata, const char *key)
{
	if (metadata->dropped++ == 0)
		text_copy(metadata->first, sizeof metadata->first, key);
}

/* Other services read metadata as a map of strings, and drop events with other types in it. */
static bool fits(struct metadata *metadata, size_t key_length, const struct json_value *value)
{
	size_t size = key_length + value->length + 2;
	bool good = (value->text[0] == '"' || value->text[0] == 'n') && size <= metadata->left;
	metadata->left -= good ? size : 0;
	return good;
}

/* Metadata that are handled separately. */
static const char *read_own(struct metadata *metadata, struct json_reader *json, const struct json_value *value)
{
	if (value->text == NULL || fits(metadata, strlen(value->key), value))
		return json_reader_string(json, value);
	drop(metadata, value->key);
	return "";
}

static void read_others(struct metadata *metadata, struct json_reader *json, const struct json_value *object)
{
	struct json_value rest = *object, key, value;
	while (json_next_member(&rest, &key, &value)) {
		if (is_own_metadata(&key))
			continue;
		if (!fits(metadata, key.length, &value)) {
			drop(metadata, json_reader_string(json, &key));
			continue;
		}
		text_json(&metadata->members, metadata->members.length > 0 ? "," : "", json_reader_text(json, &key));
		text_json(&metadata->members, ":", json_reader_text(json, &value));
	}
}

/* Reports what is wrong with the event, or what was changed in it. */
static void say(char *why, size_t size, const char *id, const char *what)
{
	snprintf(why, size, "%s%.*s%s%s", id[0] != '\0' ? "upload " : "", UPLOAD_ID_LIMIT / 2, id,
	         id[0] != '\0' ? ": " : "", what);
}

/* Reports the changes in an accepted event. */
static void report_changes(const struct event_reader *reader, const struct metadata *metadata, const char *id,
                           char *why, size_t size)
{
	const char *mended = reader->json.mended;
	char text[EVENT_TROUBLE_SIZE];
	int used = 0;
	if (mended != NULL)
		used = snprintf(text, sizeof text, "invalid characters in \"%s\" were replaced with U+FFFD%s", mended,
		                metadata->dropped > 0 ? "; " : "");
	if (metadata->dropped > 0)
		snprintf(text + used, sizeof text - (size_t)used,
		         "\"%s\"%s dropped from its \"Metadata\": not text, or more "
		         "than %zu bytes in total",
		         metadata->first, metadata->dropped > 1 ? " and more are" : " is", UPLOAD_METADATA_LIMIT);
	if (mended != NULL || metadata->dropped > 0)
		say(why, size, id, text);
}

static const char *shortened(const char *text, const char *otherwise)
{
	return strlen(text) <= REFUSED_TEXT_LIMIT ? text : otherwise;
}

/* A rejected upload is ended with the reason, and its record is kept for people. */
static void shorten(struct upload *fields)
{
	fields->url = "";
	fields->filename = shortened(fields->filename, "");
	fields->user_json = shortened(fields->user_json, "null");
	fields->impersonating_user_json = shortened(fields->impersonating_user_json, "null");
	fields->resource_id_json = shortened(fields->resource_id_json, "null");
}

/* False: out of memory. */
static bool make_upload(struct event_reader *reader, const struct payload *payload, const char *id, struct event *event,
                        char *why, size_t size)
{
	struct json_reader *json = &reader->json;
	struct metadata metadata = {.left = UPLOAD_METADATA_LIMIT};
	struct upload fields = {
		.id = id,
		.url = json_reader_string(json, &payload->url),
		.filename = json_reader_string(json, &payload->filename),
		.filesize = read_size(json, &payload->filesize),
		.user_json = json_reader_text(json, &payload->user),
		.impersonating_user_json = json_reader_text(json, &payload->impersonating_user),
		.resource_id_json = json_reader_text(json, &payload->resource_id),
		.initiator_id = read_own(&metadata, json, &reader->envelope.initiator_id),
		.traceparent = read_own(&metadata, json, &reader->envelope.traceparent),
		.step = reader->step,
		.step_count = reader->count,
		.start_time = reader->now,
	};
	if (reader->envelope.more)
		read_others(&metadata, json, &reader->envelope.metadata);
	note_wrong(reader);
	if (reader->trouble[0] == '\0')
		report_changes(reader, &metadata, id, why, size);
	else
		shorten(&fields);
	fields.metadata = metadata.members.data;
	event->upload = metadata.members.failed ? NULL : upload_create(&fields);
	text_free(&metadata.members);
	return event->upload != NULL;
}

static bool is_acceptable(const struct json_value *value, const char *id)
{
	return !value->odd && upload_id_acceptable(id, strlen(id));
}

static void note_id(struct event_reader *reader)
{
	if (reader->trouble[0] == '\0')
		snprintf(reader->trouble, sizeof reader->trouble,
		         "\"UploadID\" is empty, longer than %d bytes, or contains "
		         "invalid characters",
		         UPLOAD_ID_LIMIT);
}

static enum event_verdict take_begin(struct event_reader *reader, const struct payload *payload, struct event *event,
                                     char *why, size_t size)
{
	const char *id = json_reader_string(&reader->json, &payload->id);
	bool acceptable = is_acceptable(&payload->id, id), made;
	note_wrong(reader);
	if (!acceptable)
		note_id(reader);
	bool refused = reader->trouble[0] != '\0';
	if (id[0] == '\0' || payload->id.length > REFUSED_ID_LIMIT || (reader->commands && !acceptable)) {
		say(why, size, id, reader->trouble);
		return EVENT_BROKEN;
	}
	if (acceptable) {
		made = make_upload(reader, payload, id, event, why, size);
		refused = reader->trouble[0] != '\0';
	} else {
		event->id_json = strdup(json_reader_text(&reader->json, &payload->id));
		made = event->id_json != NULL;
	}
	event->refusal = refused ? strdup(reader->trouble) : NULL;
	if (!made || (refused && event->refusal == NULL)) {
		snprintf(why, size, "out of memory");
		return EVENT_UNREAD;
	}
	if (!refused)
		return EVENT_TAKEN;
	say(why, size, id, reader->trouble);
	return reader->commands ? EVENT_BROKEN : EVENT_REFUSED;
}

/* For people: nothing follows from it, and what cannot be read of it is left out. False: out of memory. */
static bool take_result(struct event_reader *reader, const struct payload *payload, struct event *event)
{
	struct json_reader json = reader->json; /* so that an error there does not make the event invalid */
	struct json_value error, description;
	const struct json_member members[] = {{"ErrorMsg", &error}, {"Description", &description}};
	if (payload->result.text == NULL || payload->result.length > RECORD_RESULT_LIMIT)
		return true;
	json.wrong = NULL;
	const char *result = json_reader_text(&json, &payload->result), *reason = "";
	/* One that is nested too deeply would make the record unreadable. */
	bool good =
		json.wrong == NULL && strcmp(result, "null") != 0 && json_is_value(result, strlen(result), RECORD_RESULT_DEPTH);
	if (good && json_reader_members(&json, &payload->result, members, JSON_COUNT(members))) {
		const char *word = json_reader_string(&json, &error);
		reason = word[0] != '\0' ? word : json_reader_string(&json, &description);
	}
	event->result = good ? strdup(result) : NULL;
	event->reason = reason[0] != '\0' ? strdup(reason) : NULL;
	return (event->result != NULL || !good) && (event->reason != NULL || reason[0] == '\0');
}

/* What the event says besides the upload's ID. What cannot be understood of it is no verdict, and the end of an upload
 * is its end however it is told. False: it says nothing of use. */
static bool take_words(struct event_reader *reader, const struct payload *payload, const char *id, struct event *event,
                       const char **step)
{
	struct json_reader *json = &reader->json;
	*step = names_step(event->type) ? json_reader_string(json, &payload->step) : "";
	bool named = json->wrong == NULL;
	event->outcome = outcome_parse(json_reader_string(json, &payload->outcome));
	event->failed = event->type == EVENT_UPLOAD_READY && json_reader_bool(json, &payload->failed);
	note_wrong(reader);
	bool doubtful = reader->cut || json->wrong != NULL;
	switch (event->type) {
	case EVENT_STEP_FINISHED:
		event->outcome = doubtful ? OUTCOME_RETRY : event->outcome;
		return named;
	case EVENT_UPLOAD_READY:
		event->failed = event->failed || doubtful;
		return true;
	case EVENT_RESUME:
		return !reader->cut && (named || id[0] != '\0');
	case EVENT_CLEAN:
		return !reader->cut;
	default:
		return !doubtful;
	}
}

/* False: out of memory. */
static bool take_decision(struct json_reader *reader, const struct payload *payload, struct event *event)
{
	event->reason = strdup(json_reader_string(reader, &payload->reason));
	event->user = strdup(json_reader_string(reader, &payload->by));
	event->why = strdup(json_reader_string(reader, &payload->why));
	return event->reason != NULL && event->user != NULL && event->why != NULL;
}

static enum event_verdict take_word(struct event_reader *reader, const struct payload *payload, struct event *event,
                                    char *why, size_t size)
{
	const char *step, *id = json_reader_string(&reader->json, &payload->id);
	bool good = reader->json.wrong == NULL && (id[0] == '\0' || is_acceptable(&payload->id, id));
	note_wrong(reader);
	if (!good)
		note_id(reader);
	good = good && (id[0] != '\0' || !reader->cut) && take_words(reader, payload, id, event, &step);
	bool whole = !reader->cut && reader->json.wrong == NULL;
	if (!good || !whole)
		say(why, size, id, reader->trouble);
	if (!good)
		return EVENT_BROKEN;
	event->upload_id = strdup(id);
	event->step = strdup(step);
	bool taken = event->upload_id != NULL && event->step != NULL;
	if (event->type == EVENT_HOLD_ENDED)
		taken = taken && take_decision(&reader->json, payload, event);
	/* Nothing follows from it, so it may be anything. */
	if (event->type == EVENT_UPLOAD_READY && json_reader_is_string(&reader->json, &payload->reason)) {
		event->reason = strdup(json_reader_string(&reader->json, &payload->reason));
		taken = taken && event->reason != NULL;
	}
	if (taken && (event->type != EVENT_STEP_FINISHED || take_result(reader, payload, event)))
		return EVENT_TAKEN;
	snprintf(why, size, "out of memory");
	return EVENT_UNREAD;
}

enum event_verdict payload_take(struct event_reader *reader, const struct payload *payload, struct event *event,
                                char *why, size_t size)
{
	why[0] = '\0';
	if (event->type == EVENT_BYTES_RECEIVED)
		return take_begin(reader, payload, event, why, size);
	return take_word(reader, payload, event, why, size);
}
