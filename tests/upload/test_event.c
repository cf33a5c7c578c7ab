/* SPDX-License-Identifier: Apache-2.0
 * Reading events; test_event_encode.c writes them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/upload/event.h"
#include "core/upload/record.h"
#include "tests/harness/suite.h"
#include "tests/upload/storage_events.h"

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
	text_format(
		&message,
		"{\"Metadata\":{\"eventtype\":\"events.%s\",\"traceparent\":\"t\",\"initiatorid\":\"i\"},\"Payload\":\"", type);
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

/* What is reported about a message of this type; commands: the details that only they use. */
static void assert_message(const struct storage_events *all, size_t i, enum event_verdict verdict)
{
	static const char *const ours[] = {"BytesReceived", "PostprocessingStepFinished", "UploadReady",
	                                   "ResumePostprocessing"};
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

/* The same messages with all keys in reverse order, and with white space: nothing depends on either. */
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
	ck_assert_int_eq(
		decode_payload("BytesReceived",
	                   "{\"UploadID\":\"1\",\"Filename\":\"\\u003ca\\u0026b\\u003e \\u00fc \\ud83e\\udda0\"}"),
		EVENT_TAKEN);
	ck_assert_str_eq(event.upload->filename, "<a&b> \xc3\xbc \xf0\x9f\xa6\xa0");
	event_clear(&event);
	static const char message[] =
		"{\"Metadata\":{\"event\\u0074ype\":\"events\\u002eUploadReady\"},\"Payload\":\"e30=\"}";
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
	/* An on-demand scan, and a file that storage accepted by itself, have no ID. */
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
	} words[] = {
		{"continue", OUTCOME_CONTINUE}, {"abort", OUTCOME_ABORT}, {"delete", OUTCOME_DELETE}, {"retry", OUTCOME_RETRY},
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

/* Decodes a payload that must be refused, with this reason, and with the upload named. */
static void assert_refused(const char *payload, const char *id, const char *reason)
{
	char named[128];
	ck_assert_msg(decode_payload("BytesReceived", payload) == EVENT_REFUSED, "%s: %s", payload, why);
	ck_assert_str_eq(event.refusal, reason);
	snprintf(named, sizeof named, "events.BytesReceived: upload %s: %s", id, reason);
	ck_assert_str_eq(why, named);
	ck_assert_ptr_null(event.upload_id);
	if (event.id_json == NULL)
		ck_assert_str_eq(event.upload->id, id);
	else
		ck_assert_ptr_null(event.upload);
}

START_TEST(refused_but_named)
{
	static const struct {
		const char *payload, *key;
	} wrong[] = {
		{"{\"UploadID\":\"1\",\"URL\":{}}", "URL"},
		{"{\"UploadID\":\"1\",\"Filename\":[\"a\"]}", "Filename"},
		{"{\"UploadID\":\"1\",\"Filesize\":\"3\"}", "Filesize"},
		{"{\"UploadID\":\"1\",\"Filesize\":3.5}", "Filesize"},
		{"{\"Filesize\":99999999999999999999,\"UploadID\":\"1\"}", "Filesize"},
	};
	char reason[128];
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		snprintf(reason, sizeof reason, "\"%s\" has a value of the wrong type", wrong[i].key);
		assert_refused(wrong[i].payload, "1", reason);
		event_clear(&event);
	}
	/* The valid parts are there, except the URL: the bytes must not be read. */
	assert_refused(
		"{\"UploadID\":\"1\",\"Filename\":\"n\",\"URL\":\"http://h\",\"Filesize\":true,\"ExecutingUser\":{\"a\":1},\"ResourceID\":{\"b\":2}}",
		"1", "\"Filesize\" has a value of the wrong type");
	ck_assert_str_eq(event.upload->filename, "n");
	ck_assert_str_eq(event.upload->url, "");
	ck_assert_str_eq(event.upload->user_json, "{\"a\":1}");
	ck_assert_str_eq(event.upload->resource_id_json, "{\"b\":2}");
	ck_assert_str_eq(event.upload->initiator_id, "i");
	event_clear(&event);
	/* Truncated, or not JSON behind the ID. */
	assert_refused("{\"UploadID\":\"1\",\"Filename\":\"n", "1", "payload: not JSON (byte 29)");
	event_clear(&event);
	assert_refused("{\"UploadID\":\"1\",}", "1", "payload: not JSON (byte 16)");
	event_clear(&event);
	/* The envelope is invalid. */
	static const char message[] =
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"eyJVcGxvYWRJRCI6IjEifQ==\"}}";
	ck_assert_int_eq(decode(message, sizeof message - 1, false), EVENT_REFUSED);
	ck_assert_str_eq(event.upload->id, "1");
	event_clear(&event);
	/* The commands cannot use it. */
	ck_assert_int_eq(decode(message, sizeof message - 1, true), EVENT_BROKEN);
	ck_assert_ptr_null(event.upload);
	ck_assert_ptr_null(event.refusal);
}
END_TEST

#define NO_ID "\"UploadID\" is empty, longer than 255 bytes, or contains invalid characters"

/* No record can have such an ID; the answer to storage contains it unchanged. */
START_TEST(refused_with_an_id_of_no_record)
{
	static const struct {
		const char *json, *read;
	} ids[] = {{"\"a/b\"", "a/b"},
	           {"\"a\\nb\"", "a\nb"},
	           {"\"a\\u0000b\"", "a\xef\xbf\xbd"
	                             "b"},
	           {"\"\\ud800\"", "\xef\xbf\xbd"}};
	char payload[600];
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		snprintf(payload, sizeof payload, "{\"UploadID\":%s,\"Filename\":\"n\"}", ids[i].json);
		assert_refused(payload, ids[i].read, NO_ID);
		ck_assert_str_eq(event.id_json, i < 3 ? ids[i].json : "\"\xef\xbf\xbd\"");
		event_clear(&event);
	}
	snprintf(payload, sizeof payload, "{\"UploadID\":\"%0*d\"}", UPLOAD_ID_LIMIT + 1, 0);
	ck_assert_int_eq(decode_payload("BytesReceived", payload), EVENT_REFUSED);
	ck_assert_uint_eq(strlen(event.id_json), UPLOAD_ID_LIMIT + 3);
	event_clear(&event);
	ck_assert_int_eq(decode_payload("BytesReceived", "{\"UploadID\":\"\"}"), EVENT_BROKEN);
	ck_assert_int_eq(decode_payload("BytesReceived", "{\"UploadID\":7}"), EVENT_BROKEN);
	ck_assert_str_eq(why, "events.BytesReceived: \"UploadID\" has a value of the wrong type");
	ck_assert_int_eq(decode_payload("BytesReceived", "{}"), EVENT_BROKEN);
	ck_assert_int_eq(decode_payload("BytesReceived", "{\"Filename\":\"n\",,\"UploadID\":\"1\"}"), EVENT_BROKEN);
}
END_TEST

START_TEST(replaced)
{
	ck_assert_int_eq(decode_payload("BytesReceived", "{\"UploadID\":\"1\",\"Filename\":\"a\\u0000b\"}"), EVENT_TAKEN);
	ck_assert_str_eq(event.upload->filename, "a\xef\xbf\xbd"
	                                         "b");
	ck_assert_str_eq(why,
	                 "events.BytesReceived: upload 1: invalid characters in \"Filename\" were replaced with U+FFFD");
	event_clear(&event);
	ck_assert_int_eq(
		decode_payload(
			"BytesReceived",
			"{\"UploadID\":\"1\",\"Filename\":\"gr\xfcn\",\"ExecutingUser\":{ \"display_name\" : \"\\ud83e!\" }}"),
		EVENT_TAKEN);
	ck_assert_str_eq(event.upload->filename, "gr\xef\xbf\xbdn");
	ck_assert_str_eq(event.upload->user_json, "{\"display_name\":\"\xef\xbf\xbd!\"}");
	event_clear(&event);
	/* Readable text is left unchanged. */
	ck_assert_int_eq(
		decode_payload("BytesReceived",
	                   "{\"UploadID\":\"1\",\"Filename\":\"\\ufffd\",\"ExecutingUser\":{\"a\":\"\\u0000\"}}"),
		EVENT_TAKEN);
	ck_assert_str_eq(event.upload->user_json, "{\"a\":\"\\u0000\"}");
	ck_assert_str_eq(why, "");
	event_clear(&event);
}
END_TEST

/* An event about an upload with an invalid part still has an effect, but it is never the upload's verdict. */
START_TEST(doubtful_events)
{
	static const struct {
		const char *type, *payload;
		enum event_verdict verdict;
		enum outcome outcome;
		bool failed;
	} words[] = {
		{"PostprocessingStepFinished", "{\"UploadID\":\"1\",\"FinishedStep\":1,\"Outcome\":\"continue\"}", EVENT_BROKEN,
	     0, false},
		{"PostprocessingStepFinished", "{\"UploadID\":\"1\",\"FinishedStep\":\"s\",\"Outcome\":true}", EVENT_TAKEN,
	     OUTCOME_RETRY, false},
		{"PostprocessingStepFinished", "{\"UploadID\":\"1\",\"FinishedStep\":\"s\",\"Outcome\":\"continue\",",
	     EVENT_TAKEN, OUTCOME_RETRY, false},
		{"PostprocessingStepFinished", "{\"UploadID\":\"1\",\"FinishedStep\":\"s\",\"Outcome\":\"delete\",",
	     EVENT_TAKEN, OUTCOME_RETRY, false},
		{"UploadReady", "{\"UploadID\":\"1\",\"Failed\":\"false\"}", EVENT_TAKEN, OUTCOME_NONE, true},
		{"UploadReady", "{\"UploadID\":\"1\",\"Failed\":false,", EVENT_TAKEN, OUTCOME_NONE, true},
		{"UploadReady", "{\"UploadID\":{}}", EVENT_BROKEN, 0, false},
		{"UploadReady", "{\"UploadID\":\"a/b\"}", EVENT_BROKEN, 0, false},
		{"ResumePostprocessing", "{\"UploadID\":\"1\",\"Step\":{}}", EVENT_TAKEN, OUTCOME_NONE, false},
		{"ResumePostprocessing", "{\"UploadID\":\"\",\"Step\":{}}", EVENT_BROKEN, 0, false},
		{"ResumePostprocessing", "{\"UploadID\":\"1\",\"Step\":\"\"", EVENT_BROKEN, 0, false},
	};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		ck_assert_msg(decode_payload(words[i].type, words[i].payload) == words[i].verdict, "%s: %s", words[i].payload,
		              why);
		ck_assert_msg(strstr(why, words[i].type) != NULL, "%s: %s", words[i].payload, why);
		if (strstr(words[i].payload, "\"1\"") != NULL)
			ck_assert_msg(strstr(why, "upload 1: ") != NULL, "%s: %s", words[i].payload, why);
		if (words[i].verdict == EVENT_TAKEN) {
			ck_assert_str_eq(event.upload_id, "1");
			ck_assert_int_eq(event.outcome, words[i].outcome);
			ck_assert_int_eq(event.failed, words[i].failed);
		} else {
			ck_assert_ptr_null(event.upload_id);
			ck_assert_ptr_null(event.step);
		}
		event_clear(&event);
	}
}
END_TEST

static enum event_verdict decode_metadata(const char *metadata)
{
	struct text message = {0};
	text_format(&message,
	            "{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"%s},\"Payload\":\"eyJVcGxvYWRJRCI6IjEifQ==\"}",
	            metadata);
	enum event_verdict verdict = decode(message.data, message.length, false);
	text_free(&message);
	return verdict;
}

START_TEST(metadata_of_others)
{
	ck_assert_int_eq(
		decode_metadata(
			",\"eventid\":\"e\",\"x\\u0031\": \"\\u003c \" ,\"traceparent\":\"t\",\"extrainfo\":\"{\\\"a\\\":[]}\",\"n\":null,\"initiatorid\":\"i\""),
		EVENT_TAKEN);
	ck_assert_str_eq(event.upload->metadata, "\"x\\u0031\":\"\\u003c \",\"extrainfo\":\"{\\\"a\\\":[]}\",\"n\":null");
	ck_assert_str_eq(event.upload->initiator_id, "i");
	ck_assert_str_eq(event.upload->traceparent, "t");
	ck_assert_str_eq(why, "");
	event_clear(&event);
	ck_assert_int_eq(decode_metadata(",\"eventid\":\"e\""), EVENT_TAKEN);
	ck_assert_str_eq(event.upload->metadata, "");
	event_clear(&event);
	/* Other services would drop an event in which these are not texts. */
	ck_assert_int_eq(decode_metadata(",\"a\":1,\"b\":\"2\",\"c\":{},\"initiatorid\":[]"), EVENT_TAKEN);
	ck_assert_str_eq(event.upload->metadata, "\"b\":\"2\"");
	ck_assert_str_eq(event.upload->initiator_id, "");
	ck_assert_msg(strstr(why, "upload 1: \"initiatorid\" and more are dropped from its \"Metadata\"") != NULL, "%s",
	              why);
	event_clear(&event);
}
END_TEST

START_TEST(metadata_has_a_limit)
{
	struct text metadata = {0};
	/* Of three texts that are together larger than that, the one that does not fit. */
	text_format(&metadata, ",\"a\":\"%0*d\",\"b\":\"%0*d\",\"c\":\"%0*d\"", 10000, 1, 10000, 2, 6000, 3);
	ck_assert_int_eq(decode_metadata(metadata.data), EVENT_TAKEN);
	ck_assert_uint_eq(strlen(event.upload->metadata), strlen("\"a\":\"\",\"c\":\"\"") + 16000);
	ck_assert_str_eq(
		why,
		"events.BytesReceived: upload 1: \"b\" is dropped from its \"Metadata\": not text, or more than 16384 bytes in total");
	event_clear(&event);
	for (int length = (int)UPLOAD_METADATA_LIMIT - 7; length <= (int)UPLOAD_METADATA_LIMIT - 6; length++) {
		text_clear(&metadata);
		text_format(&metadata, ",\"a\":\"%0*d\"", length, 1);
		ck_assert_int_eq(decode_metadata(metadata.data), EVENT_TAKEN);
		ck_assert_int_eq(event.upload->metadata[0] != '\0', length == (int)UPLOAD_METADATA_LIMIT - 7);
		event_clear(&event);
	}
	text_free(&metadata);
}
END_TEST

START_TEST(broken_messages)
{
	static const char *const messages[] = {
		"",
		"{",
		"null",
		"[]",
		"\"events.BytesReceived\"",
		"{}",
		"{\"Metadata\":null}",
		"{\"Metadata\":[]}",
		"{\"Metadata\":{}}",
		"{\"Metadata\":{\"eventtype\":null},\"Payload\":\"e30=\"}",
		"{\"Metadata\":{\"eventtype\":7},\"Payload\":\"e30=\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":{}}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"e30\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"}}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"W10=\"}",     /* [] */
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"bnVsbA==\"}", /* null */
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"eyI=\"}",     /* cut */
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"e30=\"} x",
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
	ck_assert_int_eq(decode_payload("UploadReady", payload.data),
	                 id[0] == '\0' || verdict == EVENT_TAKEN ? EVENT_TAKEN : EVENT_BROKEN);
	event_clear(&event);
	text_free(&payload);
	return verdict;
}

START_TEST(upload_ids)
{
	char longest[UPLOAD_ID_LIMIT + 2];
	memset(longest, 'x', sizeof longest);
	longest[UPLOAD_ID_LIMIT + 1] = '\0';
	ck_assert_int_eq(decode_id(longest), EVENT_REFUSED);
	longest[UPLOAD_ID_LIMIT] = '\0';
	ck_assert_int_eq(decode_id(longest), EVENT_TAKEN);
	ck_assert_int_eq(decode_id(""), EVENT_BROKEN);
	ck_assert_int_eq(decode_id("a/b"), EVENT_REFUSED);
	ck_assert_int_eq(decode_id(".."), EVENT_TAKEN); /* no path is built from it */
	ck_assert_int_eq(decode_id("a\nb"), EVENT_REFUSED);
	ck_assert_int_eq(decode_id("a\x7f"), EVENT_REFUSED);
	ck_assert_int_eq(decode_id("\xc3\xbc b"), EVENT_TAKEN);
	ck_assert_int_eq(decode_payload("UploadReady", "{\"UploadID\":\"a\\u0000b\"}"), EVENT_BROKEN);
}
END_TEST

START_TEST(sizes)
{
	struct text message = {0};
	text_add(
		&message,
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"eyJVcGxvYWRJRCI6IjEifQ==\",\"x\":\"");
	while (message.length < EVENT_LIMIT - 2)
		text_add(&message, "x");
	text_add(&message, "\"}");
	ck_assert_uint_eq(message.length, EVENT_LIMIT);
	ck_assert_int_eq(decode(message.data, message.length, false), EVENT_TAKEN);
	event_clear(&event);
	text_add(&message, " ");
	ck_assert_int_eq(decode(message.data, message.length, false), EVENT_REFUSED);
	ck_assert_str_eq(event.refusal, "larger than 524288 bytes");
	ck_assert_str_eq(event.upload->id, "1");
	event_clear(&event);
	/* Nothing large is kept of other events. */
	memcpy(strstr(message.data, "BytesReceived\""), "UploadReady\"  ", 14);
	ck_assert_int_eq(decode(message.data, message.length, false), EVENT_TAKEN);
	ck_assert_str_eq(event.upload_id, "1");
	event_clear(&event);
	while (message.length <= EVENT_READ_LIMIT)
		text_add(&message, "                                                                ");
	ck_assert_int_eq(decode(message.data, message.length, false), EVENT_BROKEN);
	ck_assert_msg(strstr(why, "16777216") != NULL, "%s", why);
	text_free(&message);
}
END_TEST

/* A refused event must fit into a record, too. */
START_TEST(what_is_refused_is_short)
{
	struct text payload = {0};
	text_format(
		&payload,
		"{\"ExecutingUser\":{\"a\":\"%0*d\"},\"ResourceID\":{\"r\":1},\"Filename\":\"%0*d\",\"UploadID\":\"1\"}",
		600000, 0, 5000, 0);
	ck_assert_int_eq(decode_payload("BytesReceived", payload.data), EVENT_REFUSED);
	ck_assert_str_eq(event.upload->user_json, "null");
	ck_assert_str_eq(event.upload->filename, "");
	ck_assert_str_eq(event.upload->resource_id_json, "{\"r\":1}");
	event_clear(&event);
	text_free(&payload);
}
END_TEST

static void add_nested(struct text *payload, const char *head, unsigned depth, const char *tail)
{
	text_clear(payload);
	text_add(payload, head);
	for (unsigned i = 0; i < depth; i++)
		text_add(payload, "[");
	for (unsigned i = 0; i < depth; i++)
		text_add(payload, "]");
	text_add(payload, tail);
}

START_TEST(depths)
{
	struct text payload = {0};
	for (unsigned depth = 1; depth < 100000; depth *= 2) {
		add_nested(&payload, "{\"ExecutingUser\":", depth, ",\"UploadID\":\"1\"}");
		ck_assert_int_eq(decode_payload("BytesReceived", payload.data), depth < 64 ? EVENT_TAKEN : EVENT_REFUSED);
		ck_assert_str_eq(event.upload->id, "1");
		event_clear(&event);
		/* Nobody uses the result. */
		add_nested(&payload, "{\"Result\":", depth,
		           ",\"UploadID\":\"1\",\"FinishedStep\":\"s\",\"Outcome\":\"continue\"}");
		ck_assert_int_eq(decode_payload("PostprocessingStepFinished", payload.data), EVENT_TAKEN);
		ck_assert_int_eq(event.outcome, OUTCOME_CONTINUE);
		ck_assert_str_eq(why, "");
		event_clear(&event);
	}
	text_free(&payload);
}
END_TEST

/* The reason that a step on the bus gives is for people: nothing depends on its form. */
START_TEST(results_of_rejections)
{
	static const struct {
		const char *outcome, *result, *kept, *reason;
	} cases[] = {
		{"delete", "{\"Infected\":true,\"Description\":\"Eicar\",\"ErrorMsg\":\"\"}",
	     "{\"Infected\":true,\"Description\":\"Eicar\",\"ErrorMsg\":\"\"}", "Eicar"},
		{"abort", "{ \"ErrorMsg\" : \"too large\", \"Description\" : \"x\" }",
	     "{\"ErrorMsg\":\"too large\",\"Description\":\"x\"}", "too large"},
		{"retry", "{\"ErrorMsg\":\"no scanner\"}", "{\"ErrorMsg\":\"no scanner\"}", "no scanner"},
		{"continue", "{\"Infected\":false,\"Description\":\"clean\"}", "{\"Infected\":false,\"Description\":\"clean\"}",
	     "clean"},
		{"delete", "null", NULL, NULL},
		{"delete", "\"text\"", "\"text\"", NULL},
		{"delete", "[1,{\"ErrorMsg\":\"x\"}]", "[1,{\"ErrorMsg\":\"x\"}]", NULL},
		{"delete", "{\"ErrorMsg\":7,\"Description\":\"y\"}", "{\"ErrorMsg\":7,\"Description\":\"y\"}", "y"},
		{"delete", "{\"Description\":\"a\\ud800\"}", NULL, "a\xef\xbf\xbd"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct text payload = {0};
		text_format(&payload, "{\"UploadID\":\"1\",\"FinishedStep\":\"s\",\"Outcome\":\"%s\",\"Result\":%s}",
		            cases[i].outcome, cases[i].result);
		ck_assert_int_eq(decode_payload("PostprocessingStepFinished", payload.data), EVENT_TAKEN);
		ck_assert_str_eq(why, "");
		ck_assert_str_eq(outcome_name(event.outcome), cases[i].outcome);
		if (cases[i].kept != NULL || cases[i].reason == NULL)
			ck_assert_pstr_eq(event.result, cases[i].kept);
		ck_assert_pstr_eq(event.reason, cases[i].reason);
		event_clear(&event);
		text_free(&payload);
	}
	/* A result that is too large for a record is omitted. */
	struct text payload = {0};
	text_add(&payload, "{\"UploadID\":\"1\",\"FinishedStep\":\"s\",\"Outcome\":\"delete\",\"Result\":\"");
	for (size_t i = 0; i < 5000; i++)
		text_add(&payload, "a");
	text_add(&payload, "\"}");
	ck_assert_int_eq(decode_payload("PostprocessingStepFinished", payload.data), EVENT_TAKEN);
	ck_assert_int_eq(event.outcome, OUTCOME_DELETE);
	ck_assert_ptr_null(event.result);
	event_clear(&event);
	/* And so is one that would be nested too deeply there. */
	for (unsigned depth = RECORD_RESULT_DEPTH; depth <= RECORD_RESULT_DEPTH + 1; depth++) {
		add_nested(&payload, "{\"Result\":", depth,
		           ",\"UploadID\":\"1\",\"FinishedStep\":\"s\",\"Outcome\":\"delete\"}");
		ck_assert_int_eq(decode_payload("PostprocessingStepFinished", payload.data), EVENT_TAKEN);
		ck_assert_int_eq(event.outcome, OUTCOME_DELETE);
		ck_assert_int_eq(event.result != NULL, depth == RECORD_RESULT_DEPTH);
		event_clear(&event);
	}
	text_free(&payload);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {what_a_real_storage_sends,
	                              key_order_and_white_space,
	                              escapes_of_go_are_the_same_text,
	                              missing_and_null_are_nothing,
	                              outcomes,
	                              refused_but_named,
	                              refused_with_an_id_of_no_record,
	                              replaced,
	                              doubtful_events,
	                              metadata_of_others,
	                              metadata_has_a_limit,
	                              broken_messages,
	                              irrelevant_without_parsing,
	                              relevant_though_it_does_not_look_so,
	                              upload_ids,
	                              sizes,
	                              what_is_refused_is_short,
	                              depths,
	                              results_of_rejections};
	return suite_run("event", tests, sizeof tests / sizeof tests[0], 60);
}
