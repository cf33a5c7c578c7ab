/* SPDX-License-Identifier: Apache-2.0
 * Every input in every phase. */
#include <check.h>
#include <string.h>

#include "tests/harness/suite.h"
#include "tests/upload/pipeline_fixture.h"

#define PHASES 8

static const struct input inputs[] = {
	{.kind = INPUT_BEGIN, .sequence = BEGUN + 1},
	{.kind = INPUT_BEGIN, .sequence = BEGUN + 1, .mark = true},
	{.kind = INPUT_BEGIN, .sequence = BEGUN + 1, .redelivered = true},
	{.kind = INPUT_BEGIN, .sequence = BEGUN},
	{.kind = INPUT_BEGIN, .sequence = BEGUN - 1},
	{.kind = INPUT_STEP_FINISHED, .sequence = BEGUN + 1, .step = "scan", .outcome = OUTCOME_CONTINUE},
	{.kind = INPUT_STEP_FINISHED, .sequence = BEGUN + 1, .step = "scan", .outcome = OUTCOME_DELETE},
	{.kind = INPUT_STEP_FINISHED, .sequence = BEGUN + 1, .step = "scan", .outcome = OUTCOME_NONE},
	{.kind = INPUT_STEP_FINISHED, .sequence = BEGUN + 1, .step = "delay", .outcome = OUTCOME_CONTINUE},
	{.kind = INPUT_STEP_FINISHED, .sequence = BEGUN - 1, .step = "scan", .outcome = OUTCOME_CONTINUE},
	{.kind = INPUT_READY, .sequence = BEGUN + 1},
	{.kind = INPUT_READY, .sequence = BEGUN + 1, .failed = true},
	{.kind = INPUT_READY, .sequence = BEGUN - 1},
	{.kind = INPUT_RESUME, .sequence = BEGUN + 1},
	{.kind = INPUT_RESUME, .sequence = BEGUN + 1, .claim = true, .mark = true},
	{.kind = INPUT_RETURNED, .transition = 20, .outcome = OUTCOME_CONTINUE, .result = true},
	{.kind = INPUT_RETURNED, .transition = 20, .outcome = OUTCOME_ABORT},
	{.kind = INPUT_RETURNED, .transition = 20, .outcome = OUTCOME_RETRY, .result = true},
	{.kind = INPUT_RETURNED, .transition = 20, .outcome = OUTCOME_RETRY, .gone = true},
	{.kind = INPUT_RETURNED, .transition = 20, .returned = RETURNED_WAIT, .until = NOW + HOUR},
	{.kind = INPUT_RETURNED, .transition = 20, .returned = RETURNED_AWAIT, .until = NOW + HOUR},
	{.kind = INPUT_RETURNED, .transition = 19, .outcome = OUTCOME_CONTINUE},
	{.kind = INPUT_STARTING, .mark = true},
	{.kind = INPUT_STARTING},
	{.kind = INPUT_DUE},
	{.kind = INPUT_FOUND},
	{.kind = INPUT_FOUND, .claim = true},
	{.kind = INPUT_STOPPED, .transition = 20},
	{.kind = INPUT_EXPIRED, .suspended = NOW - MINUTE},
	{.kind = INPUT_EXPIRED, .suspended = NOW - MINUTE + 1},
};
#define INPUTS (sizeof inputs / sizeof inputs[0])

/* The result of each input in the phases queued, running, waiting, backoff, awaiting, confirming, unconfirmed,
 * ended. All uploads are in `scan`, which another service was asked to do, and due; in the last three phases all
 * steps are done. */
static const char *const expected[INPUTS][PHASES] = {
	{"put queued 0 run", "put queued 0 run mark", "put queued 0 run", "put queued 0 run", "put queued 0 run",
     "put queued 0 run", "put queued 0 run", "put queued 0 run"},
	{"put queued 0 run mark", "put queued 0 run mark", "put queued 0 run mark", "put queued 0 run mark",
     "put queued 0 run mark", "put queued 0 run", "put queued 0 run", "put queued 0 run"},
	{"put queued 0 run mark", "put queued 0 run mark", "put queued 0 run mark", "put queued 0 run mark",
     "put queued 0 run mark", "put queued 0 run mark", "put queued 0 run mark", "put queued 0 run mark"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"put queued 1 run", "put queued 1 run", "put queued 1 run", "put queued 1 run", "put queued 1 run", "ignored",
     "ignored", "ignored"},
	{"put confirming 3 E", "put confirming 3 E", "put confirming 3 E", "put confirming 3 E", "put confirming 3 E",
     "ignored", "ignored", "ignored"},
	{"put backoff 0 R", "put backoff 0 R", "put backoff 0 R", "put backoff 0 R", "put backoff 0 R", "ignored",
     "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"delete", "delete", "delete", "delete", "delete", "delete", "delete", "delete"},
	{"put ended 3", "put ended 3", "put ended 3", "put ended 3", "put ended 3", "put ended 3", "put ended 3",
     "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"keep queued 0 run", "keep running 0 run", "put waiting 0 run", "keep backoff 0 run mark", "put awaiting 0 S",
     "put confirming 3 E", "put confirming 3 E", "ignored"},
	{"put queued 0 run mark", "put running 0 run mark", "put waiting 0 run mark", "put backoff 0 run mark",
     "put awaiting 0 S", "put confirming 3 E", "put confirming 3 E", "ignored"},
	{"put queued 1 F run", "put queued 1 F run", "put queued 1 F run", "put queued 1 F run", "put queued 1 F run",
     "ignored", "ignored", "ignored"},
	{"put confirming 3 E", "put confirming 3 E", "put confirming 3 E", "put confirming 3 E", "put confirming 3 E",
     "ignored", "ignored", "ignored"},
	{"put backoff 0 R", "put backoff 0 R", "put backoff 0 R", "put backoff 0 R", "put backoff 0 R", "ignored",
     "ignored", "ignored"},
	{"put backoff 0 RA", "put backoff 0 RA", "put backoff 0 RA", "put backoff 0 RA", "put backoff 0 RA", "ignored",
     "ignored", "ignored"},
	{"put waiting 0", "put waiting 0", "put waiting 0", "put waiting 0", "put waiting 0", "ignored", "ignored",
     "ignored"},
	{"put awaiting 0 S", "put awaiting 0 S", "put awaiting 0 S", "put awaiting 0 S", "put awaiting 0 S", "ignored",
     "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"put running 0 run", "keep running 0 run", "put running 0 run", "put running 0 run", "ignored", "ignored",
     "ignored", "ignored"},
	{"keep queued 0 run", "keep running 0 run", "keep waiting 0 run", "keep backoff 0 run", "ignored", "ignored",
     "ignored", "ignored"},
	{"keep queued 0 run", "keep running 0 run", "keep waiting 0 run", "keep backoff 0 run mark", "put backoff 0 R",
     "put confirming 3 E", "ignored", "ignored"},
	{"keep queued 0 run mark", "put backoff 0 R", "keep waiting 0 run mark", "keep backoff 0 run mark",
     "keep awaiting 0", "keep confirming 3", "ignored", "ignored"},
	{"put queued 0 run mark", "put backoff 0 R", "put waiting 0 run mark", "put backoff 0 run mark", "put awaiting 0",
     "put confirming 3", "ignored", "ignored"},
	{"ignored", "put queued 0", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"put confirming 3 E", "put confirming 3 E", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
};

/* The same where the step is queued or running in this instance. */
static const char *const expected_busy[INPUTS][PHASES] = {
	{"put queued 0 run drop", "put queued 0 run mark drop", "put queued 0 run drop", "put queued 0 run drop",
     "put queued 0 run drop", "put queued 0 run drop", "put queued 0 run drop", "put queued 0 run drop"},
	{"put queued 0 run mark drop", "put queued 0 run mark drop", "put queued 0 run mark drop",
     "put queued 0 run mark drop", "put queued 0 run mark drop", "put queued 0 run drop", "put queued 0 run drop",
     "put queued 0 run drop"},
	{"put queued 0 run mark drop", "put queued 0 run mark drop", "put queued 0 run mark drop",
     "put queued 0 run mark drop", "put queued 0 run mark drop", "put queued 0 run mark drop",
     "put queued 0 run mark drop", "put queued 0 run mark drop"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"put queued 1 run drop", "put queued 1 run drop", "put queued 1 run drop", "put queued 1 run drop",
     "put queued 1 run drop", "ignored", "ignored", "ignored"},
	{"put confirming 3 E drop", "put confirming 3 E drop", "put confirming 3 E drop", "put confirming 3 E drop",
     "put confirming 3 E drop", "ignored", "ignored", "ignored"},
	{"put backoff 0 R drop", "put backoff 0 R drop", "put backoff 0 R drop", "put backoff 0 R drop",
     "put backoff 0 R drop", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"delete drop", "delete drop", "delete drop", "delete drop", "delete drop", "delete drop", "delete drop",
     "delete drop"},
	{"put ended 3 drop", "put ended 3 drop", "put ended 3 drop", "put ended 3 drop", "put ended 3 drop",
     "put ended 3 drop", "put ended 3 drop", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"put queued 1 F run", "put queued 1 F run", "put queued 1 F run", "put queued 1 F run", "put queued 1 F run",
     "ignored", "ignored", "ignored"},
	{"put confirming 3 E", "put confirming 3 E", "put confirming 3 E", "put confirming 3 E", "put confirming 3 E",
     "ignored", "ignored", "ignored"},
	{"put backoff 0 R", "put backoff 0 R", "put backoff 0 R", "put backoff 0 R", "put backoff 0 R", "ignored",
     "ignored", "ignored"},
	{"put backoff 0 RA", "put backoff 0 RA", "put backoff 0 RA", "put backoff 0 RA", "put backoff 0 RA", "ignored",
     "ignored", "ignored"},
	{"put waiting 0", "put waiting 0", "put waiting 0", "put waiting 0", "put waiting 0", "ignored", "ignored",
     "ignored"},
	{"put awaiting 0 S", "put awaiting 0 S", "put awaiting 0 S", "put awaiting 0 S", "put awaiting 0 S", "ignored",
     "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"put running 0 run", "keep running 0 run", "put running 0 run", "put running 0 run", "ignored", "ignored",
     "ignored", "ignored"},
	{"keep queued 0 run", "keep running 0 run", "keep waiting 0 run", "keep backoff 0 run", "ignored", "ignored",
     "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"ignored", "put queued 0", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
	{"put confirming 3 E drop", "put confirming 3 E drop", "ignored", "ignored", "ignored", "ignored", "ignored",
     "ignored"},
	{"ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "ignored"},
};

static struct status status_in(enum phase phase)
{
	bool over = phase == PHASE_CONFIRMING || phase == PHASE_UNCONFIRMED || phase == PHASE_ENDED;
	bool unwatched = phase == PHASE_UNCONFIRMED || phase == PHASE_ENDED;
	return (struct status){
		.step = over ? 3 : 0,
		.outcome = over                     ? OUTCOME_CONTINUE
	               : phase == PHASE_BACKOFF ? OUTCOME_RETRY
	                                        : OUTCOME_NONE,
		.phase = phase,
		.awaited = !over,
		.confirmations = over ? 1 : 0,
		.due = unwatched ? 0 : NOW,
		.transition = 20,
		.publish = over                      ? PUBLISH_FINISHED
	               : phase == PHASE_AWAITING ? PUBLISH_START
	                                         : 0,
		.begun = BEGUN,
		.stream = STREAM,
	};
}

static void assert_cell(size_t i, enum phase phase, bool busy, const char *text)
{
	char actual[ACTION_TEXT_SIZE];
	struct status status = status_in(phase), before = status;
	struct input input = inputs[i];
	input.stream = STREAM;
	input.reason = "";
	struct action action = pipeline_apply(&fixture_pipeline, &fixture_upload, true, &status, &input, busy, NOW);
	action_text(&action, &status, actual);
	ck_assert_msg(strcmp(actual, text) == 0, "input %zu in phase %s%s: \"%s\", not \"%s\"", i, phase_name(phase),
	              busy ? ", busy" : "", actual, text);
	if (action.ignored != NULL)
		ck_assert_mem_eq(&status, &before, sizeof status);
	ck_assert_uint_eq(status.transition, before.transition + (action.write == WRITE_PUT));
	/* A write either publishes something new, or keeps what was to be published under its number. */
	bool keeps = input.kind == INPUT_STARTING || input.kind == INPUT_STOPPED ||
	             ((input.kind == INPUT_FOUND || input.kind == INPUT_RESUME) && action.publish == 0);
	if (action.write == WRITE_PUT) {
		ck_assert_uint_eq(status.publish, keeps ? before.publish : action.publish & ~(unsigned)PUBLISH_RESTART);
		ck_assert_uint_eq(status.published, keeps ? before.published : status.transition);
	}
}

START_TEST(every_input_in_every_phase)
{
	for (size_t i = 0; i < INPUTS; i++)
		for (size_t phase = 0; phase < PHASES; phase++)
			assert_cell(i, (enum phase)phase, false, expected[i][phase]);
}
END_TEST

START_TEST(every_input_in_every_phase_of_a_run)
{
	for (size_t i = 0; i < INPUTS; i++)
		for (size_t phase = 0; phase < PHASES; phase++)
			assert_cell(i, (enum phase)phase, true, expected_busy[i][phase]);
}
END_TEST

/* Without a record, only a beginning creates one, and a resume asks storage. */
START_TEST(every_input_without_a_record)
{
	for (size_t i = 0; i < INPUTS; i++) {
		char actual[ACTION_TEXT_SIZE];
		struct status status = {0};
		const struct upload *upload = inputs[i].kind == INPUT_BEGIN ? &fixture_upload : NULL;
		struct action action = pipeline_apply(&fixture_pipeline, upload, false, &status, &inputs[i], false, NOW);
		const char *text = inputs[i].redelivered            ? "put queued 0 run mark"
		                   : inputs[i].kind == INPUT_BEGIN  ? "put queued 0 run"
		                   : inputs[i].kind == INPUT_RESUME ? "keep queued 0 A"
		                                                    : "ignored";
		ck_assert_str_eq(action_text(&action, &status, actual), text);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {every_input_in_every_phase, every_input_in_every_phase_of_a_run,
	                              every_input_without_a_record};
	return suite_run("pipeline_matrix", tests, sizeof tests / sizeof tests[0], 30);
}
