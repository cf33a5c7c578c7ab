/* SPDX-License-Identifier: Apache-2.0
 * The first write of a record, delayed until the first step is over. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

#define HOLD (2 * SECOND)

static void start(void)
{
	world.coalescing = HOLD;
	fake_restart(&world, FAKE_OWNER);
}

/* An upload whose first step runs now, without a record. */
static void hold(const char *id, uint64_t sequence)
{
	start();
	fake_begin(&world, id, sequence, false);
	fake_expect(&world, "run scan");
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 1);
}

START_TEST(one_write_for_begin_and_end)
{
	hold("u", 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_expect(&world, "put");
	ck_assert_uint_eq(world.first->expected, 0);
	fake_answer(&world);
	fake_expect(&world, "publish RESULT delete");
	struct record record;
	ck_assert(fake_record(&world, "u", &record));
	ck_assert_str_eq(record.result, "{\"Infected\":true}");
	record_clear(&record);
	fake_answer_all(&world);
	fake_expect(&world, "publish END delete; ack 1");
	ck_assert_int_eq(stored("u").phase, PHASE_CONFIRMING);
	ck_assert_uint_eq(stored("u").begun, 1);
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
	fake_pass(&world, HOLD);
	fake_expect(&world, "");
	fake_ready(&world, "u", false, 2);
	fake_answer_all(&world);
	fake_expect(&world, "remove; ack 2");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(whatever_the_run_returns)
{
	hold("goes on", 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; run slow");
	ck_assert_uint_eq(stored("goes on").step, 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END continue");
	hold("is asked for", 2);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish START; ack 2");
	fake_step_finished(&world, "is asked for", "scan", OUTCOME_ABORT, 3, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END abort; ack 3");
	hold("waits", 4);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + HOUR);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 4");
	fake_pass(&world, HOUR);
	fake_answer_all(&world);
	fake_expect(&world, "load; run scan");
	hold("fails", 5);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish RETRY; ack 5");
	ck_assert_uint_eq(stored("fails").failures, 1);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; run scan");
}
END_TEST

START_TEST(not_for_long)
{
	hold("u", 1);
	fake_pass(&world, HOLD - 1);
	fake_expect(&world, "");
	ck_assert_int_le(coordinator_next(world.coordinator, world.now), world.now + 1);
	fake_pass(&world, 1);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1");
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
	/* From here on everything is as if the write had not been held. */
	fake_start_run(&world);
	fake_pass(&world, MINUTE);
	fake_expect(&world, "cancel scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; run slow");
}
END_TEST

START_TEST(no_longer_than_the_step_may_take)
{
	static const struct pipeline_step quick[] = {
		{.name = "scan", .max_retries = 2, .retry_backoff = SECOND, .deadline = SECOND, MAX_WAITING},
		{.name = "slow", .deadline = HOUR, MAX_WAITING}};
	world.limits = quick;
	hold("u", 1);
	fake_start_run(&world);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1");
	fake_pass(&world, 0);
	fake_expect(&world, "cancel scan");
}
END_TEST

/* The event would be redelivered soon, so the beginning has to be written by then. */
START_TEST(no_longer_than_the_broker_waits)
{
	world.ack_wait = SECOND;
	hold("u", 1);
	fake_pass(&world, SECOND / 4);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1");
}
END_TEST

/* The run ends while the beginning is being written. */
START_TEST(over_a_moment_too_late)
{
	hold("u", 1);
	fake_pass(&world, HOLD);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_expect(&world, "put");
	fake_answer_all(&world);
	fake_expect(&world, "ack 1; put; run slow");
	ck_assert_uint_eq(stored("u").transition, 2);
}
END_TEST

START_TEST(what_may_have_ended_a_service)
{
	start();
	fake_begin(&world, "u", 1, true);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; put; run scan");
	ck_assert_int_eq(stored("u").phase, PHASE_RUNNING);
	/* The broker may have forgotten that it has delivered the event. */
	world.before = 7;
	start();
	fake_begin(&world, "v", 7, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 7; run scan");
	fake_begin(&world, "w", 8, false);
	fake_expect(&world, "run scan");
}
END_TEST

/* First held, then recognised as a suspect. */
START_TEST(ends_the_service_again_and_again)
{
	unsigned died = 0;
	start();
	for (bool acknowledged = false; died < 10 && !(acknowledged && stored("u").phase == PHASE_CONFIRMING); died++) {
		fake_restart(&world, FAKE_OWNER);
		fake_find_all(&world, NULL);
		if (!acknowledged)
			fake_begin(&world, "u", 1, died > 0);
		fake_answer_all(&world);
		acknowledged = acknowledged || died > 0;
		fake_pass(&world, MINUTE);
		fake_answer_all(&world);
	}
	ck_assert_int_eq(stored("u").outcome, OUTCOME_ABORT);
	ck_assert_uint_le(died, 6);
}
END_TEST

/* This process was stopped, the event was redelivered, and another one has begun the upload. */
static void store_of_another(const char *id, uint64_t begun)
{
	struct status status = queued;
	status.begun = begun;
	store(id, "there", status);
	world.living = "there";
}

START_TEST(another_has_begun_it)
{
	hold("u", 1);
	store_of_another("u", 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; ack 1");
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
	ck_assert_uint_eq(stored("u").transition, 1);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(another_has_begun_it_and_it_still_runs)
{
	hold("u", 1);
	store_of_another("u", 1);
	fake_pass(&world, HOLD);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; cancel scan; ack 1");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_expect(&world, "");
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
}
END_TEST

/* The run's end is useless and waits behind the beginning. Its transition number is also that of the existing
 * record. */
START_TEST(another_has_begun_it_and_it_ends_meanwhile)
{
	hold("u", 1);
	store_of_another("u", 1);
	fake_pass(&world, HOLD);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_resume(&world, "u", "", 2);
	fake_answer_all(&world);
	/* Resuming it here makes it an upload of this instance. */
	fake_expect(&world, "put; load; ack 1; put; ack 2; put; run scan");
	ck_assert_int_eq(stored("u").phase, PHASE_RUNNING);
	ck_assert_uint_eq(stored("u").transition, 3);
}
END_TEST

/* So long ago that its marker was removed. */
START_TEST(stopped_for_hours)
{
	hold("u", 1);
	world.now += 3 * HOUR;
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_expect(&world, "drop 1");
	hold("v", 2);
	fake_pass(&world, 3 * HOUR);
	fake_expect(&world, "cancel scan; drop 2");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
}
END_TEST

START_TEST(begun_again)
{
	store("u", FAKE_OWNER, queued);
	hold("u", 5);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; ack 5; put; run scan"); /* the process before this one may have died of it */
	ck_assert_uint_eq(stored("u").begun, 5);
	ck_assert_int_eq(stored("u").phase, PHASE_RUNNING);
	/* Too late, and behind others that wait. */
	hold("u", 6);
	fake_pass(&world, HOLD);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer(&world);
	fake_answer(&world);
	fake_expect(&world, "put; load; put");
	fake_ready(&world, "u", false, 7);
	fake_answer_all(&world);
	fake_expect(&world, "ack 6; remove; ack 7");
	/* There is a marker now. */
	hold("u", 8);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; ack 8; run scan");
}
END_TEST

/* If a record is known to exist, or may exist, the new one is written at once. */
START_TEST(not_if_there_is_a_record)
{
	hold("u", 1);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish START; ack 1");
	fake_begin(&world, "u", 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2; run scan");
	coordinator_doubt(world.coordinator, world.now);
	fake_begin(&world, "u", 3, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; cancel scan; ack 3; run scan");
}
END_TEST

/* Only its due time is remembered: it has a record. */
START_TEST(not_if_it_waits)
{
	store("u", FAKE_OWNER,
	      (struct status){.step = 0, .phase = PHASE_BACKOFF, .failures = 1, .due = world.now + HOUR, .transition = 1});
	start();
	fake_find_all(&world, NULL);
	fake_begin(&world, "u", 5, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; ack 5; put; run scan");
}
END_TEST

START_TEST(begun_again_after_the_end)
{
	run_to_end("u", 5);
	fake_ready(&world, "u", false, 6);
	fake_answer_all(&world);
	hold("u", 5); /* which only the marker shows */
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; ack 5");
	ck_assert(!is_stored("u"));
}
END_TEST

/* It stays unknown whether the write was stored, for longer than the broker remembers its ID. */
static void write_into_the_dark(void)
{
	fake_fail(&world, REQUEST_UNKNOWN, true);
	world.now += 2 * FAKE_MEMORY;
	coordinator_tick(world.coordinator, world.now);
}

START_TEST(write_that_is_not_answered)
{
	hold("u", 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	write_into_the_dark();
	fake_answer_all(&world);
	fake_expect(&world, "put; put; load; load; look; publish RESULT delete; look; publish END delete; ack 1");
	hold("v", 2);
	fake_pass(&world, HOLD);
	write_into_the_dark();
	fake_answer_all(&world);
	fake_expect(&world, "put; put; load; ack 2"); /* the run goes on */
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; run slow");
}
END_TEST

START_TEST(without_a_broker)
{
	hold("u", 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	for (unsigned i = 0; i < 3; i++) {
		fake_fail(&world, REQUEST_UNAVAILABLE, false);
		fake_pass(&world, 10 * SECOND);
	}
	fake_answer_all(&world);
	fake_expect(&world, "put; put; put; put; ack 1; run slow");
}
END_TEST

START_TEST(stopping)
{
	hold("u", 1);
	coordinator_stopping(world.coordinator);
	fake_pass(&world, 0);
	fake_expect(&world, "put");
	/* It gets the grace period. */
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "ack 1; put");
	ck_assert_uint_eq(stored("u").step, 1);
	hold("v", 2);
	coordinator_stopping(world.coordinator);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0); /* the service's own stop is not a failure */
	fake_pass(&world, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2");
	ck_assert_int_eq(stored("v").phase, PHASE_QUEUED);
	ck_assert_uint_eq(stored("v").failures, 0);
	fake_begin(&world, "w", 3, false);
	fake_expect(&world, "put");
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
}
END_TEST

START_TEST(abandoned)
{
	hold("u", 1);
	coordinator_abandon(world.coordinator);
	fake_expect(&world, "drop 1");
}
END_TEST

/* Other events of the upload wait meanwhile. */
START_TEST(others_wait)
{
	hold("u", 1);
	fake_ready(&world, "u", false, 2);
	fake_begin(&world, "u", 3, false);
	fake_expect(&world, "");
	fake_pass(&world, HOLD);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; remove; cancel scan; ack 2; run scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_ABORT, 0); /* the first one's */
	fake_expect(&world, "");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 3; run slow");
}
END_TEST

static const char *name(unsigned i)
{
	static char id[16];
	snprintf(id, sizeof id, "u-%u", i);
	return id;
}

/* `scan` has turns for 66 of them: the others are queued, and at most 80 are held. */
static void begin_a_hundred(void)
{
	start();
	for (unsigned i = 0; i < 100; i++)
		fake_begin(&world, name(i), i + 1, false);
	ck_assert_uint_eq(world.runs, 66);
	fake_answer_all(&world);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(is_stored(name(i)), i >= FAKE_HOLD_LIMIT);
	text_clear(&world.words);
}

/* Ends all runs, and those that follow. */
static void end_runs(void)
{
	for (unsigned i = 0; i < 200 && world.runs > 0; i++) {
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(world.runs, 0);
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
}

static unsigned writes(void)
{
	unsigned count = 0;
	for (const char *at = world.words.data; (at = strstr(at, "put")) != NULL; at++)
		count++;
	return count;
}

START_TEST(in_the_queue)
{
	begin_a_hundred();
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	fake_begin(&world, "later", 101, false); /* there is room for one more */
	ck_assert(!is_stored("later"));
	end_runs();
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(stored(name(i)).phase, PHASE_CONFIRMING);
	ck_assert_int_eq(stored("later").phase, PHASE_CONFIRMING);
	ck_assert_uint_eq(writes(), 101);
}
END_TEST

/* Their time is over, whether they run or not, and all of them continue. */
START_TEST(in_the_queue_for_long)
{
	begin_a_hundred();
	fake_pass(&world, HOLD);
	/* Some get their turn while they are written. */
	for (unsigned i = 0; i < 40; i++)
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	end_runs();
	ck_assert_uint_eq(writes(), 80 + 100);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(stored(name(i)).phase, PHASE_CONFIRMING);
}
END_TEST

/* Another instance has begun one that is queued, and one whose turn comes while its record is refused. */
START_TEST(in_the_queue_for_nothing)
{
	begin_a_hundred();
	store_of_another(name(79), 80);
	store_of_another(name(66), 67);
	fake_pass(&world, HOLD);
	for (unsigned i = 0; i < 40; i++)
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	end_runs();
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(stored(name(i)).phase, (i == 79 || i == 66 ? PHASE_QUEUED : PHASE_CONFIRMING));
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 98);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {one_write_for_begin_and_end,
	                              whatever_the_run_returns,
	                              not_for_long,
	                              no_longer_than_the_step_may_take,
	                              no_longer_than_the_broker_waits,
	                              over_a_moment_too_late,
	                              what_may_have_ended_a_service,
	                              ends_the_service_again_and_again,
	                              another_has_begun_it,
	                              another_has_begun_it_and_it_still_runs,
	                              another_has_begun_it_and_it_ends_meanwhile,
	                              stopped_for_hours,
	                              begun_again,
	                              not_if_there_is_a_record,
	                              not_if_it_waits,
	                              begun_again_after_the_end,
	                              write_that_is_not_answered,
	                              without_a_broker,
	                              stopping,
	                              abandoned,
	                              others_wait,
	                              in_the_queue,
	                              in_the_queue_for_long,
	                              in_the_queue_for_nothing};
	return coordinator_world_run("coordinator_coalescing", tests, sizeof tests / sizeof tests[0]);
}
