/* SPDX-License-Identifier: Apache-2.0
 * Uploads whose URL has no bytes any more: storage is asked once to begin them again, whatever dies. */
#include <check.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

#define OTHER "http://127.0.0.1/another/" FAKE_SECRET

/* Its first run fails because of the URL. */
static void begin(const char *id, uint64_t sequence)
{
	fake_begin(&world, id, sequence, false);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_return_gone(&world);
}

/* Its backoff is over, and its next run fails in the same way. */
static void fail_again(void)
{
	fake_pass(&world, stored("u").due - world.now);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_return_gone(&world);
	fake_answer_all(&world);
}

START_TEST(asked_once)
{
	begin("u", 1);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish RETRY; publish RESTART");
	ck_assert_uint_eq(stored("u").publish, PUBLISH_RETRY); /* as other implementations read it */
	ck_assert_int_eq(stored("u").asked_at, world.now);
	nanos asked = world.now;
	while (stored("u").phase != PHASE_CONFIRMING) {
		fail_again();
		ck_assert_int_le(world.now, asked + 10 * MINUTE);
		fake_expect(&world, stored("u").phase != PHASE_CONFIRMING ? "put; publish RETRY" : "put; publish END abort");
	}
	ck_assert_int_eq(world.now, asked + 10 * MINUTE);
	ck_assert_str_eq(stored("u").reason, "the bytes are gone: the storage answered 404");
}
END_TEST

START_TEST(a_new_url_has_them)
{
	begin("u", 1);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_begin_at(&world, "u", OTHER, 2, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; ack 2; put; run scan");
	ck_assert(stored("u").renewed);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; run slow");
	/* The bytes are gone again, in a later step: storage is not asked again, and the upload gets one more attempt
	 * only. */
	fake_return_gone(&world);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish RETRY");
	fail_again();
	fake_expect(&world, "put; publish END abort");
}
END_TEST

START_TEST(asked_with_the_first_write)
{
	world.coalescing = 2 * SECOND;
	fake_restart(&world, FAKE_OWNER);
	fake_begin(&world, "u", 1, false);
	fake_expect(&world, "run scan");
	fake_return_gone(&world);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish RETRY; publish RESTART; ack 1");
	ck_assert_int_eq(stored("u").asked_at, world.now);
}
END_TEST

/* It dies between the write and the publish. */
START_TEST(asked_after_a_crash)
{
	begin("u", 1);
	fake_answer(&world);
	fake_expect(&world, "put; publish RETRY");
	nanos asked = stored("u").asked_at;
	fake_pass(&world,
	          5 * MINUTE); /* everything is old, so the stream is searched: the request alone was not due again */
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "look; publish RESTART; put; run scan");
	ck_assert_int_eq(stored("u").asked_at, asked);
	/* Now it is published. */
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "look; put; publish RETRY");
	ck_assert_uint_eq(world.duplicates, 0);
}
END_TEST

/* It dies after the question. */
START_TEST(not_asked_twice)
{
	begin("u", 1);
	fake_answer_all(&world);
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "publish RETRY; publish RESTART");
	ck_assert_uint_eq(world.duplicates, 2); /* the broker drops them */
	fake_pass(&world, 5 * MINUTE);
	fake_restart(&world, "another one");
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "look; put; put; run scan"); /* it is in the stream; the record is claimed, and marked */
	ck_assert_uint_eq(world.duplicates, 2);
}
END_TEST

/* The answer comes before an instance has found the record. */
START_TEST(answered_while_nobody_lived)
{
	begin("u", 1);
	fake_answer(&world);
	fake_restart(&world, FAKE_OWNER);
	fake_begin_at(&world, "u", OTHER, 2, 0);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; publish RETRY; put; ack 2; put; run scan");
	ck_assert(stored("u").renewed);
}
END_TEST

/* The same URL is no answer, although it begins the upload again: the pending request is published, and the ten
 * minutes go on. */
START_TEST(begun_again_with_the_same_url)
{
	begin("u", 1);
	fake_answer(&world);
	nanos asked = world.now;
	fake_pass(&world, 5 * MINUTE);
	fake_restart(&world, FAKE_OWNER);
	fake_begin(&world, "u", 2, false);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; look; publish RESTART; put; ack 2; put; run scan");
	ck_assert(!stored("u").renewed);
	fake_return_gone(&world);
	fake_answer_all(&world);
	fake_expect(&world, "put; publish RETRY");
	while (stored("u").phase != PHASE_CONFIRMING)
		fail_again();
	ck_assert_int_eq(world.now, asked + 10 * MINUTE);
}
END_TEST

/* Meanwhile another service has a verdict, or the URL has its bytes again: nothing is requested any more. */
START_TEST(no_longer_wanted)
{
	begin("u", 1);
	fake_answer(&world);
	fake_restart(&world, FAKE_OWNER);
	fake_ready(&world, "u", false, 2);
	fake_answer_all(&world);
	fake_expect(&world, "load; remove; ack 2");
	begin("v", 3);
	fake_answer_all(&world);
	fake_pass(&world, SECOND);
	fake_answer_all(&world);
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer(&world);
	fake_restart(&world, FAKE_OWNER);
	fake_find_all(&world, NULL);
	fake_answer_all(&world);
	fake_expect(&world, "load; put; run slow");
	ck_assert_uint_eq(world.duplicates, 0);
}
END_TEST

/* Another instance had taken the answer and died. Meanwhile the upload has ended. */
START_TEST(answered_too_late)
{
	run_to_end("u", 1);
	fake_ready(&world, "u", false, 9);
	fake_answer_all(&world);
	text_clear(&world.words);
	fake_begin(&world, "u", 8, true);
	fake_answer_all(&world);
	fake_expect(&world, "put; load; ack 8");
	ck_assert(!is_stored("u"));
	fake_begin_at(&world, "u", OTHER, 10, 0);
	fake_answer_all(&world);
	ck_assert(is_stored("u"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		asked_once,       a_new_url_has_them,          asked_with_the_first_write,    asked_after_a_crash,
		not_asked_twice,  answered_while_nobody_lived, begun_again_with_the_same_url, no_longer_wanted,
		answered_too_late};
	return coordinator_world_run("coordinator_gone", tests, sizeof tests / sizeof tests[0]);
}
