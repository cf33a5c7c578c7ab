/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/encoding.h"
#include "core/upload/event.h"

/* Wraps `payload`, which it frees, into an envelope; `upload` may be NULL. */
static void add_envelope(struct text *message, const char *name, const struct upload *upload, struct text *payload,
                         nanos now)
{
	char id[2][UUID_SIZE], when[TIME_TEXT_SIZE];
	if (payload->failed || !uuids_make(id, 2)) {
		message->failed = true;
	} else {
		text_string(message, "{\"Timestamp\":", time_format(now, when));
		text_string(message, ",\"Metadata\":{\"eventid\":", id[1]);
		text_json(message, ",\"eventtype\":\"events.", name);
		text_string(message, "\",\"initiatorid\":", upload != NULL ? upload->initiator_id : "");
		text_string(message, ",\"traceparent\":", upload != NULL ? upload->traceparent : "");
		if (upload != NULL && upload->metadata[0] != '\0')
			text_json(message, ",", upload->metadata);
		text_string(message, "},\"ID\":", id[0]);
		text_add(message, ",\"Topic\":\"" EVENT_TOPIC "\",\"Payload\":\"");
		text_add_base64(message, payload->data, payload->length);
		text_add(message, "\"}");
	}
	text_free(payload);
}

static void add_timestamp(struct text *text, nanos now)
{
	text_number(text, ",\"Timestamp\":{\"seconds\":", now / SECOND);
	text_number(text, ",\"nanos\":", now % SECOND);
	text_add(text, "}");
}

static const char *step_finished(struct text *text, const struct upload *upload, const struct status *status,
                                 const char *result)
{
	text_string(text, "{\"UploadID\":", upload->id);
	text_json(text, ",\"ExecutingUser\":", upload->user_json);
	text_json(text, ",\"ResourceID\":", upload->resource_id_json);
	text_string(text, ",\"Filename\":", upload->filename);
	text_string(text, ",\"FinishedStep\":", upload->step[status->finished_step]);
	text_json(text, ",\"Result\":", result != NULL ? result : "null");
	text_string(text, ",\"Error\":null,\"Outcome\":", outcome_name(status->finished_outcome));
	text_add(text, ",\"Timestamp\":null}");
	return "PostprocessingStepFinished";
}

static const char *start_step(struct text *text, const struct upload *upload, const struct status *status)
{
	text_string(text, "{\"UploadID\":", upload->id);
	text_string(text, ",\"URL\":", upload->url);
	text_json(text, ",\"ExecutingUser\":", upload->user_json);
	text_string(text, ",\"Filename\":", upload->filename);
	text_number(text,
	            ",\"Filesize\":", upload->filesize < 0 ? 0 : upload->filesize); /* the others take no negative number */
	text_json(text, ",\"Token\":\"\",\"ResourceID\":", upload->resource_id_json);
	text_string(text, ",\"RevaToken\":\"\",\"StepToStart\":", status_step_name(upload, status));
	text_json(text, ",\"Timestamp\":null,\"ImpersonatingUser\":", upload->impersonating_user_json);
	text_add(text, "}");
	return "StartPostprocessingStep";
}

static const char *retry(struct text *text, const struct upload *upload, const struct status *status, nanos backoff)
{
	text_string(text, "{\"UploadID\":", upload->id);
	text_string(text, ",\"Filename\":", upload->filename);
	text_json(text, ",\"ExecutingUser\":", upload->user_json);
	text_number(text, ",\"Failures\":", status->failures);
	text_number(text, ",\"BackoffDuration\":", backoff);
	text_add(text, "}");
	return "PostprocessingRetry";
}

static const char *finished(struct text *text, const struct upload *upload, const struct status *status)
{
	text_string(text, "{\"UploadID\":", upload->id);
	text_string(text, ",\"Filename\":", upload->filename);
	text_json(text, ",\"SpaceOwner\":null,\"ExecutingUser\":", upload->user_json);
	text_json(text, ",\"ResourceID\":", upload->resource_id_json);
	text_string(text, ",\"Result\":null,\"Outcome\":", outcome_name(status->outcome));
	text_json(text, ",\"Timestamp\":null,\"ImpersonatingUser\":", upload->impersonating_user_json);
	text_add(text, "}");
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
	add_envelope(message, name, upload, &payload, now);
}

void event_encode_refusal(struct text *message, const char *id, nanos now)
{
	struct text payload = {0};
	text_json(&payload, "{\"UploadID\":", id);
	text_string(
		&payload,
		",\"Filename\":\"\",\"SpaceOwner\":null,\"ExecutingUser\":null,\"ResourceID\":null,\"Result\":null,\"Outcome\":",
		outcome_name(OUTCOME_ABORT));
	text_add(&payload, ",\"Timestamp\":null,\"ImpersonatingUser\":null}");
	add_envelope(message, "PostprocessingFinished", NULL, &payload, now);
}

void event_encode_restart(struct text *message, const char *upload_id, nanos now)
{
	struct text payload = {0};
	text_string(&payload, "{\"UploadID\":", upload_id);
	add_timestamp(&payload, now);
	text_add(&payload, "}");
	add_envelope(message, "RestartPostprocessing", NULL, &payload, now);
}

void event_encode_clean(struct text *message, const char *upload_id, nanos now)
{
	struct text payload = {0};
	text_string(&payload, "{\"UploadID\":", upload_id);
	text_add(&payload, ",\"KeepUpload\":false");
	add_timestamp(&payload, now);
	text_add(&payload, "}");
	add_envelope(message, "CleanUpload", NULL, &payload, now);
}

void event_encode_hold_ended(struct text *message, const char *upload_id, const char *step, enum outcome outcome,
                             const char *reason, const char *user, const char *why, nanos now)
{
	struct text payload = {0};
	text_string(&payload, "{\"UploadID\":", upload_id);
	text_string(&payload, ",\"Step\":", step);
	text_string(&payload, ",\"Outcome\":", outcome_name(outcome));
	text_string(&payload, ",\"Reason\":", reason);
	if (user != NULL)
		text_string(&payload, ",\"By\":", user);
	if (why != NULL)
		text_string(&payload, ",\"Why\":", why);
	add_timestamp(&payload, now);
	text_add(&payload, "}");
	add_envelope(message, "PostprocessingHoldEnded", NULL, &payload, now);
}

void event_encode_resume(struct text *message, const char *upload_id, const char *step, nanos now)
{
	struct text payload = {0};
	text_string(&payload, "{\"UploadID\":", upload_id);
	text_string(&payload, ",\"Step\":", step);
	add_timestamp(&payload, now);
	text_add(&payload, "}");
	add_envelope(message, "ResumePostprocessing", NULL, &payload, now);
}

void event_encode_bytes_received(struct text *message, const struct upload *upload, nanos now)
{
	struct text payload = {0};
	text_string(&payload, "{\"UploadID\":", upload->id);
	text_json(&payload, ",\"SpaceOwner\":null,\"ExecutingUser\":", upload->user_json);
	text_json(&payload, ",\"ResourceID\":", upload->resource_id_json);
	text_string(&payload, ",\"Filename\":", upload->filename);
	if (upload->filesize >= 0)
		text_number(&payload, ",\"Filesize\":", upload->filesize);
	text_string(&payload, ",\"URL\":", upload->url);
	text_json(&payload, ",\"Timestamp\":null,\"ImpersonatingUser\":", upload->impersonating_user_json);
	text_add(&payload, "}");
	add_envelope(message, "BytesReceived", upload, &payload, now);
}

/* reason: NULL: none. */
static void encode_upload_ready(struct text *message, const struct upload *upload, bool failed, const char *reason,
                                nanos now)
{
	struct text payload = {0};
	text_string(&payload, "{\"UploadID\":", upload->id);
	text_string(&payload, ",\"Filename\":", upload->filename);
	text_json(&payload, ",\"SpaceOwner\":null,\"ExecutingUser\":", upload->user_json);
	text_json(&payload, ",\"ImpersonatingUser\":", upload->impersonating_user_json);
	text_add(&payload, ",\"FileRef\":null");
	add_timestamp(&payload, now);
	text_json(&payload, ",\"Failed\":", failed ? "true" : "false");
	if (reason != NULL)
		text_string(&payload, ",\"Reason\":", reason);
	text_add(&payload, ",\"IsVersion\":false}");
	add_envelope(message, "UploadReady", upload, &payload, now);
}

void event_encode_upload_ready(struct text *message, const struct upload *upload, bool failed, nanos now)
{
	encode_upload_ready(message, upload, failed, NULL, now);
}

void event_encode_withdrawn(struct text *message, const struct upload *upload, const char *reason, nanos now)
{
	encode_upload_ready(message, upload, true, reason, now);
}
