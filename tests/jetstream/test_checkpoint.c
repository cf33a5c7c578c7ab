/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/checkpoint.h"

#include <check.h>
#include <string.h>

#include "tests/harness/folder.h"
#include "tests/harness/suite.h"

START_TEST(what_is_written_is_read)
{
	char folder[FOLDER_PATH_SIZE];
	const struct checkpoint written = {.stream = 1795374249439047919,
	                                   .sequence = 18446744073709551615u,
	                                   .noted = 1795374249439047919,
	                                   .gap_end = 18446744073709551614u,
	                                   .made = 1795374249439047920,
	                                   .floor = 18446744073709551613u,
	                                   .count = 18446744073709551612u,
	                                   .looked = 1795374249439047921};
	struct checkpoint read;
	ck_assert(folder_create(folder));
	ck_assert(!checkpoint_read(folder, CHECKPOINT_EVENTS, "postprocessing-pull", &read));
	ck_assert(checkpoint_write(folder, CHECKPOINT_EVENTS, "postprocessing-pull", &written));
	ck_assert(checkpoint_read(folder, CHECKPOINT_EVENTS, "postprocessing-pull", &read));
	ck_assert_int_eq(read.stream, written.stream);
	ck_assert_uint_eq(read.sequence, written.sequence);
	ck_assert_int_eq(read.noted, written.noted);
	ck_assert_uint_eq(read.gap_end, written.gap_end);
	ck_assert_int_eq(read.made, written.made);
	ck_assert_uint_eq(read.floor, written.floor);
	ck_assert_uint_eq(read.count, written.count);
	ck_assert_int_eq(read.looked, written.looked);
	/* As earlier versions wrote it. */
	ck_assert(folder_write(folder, CHECKPOINT_EVENTS, "12 34 postprocessing-pull\n", 26));
	ck_assert(checkpoint_read(folder, CHECKPOINT_EVENTS, "postprocessing-pull", &read));
	ck_assert_uint_eq(read.sequence, 34);
	ck_assert_int_eq(read.noted, 0);
	ck_assert_int_eq(read.made, 0);
	ck_assert(folder_write(folder, CHECKPOINT_EVENTS, "12 34 postprocessing-pull 56\n", 29));
	ck_assert(checkpoint_read(folder, CHECKPOINT_EVENTS, "postprocessing-pull", &read));
	ck_assert_int_eq(read.noted, 56);
	ck_assert(read.gap_end == 0 && read.made == 0 && read.floor == 0 && read.count == 0 && read.looked == 0);
	/* Another file has another checkpoint. */
	ck_assert(!checkpoint_read(folder, CHECKPOINT_BUCKET, "postprocessing-pull", &read));
	/* Another consumer has another position. */
	ck_assert(!checkpoint_read(folder, CHECKPOINT_EVENTS, "postprocessing", &read));
	ck_assert_uint_eq(read.sequence, 0);
	folder_remove(folder);
}
END_TEST

START_TEST(invalid_files_are_ignored)
{
	static const char *const texts[] = {"", "12", "12 34", "a b c", "\n\n"};
	char folder[FOLDER_PATH_SIZE];
	struct checkpoint read;
	ck_assert(folder_create(folder));
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		ck_assert(folder_write(folder, "position", texts[i], strlen(texts[i])));
		ck_assert(!checkpoint_read(folder, CHECKPOINT_EVENTS, "c", &read));
		ck_assert_int_eq(read.stream, 0);
	}
	folder_remove(folder);
	ck_assert(
		!checkpoint_write("/nowhere/at/all", CHECKPOINT_EVENTS, "c", &(struct checkpoint){.stream = 1, .sequence = 1}));
}
END_TEST

START_TEST(stands_to_what_was_seen)
{
	const struct checkpoint known = {.stream = 7, .sequence = 100}, empty = {.stream = 7};
	ck_assert_int_eq(checkpoint_compare(&(struct checkpoint){0}, 7, 0), CONTINUITY_FIRST);
	ck_assert_int_eq(checkpoint_compare(&known, 7, 100), CONTINUITY_GOOD);
	ck_assert_int_eq(checkpoint_compare(&known, 7, UINT64_MAX), CONTINUITY_GOOD);
	ck_assert_int_eq(checkpoint_compare(&known, 7, 99), CONTINUITY_BEHIND);
	ck_assert_int_eq(checkpoint_compare(&known, 8, 100), CONTINUITY_OTHER);
	ck_assert_int_eq(checkpoint_compare(&known, 8, 0), CONTINUITY_OTHER);
	ck_assert_int_eq(checkpoint_compare(&empty, 7, 0), CONTINUITY_GOOD);
	ck_assert_int_eq(checkpoint_compare(&empty, 8, 0), CONTINUITY_OTHER);
	/* The consumer has advanced farther than the events before it. */
	const struct checkpoint ahead = {.stream = 7, .sequence = 100, .gap_end = 200, .floor = 300};
	ck_assert_int_eq(checkpoint_compare(&ahead, 7, 300), CONTINUITY_GOOD);
	ck_assert_int_eq(checkpoint_compare(&ahead, 7, 299), CONTINUITY_BEHIND);
}
END_TEST

/* While there is a gap, only the gap's floor counts. */
START_TEST(what_is_applied_stays_behind_the_gap)
{
	struct shared_checkpoint shared = SHARED_CHECKPOINT(((struct checkpoint){.stream = 7, .sequence = 10}));
	struct checkpoint seen = {.gap_end = 20, .made = 8, .floor = 25, .count = 5};
	shared_checkpoint_look(&shared, &seen);
	struct checkpoint known = shared_checkpoint_get(&shared);
	ck_assert(known.sequence == 10 && known.gap_end == 20 && known.made == 8 && known.floor == 25 && known.count == 5 &&
	          known.looked != 0);
	shared_checkpoint_advance(&shared, 8, 15);
	ck_assert_uint_eq(shared_checkpoint_get(&shared).sequence, 15);
	seen.gap_end = 0;
	shared_checkpoint_look(&shared, &seen);
	ck_assert_uint_eq(shared_checkpoint_get(&shared).sequence, 25);
	/* A report about a stream that is gone. */
	shared_checkpoint_look(&shared, &(struct checkpoint){.made = 6, .floor = 100});
	known = shared_checkpoint_get(&shared);
	ck_assert(known.sequence == 25 && known.made == 8);
}
END_TEST

#define ROUNDS 2000000

/* The stream is created again and again, each time with more messages from the beginning. */
static void *make_anew(void *closure)
{
	for (int64_t stream = 1; stream <= ROUNDS; stream++)
		shared_checkpoint_set(closure, &(struct checkpoint){.stream = stream, .sequence = (uint64_t)stream * 10});
	return NULL;
}

START_TEST(a_sequence_stays_with_its_stream)
{
	struct shared_checkpoint shared = SHARED_CHECKPOINT(((struct checkpoint){.stream = 1, .sequence = 10}));
	struct checkpoint seen = {0};
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, make_anew, &shared), 0);
	while (seen.stream < ROUNDS) {
		/* A report that was true when it was requested. */
		shared_checkpoint_advance(&shared, seen.stream, (uint64_t)seen.stream * 10 + 1);
		seen = shared_checkpoint_get(&shared);
		ck_assert_uint_eq(seen.sequence / 10, (uint64_t)seen.stream);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	shared_checkpoint_advance(&shared, ROUNDS - 1, UINT64_MAX);
	ck_assert_uint_le(shared_checkpoint_get(&shared).sequence, ROUNDS * 10 + 1);
	shared_checkpoint_advance(&shared, ROUNDS + 1, UINT64_MAX);
	ck_assert_uint_eq(shared_checkpoint_get(&shared).sequence, UINT64_MAX);
	shared_checkpoint_advance(&shared, ROUNDS + 1, 5);
	ck_assert_uint_eq(shared_checkpoint_get(&shared).sequence, UINT64_MAX);
}
END_TEST

START_TEST(copies_that_catch_up_are_waited_for)
{
	struct catch_up behind = {0};
	ck_assert(continuity_is_settled(CONTINUITY_BEHIND, 1, &behind, 100 * SECOND));
	ck_assert(continuity_is_settled(CONTINUITY_OTHER, 3, &behind, 100 * SECOND));
	ck_assert(continuity_is_settled(CONTINUITY_GOOD, 3, &behind, 100 * SECOND));
	ck_assert(!continuity_is_settled(CONTINUITY_BEHIND, 3, &behind, 100 * SECOND));
	ck_assert(!continuity_is_settled(CONTINUITY_BEHIND, 3, &behind, 109 * SECOND));
	/* They are there. What comes later does not matter. */
	ck_assert(continuity_is_settled(CONTINUITY_GOOD, 3, &behind, 109 * SECOND));
	nanos now = 110 * SECOND, end = 140 * SECOND;
	for (; now < end; now += 9 * SECOND)
		ck_assert(!continuity_is_settled(CONTINUITY_BEHIND, 3, &behind, now));
	ck_assert(continuity_is_settled(CONTINUITY_BEHIND, 3, &behind, now));
	/* What happened while nobody looked is unknown. */
	now += 100 * SECOND;
	ck_assert(!continuity_is_settled(CONTINUITY_BEHIND, 3, &behind, now));
	now += 20 * SECOND;
	ck_assert(!continuity_is_settled(CONTINUITY_BEHIND, 3, &behind, now));
	for (end = now + 30 * SECOND; now < end; now += 10 * SECOND)
		ck_assert(!continuity_is_settled(CONTINUITY_BEHIND, 3, &behind, now));
	ck_assert(continuity_is_settled(CONTINUITY_BEHIND, 3, &behind, now));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {what_is_written_is_read,          invalid_files_are_ignored,
	                              stands_to_what_was_seen,          what_is_applied_stays_behind_the_gap,
	                              a_sequence_stays_with_its_stream, copies_that_catch_up_are_waited_for};
	return suite_run("position", tests, sizeof tests / sizeof tests[0], 10);
}
