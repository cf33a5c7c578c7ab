/* SPDX-License-Identifier: Apache-2.0
 * What steps said is in the record, and later steps get it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/coordinator/coordinator_world.h"

/* The history in the bucket, with the result that the record has anyway. */
static void assert_history(const char *id, const char *expected)
{
	struct record record;
	ck_assert(fake_record(&world, id, &record));
	char *history = record_history(&record);
	ck_assert_pstr_eq(history, expected);
	free(history);
	record_clear(&record);
}

static void say(const char *verdict, const char *details, const char *result)
{
	world.verdict = verdict;
	world.details = details;
	world.result = result;
}

static void begin(const char *id, uint64_t sequence)
{
	fake_begin(&world, id, sequence, false);
	fake_answer_all(&world);
}

static void end_step(enum outcome outcome)
{
	fake_return(&world, RETURNED_VERDICT, outcome, 0);
	fake_answer_all(&world);
}

/* Most records have none. */
START_TEST(nothing_was_said)
{
	struct record record;
	begin("u", 1);
	ck_assert_ptr_null(world.run[0]->history);
	end_step(OUTCOME_CONTINUE);
	ck_assert_ptr_null(world.run[0]->history);
	ck_assert_uint_eq(world.run[0]->place, 1);
	end_step(OUTCOME_CONTINUE);
	ck_assert(fake_record(&world, "u", &record));
	ck_assert_ptr_null(record.history);
	record_clear(&record);
}
END_TEST

#define SCAN "{\"step\":\"scan\",\"verdict\":\"clean\",\"details\":{\"a\":1},\"result\":[7]}"

enum way { WRITTEN_TWICE, WRITTEN_ONCE, DECIDED_AGAIN, FOUND_BY_ANOTHER };

static void pass_on(enum way way)
{
	if (way == WRITTEN_ONCE) {
		world.coalescing = 2 * SECOND;
		fake_restart(&world, FAKE_OWNER);
	}
	begin("u", 1);
	say("clean", "{\"a\":1}", "[7]");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	if (way == DECIDED_AGAIN) { /* the record is written meanwhile, so the job decides again */
		struct record record;
		ck_assert(fake_record(&world, "u", &record));
		fake_store(&world, &record);
		record_clear(&record);
	}
	fake_answer_all(&world);
	assert_history("u", "[" SCAN "]");
	say(NULL, NULL, NULL);
	if (way == FOUND_BY_ANOTHER) {
		fake_restart(&world, FAKE_OWNER);
		fake_find_all(&world, NULL);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(world.runs, 1);
	ck_assert_uint_eq(world.run[0]->place, 1);
	ck_assert_pstr_eq(world.run[0]->history, "[" SCAN "]");
	/* A wait is no verdict. */
	say("ignored", NULL, "[8]");
	fake_return(&world, RETURNED_WAIT, OUTCOME_RETRY, world.now + MINUTE);
	fake_answer_all(&world);
	assert_history("u", "[" SCAN "]");
	fake_pass(&world, MINUTE);
	fake_answer_all(&world);
	ck_assert_pstr_eq(world.run[0]->history, "[" SCAN "]");
	say("small", NULL, NULL);
	end_step(OUTCOME_DELETE);
	assert_history("u", "[" SCAN ",{\"step\":\"slow\",\"verdict\":\"small\",\"result\":{\"Infected\":true}}]");
	fake_ready(&world, "u", true, 2);
	fake_answer_all(&world);
	assert_history("u", "[" SCAN ",{\"step\":\"slow\",\"verdict\":\"small\",\"result\":{\"Infected\":true}}]");
}

START_TEST(a_later_step_gets_it)
{
	pass_on(WRITTEN_TWICE);
}
END_TEST

START_TEST(written_once)
{
	pass_on(WRITTEN_ONCE);
}
END_TEST

START_TEST(decided_again)
{
	pass_on(DECIDED_AGAIN);
}
END_TEST

START_TEST(found_by_another_process)
{
	pass_on(FOUND_BY_ANOTHER);
}
END_TEST

START_TEST(a_new_life_has_none)
{
	begin("u", 1);
	say("clean", NULL, "[7]");
	end_step(OUTCOME_CONTINUE);
	assert_history("u", "[{\"step\":\"scan\",\"verdict\":\"clean\",\"result\":[7]}]");
	fake_begin_at(&world, "u", "http://elsewhere/", 2, world.now);
	fake_answer_all(&world);
	assert_history("u", NULL);
}
END_TEST

START_TEST(a_step_that_was_passed)
{
	static const struct pipeline_step passing[] = {
		{.name = "scan", .deadline = MINUTE, .continue_when_exhausted = true, MAX_WAITING},
		{.name = "slow", .deadline = MINUTE, MAX_WAITING}};
	world.limits = passing;
	fake_restart(&world, FAKE_OWNER);
	begin("u", 1);
	say("ignored", NULL, NULL);
	snprintf(world.run[0]->reason, REASON_SIZE, "no server");
	end_step(OUTCOME_RETRY);
	ck_assert_pstr_eq(world.run[0]->history, "[{\"step\":\"scan\",\"passed\":true,\"reason\":\"no server\"}]");
}
END_TEST

START_TEST(the_answer_of_another_service)
{
	begin("u", 1);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_RETRY, world.now + MINUTE);
	fake_answer_all(&world);
	say(NULL, NULL, "{\"pages\":3}");
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, 5, false);
	fake_answer_all(&world);
	assert_history("u", "[{\"step\":\"scan\",\"result\":{\"pages\":3}}]");
	ck_assert_pstr_eq(world.run[0]->history, "[{\"step\":\"scan\",\"result\":{\"pages\":3}}]");
}
END_TEST

static bool is_logged(const char *words)
{
	char text[1 << 16];
	ssize_t length = pread(world.log.fd, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	return strstr(text, words) != NULL;
}

/* Why an upload is held is shown, and stays when it is released. */
START_TEST(a_step_that_holds)
{
	begin("u", 1);
	say("macros", "{\"n\":2}", "[7]");
	fake_return(&world, RETURNED_HOLD, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	assert_history("u", "[{\"step\":\"scan\",\"verdict\":\"macros\",\"details\":{\"n\":2},\"result\":[7]}]");
	/* It runs again, and holds the upload for another reason. */
	fake_resume(&world, "u", "", 2);
	fake_answer_all(&world);
	say("unknown", NULL, NULL);
	fake_return(&world, RETURNED_HOLD, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	assert_history("u", "[{\"step\":\"scan\",\"verdict\":\"unknown\"}]");
	struct text message = {0};
	event_encode_hold_ended(&message, "u", "scan", OUTCOME_CONTINUE, "me", NULL, NULL, world.now);
	fake_deliver(&world, message.data, message.length, 3, false);
	fake_answer_all(&world);
	/* The event comes again, and then somebody decides once more, which has no effect. */
	fake_deliver(&world, message.data, message.length, 3, true);
	fake_answer_all(&world);
	ck_assert(!is_logged("has no effect"));
	fake_deliver(&world, message.data, message.length, 4, false);
	text_free(&message);
	fake_answer_all(&world);
	ck_assert(is_logged("upload u: the decision (continue, me) has no effect: the upload is not held in that step"));
	ck_assert_uint_eq(world.runs, 1);
	ck_assert_uint_eq(world.run[0]->place, 1);
	ck_assert_pstr_eq(world.run[0]->history, "[{\"step\":\"scan\",\"verdict\":\"unknown\"}]");
}
END_TEST

/* The bytes that a record takes. */
START_TEST(sizes)
{
	struct record record;
	size_t length[4];
	for (unsigned i = 0; i < 4; i++) {
		struct text value = {0};
		char id[2] = {(char)('a' + i), '\0'};
		begin(id, i + 1);
		say(i == 1 ? "clean" : NULL, NULL, i == 2 ? "{\"Infected\":false}" : NULL);
		end_step(OUTCOME_CONTINUE);
		say(NULL, NULL, NULL);
		if (i == 3 || i == 2) {
			fake_return(&world, RETURNED_WAIT, OUTCOME_RETRY, world.now + MINUTE);
			fake_answer_all(&world);
		}
		ck_assert(fake_record(&world, id, &record));
		record_encode(&value, &record);
		length[i] = value.length;
		record_clear(&record);
		text_free(&value);
		fake_close(&world);
		fake_open(&world);
	}
	printf(
		"bytes of a record in its second step: %zu; with a verdict of the first: %zu; in its wait: %zu, with a result of "
		"the first: %zu\n",
		length[0], length[1], length[3], length[2]);
	/* 38 characters, in base64. */
	ck_assert_uint_le(length[1] - length[0], 72);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {nothing_was_said,
	                              a_later_step_gets_it,
	                              written_once,
	                              decided_again,
	                              found_by_another_process,
	                              a_new_life_has_none,
	                              a_step_that_was_passed,
	                              the_answer_of_another_service,
	                              a_step_that_holds,
	                              sizes};
	return coordinator_world_run("coordinator history", tests, sizeof tests / sizeof tests[0]);
}
