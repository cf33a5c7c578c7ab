/* SPDX-License-Identifier: Apache-2.0
 * CleanUpload: storage removes an upload at every moment of its life. The upload is over: nothing more runs, nothing
 * more is published, and its record is removed. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

#define HOLD (2 * SECOND)

/* From now on only its tombstone is known, and the passing of time has no effect. */
static void check_over(const char *id, uint64_t sequence)
{
	ck_assert(!is_stored(id));
	const struct fake_entry *entry = world.entries;
	while (strcmp(entry->id, id) != 0)
		entry = entry->next;
	ck_assert_uint_eq(entry->tombstone.begun, sequence);
	ck_assert_int_eq(entry->tombstone.stream, FAKE_STREAM);
	for (unsigned i = 0; i < 3; i++) {
		fake_pass(&world, HOUR);
		fake_answer_all(&world);
	}
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
}

static void clean(const char *id, uint64_t sequence, const char *words)
{
	text_clear(&world.words);
	fake_clean(&world, id, sequence);
	fake_answer_all(&world);
	fake_expect(&world, words);
	check_over(id, sequence);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}

START_TEST(unknown)
{
	clean("u", 5, "load; remove; gone u; ack 5");
	/* A redelivered CleanUpload writes no second tombstone, nor does an earlier one. */
	fake_clean(&world, "u", 5);
	fake_answer_all(&world);
	fake_clean(&world, "u", 4);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 5; load; ack 4");
	fake_clean(&world, "u", 6);
	fake_answer_all(&world);
	fake_expect(&world, "load; remove; gone u; ack 6");
}
END_TEST

/* Older events come late. Whatever they say, the upload is over. */
START_TEST(before_older_events)
{
	clean("u", 5, "load; remove; gone u; ack 5");
	fake_begin(&world, "u", 3, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; ack 3");
	fake_resume(&world, "u", "", 4);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 4");
	fake_ready(&world, "u", true, 2);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 2");
	/* A newer event begins the upload, although its URL may be the same. */
	fake_begin(&world, "u", 6, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; ack 6; run scan");
	/* An older event does not end it. */
	fake_clean(&world, "u", 5);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 5");
	ck_assert(is_stored("u"));
}
END_TEST

START_TEST(running)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; run scan");
	fake_clean(&world, "u", 2);
	fake_answer_all(&world);
	fake_expect(&world, "remove; cancel scan; gone u; ack 2");
	/* The result of the run has no effect. */
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "");
	check_over("u", 2);
}
END_TEST

START_TEST(in_the_queue)
{
	for (unsigned i = 0; i < 67; i++) { /* as many as are run or have a turn, and one more */
		char id[8];
		snprintf(id, sizeof id, "u%u", i);
		fake_begin(&world, id, i + 1, false);
		fake_answer_all(&world);
	}
	size_t runs = world.runs;
	ck_assert_uint_lt(runs, 67);
	text_clear(&world.words);
	fake_clean(&world, "u66", 100);
	fake_answer_all(&world);
	fake_expect(&world, "remove; gone u66; ack 100");
	while (world.runs > 0) {
		ck_assert_str_ne(world.run[0]->upload->id, "u66");
		fake_return(&world, RETURNED_VERDICT, OUTCOME_ABORT, 0);
		fake_answer_all(&world);
	}
	ck_assert(!is_stored("u66"));
	ck_assert_int_eq(stored("u65").phase, PHASE_CONFIRMING);
}
END_TEST

START_TEST(waiting)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + 20 * MINUTE);
	fake_answer_all(&world);
	clean("u", 2, "remove; gone u; ack 2");
}
END_TEST

START_TEST(in_a_backoff)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	clean("u", 2, "remove; gone u; ack 2");
}
END_TEST

START_TEST(awaiting)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer_all(&world);
	clean("u", 2, "remove; gone u; ack 2");
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, 3, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 3");
}
END_TEST

START_TEST(confirming)
{
	run_to_end("u", 1);
	clean("u", 2, "remove; gone u; ack 2");
}
END_TEST

START_TEST(unconfirmed_and_ended)
{
	store("u", FAKE_OWNER,
	      (struct status){.step = 2, .phase = PHASE_UNCONFIRMED, .outcome = OUTCOME_CONTINUE, .transition = 9});
	store("v", "there", (struct status){.step = 2, .phase = PHASE_ENDED, .outcome = OUTCOME_ABORT, .transition = 9});
	clean("u", 2, "load; remove; gone u; ack 2");
	clean("v", 3, "load; remove; gone v; ack 3");
}
END_TEST

/* Its first write is delayed: the upload is over before the event that begins it was ever written. */
START_TEST(held)
{
	world.coalescing = HOLD;
	fake_restart(&world, FAKE_OWNER);
	fake_begin(&world, "u", 1, false);
	fake_expect(&world, "run scan");
	fake_clean(&world, "u", 2);
	fake_expect(&world, "cancel scan; load");
	fake_answer_all(&world);
	fake_expect(&world, "remove; gone u; ack 2; ack 1");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "");
	check_over("u", 2);
	/* A held upload of a newer event is not affected. */
	fake_begin(&world, "v", 5, false);
	fake_clean(&world, "v", 4);
	fake_expect(&world, "run scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 5; run slow; load; ack 4");
}
END_TEST

/* Another instance takes the event and tells the others. The one that runs the step, or is about to, stops. */
static void other_instance_cleans(const char *id, uint64_t sequence)
{
	struct fake_entry *entry = world.entries;
	while (entry != NULL && strcmp(entry->id, id) != 0)
		entry = entry->next;
	if (entry == NULL) {
		fake_store_text(&world, id, "", 0);
		entry = world.entries;
	}
	free(entry->value);
	entry->value = NULL;
	entry->revision = ++world.revision;
	entry->tombstone = (struct tombstone){.begun = sequence, .stream = FAKE_STREAM};
	coordinator_told_gone(world.coordinator, id, world.now);
	fake_answer_all(&world);
}

START_TEST(told_by_another_instance)
{
	fake_begin(&world, "runs", 1, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; run scan");
	other_instance_cleans("runs", 2);
	fake_expect(&world, "load; cancel scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	check_over("runs", 2);
	fake_begin(&world, "waits", 3, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + 20 * MINUTE);
	fake_answer_all(&world);
	text_clear(&world.words);
	other_instance_cleans("waits", 4);
	fake_expect(&world, "load");
	check_over("waits", 4);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	/* For an unknown upload nothing is looked up. */
	coordinator_told_gone(world.coordinator, "nobody", world.now);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(told_while_it_is_held)
{
	world.coalescing = HOLD;
	fake_restart(&world, FAKE_OWNER);
	fake_begin(&world, "u", 1, false);
	fake_expect(&world, "run scan");
	other_instance_cleans("u", 2);
	fake_expect(&world, "cancel scan; load; ack 1");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	check_over("u", 2);
}
END_TEST

/* The message is wrong: the upload goes on. */
START_TEST(told_in_error)
{
	world.coalescing = HOLD;
	fake_restart(&world, FAKE_OWNER);
	fake_begin(&world, "held", 1, false);
	coordinator_told_gone(world.coordinator, "held", world.now);
	fake_answer_all(&world);
	fake_expect(&world, "run scan; cancel scan; load; run scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0); /* the first one's */
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; run slow");
	coordinator_told_gone(world.coordinator, "held", world.now);
	fake_answer_all(&world);
	fake_expect(&world, "load");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END continue");
}
END_TEST

/* The message was lost: a record that was remembered for long is read before its step is run. */
START_TEST(not_told_by_another_instance)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + 20 * SECOND);
	fake_answer_all(&world);
	text_clear(&world.words);
	free(world.entries->value);
	world.entries->value = NULL;
	world.entries->revision = ++world.revision;
	world.entries->tombstone = (struct tombstone){.begun = 2, .stream = FAKE_STREAM};
	fake_pass(&world, 20 * SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "load");
	check_over("u", 2);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

/* What was decided just before is not published any more. */
START_TEST(before_its_end_is_published)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_answer(&world);
	fake_expect(&world, "put; ack 1; run scan; put; publish RESULT delete");
	fake_fail(&world, REQUEST_REFUSED, false);
	fake_clean(&world, "u", 2);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "remove; gone u; ack 2");
	check_over("u", 2);
}
END_TEST

/* Behind a step's answer that is being written: of the two events only the last one has consequences. */
START_TEST(behind_another_event)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_step_finished(&world, "u", "scan", OUTCOME_ABORT, 2, false);
	fake_resume(&world, "u", "", 3);
	fake_clean(&world, "u", 4);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2; remove; gone u; ack 4; ack 3");
	check_over("u", 4);
}
END_TEST

/* An instance that waits for the upload's due time may ask only then what has become of it. */
START_TEST(its_tombstone_outlives_its_due_time)
{
	nanos due = world.now + 30 * 24 * HOUR;
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, due);
	fake_answer_all(&world);
	fake_clean(&world, "u", 2);
	fake_answer_all(&world);
	ck_assert_int_ge(world.entries->tombstone.keep, due);
	/* A second one does not shorten it. */
	fake_clean(&world, "u", 3);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.entries->tombstone.begun, 3);
	ck_assert_int_ge(world.entries->tombstone.keep, due);
	/* The same goes for an upload that storage confirms before its due time. */
	fake_begin(&world, "v", 4, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, due);
	fake_answer_all(&world);
	fake_ready(&world, "v", false, 5);
	fake_answer_all(&world);
	ck_assert_int_ge(world.entries->tombstone.keep, due);
	/* Usually there is no reason to keep it. */
	run_to_end("w", 6);
	fake_ready(&world, "w", false, 7);
	fake_answer_all(&world);
	ck_assert_int_eq(world.entries->tombstone.keep, 0);
	ck_assert_uint_eq(strlen(world.entries->tombstone.url), URL_MARK_SIZE - 1);
	ck_assert_ptr_null(strstr(world.entries->tombstone.url, FAKE_SECRET));
}
END_TEST

/* Another writer is faster, twice. */
START_TEST(in_a_race)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_clean(&world, "u", 2);
	store("u", "there", (struct status){.step = 1, .phase = PHASE_QUEUED, .due = world.now + MINUTE, .transition = 2});
	fake_answer(&world);
	fake_expect(&world, "remove; load");
	fake_answer(&world);
	store("u", "there",
	      (struct status){.step = 2,
	                      .phase = PHASE_CONFIRMING,
	                      .outcome = OUTCOME_CONTINUE,
	                      .due = world.now + MINUTE,
	                      .transition = 3});
	fake_answer_all(&world);
	fake_expect(&world, "remove; load; remove; cancel scan; gone u; ack 2");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	check_over("u", 2);
}
END_TEST

/* It is not known whether it was written. */
START_TEST(unanswered)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_clean(&world, "u", 2);
	fake_fail(&world, REQUEST_UNKNOWN, true);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "remove; remove; cancel scan; gone u; ack 2");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	check_over("u", 2);
	/* Or so long ago that the broker no longer remembers the message ID. */
	fake_begin(&world, "v", 3, false);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_clean(&world, "v", 4);
	fake_fail(&world, REQUEST_UNKNOWN, true);
	fake_pass(&world, HOUR);
	fake_answer_all(&world);
	fake_expect(&world, "remove; remove; load; cancel scan; ack 4");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	check_over("v", 4);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {unknown,
	                              before_older_events,
	                              running,
	                              in_the_queue,
	                              waiting,
	                              in_a_backoff,
	                              awaiting,
	                              confirming,
	                              unconfirmed_and_ended,
	                              held,
	                              told_by_another_instance,
	                              told_while_it_is_held,
	                              told_in_error,
	                              not_told_by_another_instance,
	                              before_its_end_is_published,
	                              behind_another_event,
	                              its_tombstone_outlives_its_due_time,
	                              in_a_race,
	                              unanswered};
	return coordinator_world_run("coordinator clean", tests, sizeof tests / sizeof tests[0]);
}
