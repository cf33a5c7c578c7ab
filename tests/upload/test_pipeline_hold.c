/* SPDX-License-Identifier: Apache-2.0
 * Uploads that a step holds until people decide. */
#include <check.h>
#include <string.h>

#include "tests/harness/suite.h"
#include "tests/upload/pipeline_fixture.h"

static struct status status;
static struct action action;

static void apply(struct input input, nanos now)
{
	input.stream = STREAM;
	if (input.reason == NULL)
		input.reason = "";
	action = pipeline_apply(&fixture_pipeline, &fixture_upload, status.transition != 0, &status, &input, false, now);
}

static void assert_action(const char *expected)
{
	char text[ACTION_TEXT_SIZE];
	ck_assert_str_eq(action_text(&action, &status, text), expected);
}

static void hold(void)
{
	status = (struct status){0};
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN}, NOW);
	apply((struct input){.kind = INPUT_RETURNED, .returned = RETURNED_HOLD, .transition = 1, .reason = "odd"}, NOW);
}

static void decide(const char *step, enum outcome outcome, uint64_t sequence)
{
	apply((struct input){.kind = INPUT_HOLD_ENDED,
	                     .sequence = sequence,
	                     .step = step,
	                     .outcome = outcome,
	                     .reason = "released by me"},
	      NOW + MINUTE);
}

START_TEST(held_until_its_limit)
{
	hold();
	assert_action("put awaiting 0");
	ck_assert(status.held && !status.awaited);
	ck_assert_int_eq(status.due, NOW + 2 * HOUR);
	ck_assert_str_eq(status.reason, "odd");
	apply((struct input){.kind = INPUT_DUE}, NOW + 2 * HOUR - 1);
	assert_action("ignored");
	apply((struct input){.kind = INPUT_DUE}, NOW + 2 * HOUR);
	assert_action("put confirming 3 E");
	ck_assert(action.hold_expired && status.exhausted && !status.held);
	ck_assert_int_eq(status.outcome, OUTCOME_DELETE);
	ck_assert_str_eq(status.reason, "nobody decided within hold_limit: odd");
}
END_TEST

START_TEST(released)
{
	hold();
	decide("scan", OUTCOME_CONTINUE, BEGUN + 1);
	assert_action("put queued 1 run");
	ck_assert(!status.held);
	/* The same event comes again after the next step holds the upload, too. */
	apply((struct input){.kind = INPUT_RETURNED, .returned = RETURNED_HOLD, .transition = status.transition}, NOW);
	ck_assert(status.held);
	decide("scan", OUTCOME_CONTINUE, BEGUN + 1);
	assert_action("ignored");
	decide("delay", OUTCOME_CONTINUE, BEGUN + 1);
	assert_action("ignored");
	/* This step's hold_outcome. */
	apply((struct input){.kind = INPUT_DUE}, NOW + HOUR);
	assert_action("put awaiting 2 S");
	ck_assert(action.passed && action.hold_expired && !status.held);
	ck_assert_uint_eq(action.passed_step, 1);
}
END_TEST

START_TEST(rejected)
{
	static const enum outcome outcomes[] = {OUTCOME_ABORT, OUTCOME_DELETE};
	for (size_t i = 0; i < 2; i++) {
		hold();
		decide("scan", outcomes[i], BEGUN + 1);
		assert_action("put confirming 3 E");
		ck_assert_int_eq(status.outcome, outcomes[i]);
		ck_assert_uint_eq(status.decided, 1);
		ck_assert(!status.exhausted);
		ck_assert_str_eq(status.reason, "released by me");
	}
}
END_TEST

START_TEST(what_does_not_count)
{
	hold();
	decide("delay", OUTCOME_CONTINUE, BEGUN + 1);
	assert_action("ignored");
	decide("scan", OUTCOME_RETRY, BEGUN + 1);
	assert_action("ignored");
	decide("scan", OUTCOME_NONE, BEGUN + 1);
	assert_action("ignored");
	decide("scan", OUTCOME_CONTINUE, BEGUN - 1);
	assert_action("ignored");
	/* Nobody was asked. */
	apply(
		(struct input){.kind = INPUT_STEP_FINISHED, .sequence = BEGUN + 1, .step = "scan", .outcome = OUTCOME_CONTINUE},
		NOW);
	assert_action("ignored");
	ck_assert(status.held);
	/* An upload that is not held. */
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN + 5}, NOW);
	ck_assert(!status.held);
	decide("scan", OUTCOME_CONTINUE, BEGUN + 6);
	assert_action("ignored");
}
END_TEST

START_TEST(resumed_it_runs_again)
{
	hold();
	apply((struct input){.kind = INPUT_RESUME, .sequence = BEGUN + 2}, NOW + MINUTE);
	assert_action("put queued 0 run");
	ck_assert(!status.held);
	ck_assert_int_eq(status.due, NOW + MINUTE + 10 * MINUTE);
	apply(
		(struct input){
			.kind = INPUT_RETURNED, .returned = RETURNED_HOLD, .transition = status.transition, .reason = "still"},
		NOW + 2 * MINUTE);
	ck_assert(status.held);
	ck_assert_int_eq(status.due, NOW + 2 * MINUTE + 2 * HOUR);
	/* An older decision that comes late does not count for this hold. */
	decide("scan", OUTCOME_CONTINUE, BEGUN + 1);
	assert_action("ignored");
	ck_assert(status.held);
	decide("scan", OUTCOME_CONTINUE, BEGUN + 3);
	assert_action("put queued 1 run");
}
END_TEST

/* After a restart of the service, and when another instance takes the upload over. */
START_TEST(found_it_stays_held)
{
	hold();
	apply((struct input){.kind = INPUT_FOUND}, NOW + MINUTE);
	assert_action("keep awaiting 0");
	ck_assert_int_eq(action.write, WRITE_NONE);
	apply((struct input){.kind = INPUT_FOUND, .claim = true}, NOW + MINUTE);
	ck_assert_int_eq(action.write, WRITE_PUT);
	ck_assert(status.held);
	ck_assert_int_eq(status.due, NOW + 2 * HOUR);
}
END_TEST

START_TEST(storage_ends_it)
{
	hold();
	apply((struct input){.kind = INPUT_READY, .sequence = BEGUN + 1, .failed = true}, NOW);
	assert_action("put ended 3");
	ck_assert(!status.held);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		held_until_its_limit, released,       rejected, what_does_not_count, resumed_it_runs_again,
		found_it_stays_held,  storage_ends_it};
	return suite_run("pipeline_hold", tests, sizeof tests / sizeof tests[0], 30);
}
