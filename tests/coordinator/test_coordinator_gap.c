/* SPDX-License-Identifier: Apache-2.0
 * Events of the gap that are read beside newer ones, and newer ones whose upload may begin in the gap. */
#include <check.h>

#include "tests/coordinator/coordinator_world.h"

#define END 100

static void open_gap(bool behind)
{
	coordinator_set_gap(world.coordinator, true, END, behind);
}

static void close_gap(void)
{
	coordinator_set_gap(world.coordinator, false, 0, false);
}

/* An answer, a confirmation, a command: each waits until the gap is read, and then has the effect that it has
 * without a record. */
START_TEST(whose_upload_may_be_in_the_gap)
{
	open_gap(true);
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, END + 1, false);
	fake_answer_all(&world);
	ck_assert_int_eq(world.postponed, SECOND);
	fake_ready(&world, "u", false, END + 2);
	fake_answer_all(&world);
	fake_resume(&world, "u", "", END + 3);
	fake_answer_all(&world);
	fake_expect(&world, "load; postpone 101; load; postpone 102; load; postpone 103");
	/* All of the gap was delivered, but not everything is acknowledged. */
	open_gap(false);
	fake_resume(&world, "u", "", END + 3);
	fake_answer_all(&world);
	fake_expect(&world, "load; postpone 103");
	close_gap();
	fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, END + 1, true);
	fake_answer_all(&world);
	fake_resume(&world, "u", "", END + 3);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 101; load; publish RESTART; ack 103");
}
END_TEST

START_TEST(whose_upload_was_in_the_gap)
{
	open_gap(true);
	fake_resume(&world, "u", "", END + 1);
	fake_answer_all(&world);
	fake_begin(&world, "u", 7, false);
	fake_answer_all(&world);
	fake_resume(&world, "u", "", END + 1);
	fake_answer_all(&world);
	/* There it is: its step is running. */
	fake_expect(&world, "load; postpone 101; put; ack 7; run scan; load; ack 101");
}
END_TEST

/* Events of the gap itself are handled as usual. */
START_TEST(of_the_gap)
{
	open_gap(true);
	fake_ready(&world, "u", false, 7);
	fake_answer_all(&world);
	fake_resume(&world, "v", "", END);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 7; load; publish RESTART; ack 100");
}
END_TEST

START_TEST(new_uploads_do_not_wait)
{
	open_gap(true);
	run_to_end("u", END + 1);
	fake_ready(&world, "u", false, END + 2);
	fake_answer_all(&world);
	fake_expect(&world, "remove; ack 102");
	/* Its marker shows that it began behind the gap. */
	fake_ready(&world, "u", false, END + 3);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 103");
	/* Events about it in the gap are older. */
	fake_begin(&world, "u", 8, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; ack 8");
}
END_TEST

/* If storage has confirmed an upload behind the gap, its events in the gap are irrelevant. */
START_TEST(ended_in_the_gap)
{
	open_gap(true);
	run_to_end("u", 7);
	fake_ready(&world, "u", false, END + 1);
	fake_answer_all(&world);
	fake_resume(&world, "u", "", END + 2);
	fake_answer_all(&world);
	fake_expect(&world, "remove; ack 101; load; publish RESTART; ack 102");
	fake_begin(&world, "u", 9, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; ack 9");
	/* An upload that was confirmed in the gap may begin there once more, so its events wait. */
	run_to_end("v", 10);
	fake_ready(&world, "v", false, 20);
	fake_resume(&world, "v", "", END + 3);
	fake_answer_all(&world);
	fake_expect(&world, "remove; ack 20; postpone 103");
}
END_TEST

/* The consumer that delivered an event is lost before the acknowledgement; the reader's delivery is acknowledged
 * instead. */
START_TEST(brought_once_more)
{
	open_gap(true);
	fake_begin(&world, "u", 7, false);
	world.of_gap = true;
	fake_begin(&world, "u", 7, false);
	world.of_gap = false;
	fake_expect(&world, "put; drop 7");
	fake_answer_all(&world);
	fake_expect(&world, "ack 7 of the gap; run scan");
}
END_TEST

/* The answer that an upload waits for may be in the gap. */
START_TEST(answers_in_the_gap)
{
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_AWAIT, OUTCOME_NONE, world.now + MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 1; run scan; put; publish START");
	open_gap(true);
	for (unsigned i = 0; i < 10; i++) {
		fake_pass(&world, MINUTE);
		fake_answer_all(&world);
	}
	fake_expect(&world, "");
	open_gap(false);
	fake_pass(&world, MINUTE);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish RETRY");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {whose_upload_may_be_in_the_gap,
	                              whose_upload_was_in_the_gap,
	                              of_the_gap,
	                              new_uploads_do_not_wait,
	                              ended_in_the_gap,
	                              brought_once_more,
	                              answers_in_the_gap};
	return coordinator_world_run("coordinator gap", tests, sizeof tests / sizeof tests[0]);
}
