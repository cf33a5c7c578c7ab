/* SPDX-License-Identifier: Apache-2.0
 * Uploads that may have ended the service before: they are marked before they run, and few at a time. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

/* A mark that is left would be counted at the next start. */
START_TEST(stopping_takes_the_mark_off)
{
	store("u", FAKE_OWNER, queued);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; run scan");
	ck_assert_int_eq(stored("u").phase, PHASE_RUNNING);
	coordinator_stopping(world.coordinator);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put");
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
	fake_restart(&world, FAKE_OWNER);
	/* The same, if the service stops between the mark and the run. */
	fake_find_all(&world, NULL);
	fake_answer(&world);
	fake_expect(&world, "load; put");
	coordinator_stopping(world.coordinator);
	fake_answer_all(&world);
	fake_expect(&world, "put");
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").step, 1);
	ck_assert_uint_eq(stored("u").failures, 0);
}
END_TEST

/* While a suspect is about to be marked, another instance runs it, and it fails: that backoff must not be cut short
 * here. */
START_TEST(a_suspect_that_another_has_run_waits)
{
	struct status backoff = {
		.step = 0, .phase = PHASE_BACKOFF, .outcome = OUTCOME_RETRY, .failures = 1, .due = world.now, .transition = 1};
	world.living = "there";
	store("u", FAKE_OWNER, backoff);
	fake_find_all(&world, NULL);
	ck_assert(fake_answer(&world));
	fake_expect(&world, "load; put");
	backoff.failures = 2;
	backoff.due = world.now + MINUTE;
	backoff.transition = 3;
	store("u", "there", backoff);
	fake_answer_all(&world);
	fake_expect(&world, "load");
	ck_assert_int_eq(stored("u").phase, PHASE_BACKOFF);
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
	/* The next one in the queue gets its turn. */
	store("v", FAKE_OWNER, queued);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; run scan");
}
END_TEST

static size_t marked(void)
{
	size_t count = 0;
	char id[8];
	for (unsigned i = 0; i < 10; i++) {
		struct record record;
		snprintf(id, sizeof id, "u-%u", i);
		if (!fake_record(&world, id, &record))
			continue;
		count += record.status.phase == PHASE_RUNNING;
		record_clear(&record);
	}
	return count;
}

static void store_ten(void)
{
	char id[8];
	for (unsigned i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "u-%u", i);
		store(id, FAKE_OWNER, queued);
	}
}

/* One of them may have ended the service: no more are suspected at a time than there are workers. */
START_TEST(suspects_run_a_few_at_a_time)
{
	store_ten();
	fake_find_all(&world, NULL);
	for (unsigned done = 0; done < 10; done++) {
		fake_answer_all(&world);
		ck_assert_uint_eq(marked(), done < 9 ? 2 : 1);
		ck_assert_uint_eq(world.runs, marked());
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	}
	fake_answer_all(&world);
	ck_assert_uint_eq(marked(), 0);
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
}
END_TEST

START_TEST(suspects_that_end_the_service)
{
	unsigned died = 0;
	store("u", FAKE_OWNER, queued);
	for (; died < 10; died++) {
		fake_restart(&world, FAKE_OWNER);
		fake_find_all(&world, NULL);
		fake_answer_all(&world);
		for (unsigned i = 0; i < 3 && world.runs == 0; i++) {
			fake_pass(&world, MINUTE);
			fake_answer_all(&world);
		}
		if (stored("u").phase == PHASE_CONFIRMING)
			break;
	}
	ck_assert_int_eq(stored("u").outcome, OUTCOME_ABORT);
	ck_assert_uint_le(died, 6);
}
END_TEST

/* The service ends because it is out of memory, and notes that: the step is not to blame, and is run again as it
 * was. */
START_TEST(an_end_because_of_lack_of_memory_does_not_count)
{
	static char nonce[WRITER_LIMIT];
	struct status waiting = {.step = 1, .phase = PHASE_WAITING, .due = world.now + HOUR, .transition = 1};
	store("w", FAKE_OWNER, waiting);
	store("u", FAKE_OWNER, queued);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; run scan");
	ck_assert_int_eq(stored("u").phase, PHASE_RUNNING);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(nonce, sizeof nonce, "%s", world.options.nonce);
		world.spared = nonce;
		fake_restart(&world, FAKE_OWNER);
		fake_find_all(&world, NULL);
		fake_answer_all(&world);
		fake_expect(&world, "put; put; run scan");
		ck_assert_int_eq(stored("u").phase, PHASE_RUNNING);
		ck_assert_uint_eq(stored("u").failures, 0);
		ck_assert_uint_eq(world.run[0]->attempt, 1);
	}
	/* Its next end is not noted. */
	world.spared = "";
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").failures, 1);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 2);
}
END_TEST

/* What becomes of the queue when one of the first hangs, moves on or is gone. */
START_TEST(suspects_go_on_past_one_that_hangs)
{
	store_ten();
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 2);
	fake_start_run(&world);
	atomic_store(&world.run[1]->started, world.now);
	fake_pass(&world, MINUTE);
	fake_pass(&world, 10 * SECOND);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 4); /* both were given up, two more run */
	for (unsigned i = 0; i < 2; i++)  /* and come back late */
		fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	ck_assert_uint_eq(world.runs, 2);
	ck_assert_uint_eq(marked(), 2);
}
END_TEST

START_TEST(suspects_that_move_on)
{
	store_ten();
	fake_find_all(&world, NULL);
	/* Two are about to be marked, the others are queued. One of each begins again, one of each is over. */
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 2);
	const char *about[2], *line[2];
	about[0] = world.first->id;
	about[1] = world.first->next->id;
	char first[8], second[8];
	snprintf(first, sizeof first, "%.7s", about[0]);
	snprintf(second, sizeof second, "%.7s", about[1]);
	line[0] = strcmp(first, "u-5") != 0 && strcmp(second, "u-5") != 0 ? "u-5" : "u-3";
	line[1] = strcmp(first, "u-4") != 0 && strcmp(second, "u-4") != 0 ? "u-4" : "u-2";
	fake_begin(&world, first, 50, false);
	fake_ready(&world, second, false, 51);
	fake_begin(&world, line[0], 52, false);
	fake_ready(&world, line[1], false, 53);
	fake_answer_all(&world);
	for (unsigned i = 0; i < 40 && world.runs > 0; i++) {
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
		fake_answer_all(&world);
		ck_assert_uint_le(marked(), 2);
	}
	for (unsigned i = 0; i < 10; i++) {
		char id[8];
		struct record record;
		snprintf(id, sizeof id, "u-%u", i);
		bool gone = strcmp(id, second) == 0 || strcmp(id, line[1]) == 0;
		ck_assert_int_eq(fake_record(&world, id, &record), !gone);
		if (gone)
			continue;
		ck_assert_msg(record.status.phase == PHASE_CONFIRMING, "%s: %s", id, phase_name(record.status.phase));
		record_clear(&record);
	}
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
}
END_TEST

/* An answer from another service moves two that are about to be marked on to another step; the rest of the queue
 * goes on. */
START_TEST(suspects_that_are_answered_elsewhere)
{
	char id[8], about[2][8];
	for (unsigned i = 0; i < 10; i++) {
		struct status status = queued;
		status.awaited = true;
		snprintf(id, sizeof id, "u-%u", i);
		store(id, FAKE_OWNER, status);
	}
	fake_find_all(&world, NULL);
	snprintf(about[0], sizeof about[0], "%.7s", world.first->id);
	snprintf(about[1], sizeof about[1], "%.7s", world.first->next->id);
	/* Their marks are refused, because another instance has written; before they are tried again, the answers
	 * arrive. */
	for (unsigned i = 0; i < 2; i++) {
		struct status status = queued;
		status.awaited = true;
		store(about[i], FAKE_OWNER, status);
		fake_fail(&world, REQUEST_UNAVAILABLE, false);
		fake_step_finished(&world, about[i], "scan", OUTCOME_CONTINUE, 60 + i, false);
	}
	coordinator_retry(world.coordinator, world.now);
	fake_pass(&world, 0);
	fake_answer_all(&world);
	for (unsigned i = 0; i < 60 && world.runs > 0; i++) {
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
		fake_answer_all(&world);
	}
	for (unsigned i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "u-%u", i);
		ck_assert_msg(stored(id).phase == PHASE_CONFIRMING, "%s: %s", id, phase_name(stored(id).phase));
	}
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
}
END_TEST

/* The same if the answers come first: they wait while the last transition is published again. */
START_TEST(suspects_that_were_answered_before_their_marks)
{
	char id[8];
	for (unsigned i = 0; i < 10; i++) {
		struct status status = queued;
		status.awaited = true;
		status.publish = PUBLISH_START;
		snprintf(id, sizeof id, "u-%u", i);
		store(id, FAKE_OWNER, status);
	}
	fake_find_all(&world, NULL);
	ck_assert_int_eq(world.first->kind, FAKE_PUBLISH);
	fake_step_finished(&world, world.first->id, "scan", OUTCOME_CONTINUE, 70, false);
	fake_step_finished(&world, world.first->next->id, "scan", OUTCOME_CONTINUE, 71, false);
	fake_answer_all(&world);
	for (unsigned i = 0; i < 60 && world.runs > 0; i++) {
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
		fake_answer_all(&world);
		ck_assert_uint_le(marked(), 2);
	}
	for (unsigned i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "u-%u", i);
		ck_assert_msg(stored(id).phase == PHASE_CONFIRMING, "%s: %s", id, phase_name(stored(id).phase));
	}
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
}
END_TEST

/* One that is about to be marked begins again before its turn: there is one run, and its verdict counts. */
START_TEST(suspect_begun_again)
{
	fake_resume(&world, "u", "", 9); /* the slot is occupied at first */
	store("u", FAKE_OWNER, queued);
	fake_find_all(&world, NULL);
	fake_begin(&world, "u", 50, false);
	fake_answer_all(&world);
	while (world.runs > 0 && atomic_load(&world.run[0]->cancelled)) {
		fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(world.runs, 1);
	ck_assert_uint_eq(world.run[0]->transition, stored("u").transition);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").step, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {stopping_takes_the_mark_off,
	                              a_suspect_that_another_has_run_waits,
	                              suspects_run_a_few_at_a_time,
	                              suspects_that_end_the_service,
	                              an_end_because_of_lack_of_memory_does_not_count,
	                              suspects_go_on_past_one_that_hangs,
	                              suspects_that_move_on,
	                              suspects_that_are_answered_elsewhere,
	                              suspects_that_were_answered_before_their_marks,
	                              suspect_begun_again};
	return coordinator_world_run("coordinator_suspects", tests, sizeof tests / sizeof tests[0]);
}
