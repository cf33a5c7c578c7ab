/* SPDX-License-Identifier: Apache-2.0
 * Random inputs, many of them, and what must hold after each. Every sequence can be repeated by its seed. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/suite.h"
#include "tests/upload/pipeline_fixture.h"

#define SEEDS 20000
#define INPUTS 60

static uint32_t state;

static unsigned below(unsigned limit)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % limit;
}

static struct input random_input(const struct status *status, uint64_t *sequence, nanos now)
{
	static const char *const names[] = {"scan", "delay", "policies", "finished", "unknown"};
	unsigned what = below(100);
	struct input input = {
		.kind = what < 30   ? INPUT_RETURNED
	            : what < 45 ? INPUT_DUE
	                        : (enum input_kind)below(INPUT_EXPIRED + 1),
		.sequence = below(4) == 0 ? 1 + below((unsigned)*sequence) : ++*sequence,
		.stream = below(50) == 0 ? 8 : 7,
		.step = names[below(5)],
		.outcome = (enum outcome)below(5),
		.failed = below(2) == 0,
		.returned = (enum returned)(below(4) == 0 ? 1 + below(3) : 0),
		.transition = below(8) == 0 ? below(100) : status->transition,
		.until = below(5) == 0 ? (nanos)below(3) * (INT64_MAX / 2) : now + (nanos)below(1000) * SECOND,
		.result = below(2) == 0,
		.gone = below(3) == 0,
		.past.same_url = below(2) == 0,
		.reason = "r",
		.claim = below(2) == 0,
		.suspended = now - (nanos)below(7200) * SECOND,
	};
	if (input.kind == INPUT_BEGIN && below(3) != 0) /* otherwise no sequence would get far */
		input.kind = INPUT_RETURNED;
	return input;
}

static bool timed(enum phase phase)
{
	return phase != PHASE_UNCONFIRMED && phase != PHASE_ENDED;
}

static bool over(enum phase phase)
{
	return phase == PHASE_CONFIRMING || !timed(phase);
}

/* No verdict except one that a step has given, or its limits. */
static bool justified(const struct input *input, const struct status *before, const struct status *after, nanos now)
{
	if (over(before->phase) && input->kind != INPUT_BEGIN)
		return after->outcome == before->outcome;
	bool said = input->kind == INPUT_RETURNED || input->kind == INPUT_STEP_FINISHED;
	bool decided = input->kind == INPUT_HOLD_ENDED && before->held && !after->held;
	bool expired = input->kind == INPUT_DUE && before->held && before->due <= now;
	if (after->outcome == OUTCOME_DELETE)
		return ((said || decided) && input->outcome == OUTCOME_DELETE) || (expired && before->step == 0);
	if (after->outcome == OUTCOME_CONTINUE)
		return after->step == fixture_upload.step_count && (said || decided) && input->outcome == OUTCOME_CONTINUE;
	bool failed = (said && input->outcome != OUTCOME_CONTINUE && input->outcome != OUTCOME_DELETE) ||
	              input->kind == INPUT_DUE || input->kind == INPUT_EXPIRED || input->kind == INPUT_FOUND ||
	              (input->kind == INPUT_READY && input->failed) || (decided && input->outcome == OUTCOME_ABORT) ||
	              (input->kind == INPUT_RETURNED && input->returned != RETURNED_VERDICT);
	return after->outcome == OUTCOME_ABORT && failed;
}

#define HOLDS(condition) ck_assert_msg((condition), "seed %u, input %d: " #condition, seed, (int)input->kind)

static void check(unsigned seed, const struct input *input, const struct action *action, const struct status *before,
                  const struct status *after, nanos now)
{
	if (action->ignored != NULL) {
		HOLDS(memcmp(before, after, sizeof *before) == 0);
		HOLDS(action->write == WRITE_NONE && !action->drop && !action->mark);
		HOLDS(action->publish == 0);
		return;
	}
	HOLDS(after->step <= fixture_upload.step_count);
	HOLDS(over(after->phase) == (after->step == fixture_upload.step_count));
	HOLDS(timed(after->phase) == (after->due != 0));
	HOLDS(after->due <= TIME_LAST &&
	      (after->phase != PHASE_WAITING || after->due <= now + 720 * HOUR || after->due <= before->due));
	HOLDS(after->waits <= 1000);
	/* Waiting for a step uses up no retry. */
	HOLDS(input->kind != INPUT_EXPIRED || (action->write == WRITE_PUT && after->step > before->step));
	HOLDS(after->waits <= before->waits || (input->returned == RETURNED_WAIT && after->due >= now + 100 * MILLISECOND));
	HOLDS(after->transition == before->transition + (action->write == WRITE_PUT));
	HOLDS(action->write != WRITE_PUT ||
	      (after->publish == (action->publish & ~(unsigned)PUBLISH_RESTART) && after->published == after->transition) ||
	      (action->publish == 0 && after->publish == before->publish && after->published == before->published));
	HOLDS(input->kind == INPUT_BEGIN || after->step >= before->step);
	HOLDS(input->kind == INPUT_BEGIN || after->step <= before->step + 1 || over(after->phase));
	HOLDS(after->begun == before->begun || input->kind == INPUT_BEGIN);
	HOLDS(!action->run ||
	      (!over(after->phase) &&
	       pipeline_current_step(&fixture_pipeline, &fixture_upload, after) != &fixture_pipeline.other) ||
	      action->write == WRITE_NONE || input->kind == INPUT_FOUND || input->kind == INPUT_STARTING ||
	      input->kind == INPUT_RESUME);
	HOLDS(!action->run || !over(after->phase));
	HOLDS(!action->mark || action->run);
	HOLDS(!(action->publish & PUBLISH_FINISHED) || over(after->phase));
	HOLDS(!(action->publish & PUBLISH_RETRY) || (after->phase == PHASE_BACKOFF && after->due > now));
	HOLDS(!(action->publish & PUBLISH_START) || after->phase == PHASE_AWAITING);
	/* Storage is asked once, by a run that failed because of the URL, and not by what ends the upload. */
	HOLDS(!(action->publish & PUBLISH_RESTART) ||
	      (input->kind == INPUT_RETURNED && input->gone && before->asked_at == 0 && after->asked_at == now));
	HOLDS(!(after->publish & PUBLISH_RESTART));
	HOLDS(after->asked_at == before->asked_at || (action->publish & PUBLISH_RESTART) ||
	      (input->kind == INPUT_BEGIN && after->asked_at == 0));
	HOLDS(!after->renewed || after->asked_at != 0);
	HOLDS(after->gone_since == 0 || !over(after->phase));
	/* A held upload stays out of reach until somebody decides, its time is over or its step runs again. */
	HOLDS(!after->held || (after->phase == PHASE_AWAITING && !after->awaited));
	if (before->held && !after->held)
		HOLDS(input->kind == INPUT_HOLD_ENDED || input->kind == INPUT_BEGIN || input->kind == INPUT_RESUME ||
		      input->kind == INPUT_RETURNED || (input->kind == INPUT_READY && input->failed) ||
		      (input->kind == INPUT_DUE && before->due <= now));
	if (over(after->phase))
		HOLDS(justified(input, before, after, now));
	/* Never cut short: a waiting upload is run when it is due, or by a resume. */
	if (action->run && before->phase == PHASE_WAITING && after->phase == PHASE_WAITING)
		HOLDS(after->due <= now && after->woken_at == after->due &&
		      (after->due == before->due || input->kind == INPUT_RESUME));
}

static void run_sequence(unsigned seed)
{
	uint64_t sequence = 100;
	nanos now = NOW;
	struct status status = {0};
	struct input first = {.kind = INPUT_BEGIN, .sequence = 100, .stream = 7};
	state = seed * 2654435761u;
	pipeline_apply(&fixture_pipeline, &fixture_upload, false, &status, &first, false, now);
	for (unsigned i = 0; i < INPUTS; i++) {
		struct status before;
		memcpy(&before, &status, sizeof before);
		now = below(3) == 0 && status.due > now && status.due < NOW + 1000000 * SECOND
		          ? status.due
		          : now + (nanos)below(20) * SECOND;
		struct input input = random_input(&status, &sequence, now);
		struct action action =
			pipeline_apply(&fixture_pipeline, &fixture_upload, true, &status, &input, below(3) == 0, now);
		check(seed, &input, &action, &before, &status, now);
		if (action.write == WRITE_DELETE)
			return;
	}
}

START_TEST(random_sequences)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++)
		run_sequence(seed);
}
END_TEST

/* Whatever happened before, an upload ends: although steps fail, deadlines pass, and nobody answers. */
static void let_it_end(unsigned seed)
{
	struct status status = {0};
	uint64_t sequence = 100;
	nanos now = NOW;
	struct input input = {.kind = INPUT_BEGIN, .sequence = 100, .stream = 7};
	state = seed * 40503u + 1;
	struct action action = pipeline_apply(&fixture_pipeline, &fixture_upload, false, &status, &input, false, now);
	for (unsigned i = 0; i < 20; i++) {
		input = random_input(&status, &sequence, now);
		struct action next = pipeline_apply(&fixture_pipeline, &fixture_upload, true, &status, &input, false, now);
		if (next.write == WRITE_DELETE)
			return;
		if (next.ignored == NULL)
			action = next;
	}
	for (unsigned i = 0; timed(status.phase) && i < 200; i++) {
		bool unknown = !over(status.phase) && status.step == 2;
		if (action.run)
			input = (struct input){.kind = INPUT_RETURNED,
			                       .transition = status.transition,
			                       .reason = "",
			                       .outcome = OUTCOME_RETRY,
			                       .returned = unknown ? RETURNED_AWAIT : RETURNED_VERDICT,
			                       .until = now + HOUR,
			                       .gone = seed % 2 == 0};
		else
			input = (struct input){.kind = INPUT_DUE};
		now = status.due > now ? status.due : now;
		action = pipeline_apply(&fixture_pipeline, &fixture_upload, true, &status, &input, false, now);
	}
	ck_assert_msg(!timed(status.phase), "seed %u: still %s in step %zu", seed, phase_name(status.phase), status.step);
}

START_TEST(every_upload_ends)
{
	for (unsigned seed = 1; seed <= SEEDS / 10; seed++)
		let_it_end(seed);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {random_sequences, every_upload_ends};
	return suite_run("pipeline_random", tests, sizeof tests / sizeof tests[0], 120);
}
