/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/encoding.h"
#include "core/json.h"

/* All bits that a record's transition can publish. */
#define PUBLISH_OF_RECORDS (PUBLISH_STEP_FINISHED | PUBLISH_START | PUBLISH_RETRY | PUBLISH_FINISHED)

void record_key(const char *table, const char *id, char key[RECORD_KEY_SIZE])
{
	char name[2 * UPLOAD_ID_LIMIT + 2];
	int length = table != NULL ? snprintf(name, sizeof name, "%s_%s", table, id) : snprintf(name, sizeof name, "%s", id);
	_Static_assert(BASE32_SIZE(sizeof name - 1) <= RECORD_KEY_SIZE, "a table and an ID of the limit fit");
	base32_encode(name, (size_t)length < sizeof name ? (size_t)length : sizeof name - 1, key);
}

static void encode_own_part(struct text *text, const struct record *record)
{
	const struct status *status = &record->status;
	char when[TIME_TEXT_SIZE];
	text_format(text, ",\"StepHost\":{\"v\":1,\"owner\":");
	text_add_json(text, record->owner);
	text_add(text, ",\"writer\":");
	text_add_json(text, record->writer);
	text_format(text, ",\"phase\":\"%s\",\"transition\":%" PRIu64 ",\"publish\":%u", phase_name(status->phase),
	            status->transition, status->publish);
	if (status->publish != 0)
		text_format(text, ",\"said\":%" PRIu64 ",\"saidAt\":\"%s\"", status->said, time_format(status->said_at, when));
	if (status->due != 0)
		text_format(text, ",\"due\":\"%s\"", time_format(status->due, when));
	if (status->begun != 0)
		text_format(text, ",\"begun\":%" PRIu64 ",\"stream\":%" PRId64, status->begun, status->stream);
	if (status->awaited)
		text_add(text, ",\"awaited\":true");
	if (status->woken_at != 0)
		text_format(text, ",\"woken\":\"%s\"", time_format(status->woken_at, when));
	if (status->confirmations != 0)
		text_format(text, ",\"confirmations\":%u", status->confirmations);
	if (status->reason[0] != '\0') {
		text_add(text, ",\"reason\":");
		text_add_json(text, status->reason);
	}
	if (status->publish & PUBLISH_STEP_FINISHED) {
		text_add(text, ",\"ended\":{\"step\":");
		text_add_json(text, record->upload->step[status->finished_step]);
		text_format(text, ",\"outcome\":\"%s\",\"result\":%s}", outcome_name(status->finished_outcome),
		            record->result != NULL ? record->result : "null");
	}
	if (record->upload->traceparent[0] != '\0') {
		text_add(text, ",\"traceparent\":");
		text_add_json(text, record->upload->traceparent);
	}
	text_add(text, "}");
}

static void encode_inner(struct text *text, const struct record *record)
{
	const struct upload *upload = record->upload;
	const struct status *status = &record->status;
	char when[TIME_TEXT_SIZE];
	text_add(text, "{\"ID\":");
	text_add_json(text, upload->id);
	text_add(text, ",\"URL\":");
	text_add_json(text, upload->url);
	text_format(text, ",\"User\":%s,\"ImpersonatingUser\":%s,\"Filename\":", upload->user_json,
	            upload->impersonating_user_json);
	text_add_json(text, upload->filename);
	text_format(text, ",\"Filesize\":%" PRId64 ",\"ResourceID\":%s,\"Steps\":[", upload->filesize, upload->resource_id_json);
	for (size_t i = 0; i < upload->step_count; i++) {
		if (i > 0)
			text_add(text, ",");
		text_add_json(text, upload->step[i]);
	}
	text_add(text, "],\"Status\":{\"CurrentStep\":");
	text_add_json(text, status_step_name(upload, status));
	text_format(text, ",\"Outcome\":\"%s\"},\"Failures\":%u,\"InitiatorID\":", outcome_name(status->outcome), status->failures);
	text_add_json(text, upload->initiator_id);
	text_format(text, ",\"Finished\":%s,\"StartTime\":\"%s\"", status->phase == PHASE_ENDED ? "true" : "false",
	            time_format(upload->start_time, when));
	encode_own_part(text, record);
	text_add(text, "}");
}

void record_encode(struct text *value, const struct record *record)
{
	struct text inner = {0};
	encode_inner(&inner, record);
	text_add(value, "{\"key\":");
	text_add_json(value, record->upload->id);
	text_add(value, ",\"data\":\"");
	if (inner.failed)
		value->failed = true;
	else
		text_add_base64(value, inner.data, inner.length);
	text_add(value, "\",\"metadata\":null}");
	text_free(&inner);
}

/* Where a step of this name stands among the upload's; step_count if nowhere. */
static size_t find_step(const struct upload *upload, const char *name)
{
	size_t i = 0;
	while (i < upload->step_count && strcmp(upload->step[i], name) != 0)
		i++;
	return i;
}

/* A time that is missing, or Go's zero time, is 0. */
static bool read_time(struct json_reader *reader, const char *key, nanos *time)
{
	static const char go_zero[] = "0001-01-01T00:00:00";
	const char *text = json_reader_string(reader, key);
	*time = 0;
	return text[0] == '\0' || strncmp(text, go_zero, sizeof go_zero - 1) == 0 || time_parse(text, time);
}

/* A number that counts, from 0 to limit; `good` goes false when it is none. */
static uint64_t read_count(struct json_reader *reader, const char *key, int64_t limit, bool *good)
{
	int64_t count = json_reader_integer(reader, key);
	*good = *good && count >= 0 && count <= limit;
	return (uint64_t)count;
}

static bool is_verdict(enum outcome outcome)
{
	return outcome == OUTCOME_CONTINUE || outcome == OUTCOME_ABORT || outcome == OUTCOME_DELETE;
}

static bool decode_ended(struct json_reader *own, struct record *record)
{
	struct status *status = &record->status;
	struct json_reader ended = {.object = json_reader_object(own, "ended")};
	status->finished_step = find_step(record->upload, json_reader_string(&ended, "step"));
	status->finished_outcome = outcome_parse(json_reader_string(&ended, "outcome"));
	if (status->finished_step == record->upload->step_count || !is_verdict(status->finished_outcome) || ended.wrong != NULL)
		return false;
	record->result = json_reader_text(&ended, "result");
	return record->result != NULL;
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

static bool decode_own_part(json_t *object, struct record *record)
{
	struct status *status = &record->status;
	struct json_reader own = {.object = object};
	bool good = read_time(&own, "due", &status->due) && read_time(&own, "saidAt", &status->said_at) &&
	            read_time(&own, "woken", &status->woken_at) && phase_parse(json_reader_string(&own, "phase"), &status->phase);
	status->transition = read_count(&own, "transition", INT64_MAX, &good);
	status->publish = (unsigned)read_count(&own, "publish", PUBLISH_OF_RECORDS, &good);
	good = good && consistent(status, record->upload);
	status->said = read_count(&own, "said", INT64_MAX, &good);
	status->begun = read_count(&own, "begun", INT64_MAX, &good);
	status->stream = json_reader_integer(&own, "stream");
	status->awaited = json_reader_bool(&own, "awaited");
	status->confirmations = (unsigned)read_count(&own, "confirmations", INT32_MAX, &good);
	status_set_reason(status, json_reader_string(&own, "reason"));
	snprintf(record->owner, sizeof record->owner, "%s", json_reader_string(&own, "owner"));
	snprintf(record->writer, sizeof record->writer, "%s", json_reader_string(&own, "writer"));
	if (status->publish & PUBLISH_STEP_FINISHED)
		good = good && decode_ended(&own, record);
	return good && own.wrong == NULL;
}

/* The phase of a record that says nothing of it, because another implementation wrote it. */
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

/* What stands in a terminal and a log as it is. */
static bool is_step_name(const char *name)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return length > 0 && length <= UPLOAD_STEP_NAME_LIMIT && strcmp(name, STEP_FINISHED_NAME) != 0;
}

/* A record says by its name in which step it is: one that is listed twice is done once, and the end's name is none. */
static bool decode_steps(json_t *array, const char **step, size_t *count)
{
	*count = 0;
	if (json_array_size(array) > UPLOAD_STEPS_LIMIT)
		return false;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *name = json_string_value(json_array_get(array, i));
		if (name == NULL || !is_step_name(name))
			return false;
		if (!has_step(step, *count, name))
			step[(*count)++] = name;
	}
	return true;
}

static bool decode_status(struct json_reader *reader, struct record *record)
{
	struct status *status = &record->status;
	struct json_reader where = {.object = json_reader_object(reader, "Status")};
	const char *current = json_reader_string(&where, "CurrentStep");
	status->step = find_step(record->upload, current);
	/* A record that was stored before its first step began names none. */
	if (current[0] == '\0')
		status->step = 0;
	else if (status->step == record->upload->step_count && strcmp(current, STEP_FINISHED_NAME) != 0)
		return false;
	status->outcome = outcome_parse(json_reader_string(&where, "Outcome"));
	/* An end without a verdict lets nothing through, unless there was nothing to be done. */
	if (status->step == record->upload->step_count && !is_verdict(status->outcome))
		status->outcome = current[0] == '\0' ? OUTCOME_CONTINUE : OUTCOME_ABORT;
	int64_t failures = json_reader_integer(reader, "Failures");
	status->failures = failures < 0 || failures > 1000000 ? 1000000 : (unsigned)failures;
	return where.wrong == NULL;
}

/* `object` is the inner record. */
static bool decode_inner(json_t *object, struct record *record, const char **wrong)
{
	struct json_reader reader = {.object = object};
	const char *step[UPLOAD_STEPS_LIMIT];
	struct json_reader own = {.object = json_reader_object(&reader, "StepHost")};
	struct upload fields = {
		.id = json_reader_string(&reader, "ID"),
		.url = json_reader_string(&reader, "URL"),
		.filename = json_reader_string(&reader, "Filename"),
		.filesize = json_reader_integer(&reader, "Filesize"),
		.initiator_id = json_reader_string(&reader, "InitiatorID"),
		.traceparent = json_reader_string(&own, "traceparent"),
		.step = step,
	};
	*wrong = "Steps";
	if (!decode_steps(json_reader_array(&reader, "Steps"), step, &fields.step_count) || reader.wrong != NULL) {
		*wrong = reader.wrong != NULL ? reader.wrong : *wrong;
		return false;
	}
	*wrong = "StartTime";
	if (!read_time(&reader, "StartTime", &fields.start_time))
		return false;
	*wrong = "ID";
	if (!upload_id_acceptable(fields.id, strlen(fields.id)))
		return false;
	char *user = json_reader_text(&reader, "User"), *impersonating = json_reader_text(&reader, "ImpersonatingUser");
	char *resource = json_reader_text(&reader, "ResourceID");
	fields.user_json = user;
	fields.impersonating_user_json = impersonating;
	fields.resource_id_json = resource;
	if (user != NULL && impersonating != NULL && resource != NULL)
		record->upload = upload_create(&fields);
	free(user);
	free(impersonating);
	free(resource);
	*wrong = "memory";
	if (record->upload == NULL)
		return false;
	*wrong = "Status";
	if (!decode_status(&reader, record))
		return false;
	bool finished = json_reader_bool(&reader, "Finished");
	record->foreign = own.object == NULL;
	*wrong = "StepHost";
	if (record->foreign)
		imply_phase(&record->status, record->upload, finished);
	else if (own.wrong != NULL || !decode_own_part(own.object, record))
		return false;
	*wrong = reader.wrong;
	return reader.wrong == NULL;
}

bool record_decode(const char *value, size_t length, struct record *record, char *why, size_t size)
{
	*record = (struct record){0};
	if (length > RECORD_VALUE_LIMIT) {
		snprintf(why, size, "larger than %zu bytes", RECORD_VALUE_LIMIT);
		return false;
	}
	json_t *outer = json_read_object(value, length, why, size);
	if (outer == NULL)
		return false;
	struct json_reader reader = {.object = outer};
	const char *data = json_reader_string(&reader, "data");
	size_t decoded;
	char *bytes = base64_decode(data, strlen(data), &decoded);
	json_t *inner = NULL;
	const char *wrong = NULL;
	bool good = false;
	if (bytes == NULL)
		snprintf(why, size, "\"data\" is not base64");
	else if ((inner = json_read_object(bytes, decoded, why, size)) != NULL && !(good = decode_inner(inner, record, &wrong)))
		snprintf(why, size, "\"%s\" is missing or wrong", wrong);
	json_decref(inner);
	free(bytes);
	json_decref(outer);
	if (!good)
		record_clear(record);
	return good;
}

void record_clear(struct record *record)
{
	upload_release(record->upload);
	free(record->result);
	*record = (struct record){0};
}

struct record *record_move(struct record *record)
{
	struct record *moved = malloc(sizeof *moved);
	if (moved == NULL)
		return NULL;
	*moved = *record;
	*record = (struct record){0};
	return moved;
}

void record_free(struct record *record)
{
	if (record == NULL)
		return;
	record_clear(record);
	free(record);
}
