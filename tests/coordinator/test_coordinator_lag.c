/* SPDX-License-Identifier: Apache-2.0
 * Uploads that wait for an answer that may be on its way, behind other events, or in a broker that is away. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

/* The upload `u` is in a step that another service was asked to do. */
static void await_answer(nanos timeout)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + timeout);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; run scan; put; publish START");
}

static void connect_again(bool behind)
{
	coordinator_set_stream(world.coordinator,
	                       &(struct stream_facts){.created = FAKE_STREAM,
	                                              .last = 1000,
	                                              .duplicate_window = FAKE_MEMORY,
	                                              .ack_wait = world.ack_wait,
	                                              .coalescing_limit = FAKE_HOLD_LIMIT,
	                                              .behind = behind},
	                       world.now);
}

static void pass(nanos duration, nanos step)
{
	for (nanos passed = 0; passed < duration; passed += step) {
		fake_pass(&world, step);
		fake_answer_all(&world);
	}
}

/* While there is a backlog, the answer that an upload waits for may be part of it. */
START_TEST(answers_that_are_on_their_way)
{
	static const enum outcome ends[] = {OUTCOME_CONTINUE, OUTCOME_DELETE};
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	for (size_t i = 0; i < 2; i++) {
		fake_return(&world, RETURNED_VERDICT, ends[i], 0);
		fake_answer_all(&world);
	}
	fake_expect(&world, "put; ack 1; run scan; put; run slow; put; publish RESULT delete; publish END delete");
	world.stored = world.now + SECOND;
	for (uint64_t i = 0; i < 4; i++) { /* 75 s for a second of the stream */
		world.pending = 10 - i;
		fake_ready(&world, "other", false, 2 + i);
		fake_answer_all(&world);
		fake_pass(&world, 25 * SECOND);
		fake_answer_all(&world);
		world.stored += SECOND / 4;
	}
	fake_expect(&world, "load; ack 2; load; ack 3; load; ack 4; load; ack 5");
	world.pending = 0;
	fake_ready(&world, "other", false, 6);
	fake_pass(&world, 2 * MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; ack 6; publish END delete");
}
END_TEST

/* For deferred uploads, not even the records are read. */
START_TEST(answers_to_those_at_rest)
{
	await_answer(HOUR);
	fake_pass(&world, HOUR - MINUTE);
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	text_clear(&world.words);
	nanos due = world.now + MINUTE;
	world.stored = due - SECOND;
	world.pending = 2;
	for (uint64_t i = 0; i < 3; i++) {
		fake_ready(&world, "other", false, 2 + i);
		fake_answer_all(&world);
		fake_pass(&world, 50 * SECOND);
		fake_answer_all(&world);
		ck_assert_int_ge(coordinator_next(world.coordinator, world.now), world.now + SECOND);
	}
	fake_expect(&world, "load; ack 2; load; ack 3; load; ack 4");
	world.stored = due;
	fake_ready(&world, "other", false, 5);
	fake_pass(&world, 0);
	fake_answer_all(&world);
	fake_expect(&world, "load; load; ack 5; put; publish RETRY");
}
END_TEST

/* Nothing has come for long, so a reported backlog is no reason to wait. */
START_TEST(answers_that_do_not_come)
{
	await_answer(MINUTE);
	world.stored = world.now;
	world.pending = 4;
	fake_ready(&world, "other", false, 2);
	fake_answer_all(&world);
	fake_pass(&world, 3 * MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 2; put; publish RETRY");
}
END_TEST

/* A backlog of a night is read within a moment: an upload that is due then does not wait for a night. */
static void catch_up(void)
{
	world.stored = world.now - 8 * HOUR;
	world.pending = 1000;
	fake_ready(&world, "other", false, 2);
	pass(10 * MILLISECOND, 10 * MILLISECOND);
	world.stored = world.now;
	world.pending = 0;
	fake_ready(&world, "other", false, 3);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 2; load; ack 3");
}

START_TEST(a_deadline_after_a_backlog)
{
	await_answer(MINUTE);
	world.now += MINUTE;
	catch_up();
	pass(10 * SECOND, SECOND);
	fake_expect(&world, "put; publish RETRY");
}
END_TEST

START_TEST(a_confirmation_after_a_backlog)
{
	run_to_end("u", 1);
	text_clear(&world.words);
	world.now += MINUTE;
	catch_up();
	pass(10 * SECOND, SECOND);
	fake_expect(&world, "put; publish END continue");
}
END_TEST

/* The answer was "again". Its write was not answered, and turns out to be done: nobody waited for its backoff of a
 * second. */
START_TEST(a_backoff_after_a_backlog)
{
	await_answer(MINUTE);
	world.now += MINUTE;
	world.stored = world.now - HOUR;
	world.pending = 1000;
	fake_ready(&world, "other", false, 2);
	pass(10 * MILLISECOND, 10 * MILLISECOND);
	world.stored = world.now - SECOND;
	world.pending = 0;
	fake_step_finished(&world, "u", "scan", OUTCOME_RETRY, 3, false);
	fake_fail(&world, REQUEST_UNKNOWN, true);
	world.seen->message_id[0] = '\0'; /* the broker no longer remembers it */
	coordinator_retry(world.coordinator, world.now);
	pass(10 * MILLISECOND, 10 * MILLISECOND);
	fake_expect(&world, "load; ack 2; put; put; load; publish RETRY; ack 3");
	pass(2 * SECOND, SECOND);
	fake_expect(&world, "put; run scan");
}
END_TEST

/* It waited here for an answer until tomorrow. Another instance took the answer, "again", and died: its backoff is
 * claimed. */
START_TEST(a_backoff_of_another_instance)
{
	await_answer(24 * HOUR);
	fake_pass(&world, MINUTE);
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	store("u", "there",
	      (struct status){.phase = PHASE_BACKOFF,
	                      .outcome = OUTCOME_RETRY,
	                      .awaited = true,
	                      .failures = 1,
	                      .due = world.now + MINUTE,
	                      .transition = 7,
	                      .published = 7,
	                      .begun = 1,
	                      .stream = FAKE_STREAM});
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	text_clear(&world.words);
	pass(MINUTE + SECOND, SECOND);
	fake_expect(&world, "put; run scan");
}
END_TEST

/* Nothing has arrived on the new connection yet. */
START_TEST(connected_again_in_a_backlog)
{
	await_answer(MINUTE);
	world.stored = world.now;
	world.pending = 1000;
	fake_ready(&world, "other", false, 2);
	fake_answer_all(&world);
	world.now += MINUTE;
	connect_again(true);
	pass(MINUTE - SECOND, SECOND);
	fake_expect(&world, "load; ack 2");
	pass(10 * SECOND, SECOND);
	fake_expect(&world, "put; publish RETRY; put; run scan");
}
END_TEST

/* Without a time limit; a delay ends nevertheless. */
START_TEST(without_a_connection)
{
	fake_begin(&world, "waits", 2, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + 2 * HOUR);
	fake_answer_all(&world);
	text_clear(&world.words);
	await_answer(MINUTE);
	coordinator_cut_off(world.coordinator);
	pass(2 * HOUR - MINUTE, MINUTE);
	fake_expect(&world, "");
	pass(MINUTE, MINUTE);
	fake_expect(&world, "load; run scan");
	connect_again(true);
	fake_pass(&world, 0);
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, 3, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 3; run slow");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		answers_that_are_on_their_way, answers_to_those_at_rest,       answers_that_do_not_come,
		a_deadline_after_a_backlog,    a_confirmation_after_a_backlog, a_backoff_after_a_backlog,
		a_backoff_of_another_instance, connected_again_in_a_backlog,   without_a_connection};
	return coordinator_world_run("coordinator lag", tests, sizeof tests / sizeof tests[0]);
}
