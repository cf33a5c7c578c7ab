/* SPDX-License-Identifier: Apache-2.0
 * The state machine, one rule after the other; test_pipeline_matrix.c has all combinations. */
#include <check.h>
#include <string.h>

#include "tests/harness/suite.h"
#include "tests/upload/pipeline_fixture.h"

static struct status status;
static struct action action;

static void apply_at(struct input input, bool busy, nanos now)
{
	char text[ACTION_TEXT_SIZE];
	input.stream = input.stream != 0 ? input.stream : STREAM;
	if (input.reason == NULL)
		input.reason = "";
	action = pipeline_apply(&fixture_pipeline, &fixture_upload, status.transition != 0, &status, &input, busy, now);
	action_text(&action, &status, text);
}

static void apply(struct input input)
{
	apply_at(input, false, NOW);
}

static void begin(void)
{
	status = (struct status){0};
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN});
}

static void returned(enum outcome outcome, const char *reason, nanos now)
{
	apply_at(
		(struct input){.kind = INPUT_RETURNED, .outcome = outcome, .transition = status.transition, .reason = reason},
		false, now);
}

/* A new answer. */
static void step_finished(const char *step, enum outcome outcome)
{
	uint64_t last = status.answered > BEGUN ? status.answered : BEGUN;
	apply((struct input){.kind = INPUT_STEP_FINISHED, .sequence = last + 1, .step = step, .outcome = outcome});
}

static void assert_action(const char *expected)
{
	char text[ACTION_TEXT_SIZE];
	ck_assert_str_eq(action_text(&action, &status, text), expected);
}

START_TEST(all_steps_in_order)
{
	begin();
	assert_action("put queued 0 run");
	ck_assert_int_eq(status.due, NOW + 10 * MINUTE);
	ck_assert_uint_eq(status.begun, BEGUN);
	ck_assert_int_eq(status.stream, STREAM);
	ck_assert_uint_eq(status.transition, 1);
	apply((struct input){.kind = INPUT_RETURNED, .outcome = OUTCOME_CONTINUE, .transition = 1, .result = true});
	assert_action("put queued 1 F run");
	ck_assert_uint_eq(status.finished_step, 0);
	ck_assert_int_eq(status.finished_outcome, OUTCOME_CONTINUE);
	ck_assert_int_eq(status.due, NOW + MINUTE);
	apply((struct input){
		.kind = INPUT_RETURNED, .returned = RETURNED_WAIT, .until = NOW + HOUR, .transition = 2, .reason = "because"});
	assert_action("put waiting 1");
	ck_assert_int_eq(status.due, NOW + HOUR);
	ck_assert_str_eq(status.reason, "because");
	apply_at((struct input){.kind = INPUT_DUE}, false, NOW + HOUR - 1);
	assert_action("ignored");
	apply_at((struct input){.kind = INPUT_DUE}, false, NOW + HOUR);
	assert_action("keep waiting 1 run");
	ck_assert_int_eq(status.woken_at, NOW + HOUR);
	returned(OUTCOME_CONTINUE, NULL, NOW);
	/* A step that is not configured belongs to another service. */
	assert_action("put awaiting 2 S");
	ck_assert_str_eq(status.reason, "");
	ck_assert_int_eq(status.woken_at, 0);
	ck_assert_int_eq(status.due, NOW + 4 * MINUTE);
	step_finished("policies", OUTCOME_CONTINUE);
	assert_action("put confirming 3 E");
	ck_assert_int_eq(status.outcome, OUTCOME_CONTINUE);
	ck_assert_int_eq(status.due, NOW + MINUTE);
	apply((struct input){.kind = INPUT_READY, .sequence = BEGUN + 9});
	assert_action("delete");
}
END_TEST

START_TEST(no_steps)
{
	const struct upload none = {.id = "u"};
	struct input input = {.kind = INPUT_BEGIN, .sequence = 1};
	char text[ACTION_TEXT_SIZE];
	status = (struct status){0};
	action = pipeline_apply(&fixture_pipeline, &none, false, &status, &input, false, NOW);
	ck_assert_str_eq(action_text(&action, &status, text), "put confirming 0 E");
	ck_assert_int_eq(status.outcome, OUTCOME_CONTINUE);
}
END_TEST

START_TEST(verdicts_end_it)
{
	static const enum outcome outcomes[] = {OUTCOME_ABORT, OUTCOME_DELETE};
	for (size_t i = 0; i < 2; i++) {
		begin();
		returned(outcomes[i], "so", NOW);
		assert_action("put confirming 3 E");
		ck_assert_int_eq(status.outcome, outcomes[i]);
		ck_assert_str_eq(status.reason, "so");
	}
}
END_TEST

START_TEST(anything_but_a_verdict_is_a_failure)
{
	static const enum outcome outcomes[] = {OUTCOME_NONE, OUTCOME_RETRY, (enum outcome)77};
	for (size_t i = 0; i < 3; i++) {
		begin();
		apply((struct input){.kind = INPUT_RETURNED, .outcome = outcomes[i], .transition = 1, .result = true});
		assert_action("put backoff 0 R");
		ck_assert_uint_eq(status.failures, 1);
		ck_assert_int_eq(status.outcome, OUTCOME_RETRY);
	}
	begin();
	apply((struct input){.kind = INPUT_RETURNED, .returned = RETURNED_AWAIT, .until = NOW + 1, .transition = 1});
	assert_action("put awaiting 0 S");
	step_finished("scan", outcome_parse("fine"));
	assert_action("put backoff 0 R");
}
END_TEST

START_TEST(backoff_doubles_and_ends)
{
	nanos now = NOW, pause = 5 * SECOND;
	begin();
	for (unsigned i = 1; i <= SCAN_RETRIES; i++, pause *= 2) {
		returned(OUTCOME_RETRY, "no scanner", now);
		assert_action("put backoff 0 R");
		ck_assert_uint_eq(status.failures, i);
		ck_assert_int_eq(pipeline_backoff(&fixture_pipeline, &fixture_upload, &status), pause);
		ck_assert_int_eq(status.due, now + pause);
		ck_assert_str_eq(status.reason, "no scanner");
		now = status.due;
		apply_at((struct input){.kind = INPUT_DUE}, false, now);
		assert_action("keep backoff 0 run mark");
		apply_at((struct input){.kind = INPUT_STARTING, .mark = true}, true, now);
		assert_action("put running 0 run");
		ck_assert_int_eq(status.due, now + 10 * MINUTE);
		ck_assert_uint_eq(status.failures, i);
	}
	returned(OUTCOME_RETRY, "no scanner", now);
	assert_action("put confirming 3 E");
	ck_assert_int_eq(status.outcome, OUTCOME_ABORT);
	ck_assert_str_eq(status.reason, "no scanner");
}
END_TEST

START_TEST(backoff_has_a_limit)
{
	struct pipeline_step patient = {
		.name = "scan", .max_retries = 1000, .retry_backoff = 24 * HOUR, .deadline = MINUTE, MAX_WAITING};
	struct pipeline pipeline = fixture_pipeline;
	pipeline.step = &patient;
	pipeline.count = 1;
	begin();
	for (unsigned i = 1; i <= 1000; i++) {
		struct input input = {
			.kind = INPUT_RETURNED, .outcome = OUTCOME_RETRY, .transition = status.transition, .reason = ""};
		action = pipeline_apply(&pipeline, &fixture_upload, true, &status, &input, false, NOW);
		assert_action("put backoff 0 R");
		nanos pause = pipeline_backoff(&pipeline, &fixture_upload, &status);
		ck_assert_int_gt(pause, 0);
		ck_assert_int_le(pause, 365 * 24 * HOUR);
		ck_assert(i < 12 || pause == 365 * 24 * HOUR);
		ck_assert_int_eq(status.due, NOW + pause);
	}
}
END_TEST

START_TEST(exhausted_may_continue)
{
	begin();
	returned(OUTCOME_CONTINUE, NULL, NOW);
	/* `delay` has no retries, and is passed over in this case. */
	returned(OUTCOME_RETRY, "broken", NOW);
	assert_action("put awaiting 2 S");
	ck_assert_uint_eq(status.failures, 0);
	ck_assert_uint_eq(action.passed, 1);
	ck_assert_uint_eq(action.passed_step, 1);
	ck_assert_str_eq(action.why_passed, "broken");
}
END_TEST

static void gone(nanos now)
{
	apply_at((struct input){.kind = INPUT_RETURNED,
	                        .outcome = OUTCOME_RETRY,
	                        .transition = status.transition,
	                        .gone = true,
	                        .reason = "the storage answered 404"},
	         false, now);
}

/* Storage is asked for a new URL once. Attempts go on until it has had ten minutes, whatever retries the step has. */
START_TEST(a_url_without_bytes)
{
	nanos now = NOW;
	unsigned tries = 0;
	begin();
	gone(now);
	assert_action("put backoff 0 RA");
	ck_assert_uint_eq(status.publish, PUBLISH_RETRY);
	ck_assert_int_eq(status.asked_at, NOW);
	ck_assert_int_eq(status.due, NOW + 5 * SECOND);
	ck_assert_str_eq(status.reason, "storage was asked for a new URL: the storage answered 404");
	for (; status.phase == PHASE_BACKOFF && tries < 100; tries++) {
		nanos before = now;
		assert_action(tries == 0 ? "put backoff 0 RA" : "put backoff 0 R");
		ck_assert_int_le(status.due, NOW + 10 * MINUTE);
		ck_assert_int_eq(status.due - before, pipeline_backoff(&fixture_pipeline, &fixture_upload, &status));
		ck_assert_int_eq(status.asked_at, NOW);
		now = status.due;
		gone(now);
	}
	ck_assert_uint_gt(tries, SCAN_RETRIES);
	ck_assert_uint_lt(tries, 10);
	assert_action("put confirming 3 E");
	ck_assert_int_eq(now, NOW + 10 * MINUTE);
	ck_assert_int_eq(status.outcome, OUTCOME_ABORT);
	ck_assert_str_eq(status.reason, "the bytes are gone: the storage answered 404");
	/* The answer comes too late: the end is published. */
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN + 1});
	assert_action("ignored");
	/* If storage begins it after that, it is a new pass. */
	apply((struct input){.kind = INPUT_READY, .sequence = BEGUN + 2, .failed = true});
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN + 3});
	ck_assert_int_eq(status.asked_at, 0);
	gone(now);
	assert_action("put backoff 0 RA");
}
END_TEST

/* If storage names a new URL that has no bytes either, it is tried once more and not again. */
START_TEST(a_second_url_without_bytes)
{
	begin();
	gone(NOW);
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN + 1});
	assert_action("put queued 0 run mark");
	ck_assert(status.renewed);
	ck_assert_int_eq(status.asked_at, NOW);
	gone(NOW + SECOND);
	assert_action("put backoff 0 R");
	ck_assert_str_eq(status.reason, "the storage answered 404");
	gone(status.due);
	assert_action("put confirming 3 E");
	ck_assert_int_eq(status.outcome, OUTCOME_ABORT);
	ck_assert_str_eq(status.reason, "the bytes are gone: the storage answered 404");
}
END_TEST

/* The same URL, published again, does not count as a second one. */
START_TEST(the_same_url_said_again)
{
	begin();
	gone(NOW);
	apply_at((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN + 1, .past.same_url = true}, false, NOW + MINUTE);
	assert_action("put queued 0 run mark");
	ck_assert(!status.renewed);
	gone(NOW + 2 * MINUTE);
	assert_action("put backoff 0 R");
	gone(NOW + 3 * MINUTE);
	assert_action("put backoff 0 R");
	gone(NOW + 10 * MINUTE);
	assert_action("put confirming 3 E");
	ck_assert_int_eq(status.outcome, OUTCOME_ABORT);
}
END_TEST

/* It had bytes again in between: ten minutes start over, and storage is not asked again. */
START_TEST(a_url_whose_bytes_come_and_go)
{
	begin();
	gone(NOW);
	returned(OUTCOME_RETRY, "no scanner", NOW + MINUTE);
	assert_action("put backoff 0 R");
	ck_assert_int_eq(status.gone_since, 0);
	ck_assert_uint_eq(status.failures, 2);
	gone(NOW + 20 * MINUTE);
	assert_action("put backoff 0 R");
	ck_assert_int_eq(status.gone_since, NOW + 20 * MINUTE);
	ck_assert_int_eq(status.asked_at, NOW);
	gone(NOW + 30 * MINUTE - 1);
	assert_action("put backoff 0 R");
	/* A clock that was set back does not make it wait longer than that. */
	gone(NOW);
	ck_assert_int_eq(status.gone_since, NOW);
	returned(OUTCOME_CONTINUE, "", NOW);
	assert_action("put queued 1 run");
	ck_assert_int_eq(status.gone_since, 0);
	/* What a step reports nevertheless counts; and a step without retries is neither passed over nor ended by it. */
	gone(NOW + HOUR);
	assert_action("put backoff 1 R");
	apply((struct input){
		.kind = INPUT_RETURNED, .outcome = OUTCOME_DELETE, .transition = status.transition, .gone = true});
	assert_action("put confirming 3 E");
	ck_assert_int_eq(status.outcome, OUTCOME_DELETE);
}
END_TEST

START_TEST(the_last_exhausted_step_continues_to_the_end)
{
	static const char *const names[] = {"delay"};
	const struct upload upload = {.id = "u", .step = names, .step_count = 1};
	struct input input = {.kind = INPUT_BEGIN, .sequence = 1};
	char text[ACTION_TEXT_SIZE];
	status = (struct status){0};
	pipeline_apply(&fixture_pipeline, &upload, false, &status, &input, false, NOW);
	input = (struct input){.kind = INPUT_RETURNED, .outcome = OUTCOME_RETRY, .transition = 1, .reason = ""};
	action = pipeline_apply(&fixture_pipeline, &upload, true, &status, &input, false, NOW);
	ck_assert_str_eq(action_text(&action, &status, text), "put confirming 1 E");
	ck_assert_int_eq(status.outcome, OUTCOME_CONTINUE);
}
END_TEST

static void asked_for(enum returned how, nanos until, nanos began)
{
	apply((struct input){
		.kind = INPUT_RETURNED, .returned = how, .until = until, .began = began, .transition = status.transition});
}

/* Times that are too near are delayed, so that nothing runs in a loop; times that are too far ahead or in the past
 * are failures. */
START_TEST(times_that_a_step_asks_for)
{
	static const struct {
		nanos until, due; /* 0: a failure */
	} times[] = {{NOW - SECOND, NOW + 100 * MILLISECOND},
	             {NOW, NOW + 100 * MILLISECOND},
	             {NOW + 1, NOW + 100 * MILLISECOND},
	             {NOW + 100 * MILLISECOND, NOW + 100 * MILLISECOND},
	             {NOW + SECOND, NOW + SECOND},
	             {NOW + 720 * HOUR, NOW + 720 * HOUR},
	             {NOW + 720 * HOUR + 1, 0},
	             {TIME_LAST, 0},
	             {INT64_MAX, 0},
	             {NOW - SECOND - 1, 0},
	             {1, 0},
	             {0, 0},
	             {-5, 0},
	             {INT64_MIN, 0}};
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		for (enum returned how = RETURNED_WAIT; how <= RETURNED_AWAIT; how++) {
			begin();
			asked_for(how, times[i].until, NOW - SECOND);
			if (times[i].due != 0) {
				assert_action(how == RETURNED_WAIT ? "put waiting 0" : "put awaiting 0 S");
				ck_assert_int_eq(status.due, times[i].due);
			} else {
				assert_action("put backoff 0 R");
				ck_assert_uint_eq(status.failures, 1);
				ck_assert_str_ne(status.reason, "");
			}
		}
	}
}
END_TEST

/* The clock was set back while the step ran: the time does not count as past. */
START_TEST(a_time_after_the_clock_was_set_back)
{
	begin();
	asked_for(RETURNED_WAIT, NOW + MINUTE, NOW + HOUR);
	assert_action("put waiting 0");
	ck_assert_int_eq(status.due, NOW + MINUTE);
}
END_TEST

/* An answer has at least the time of a run, however short waits must be. */
START_TEST(an_answer_has_the_deadline)
{
	struct pipeline_step hasty = {.name = "scan", .deadline = 10 * MINUTE, .max_wait = MINUTE, .max_waits = 1};
	struct pipeline pipeline = {.step = &hasty, .count = 1};
	for (enum returned how = RETURNED_WAIT; how <= RETURNED_AWAIT; how++) {
		begin();
		struct input input = {
			.kind = INPUT_RETURNED, .returned = how, .until = NOW + 10 * MINUTE, .transition = 1, .reason = ""};
		action = pipeline_apply(&pipeline, &fixture_upload, true, &status, &input, false, NOW);
		assert_action(how == RETURNED_AWAIT ? "put awaiting 0 S" : "put confirming 3 E");
	}
	ck_assert_int_eq(status.due, NOW + 10 * MINUTE);
}
END_TEST

/* A step that only ever waits fails; each of its attempts may wait as often. */
START_TEST(waits_are_counted)
{
	struct pipeline_step restless = {.name = "scan",
	                                 .max_retries = 2,
	                                 .retry_backoff = SECOND,
	                                 .deadline = MINUTE,
	                                 .max_wait = HOUR,
	                                 .max_waits = 3};
	struct pipeline pipeline = {.step = &restless, .count = 1, .confirm_interval = MINUTE};
	unsigned runs = 0, retries = 0;
	begin();
	while (status.phase != PHASE_CONFIRMING && runs < 100) {
		struct input input = {.kind = INPUT_RETURNED,
		                      .returned = RETURNED_WAIT,
		                      .until = NOW,
		                      .began = NOW,
		                      .transition = status.transition,
		                      .reason = ""};
		action = pipeline_apply(&pipeline, &fixture_upload, true, &status, &input, false, NOW);
		runs++;
		retries += status.phase == PHASE_BACKOFF;
		ck_assert_uint_le(status.waits, 3);
	}
	ck_assert_uint_eq(retries, 2);
	ck_assert_uint_eq(runs, 3 * (3 + 1));
	ck_assert_int_eq(status.outcome, OUTCOME_ABORT);
	ck_assert_str_eq(status.reason, "the step asked to wait more than 3 times (max_waits)");
	ck_assert_uint_eq(status.waits, 0);
}
END_TEST

/* A module that crashes again and again on an upload ends it, whatever happens when retries are used up. */
START_TEST(crashes_are_counted)
{
	struct pipeline_step fragile = {.name = "scan",
	                                .max_retries = 14,
	                                .max_crashes = 3,
	                                .retry_backoff = SECOND,
	                                .deadline = MINUTE,
	                                .continue_when_exhausted = true};
	struct pipeline pipeline = {.step = &fragile, .count = 1, .confirm_interval = MINUTE};
	begin();
	for (unsigned i = 1; i <= 5; i++) {
		bool crashed = i != 2 && i != 4;
		struct input input = {.kind = INPUT_RETURNED,
		                      .outcome = OUTCOME_RETRY,
		                      .crashed = crashed,
		                      .began = NOW,
		                      .transition = status.transition,
		                      .reason = crashed ? "SIGSEGV" : "busy"};
		action = pipeline_apply(&pipeline, &fixture_upload, true, &status, &input, false, NOW);
		ck_assert_int_eq(status.phase, i < 5 ? PHASE_BACKOFF : PHASE_CONFIRMING);
		ck_assert_uint_eq(status.crashes, i < 5 ? i - i / 2 : 0);
	}
	ck_assert_int_eq(status.outcome, OUTCOME_ABORT);
	ck_assert_str_eq(status.reason, "3 crashes (max_crashes): SIGSEGV");
}
END_TEST

/* An administrator's command outranks the step's wish, and is not forgotten. */
START_TEST(a_wait_is_resumed)
{
	begin();
	asked_for(RETURNED_WAIT, NOW + HOUR, NOW);
	apply_at((struct input){.kind = INPUT_RESUME}, false, NOW + MINUTE);
	assert_action("put waiting 0 run");
	ck_assert_int_eq(status.due, NOW + MINUTE);
	ck_assert_int_eq(status.woken_at, NOW + MINUTE);
	/* Its instance dies, and the next one finds the upload. */
	status.woken_at = 0;
	apply_at((struct input){.kind = INPUT_FOUND}, false, NOW + 2 * MINUTE);
	assert_action("keep waiting 0 run mark");
	ck_assert_int_eq(status.woken_at, NOW + MINUTE);
	/* As an older version may have left it. */
	status.due = TIME_LAST;
	apply_at((struct input){.kind = INPUT_RESUME}, false, NOW + 3 * MINUTE);
	assert_action("put waiting 0 run");
	apply_at((struct input){.kind = INPUT_STARTING}, true, NOW + 3 * MINUTE);
	assert_action("keep waiting 0 run");
}
END_TEST

static void expire(nanos suspended, nanos now)
{
	apply_at((struct input){.kind = INPUT_EXPIRED, .suspended = suspended, .reason = "no scanner"}, true, now);
}

/* From the time when it came to the step, or when its time came. */
START_TEST(a_suspended_step_is_waited_for)
{
	begin();
	expire(NOW - HOUR, NOW + MINUTE - 1);
	assert_action("ignored");
	expire(NOW - HOUR, NOW + MINUTE);
	assert_action("put confirming 3 E drop");
	ck_assert_int_eq(status.outcome, OUTCOME_ABORT);
	ck_assert_str_eq(status.reason, "no scanner");
	begin();
	returned(OUTCOME_RETRY, "x", NOW);
	expire(NOW - HOUR, NOW + MINUTE);
	assert_action("ignored");
	expire(NOW - HOUR, NOW + 5 * SECOND + MINUTE);
	assert_action("put confirming 3 E drop");
	begin();
	asked_for(RETURNED_WAIT, NOW + HOUR, NOW);
	expire(NOW - HOUR, NOW + HOUR + MINUTE - 1);
	assert_action("ignored");
	expire(NOW - HOUR, NOW + HOUR + MINUTE);
	assert_action("put confirming 3 E drop");
	/* `delay` is passed over in this case. */
	begin();
	returned(OUTCOME_CONTINUE, NULL, NOW);
	expire(NOW - HOUR, NOW + 24 * HOUR);
	assert_action("put awaiting 2 S drop");
}
END_TEST

/* An upload that came long ago has the step's own time: a stop of days, or a long queue, is no reason to end it when
 * a check fails. */
START_TEST(a_step_that_has_only_just_been_suspended)
{
	static const struct pipeline_step day = {.check_limit = 24 * HOUR, .deadline = MINUTE},
									  shorter = {.check_limit = MINUTE};
	struct status queued = {.phase = PHASE_QUEUED, .due = NOW};
	ck_assert_int_eq(pipeline_came(&day, &queued), NOW - MINUTE);
	ck_assert_int_eq(pipeline_suspended_until(&day, NOW - MINUTE, NOW), NOW - MINUTE + 24 * HOUR);
	ck_assert_int_eq(pipeline_suspended_until(&day, NOW - 100 * HOUR, NOW), NOW + HOUR);
	ck_assert_int_eq(pipeline_suspended_until(&shorter, NOW - 100 * HOUR, NOW), NOW + MINUTE);
	/* A record may contain any times. */
	ck_assert_int_eq(pipeline_suspended_until(&day, TIME_LAST, NOW), TIME_LAST);
	ck_assert_int_eq(pipeline_suspended_until(&day, TIME_FIRST, NOW), NOW + HOUR);
}
END_TEST

/* A foreign record may contain any number of failures. */
START_TEST(failures_of_a_foreign_record)
{
	status = (struct status){.step = 0,
	                         .phase = PHASE_BACKOFF,
	                         .outcome = OUTCOME_RETRY,
	                         .awaited = true,
	                         .failures = 1000000,
	                         .transition = 1};
	apply((struct input){.kind = INPUT_FOUND, .foreign = true});
	assert_action("put backoff 0");
	ck_assert_int_eq(status.due, NOW + (5 << (SCAN_RETRIES - 1)) * SECOND);
}
END_TEST

START_TEST(answers_that_nobody_asked_for)
{
	begin();
	step_finished("scan", OUTCOME_CONTINUE);
	assert_action("ignored");
	apply((struct input){.kind = INPUT_RETURNED, .returned = RETURNED_AWAIT, .until = NOW + 1, .transition = 1});
	step_finished("delay", OUTCOME_DELETE);
	assert_action("ignored");
	step_finished("", OUTCOME_DELETE);
	assert_action("ignored");
	step_finished("scan", OUTCOME_ABORT);
	assert_action("put confirming 3 E");
	/* Then the answer that somebody else sent at the same time arrives. */
	step_finished("scan", OUTCOME_CONTINUE);
	assert_action("ignored");
	step_finished("finished", OUTCOME_CONTINUE);
	assert_action("ignored");
}
END_TEST

START_TEST(an_answer_that_never_comes)
{
	begin();
	apply((struct input){.kind = INPUT_RETURNED, .returned = RETURNED_AWAIT, .until = NOW + MINUTE, .transition = 1});
	apply_at((struct input){.kind = INPUT_DUE}, false, NOW + MINUTE - 1);
	assert_action("ignored");
	apply_at((struct input){.kind = INPUT_DUE}, false, NOW + MINUTE);
	assert_action("put backoff 0 R");
	ck_assert_str_ne(status.reason, "");
	/* It comes after all, and counts. */
	step_finished("scan", OUTCOME_CONTINUE);
	assert_action("put queued 1 run");
}
END_TEST

START_TEST(late_runs)
{
	begin();
	uint64_t first = status.transition;
	returned(OUTCOME_CONTINUE, NULL, NOW);
	apply((struct input){.kind = INPUT_RETURNED, .outcome = OUTCOME_DELETE, .transition = first});
	assert_action("ignored");
	ck_assert_uint_eq(status.step, 1);
}
END_TEST

START_TEST(begun_again)
{
	begin();
	returned(OUTCOME_RETRY, "x", NOW);
	uint64_t transition = status.transition;
	/* In a stream that was created again, a lower number is not older. */
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN - 50, .stream = STREAM + 1});
	assert_action("put queued 0 run mark");
	ck_assert_uint_eq(status.transition, transition + 1);
	ck_assert_uint_eq(status.failures, 0);
	ck_assert_uint_eq(status.begun, BEGUN - 50);
	apply((struct input){.kind = INPUT_READY, .sequence = BEGUN - 51, .stream = STREAM + 1});
	assert_action("ignored");
	apply_at((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN - 49, .stream = STREAM + 1}, true, NOW);
	assert_action("put queued 0 run drop");
	apply((struct input){.kind = INPUT_READY, .sequence = BEGUN, .stream = STREAM + 1});
	assert_action("delete");
}
END_TEST

static void answered(enum outcome outcome, uint64_t sequence, nanos now)
{
	apply_at((struct input){.kind = INPUT_STEP_FINISHED,
	                        .sequence = sequence,
	                        .stream = status.stream,
	                        .step = "scan",
	                        .outcome = outcome},
	         false, now);
}

/* Of two answers the older one has no effect, whenever it comes, until the upload begins again. */
START_TEST(answers_count_once)
{
	begin();
	apply((struct input){
		.kind = INPUT_RETURNED, .returned = RETURNED_AWAIT, .until = NOW + MINUTE, .transition = status.transition});
	answered(OUTCOME_RETRY, BEGUN + 3, NOW + 3);
	assert_action("put backoff 0 R");
	ck_assert_uint_eq(status.answered, BEGUN + 3);
	answered(OUTCOME_RETRY, BEGUN + 3, NOW + 4);
	assert_action("ignored");
	answered(OUTCOME_CONTINUE, BEGUN + 2, NOW + 4);
	assert_action("ignored");
	apply_at((struct input){.kind = INPUT_DUE}, false, NOW + MINUTE);
	apply((struct input){.kind = INPUT_RETURNED,
	                     .returned = RETURNED_AWAIT,
	                     .until = NOW + 2 * MINUTE,
	                     .transition = status.transition});
	assert_action("put awaiting 0 S");
	answered(OUTCOME_RETRY, BEGUN + 3, NOW + MINUTE);
	assert_action("ignored");
	ck_assert_uint_eq(status.failures, 1);
	answered(OUTCOME_RETRY, BEGUN + 4, NOW + MINUTE);
	assert_action("put backoff 0 R");
	ck_assert_uint_eq(status.failures, 2);
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN + 9});
	ck_assert_uint_eq(status.answered, 0);
}
END_TEST

/* What was not published is known to the coordinator, see record_unpublished(). */
START_TEST(redeliveries_change_nothing)
{
	begin();
	apply_at((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN}, true, NOW);
	assert_action("ignored");
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN});
	assert_action("ignored");
	apply((struct input){.kind = INPUT_RETURNED, .returned = RETURNED_AWAIT, .until = NOW + 1, .transition = 1});
	step_finished("scan", OUTCOME_DELETE);
	uint64_t transition = status.transition;
	apply(
		(struct input){.kind = INPUT_STEP_FINISHED, .sequence = BEGUN + 5, .step = "scan", .outcome = OUTCOME_DELETE});
	assert_action("ignored");
	ck_assert_uint_eq(status.transition, transition);
}
END_TEST

/* Otherwise an instance that dies before the acknowledgement would make it count twice. */
START_TEST(a_failure_that_comes_again_counts_once)
{
	begin();
	apply((struct input){.kind = INPUT_RETURNED, .returned = RETURNED_AWAIT, .until = NOW + 1, .transition = 1});
	step_finished("scan", OUTCOME_RETRY);
	assert_action("put backoff 0 R");
	step_finished("scan", OUTCOME_RETRY);
	assert_action("ignored");
	ck_assert_uint_eq(status.failures, 1);
	step_finished("scan", OUTCOME_DELETE);
	assert_action("put confirming 3 E");
}
END_TEST

START_TEST(confirmation_is_requested_less_and_less_often)
{
	static const nanos pauses[] = {MINUTE, 2 * MINUTE, 4 * MINUTE, 5 * MINUTE, 5 * MINUTE, 5 * MINUTE};
	nanos now = NOW;
	begin();
	returned(OUTCOME_DELETE, NULL, NOW);
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_uint_eq(status.confirmations, i + 1);
		ck_assert_int_eq(status.due, now + pauses[i]);
		apply_at((struct input){.kind = INPUT_DUE}, false, status.due - 1);
		assert_action("ignored");
		now = status.due;
		apply_at((struct input){.kind = INPUT_DUE}, false, now);
		assert_action(i < 5 ? "put confirming 3 E" : "put unconfirmed 3");
		ck_assert_int_eq(status.outcome, OUTCOME_DELETE);
	}
	ck_assert_int_eq(status.due, 0);
	apply((struct input){.kind = INPUT_RESUME, .sequence = BEGUN + 1});
	assert_action("put confirming 3 E");
	ck_assert_uint_eq(status.confirmations, 1);
	ck_assert_int_eq(status.outcome, OUTCOME_DELETE);
}
END_TEST

/* Storage is asked what became of it, unless it has just reported that. */
START_TEST(without_its_record)
{
	static const enum input_kind asks[] = {INPUT_STEP_FINISHED, INPUT_RETURNED, INPUT_STARTING,
	                                       INPUT_DUE,           INPUT_FOUND,    INPUT_STOPPED};
	status = (struct status){0};
	for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
		apply((struct input){.kind = asks[i], .step = "scan"});
		assert_action("ignored");
		apply_at((struct input){.kind = asks[i], .step = "scan", .lost = true}, true, NOW);
		assert_action("keep queued 0 A drop");
	}
	apply((struct input){.kind = INPUT_READY, .lost = true});
	assert_action("ignored");
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN, .lost = true});
	assert_action("put queued 0 run");
}
END_TEST

START_TEST(storage_gives_up_before_the_end)
{
	begin();
	returned(OUTCOME_RETRY, "x", NOW);
	apply((struct input){.kind = INPUT_READY, .sequence = BEGUN + 2, .failed = true});
	assert_action("put ended 3");
	/* Another instance had taken it before, and died. */
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN + 1, .redelivered = true});
	assert_action("ignored");
	ck_assert_int_eq(status.outcome, OUTCOME_ABORT);
	ck_assert_int_eq(status.due, 0);
	/* No step did it, and what a step reported last is not the reason. */
	ck_assert_uint_eq(status.decided, 0);
	ck_assert_str_eq(status.reason, "storage ended it in step scan");
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN + 3});
	assert_action("put queued 0 run");
}
END_TEST

/* What ended it is kept until somebody has looked: which step, why, and whether it had a verdict. */
START_TEST(what_rejected_it_is_kept)
{
	begin();
	returned(OUTCOME_CONTINUE, "", NOW);
	returned(OUTCOME_DELETE, "bad", NOW);
	ck_assert_uint_eq(status.decided, 2);
	ck_assert(!status.exhausted);
	apply_at((struct input){.kind = INPUT_DUE}, false, status.due);
	apply((struct input){.kind = INPUT_RESUME});
	apply((struct input){.kind = INPUT_READY, .sequence = BEGUN + 1, .failed = true});
	assert_action("put ended 3");
	ck_assert_uint_eq(status.decided, 2);
	ck_assert_str_eq(status.reason, "bad");
	apply((struct input){.kind = INPUT_BEGIN, .sequence = BEGUN + 2});
	ck_assert_uint_eq(status.decided, 0);
	for (unsigned i = 0; i <= SCAN_RETRIES; i++)
		returned(OUTCOME_RETRY, "no scanner", NOW);
	assert_action("put confirming 3 E");
	ck_assert_uint_eq(status.decided, 1);
	ck_assert(status.exhausted);
	ck_assert_str_eq(status.reason, "no scanner");
}
END_TEST

/* The verdict of another service is not explained by what the step reported when it sent the request. */
START_TEST(an_answer_has_its_own_reason)
{
	struct input input = {
		.kind = INPUT_STEP_FINISHED, .sequence = BEGUN + 1, .step = "policies", .outcome = OUTCOME_DELETE};
	status = (struct status){.step = 2,
	                         .phase = PHASE_AWAITING,
	                         .awaited = true,
	                         .due = NOW + 1,
	                         .transition = 1,
	                         .reason = "waits for the answer"};
	apply(input);
	assert_action("put confirming 3 E");
	ck_assert_str_eq(status.reason, "");
	ck_assert_uint_eq(status.decided, 3);
	status = (struct status){.step = 2,
	                         .phase = PHASE_AWAITING,
	                         .awaited = true,
	                         .due = NOW + 1,
	                         .transition = 1,
	                         .reason = "waits for the answer"};
	input.reason = "forbidden";
	apply(input);
	ck_assert_str_eq(status.reason, "forbidden");
}
END_TEST

START_TEST(found_after_a_crash)
{
	begin();
	apply((struct input){.kind = INPUT_FOUND});
	assert_action("keep queued 0 run mark");
	apply_at((struct input){.kind = INPUT_STARTING, .mark = true}, true, NOW);
	assert_action("put running 0 run");
	/* It dies again: this step did it. */
	apply((struct input){.kind = INPUT_FOUND});
	assert_action("put backoff 0 R");
	ck_assert_uint_eq(status.failures, 1);
	ck_assert_str_ne(status.reason, "");
	/* Found records publish nothing by themselves. */
	begin();
	apply((struct input){.kind = INPUT_RETURNED, .outcome = OUTCOME_DELETE, .transition = 1, .result = true});
	assert_action("put confirming 3 FE");
	apply((struct input){.kind = INPUT_FOUND});
	assert_action("keep confirming 3");
	/* A claim keeps what was to be published, under its old number. */
	uint64_t said = status.published;
	apply((struct input){.kind = INPUT_FOUND, .claim = true});
	assert_action("put confirming 3");
	ck_assert_uint_eq(status.publish, PUBLISH_STEP_FINISHED | PUBLISH_FINISHED);
	ck_assert_uint_eq(status.published, said);
	ck_assert_uint_eq(status.transition, said + 1);
}
END_TEST

/* A step that ends the service is run again after a start, each time marked, until its retries are used up. */
START_TEST(a_step_that_kills_the_service)
{
	nanos now = NOW;
	unsigned deaths = 0;
	begin();
	apply((struct input){.kind = INPUT_RETURNED, .returned = RETURNED_WAIT, .until = NOW + HOUR, .transition = 1});
	apply_at((struct input){.kind = INPUT_STARTING, .mark = true}, true, now);
	assert_action("ignored"); /* its time has not come */
	apply_at((struct input){.kind = INPUT_FOUND}, false, now);
	assert_action("keep waiting 0");
	now += HOUR;
	apply_at((struct input){.kind = INPUT_DUE}, false, now); /* it runs unmarked, and the instance dies */
	assert_action("keep waiting 0 run");
	status.woken_at = 0; /* not in the record */
	for (; status.phase != PHASE_CONFIRMING && deaths < 20; deaths++) {
		apply_at((struct input){.kind = INPUT_FOUND}, false, now);
		if (!action.run) {
			now = status.due;
			apply_at((struct input){.kind = INPUT_DUE}, false, now);
		}
		if (action.mark)
			apply_at((struct input){.kind = INPUT_STARTING, .mark = true}, true, now);
	}
	ck_assert_int_eq(status.outcome, OUTCOME_ABORT);
	ck_assert_uint_le(deaths, SCAN_RETRIES + 3);
}
END_TEST

START_TEST(stopped_in_the_middle_is_no_failure)
{
	begin();
	apply_at((struct input){.kind = INPUT_STARTING, .mark = true}, true, NOW);
	apply((struct input){.kind = INPUT_STOPPED, .transition = status.transition});
	assert_action("put queued 0");
	ck_assert_uint_eq(status.failures, 0);
	apply((struct input){.kind = INPUT_FOUND});
	assert_action("keep queued 0 run mark");
}
END_TEST

/* As record_decode() returns them: no times, and an answer counts. */
START_TEST(records_of_the_other_implementation)
{
	const struct input found = {.kind = INPUT_FOUND, .foreign = true};
	status = (struct status){.step = 0, .phase = PHASE_AWAITING, .awaited = true, .failures = 2};
	status.transition = 1; /* present */
	apply(found);
	assert_action("put queued 0 run");
	ck_assert_uint_eq(status.failures, 2);
	ck_assert(status.awaited);
	ck_assert_int_eq(status.due, NOW + 10 * MINUTE);
	step_finished("scan", OUTCOME_CONTINUE);
	assert_action("put queued 1 run");
	status = (struct status){.step = 2, .phase = PHASE_AWAITING, .awaited = true, .transition = 1};
	apply(found);
	assert_action("put awaiting 2 S");
	ck_assert_int_eq(status.due, NOW + 4 * MINUTE);
	status = (struct status){
		.step = 0, .phase = PHASE_BACKOFF, .awaited = true, .failures = 3, .outcome = OUTCOME_RETRY, .transition = 1};
	apply(found);
	assert_action("put backoff 0");
	ck_assert_int_eq(status.due, NOW + 20 * SECOND);
	status = (struct status){
		.step = 3, .phase = PHASE_CONFIRMING, .awaited = true, .outcome = OUTCOME_DELETE, .transition = 1};
	apply(found);
	assert_action("put confirming 3");
	ck_assert_int_eq(status.due, NOW + MINUTE);
	ck_assert_uint_eq(status.confirmations, 1);
	apply_at((struct input){.kind = INPUT_DUE}, false, NOW + MINUTE);
	assert_action("put confirming 3 E");
	ck_assert_int_eq(status.outcome, OUTCOME_DELETE);
	status =
		(struct status){.step = 3, .phase = PHASE_ENDED, .awaited = true, .outcome = OUTCOME_DELETE, .transition = 1};
	apply(found);
	assert_action("ignored");
}
END_TEST

START_TEST(steps_by_name)
{
	status = (struct status){.step = 1};
	ck_assert_str_eq(pipeline_current_step(&fixture_pipeline, &fixture_upload, &status)->name, "delay");
	status.step = 2;
	ck_assert_ptr_eq(pipeline_current_step(&fixture_pipeline, &fixture_upload, &status), &fixture_pipeline.other);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {all_steps_in_order,
	                              no_steps,
	                              verdicts_end_it,
	                              anything_but_a_verdict_is_a_failure,
	                              backoff_doubles_and_ends,
	                              backoff_has_a_limit,
	                              exhausted_may_continue,
	                              a_url_without_bytes,
	                              a_second_url_without_bytes,
	                              the_same_url_said_again,
	                              a_url_whose_bytes_come_and_go,
	                              the_last_exhausted_step_continues_to_the_end,
	                              times_that_a_step_asks_for,
	                              a_time_after_the_clock_was_set_back,
	                              an_answer_has_the_deadline,
	                              waits_are_counted,
	                              crashes_are_counted,
	                              a_wait_is_resumed,
	                              a_suspended_step_is_waited_for,
	                              a_step_that_has_only_just_been_suspended,
	                              failures_of_a_foreign_record,
	                              answers_that_nobody_asked_for,
	                              an_answer_that_never_comes,
	                              late_runs,
	                              begun_again,
	                              redeliveries_change_nothing,
	                              answers_count_once,
	                              without_its_record,
	                              a_failure_that_comes_again_counts_once,
	                              confirmation_is_requested_less_and_less_often,
	                              storage_gives_up_before_the_end,
	                              what_rejected_it_is_kept,
	                              an_answer_has_its_own_reason,
	                              found_after_a_crash,
	                              a_step_that_kills_the_service,
	                              stopped_in_the_middle_is_no_failure,
	                              records_of_the_other_implementation,
	                              steps_by_name};
	return suite_run("pipeline", tests, sizeof tests / sizeof tests[0], 30);
}
