/* SPDX-License-Identifier: Apache-2.0
 * Suspended steps: their uploads wait without a run, and without a write. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

#define SCAN 0
#define SLOW 1

static const char *name(unsigned i)
{
	static char id[16];
	snprintf(id, sizeof id, "u-%u", i);
	return id;
}

static void suspend(void)
{
	coordinator_suspend(world.coordinator, SCAN, "no scanner", world.now);
}

static void release(void)
{
	coordinator_release(world.coordinator, SCAN, world.now);
	fake_answer_all(&world);
}

/* The reason is shown at once. */
START_TEST(one_that_begins)
{
	suspend();
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1");
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 1);
	/* However long it takes, and whatever due time the record has. */
	for (unsigned i = 0; i < 20; i++)
		fake_pass(&world, HOUR);
	fake_answer_all(&world);
	fake_expect(&world, "");
	release();
	fake_expect(&world, "load; run scan"); /* it may be over by now */
	ck_assert_uint_eq(world.run[0]->attempt, 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").step, 1);
	ck_assert_uint_eq(stored("u").failures, 0);
}
END_TEST

/* One that was queued without a record gets one soon, as usual. */
START_TEST(one_that_is_held)
{
	world.coalescing = 2 * SECOND;
	fake_restart(&world, FAKE_OWNER);
	for (unsigned i = 0; i < 3; i++) {
		struct text message = {0};
		struct upload *upload = upload_create(
			&(struct upload){.id = name(i), .url = "http://" FAKE_SECRET, .filename = "f", .filesize = 1 << 30});
		event_encode_bytes_received(&message, upload, world.now);
		upload_release(upload);
		fake_deliver(&world, message.data, message.length, i + 1, false);
		text_free(&message);
	}
	fake_expect(&world, "run scan; run scan");
	suspend();
	fake_pass(&world, 2 * SECOND);
	fake_answer_all(&world);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(stored(name(i)).phase, PHASE_QUEUED);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 0);
	release();
	ck_assert_uint_eq(world.runs, 1);
}
END_TEST

/* Their due times come, and then they wait like the others. */
START_TEST(what_was_put_off)
{
	store("b", FAKE_OWNER,
	      (struct status){.phase = PHASE_BACKOFF,
	                      .outcome = OUTCOME_RETRY,
	                      .failures = 2,
	                      .due = world.now + SECOND,
	                      .transition = 3});
	store("w", FAKE_OWNER, (struct status){.phase = PHASE_WAITING, .due = world.now + 2 * SECOND, .transition = 3});
	store("q", FAKE_OWNER, queued);
	suspend();
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 1);
	fake_pass(&world, 2 * SECOND);
	fake_pass(&world, HOUR);
	fake_answer_all(&world);
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 3);
	ck_assert_uint_eq(world.runs, 0);
	ck_assert_uint_eq(stored("b").failures, 2);
	ck_assert_uint_eq(stored("b").transition, 3);
	ck_assert_uint_eq(stored("w").transition, 3);
	ck_assert_uint_eq(stored("q").transition, queued.transition);
	/* Meanwhile another step goes on. */
	store("s", FAKE_OWNER, (struct status){.step = 1, .phase = PHASE_QUEUED, .due = world.now + HOUR, .transition = 3});
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 1);
	ck_assert_uint_eq(world.run[0]->step, SLOW);
	/* They do not all run at once when the step works again. */
	release();
	ck_assert_uint_eq(world.runs, 3);
	for (unsigned i = 0; i < 3; i++) {
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(world.runs, 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	ck_assert_int_eq(stored("b").outcome, OUTCOME_DELETE);
	ck_assert_int_eq(stored("w").outcome, OUTCOME_DELETE);
	ck_assert_int_eq(stored("q").outcome, OUTCOME_DELETE);
}
END_TEST

/* Many more than are remembered, over an orderly restart and a crash: each is run once, and none is marked before. */
START_TEST(many_over_restarts)
{
	unsigned count = 1000, returned = 0;
	suspend();
	for (unsigned i = 0; i < count; i++) {
		fake_begin(&world, name(i), i + 1, false);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(world.runs, 0);
	for (unsigned way = 0; way < 2; way++) {
		if (way == 0)
			coordinator_stopping(world.coordinator);
		fake_pass(&world, SECOND);
		fake_answer_all(&world);
		fake_restart(&world, FAKE_OWNER);
		suspend();
		fake_find_all(&world, NULL);
		fake_answer_all(&world);
		ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), count);
		ck_assert_uint_eq(coordinator_uploads(world.coordinator), count);
	}
	for (unsigned i = 0; i < count; i++)
		ck_assert_uint_eq(stored(name(i)).transition, 1);
	release();
	ck_assert_uint_le(world.runs, 2);
	for (; world.runs > 0 && returned < 2 * count; returned++) {
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(returned, count);
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(stored(name(i)).phase, PHASE_CONFIRMING);
}
END_TEST

/* For check_limit, counted from the arrival of each. */
START_TEST(some_wait_for_too_long)
{
	suspend();
	fake_begin(&world, "first", 1, false);
	fake_answer_all(&world);
	fake_pass(&world, 12 * HOUR);
	fake_begin(&world, "second", 2, false);
	fake_answer_all(&world);
	fake_pass(&world, 12 * HOUR - 2 * MINUTE);
	fake_expect(&world, "put; ack 1; put; ack 2");
	fake_pass(&world, 2 * MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END abort");
	ck_assert_int_eq(stored("first").outcome, OUTCOME_ABORT);
	ck_assert_uint_eq(stored("first").failures, 0);
	ck_assert_str_eq(stored("first").reason, "the step was suspended for longer than check_limit (24h): no scanner");
	ck_assert_int_eq(stored("second").phase, PHASE_QUEUED);
	/* The reason at that time. */
	coordinator_suspend(world.coordinator, SCAN, "no signatures", world.now);
	for (unsigned i = 0; i < 12 * 60 + 2; i++)
		fake_pass(&world, MINUTE);
	fake_answer_all(&world);
	ck_assert_str_eq(stored("second").reason,
	                 "the step was suspended for longer than check_limit (24h): no signatures");
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 0);
}
END_TEST

/* More than are ended at a time, found after a long stop: they get another hour. */
START_TEST(many_wait_for_too_long)
{
	unsigned count = 1000;
	struct status status = queued;
	status.due = world.now - 100 * HOUR;
	for (unsigned i = 0; i < count; i++)
		store(name(i), FAKE_OWNER, status);
	suspend();
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_pass(&world, HOUR - 2 * MINUTE);
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), count);
	for (unsigned i = 0; i < 1000 && coordinator_waiting(world.coordinator, SCAN) > 0; i++) {
		fake_pass(&world, i < 4 ? MINUTE : SECOND);
		ck_assert_uint_le(coordinator_busy(world.coordinator), 100);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 0);
	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(stored(name(i)).phase, PHASE_CONFIRMING);
		ck_assert_uint_eq(stored(name(i)).failures, 0);
	}
}
END_TEST

/* What is asked about while its end is being written. */
START_TEST(released_while_one_ends)
{
	suspend();
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_pass(&world, 24 * HOUR);
	fake_expect(&world, "put; ack 1; put");
	release();
	fake_expect(&world, "publish END abort");
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
	/* The next one has its turn. */
	fake_begin(&world, "v", 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2; run scan");
}
END_TEST

/* The queue knows less than the bucket. */
START_TEST(ended_or_taken_over_meanwhile)
{
	world.living = "there";
	suspend();
	for (unsigned i = 0; i < 400; i++) {
		fake_begin(&world, name(i), i + 1, false);
		fake_answer_all(&world);
	}
	struct status status = stored(name(399));
	store(name(399), "there", status);
	fake_pass(&world, 24 * HOUR + MINUTE);
	fake_answer_all(&world);
	for (unsigned i = 0; i < 100; i++) {
		fake_pass(&world, SECOND);
		fake_answer_all(&world);
	}
	ck_assert_int_eq(stored(name(398)).phase, PHASE_CONFIRMING);
	ck_assert_int_eq(stored(name(399)).phase, PHASE_QUEUED);
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 0);
}
END_TEST

/* Resuming one by hand runs it, whatever the check says; the others still wait. */
START_TEST(resumed_by_hand)
{
	suspend();
	fake_begin(&world, "u", 1, false);
	fake_begin(&world, "v", 2, false);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_resume(&world, "u", "", 3);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 1);
	ck_assert_str_eq(world.run[0]->upload->id, "u");
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 1);
	/* Once is enough. */
	fake_resume(&world, "u", "", 4);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 1);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").failures, 1);
	fake_pass(&world, MINUTE);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 0);
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 2);
	/* One that is to be marked, and one whose backoff is not over. */
	fake_resume(&world, "u", "", 5);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 1);
	ck_assert_int_eq(stored("u").phase, PHASE_RUNNING);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	ck_assert_int_eq(stored("u").phase, PHASE_BACKOFF);
	fake_resume(&world, "u", "", 6);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	ck_assert_int_eq(stored("u").outcome, OUTCOME_DELETE);
	/* A resume of all uploads of a step waits until the step works. */
	text_clear(&world.words);
	fake_resume(&world, "", "scan", 7);
	fake_find_all(&world, world.scan);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 0);
	ck_assert_uint_eq(stored("v").failures, 0);
	release();
	ck_assert_uint_eq(world.runs, 1);
}
END_TEST

/* Turns that were given before are used, and their ends are handled as usual. */
START_TEST(what_runs_already)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	suspend();
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").failures, 1);
	fake_pass(&world, MINUTE);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 0);
	/* Begun again, or over. */
	fake_begin(&world, "u", 2, false);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").failures, 0);
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 1);
	fake_ready(&world, "u", false, 3);
	fake_answer_all(&world);
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, SCAN), 0);
	ck_assert(!is_stored("u"));
}
END_TEST

/* A clock that was wrong by a year when the step was suspended. */
START_TEST(clock_set_back)
{
	nanos today = world.now;
	world.now += 365 * 24 * HOUR;
	coordinator_tick(world.coordinator, world.now);
	suspend();
	world.now = today;
	coordinator_tick(world.coordinator, world.now);
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_pass(&world, 24 * HOUR + MINUTE);
	fake_answer_all(&world);
	ck_assert_int_eq(stored("u").outcome, OUTCOME_ABORT);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		one_that_begins,        one_that_is_held,       what_was_put_off,        many_over_restarts,
		some_wait_for_too_long, many_wait_for_too_long, released_while_one_ends, ended_or_taken_over_meanwhile,
		resumed_by_hand,        what_runs_already,      clock_set_back};
	return coordinator_world_run("coordinator_suspend", tests, sizeof tests / sizeof tests[0]);
}
