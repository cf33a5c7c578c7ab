/* SPDX-License-Identifier: Apache-2.0
 * Invalid messages on the bus: each is logged once, counted and acknowledged, and the valid upload behind it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

static const struct nats_options large = {.max_payload = (size_t)16 << 20};

static void begin(void)
{
	scenario_begin(&scenario, &(struct scenario_options){.nats = &large}, false);
}

/* After this many skipped events, and others whose uploads were aborted: a valid upload, and the counts of the
 * invalid events. */
static void check_account(unsigned broken, unsigned aborted)
{
	storage_expect(&scenario, "good", "/none", 3, "continue");
	scenario_await_applied(&scenario);
	recorder_update(&scenario.recorder);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, NULL), 1 + aborted);
	ck_assert_uint_eq(recorder_count(&scenario.recorder, "PostprocessingFinished", NULL), 1 + aborted);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_broken_total"), broken + aborted);
	ck_assert_uint_eq(scenario_log_count(&scenario, "is invalid and skipped"), broken);
	ck_assert_uint_eq(scenario_log_count(&scenario, "aborted, because the event that begins it is invalid"), aborted);
	ck_assert_uint_eq(scenario_log_count(&scenario, " error "), broken + 2 * aborted);
	ck_assert_int_eq(scenario_http(&scenario, "/readyz"), 200);
	scenario_close(&scenario);
}

static void check_broken(unsigned broken)
{
	check_account(broken, 0);
}

/* The upload ends with `abort`, which is published once; the log names it. */
static void check_aborted(const char *upload)
{
	char line[512];
	const struct recorded *finished = recorder_await(&scenario.recorder, "PostprocessingFinished", upload, 0);
	ck_assert_str_eq(recorded_string(finished, "Outcome"), "abort");
	ck_assert_uint_eq(recorder_count(&scenario.recorder, NULL, upload), 1);
	snprintf(line, sizeof line, "upload %s", upload);
	ck_assert_msg(strpbrk(upload, "\n/") != NULL || strlen(upload) > 255 || scenario_log_count(&scenario, line) > 0,
	              "the log does not name %s", upload);
}

static void send_text(const char *text)
{
	storage_send(&scenario, NULL, text, strlen(text));
}

START_TEST(broken_envelopes)
{
	static const char *const text[] = {
		"",
		"{",
		"null",
		"[]",
		"\"text\"",
		"{}",
		"{} {}",
		"nonsense",
		"\xff\xfe",
		"{\"Metadata\":null}",
		"{\"Metadata\":{}}",
		"{\"Metadata\":[]}",
		"{\"Metadata\":{\"eventtype\":7}}",
		"{\"Metadata\":{\"eventtype\":null}}",
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"}}",
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":7}",
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"***\"}",
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"e30\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Payload\":\"W10=\"}",
		"{\"Metadata\":{\"eventtype\":\"events.UploadReady\"",
	};
	begin();
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		send_text(text[i]);
	check_broken(sizeof text / sizeof text[0]);
}
END_TEST

START_TEST(wrong_types)
{
	static const char *const aborted[] = {"a", "b", "d", "e"};
	begin();
	storage_say(&scenario, "BytesReceived", json_pack("{s:i}", "UploadID", 7));
	storage_say(&scenario, "BytesReceived", json_pack("{s:s,s:s}", "UploadID", "a", "Filesize", "many"));
	storage_say(&scenario, "BytesReceived", json_pack("{s:s,s:f}", "UploadID", "b", "Filesize", 1.5));
	storage_say(&scenario, "BytesReceived", json_pack("{s:s,s:[]}", "UploadID", "d", "URL"));
	storage_say(&scenario, "BytesReceived", json_pack("{s:s,s:b}", "UploadID", "e", "Filename", true));
	storage_say(&scenario, "PostprocessingStepFinished", json_pack("{s:s,s:i}", "UploadID", "g", "FinishedStep", 1));
	storage_say(&scenario, "ResumePostprocessing", json_pack("{s:s,s:i}", "UploadID", "", "Step", 1));
	for (size_t i = 0; i < sizeof aborted / sizeof aborted[0]; i++)
		check_aborted(aborted[i]);
	/* They have records like any ended upload, and are confirmed. */
	storage_upload_ready(&scenario, "a", true);
	records_await(&scenario, "a", "phase", "ended");
	records_await(&scenario, "d", "phase", "confirming");
	records_await(&scenario, "d", "reason", "\"URL\" has a value of the wrong type");
	storage_upload_ready(&scenario, "d", false);
	records_await_gone(&scenario, "d");
	check_account(3, 4);
}
END_TEST

/* Half of a surrogate pair, a NUL, invalid UTF-8: none of them ends an upload. */
START_TEST(no_characters)
{
	static const char *const payloads[] = {
		"{\"UploadID\":\"half\",\"ExecutingUser\":{\"display_name\":\"\\ud83e\"}}",
		"{\"UploadID\":\"nul\",\"Filename\":\"a\\u0000b\"}",
		"{\"UploadID\":\"latin\",\"Filename\":\"gr\xfcn\"}",
	};
	static const char *const uploads[] = {"half", "nul", "latin"};
	begin();
	for (size_t i = 0; i < 3; i++) {
		struct text message = {0};
		text_add(&message, "{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"");
		text_add_base64(&message, payloads[i], strlen(payloads[i]));
		text_add(&message, "\"}");
		send_text(message.data);
		text_free(&message);
	}
	for (size_t i = 0; i < 3; i++) {
		const struct recorded *finished = recorder_await(&scenario.recorder, "PostprocessingFinished", uploads[i], 0);
		ck_assert_str_eq(recorded_string(finished, "Outcome"), "continue");
		ck_assert_str_eq(recorded_string(finished, "Filename"), i == 1   ? "a\xef\xbf\xbd"
		                                                                   "b"
		                                                        : i == 2 ? "gr\xef\xbf\xbdn"
		                                                                 : "");
		storage_upload_ready(&scenario, uploads[i], false);
		records_await_gone(&scenario, uploads[i]);
		char line[128];
		snprintf(line, sizeof line, "upload %s: invalid characters in \"%s\" were replaced with U+FFFD", uploads[i],
		         i == 0 ? "ExecutingUser" : "Filename");
		ck_assert_uint_eq(scenario_log_count(&scenario, line), 1);
	}
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_broken_total"), 0);
	scenario_close(&scenario);
}
END_TEST

/* An event that cannot be understood is no verdict, and the end of an upload is final. */
START_TEST(doubtful_words)
{
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "policies",
	                                          .ini = "[step:policies]\nmodule = remote\nretry_backoff = 1h\n"},
	               false);
	storage_bytes_received(&scenario, "asked", "/none", 3);
	recorder_await(&scenario.recorder, "StartPostprocessingStep", "asked", 0);
	storage_say(&scenario, "PostprocessingStepFinished",
	            json_pack("{s:s,s:s,s:b}", "UploadID", "asked", "FinishedStep", "policies", "Outcome", true));
	records_await(&scenario, "asked", "phase", "backoff");
	scenario_await_log(&scenario, "upload asked: \"Outcome\" has a value of the wrong type");
	storage_say(&scenario, "UploadReady", json_pack("{s:s,s:s}", "UploadID", "asked", "Failed", "no"));
	records_await(&scenario, "asked", "phase", "ended");
	scenario_close(&scenario);
}
END_TEST

START_TEST(upload_ids)
{
	char id[10001];
	begin();
	memset(id, 'x', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	storage_bytes_received(&scenario, "", "/none", 3);
	storage_bytes_received(&scenario, "../../etc/passwd", "/none", 3);
	storage_bytes_received(&scenario, "line\nbreak", "/none", 3);
	storage_bytes_received(&scenario, id, "/none", 3);
	storage_resume(&scenario, id, "");
	storage_resume(&scenario, "a/b", "");
	storage_upload_ready(&scenario, id, false);
	storage_step_finished(&scenario, "a/b", "virusscan", "continue");
	storage_say(&scenario, "UploadReady", json_pack("{s:s%}", "UploadID", "\0", (size_t)1));
	check_aborted("../../etc/passwd");
	check_aborted("line\nbreak");
	check_aborted(id);
	check_account(6, 3);
}
END_TEST

/* The longest ID that is accepted, and characters that a subject could not contain. */
START_TEST(odd_ids_that_are_taken)
{
	static const char *const odd[] = {"a.b", "*", ">", "a b", "\xc3\xbc", "$KV", "\"quoted\\", "%s%n", "<&>"};
	char id[256];
	begin();
	memset(id, 'x', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	storage_expect(&scenario, id, "/none", 3, "continue");
	storage_upload_ready(&scenario, id, false);
	records_await_gone(&scenario, id);
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		storage_expect(&scenario, odd[i], "/none", 3, "continue");
		storage_upload_ready(&scenario, odd[i], false);
		records_await_gone(&scenario, odd[i]);
	}
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_broken_total"), 0);
	scenario_close(&scenario);
}
END_TEST

/* `head`, `count` times `fill`, `tail`. */
static void send_large(const char *head, char fill, size_t count, const char *tail)
{
	size_t size = strlen(head) + count + strlen(tail);
	char *text = malloc(size + 1);
	ck_assert_ptr_nonnull(text);
	strcpy(text, head);
	memset(text + strlen(head), fill, count);
	strcpy(text + strlen(head) + count, tail);
	storage_send(&scenario, NULL, text, size);
	free(text);
}

#define HEAD "{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\""

START_TEST(large_and_deep)
{
	begin();
	send_large(HEAD, 'A', 1200000, "\"}");
	send_large(HEAD, 'A', 10000000, "\"}");
	send_large("", ' ', 2000000, "");
	send_large("", '[', 100000, "");
	send_large("{\"Metadata\":{\"eventtype\":\"events.UploadReady\"},\"Other\":", '[', 100000, "}");
	/* These contain their upload's ID. */
	send_large(
		"{\"Metadata\":{\"eventtype\":\"events.BytesReceived\"},\"Payload\":\"eyJVcGxvYWRJRCI6ImxhcmdlIn0=\",\"Other\":\"",
		'A', 10000000, "\"}");
	/* Events of others may have any size. */
	send_large("{\"Metadata\":{\"eventtype\":\"events.FileTouched\"},\"Payload\":\"", 'A', 10000000, "\"}");
	check_aborted("large");
	check_account(5, 1);
}
END_TEST

static char *nested(size_t depth)
{
	char *text = malloc(5 * depth + 16);
	ck_assert_ptr_nonnull(text);
	size_t used = 0;
	for (size_t i = 0; i < depth; i++)
		used += (size_t)sprintf(text + used, "{\"\":");
	used += (size_t)sprintf(text + used, "1");
	memset(text + used, '}', depth);
	text[used + depth] = '\0';
	return text;
}

/* Nesting in the payload, where the user's data is. */
START_TEST(deep_payload)
{
	begin();
	char *text = nested(1000);
	json_t *deep = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(deep);
	storage_say(&scenario, "BytesReceived", json_pack("{s:s,s:o}", "UploadID", "deep", "ExecutingUser", deep));
	free(text);
	check_aborted("deep");
	check_account(0, 1);
}
END_TEST

START_TEST(irrelevant_and_unknown)
{
	begin();
	storage_say(&scenario, "SomethingNew", json_pack("{s:s}", "UploadID", "good"));
	storage_say(&scenario, "BytesReceivedToo", json_pack("{s:s}", "UploadID", "good"));
	send_text("{\"Metadata\":{\"eventtype\":\"events.SendSSE\"},\"Payload\":7}");
	send_text("{\"Metadata\":{\"eventtype\":\"\"},\"Metadata\":{\"eventtype\":\"events.SendSSE\"}}");
	storage_upload_ready(&scenario, "nobody", false);
	storage_upload_ready(&scenario, "nobody", true);
	storage_upload_ready(&scenario, "", false);
	storage_step_finished(&scenario, "nobody", "virusscan", "continue");
	storage_step_finished(&scenario, "", "virusscan", "continue");
	check_broken(0);
}
END_TEST

/* Any number of them, between valid ones. */
START_TEST(many)
{
	char upload[16];
	begin();
	for (unsigned i = 0; i < 200; i++) {
		send_text("{\"Metadata\":");
		snprintf(upload, sizeof upload, "u%u", i);
		storage_bytes_received(&scenario, upload, "/none", 3);
	}
	for (unsigned i = 0; i < 200; i++) {
		snprintf(upload, sizeof upload, "u%u", i);
		storage_check_finished(&scenario, upload, "continue");
	}
	scenario_await_applied(&scenario);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_events_broken_total"), 200);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		broken_envelopes,       wrong_types,    no_characters, doubtful_words,         upload_ids,
		odd_ids_that_are_taken, large_and_deep, deep_payload,  irrelevant_and_unknown, many};
	return scenario_run("scenario: input", tests, sizeof tests / sizeof tests[0]);
}
