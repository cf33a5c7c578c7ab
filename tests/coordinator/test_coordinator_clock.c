/* SPDX-License-Identifier: Apache-2.0
 * The clock is set back by an hour. What was due soon is still due as soon, and what was written an hour ahead
 * counts as old. */
#include <check.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

static void set_back_and_pass(nanos duration)
{
	fake_pass(&world, 0);
	world.now -= HOUR;
	for (nanos passed = 0; passed < duration; passed += SECOND)
		fake_pass(&world, SECOND);
}

START_TEST(a_request_to_repeat)
{
	fake_begin(&world, "u", 1, false);
	fake_fail(&world, REQUEST_UNKNOWN, false);
	set_back_and_pass(2 * SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; put; ack 1; run scan");
}
END_TEST

START_TEST(a_held_beginning)
{
	world.coalescing = 2 * SECOND;
	fake_restart(&world, FAKE_OWNER);
	fake_begin(&world, "u", 1, false);
	fake_expect(&world, "run scan");
	set_back_and_pass(2 * SECOND);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1");
}
END_TEST

/* Its deadline is a minute. After that it has ten seconds to notice the cancellation. */
START_TEST(a_step_that_hangs)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_start_run(&world);
	fake_expect(&world, "put; ack 1; run scan");
	set_back_and_pass(2 * MINUTE);
	fake_expect(&world, "cancel scan; replace scan; put");
}
END_TEST

/* Published half an hour ago, by a clock that was an hour ahead: longer ago than the broker remembers. */
START_TEST(what_was_published_ahead)
{
	struct status status = {.step = 2,
	                        .outcome = OUTCOME_CONTINUE,
	                        .phase = PHASE_CONFIRMING,
	                        .confirmations = 1,
	                        .due = world.now + HOUR,
	                        .transition = 3,
	                        .publish = PUBLISH_FINISHED,
	                        .published_at = world.now + HOUR};
	struct record record = fake_make_record("u", FAKE_OWNER, &status);
	fake_store(&world, &record);
	record_clear(&record);
	fake_pass(&world, 30 * MINUTE);
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "look; publish END continue");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_request_to_repeat, a_held_beginning, a_step_that_hangs, what_was_published_ahead};
	return coordinator_world_run("coordinator clock", tests, sizeof tests / sizeof tests[0]);
}
