/* SPDX-License-Identifier: Apache-2.0
 * Brokers that lose what they have acknowledged: a record falls back to an older one, or disappears without a
 * marker. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

static void lose(const char *id)
{
	fake_lose(&world, id, NULL, 0);
}

/* In its first step, which runs. */
static void begin_run(void)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; run scan");
}

/* Deferred: only its ID and that it is due in ten seconds is remembered. */
static void wait_at_rest(void)
{
	store("u", FAKE_OWNER,
	      (struct status){.step = 0, .phase = PHASE_WAITING, .due = world.now + 10 * SECOND, .transition = 1});
	fake_find_all(&world, NULL);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 1);
}

static void expect_end(enum outcome outcome)
{
	struct status status = stored("u");
	ck_assert_int_eq(status.phase, PHASE_CONFIRMING);
	ck_assert_int_eq(status.outcome, outcome);
}

START_TEST(remembered)
{
	begin_run();
	lose("u");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; publish RESULT delete; publish END delete");
	expect_end(OUTCOME_DELETE);
	ck_assert_uint_eq(stored("u").transition, 2);
}
END_TEST

START_TEST(remembered_and_older)
{
	struct record older;
	begin_run();
	uint64_t revision = world.revision;
	ck_assert(fake_record(&world, "u", &older));
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; run slow");
	fake_lose(&world, "u", &older, revision);
	record_clear(&older);
	/* It is not in `scan` any more, whatever the broker answers. */
	fake_step_finished(&world, "u", "slow", OUTCOME_RETRY, 5, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; ack 5");
	ck_assert_uint_eq(stored("u").step, 1);
	ck_assert_uint_eq(stored("u").transition, 2);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END continue");
	expect_end(OUTCOME_CONTINUE);
}
END_TEST

START_TEST(remembered_when_it_is_removed)
{
	run_to_end("u", 1);
	lose("u");
	fake_ready(&world, "u", false, 2);
	fake_answer_all(&world);
	fake_expect(&world, "remove; load; remove; ack 2");
	ck_assert(!is_stored("u"));
}
END_TEST

/* The process was stopped between its decision and the publish. It publishes what the record says, including its
 * result. */
START_TEST(remembered_while_it_is_published)
{
	begin_run();
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	world.now += 3 * MINUTE;
	fake_answer(&world);
	lose("u");
	fake_answer(&world);
	fake_expect(&world, "put; load; put");
	fake_fail(&world, REQUEST_UNKNOWN, true);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; look; publish RESULT delete; look; publish END delete");
	struct record record;
	ck_assert(fake_record(&world, "u", &record));
	ck_assert_str_eq(record.result, "{\"Infected\":true}");
	record_clear(&record);
	expect_end(OUTCOME_DELETE);
}
END_TEST

/* Its owner was thought dead and is back; but the scan of the bucket that it made did not show this record. */
START_TEST(lost_while_it_is_claimed)
{
	store("u", "there",
	      (struct status){.step = 0, .phase = PHASE_WAITING, .due = world.now + 10 * SECOND, .transition = 1});
	fake_find_all(&world, NULL);
	lose("u");
	world.living = "there";
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put");
	fake_pass(&world, 10 * SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "load; run scan");
}
END_TEST

/* Another instance was faster: its record counts, before the decision and after it. */
START_TEST(taken_over_meanwhile)
{
	begin_run();
	lose("u");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer(&world);
	fake_answer(&world);
	fake_expect(&world, "put; load; put");
	world.living = "there";
	store("u", "there", (struct status){.step = 1, .phase = PHASE_QUEUED, .due = world.now + MINUTE, .transition = 5});
	fake_answer_all(&world);
	fake_expect(&world, "load");
	ck_assert_uint_eq(stored("u").transition, 5);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(taken_over_while_it_is_published)
{
	struct status status = {
		.step = 0, .phase = PHASE_AWAITING, .awaited = true, .due = world.now + HOUR, .transition = 1};
	store("u", FAKE_OWNER, status);
	fake_resume(&world, "u", "", 5);
	fake_answer(&world);
	world.now += 3 * MINUTE;
	fake_answer(&world);
	lose("u");
	fake_answer(&world);
	fake_expect(&world, "load; put; load; put");
	world.living = "there";
	status.transition = 5;
	store("u", "there", status);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 5");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(restored_in_spite_of_the_broker)
{
	static const struct {
		enum request_status status;
		bool happened;
	} fault[] = {
		{REQUEST_UNKNOWN, true}, {REQUEST_UNKNOWN, false}, {REQUEST_UNAVAILABLE, false}, {REQUEST_REFUSED, false}};
	begin_run();
	lose("u");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer(&world);
	fake_answer(&world);
	for (size_t i = 0; i < sizeof fault / sizeof fault[0]; i++) {
		fake_fail(&world, fault[i].status, fault[i].happened);
		fake_pass(&world, 5 * SECOND);
	}
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; put; put; put; put; load; run slow");
	ck_assert_uint_eq(stored("u").transition, 2);
}
END_TEST

/* Remembered so long ago that its marker may have been removed: only storage knows whether it has ended. */
START_TEST(remembered_for_long)
{
	begin_run();
	fake_pass(&world, 31 * MINUTE);
	lose("u");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; publish RESTART");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

/* nats-server 2.9.10 may behave like this until it is restarted: it accepts each write, and finds none of them. */
static void answer_and_lose(void)
{
	while (fake_answer(&world))
		if (strcmp(world.entries->id, "u") == 0)
			lose("u");
}

/* So many uploads wait that only the due time of others is remembered. */
static void crowd(void)
{
	char id[16];
	for (unsigned i = 0; i < 205; i++) {
		snprintf(id, sizeof id, "other-%u", i);
		fake_begin(&world, id, 100 + i, false);
		fake_answer_all(&world);
		fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + 700 * HOUR);
		fake_answer_all(&world);
	}
	text_clear(&world.words);
}

START_TEST(in_a_bucket_that_keeps_nothing)
{
	crowd();
	begin_run();
	lose("u");
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + 20 * MINUTE);
	answer_and_lose();
	fake_expect(&world, "put; load; put");
	fake_step_finished(&world, "u", "slow", OUTCOME_DELETE, 5, false);
	answer_and_lose();
	fake_expect(&world, "load; put; ack 5");
	fake_pass(&world, 20 * MINUTE);
	answer_and_lose();
	fake_expect(&world, "load; put; run scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	answer_and_lose();
	fake_expect(&world, "put; load; put; publish RESULT delete; publish END delete");
	fake_ready(&world, "u", false, 6);
	answer_and_lose();
	fake_expect(&world, "remove; load; remove; ack 6");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 205);
}
END_TEST

START_TEST(lost_at_rest)
{
	wait_at_rest();
	lose("u");
	fake_pass(&world, 10 * SECOND - 1);
	fake_expect(&world, "");
	fake_pass(&world, 1);
	fake_answer_all(&world);
	fake_expect(&world, "load; publish RESTART");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	fake_begin(&world, "u", 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2; run scan");
}
END_TEST

/* Storage is asked again each time, even while the broker remembers the ID of the previous request. */
START_TEST(lost_at_rest_twice)
{
	for (unsigned i = 0; i < 2; i++) {
		wait_at_rest();
		lose("u");
		fake_pass(&world, 10 * SECOND);
		fake_answer_all(&world);
		fake_expect(&world, "load; publish RESTART");
	}
	ck_assert_uint_eq(world.duplicates, 0);
}
END_TEST

/* Somebody asks for it: each time counts, and a redelivery of one does not. */
START_TEST(resumed_without_a_record)
{
	for (uint64_t sequence = 5; sequence < 7; sequence++) {
		fake_resume(&world, "u", "", sequence);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(world.duplicates, 0);
	fake_resume(&world, "u", "", 6);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.duplicates, 1);
}
END_TEST

/* Removed by another instance, which has left a marker. */
START_TEST(ended_at_rest)
{
	wait_at_rest();
	free(world.entries->value);
	world.entries->value = NULL;
	world.entries->revision = ++world.revision;
	fake_pass(&world, 10 * SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "load");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

/* A record that an event finds lost is not waited for. */
START_TEST(lost_before_an_event)
{
	wait_at_rest();
	lose("u");
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, 5, false);
	fake_step_finished(&world, "u", "slow", OUTCOME_CONTINUE, 6, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; publish RESTART; ack 5; ack 6");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

/* Storage itself reports that it is over. */
START_TEST(lost_before_the_last_event)
{
	wait_at_rest();
	lose("u");
	fake_ready(&world, "u", false, 5);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 5");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(begun_again_before_it_is_missed)
{
	wait_at_rest();
	lose("u");
	fake_begin(&world, "u", 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2; run scan");
	/* If it is lost once more, it is remembered. */
	lose("u");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; run slow");
}
END_TEST

/* Three are queued for one worker, and only that is remembered of them. */
START_TEST(lost_in_the_queue)
{
	static const char *const id[] = {"a", "b", "c"};
	struct status status = queued;
	status.step = 1;
	status.due = world.now + HOUR;
	for (unsigned i = 0; i < 3; i++)
		store(id[i], FAKE_OWNER, status);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; run slow");
	lose(strcmp(world.run[0]->upload->id, "b") == 0 ? "c" : "b");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	for (unsigned i = 0; i < 2; i++) {
		fake_answer_all(&world);
		if (world.runs > 0)
			fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	}
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 0);
	ck_assert_ptr_nonnull(strstr(world.words.data, "publish RESTART"));
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 2);
}
END_TEST

/* In a bucket that is not the one used before, no record is expected, and none is written again. */
START_TEST(not_in_another_bucket)
{
	begin_run();
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	lose("u");
	coordinator_doubt(world.coordinator, world.now);
	fake_answer_all(&world);
	fake_expect(&world, "put; load");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(not_in_another_bucket_while_it_is_restored)
{
	begin_run();
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	lose("u");
	fake_answer(&world);
	fake_answer(&world);
	store("u", FAKE_OWNER,
	      (struct status){.step = 1, .phase = PHASE_QUEUED, .due = world.now + MINUTE, .transition = 9});
	coordinator_doubt(world.coordinator, world.now);
	world.entries->revision = 1;
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; load");
	ck_assert_uint_eq(stored("u").transition, 9);
}
END_TEST

/* The events of these uploads are lost, and new events have lower numbers. */
START_TEST(numbers_that_are_given_again)
{
	run_to_end("ends", 32);
	fake_begin(&world, "waits", 33, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + HOUR);
	fake_answer_all(&world);
	fake_begin(&world, "asks", 34, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + HOUR);
	fake_answer_all(&world);
	fake_step_finished(&world, "asks", "scan", OUTCOME_RETRY, 35, false);
	fake_answer_all(&world);
	world.now += MINUTE;
	coordinator_set_stream(world.coordinator,
	                       &(struct stream_facts){.created = FAKE_STREAM,
	                                              .last = 20,
	                                              .duplicate_window = FAKE_MEMORY,
	                                              .ack_wait = world.ack_wait,
	                                              .lost_from = 21},
	                       world.now);
	text_clear(&world.words);
	fake_ready(&world, "ends", false, 21);
	fake_answer_all(&world);
	fake_expect(&world, "remove; ack 21");
	fake_begin(&world, "waits", 22, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 22; run scan");
	ck_assert_uint_eq(stored("waits").begun, 22);
	fake_step_finished(&world, "asks", "scan", OUTCOME_CONTINUE, 23, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 23; run slow");
	/* For uploads that began since, the numbers are valid. */
	fake_ready(&world, "waits", false, 21);
	fake_answer_all(&world);
	ck_assert(is_stored("waits"));
}
END_TEST

/* The whole bucket is lost, and this service has created another one. */
static void rewrite(void)
{
	lose("u");
	coordinator_rewrite(world.coordinator, world.now);
	fake_pass(&world, 0);
	fake_answer_all(&world);
}

START_TEST(rewritten_while_it_waits)
{
	begin_run();
	fake_return(&world, RETURNED_WAIT, OUTCOME_CONTINUE, world.now + 20 * SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put");
	rewrite();
	fake_expect(&world, "put");
	ck_assert_int_eq(stored("u").phase, PHASE_WAITING);
	/* Once is enough. */
	fake_pass(&world, 10 * SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "");
	fake_pass(&world, 10 * SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "load; run scan");
}
END_TEST

START_TEST(rewritten_by_the_end_of_its_run)
{
	begin_run();
	rewrite();
	fake_expect(&world, "");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish RESULT delete; publish END delete");
	expect_end(OUTCOME_DELETE);
}
END_TEST

START_TEST(rewritten_by_what_is_under_way)
{
	begin_run();
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	lose("u");
	coordinator_rewrite(world.coordinator, world.now);
	fake_fail(&world, REQUEST_UNAVAILABLE, false);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; put; run slow");
	ck_assert_uint_eq(stored("u").step, 1);
}
END_TEST

/* Meanwhile another instance has begun it again: its record counts. */
START_TEST(not_rewritten_over_another_one)
{
	begin_run();
	fake_return(&world, RETURNED_WAIT, OUTCOME_CONTINUE, world.now + 20 * SECOND);
	fake_answer_all(&world);
	lose("u");
	store("u", "there", (struct status){.step = 1, .phase = PHASE_WAITING, .due = world.now + HOUR, .transition = 5});
	world.living = "there";
	fake_expect(&world, "put");
	coordinator_rewrite(world.coordinator, world.now);
	fake_pass(&world, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load");
	ck_assert_uint_eq(stored("u").transition, 5);
	fake_pass(&world, MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "");
}
END_TEST

/* Of a deferred upload only the due time is known: storage is asked. An upload that another instance looks after is
 * left to it. */
START_TEST(what_is_not_remembered_is_not_rewritten)
{
	wait_at_rest();
	store("theirs", "there",
	      (struct status){.step = 0, .phase = PHASE_WAITING, .due = world.now + 10 * SECOND, .transition = 1});
	world.living = "there";
	lose("theirs");
	rewrite();
	fake_expect(&world, "");
	fake_pass(&world, 10 * SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "load; publish RESTART");
	ck_assert(!is_stored("theirs"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {numbers_that_are_given_again,
	                              remembered,
	                              remembered_and_older,
	                              remembered_when_it_is_removed,
	                              remembered_while_it_is_published,
	                              lost_while_it_is_claimed,
	                              taken_over_meanwhile,
	                              taken_over_while_it_is_published,
	                              restored_in_spite_of_the_broker,
	                              remembered_for_long,
	                              in_a_bucket_that_keeps_nothing,
	                              lost_at_rest,
	                              lost_at_rest_twice,
	                              resumed_without_a_record,
	                              ended_at_rest,
	                              lost_before_an_event,
	                              lost_before_the_last_event,
	                              begun_again_before_it_is_missed,
	                              lost_in_the_queue,
	                              not_in_another_bucket,
	                              not_in_another_bucket_while_it_is_restored,
	                              rewritten_while_it_waits,
	                              rewritten_by_the_end_of_its_run,
	                              rewritten_by_what_is_under_way,
	                              not_rewritten_over_another_one,
	                              what_is_not_remembered_is_not_rewritten};
	return coordinator_world_run("coordinator_lost", tests, sizeof tests / sizeof tests[0]);
}
