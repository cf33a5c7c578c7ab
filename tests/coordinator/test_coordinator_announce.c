/* SPDX-License-Identifier: Apache-2.0
 * A step that the service does itself is announced when an upload enters it: at once, at most once, and without
 * waiting for a record. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/upload/message_id.h"
#include "tests/coordinator/coordinator_world.h"

#define HOLD (2 * SECOND)

static const bool both[] = {true, true}, first[] = {true, false};

static void start(const bool *announces, nanos hold)
{
	world.announces = announces;
	world.coalescing = hold;
	fake_restart(&world, FAKE_OWNER);
}

START_TEST(each_step_when_it_is_entered)
{
	start(both, 0);
	fake_begin(&world, "u", 7, false);
	/* Before there is a record, which may take a while. */
	fake_expect(&world, "announce scan; put");
	ck_assert_str_eq(world.announced, "u.7.step0");
	fake_answer_all(&world);
	fake_expect(&world, "ack 7; run scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_expect(&world, "put");
	fake_answer(&world);
	fake_expect(&world, "announce slow; run slow");
	ck_assert_str_eq(world.announced, "u.7.step1");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END continue");
}
END_TEST

START_TEST(while_its_record_is_put_off)
{
	start(both, HOLD);
	fake_begin(&world, "u", 7, false);
	fake_expect(&world, "announce scan; run scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; announce slow; ack 7; run slow");
	/* It outlasts the limit. */
	fake_begin(&world, "v", 8, false);
	fake_pass(&world, HOLD);
	fake_answer_all(&world);
	fake_expect(&world, "announce scan; run scan; put; ack 8");
}
END_TEST

/* Not when it is retried, continues after a wait, is resumed, or found. */
START_TEST(once_only)
{
	start(both, 0);
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	fake_expect(&world, "announce scan; put; ack 1; run scan; put; publish RETRY");
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + SECOND);
	fake_answer_all(&world);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; run scan; put; run scan");
	start(both, 0);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	ck_assert_ptr_null(world.words.data != NULL ? strstr(world.words.data, "announce") : NULL);
	text_clear(&world.words);
	/* The event of an upload is redelivered: its first receiver may have announced the step. */
	fake_begin(&world, "v", 2, true);
	fake_answer_all(&world);
	ck_assert_ptr_null(strstr(world.words.data, "announce"));
}
END_TEST

/* A conflict: the step was announced before the record was known. */
START_TEST(begun_on_a_record)
{
	start(both, 0);
	store("u", FAKE_OWNER, (struct status){.step = 2, .phase = PHASE_ENDED, .outcome = OUTCOME_ABORT, .transition = 3});
	fake_begin(&world, "u", 5, false);
	fake_answer_all(&world);
	fake_expect(&world, "announce scan; put; load; put; ack 5; run scan");
	/* If the record is known, the step is announced when the record is durable. */
	fake_begin(&world, "u", 6, false);
	fake_expect(&world, "put");
	fake_answer_all(&world);
	fake_expect(&world, "cancel scan; announce scan; ack 6; run scan");
}
END_TEST

START_TEST(not_what_others_are_asked)
{
	start(first, 0);
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "announce scan; put; ack 1; run scan; put; run slow");
	start(NULL, 0);
	fake_begin(&world, "v", 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2; run scan");
	/* A module that asks other services is recognised by its first run. */
	start(both, 0);
	fake_begin(&world, "w", 3, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "announce scan; put; ack 3; run scan; put; publish START");
	fake_begin(&world, "x", 4, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 4; run scan");
}
END_TEST

static size_t logged(const char *words)
{
	char text[1 << 16];
	ssize_t length = pread(world.log.fd, text, sizeof text - 1, 0);
	ck_assert_int_ge(length, 0);
	text[length] = '\0';
	size_t count = 0;
	for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
		count++;
	return count;
}

START_TEST(answers_of_others)
{
	start(both, 0);
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	text_clear(&world.words);
	/* While the step runs, and when it is over; the upload goes on as if there had been no answer. */
	fake_step_finished(&world, "u", "scan", OUTCOME_DELETE, 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 2");
	ck_assert_uint_eq(logged(" error "), 1);
	ck_assert_uint_eq(logged("step scan: another service runs it as well"), 1);
	ck_assert_uint_eq(logged("announce_steps = false"), 1);
	ck_assert_uint_eq(logged("EXCLUDE_RUN_SERVICES"), 2);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_step_finished(&world, "u", "scan", OUTCOME_DELETE, 3, false);
	fake_answer_all(&world);
	ck_assert_uint_eq(logged(" error "), 1); /* once for each step */
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_step_finished(&world, "u", "slow", OUTCOME_DELETE, 4, false);
	fake_answer_all(&world);
	ck_assert_uint_eq(logged("step slow: another service runs it as well"), 1);
	ck_assert_int_eq(stored("u").outcome, OUTCOME_CONTINUE);
}
END_TEST

/* Answers about unknown uploads, or about a step that other services are asked to do, are not unwanted answers; nor
 * are our own messages. */
START_TEST(answers_that_are_none_of_others)
{
	start(first, 0);
	fake_step_finished(&world, "nobody", "scan", OUTCOME_DELETE, 2, false);
	fake_answer_all(&world);
	fake_begin(&world, "u", 3, false);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_step_finished(&world, "u", "slow", OUTCOME_CONTINUE, 4, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 4");
	world.message_id = "u.3.2.1";
	fake_step_finished(&world, "u", "scan", OUTCOME_DELETE, 5, false);
	fake_answer_all(&world);
	fake_expect(&world, "ack 5");
	ck_assert_uint_eq(logged(" error "), 0);
	/* Only another service can have sent it. */
	world.message_id = "test.7";
	fake_step_finished(&world, "u", "scan", OUTCOME_DELETE, 6, false);
	fake_answer_all(&world);
	ck_assert_uint_eq(logged(" error "), 1);
}
END_TEST

START_TEST(message_ids)
{
	static const char *const results[] = {"u.1.2.1", "u.0.0.1", "u.18446744073709551615.3.1"};
	static const char *const others[] = {"",        "u",        "u.",       "u.1",     "u.1.2",    "u.1.2.",
	                                     "u.1.2.2", "u.1.2.11", "u.1.2.1.", "v.1.2.1", "uu.1.2.1", "u..2.1",
	                                     "u.1..1",  "u.x.2.1",  "u.1.2.1 ", "test.1",  "u.1.step0"};
	for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
		ck_assert_msg(message_id_is_result(results[i], "u"), "%s", results[i]);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		ck_assert_msg(!message_id_is_result(others[i], "u"), "%s", others[i]);
	ck_assert(!message_id_is_result(NULL, "u") && !message_id_is_announcement(NULL));
	ck_assert(message_id_is_result("u.1.2.7.3.1", "u.1.2"));
	char id[MESSAGE_ID_SIZE];
	const struct status status = {.begun = 12, .published = 34, .step = 5};
	message_id_make(id, "a.b", &status, PUBLISH_STEP_FINISHED);
	ck_assert_str_eq(id, "a.b.12.34.1");
	ck_assert(message_id_is_result(id, "a.b") && !message_id_is_announcement(id));
	message_id_make_announcement(id, "a.b", &status);
	ck_assert_str_eq(id, "a.b.12.step5");
	ck_assert(!message_id_is_result(id, "a.b") && message_id_is_announcement(id));
	ck_assert(!message_id_is_announcement("u.step") && !message_id_is_announcement("u.step1x") &&
	          !message_id_is_announcement("u.1.2.1"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {each_step_when_it_is_entered,
	                              while_its_record_is_put_off,
	                              once_only,
	                              begun_on_a_record,
	                              not_what_others_are_asked,
	                              answers_of_others,
	                              answers_that_are_none_of_others,
	                              message_ids};
	return coordinator_world_run("coordinator announce", tests, sizeof tests / sizeof tests[0]);
}
