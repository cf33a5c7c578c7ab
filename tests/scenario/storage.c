/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

json_t *storage_user(void)
{
	return json_pack("{s:{s:s,s:s},s:s,s:s}", "id", "idp", "https://localhost:9200", "opaque_id",
	                 "023ca0f3-8c07-45f8-9b00-4cc83f855216", "username", "admin", "display_name", "Admin <&>");
}

json_t *storage_resource(void)
{
	return json_pack("{s:s,s:s,s:s}", "storage_id", "71bb8994-02a8-4256-bfdc-7f9a8e3d2c69", "opaque_id",
	                 "3b3f445c-6f47-4541-bddd-b9ea3b6b4a48", "space_id", "023ca0f3-8c07-45f8-9b00-4cc83f855216");
}

char *storage_url(const struct scenario *scenario, const char *path, char text[STORAGE_URL_SIZE])
{
	int length = snprintf(text, STORAGE_URL_SIZE, "http://%s:%u%s?token=" SCENARIO_SECRET, scenario->options.host,
	                      scenario->storage.port, path);
	ck_assert_int_lt(length, STORAGE_URL_SIZE);
	return text;
}

struct sending {
	struct scenario *scenario;
	const char *id;
	const void *bytes;
	size_t length;
};

static bool is_sent(void *closure)
{
	struct sending *sending = closure;
	jsPubOptions options;
	jsPubOptions_Init(&options);
	options.MsgId = sending->id;
	options.MaxWait = 5000;
	return js_Publish(NULL, sending->scenario->js, "main-queue", sending->bytes, (int)sending->length, &options,
	                  NULL) == NATS_OK;
}

void storage_send(struct scenario *scenario, const char *id, const void *bytes, size_t length)
{
	char own[32];
	snprintf(own, sizeof own, RECORDER_TEST_ID "%u", ++scenario->published);
	struct sending sending = {scenario, id != NULL ? id : own, bytes, length};
	ck_assert_msg(wait_until(is_sent, &sending, TEST_LIMIT), "the broker does not take an event");
}

/* Takes over the envelope. */
static void say(struct scenario *scenario, json_t *envelope, const char *inner)
{
	struct text encoded = {0};
	text_add_base64(&encoded, inner, strlen(inner));
	ck_assert(!encoded.failed);
	ck_assert_int_eq(json_object_set_new(envelope, "Payload", json_string(encoded.data)), 0);
	char *message = json_dumps(envelope, JSON_COMPACT);
	ck_assert_ptr_nonnull(message);
	storage_send(scenario, NULL, message, strlen(message));
	free(message);
	text_free(&encoded);
	json_decref(envelope);
}

void storage_say_with(struct scenario *scenario, json_t *envelope, json_t *payload)
{
	char *inner = json_dumps(payload, JSON_COMPACT);
	ck_assert_ptr_nonnull(inner);
	say(scenario, envelope, inner);
	free(inner);
	json_decref(payload);
}

static json_t *make_envelope(const char *type)
{
	char name[96];
	snprintf(name, sizeof name, "events.%s", type);
	json_t *envelope =
		json_pack("{s:s,s:{s:s,s:s,s:s,s:s,s:s},s:s,s:s}", "Timestamp", "2026-11-22T19:04:09.439Z", "Metadata",
	              "eventid", "1f0e0d56-5f0a-4a3f-9d5e-0c7f0a9b1c2d", "eventtype", name, "initiatorid",
	              STORAGE_INITIATOR, "traceparent", STORAGE_TRACEPARENT, "extrainfo", STORAGE_EXTRAINFO, "ID",
	              "7c9e6679-7425-40de-944b-e07fc1f90ae7", "Topic", "main-queue");
	ck_assert_ptr_nonnull(envelope);
	return envelope;
}

void storage_say(struct scenario *scenario, const char *type, json_t *payload)
{
	ck_assert_ptr_nonnull(payload);
	storage_say_with(scenario, make_envelope(type), payload);
}

void storage_say_text(struct scenario *scenario, const char *type, const char *payload)
{
	say(scenario, make_envelope(type), payload);
}

void storage_bytes_received(struct scenario *scenario, const char *upload, const char *path, size_t size)
{
	char url[STORAGE_URL_SIZE];
	storage_say(scenario, "BytesReceived",
	            json_pack("{s:s,s:o,s:o,s:o,s:s,s:I,s:s,s:n,s:n}", "UploadID", upload, "SpaceOwner",
	                      json_pack("{s:s,s:i}", "opaque_id", "023ca0f3", "type", 1), "ExecutingUser", storage_user(),
	                      "ResourceID", storage_resource(), "Filename", STORAGE_FILENAME, "Filesize", (json_int_t)size,
	                      "URL", storage_url(scenario, path, url), "Timestamp", "ImpersonatingUser"));
}

void storage_upload_ready(struct scenario *scenario, const char *upload, bool failed)
{
	storage_say(scenario, "UploadReady",
	            json_pack("{s:s,s:s,s:n,s:o,s:n,s:n,s:{s:i,s:i},s:b,s:b}", "UploadID", upload, "Filename",
	                      STORAGE_FILENAME, "SpaceOwner", "ExecutingUser", storage_user(), "ImpersonatingUser",
	                      "FileRef", "Timestamp", "seconds", 1795374249, "nanos", 567905792, "Failed", failed,
	                      "IsVersion", false));
}

void storage_step_finished(struct scenario *scenario, const char *upload, const char *step, const char *outcome)
{
	storage_say(scenario, "PostprocessingStepFinished",
	            json_pack("{s:s,s:o,s:s,s:s,s:n,s:n,s:s,s:n}", "UploadID", upload, "ExecutingUser", storage_user(),
	                      "Filename", STORAGE_FILENAME, "FinishedStep", step, "Result", "Error", "Outcome", outcome,
	                      "Timestamp"));
}

void storage_resume(struct scenario *scenario, const char *upload, const char *step)
{
	storage_say(scenario, "ResumePostprocessing",
	            json_pack("{s:s,s:s,s:{s:i,s:i}}", "UploadID", upload, "Step", step, "Timestamp", "seconds", 1795374288,
	                      "nanos", 675338001));
}

void storage_clean(struct scenario *scenario, const char *upload)
{
	storage_say(scenario, "CleanUpload",
	            json_pack("{s:s,s:b,s:{s:i,s:i}}", "UploadID", upload, "KeepUpload", false, "Timestamp", "seconds",
	                      1795460649, "nanos", 0));
}

void storage_restart(struct scenario *scenario, const char *upload)
{
	storage_say(
		scenario, "RestartPostprocessing",
		json_pack("{s:s,s:{s:i,s:i}}", "UploadID", upload, "Timestamp", "seconds", 1795374288, "nanos", 680748049));
}

void storage_check_finished(struct scenario *scenario, const char *upload, const char *outcome)
{
	const struct recorded *finished = recorder_await(&scenario->recorder, "PostprocessingFinished", upload, 0);
	json_t *expected = json_pack("{s:s,s:s,s:n,s:o,s:o,s:n,s:s,s:n,s:n}", "UploadID", upload, "Filename",
	                             STORAGE_FILENAME, "SpaceOwner", "ExecutingUser", storage_user(), "ResourceID",
	                             storage_resource(), "Result", "Outcome", outcome, "Timestamp", "ImpersonatingUser");
	char *got = json_dumps(finished->payload, JSON_COMPACT | JSON_SORT_KEYS),
		 *wanted = json_dumps(expected, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(got, wanted);
	free(got);
	free(wanted);
	json_decref(expected);
	json_t *metadata = json_object_get(finished->envelope, "Metadata");
	ck_assert_str_eq(json_string_value(json_object_get(metadata, "initiatorid")), STORAGE_INITIATOR);
	ck_assert_str_eq(json_string_value(json_object_get(metadata, "traceparent")), STORAGE_TRACEPARENT);
	ck_assert_str_eq(json_string_value(json_object_get(metadata, "extrainfo")), STORAGE_EXTRAINFO);
	ck_assert_uint_eq(recorder_count(&scenario->recorder, "PostprocessingFinished", upload), 1);
}

void storage_expect(struct scenario *scenario, const char *upload, const char *path, size_t size, const char *outcome)
{
	storage_bytes_received(scenario, upload, path, size);
	storage_check_finished(scenario, upload, outcome);
}
