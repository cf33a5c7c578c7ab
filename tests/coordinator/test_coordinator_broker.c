/* SPDX-License-Identifier: Apache-2.0
 * Brokers that do not answer, are away or refuse. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

/* Lost answers: every request of an upload is lost once, whether or not it was carried out. The upload ends the same
 * way. */
static void lose_each(enum request_status status, bool happened)
{
	unsigned lost = 0;
	fake_begin(&world, "u", 1, false);
	while (world.first != NULL || world.runs > 0) {
		if (world.first == NULL) {
			fake_return(&world, RETURNED_VERDICT, world.run[0]->step == 0 ? OUTCOME_CONTINUE : OUTCOME_DELETE, 0);
			continue;
		}
		size_t busy = coordinator_busy(world.coordinator);
		fake_fail(&world, status, happened);
		lost++;
		ck_assert_ptr_null(world.first);
		ck_assert_uint_eq(coordinator_busy(world.coordinator), busy);
		fake_pass(&world, 50 * MILLISECOND); /* too early */
		ck_assert_ptr_null(world.first);
		coordinator_retry(world.coordinator, world.now);
		fake_pass(&world, 0);
		ck_assert_ptr_nonnull(world.first);
		fake_answer(&world);
	}
	ck_assert_uint_ge(lost, 5);
	/* If a duplicate shows that the record was written some time ago, it is read before its step is run. */
	const char *looks = happened ? "load; load; " : "";
	char words[256];
	snprintf(
		words, sizeof words,
		"put; put; ack 1; %srun scan; put; put; %srun slow; put; put; publish RESULT delete; publish RESULT delete; "
		"publish END delete; publish END delete",
		looks, looks);
	fake_expect(&world, words);
	ck_assert_uint_eq(world.duplicates, happened ? 5 : 0);
	ck_assert_int_eq(stored("u").phase, PHASE_CONFIRMING);
	ck_assert_uint_eq(stored("u").transition, 3);
}

START_TEST(answers_that_are_lost)
{
	lose_each(REQUEST_UNKNOWN, true);
}
END_TEST

START_TEST(requests_that_are_lost)
{
	lose_each(REQUEST_UNKNOWN, false);
}
END_TEST

START_TEST(a_broker_that_is_not_there)
{
	lose_each(REQUEST_UNAVAILABLE, false);
}
END_TEST

START_TEST(a_broker_that_refuses)
{
	lose_each(REQUEST_REFUSED, false);
}
END_TEST

/* A few conflicts are normal. If a broker refuses a write because of a record that it then does not show, it is
 * asked with growing pauses. */
START_TEST(conflicts_without_end)
{
	struct record other = fake_make_record(
		"u", FAKE_OWNER, &(struct status){.phase = PHASE_QUEUED, .due = world.now + HOUR, .transition = 5});
	fake_begin(&world, "u", 1, false);
	for (unsigned i = 0; i < 10; i++) {
		fake_store(&world, &other);
		fake_answer(&world);
		ck_assert_int_eq(world.first == NULL, i >= 3);
		fake_pass(&world, i >= 3 ? SECOND : 0);
		ck_assert_ptr_nonnull(world.first);
		fake_answer(&world);
	}
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").begun, 1);
	record_clear(&other);
}
END_TEST

/* Without coordinator_retry() it retries by itself, with growing pauses and without end. */
START_TEST(tried_again_without_end)
{
	nanos last = world.now, pause = 0;
	fake_begin(&world, "u", 1, false);
	for (unsigned i = 0; i < 40; i++) {
		fake_fail(&world, REQUEST_UNAVAILABLE, false);
		while (world.first == NULL) {
			nanos next = coordinator_next(world.coordinator, world.now);
			ck_assert_int_gt(next, world.now);
			fake_pass(&world, next - world.now);
		}
		ck_assert_int_ge(world.now - last, pause);
		pause = world.now - last;
		last = world.now;
	}
	ck_assert_int_le(pause, 5 * SECOND);
	fake_answer_all(&world);
	ck_assert(is_stored("u"));
}
END_TEST

/* The write was carried out and its answer lost, and the broker forgot its ID before it was repeated. */
START_TEST(lost_answer_that_is_no_duplicate)
{
	fake_begin(&world, "u", 1, false);
	fake_fail(&world, REQUEST_UNKNOWN, true);
	world.seen->message_id[0] = '\0';
	coordinator_retry(world.coordinator, world.now);
	fake_pass(&world, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; put; load; ack 1; run scan");
	ck_assert_uint_eq(stored("u").transition, 1);
}
END_TEST

/* The bucket was read before this process wrote the record, and the result came after. The next decision has the
 * number of what was written. */
START_TEST(lost_write_that_another_was_like)
{
	struct record older;
	store("u", "there", (struct status){.step = 1, .phase = PHASE_RUNNING, .due = world.now + MINUTE, .transition = 5});
	ck_assert(fake_record(&world, "u", &older));
	uint64_t revision = world.revision;
	fake_ready(&world, "u", true, 2);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; ack 2");
	coordinator_found(world.coordinator, &older, revision, NULL, world.now);
	fake_fail(&world, REQUEST_UNKNOWN, false);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; put; load");
	ck_assert_int_eq(stored("u").phase, PHASE_ENDED);
	ck_assert_uint_eq(stored("u").transition, 6);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(lost_removal_that_is_no_duplicate)
{
	run_to_end("u", 1);
	fake_ready(&world, "u", false, 2);
	fake_fail(&world, REQUEST_UNKNOWN, true);
	world.seen->message_id[0] = '\0';
	coordinator_retry(world.coordinator, world.now);
	fake_pass(&world, 0);
	fake_answer_all(&world);
	fake_expect(&world, "remove; remove; load; ack 2");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(reads_that_fail)
{
	fake_resume(&world, "u", "", 1);
	fake_fail(&world, REQUEST_UNAVAILABLE, false);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "load; load; publish RESTART; ack 1");
}
END_TEST

/* The process is stopped while the broker answers its write, and continues when the broker no longer remembers the
 * message IDs. */
static void stop_before_the_end_is_said(void)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_ABORT, 0);
	fake_expect(&world, "put; ack 1; run scan; put");
	world.now += 3 * MINUTE;
	fake_answer(&world);
	fake_expect(&world, "load");
}

START_TEST(stopped_and_not_missed)
{
	stop_before_the_end_is_said();
	fake_fail(&world, REQUEST_UNAVAILABLE, false);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	/* An instance that did not write the record has not published the event either. */
	fake_expect(&world, "load; look; publish END abort");
}
END_TEST

/* This instance took the event and was cut off before it could write the record. Meanwhile another one has ended the
 * upload, storage has confirmed it, and the marker was removed an hour later. */
START_TEST(cut_off_for_hours)
{
	fake_begin(&world, "u", 1, false);
	fake_begin(&world, "u", 2, false);
	for (int i = 0; i < 3 * 3600 / 5; i++) {
		if (world.first != NULL)
			fake_fail(&world, REQUEST_UNAVAILABLE, false);
		fake_pass(&world, 5 * SECOND);
	}
	text_clear(&world.words);
	coordinator_retry(world.coordinator, world.now);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	ck_assert(!is_stored("u"));
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

/* The record is read, for just as long. */
START_TEST(cut_off_for_hours_while_it_reads)
{
	fake_store_text(&world, "u", "{}", 2);
	fake_begin(&world, "u", 1, true);
	fake_answer(&world);
	fake_fail(&world, REQUEST_UNKNOWN, false);
	fake_expect(&world, "put; load");
	world.now += 3 * HOUR;
	fake_lose(&world, "u", NULL, 0);
	fake_pass(&world, SECOND);
	fake_expect(&world, "drop 1");
	ck_assert(!is_stored("u"));
}
END_TEST

START_TEST(stopped_and_taken_for_dead)
{
	stop_before_the_end_is_said();
	struct record record = fake_make_record("u", "there", &(struct status){0});
	record.status = stored("u");
	record.status.transition++;
	world.living = "there";
	fake_store(&world, &record);
	record_clear(&record);
	fake_answer_all(&world);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(stopped_until_it_was_over)
{
	stop_before_the_end_is_said();
	free(world.entries->value);
	world.entries->value = NULL;
	world.entries->revision = ++world.revision;
	fake_answer_all(&world);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

/* The end was published, it is not known whether it was stored, and the broker is away for longer than it remembers
 * message IDs. */
static void say_the_end_into_the_dark(bool happened)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_ABORT, 0);
	fake_answer(&world);
	fake_fail(&world, REQUEST_UNKNOWN, happened);
	for (unsigned i = 0; i < 20; i++) {
		fake_pass(&world, 10 * SECOND);
		while (world.first != NULL)
			fake_fail(&world, REQUEST_UNAVAILABLE, false);
	}
	text_clear(&world.words);
	fake_pass(&world, 10 * SECOND);
	fake_answer_all(&world);
}

START_TEST(published_long_ago)
{
	say_the_end_into_the_dark(true);
	fake_expect(&world, "load; look");
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
	/* Published again when it is due, not before. */
	fake_pass(&world, MINUTE - 1);
	fake_expect(&world, "");
	fake_pass(&world, 1);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END abort");
}
END_TEST

START_TEST(not_published_long_ago)
{
	say_the_end_into_the_dark(false);
	fake_expect(&world, "load; look; publish END abort");
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
}
END_TEST

/* Searching the stream takes longer than the broker remembers message IDs. */
START_TEST(looked_for_slowly)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer(&world); /* the record; its result is not published again */
	fake_restart(&world, FAKE_OWNER);
	fake_pass(&world, 10 * MINUTE);
	fake_find_all(&world, NULL);
	for (unsigned i = 0; i < 10 && world.first != NULL; i++) {
		if (world.first->kind == FAKE_LOOK)
			fake_pass(&world, 70 * SECOND);
		fake_answer(&world);
	}
	fake_expect(&world, "look; load; publish RESULT delete");
}
END_TEST

/* The bucket falls back to an earlier state: what is remembered from later is dropped, and the upload ends again
 * from there. */
START_TEST(bucket_that_fell_back)
{
	struct record before;
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_CONTINUE, world.now + 10 * SECOND);
	fake_answer_all(&world);
	ck_assert(fake_record(&world, "u", &before));
	ck_assert_int_eq(before.status.phase, PHASE_WAITING);
	fake_pass(&world, 10 * SECOND);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	/* The doubt comes while the end is being published. */
	fake_answer(&world);
	coordinator_doubt(world.coordinator, world.now);
	fake_answer_all(&world);
	ck_assert_int_eq(stored("u").phase, PHASE_CONFIRMING);
	text_clear(&world.words);
	fake_store(&world, &before);
	record_clear(&before);
	coordinator_doubt(world.coordinator, world.now);
	fake_find_all(&world, NULL);
	fake_pass(&world, 0);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; run slow");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	ck_assert_int_eq(stored("u").phase, PHASE_CONFIRMING);
}
END_TEST

/* The bucket is a different, empty one: what was remembered is not written into it, and the same upload can begin
 * again. */
START_TEST(different_bucket)
{
	run_to_end("u", 1);
	free(world.entries->value);
	free(world.entries);
	world.entries = NULL;
	coordinator_doubt(world.coordinator, world.now);
	fake_pass(&world, HOUR);
	fake_answer_all(&world);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	fake_begin(&world, "u", 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2; run scan");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {answers_that_are_lost,
	                              conflicts_without_end,
	                              requests_that_are_lost,
	                              a_broker_that_is_not_there,
	                              a_broker_that_refuses,
	                              tried_again_without_end,
	                              lost_answer_that_is_no_duplicate,
	                              lost_write_that_another_was_like,
	                              lost_removal_that_is_no_duplicate,
	                              reads_that_fail,
	                              stopped_and_not_missed,
	                              stopped_and_taken_for_dead,
	                              cut_off_for_hours,
	                              cut_off_for_hours_while_it_reads,
	                              stopped_until_it_was_over,
	                              published_long_ago,
	                              not_published_long_ago,
	                              looked_for_slowly,
	                              bucket_that_fell_back,
	                              different_bucket};
	return coordinator_world_run("coordinator_broker", tests, sizeof tests / sizeof tests[0]);
}
