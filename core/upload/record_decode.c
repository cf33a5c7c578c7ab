/* SPDX-License-Identifier: Apache-2.0
 * Reading a record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json_reader.h"
#include "core/upload/history.h"
#include "core/upload/record.h"

/* All bits that a record's transition can publish. */
#define PUBLISH_OF_RECORDS (PUBLISH_STEP_FINISHED | PUBLISH_START | PUBLISH_RETRY | PUBLISH_FINISHED)

/* The positions of a record's values. */
struct fields {
	struct json_value id, url, user, impersonating_user, filename, filesize, resource_id, steps, status, failures,
		initiator_id, finished, start_time, own;
	struct json_value current_step, outcome; /* in the status */
};

/* Those of our own part. */
struct own_fields {
	struct json_value owner, writer, phase, transition, publish, published, published_at, ended_at, due, begun, stream,
		awaited, held, answer, woken, waits, crashes, gone, asked, renewed, confirmations, reason, ended, decided,
		history, unsized, metadata, traceparent;
	struct json_value step, outcome, result; /* of what ended */
	struct json_value decided_step, exhausted, decided_result;
};

static bool read_fields(struct json_reader *reader, const char *bytes, size_t length, struct fields *fields, char *why,
                        size_t size)
{
	const struct json_member members[] = {
		{"ID", &fields->id},
		{"URL", &fields->url},
		{"User", &fields->user},
		{"ImpersonatingUser", &fields->impersonating_user},
		{"Filename", &fields->filename},
		{"Filesize", &fields->filesize},
		{"ResourceID", &fields->resource_id},
		{"Steps", &fields->steps},
		{"Status", &fields->status},
		{"Failures", &fields->failures},
		{"InitiatorID", &fields->initiator_id},
		{"Finished", &fields->finished},
		{"StartTime", &fields->start_time},
		{"StepHost", &fields->own},
	};
	const struct json_member of_status[] = {{"CurrentStep", &fields->current_step}, {"Outcome", &fields->outcome}};
	if (!json_read(bytes, length, members, JSON_COUNT(members), why, size))
		return false;
	json_reader_members(reader, &fields->status, of_status, JSON_COUNT(of_status));
	return true;
}

static bool read_own_fields(struct json_reader *reader, const struct json_value *part, struct own_fields *fields)
{
	const struct json_member members[] = {
		{"owner", &fields->owner},
		{"writer", &fields->writer},
		{"phase", &fields->phase},
		{"transition", &fields->transition},
		{"publish", &fields->publish},
		{"said", &fields->published},
		{"saidAt", &fields->published_at},
		{"endedAt", &fields->ended_at},
		{"due", &fields->due},
		{"begun", &fields->begun},
		{"stream", &fields->stream},
		{"awaited", &fields->awaited},
		{"held", &fields->held},
		{"answer", &fields->answer},
		{"woken", &fields->woken},
		{"waits", &fields->waits},
		{"crashes", &fields->crashes},
		{"gone", &fields->gone},
		{"asked", &fields->asked},
		{"renewed", &fields->renewed},
		{"confirmations", &fields->confirmations},
		{"reason", &fields->reason},
		{"ended", &fields->ended},
		{"decided", &fields->decided},
		{"history", &fields->history},
		{"unsized", &fields->unsized},
		{"metadata", &fields->metadata},
		{"traceparent", &fields->traceparent},
	};
	const struct json_member of_ended[] = {
		{"step", &fields->step}, {"outcome", &fields->outcome}, {"result", &fields->result}};
	const struct json_member of_decided[] = {
		{"step", &fields->decided_step}, {"exhausted", &fields->exhausted}, {"result", &fields->decided_result}};
	bool there = json_reader_members(reader, part, members, JSON_COUNT(members));
	json_reader_members(reader, &fields->ended, of_ended, JSON_COUNT(of_ended));
	json_reader_members(reader, &fields->decided, of_decided, JSON_COUNT(of_decided));
	return there;
}

/* The index of the step with this name; step_count if there is none. */
static size_t find_step(const struct upload *upload, const char *name)
{
	size_t i = 0;
	while (i < upload->step_count && strcmp(upload->step[i], name) != 0)
		i++;
	return i;
}

/* A time that is missing, or Go's zero time, is 0. What is no time is of the wrong type. */
static nanos read_time(struct json_reader *reader, const struct json_value *value)
{
	static const char go_zero[] = "0001-01-01T00:00:00";
	const char *text = json_reader_string(reader, value);
	nanos time = 0;
	if (text[0] != '\0' && strncmp(text, go_zero, sizeof go_zero - 1) != 0 && !time_parse(text, &time))
		json_reader_refuse(reader, value);
	return time;
}

/* A count from 0 to limit; any other number has the wrong type. */
static uint64_t read_count(struct json_reader *reader, const struct json_value *value, int64_t limit)
{
	int64_t count = json_reader_integer(reader, value);
	if (count < 0 || count > limit)
		json_reader_refuse(reader, value);
	return (uint64_t)count;
}

static bool is_verdict(enum outcome outcome)
{
	return outcome == OUTCOME_CONTINUE || outcome == OUTCOME_ABORT || outcome == OUTCOME_DELETE;
}

/* Does the phase belong to the place among the steps, and is there a time at which somebody looks again? The pipeline
 * relies on both, and what is said again on there being a step for it to speak of. */
static bool consistent(const struct status *status, const struct upload *upload)
{
	bool unwatched = status->phase == PHASE_UNCONFIRMED || status->phase == PHASE_ENDED;
	bool over = unwatched || status->phase == PHASE_CONFIRMING;
	if (over && (status->publish & (PUBLISH_RETRY | PUBLISH_START)))
		return false;
	return over == (status->step == upload->step_count) && (unwatched || status->due != 0);
}

/* The finished step and its outcome, which are published again. */
static bool decode_ended(struct json_reader *reader, const struct own_fields *fields, const struct upload *upload,
                         struct status *status, const char **result)
{
	status->finished_step = find_step(upload, json_reader_string(reader, &fields->step));
	status->finished_outcome = outcome_parse(json_reader_string(reader, &fields->outcome));
	*result = json_reader_text(reader, &fields->result);
	return status->finished_step < upload->step_count && is_verdict(status->finished_outcome);
}

/* The step that ended the upload; for people only. */
static void decode_decided(struct json_reader *reader, const struct own_fields *fields, const struct upload *upload,
                           struct status *status, const char **result)
{
	size_t step = find_step(upload, json_reader_string(reader, &fields->decided_step));
	if (status->step < upload->step_count || step == upload->step_count)
		return;
	status->decided = step + 1;
	status->exhausted = json_reader_bool(reader, &fields->exhausted);
	if (!(status->publish & PUBLISH_STEP_FINISHED) && fields->decided_result.text != NULL)
		*result = json_reader_text(reader, &fields->decided_result);
}

/* Our own part, as far as it is of use; `status` has what the others' fields say. *result: of the step that ended. */
static bool decode_own_part(struct json_reader *reader, const struct own_fields *fields, const struct upload *upload,
                            struct status *status, const char **result)
{
	bool good = phase_parse(json_reader_string(reader, &fields->phase), &status->phase);
	status->transition = read_count(reader, &fields->transition, INT64_MAX);
	status->publish = (unsigned)read_count(reader, &fields->publish, PUBLISH_OF_RECORDS);
	status->published = read_count(reader, &fields->published, INT64_MAX);
	status->published_at = read_time(reader, &fields->published_at);
	status->ended_at = read_time(reader, &fields->ended_at);
	/* In a record without this time, it follows from the last publication. */
	if (status->ended_at == 0 && (status->publish & PUBLISH_FINISHED))
		status->ended_at = status->published_at;
	status->due = read_time(reader, &fields->due);
	status->begun = read_count(reader, &fields->begun, INT64_MAX);
	status->stream = json_reader_integer(reader, &fields->stream);
	status->awaited = json_reader_bool(reader, &fields->awaited);
	/* Of a held upload, an instance of an earlier version keeps the rest of the status. Whoever waits for a service has
	 * asked it. */
	status->held = status->phase == PHASE_AWAITING && (json_reader_bool(reader, &fields->held) || !status->awaited);
	status->answered = read_count(reader, &fields->answer, INT64_MAX);
	status->woken_at = read_time(reader, &fields->woken);
	status->waits = (unsigned)read_count(reader, &fields->waits, INT32_MAX);
	status->crashes = (unsigned)read_count(reader, &fields->crashes, INT32_MAX);
	status->gone_since = read_time(reader, &fields->gone);
	status->asked_at = read_time(reader, &fields->asked);
	status->renewed = json_reader_bool(reader, &fields->renewed);
	status->confirmations = (unsigned)read_count(reader, &fields->confirmations, INT32_MAX);
	status_set_reason(status, json_reader_string(reader, &fields->reason));
	if (status->publish & PUBLISH_STEP_FINISHED)
		good = decode_ended(reader, fields, upload, status, result) && good;
	decode_decided(reader, fields, upload, status, result);
	return good && reader->wrong == NULL && consistent(status, upload);
}

/* The phase of a record written by another implementation, which does not contain it. */
static void imply_phase(struct status *status, const struct upload *upload, bool finished)
{
	if (finished)
		status->step = upload->step_count;
	if (finished)
		status->phase = PHASE_ENDED;
	else if (status->step == upload->step_count)
		status->phase = PHASE_CONFIRMING;
	else
		status->phase = status->outcome == OUTCOME_RETRY ? PHASE_BACKOFF : PHASE_AWAITING;
	status->awaited = true;
}

static bool has_step(const char *const *step, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(step[i], name) == 0)
			return true;
	return false;
}

/* Without control characters, which a terminal or log would not show as they are. */
static bool is_step_name(const char *name)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return length > 0 && length <= UPLOAD_STEP_NAME_LIMIT && strcmp(name, STEP_FINISHED_NAME) != 0;
}

/* A record identifies its step by name, so a step that is listed twice runs once, and the name for the end is not
 * allowed. */
static size_t decode_steps(struct json_reader *reader, const struct json_value *array,
                           const char *step[UPLOAD_STEPS_LIMIT])
{
	struct json_value rest = *array, element;
	size_t count = 0, listed = 0;
	if (!json_reader_is_array(reader, array))
		return 0;
	while (json_next(&rest, &element)) {
		const char *name = json_reader_string(reader, &element);
		if (!is_step_name(name) || ++listed > UPLOAD_STEPS_LIMIT) {
			json_reader_refuse(reader, array);
			return 0;
		}
		if (!has_step(step, count, name))
			step[count++] = name;
	}
	return count;
}

static void decode_status(struct json_reader *reader, const struct fields *fields, const struct upload *upload,
                          struct record *record)
{
	struct status *status = &record->status;
	const char *current = json_reader_string(reader, &fields->current_step);
	status->step = find_step(upload, current);
	/* A record stored before its first step began has no current step. */
	if (current[0] == '\0')
		status->step = 0;
	else if (status->step == upload->step_count && strcmp(current, STEP_FINISHED_NAME) != 0)
		json_reader_refuse(reader, &fields->current_step);
	record->stepless = current[0] == '\0' && upload->step_count == 0;
	status->outcome = outcome_parse(json_reader_string(reader, &fields->outcome));
	/* An end without a verdict never accepts the upload. */
	if (status->step == upload->step_count && (record->stepless || !is_verdict(status->outcome)))
		status->outcome = OUTCOME_ABORT;
	int64_t failures = json_reader_integer(reader, &fields->failures);
	status->failures = failures < 0 || failures > UPLOAD_FAILURES_LIMIT ? UPLOAD_FAILURES_LIMIT : (unsigned)failures;
}

/* NULL: there is none, or it is none of ours. */
static const char *read_history(struct json_reader *reader, const struct json_value *value)
{
	bool good = value->text != NULL && value->text[0] == '[' && value->length <= HISTORY_LIMIT;
	return good ? json_reader_text(reader, value) : NULL;
}

/* The record's part that is ours. If it cannot be used, because somebody who does not know it has changed the rest, the
 * rest says where the upload stands, as with a record that has no such part. */
static bool take_own_part(struct json_reader *reader, const struct own_fields *fields, bool there, bool finished,
                          struct record *record)
{
	struct status status = record->status;
	const char *result = NULL;
	const char *owner = json_reader_string(reader, &fields->owner),
			   *writer = json_reader_string(reader, &fields->writer);
	record->stepless = record->stepless && !finished;
	if (!there || record->stepless || !decode_own_part(reader, fields, record->upload, &status, &result)) {
		record->foreign = true;
		imply_phase(&record->status, record->upload, finished);
		return true;
	}
	record->status = status;
	snprintf(record->owner, sizeof record->owner, "%s", owner);
	snprintf(record->writer, sizeof record->writer, "%s", writer);
	record->result = result != NULL ? strdup(result) : NULL;
	const char *history = read_history(reader, &fields->history);
	record->history = history != NULL ? strdup(history) : NULL;
	return (result == NULL || record->result != NULL) && (history == NULL || record->history != NULL);
}

static void report_wrong(const struct json_reader *reader, const struct upload *upload, char *why, size_t size)
{
	bool named = upload_id_acceptable(upload->id, strlen(upload->id));
	bool lost = strcmp(reader->wrong, "CurrentStep") == 0;
	snprintf(why, size, "%s%.128s%s\"%s\" %s", named ? "upload " : "", named ? upload->id : "", named ? ": " : "",
	         reader->wrong, lost ? "is not one of its \"Steps\"" : "is missing or invalid");
}

/* The members of an object without its braces. Longer texts were not written by us. */
static const char *read_members(struct json_reader *reader, const struct json_value *value)
{
	struct json_value rest = *value, key, member;
	bool good =
		value->text != NULL && value->length <= UPLOAD_METADATA_LIMIT + 2 && json_next_member(&rest, &key, &member);
	char *object = good ? (char *)(uintptr_t)json_reader_text(reader, value) : NULL;
	if (object == NULL || object[0] != '{')
		return "";
	object[strlen(object) - 1] = '\0';
	return object + 1;
}

/* RECORD_BROKEN with `why`. */
static enum record_verdict decode_inner(struct json_reader *reader, const struct fields *fields, struct record *record,
                                        char *why, size_t size)
{
	const char *step[UPLOAD_STEPS_LIMIT];
	struct own_fields own_fields;
	struct upload upload = {
		.id = json_reader_string(reader, &fields->id),
		.url = json_reader_string(reader, &fields->url),
		.filename = json_reader_string(reader, &fields->filename),
		.filesize = json_reader_integer(reader, &fields->filesize),
		.initiator_id = json_reader_string(reader, &fields->initiator_id),
		.user_json = json_reader_text(reader, &fields->user),
		.impersonating_user_json = json_reader_text(reader, &fields->impersonating_user),
		.resource_id_json = json_reader_text(reader, &fields->resource_id),
		.step = step,
		.step_count = decode_steps(reader, &fields->steps, step),
		.start_time = read_time(reader, &fields->start_time),
	};
	if (!upload_id_acceptable(upload.id, strlen(upload.id)))
		json_reader_refuse(reader, &fields->id);
	decode_status(reader, fields, &upload, record);
	bool finished = json_reader_bool(reader, &fields->finished);
	if (reader->wrong != NULL) {
		report_wrong(reader, &upload, why, size);
		return RECORD_BROKEN;
	}
	bool there = read_own_fields(reader, &fields->own, &own_fields);
	if (json_reader_bool(reader, &own_fields.unsized))
		upload.filesize = -1;
	upload.traceparent = json_reader_string(reader, &own_fields.traceparent);
	upload.metadata = read_members(reader, &own_fields.metadata);
	record->upload = upload_create(&upload);
	return record->upload != NULL && take_own_part(reader, &own_fields, there, finished, record) ? RECORD_TAKEN
	                                                                                             : RECORD_UNREAD;
}

/* RECORD_BROKEN with `why`. */
static enum record_verdict decode_value(struct json_reader *reader, const struct json_value *data,
                                        struct record *record, char *why, size_t size)
{
	struct fields fields;
	size_t length;
	const char *bytes = json_reader_base64(reader, data, &length);
	if (bytes == NULL) {
		snprintf(why, size, "\"data\" is not base64");
		return RECORD_BROKEN;
	}
	return read_fields(reader, bytes, length, &fields, why, size) ? decode_inner(reader, &fields, record, why, size)
	                                                              : RECORD_BROKEN;
}

enum record_verdict record_decode(const char *value, size_t length, struct record *record, char *why, size_t size)
{
	struct json_value data;
	const struct json_member members[] = {{"data", &data}};
	*record = (struct record){0};
	if (length > RECORD_VALUE_LIMIT) {
		snprintf(why, size, "larger than %zu bytes", RECORD_VALUE_LIMIT);
		return RECORD_BROKEN;
	}
	if (!json_read(value, length, members, JSON_COUNT(members), why, size))
		return RECORD_BROKEN;
	char *room = malloc(JSON_ROOM(length));
	struct json_reader reader = {.room = room, .left = JSON_ROOM(length)};
	enum record_verdict verdict = room != NULL ? decode_value(&reader, &data, record, why, size) : RECORD_UNREAD;
	free(room);
	if (verdict == RECORD_UNREAD)
		snprintf(why, size, "out of memory");
	if (verdict != RECORD_TAKEN)
		record_clear(record);
	return verdict;
}
