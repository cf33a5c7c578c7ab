/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "core/encoding.h"
#include "core/event.h"

/* Wraps `payload`, which it frees, into an envelope. */
static void add_envelope(struct text *message, const char *name, const char *traceparent, const char *initiator_id,
                         struct text *payload, nanos now)
{
	char id[UUID_SIZE], event_id[UUID_SIZE], when[TIME_TEXT_SIZE];
	if (!uuid_make(id) || !uuid_make(event_id) || payload->failed) {
		message->failed = true;
	} else {
		text_format(message, "{\"Timestamp\":\"%s\",\"Metadata\":{\"eventid\":\"%s\",\"eventtype\":\"events.%s\",\"initiatorid\":",
		            time_format(now, when), event_id, name);
		text_add_json(message, initiator_id);
		text_add(message, ",\"traceparent\":");
		text_add_json(message, traceparent);
		text_format(message, "},\"ID\":\"%s\",\"Topic\":\"" EVENT_TOPIC "\",\"Payload\":\"", id);
		text_add_base64(message, payload->data, payload->length);
		text_add(message, "\"}");
	}
	text_free(payload);
}

static void add_string(struct text *text, const char *name_with_colon, const char *value)
{
	text_add(text, name_with_colon);
	text_add_json(text, value);
}

static void add_timestamp(struct text *text, nanos now)
{
	text_format(text, ",\"Timestamp\":{\"seconds\":%" PRId64 ",\"nanos\":%" PRId64 "}", now / SECOND, now % SECOND);
}

static const char *step_finished(struct text *text, const struct upload *upload, const struct status *status, const char *result)
{
	add_string(text, "{\"UploadID\":", upload->id);
	text_format(text, ",\"ExecutingUser\":%s", upload->user_json);
	add_string(text, ",\"Filename\":", upload->filename);
	add_string(text, ",\"FinishedStep\":", upload->step[status->finished_step]);
	text_format(text, ",\"Result\":%s,\"Error\":null,\"Outcome\":\"%s\",\"Timestamp\":null}",
	            result != NULL ? result : "null", outcome_name(status->finished_outcome));
	return "PostprocessingStepFinished";
}

static const char *start_step(struct text *text, const struct upload *upload, const struct status *status)
{
	add_string(text, "{\"UploadID\":", upload->id);
	add_string(text, ",\"URL\":", upload->url);
	text_format(text, ",\"ExecutingUser\":%s", upload->user_json);
	add_string(text, ",\"Filename\":", upload->filename);
	text_format(text, ",\"Filesize\":%" PRId64 ",\"Token\":\"\",\"ResourceID\":%s,\"RevaToken\":\"\"", upload->filesize,
	            upload->resource_id_json);
	add_string(text, ",\"StepToStart\":", status_step_name(upload, status));
	text_format(text, ",\"Timestamp\":null,\"ImpersonatingUser\":%s}", upload->impersonating_user_json);
	return "StartPostprocessingStep";
}

static const char *retry(struct text *text, const struct upload *upload, const struct status *status, nanos backoff)
{
	add_string(text, "{\"UploadID\":", upload->id);
	add_string(text, ",\"Filename\":", upload->filename);
	text_format(text, ",\"ExecutingUser\":%s,\"Failures\":%u,\"BackoffDuration\":%" PRId64 "}", upload->user_json,
	            status->failures, backoff);
	return "PostprocessingRetry";
}

static const char *finished(struct text *text, const struct upload *upload, const struct status *status)
{
	add_string(text, "{\"UploadID\":", upload->id);
	add_string(text, ",\"Filename\":", upload->filename);
	text_format(text, ",\"SpaceOwner\":null,\"ExecutingUser\":%s,\"Result\":null,\"Outcome\":\"%s\",\"Timestamp\":null,"
	                  "\"ImpersonatingUser\":%s}",
	            upload->user_json, outcome_name(status->outcome), upload->impersonating_user_json);
	return "PostprocessingFinished";
}

void event_encode(struct text *message, unsigned kind, const struct upload *upload, const struct status *status,
                  const char *result, nanos backoff, nanos now)
{
	struct text payload = {0};
	const char *name = kind == PUBLISH_STEP_FINISHED ? step_finished(&payload, upload, status, result)
	                   : kind == PUBLISH_START       ? start_step(&payload, upload, status)
	                   : kind == PUBLISH_RETRY       ? retry(&payload, upload, status, backoff)
	                                                 : finished(&payload, upload, status);
	add_envelope(message, name, upload->traceparent, upload->initiator_id, &payload, now);
}

void event_encode_restart(struct text *message, const char *upload_id, nanos now)
{
	struct text payload = {0};
	add_string(&payload, "{\"UploadID\":", upload_id);
	add_timestamp(&payload, now);
	text_add(&payload, "}");
	add_envelope(message, "RestartPostprocessing", "", "", &payload, now);
}

void event_encode_resume(struct text *message, const char *upload_id, const char *step, nanos now)
{
	struct text payload = {0};
	add_string(&payload, "{\"UploadID\":", upload_id);
	add_string(&payload, ",\"Step\":", step);
	add_timestamp(&payload, now);
	text_add(&payload, "}");
	add_envelope(message, "ResumePostprocessing", "", "", &payload, now);
}

void event_encode_bytes_received(struct text *message, const struct upload *upload, nanos now)
{
	struct text payload = {0};
	add_string(&payload, "{\"UploadID\":", upload->id);
	text_format(&payload, ",\"SpaceOwner\":null,\"ExecutingUser\":%s,\"ResourceID\":%s", upload->user_json,
	            upload->resource_id_json);
	add_string(&payload, ",\"Filename\":", upload->filename);
	text_format(&payload, ",\"Filesize\":%" PRId64, upload->filesize);
	add_string(&payload, ",\"URL\":", upload->url);
	text_format(&payload, ",\"Timestamp\":null,\"ImpersonatingUser\":%s}", upload->impersonating_user_json);
	add_envelope(message, "BytesReceived", upload->traceparent, upload->initiator_id, &payload, now);
}

void event_encode_upload_ready(struct text *message, const struct upload *upload, bool failed, nanos now)
{
	struct text payload = {0};
	add_string(&payload, "{\"UploadID\":", upload->id);
	add_string(&payload, ",\"Filename\":", upload->filename);
	text_format(&payload, ",\"SpaceOwner\":null,\"ExecutingUser\":%s,\"ImpersonatingUser\":%s,\"FileRef\":null", upload->user_json,
	            upload->impersonating_user_json);
	add_timestamp(&payload, now);
	text_format(&payload, ",\"Failed\":%s,\"IsVersion\":false}", failed ? "true" : "false");
	add_envelope(message, "UploadReady", upload->traceparent, upload->initiator_id, &payload, now);
}
