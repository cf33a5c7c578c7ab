/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/encoding.h"
#include "core/upload/record.h"
#include "tests/harness/base64.h"
#include "tests/harness/suite.h"

#define NOW (1700000000 * SECOND + 5)

static const char *const steps[] = {"virusscan", "delay", "policies"};
static struct record record, back;
static char why[256];

static void setup(void)
{
	record = (struct record){.owner = "host-1 \"a\""};
	record.upload = upload_create(&(struct upload){.id = "u-1",
	                                               .url = "http://h/t?<&>",
	                                               .filename = "\xc3\xbc \"q\" \xf0\x9f\xa6\xa0\n",
	                                               .initiator_id = "i",
	                                               .traceparent = "00-aa",
	                                               .metadata = "\"extrainfo\":\"{\\\"a\\\":[]}\",\"x\":null",
	                                               .user_json = "{\"id\":{\"x\":null}}",
	                                               .resource_id_json = "{\"opaque_id\":\"o\"}",
	                                               .filesize = 68,
	                                               .step = steps,
	                                               .step_count = 3,
	                                               .start_time = NOW});
	record.status = (struct status){
		.step = 1, .phase = PHASE_QUEUED, .due = NOW + 1, .transition = 7, .begun = 9, .stream = NOW - 9};
}

static void teardown(void)
{
	record_clear(&record);
	record_clear(&back);
}

static bool decode(const struct text *value)
{
	record_clear(&back);
	why[0] = '\0';
	return record_decode(value->data, value->length, &back, why, sizeof why) == RECORD_TAKEN;
}

/* Wraps a record's JSON as it is stored in the bucket. */
static bool decode_inner(const char *json)
{
	struct text value = {0};
	text_add(&value, "{\"key\":\"u-1\",\"data\":\"");
	text_add_base64(&value, json, strlen(json));
	text_add(&value, "\",\"metadata\":null}");
	bool good = decode(&value);
	text_free(&value);
	return good;
}

static void assert_same_upload(const struct upload *one, const struct upload *other)
{
	ck_assert_str_eq(one->id, other->id);
	ck_assert_str_eq(one->url, other->url);
	ck_assert_str_eq(one->filename, other->filename);
	ck_assert_str_eq(one->initiator_id, other->initiator_id);
	ck_assert_str_eq(one->traceparent, other->traceparent);
	ck_assert_str_eq(one->metadata, other->metadata);
	ck_assert_str_eq(one->user_json, other->user_json);
	ck_assert_str_eq(one->impersonating_user_json, other->impersonating_user_json);
	ck_assert_str_eq(one->resource_id_json, other->resource_id_json);
	ck_assert_int_eq(one->filesize, other->filesize);
	ck_assert_int_eq(one->start_time, other->start_time);
	ck_assert_uint_eq(one->step_count, other->step_count);
	for (size_t i = 0; i < one->step_count; i++)
		ck_assert_str_eq(one->step[i], other->step[i]);
}

static void assert_round_trip(void)
{
	struct text value = {0};
	record_encode(&value, &record);
	ck_assert_msg(decode(&value), "%s", why);
	const struct status *one = &record.status, *other = &back.status;
	assert_same_upload(record.upload, back.upload);
	ck_assert_str_eq(record.owner, back.owner);
	ck_assert(!back.foreign);
	ck_assert_uint_eq(one->step, other->step);
	ck_assert_int_eq(one->outcome, other->outcome);
	ck_assert_int_eq(one->phase, other->phase);
	ck_assert_int_eq(one->awaited, other->awaited);
	ck_assert_int_eq(one->held, other->held);
	ck_assert_uint_eq(one->answered, other->answered);
	ck_assert_uint_eq(one->failures, other->failures);
	ck_assert_uint_eq(one->confirmations, other->confirmations);
	ck_assert_int_eq(one->due, other->due);
	ck_assert_int_eq(one->woken_at, other->woken_at);
	ck_assert_int_eq(one->ended_at, other->ended_at);
	ck_assert_uint_eq(one->waits, other->waits);
	ck_assert_uint_eq(one->crashes, other->crashes);
	ck_assert_uint_eq(one->transition, other->transition);
	ck_assert_uint_eq(one->publish, other->publish);
	ck_assert_uint_eq(one->begun, other->begun);
	ck_assert_int_eq(one->stream, one->begun != 0 ? other->stream : one->stream);
	ck_assert_str_eq(one->reason, other->reason);
	ck_assert_uint_eq(one->decided, other->decided);
	ck_assert_int_eq(one->exhausted, other->exhausted);
	if (one->publish & PUBLISH_STEP_FINISHED) {
		ck_assert_uint_eq(one->finished_step, other->finished_step);
		ck_assert_int_eq(one->finished_outcome, other->finished_outcome);
		ck_assert_str_eq(record.result != NULL ? record.result : "null", back.result);
	}
	text_free(&value);
}

/* That storage was asked for a new URL is stored in keys that other implementations do not know; "publish" does not
 * contain it. */
START_TEST(url_without_bytes)
{
	struct text value = {0};
	record.status.gone_since = NOW - 2;
	record.status.asked_at = NOW - 1;
	record.status.renewed = true;
	record_encode(&value, &record);
	ck_assert(decode(&value));
	ck_assert(!back.foreign);
	ck_assert_int_eq(back.status.gone_since, NOW - 2);
	ck_assert_int_eq(back.status.asked_at, NOW - 1);
	ck_assert(back.status.renewed);
	text_free(&value);
}
END_TEST

/* The readers of other implementations accept no negative size, and ours knows that there is none. */
START_TEST(size_that_nobody_announced)
{
	struct text value = {0};
	upload_release(record.upload);
	record.upload = upload_create(&(struct upload){.id = "u-1", .filesize = -1, .step = steps, .step_count = 3});
	record_encode(&value, &record);
	ck_assert(decode(&value));
	ck_assert_int_eq(back.upload->filesize, -1);
	ck_assert(!back.foreign);
	json_t *outer = json_loadb(value.data, value.length, 0, NULL);
	size_t length;
	char *inner = base64_bytes(json_string_value(json_object_get(outer, "data")), &length);
	ck_assert_ptr_nonnull(strstr(inner, "\"Filesize\":0,"));
	free(inner);
	json_decref(outer);
	text_free(&value);
	static const char theirs[] =
		"{\"ID\":\"u-1\",\"Steps\":[\"delay\"],\"Filesize\":0,\"Status\":{\"CurrentStep\":\"delay\",\"Outcome\":\"\"}}";
	ck_assert(decode_inner(theirs));
	ck_assert_int_eq(back.upload->filesize, 0);
}
END_TEST

START_TEST(round_trip)
{
	static const struct status statuses[] = {
		{.step = 0, .phase = PHASE_QUEUED, .due = 1, .transition = 1, .publish = PUBLISH_START},
		{.step = 2,
	     .phase = PHASE_RUNNING,
	     .due = TIME_LAST,
	     .transition = INT64_MAX,
	     .begun = INT64_MAX,
	     .stream = -1},
		{.step = 1,
	     .phase = PHASE_WAITING,
	     .due = NOW,
	     .woken_at = NOW,
	     .waits = 77,
	     .failures = 3,
	     .crashes = 2,
	     .reason = "until \"noon\"\n\x7f"},
		{.step = 1,
	     .phase = PHASE_BACKOFF,
	     .outcome = OUTCOME_RETRY,
	     .failures = 14,
	     .due = NOW,
	     .awaited = true,
	     .publish = PUBLISH_RETRY,
	     .begun = 3,
	     .stream = 7,
	     .answered = INT64_MAX},
		{.step = 1,
	     .phase = PHASE_AWAITING,
	     .awaited = true,
	     .due = NOW,
	     .publish = PUBLISH_START | PUBLISH_STEP_FINISHED,
	     .finished_step = 0,
	     .finished_outcome = OUTCOME_CONTINUE},
		{.step = 1, .phase = PHASE_AWAITING, .held = true, .due = NOW, .reason = "odd"},
		{.step = 3,
	     .phase = PHASE_CONFIRMING,
	     .outcome = OUTCOME_DELETE,
	     .confirmations = 3,
	     .due = NOW,
	     .publish = PUBLISH_FINISHED | PUBLISH_STEP_FINISHED,
	     .ended_at = NOW,
	     .finished_step = 2,
	     .finished_outcome = OUTCOME_DELETE},
		{.step = 3, .phase = PHASE_UNCONFIRMED, .outcome = OUTCOME_CONTINUE, .confirmations = 24},
		{.step = 3, .phase = PHASE_ENDED, .outcome = OUTCOME_ABORT},
		{.step = 3, .phase = PHASE_ENDED, .outcome = OUTCOME_ABORT, .ended_at = NOW},
	};
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		record.status = statuses[i];
		assert_round_trip();
	}
	record.status = statuses[6];
	record.result = strdup("{\"Infected\":true}");
	assert_round_trip();
}
END_TEST

/* An instance of an earlier version has written the record of a held upload again. */
START_TEST(held_and_written_by_an_earlier_version)
{
	struct text value = {0};
	record.status = (struct status){.step = 1, .phase = PHASE_AWAITING, .due = NOW, .transition = 3, .reason = "odd"};
	record_encode(&value, &record);
	ck_assert_msg(decode(&value), "%s", why);
	ck_assert(back.status.held && !back.status.awaited);
	record_clear(&back);
	text_clear(&value);
	/* One that waits for another service. */
	record.status.awaited = true;
	record_encode(&value, &record);
	ck_assert_msg(decode(&value), "%s", why);
	ck_assert(!back.status.held && back.status.awaited);
	text_free(&value);
}
END_TEST

/* Numbers of a Result are texts, of any size and precision. */
START_TEST(numbers_of_a_result)
{
	static const char result[] = "{\"n\":12345678901234567890,\"f\":0.1,\"list\":[0.10,-0,1E400]}";
	record.status = (struct status){.step = 3,
	                                .phase = PHASE_CONFIRMING,
	                                .outcome = OUTCOME_CONTINUE,
	                                .due = NOW,
	                                .publish = PUBLISH_FINISHED | PUBLISH_STEP_FINISHED,
	                                .finished_step = 1,
	                                .finished_outcome = OUTCOME_CONTINUE};
	record.result = strdup(result);
	assert_round_trip();
	ck_assert_str_eq(back.result, result);
}
END_TEST

/* What rejected it: the step, and its Result, which is stored once. */
START_TEST(what_rejected_it)
{
	static const char result[] = "{\"Infected\":true,\"Description\":\"Eicar\"}";
	record.status =
		(struct status){.step = 3, .phase = PHASE_ENDED, .outcome = OUTCOME_DELETE, .transition = 7, .decided = 2};
	record.result = strdup(result);
	assert_round_trip();
	ck_assert_str_eq(back.result, result);
	record.status.exhausted = true;
	assert_round_trip();
	/* Also while it is being published. */
	record.status = (struct status){.step = 3,
	                                .phase = PHASE_CONFIRMING,
	                                .outcome = OUTCOME_DELETE,
	                                .transition = 7,
	                                .decided = 2,
	                                .due = NOW,
	                                .publish = PUBLISH_FINISHED | PUBLISH_STEP_FINISHED,
	                                .finished_step = 1,
	                                .finished_outcome = OUTCOME_DELETE};
	assert_round_trip();
	ck_assert_str_eq(back.result, result);
	struct text value = {0};
	record_encode(&value, &record);
	json_t *outer = json_loadb(value.data, value.length, 0, NULL);
	size_t length;
	char *inner = base64_bytes(json_string_value(json_object_get(outer, "data")), &length);
	const char *first = strstr(inner, "Eicar");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(strstr(first + 1, "Eicar"));
	free(inner);
	json_decref(outer);
	text_free(&value);
}
END_TEST

START_TEST(a_large_result_is_not_kept_for_people)
{
	struct text result = {0};
	text_add(&result, "\"");
	for (size_t i = 0; i < RECORD_RESULT_LIMIT; i++)
		text_add(&result, "a");
	text_add(&result, "\"");
	record.result = text_take(&result);
	record.status =
		(struct status){.step = 3, .phase = PHASE_ENDED, .outcome = OUTCOME_DELETE, .transition = 7, .decided = 1};
	assert_round_trip();
	ck_assert_ptr_null(back.result);
}
END_TEST

/* An invalid value there is ignored, and the rest of the record is used. */
START_TEST(what_rejected_it_is_no_step)
{
	static const char *const decided[] = {"{\"step\":\"none\"}", "{}", "null", "{\"step\":\"\"}"};
	for (size_t i = 0; i < sizeof decided / sizeof decided[0]; i++) {
		struct text inner = {0};
		text_format(
			&inner,
			"{\"ID\":\"u-1\",\"Steps\":[\"delay\"],\"Status\":{\"CurrentStep\":\"finished\",\"Outcome\":\"abort\"},"
			"\"StepHost\":{\"v\":1,\"owner\":\"o\",\"phase\":\"unconfirmed\",\"transition\":3,\"publish\":0,\"decided\":%s}}",
			decided[i]);
		ck_assert_msg(decode_inner(inner.data), "%s", why);
		ck_assert(!back.foreign);
		ck_assert_uint_eq(back.status.decided, 0);
		text_free(&inner);
	}
	/* An upload that has not ended was not rejected. */
	ck_assert(decode_inner(
		"{\"ID\":\"u-1\",\"Steps\":[\"delay\"],\"Status\":{\"CurrentStep\":\"delay\",\"Outcome\":\"\"},"
		"\"StepHost\":{\"v\":1,\"owner\":\"o\",\"phase\":\"queued\",\"transition\":3,\"publish\":0,\"due\":\"2023-11-14T22:13:20Z\","
		"\"decided\":{\"step\":\"delay\"}}}"));
	ck_assert(!back.foreign);
	ck_assert_uint_eq(back.status.decided, 0);
}
END_TEST

/* Reasons come from modules, and may be cut anywhere: no record may become unreadable because of one. */
START_TEST(reason_that_is_no_text)
{
	struct text value = {0};
	memset(record.status.reason, '\xc3', REASON_SIZE - 1);
	record_encode(&value, &record);
	ck_assert_msg(decode(&value), "%s", why);
	ck_assert_uint_lt(strlen(back.status.reason), REASON_SIZE);
	text_free(&value);
}
END_TEST

/* The keys of the other implementation, in its order and types. */
START_TEST(as_the_others_read_it)
{
	static const char *const keys[] = {
		"ID",    "URL",    "User",     "ImpersonatingUser", "Filename", "Filesize",  "ResourceID",
		"Steps", "Status", "Failures", "InitiatorID",       "Finished", "StartTime", "StepHost"};
	struct text value = {0};
	record.status.outcome = OUTCOME_RETRY;
	record.status.failures = 2;
	record_encode(&value, &record);
	json_t *outer = json_loadb(value.data, value.length, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(outer, "key")), "u-1");
	ck_assert(json_is_null(json_object_get(outer, "metadata")));
	const char *data = json_string_value(json_object_get(outer, "data"));
	size_t length, i = 0;
	char *bytes = base64_bytes(data, &length);
	json_t *inner = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
	for (void *at = json_object_iter(inner); at != NULL; at = json_object_iter_next(inner, at))
		ck_assert_str_eq(json_object_iter_key(at), keys[i++]);
	ck_assert_uint_eq(i, 14);
	json_object_del(inner, "StepHost");
	json_t *expected =
		json_pack("{s:s,s:s,s:{s:{s:n}},s:n,s:s,s:i,s:{s:s},s:[s,s,s],s:{s:s,s:s},s:i,s:s,s:b,s:s}", "ID", "u-1", "URL",
	              "http://h/t?<&>", "User", "id", "x", "ImpersonatingUser", "Filename", record.upload->filename,
	              "Filesize", 68, "ResourceID", "opaque_id", "o", "Steps", "virusscan", "delay", "policies", "Status",
	              "CurrentStep", "delay", "Outcome", "retry", "Failures", 2, "InitiatorID", "i", "Finished", 0,
	              "StartTime", "2023-11-14T22:13:20.000000005Z");
	ck_assert_ptr_nonnull(expected);
	ck_assert(json_equal(inner, expected));
	json_decref(expected);
	json_decref(inner);
	json_decref(outer);
	free(bytes);
	text_free(&value);
}
END_TEST

#define FOREIGN_HEAD \
	"{\"ID\":\"u-1\",\"URL\":\"http://h/t\",\"User\":{\"id\":{\"opaque_id\":\"a\"}},\"ImpersonatingUser\":null," \
	"\"Filename\":\"n\",\"Filesize\":3,\"ResourceID\":{\"opaque_id\":\"o\",\"space_id\":\"s\"},\"Steps\":[\"virusscan\",\"delay\"],"
#define FOREIGN(current, outcome, failures, finished) \
	FOREIGN_HEAD "\"Status\":{\"CurrentStep\":\"" current "\",\"Outcome\":\"" outcome "\"},\"Failures\":" failures \
				 ",\"InitiatorID\":\"i\",\"Finished\":" finished ",\"StartTime\":\"2026-11-22T19:04:09.4579Z\"}"

START_TEST(records_of_the_other_implementation)
{
	static const struct {
		const char *json;
		size_t step;
		enum phase phase;
		enum outcome outcome;
		unsigned failures;
	} records[] = {
		{FOREIGN("virusscan", "", "0", "false"), 0, PHASE_AWAITING, OUTCOME_NONE, 0},
		{FOREIGN("delay", "", "0", "false"), 1, PHASE_AWAITING, OUTCOME_NONE, 0},
		{FOREIGN("virusscan", "retry", "3", "false"), 0, PHASE_BACKOFF, OUTCOME_RETRY, 3},
		{FOREIGN("finished", "continue", "0", "false"), 2, PHASE_CONFIRMING, OUTCOME_CONTINUE, 0},
		{FOREIGN("finished", "delete", "0", "false"), 2, PHASE_CONFIRMING, OUTCOME_DELETE, 0},
		{FOREIGN("finished", "abort", "0", "true"), 2, PHASE_ENDED, OUTCOME_ABORT, 0},
		/* The upload is over, whatever step it is said to be in: no answer may continue it. */
		{FOREIGN("virusscan", "delete", "0", "true"), 2, PHASE_ENDED, OUTCOME_DELETE, 0},
		/* Stored before its first step began. */
		{FOREIGN("", "", "0", "false"), 0, PHASE_AWAITING, OUTCOME_NONE, 0},
		/* An end without a verdict must not let a file through. */
		{FOREIGN("finished", "", "0", "false"), 2, PHASE_CONFIRMING, OUTCOME_ABORT, 0},
		{FOREIGN("finished", "retry", "0", "false"), 2, PHASE_CONFIRMING, OUTCOME_ABORT, 0},
		{FOREIGN("finished", "maybe", "0", "false"), 2, PHASE_CONFIRMING, OUTCOME_ABORT, 0},
		{FOREIGN("virusscan", "retry", "-3", "false"), 0, PHASE_BACKOFF, OUTCOME_RETRY, 1000000},
	};
	for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
		ck_assert_msg(decode_inner(records[i].json), "%zu: %s", i, why);
		ck_assert(back.foreign);
		ck_assert_uint_eq(back.status.step, records[i].step);
		ck_assert_int_eq(back.status.phase, records[i].phase);
		ck_assert_int_eq(back.status.outcome, records[i].outcome);
		ck_assert_uint_eq(back.status.failures, records[i].failures);
		ck_assert_int_eq(back.status.due, 0);
		ck_assert_uint_eq(back.status.begun, 0);
		ck_assert_uint_eq(back.status.transition, 0);
		ck_assert_int_eq(back.upload->start_time, 1795374249457900000);
		ck_assert_str_eq(back.upload->user_json, "{\"id\":{\"opaque_id\":\"a\"}}");
	}
}
END_TEST

START_TEST(foreign_records_with_little_in_them)
{
	ck_assert_msg(
		decode_inner(
			"{\"ID\":\"u-1\",\"Steps\":null,\"User\":null,\"Status\":null,\"StartTime\":\"0001-01-01T00:00:00Z\"}"),
		"%s", why);
	ck_assert_int_eq(back.upload->start_time, 0);
	ck_assert_uint_eq(back.upload->step_count, 0);
	ck_assert_str_eq(back.upload->user_json, "null");
	ck_assert_msg(
		decode_inner(
			"{\"ID\":\"u-1\",\"Steps\":[\"a\"],\"Later\":{\"Key\":[1]},\"Status\":{\"CurrentStep\":\"a\",\"New\":1}}"),
		"%s", why);
	ck_assert_str_eq(status_step_name(back.upload, &back.status), "a");
	ck_assert_msg(decode_inner("{\"ID\":\"u-1\",\"Steps\":[\"a\"],\"StepHost\":null,\"StartTime\":null}"), "%s", why);
	ck_assert(back.foreign);
}
END_TEST

/* An upload that had not begun, and whose steps were not written, is not finished: it passes only where there is
 * nothing to do. */
START_TEST(records_without_steps)
{
	static const char *const records[] = {
		"{\"ID\":\"u-1\",\"URL\":\"http://h/t\",\"Filename\":\"n\",\"Filesize\":3,\"InitiatorID\":\"i\"}",
		"{\"ID\":\"u-1\",\"URL\":\"http://h/t\",\"Filename\":\"n\",\"Filesize\":3,\"InitiatorID\":\"i\",\"Steps\":null,\"Status\":null}",
		"{\"ID\":\"u-1\",\"URL\":\"http://h/t\",\"Filename\":\"n\",\"Filesize\":3,\"InitiatorID\":\"i\",\"Steps\":[],"
		"\"Status\":{\"CurrentStep\":\"\",\"Outcome\":\"\"}}",
		"{\"ID\":\"u-1\",\"URL\":\"http://h/t\",\"Filename\":\"n\",\"Filesize\":3,\"InitiatorID\":\"i\","
		"\"Status\":{\"CurrentStep\":\"\",\"Outcome\":\"continue\"}}",
		/* Our own part says that it ended; the rest was written later by another implementation. */
		"{\"ID\":\"u-1\",\"URL\":\"http://h/t\",\"Filename\":\"n\",\"Filesize\":3,\"InitiatorID\":\"i\",\"Steps\":[],"
		"\"Status\":{\"CurrentStep\":\"\",\"Outcome\":\"continue\"},\"StepHost\":{\"v\":1,\"owner\":\"o\",\"writer\":\"w\","
		"\"phase\":\"confirming\",\"transition\":3,\"publish\":0,\"due\":\"2026-01-01T00:00:00Z\"}}",
	};
	for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
		ck_assert_msg(decode_inner(records[i]), "%zu: %s", i, why);
		ck_assert(back.foreign && back.stepless);
		ck_assert_int_eq(back.status.outcome, OUTCOME_ABORT); /* in case the steps are forgotten */
		ck_assert(record_give_steps(&back, steps, 3));
		ck_assert(!back.stepless);
		ck_assert_uint_eq(back.upload->step_count, 3);
		ck_assert_str_eq(status_step_name(back.upload, &back.status), "virusscan");
		ck_assert_int_eq(back.status.phase, PHASE_AWAITING);
		ck_assert_int_eq(back.status.outcome, OUTCOME_NONE);
		ck_assert_str_eq(back.upload->url, "http://h/t");
		ck_assert_str_eq(back.upload->filename, "n");
		ck_assert_str_eq(back.upload->initiator_id, "i");
		ck_assert_int_eq(back.upload->filesize, 3);
		ck_assert_msg(decode_inner(records[i]) && record_give_steps(&back, NULL, 0), "%zu: %s", i, why);
		ck_assert_int_eq(back.status.phase, PHASE_CONFIRMING);
		ck_assert_int_eq(back.status.outcome, OUTCOME_CONTINUE);
	}
	/* These had steps, or had ended. */
	static const char *const others[] = {
		"{\"ID\":\"u-1\",\"Steps\":[\"a\"],\"Status\":{\"CurrentStep\":\"\"}}",
		"{\"ID\":\"u-1\",\"Steps\":[],\"Status\":{\"CurrentStep\":\"finished\",\"Outcome\":\"continue\"}}",
		"{\"ID\":\"u-1\",\"Steps\":[],\"Finished\":true,\"Status\":{\"CurrentStep\":\"\"}}",
	};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		ck_assert_msg(decode_inner(others[i]) && !back.stepless, "%zu: %s", i, why);
		size_t count = back.upload->step_count;
		ck_assert(record_give_steps(&back, steps, 3));
		ck_assert_uint_eq(back.upload->step_count, count);
	}
	ck_assert_int_eq(back.status.phase, PHASE_ENDED);
	/* A record whose step is not among its steps is invalid; the upload is named. */
	ck_assert(!decode_inner("{\"ID\":\"u-1\",\"Steps\":[\"a\"],\"Status\":{\"CurrentStep\":\"b\"}}"));
	ck_assert_str_eq(why, "upload u-1: \"CurrentStep\" is not one of its \"Steps\"");
	ck_assert(!decode_inner("{\"ID\":\"u-1\",\"Steps\":[],\"Status\":{\"CurrentStep\":\"b\"}}"));
}
END_TEST

/* The record with one text replaced, so that all other parts of it stay valid. */
static bool decode_changed(const char *old, const char *new)
{
	struct text value = {0};
	record_encode(&value, &record);
	json_t *outer = json_loadb(value.data, value.length, 0, NULL);
	const char *data = json_string_value(json_object_get(outer, "data"));
	size_t length;
	char *inner = base64_bytes(data, &length);
	const char *at = strstr(inner, old);
	ck_assert_msg(at != NULL, "%s has no %s", inner, old);
	struct text changed = {0};
	text_add_bytes(&changed, inner, (size_t)(at - inner));
	text_add(&changed, new);
	text_add(&changed, at + strlen(old));
	bool good = decode_inner(changed.data);
	text_free(&changed);
	free(inner);
	json_decref(outer);
	text_free(&value);
	return good;
}

START_TEST(broken_records)
{
	static const char *const changes[][2] = {
		{"\"ID\":\"u-1\"", "\"ID\":\"\""},
		{"\"ID\":\"u-1\"", "\"ID\":\"a/b\""},
		{"\"ID\":\"u-1\"", "\"ID\":1"},
		{"\"ID\":\"u-1\",", ""},
		{"\"URL\":\"", "\"URL\":1,\"x\":\""},
		{"\"Filename\":\"", "\"Filename\":{},\"x\":\""},
		{"\"Filesize\":68", "\"Filesize\":\"68\""},
		{"\"Steps\":[", "\"Steps\":[7,"},
		{"\"Steps\":[", "\"Steps\":[\"\","},
		{"\"Steps\":[", "\"Steps\":{},\"x\":["},
		{"\"CurrentStep\":\"delay\"", "\"CurrentStep\":\"none\""},
		{"\"CurrentStep\":\"delay\"", "\"CurrentStep\":1"},
		{"\"Status\":{", "\"Status\":[],\"x\":{"},
		{"\"Failures\":0", "\"Failures\":{}"},
		{"\"Finished\":false", "\"Finished\":\"no\""},
		{"\"StartTime\":\"2023", "\"StartTime\":\"x2023"},
	};
	ck_assert_msg(decode_changed("\"ID\"", "\"ID\""), "%s", why);
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		ck_assert_msg(!decode_changed(changes[i][0], changes[i][1]), "accepted: %s", changes[i][1]);
		ck_assert_msg(why[0] != '\0', "%s", changes[i][1]);
		ck_assert_ptr_null(back.upload);
		ck_assert_ptr_null(back.result);
	}
}
END_TEST

/* An implementation that does not know our part has changed the rest, or our part itself is unusable. No upload is
 * stuck because of that: it continues from where the rest says. */
START_TEST(own_part_of_no_use)
{
	static const char *const changes[][2] = {
		{"\"StepHost\":{", "\"StepHost\":[],\"x\":{"},
		{"\"phase\":\"queued\"", "\"phase\":\"idle\""},
		{"\"phase\":\"queued\",", ""},
		{"\"due\":\"2023", "\"due\":\"soon2023"},
		{"\"transition\":7", "\"transition\":-7"},
		{"\"transition\":7", "\"transition\":\"7\""},
		{"\"begun\":9", "\"begun\":-9"},
		{"\"publish\":0", "\"publish\":-1"},
		{"\"publish\":0", "\"publish\":1"},
		{"\"publish\":0", "\"publish\":16"},
		{"\"publish\":0", "\"publish\":4294967296"},
		{"\"publish\":0", "\"publish\":0,\"confirmations\":-1"},
		{"\"owner\":\"", "\"owner\":1,\"x\":\""},
		/* Impossible combinations: a phase and a step contradict each other, or nobody would look again. */
		{"\"phase\":\"queued\"", "\"phase\":\"confirming\""},
		{"\"phase\":\"queued\"", "\"phase\":\"ended\""},
		{",\"due\":\"2023-11-14T22:13:20.000000006Z\"", ""},
	};
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		ck_assert_msg(decode_changed(changes[i][0], changes[i][1]), "%s: %s", changes[i][1], why);
		ck_assert_msg(back.foreign, "%s", changes[i][1]);
		ck_assert_str_eq(back.upload->id, "u-1");
		ck_assert_str_eq(back.owner, "");
		ck_assert_str_eq(back.writer, "");
		ck_assert_ptr_null(back.result);
		const struct status implied = {.step = 1, .phase = PHASE_AWAITING, .awaited = true};
		ck_assert_uint_eq(back.status.step, implied.step);
		ck_assert_int_eq(back.status.phase, implied.phase);
		ck_assert_int_eq(back.status.outcome, implied.outcome);
		ck_assert(back.status.awaited);
		ck_assert_int_eq(back.status.due, 0);
		ck_assert_uint_eq(back.status.transition, 0);
		ck_assert_uint_eq(back.status.begun, 0);
		ck_assert_uint_eq(back.status.publish, 0);
		ck_assert_str_eq(back.status.reason, "");
	}
	/* The step was rewritten, the rest was kept. */
	ck_assert_msg(decode_changed("\"CurrentStep\":\"delay\",\"Outcome\":\"\"",
	                             "\"CurrentStep\":\"finished\",\"Outcome\":\"delete\""),
	              "%s", why);
	ck_assert(back.foreign);
	ck_assert_int_eq(back.status.phase, PHASE_CONFIRMING);
	ck_assert_int_eq(back.status.outcome, OUTCOME_DELETE);
	ck_assert_str_eq(back.upload->traceparent, "00-aa");
	/* The ended step is none of this upload. */
	record.status.publish = PUBLISH_STEP_FINISHED;
	record.status.finished_outcome = OUTCOME_CONTINUE;
	ck_assert(decode_changed("\"ended\"", "\"ended\"") && !back.foreign);
	ck_assert(decode_changed("\"ended\":{\"step\":\"virusscan\"", "\"ended\":{\"step\":\"none\"") && back.foreign);
	ck_assert_ptr_null(back.result);
}
END_TEST

START_TEST(metadata_of_no_use)
{
	static const char *const changes[] = {"\"metadata\":{},\"x\":{", "\"metadata\":null,\"x\":{",
	                                      "\"metadata\":7,\"x\":{"};
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		ck_assert_msg(decode_changed("\"metadata\":{", changes[i]) && !back.foreign, "%s: %s", changes[i], why);
		ck_assert_str_eq(back.upload->metadata, "");
	}
}
END_TEST

/* Instances of an earlier version do not store when the end was published, but when the last event was published. */
START_TEST(time_of_the_end)
{
	record.status = (struct status){.step = 3,
	                                .phase = PHASE_CONFIRMING,
	                                .outcome = OUTCOME_ABORT,
	                                .due = NOW + MINUTE,
	                                .transition = 4,
	                                .publish = PUBLISH_FINISHED,
	                                .published = 4,
	                                .published_at = NOW + 7,
	                                .ended_at = NOW};
	ck_assert(decode_changed("\"endedAt\":\"2023-11-14T22:13:20.000000005Z\",", ""));
	ck_assert(!back.foreign);
	ck_assert_int_eq(back.status.ended_at, NOW + 7);
	/* Nor does it have to be stored if it is the same. */
	record.status.ended_at = record.status.published_at;
	assert_round_trip();
	record.status.ended_at = NOW;
	record.status.publish = 0;
	ck_assert(decode_changed("\"endedAt\":\"2023-11-14T22:13:20.000000005Z\",", ""));
	ck_assert_int_eq(back.status.ended_at, 0);
}
END_TEST

START_TEST(broken_values)
{
	static const char *const values[] = {"",
	                                     "x",
	                                     "[]",
	                                     "{}",
	                                     "{\"data\":null}",
	                                     "{\"data\":7}",
	                                     "{\"data\":\"\"}",
	                                     "{\"data\":\"e30\"}",
	                                     "{\"data\":\"e30=\"}",
	                                     "{\"data\":\"W10=\"}",
	                                     "{\"data\":\"bnVsbA==\"}"};
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		ck_assert_int_eq(record_decode(values[i], strlen(values[i]), &back, why, sizeof why), RECORD_BROKEN);
		ck_assert_msg(why[0] != '\0', "%s", values[i]);
		ck_assert_ptr_null(back.upload);
	}
}
END_TEST

START_TEST(limits)
{
	struct text inner = {0};
	for (size_t count = UPLOAD_STEPS_LIMIT; count <= UPLOAD_STEPS_LIMIT + 1; count++) {
		text_clear(&inner);
		text_add(&inner, "{\"ID\":\"u\",\"Steps\":[\"s\"");
		for (size_t i = 1; i < count; i++)
			text_format(&inner, ",\"s%zu\"", i);
		text_add(&inner, "],\"Status\":{\"CurrentStep\":\"s\"}}");
		ck_assert_int_eq(decode_inner(inner.data), count == UPLOAD_STEPS_LIMIT);
	}
	for (int length = UPLOAD_STEP_NAME_LIMIT; length <= UPLOAD_STEP_NAME_LIMIT + 1; length++) {
		text_clear(&inner);
		text_format(&inner, "{\"ID\":\"u\",\"Steps\":[\"%0*d\"]}", length, 0);
		ck_assert_int_eq(decode_inner(inner.data), length == UPLOAD_STEP_NAME_LIMIT);
	}
	for (int length = UPLOAD_ID_LIMIT; length <= UPLOAD_ID_LIMIT + 1; length++) {
		text_clear(&inner);
		text_format(&inner, "{\"ID\":\"%0*d\"}", length, 0);
		ck_assert_int_eq(decode_inner(inner.data), length == UPLOAD_ID_LIMIT);
	}
	text_clear(&inner);
	text_format(&inner, "{\"data\":\"%0*d\"}", (int)RECORD_VALUE_LIMIT, 0);
	ck_assert(!decode(&inner));
	ck_assert_msg(strstr(why, "4194304") != NULL, "%s", why);
	text_free(&inner);
}
END_TEST

/* What is published again is about the step that the upload is in. */
START_TEST(nothing_of_a_step_is_said_at_the_end)
{
	static const char format[] =
		"{\"ID\":\"u\",\"Steps\":[\"a\"],\"Status\":{\"CurrentStep\":\"finished\",\"Outcome\":\"abort\"},"
		"\"StepHost\":{\"v\":1,\"owner\":\"o\",\"writer\":\"w\",\"phase\":\"confirming\","
		"\"transition\":3,\"publish\":%u,\"due\":\"2026-01-01T00:00:00Z\"}}";
	static const unsigned publish[] = {PUBLISH_FINISHED, PUBLISH_RETRY, PUBLISH_START | PUBLISH_FINISHED};
	for (size_t i = 0; i < sizeof publish / sizeof publish[0]; i++) {
		struct text inner = {0};
		text_format(&inner, format, publish[i]);
		ck_assert_msg(decode_inner(inner.data) && back.foreign == (i > 0), "publish %u: %s", publish[i], why);
		ck_assert_int_eq(back.status.phase, PHASE_CONFIRMING);
		ck_assert_uint_eq(back.status.publish, i == 0 ? publish[i] : 0);
		text_free(&inner);
	}
}
END_TEST

START_TEST(steps_are_told_apart_by_name)
{
	ck_assert_msg(
		decode_inner("{\"ID\":\"u\",\"Steps\":[\"a\",\"b\",\"a\",\"b\",\"c\"],\"Status\":{\"CurrentStep\":\"c\"}}"),
		"%s", why);
	ck_assert_uint_eq(back.upload->step_count, 3);
	ck_assert_uint_eq(back.status.step, 2);
	ck_assert(!decode_inner("{\"ID\":\"u\",\"Steps\":[\"a\",\"finished\"]}"));
	ck_assert(!decode_inner("{\"ID\":\"u\",\"Steps\":[\"a\",\"\\u001b[2J\"]}"));
}
END_TEST

START_TEST(keys)
{
	char key[RECORD_KEY_SIZE], longest[UPLOAD_ID_LIMIT + 1];
	record_key(NULL, "foobar", key);
	ck_assert_str_eq(key, "MZXW6YTBOI======");
	record_key("fo", "bar", key); /* fo_bar */
	ck_assert_str_eq(key, "MZXV6YTBOI======");
	memset(longest, '\xff', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	record_key(longest, longest, key);
	ck_assert_uint_eq(strlen(key), BASE32_SIZE(2 * UPLOAD_ID_LIMIT + 1) - 1);
	record_key(NULL, longest, key);
	ck_assert_uint_eq(strlen(key), BASE32_SIZE(UPLOAD_ID_LIMIT) - 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {round_trip,
	                              held_and_written_by_an_earlier_version,
	                              numbers_of_a_result,
	                              what_rejected_it,
	                              a_large_result_is_not_kept_for_people,
	                              what_rejected_it_is_no_step,
	                              reason_that_is_no_text,
	                              as_the_others_read_it,
	                              records_of_the_other_implementation,
	                              foreign_records_with_little_in_them,
	                              records_without_steps,
	                              broken_records,
	                              own_part_of_no_use,
	                              metadata_of_no_use,
	                              time_of_the_end,
	                              broken_values,
	                              limits,
	                              nothing_of_a_step_is_said_at_the_end,
	                              steps_are_told_apart_by_name,
	                              size_that_nobody_announced,
	                              url_without_bytes,
	                              keys};
	return suite_run_with("record", setup, teardown, tests, sizeof tests / sizeof tests[0], 4);
}
