/* SPDX-License-Identifier: Apache-2.0
 * Writing events as the original service wrote them, key by key, for the same uploads. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/event.h"
#include "tests/harness/base64.h"
#include "tests/harness/suite.h"
#include "tests/upload/storage_events.h"

#define NOW (1700000000 * SECOND + 123)

static const char *const steps[] = {"virusscan", "delay"};

/* The payload of an envelope as we write it; checks the rest of the envelope. */
static json_t *open_envelope(const struct text *message, const char *type, const char *traceparent,
                             const char *initiator_id)
{
	static const char *const keys[] = {"Timestamp", "Metadata", "ID", "Topic", "Payload"};
	ck_assert(!message->failed);
	json_t *envelope = json_loadb(message->data, message->length, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(envelope != NULL, "not JSON: %s", message->data);
	size_t i = 0;
	for (void *at = json_object_iter(envelope); at != NULL; at = json_object_iter_next(envelope, at)) {
		ck_assert_uint_lt(i, 5);
		ck_assert_str_eq(json_object_iter_key(at), keys[i++]);
	}
	ck_assert_uint_eq(i, 5);
	ck_assert_str_eq(json_string_value(json_object_get(envelope, "Timestamp")), "2023-11-14T22:13:20.000000123Z");
	ck_assert_str_eq(json_string_value(json_object_get(envelope, "Topic")), "main-queue");
	json_t *metadata = json_object_get(envelope, "Metadata");
	char name[64] = "events.";
	strncat(name, type, 50);
	ck_assert_str_eq(json_string_value(json_object_get(metadata, "eventtype")), name);
	ck_assert_str_eq(json_string_value(json_object_get(metadata, "traceparent")), traceparent);
	ck_assert_str_eq(json_string_value(json_object_get(metadata, "initiatorid")), initiator_id);
	const char *event_id = json_string_value(json_object_get(metadata, "eventid"));
	const char *id = json_string_value(json_object_get(envelope, "ID"));
	ck_assert(event_id != NULL && id != NULL && strlen(id) == 36 && strlen(event_id) == 36 &&
	          strcmp(id, event_id) != 0);
	const char *encoded = json_string_value(json_object_get(envelope, "Payload"));
	size_t length;
	char *bytes = base64_bytes(encoded, &length);
	ck_assert_ptr_nonnull(bytes);
	json_t *payload = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(payload != NULL, "not JSON: %s", bytes);
	free(bytes);
	json_decref(envelope);
	return payload;
}

/* Keys, their order and values. */
static void assert_same(json_t *ours, const json_t *theirs)
{
	char *one = json_dumps(ours, JSON_COMPACT), *other = json_dumps(theirs, JSON_COMPACT);
	ck_assert_str_eq(one, other);
	free(one);
	free(other);
	json_decref(ours);
}

static struct upload *decode_upload(const char *line)
{
	struct event event;
	char why[256];
	ck_assert_int_eq(event_decode(line, strlen(line), steps, 2, NOW, false, &event, why, sizeof why), EVENT_TAKEN);
	ck_assert_ptr_nonnull(event.upload);
	return event.upload;
}

static json_t *encode(unsigned kind, const char *type, const struct upload *upload, const struct status *status,
                      const char *result)
{
	struct text message = {0};
	event_encode(&message, kind, upload, status, result, 0, NOW);
	json_t *payload = open_envelope(&message, type, upload->traceparent, upload->initiator_id);
	text_free(&message);
	return payload;
}

/* Our answer to the same upload, if the original's answer is in the list. Returns 1 if it is. */
static size_t compare(const struct storage_events *all, const struct upload *upload, unsigned kind, const char *type,
                      size_t step)
{
	size_t i = storage_events_find(all, type, upload->id, 0);
	if (kind == PUBLISH_START && i < STORAGE_EVENTS && step == 1)
		i = storage_events_find(all, type, upload->id, i + 1);
	if (i == STORAGE_EVENTS)
		return 0;
	enum outcome outcome = outcome_parse(json_string_value(json_object_get(all->payload[i], "Outcome")) ?: "");
	struct status status = {.step = kind == PUBLISH_FINISHED ? 2 : step,
	                        .outcome = outcome,
	                        .finished_step = step,
	                        .finished_outcome = outcome};
	json_t *result = json_object_get(all->payload[i], "Result");
	char *text = result != NULL ? json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	json_t *ours = encode(kind, type, upload, &status, text);
	ck_assert_ptr_nonnull(json_object_get(ours, "ResourceID"));
	/* The original service of that time has it in one of the three events, today's in all. */
	if (kind != PUBLISH_START)
		json_object_del(ours, "ResourceID");
	assert_same(ours, all->payload[i]);
	free(text);
	return 1;
}

/* What today's servers add to the first event of an upload is in all events about it. */
START_TEST(as_the_servers_of_2026)
{
	static const struct {
		unsigned kind;
		const char *type;
	} kinds[] = {{PUBLISH_STEP_FINISHED, "PostprocessingStepFinished"},
	             {PUBLISH_START, "StartPostprocessingStep"},
	             {PUBLISH_RETRY, "PostprocessingRetry"},
	             {PUBLISH_FINISHED, "PostprocessingFinished"}};
	struct storage_events all;
	storage_events_open_2026(&all);
	struct upload *upload = decode_upload(all.line[0]);
	json_t *resource = json_object_get(all.payload[0], "ResourceID");
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct status status = {
			.step = i < 3 ? 0 : 2, .outcome = OUTCOME_CONTINUE, .finished_outcome = OUTCOME_CONTINUE};
		struct text message = {0};
		event_encode(&message, kinds[i].kind, upload, &status, NULL, 0, NOW);
		json_t *envelope = json_loadb(message.data, message.length, JSON_REJECT_DUPLICATES, NULL);
		const char *info = json_string_value(json_object_get(json_object_get(envelope, "Metadata"), "extrainfo"));
		ck_assert_str_eq(info, "{\"mfa-authenticated\":[\"true\"],\"x\":[\"a\",\"b\"]}");
		ck_assert_uint_eq(json_object_size(json_object_get(envelope, "Metadata")), 5);
		json_t *payload = open_envelope(&message, kinds[i].type, upload->traceparent, upload->initiator_id);
		ck_assert(kinds[i].kind == PUBLISH_RETRY || json_equal(json_object_get(payload, "ResourceID"), resource));
		json_decref(payload);
		json_decref(envelope);
		text_free(&message);
	}
	upload_release(upload);
	storage_events_close(&all);
}
END_TEST

/* Storage knows it only by its ID, exactly as storage wrote it. */
START_TEST(refusal)
{
	struct text message = {0};
	struct event event;
	char why[256];
	event_encode_refusal(&message, "\"a\\/b\\n\"", NOW);
	json_t *payload = open_envelope(&message, "PostprocessingFinished", "", "");
	ck_assert_uint_eq(json_string_length(json_object_get(payload, "UploadID")), 4);
	ck_assert_str_eq(json_string_value(json_object_get(payload, "Outcome")), "abort");
	ck_assert_uint_eq(json_object_size(payload), 9);
	json_decref(payload);
	text_clear(&message);
	event_encode_refusal(&message, "\"a\"", NOW);
	ck_assert_int_eq(event_decode(message.data, message.length, steps, 2, NOW, true, &event, why, sizeof why),
	                 EVENT_TAKEN);
	ck_assert_str_eq(event.upload_id, "a");
	ck_assert_int_eq(event.outcome, OUTCOME_ABORT);
	event_clear(&event);
	text_free(&message);
}
END_TEST

START_TEST(as_the_original_service)
{
	struct storage_events all;
	size_t uploads = 0, compared = 0;
	storage_events_open(&all);
	for (size_t i = 0; (i = storage_events_find(&all, "BytesReceived", NULL, i)) < STORAGE_EVENTS; i++) {
		struct upload *upload = decode_upload(all.line[i]);
		compared += compare(&all, upload, PUBLISH_START, "StartPostprocessingStep", 0);
		compared += compare(&all, upload, PUBLISH_START, "StartPostprocessingStep", 1);
		compared += compare(&all, upload, PUBLISH_STEP_FINISHED, "PostprocessingStepFinished", 0);
		compared += compare(&all, upload, PUBLISH_FINISHED, "PostprocessingFinished", 2);
		upload_release(upload);
		uploads++;
	}
	ck_assert_uint_eq(uploads, 5);
	ck_assert_uint_eq(compared, 4 * 2 + 1 + 5 + 5);
	storage_events_close(&all);
}
END_TEST

/* `submit` plays the storage: its events are a storage's events, except for what it does not know. */
START_TEST(as_the_original_storage)
{
	struct storage_events all;
	storage_events_open(&all);
	for (size_t i = 0; (i = storage_events_find(&all, "BytesReceived", NULL, i)) < STORAGE_EVENTS; i++) {
		struct upload *upload = decode_upload(all.line[i]);
		struct text message = {0};
		event_encode_bytes_received(&message, upload, NOW);
		json_t *theirs = json_deep_copy(all.payload[i]);
		json_object_set_new(theirs, "SpaceOwner", json_null());
		assert_same(open_envelope(&message, "BytesReceived", upload->traceparent, upload->initiator_id), theirs);
		json_decref(theirs);
		text_clear(&message);
		event_encode_upload_ready(&message, upload, false, NOW);
		theirs = json_deep_copy(all.payload[storage_events_find(&all, "UploadReady", upload->id, 0)]);
		json_object_set_new(theirs, "SpaceOwner", json_null());
		json_object_set_new(theirs, "FileRef", json_null());
		json_object_set_new(theirs, "Timestamp",
		                    json_pack("{s:I,s:I}", "seconds", NOW / SECOND, "nanos", NOW % SECOND));
		json_object_set_new(theirs, "Failed", json_false());
		json_object_set_new(theirs, "IsVersion", json_false());
		assert_same(open_envelope(&message, "UploadReady", upload->traceparent, upload->initiator_id), theirs);
		json_decref(theirs);
		text_free(&message);
		upload_release(upload);
	}
	storage_events_close(&all);
}
END_TEST

/* Numbers of a Result are sent and received unchanged. */
START_TEST(numbers_of_a_result)
{
	static const char result[] = "{\"n\":12345678901234567890,\"f\":0.1}";
	struct storage_events all;
	storage_events_open_2026(&all);
	struct upload *upload = decode_upload(all.line[0]);
	struct status status = {.finished_outcome = OUTCOME_ABORT};
	struct text message = {0};
	struct event event;
	char why[256];
	event_encode(&message, PUBLISH_STEP_FINISHED, upload, &status, result, 0, NOW);
	ck_assert_int_eq(event_decode(message.data, message.length, steps, 2, NOW, false, &event, why, sizeof why),
	                 EVENT_TAKEN);
	ck_assert_str_eq(event.result, result);
	event_clear(&event);
	upload_release(upload);
	text_free(&message);
	storage_events_close(&all);
}
END_TEST

START_TEST(retry_and_commands)
{
	struct upload *upload = upload_create(
		&(struct upload){.id = "1", .filename = "n", .user_json = "{\"a\":1}", .step = steps, .step_count = 2});
	struct status status = {.failures = 3};
	struct text message = {0};
	event_encode(&message, PUBLISH_RETRY, upload, &status, NULL, 20 * SECOND, NOW);
	json_t *theirs = json_loads(
		"{\"UploadID\":\"1\",\"Filename\":\"n\",\"ExecutingUser\":{\"a\":1},\"Failures\":3,\"BackoffDuration\":20000000000}",
		0, NULL);
	assert_same(open_envelope(&message, "PostprocessingRetry", "", ""), theirs);
	json_decref(theirs);
	text_clear(&message);
	event_encode_restart(&message, "\"1\"", NOW);
	theirs = json_loads("{\"UploadID\":\"\\\"1\\\"\",\"Timestamp\":{\"seconds\":1700000000,\"nanos\":123}}", 0, NULL);
	assert_same(open_envelope(&message, "RestartPostprocessing", "", ""), theirs);
	json_decref(theirs);
	text_clear(&message);
	event_encode_resume(&message, "", "virusscan", NOW);
	theirs = json_loads(
		"{\"UploadID\":\"\",\"Step\":\"virusscan\",\"Timestamp\":{\"seconds\":1700000000,\"nanos\":123}}", 0, NULL);
	assert_same(open_envelope(&message, "ResumePostprocessing", "", ""), theirs);
	json_decref(theirs);
	text_clear(&message);
	event_encode_hold_ended(&message, "1", "scan", OUTCOME_DELETE, "by \"me\"", NULL, NULL, NOW);
	theirs = json_loads("{\"UploadID\":\"1\",\"Step\":\"scan\",\"Outcome\":\"delete\",\"Reason\":\"by \\\"me\\\"\","
	                    "\"Timestamp\":{\"seconds\":1700000000,\"nanos\":123}}",
	                    0, NULL);
	assert_same(open_envelope(&message, "PostprocessingHoldEnded", "", ""), theirs);
	json_decref(theirs);
	text_free(&message);
	upload_release(upload);
}
END_TEST

static void decode(const struct text *message, struct event *event)
{
	char why[256] = "";
	ck_assert_msg(event_decode(message->data, message->length, steps, 2, NOW, true, event, why, sizeof why) ==
	                  EVENT_TAKEN,
	              "%s", why);
}

/* What we write, we can read, whatever the texts are. */
START_TEST(round_trip)
{
	struct upload *upload = upload_create(&(struct upload){.id = "\xc3\xbc \"\\ id",
	                                                       .url = "http://\x01<&>",
	                                                       .filename = "bad \xff name\n",
	                                                       .initiator_id = "\"",
	                                                       .traceparent = "\xf0\x9f\xa6\xa0",
	                                                       .user_json = "{\"x\":[1,null,\"\\u0000\"]}",
	                                                       .resource_id_json = "{\"r\":{}}",
	                                                       .filesize = INT64_MAX,
	                                                       .step = steps,
	                                                       .step_count = 2});
	struct text message = {0};
	struct event event;
	event_encode_hold_ended(&message, upload->id, "scan", OUTCOME_CONTINUE, "by \"me\"\n", "me\"", "for\nfun", NOW);
	decode(&message, &event);
	ck_assert_int_eq(event.type, EVENT_HOLD_ENDED);
	ck_assert_str_eq(event.upload_id, upload->id);
	ck_assert_str_eq(event.step, "scan");
	ck_assert_int_eq(event.outcome, OUTCOME_CONTINUE);
	ck_assert_str_eq(event.reason, "by \"me\"\n");
	event_clear(&event);
	text_clear(&message);
	event_encode_bytes_received(&message, upload, NOW);
	decode(&message, &event);
	ck_assert_str_eq(event.upload->id, upload->id);
	ck_assert_str_eq(event.upload->url, upload->url);
	ck_assert_str_eq(event.upload->filename, "bad \xef\xbf\xbd name\n");
	ck_assert_str_eq(event.upload->initiator_id, upload->initiator_id);
	ck_assert_str_eq(event.upload->traceparent, upload->traceparent);
	ck_assert_str_eq(event.upload->user_json, upload->user_json);
	ck_assert_str_eq(event.upload->resource_id_json, upload->resource_id_json);
	ck_assert_str_eq(event.upload->impersonating_user_json, "null");
	ck_assert_int_eq(event.upload->filesize, INT64_MAX);
	event_clear(&event);
	struct status status = {
		.step = 1, .outcome = OUTCOME_DELETE, .finished_step = 0, .finished_outcome = OUTCOME_ABORT};
	static const struct {
		unsigned kind;
		enum event_type type;
		const char *step;
		enum outcome outcome;
	} kinds[] = {{PUBLISH_STEP_FINISHED, EVENT_STEP_FINISHED, "virusscan", OUTCOME_ABORT},
	             {PUBLISH_START, EVENT_START_STEP, "delay", OUTCOME_NONE},
	             {PUBLISH_RETRY, EVENT_RETRY, "", OUTCOME_NONE},
	             {PUBLISH_FINISHED, EVENT_FINISHED, "", OUTCOME_DELETE}};
	for (size_t i = 0; i < 4; i++) {
		text_clear(&message);
		event_encode(&message, kinds[i].kind, upload, &status, NULL, 0, NOW);
		decode(&message, &event);
		ck_assert_int_eq(event.type, kinds[i].type);
		ck_assert_str_eq(event.upload_id, upload->id);
		ck_assert_str_eq(event.step, kinds[i].step);
		ck_assert_int_eq(event.outcome, kinds[i].outcome);
		event_clear(&event);
	}
	text_clear(&message);
	event_encode_upload_ready(&message, upload, true, NOW);
	decode(&message, &event);
	ck_assert(event.failed);
	event_clear(&event);
	text_free(&message);
	upload_release(upload);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {as_the_original_service, as_the_servers_of_2026, refusal,   as_the_original_storage,
	                              numbers_of_a_result,     retry_and_commands,     round_trip};
	return suite_run("event_encode", tests, sizeof tests / sizeof tests[0], 60);
}
