/* SPDX-License-Identifier: Apache-2.0
 * The runs of steps: deadlines, runs that hang, uploads found at startup, and uploads that other instances look
 * after. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

static void begin(const char *id, uint64_t sequence)
{
	fake_begin(&world, id, sequence, false);
	fake_answer_all(&world);
	text_clear(&world.words);
}

START_TEST(past_its_deadline)
{
	begin("u", 1);
	fake_pass(&world, 10 * MINUTE); /* it was queued all the time, which is not the step's fault */
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
	/* The run that hung returns after all, with a verdict about a pass that is over. */
	fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
	fake_expect(&world, "");
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; run slow");
}
END_TEST

/* Nobody waits for it, but it occupies a worker. */
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
	/* A run that no worker has begun does not count as hanging. */
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
	/* A verdict counts, but nothing new is begun. */
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

START_TEST(found_at_start)
{
	store("waits", FAKE_OWNER,
	      (struct status){.step = 0, .phase = PHASE_WAITING, .due = world.now + HOUR, .transition = 2});
	store("said", FAKE_OWNER,
	      (struct status){.step = 2,
	                      .phase = PHASE_CONFIRMING,
	                      .outcome = OUTCOME_DELETE,
	                      .confirmations = 1,
	                      .due = world.now + MINUTE,
	                      .transition = 3,
	                      .publish = PUBLISH_FINISHED});
	store("ended", FAKE_OWNER,
	      (struct status){.step = 2, .phase = PHASE_ENDED, .outcome = OUTCOME_ABORT, .transition = 3});
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "publish END delete"); /* it may not have been published */
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 2);
	fake_pass(&world, HOUR);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; publish END delete; run scan");
}
END_TEST

/* A record of the other implementation has no owner, and is continued at once. */
START_TEST(foreign_records)
{
	static const char inner[] =
		"{\"ID\":\"u\",\"Steps\":[\"scan\",\"slow\"],\"Status\":{\"CurrentStep\":\"slow\",\"Outcome\":\"\"}}";
	struct text value = {0};
	text_add(&value, "{\"key\":\"u\",\"data\":\"");
	text_add_base64(&value, inner, sizeof inner - 1);
	text_add(&value, "\"}");
	struct record record;
	char why[256];
	ck_assert_msg(record_decode(value.data, value.length, &record, why, sizeof why) == RECORD_TAKEN, "%s", why);
	coordinator_found(world.coordinator, &record, 7, NULL, world.now);
	fake_expect(&world, "put");
	ck_assert_uint_eq(world.first->expected, 7);
	text_free(&value);
	/* The bucket has it under that number. */
	store("u", "x", queued);
	world.entries->revision = 7;
	fake_answer_all(&world);
	fake_expect(&world, "run slow");
	ck_assert_uint_eq(stored("u").step, 1);
}
END_TEST

/* A record that lists no steps gets the configured ones, wherever it is read. */
START_TEST(records_without_steps)
{
	static const char inner[] = "{\"ID\":\"u\",\"Steps\":null,\"Status\":{\"CurrentStep\":\"\",\"Outcome\":\"\"}}";
	struct text value = {0};
	text_add(&value, "{\"key\":\"u\",\"data\":\"");
	text_add_base64(&value, inner, sizeof inner - 1);
	text_add(&value, "\"}");
	fake_store_text(&world, "u", value.data, value.length);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "put; run scan");
	ck_assert_int_eq(stored("u").phase, PHASE_QUEUED);
	fake_store_text(&world, "v", value.data, value.length);
	fake_resume(&world, "v", "", 5);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; ack 5; run scan");
	text_free(&value);
}
END_TEST

START_TEST(records_of_another_instance)
{
	store("queued", "there", queued);
	store("runs", "there",
	      (struct status){.step = 0, .phase = PHASE_RUNNING, .due = world.now + MINUTE, .transition = 1});
	store("backoff", "there",
	      (struct status){.step = 0,
	                      .phase = PHASE_BACKOFF,
	                      .outcome = OUTCOME_RETRY,
	                      .failures = 1,
	                      .due = world.now + SECOND,
	                      .transition = 1,
	                      .publish = PUBLISH_RETRY});
	world.living = "there";
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "");
	/* Its due time belongs to the other instance, however late it is. */
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

/* After a claim, the service that does the step is asked again. It then has the step's own time to answer, not
 * storage's. */
START_TEST(asked_again_after_a_claim)
{
	static const struct pipeline_step quick[] = {
		{.name = "scan", .max_retries = 2, .retry_backoff = SECOND, .deadline = 4 * SECOND, MAX_WAITING},
		{.name = "slow", .deadline = HOUR, MAX_WAITING}};
	world.limits = quick;
	fake_restart(&world, FAKE_OWNER);
	store("u", "there",
	      (struct status){.step = 0,
	                      .phase = PHASE_AWAITING,
	                      .awaited = true,
	                      .due = world.now + SECOND,
	                      .transition = 1,
	                      .publish = PUBLISH_START,
	                      .published = 1,
	                      .published_at = world.now});
	fake_pass(&world, 20 * SECOND);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "publish START; put");
	fake_pass(&world, 3 * SECOND);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").failures, 0);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").failures, 1);
}
END_TEST

/* The instance was thought dead but is alive: the condition of the claim fails, and the record is left to it. */
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

/* A step that is no longer configured is left to other services. */
START_TEST(step_that_is_not_configured)
{
	struct status status = {
		.step = 0, .phase = PHASE_BACKOFF, .outcome = OUTCOME_RETRY, .failures = 1, .due = world.now, .transition = 1};
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

/* An answer whose acknowledgement was lost is redelivered after the step was requested again: it does not answer the
 * new request. */
START_TEST(answered_once)
{
	store("u", FAKE_OWNER,
	      (struct status){
			  .step = 0, .phase = PHASE_AWAITING, .awaited = true, .due = world.now + MINUTE, .transition = 1});
	fake_step_finished(&world, "u", "scan", OUTCOME_RETRY, 5, false);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; publish RETRY; ack 5");
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "put; run scan; put; publish START");
	/* Also by a process that does not remember it. */
	fake_restart(&world, FAKE_OWNER);
	fake_step_finished(&world, "u", "scan", OUTCOME_RETRY, 5, true);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 5");
	ck_assert_int_eq(stored("u").phase, PHASE_AWAITING);
	ck_assert_uint_eq(stored("u").failures, 1);
	fake_step_finished(&world, "u", "scan", OUTCOME_RETRY, 6, false);
	fake_answer_all(&world);
	ck_assert_uint_eq(stored("u").failures, 2);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {past_its_deadline,
	                              that_hangs,
	                              that_hangs_though_its_upload_is_gone,
	                              stopping_is_no_failure,
	                              found_at_start,
	                              foreign_records,
	                              records_without_steps,
	                              records_of_another_instance,
	                              asked_again_after_a_claim,
	                              another_instance_is_only_late,
	                              claimed_by_two,
	                              step_that_is_not_configured,
	                              answered_once};
	return coordinator_world_run("coordinator_runs", tests, sizeof tests / sizeof tests[0]);
}
