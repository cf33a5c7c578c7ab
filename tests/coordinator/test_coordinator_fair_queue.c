/* SPDX-License-Identifier: Apache-2.0
 * Uploads that wait for a turn or for a time, and of which little is remembered. */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

static const char *name(unsigned i)
{
	static char id[16];
	snprintf(id, sizeof id, "u-%u", i);
	return id;
}

/* Far more than workers and cache hold: each gets its turn, and none is run twice. */
START_TEST(a_long_queue)
{
	unsigned count = 2000, returned = 0;
	fake_open(&world);
	for (unsigned i = 0; i < count; i++) {
		fake_begin(&world, name(i), i + 1, false);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), count);
	ck_assert_uint_le(coordinator_runs(world.coordinator), 100);
	for (; world.runs > 0 && returned < 2 * count; returned++) {
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(returned, count);
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(stored(name(i)).phase, PHASE_CONFIRMING);
	fake_close(&world);
}
END_TEST

/* What happens to an upload that is queued. */
START_TEST(in_the_queue)
{
	unsigned count = 400;
	fake_open(&world);
	for (unsigned i = 0; i < count; i++) {
		fake_begin(&world, name(i), i + 1, false);
		fake_answer_all(&world);
	}
	text_clear(&world.words);
	/* Of the last ones, only their place in the queue is remembered. */
	fake_ready(&world, name(399), false, 1001);
	fake_answer_all(&world);
	fake_expect(&world, "load; remove; ack 1001");
	fake_resume(&world, name(398), "", 1002);
	fake_answer_all(&world);
	fake_expect(&world, "load; ack 1002");
	fake_begin(&world, name(397), 1003, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; put; ack 1003");
	unsigned returned = 0;
	for (; world.runs > 0 && returned < 2 * count; returned++) {
		ck_assert_str_ne(world.run[0]->upload->id, name(399));
		fake_return(&world, RETURNED_VERDICT, OUTCOME_DELETE, 0);
		fake_answer_all(&world);
	}
	ck_assert_uint_eq(returned, count - 1);
	ck_assert_uint_eq(stored(name(397)).begun, 1003);
	ck_assert_int_eq(stored(name(397)).phase, PHASE_CONFIRMING);
	fake_close(&world);
}
END_TEST

/* While an upload is queued, another instance takes it over. */
START_TEST(turn_of_an_upload_of_another_instance)
{
	fake_open(&world);
	struct status status = {
		.phase = PHASE_QUEUED, .due = world.now + MINUTE, .transition = 1, .begun = 1, .stream = FAKE_STREAM};
	struct record record = fake_make_record("u", FAKE_OWNER, &status);
	fake_store(&world, &record);
	record_clear(&record);
	fake_find_all(&world, NULL);
	fake_expect(&world, "load");
	world.living = "there";
	record = fake_make_record("u", "there", &status);
	fake_store(&world, &record);
	record_clear(&record);
	fake_answer_all(&world);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 0);
	fake_close(&world);
}
END_TEST

/* An upload that a scan of the bucket finds again, because an instance died, is known already. */
START_TEST(found_again)
{
	fake_open(&world);
	fake_begin(&world, "u", 1, false);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + HOUR);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_find_all(&world, NULL);
	fake_find_all(&world, NULL);
	fake_expect(&world, "");
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), 1);
	fake_pass(&world, HOUR);
	fake_answer_all(&world);
	fake_expect(&world, "load; run scan");
	fake_close(&world);
}
END_TEST

static size_t used(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* The promise: 160 bytes each, for uploads found at startup and for uploads that are all due at once. */
START_TEST(many_that_wait)
{
	unsigned count = 20000;
	fake_open(&world);
	size_t before = used();
	struct status status = {
		.phase = PHASE_WAITING, .transition = 1, .begun = 1, .stream = FAKE_STREAM, .due = world.now + HOUR};
	for (unsigned i = 0; i < count; i++) {
		struct record record = fake_make_record(name(i), FAKE_OWNER, &status);
		coordinator_found(world.coordinator, &record, i + 1, NULL, world.now);
	}
	ck_assert_uint_eq(coordinator_uploads(world.coordinator), count);
	ck_assert_uint_le((used() - before) / count, 160);
	fake_expect(&world, "");
	/* All are due. No more than the limit are loaded at a time. */
	fake_pass(&world, HOUR);
	ck_assert_uint_eq(coordinator_busy(world.coordinator), 100);
	fake_close(&world);
}
END_TEST

/* Another implementation rewrites a record without our part of it, while we wait for its due time. */
START_TEST(rewritten_by_another_implementation)
{
	static const char inner[] =
		"{\"ID\":\"u\",\"Steps\":[\"scan\",\"slow\"],\"Status\":{\"CurrentStep\":\"slow\",\"Outcome\":\"\"}}";
	for (unsigned way = 0; way < 4; way++) {
		fake_open(&world);
		fake_begin(&world, "u", 1, false);
		fake_answer_all(&world);
		if (way != 1)
			fake_return(&world, RETURNED_WAIT, OUTCOME_NONE, world.now + HOUR);
		fake_answer_all(&world);
		struct text value = {0};
		text_add(&value, "{\"key\":\"u\",\"data\":\"");
		text_add_base64(&value, inner, sizeof inner - 1);
		text_add(&value, "\"}");
		fake_store_text(&world, "u", value.data, value.length);
		text_free(&value);
		text_clear(&world.words);
		if (way == 0)
			fake_pass(&world, HOUR);
		else if (way == 1)
			fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
		else if (way == 2)
			fake_step_finished(&world, "u", "scan", OUTCOME_CONTINUE, 2, false);
		else
			fake_resume(&world, "u", "", 2);
		fake_answer_all(&world);
		/* In `slow`, as the record says, and not for ever. */
		ck_assert_msg(stored("u").step == 1 && stored("u").due != 0, "way %u: step %zu", way, stored("u").step);
		ck_assert_msg(coordinator_uploads(world.coordinator) == 1, "way %u: forgotten", way);
		fake_close(&world);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {a_long_queue, in_the_queue,   turn_of_an_upload_of_another_instance,
	                              found_again,  many_that_wait, rewritten_by_another_implementation};
	return suite_run("coordinator_lines", tests, sizeof tests / sizeof tests[0], 60);
}
