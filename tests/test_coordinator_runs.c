/* SPDX-License-Identifier: Apache-2.0
 * The runs of steps: deadlines, what hangs, what was left behind by a service that ended, and other instances'. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake_ports.h"

static struct fake_world world;

static void setup(void)
{
	fake_open(&world);
}

static void teardown(void)
{
	fake_close(&world);
}

static struct status stored(const char *id)
{
	struct record record;
	ck_assert(fake_record(&world, id, &record));
	struct status status = record.status;
	record_clear(&record);
	return status;
}

static void begin(const char *id, uint64_t sequence)
{
	fake_begin(&world, id, sequence, false);
	fake_answer_all(&world);
	text_clear(&world.words);
}

static void store(const char *id, const char *owner, struct status status)
{
	status.begun = status.begun != 0 ? status.begun : 1;
	status.stream = FAKE_STREAM;
	status.said = status.transition;
	status.said_at = world.now;
	struct record record = fake_make_record(id, owner, &status);
	fake_store(&world, &record);
	record_clear(&record);
}

static const struct status queued = {.step = 0, .phase = PHASE_QUEUED, .due = 1700000000 * SECOND + MINUTE, .transition = 1};

START_TEST(past_its_deadline)
{
	begin("u", 1);
	fake_pass(&world, 10 * MINUTE); /* in the queue all the time: that is no fault of the step */
	fake_expect(&world, "");
	fake_start_run(&world);
	fake_pass(&world, MINUTE - 1);
	fake_expect(&world, "");
	fake_pass(&world, MINUTE);
	fake_expect(&world, "cancel scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish RETRY");
	ck_assert_uint_eq(stored("u").failures, 1);
}
END_TEST

START_TEST(that_hangs)
{
	begin("u", 1);
	fake_start_run(&world);
	fake_pass(&world, MINUTE);
	fake_expect(&world, "cancel scan");
	fake_pass(&world, 10 * SECOND - 1);
	fake_expect(&world, "");
	fake_pass(&world, 1);
	fake_answer_all(&world);
	fake_expect(&world, "replace scan; put; publish RETRY");
	ck_assert_str_ne(stored("u").reason, "");
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; run scan");
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 2);
	/* The one that hung comes back after all, with a verdict about what is no more. */
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_expect(&world, "");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; run slow");
}
END_TEST

/* Nobody waits for it, but it holds a worker. */
START_TEST(that_hangs_though_its_upload_is_gone)
{
	begin("u", 1);
	fake_start_run(&world);
	fake_ready(&world, "u", false, 2);
	fake_answer_all(&world);
	fake_expect(&world, "remove; cancel scan; ack 2");
	fake_pass(&world, 10 * SECOND);
	fake_expect(&world, "replace scan");
	fake_pass(&world, HOUR);
	fake_expect(&world, "");
	/* One that a worker has not come to yet is no hanging one. */
	begin("v", 3);
	fake_ready(&world, "v", false, 4);
	fake_answer_all(&world);
	fake_pass(&world, HOUR);
	fake_expect(&world, "remove; cancel scan; ack 4");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_pass(&world, HOUR);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
}
END_TEST

START_TEST(stopping_is_no_failure)
{
	begin("u", 1);
	begin("v", 2);
	fake_start_run(&world);
	coordinator_stopping(world.coordinator);
	coordinator_cancel_runs(world.coordinator);
	fake_expect(&world, "cancel scan; cancel scan");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_expect(&world, "");
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
	ck_assert_uint_eq(stored("u").failures, 0);
	/* A verdict counts, and nothing new is begun. */
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put");
	ck_assert_uint_eq(stored("v").step, 1);
	ck_assert_uint_eq(coordinator_runs(world.coordinator), 0);
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 0);
	fake_pass(&world, HOUR);
	fake_expect(&world, "");
}
END_TEST

/* A mark left on it would be counted at the next start. */
START_TEST(stopping_takes_the_mark_off)
{
	store("u", FAKE_OWNER, queued);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "put; run scan");
	ck_assert_int_eq(stored("u").phase, PHASE_RUNNING);
	coordinator_stopping(world.coordinator);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put");
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
	fake_restart(&world, FAKE_OWNER);
	/* The same, stopped between the mark and the run. */
	fake_find_all(&world, NULL);
	fake_expect(&world, "put");
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

/* One of them may have ended the service: no more are under suspicion at a time than there are workers. */
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

/* What becomes of the line when one of those in front hangs, moves on or is gone. */
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
	/* Two are about to be marked, the others stand in line: one of each begins anew, one of each is over. */
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

/* An answer from elsewhere takes two that are about to be marked on to another step; the rest of the line goes on. */
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
	/* Their marks are refused, because somebody else has written; before they try again, the answers are there. */
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

/* The same where the answers come first: they wait while the last transition is published again. */
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

/* One that is about to be marked is begun anew before its turn: one run, and its verdict counts. */
START_TEST(suspect_begun_again)
{
	fake_resume(&world, "u", "", 9); /* the slot is busy with something else at first */
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

START_TEST(found_at_start)
{
	store("waits", FAKE_OWNER, (struct status){.step = 0, .phase = PHASE_WAITING, .due = world.now + HOUR, .transition = 2});
	store("said", FAKE_OWNER, (struct status){.step = 2, .phase = PHASE_CONFIRMING, .outcome = OUTCOME_DELETE, .confirmations = 1,
	                                          .due = world.now + MINUTE, .transition = 3, .publish = PUBLISH_FINISHED});
	store("ended", FAKE_OWNER, (struct status){.step = 2, .phase = PHASE_ENDED, .outcome = OUTCOME_ABORT, .transition = 3});
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "publish END delete"); /* it may not have been said */
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 2);
	fake_pass(&world, HOUR);
	fake_answer_all(&world);
	fake_expect(&world, "put; run scan; publish END delete");
}
END_TEST

/* A record of the other implementation is nobody's, and carried on at once. */
START_TEST(foreign_records)
{
	static const char inner[] = "{\"ID\":\"u\",\"Steps\":[\"scan\",\"slow\"],\"Status\":{\"CurrentStep\":\"slow\",\"Outcome\":\"\"}}";
	struct text value = {0};
	text_add(&value, "{\"key\":\"u\",\"data\":\"");
	text_add_base64(&value, inner, sizeof inner - 1);
	text_add(&value, "\"}");
	struct record record;
	char why[256];
	ck_assert_msg(record_decode(value.data, value.length, &record, why, sizeof why), "%s", why);
	coordinator_found(world.coordinator, &record, 7, NULL, world.now);
	fake_expect(&world, "put");
	ck_assert_uint_eq(world.first->expected, 7);
	text_free(&value);
	/* It is in the bucket under that number. */
	store("u", "x", queued);
	world.entries->revision = 7;
	fake_answer_all(&world);
	fake_expect(&world, "run slow");
	ck_assert_uint_eq(stored("u").step, 1);
}
END_TEST

START_TEST(records_of_another_instance)
{
	store("queued", "there", queued);
	store("runs", "there", (struct status){.step = 0, .phase = PHASE_RUNNING, .due = world.now + MINUTE, .transition = 1});
	store("backoff", "there", (struct status){.step = 0, .phase = PHASE_BACKOFF, .outcome = OUTCOME_RETRY, .failures = 1,
	                                          .due = world.now + SECOND, .transition = 1, .publish = PUBLISH_RETRY});
	world.living = "there";
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "");
	/* The time it names is the other one's to keep, however late it is. */
	fake_pass(&world, 10 * MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	/* It dies. */
	world.living = NULL;
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("runs").failures, 1);
	static const char *const ids[] = {"queued", "runs", "backoff"};
	for (size_t i = 0; i < 3; i++) {
		struct record record;
		ck_assert(fake_record(&world, ids[i], &record));
		ck_assert_str_eq(record.owner, FAKE_OWNER);
		record_clear(&record);
	}
	ck_assert_uint_eq(world.runs, 2);
}
END_TEST

/* Taken for dead, it has gone on in truth: the claim's condition does not hold, and the record is left to it. */
START_TEST(another_instance_is_only_late)
{
	store("u", "there", queued);
	fake_find_all(&world, NULL);
	store("u", "there", (struct status){.step = 1, .phase = PHASE_QUEUED, .due = world.now + MINUTE, .transition = 2});
	world.living = "there";
	fake_answer_all(&world);
	fake_expect(&world, "put; load");
	ck_assert_uint_eq(world.runs, 0);
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
}
END_TEST

START_TEST(claimed_by_two)
{
	store("u", "there", queued);
	fake_find_all(&world, NULL);
	world.living = "third";
	store("u", "third", (struct status){.step = 0, .phase = PHASE_QUEUED, .due = world.now + MINUTE, .transition = 2});
	fake_answer_all(&world);
	fake_expect(&world, "put; load");
	ck_assert_uint_eq(world.runs, 0);
}
END_TEST

/* A step that the configuration no longer has is somebody else's to do. */
START_TEST(step_that_is_not_configured)
{
	struct status status = {.step = 0, .phase = PHASE_BACKOFF, .outcome = OUTCOME_RETRY, .failures = 1, .due = world.now, .transition = 1};
	static const char *const names[] = {"policies"};
	struct upload fields = {.id = "u", .step = names, .step_count = 1};
	struct record record = {.upload = upload_create(&fields), .status = status, .owner = FAKE_OWNER};
	fake_store(&world, &record);
	record_clear(&record);
	fake_find_all(&world, NULL);
	fake_pass(&world, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish START");
	fake_step_finished(&world, "u", "policies", OUTCOME_CONTINUE, 5, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish END continue; ack 5");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("coordinator_runs");
	TCase *cases = tcase_create("coordinator_runs");
	const TTest *const tests[] = {past_its_deadline, that_hangs, that_hangs_though_its_upload_is_gone, stopping_is_no_failure,
	                              stopping_takes_the_mark_off, suspects_run_a_few_at_a_time, suspects_that_end_the_service,
	                              suspects_go_on_past_one_that_hangs, suspects_that_move_on, suspects_that_are_answered_elsewhere,
	                              suspects_that_were_answered_before_their_marks, suspect_begun_again, found_at_start,
	                              foreign_records, records_of_another_instance, another_instance_is_only_late, claimed_by_two,
	                              step_that_is_not_configured};
	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		tcase_add_test(cases, tests[i]);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
