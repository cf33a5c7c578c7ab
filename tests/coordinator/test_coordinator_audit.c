/* SPDX-License-Identifier: Apache-2.0
 * The acts on held uploads, for the audit log: each that had an effect, and no other. */
#include <check.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

static void begin_held(void)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_HOLD, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
}

static void deliver(enum outcome outcome, const char *user, uint64_t sequence, bool redelivered)
{
	struct text message = {0};
	event_encode_hold_ended(&message, "u", "scan", outcome, "by somebody", user, user != NULL ? "why not" : NULL,
	                        world.now);
	fake_deliver(&world, message.data, message.length, sequence, redelivered);
	text_free(&message);
}

static void decide(enum outcome outcome, const char *user, uint64_t sequence, bool redelivered)
{
	deliver(outcome, user, sequence, redelivered);
	fake_answer_all(&world);
}

START_TEST(held_and_released)
{
	begin_held();
	fake_expect_acts(&world, "held u scan");
	decide(OUTCOME_CONTINUE, "ada", 2, false);
	fake_expect_acts(&world, "released u scan continue by ada: why not (2)");
	/* It comes again: only who reads the file knows whether that was noted. */
	decide(OUTCOME_CONTINUE, "ada", 2, true);
	fake_expect_acts(&world, "released u scan continue by ada: why not (again 2)");
	/* A decision without an effect is no act, however often it comes. */
	decide(OUTCOME_ABORT, "eve", 3, false);
	decide(OUTCOME_ABORT, "eve", 3, true);
	fake_expect_acts(&world, "");
}
END_TEST

/* Commands of an older version say nothing but the reason. */
START_TEST(rejected_by_an_older_command)
{
	begin_held();
	decide(OUTCOME_DELETE, NULL, 2, false);
	fake_expect_acts(&world, "held u scan, rejected u scan delete: by somebody (2)");
}
END_TEST

START_TEST(nobody_decides)
{
	begin_held();
	fake_pass(&world, 100 * 24 * HOUR);
	fake_answer_all(&world);
	fake_expect_acts(&world, "held u scan, hold_expired u scan abort");
}
END_TEST

/* A resume ends a hold, too: the step looks at the upload again. One without a hold is no act. */
START_TEST(resumed)
{
	begin_held();
	fake_resume(&world, "u", "", 2);
	fake_answer_all(&world);
	fake_expect_acts(&world, "held u scan, resumed u scan (2)");
	fake_return(&world, RETURNED_HOLD, OUTCOME_RETRY, 0);
	fake_answer_all(&world);
	fake_expect_acts(&world, "held u scan");
	decide(OUTCOME_CONTINUE, "ada", 3, false);
	fake_expect_acts(&world, "released u scan continue by ada: why not (3)");
	fake_resume(&world, "u", "", 4);
	fake_answer_all(&world);
	fake_expect_acts(&world, "");
}
END_TEST

/* The process dies when the record is written and the act is not noted. */
START_TEST(crash_in_between)
{
	begin_held();
	text_clear(&world.acts);
	deliver(OUTCOME_CONTINUE, "ada", 2, false);
	fake_fail(&world, REQUEST_UNKNOWN, true);
	fake_expect_acts(&world, "");
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	decide(OUTCOME_CONTINUE, "ada", 2, true);
	fake_expect_acts(&world, "released u scan continue by ada: why not (again 2)");
}
END_TEST

/* The write is not answered, and is found to have happened: one act. */
START_TEST(unanswered_write)
{
	begin_held();
	text_clear(&world.acts);
	deliver(OUTCOME_ABORT, "ada", 2, false);
	fake_fail(&world, REQUEST_UNKNOWN, true);
	fake_pass(&world, 10 * SECOND);
	fake_answer_all(&world);
	fake_expect_acts(&world, "rejected u scan abort by ada: why not (2)");
}
END_TEST

/* Another instance was faster: its write counts, and it has noted the act. */
START_TEST(refused_write)
{
	struct record record;
	begin_held();
	text_clear(&world.acts);
	ck_assert(fake_record(&world, "u", &record));
	record.status.held = false;
	record.status.phase = PHASE_QUEUED;
	record.status.answered = 7;
	record.status.transition++;
	fake_store(&world, &record);
	record_clear(&record);
	decide(OUTCOME_ABORT, "ada", 8, false);
	fake_expect_acts(&world, "");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		held_and_released, rejected_by_an_older_command, nobody_decides, resumed, crash_in_between, unanswered_write,
		refused_write};
	return coordinator_world_run("coordinator audit", tests, sizeof tests / sizeof tests[0]);
}
