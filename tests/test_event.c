/* SPDX-License-Identifier: Apache-2.0
 * Reading events; test_event_encode.c writes them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/event.h"
#include "tests/harness/suite.h"
#include "tests/storage_events.h"

#define NOW (1700000000 * SECOND)

static const char *const steps[] = {"virusscan", "delay"};
static struct event event;
static char why[256];

static enum event_verdict decode(const char *message, size_t length, bool commands)
{
	why[0] = '\0';
	return event_decode(message, length, steps, 2, NOW, commands, &event, why, sizeof why);
}

/* An envelope of this type around this payload. */
static enum event_verdict decode_payload(const char *type, const char *payload)
{
	struct text message = {0};
	text_format(&message, "{\"Metadata\":{\"eventtype\":\"events.%s\",\"traceparent\":\"t\",\"initiatorid\":\"i\"},\"Payload\":\"", type);
	text_add_base64(&message, payload, strlen(payload));
	text_add(&message, "\"}");
	enum event_verdict verdict = decode(message.data, message.length, false);
	text_free(&message);
	return verdict;
}

static void assert_upload(const struct storage_events *all, size_t i)
{
	const struct upload *upload = event.upload;
	json_t *payload = all->payload[i], *metadata = json_object_get(all->envelope[i], "Metadata");
	ck_assert_ptr_nonnull(upload);
	ck_assert_str_eq(upload->id, json_string_value(json_object_get(payload, "UploadID")));
	ck_assert_str_eq(upload->url, json_string_value(json_object_get(payload, "URL")));
	ck_assert_str_eq(upload->filename, json_string_value(json_object_get(payload, "Filename")));
	ck_assert_int_eq(upload->filesize, json_integer_value(json_object_get(payload, "Filesize")));
	ck_assert_str_eq(upload->traceparent, json_string_value(json_object_get(metadata, "traceparent")));
	ck_assert_str_eq(upload->initiator_id, json_string_value(json_object_get(metadata, "initiatorid")));
	json_t *user = json_loads(upload->user_json, JSON_DECODE_ANY, NULL);
	json_t *resource = json_loads(upload->resource_id_json, JSON_DECODE_ANY, NULL);
	ck_assert(json_equal(user, json_object_get(payload, "ExecutingUser")));
	ck_assert(json_equal(resource, json_object_get(payload, "ResourceID")));
	ck_assert_str_eq(upload->impersonating_user_json, "null");
	json_decref(user);
	json_decref(resource);
	ck_assert_int_eq(upload->start_time, NOW);
	ck_assert_uint_eq(upload->step_count, 2);
	ck_assert_str_eq(upload->step[0], "virusscan");
	ck_assert_str_eq(upload->step[1], "delay");
}

/* What is said of a message of this type; commands: what only they want. */
static void assert_message(const struct storage_events *all, size_t i, enum event_verdict verdict)
{
	static const char *const ours[] = {"BytesReceived", "PostprocessingStepFinished", "UploadReady", "ResumePostprocessing"};
	bool taken = false;
	for (size_t k = 0; k < 4; k++)
		taken = taken || strcmp(all->type[i], ours[k]) == 0;
	ck_assert_int_eq(verdict, taken ? EVENT_TAKEN : EVENT_IRRELEVANT);
	if (!taken)
		return;
	json_t *payload = all->payload[i];
	if (event.type == EVENT_BYTES_RECEIVED) {
		assert_upload(all, i);
		return;
	}
	ck_assert_str_eq(event.upload_id, json_string_value(json_object_get(payload, "UploadID")));
	if (event.type == EVENT_STEP_FINISHED) {
		ck_assert_str_eq(event.step, json_string_value(json_object_get(payload, "FinishedStep")));
		ck_assert_str_eq(outcome_name(event.outcome), json_string_value(json_object_get(payload, "Outcome")));
	} else if (event.type == EVENT_UPLOAD_READY) {
		ck_assert_int_eq(event.failed, json_is_true(json_object_get(payload, "Failed")));
	} else {
		ck_assert_int_eq(event.type, EVENT_RESUME);
		ck_assert_str_eq(event.step, json_string_value(json_object_get(payload, "Step")));
	}
}

START_TEST(what_a_real_storage_sends)
{
	struct storage_events all;
	size_t taken = 0, for_commands = 0;
	storage_events_open(&all);
	for (size_t i = 0; i < STORAGE_EVENTS; i++) {
		enum event_verdict verdict = decode(all.line[i], strlen(all.line[i]), false);
		assert_message(&all, i, verdict);
		taken += verdict == EVENT_TAKEN;
		event_clear(&event);
		verdict = decode(all.line[i], strlen(all.line[i]), true);
		for_commands += verdict == EVENT_TAKEN;
		ck_assert_int_ne(verdict, EVENT_BROKEN);
		event_clear(&event);
	}
	ck_assert_uint_eq(taken, 5 + 5 + 5 + 3);
	ck_assert_uint_gt(for_commands, taken);
	storage_events_close(&all);
}
END_TEST

/* The same messages with all keys in reverse, and with white space: nothing depends on either. */
static json_t *reversed(const json_t *value)
{
	if (!json_is_object(value))
		return json_deep_copy(value);
	const char *key[32];
	size_t count = 0;
	json_t *result = json_object();
	for (void *at = json_object_iter((json_t *)(uintptr_t)value); at != NULL && count < 32;
	     at = json_object_iter_next((json_t *)(uintptr_t)value, at))
		key[count++] = json_object_iter_key(at);
	while (count-- > 0)
		json_object_set_new(result, key[count], reversed(json_object_get(value, key[count])));
	return result;
}

START_TEST(key_order_and_white_space)
{
	struct storage_events all;
	storage_events_open(&all);
	for (size_t i = 0; i < STORAGE_EVENTS; i++) {
		json_t *envelope = reversed(all.envelope[i]), *payload = reversed(all.payload[i]);
		char *inner = json_dumps(payload, JSON_INDENT(3));
		struct text encoded = {0};
		text_add_base64(&encoded, inner, strlen(inner));
		json_object_set_new(envelope, "Payload", json_string(encoded.data));
		char *message = json_dumps(envelope, JSON_INDENT(2));
		assert_message(&all, i, decode(message, strlen(message), false));
		event_clear(&event);
		text_free(&encoded);
		free(inner);
		free(message);
		json_decref(envelope);
		json_decref(payload);
	}
	storage_events_close(&all);
}
END_TEST

START_TEST(escapes_of_go_are_the_same_text)
{
	ck_assert_int_eq(decode_payload("BytesReceived", "{\"UploadID\":\"1\",\"Filename\":\"\\u003ca\\u0026b\\u003e \\u00fc \\ud83e\\udda0\"}"),
	                 EVENT_TAKEN);
	ck_assert_str_eq(event.upload->filename, "<a&b> \xc3\xbc \xf0\x9f\xa6\xa0");
	event_clear(&event);
	static const char message[] = "{\"Metadata\":{\"event\\u0074ype\":\"events\\u002eUploadReady\"},\"Payload\":\"e30=\"}";
	ck_assert_int_eq(decode(message, sizeof message - 1, false), EVENT_TAKEN);
	ck_assert_int_eq(event.type, EVENT_UPLOAD_READY);
	event_clear(&event);
}
END_TEST

START_TEST(missing_and_null_are_nothing)
{
	static const char *const payloads[] = {
		"{\"UploadID\":\"1\"}",
		"{\"UploadID\":\"1\",\"SpaceOwner\":null,\"ExecutingUser\":null,\"ResourceID\":null,\"Filename\":null,\"Filesize\":null,"
		"\"URL\":null,\"Timestamp\":null,\"ImpersonatingUser\":null,\"Outcome\":null,\"Failed\":null,\"Step\":null,"
		"\"FinishedStep\":null,\"Result\":null,\"Error\":null}",
	};
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(decode_payload("BytesReceived", payloads[i]), EVENT_TAKEN);
		ck_assert_str_eq(event.upload->url, "");
		ck_assert_str_eq(event.upload->filename, "");
		ck_assert_int_eq(event.upload->filesize, -1);
		ck_assert_str_eq(event.upload->user_json, "null");
		ck_assert_str_eq(event.upload->resource_id_json, "null");
		ck_assert_str_eq(event.upload->initiator_id, "i");
		ck_assert_str_eq(event.upload->traceparent, "t");
		event_clear(&event);
		ck_assert_int_eq(decode_payload("PostprocessingStepFinished", payloads[i]), EVENT_TAKEN);
		ck_assert_str_eq(event.step, "");
		ck_assert_int_eq(event.outcome, OUTCOME_NONE);
		event_clear(&event);
		ck_assert_int_eq(decode_payload("UploadReady", payloads[i]), EVENT_TAKEN);
		ck_assert(!event.failed);
		event_clear(&event);
		ck_assert_int_eq(decode_payload("ResumePostprocessing", payloads[i]), EVENT_TAKEN);
		ck_assert_str_eq(event.step, "");
		event_clear(&event);
	}
	/* An on-demand scan and a file that storage took in by itself have no ID. */
	ck_assert_int_eq(decode_payload("PostprocessingStepFinished", "{}"), EVENT_TAKEN);
	event_clear(&event);
	ck_assert_int_eq(decode_payload("UploadReady", "{\"UploadID\":null,\"Failed\":true}"), EVENT_TAKEN);
	ck_assert_str_eq(event.upload_id, "");
	ck_assert(event.failed);
	event_clear(&event);
}
END_TEST

START_TEST(outcomes)
{
	static const struct {
		const char *word;
		enum outcome outcome;
	} words[] = {{"continue", OUTCOME_CONTINUE}, {"abort", OUTCOME_ABORT}, {"delete", OUTCOME_DELETE}, {"retry", OUTCOME_RETRY},
	             {"Continue", OUTCOME_RETRY},    {"ok", OUTCOME_RETRY},    {"", OUTCOME_NONE}};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		struct text payload = {0};
		text_format(&payload, "{\"UploadID\":\"1\",\"FinishedStep\":\"virusscan\",\"Outcome\":\"%s\"}", words[i].word);
		ck_assert_int_eq(decode_payload("PostprocessingStepFinished", payload.data), EVENT_TAKEN);
		ck_assert_int_eq(event.outcome, words[i].outcome);
		event_clear(&event);
		text_free(&payload);
	}
}
END_TEST

START_TEST(wrong_types)
{
	static const struct {
		const char *type, *payload, *key;
	} wrong[] = {
		{"BytesReceived", "{\"UploadID\":7}", "UploadID"},
		{"BytesReceived", "{\"UploadID\":\"1\",\"URL\":{}}", "URL"},
		{"BytesReceived", "{\"UploadID\":\"1\",\"Filename\":[\"a\"]}", "Filename"},
		{"BytesReceived", "{\"UploadID\":\"1\",\"Filename\":\"a\\u0000b\"}", "Filename"},
		{"BytesReceived", "{\"UploadID\":\"1\",\"Filesize\":\"3\"}", "Filesize"},
		{"BytesReceived", "{\"UploadID\":\"1\",\"Filesize\":3.5}", "Filesize"},
		{"PostprocessingStepFinished", "{\"UploadID\":\"1\",\"FinishedStep\":1}", "FinishedStep"},
		{"PostprocessingStepFinished", "{\"UploadID\":\"1\",\"Outcome\":true}", "Outcome"},
		{"UploadReady", "{\"UploadID\":\"1\",\"Failed\":\"false\"}", "Failed"},
		{"UploadReady", "{\"UploadID\":{}}", "UploadID"},
		{"ResumePostprocessing", "{\"UploadID\":\"\",\"Step\":{}}", "Step"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_msg(decode_payload(wrong[i].type, wrong[i].payload) == EVENT_BROKEN, "%s", wrong[i].payload);
		ck_assert_msg(strstr(why, wrong[i].key) != NULL && strstr(why, wrong[i].type) != NULL, "%s: %s", wrong[i].payload, why);
		ck_assert_ptr_null(event.upload);
		ck_assert_ptr_null(event.upload_id);
		ck_assert_ptr_null(event.step);
	}
}
END_TEST

START_TEST(broken_messages)
{
	static const char *const messages[] = {
		"", "{", "null", "[]", "\"events.BytesReceived\"", "{}", "{\"Metadata\":null}", "{\"Metadata\":[]}", "{\"Metadata\":{}}",
		"{\"Metadata\":{\"eventtype\":null},\"Payload\":\"e30=\"}",
		"{\"Metadata\":{\"eventtype\":7},\"Payload\":\"e30=\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":{}}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"e30\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"}}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"W10=\"}", /* [] */
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"bnVsbA==\"}", /* null */
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"eyI=\"}", /* cut */
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"e30=\"} x",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\",\"x\":\"\xff\"},\"Payload\":\"e30=\"}",
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\",\"initiatorid\":1},\"Payload\":\"eyJVcGxvYWRJRCI6IjEifQ==\"}",
	};
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
		ck_assert_msg(decode(messages[i], strlen(messages[i]), false) == EVENT_BROKEN, "%s", messages[i]);
		ck_assert_msg(why[0] != '\0', "%s", messages[i]);
	}
}
END_TEST

START_TEST(irrelevant_without_parsing)
{
	static const char *const messages[] = {
		"{\"Metadata\":{\"eventtype\":\"events.FileUploaded\"},\"Payload\":\"***\"",
		"{\"Metadata\":{\"eventtype\" :\n \"events.BytesReceivedToo\"},",
		"{\"Metadata\":{\"eventtype\":\"BytesReceived\"},",
		"{\"Metadata\":{\"eventtype\":\"\"}",
	};
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
		ck_assert_msg(decode(messages[i], strlen(messages[i]), false) == EVENT_IRRELEVANT, "%s", messages[i]);
}
END_TEST

/* What is skipped without parsing must be what parsing would skip. */
START_TEST(relevant_though_it_does_not_look_so)
{
	static const char *const metadata[] = {
		"{\"initiatorid\":\"eventtype\",\"eventtype\":\"events.UploadReady\"}",
		"{\"initiatorid\":\"a\\\"eventtype\",\"eventtype\":\"events.UploadReady\"}",
		"{\"a\\\"eventtype\":\"events.Other\",\"eventtype\":\"events.UploadReady\"}",
		"{\"nested\":{\"eventtype\":\"events.Other\"},\"eventtype\":\"events.UploadReady\"}",
		"{\"eventtype\":\"events.Other\",\"eventtype\":\"events.UploadReady\"}",
	};
	for (size_t i = 0; i < sizeof metadata / sizeof metadata[0]; i++) {
		struct text message = {0};
		text_format(&message, "{\"Metadata\":%s,\"Payload\":\"e30=\"}", metadata[i]);
		ck_assert_msg(decode(message.data, message.length, false) == EVENT_TAKEN, "%s: %s", metadata[i], why);
		event_clear(&event);
		text_free(&message);
	}
}
END_TEST

static enum event_verdict decode_id(const char *id)
{
	struct text payload = {0};
	text_add(&payload, "{\"UploadID\":");
	text_add_json(&payload, id);
	text_add(&payload, "}");
	enum event_verdict verdict = decode_payload("BytesReceived", payload.data);
	event_clear(&event);
	ck_assert_int_eq(decode_payload("UploadReady", payload.data), id[0] == '\0' ? EVENT_TAKEN : verdict);
	event_clear(&event);
	text_free(&payload);
	return verdict;
}

START_TEST(upload_ids)
{
	char longest[UPLOAD_ID_LIMIT + 2];
	memset(longest, 'x', sizeof longest);
	longest[UPLOAD_ID_LIMIT + 1] = '\0';
	ck_assert_int_eq(decode_id(longest), EVENT_BROKEN);
	longest[UPLOAD_ID_LIMIT] = '\0';
	ck_assert_int_eq(decode_id(longest), EVENT_TAKEN);
	ck_assert_int_eq(decode_id(""), EVENT_BROKEN);
	ck_assert_int_eq(decode_id("a/b"), EVENT_BROKEN);
	ck_assert_int_eq(decode_id(".."), EVENT_TAKEN); /* no path is made of it */
	ck_assert_int_eq(decode_id("a\nb"), EVENT_BROKEN);
	ck_assert_int_eq(decode_id("a\x7f"), EVENT_BROKEN);
	ck_assert_int_eq(decode_id("\xc3\xbc b"), EVENT_TAKEN);
	ck_assert_int_eq(decode_payload("UploadReady", "{\"UploadID\":\"a\\u0000b\"}"), EVENT_BROKEN);
}
END_TEST

START_TEST(sizes_and_depths)
{
	struct text message = {0};
	text_add(&message, "{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"e30=\",\"x\":\"");
	while (message.length < EVENT_LIMIT - 2)
		text_add(&message, "x");
	text_add(&message, "\"}");
	ck_assert_uint_eq(message.length, EVENT_LIMIT);
	ck_assert_int_eq(decode(message.data, message.length, false), EVENT_TAKEN);
	event_clear(&event);
	text_add(&message, " ");
	ck_assert_int_eq(decode(message.data, message.length, false), EVENT_BROKEN);
	ck_assert_msg(strstr(why, "524288") != NULL, "%s", why);
	for (unsigned depth = 1; depth < 100000; depth *= 2) {
		text_clear(&message);
		text_add(&message, "{\"UploadID\":\"1\",\"ExecutingUser\":");
		for (unsigned i = 0; i < depth; i++)
			text_add(&message, "[");
		for (unsigned i = 0; i < depth; i++)
			text_add(&message, "]");
		text_add(&message, "}");
		ck_assert_int_eq(decode_payload("BytesReceived", message.data), depth < 64 ? EVENT_TAKEN : EVENT_BROKEN);
		event_clear(&event);
	}
	text_free(&message);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {what_a_real_storage_sends, key_order_and_white_space, escapes_of_go_are_the_same_text,
	                              missing_and_null_are_nothing, outcomes, wrong_types, broken_messages,
	                              irrelevant_without_parsing, relevant_though_it_does_not_look_so, upload_ids, sizes_and_depths};
	return suite_run("event", tests, sizeof tests / sizeof tests[0], 60);
}
