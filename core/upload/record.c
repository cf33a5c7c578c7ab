/* SPDX-License-Identifier: Apache-2.0 */
#include "core/upload/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/encoding.h"
#include "core/upload/history.h"

void record_key(const char *table, const char *id, char key[RECORD_KEY_SIZE])
{
	char name[2 * UPLOAD_ID_LIMIT + 2];
	int length =
		table != NULL ? snprintf(name, sizeof name, "%s_%s", table, id) : snprintf(name, sizeof name, "%s", id);
	_Static_assert(BASE32_SIZE(sizeof name - 1) <= RECORD_KEY_SIZE, "a table and an ID of the limit fit");
	base32_encode(name, (size_t)length < sizeof name ? (size_t)length : sizeof name - 1, key);
}

static void add_time(struct text *text, const char *lead, nanos time)
{
	char when[TIME_TEXT_SIZE];
	text_string(text, lead, time_format(time, when));
}

/* For people. The published result is already in "ended". */
static void encode_decided(struct text *text, const struct record *record)
{
	const struct status *status = &record->status;
	const char *result = status->publish & PUBLISH_STEP_FINISHED ? NULL : record->result;
	text_string(text, ",\"decided\":{\"step\":", record->upload->step[status->decided - 1]);
	if (status->exhausted)
		text_add(text, ",\"exhausted\":true");
	if (result != NULL && strlen(result) <= RECORD_RESULT_LIMIT)
		text_json(text, ",\"result\":", result);
	text_add(text, "}");
}

/* What the event says that began the upload, and the other implementations do not keep. */
static void encode_event(struct text *text, const struct upload *upload)
{
	if (upload->filesize < 0)
		text_add(text, ",\"unsized\":true");
	if (upload->metadata[0] != '\0') {
		text_json(text, ",\"metadata\":{", upload->metadata);
		text_add(text, "}");
	}
	if (upload->traceparent[0] != '\0')
		text_string(text, ",\"traceparent\":", upload->traceparent);
}

static void encode_own_part(struct text *text, const struct record *record)
{
	const struct status *status = &record->status;
	text_string(text, ",\"StepHost\":{\"v\":1,\"owner\":", record->owner);
	text_string(text, ",\"writer\":", record->writer);
	text_string(text, ",\"phase\":", phase_name(status->phase));
	text_number(text, ",\"transition\":", (int64_t)status->transition);
	text_number(text, ",\"publish\":", status->publish);
	if (status->publish != 0) {
		text_number(text, ",\"said\":", (int64_t)status->published);
		add_time(text, ",\"saidAt\":", status->published_at);
	}
	/* It is as a rule what was published last. */
	if (status->ended_at != 0 && !((status->publish & PUBLISH_FINISHED) && status->ended_at == status->published_at))
		add_time(text, ",\"endedAt\":", status->ended_at);
	if (status->due != 0)
		add_time(text, ",\"due\":", status->due);
	if (status->begun != 0) {
		text_number(text, ",\"begun\":", (int64_t)status->begun);
		text_number(text, ",\"stream\":", status->stream);
	}
	if (status->awaited)
		text_add(text, ",\"awaited\":true");
	if (status->held)
		text_add(text, ",\"held\":true");
	if (status->answered != 0)
		text_number(text, ",\"answer\":", (int64_t)status->answered);
	if (status->woken_at != 0)
		add_time(text, ",\"woken\":", status->woken_at);
	if (status->crashes != 0)
		text_number(text, ",\"crashes\":", status->crashes);
	if (status->waits != 0)
		text_number(text, ",\"waits\":", status->waits);
	if (status->gone_since != 0)
		add_time(text, ",\"gone\":", status->gone_since);
	if (status->asked_at != 0)
		add_time(text, ",\"asked\":", status->asked_at);
	if (status->renewed)
		text_add(text, ",\"renewed\":true");
	if (status->confirmations != 0)
		text_number(text, ",\"confirmations\":", status->confirmations);
	if (status->reason[0] != '\0')
		text_string(text, ",\"reason\":", status->reason);
	if (status->publish & PUBLISH_STEP_FINISHED) {
		text_string(text, ",\"ended\":{\"step\":", record->upload->step[status->finished_step]);
		text_string(text, ",\"outcome\":", outcome_name(status->finished_outcome));
		text_json(text, ",\"result\":", record->result != NULL ? record->result : "null");
		text_add(text, "}");
	}
	if (status->decided != 0)
		encode_decided(text, record);
	if (record->history != NULL)
		text_json(text, ",\"history\":", record->history);
	encode_event(text, record->upload);
	text_add(text, "}");
}

static void encode_inner(struct text *text, const struct record *record)
{
	const struct upload *upload = record->upload;
	const struct status *status = &record->status;
	text_string(text, "{\"ID\":", upload->id);
	text_string(text, ",\"URL\":", upload->url);
	text_json(text, ",\"User\":", upload->user_json);
	text_json(text, ",\"ImpersonatingUser\":", upload->impersonating_user_json);
	text_string(text, ",\"Filename\":", upload->filename);
	text_number(text,
	            ",\"Filesize\":", upload->filesize < 0 ? 0 : upload->filesize); /* the others take no negative number */
	text_json(text, ",\"ResourceID\":", upload->resource_id_json);
	text_add(text, ",\"Steps\":[");
	for (size_t i = 0; i < upload->step_count; i++)
		text_string(text, i > 0 ? "," : "", upload->step[i]);
	text_string(text, "],\"Status\":{\"CurrentStep\":", status_step_name(upload, status));
	text_string(text, ",\"Outcome\":", outcome_name(status->outcome));
	text_number(text, "},\"Failures\":", status->failures);
	text_string(text, ",\"InitiatorID\":", upload->initiator_id);
	text_json(text, ",\"Finished\":", status->phase == PHASE_ENDED ? "true" : "false");
	add_time(text, ",\"StartTime\":", upload->start_time);
	encode_own_part(text, record);
	text_add(text, "}");
}

void record_encode(struct text *value, const struct record *record)
{
	struct text inner = {0};
	encode_inner(&inner, record);
	text_string(value, "{\"key\":", record->upload->id);
	text_add(value, ",\"data\":\"");
	if (inner.failed)
		value->failed = true;
	else
		text_add_base64(value, inner.data, inner.length);
	text_add(value, "\",\"metadata\":null}");
	text_free(&inner);
}

bool record_give_steps(struct record *record, const char *const *step, size_t count)
{
	if (!record->stepless)
		return true;
	struct upload fields = *record->upload;
	fields.step = step;
	fields.step_count = count;
	struct upload *upload = upload_create(&fields);
	if (upload == NULL)
		return false;
	upload_release(record->upload);
	record->upload = upload;
	record->stepless = false;
	record->status.outcome = count > 0 ? OUTCOME_NONE : OUTCOME_CONTINUE;
	record->status.phase = count > 0 ? PHASE_AWAITING : PHASE_CONFIRMING;
	return true;
}

size_t record_result_step(const struct upload *upload, const struct status *status)
{
	if (status->publish & PUBLISH_STEP_FINISHED)
		return status->finished_step;
	return status->decided != 0 ? status->decided - 1 : upload->step_count;
}

char *record_history(const struct record *record)
{
	size_t step = record_result_step(record->upload, &record->status);
	bool none = step >= record->upload->step_count || record->result == NULL || strcmp(record->result, "null") == 0;
	if (none)
		return record->history != NULL ? alloc_text(record->history) : NULL;
	return history_add(record->history,
	                   &(struct history_entry){.step = record->upload->step[step], .result = record->result});
}

void record_clear(struct record *record)
{
	upload_release(record->upload);
	free(record->result);
	free(record->history);
	*record = (struct record){0};
}

struct record *record_move(struct record *record)
{
	struct record *moved = alloc_bytes(sizeof *moved);
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
