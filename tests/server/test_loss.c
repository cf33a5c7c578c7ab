/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/loss.h"

#include <check.h>
#include <string.h>

#include "tests/harness/folder.h"
#include "tests/harness/suite.h"

/* Looks once a second for `seconds`; returns the last verdict. */
static enum loss_verdict look(struct loss *loss, enum presence stream, enum presence bucket, nanos connection,
                              nanos *now, unsigned seconds)
{
	enum loss_verdict verdict = LOSS_NONE;
	for (unsigned i = 0; i < seconds; i++) {
		*now += SECOND;
		verdict = loss_judge(loss, stream, bucket, connection, *now);
	}
	return verdict;
}

START_TEST(both_are_gone_for_a_minute)
{
	struct loss loss = {0};
	nanos now = HOUR;
	ck_assert_int_eq(loss_grace, MINUTE);
	ck_assert_int_eq(look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 1, &now, 60), LOSS_SUSPECTED);
	ck_assert_int_eq(loss_left(&loss, now), SECOND);
	ck_assert_int_eq(look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 1, &now, 1), LOSS_CERTAIN);
	ck_assert_int_eq(loss_left(&loss, now + HOUR), 0);
}
END_TEST

START_TEST(one_may_have_been_made_by_somebody_else)
{
	struct loss loss = {0};
	nanos now = HOUR;
	ck_assert_int_eq(look(&loss, PRESENCE_OTHER, PRESENCE_MISSING, 1, &now, 61), LOSS_CERTAIN);
	loss = (struct loss){0};
	ck_assert_int_eq(look(&loss, PRESENCE_MISSING, PRESENCE_OTHER, 1, &now, 61), LOSS_CERTAIN);
	/* Nothing is missing. */
	loss = (struct loss){0};
	ck_assert_int_eq(look(&loss, PRESENCE_OTHER, PRESENCE_OTHER, 1, &now, 120), LOSS_NONE);
}
END_TEST

/* What one look in the middle finds, on which connection, and whether the time starts over because of it. */
START_TEST(any_interruption_starts_over)
{
	static const struct {
		enum presence stream, bucket;
	} breaks[] = {{PRESENCE_SAME, PRESENCE_MISSING},    {PRESENCE_MISSING, PRESENCE_SAME},
	              {PRESENCE_SAME, PRESENCE_SAME},       {PRESENCE_UNKNOWN, PRESENCE_MISSING},
	              {PRESENCE_MISSING, PRESENCE_UNKNOWN}, {PRESENCE_UNKNOWN, PRESENCE_UNKNOWN},
	              {PRESENCE_OTHER, PRESENCE_SAME},      {PRESENCE_SAME, PRESENCE_OTHER}};
	nanos now = HOUR;
	for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
		struct loss loss = {0};
		look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 1, &now, 59);
		ck_assert_int_eq(look(&loss, breaks[i].stream, breaks[i].bucket, 1, &now, 1), LOSS_NONE);
		ck_assert_int_eq(look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 1, &now, 60), LOSS_SUSPECTED);
		ck_assert_int_eq(look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 1, &now, 1), LOSS_CERTAIN);
	}
}
END_TEST

START_TEST(so_does_another_connection_or_a_pause)
{
	struct loss loss = {0};
	nanos now = HOUR;
	look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 1, &now, 59);
	ck_assert_int_eq(look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 2, &now, 60), LOSS_SUSPECTED);
	ck_assert_int_eq(look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 2, &now, 1), LOSS_CERTAIN);
	loss = (struct loss){0};
	look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 1, &now, 59);
	now += MINUTE;
	ck_assert_int_eq(look(&loss, PRESENCE_MISSING, PRESENCE_MISSING, 1, &now, 1), LOSS_SUSPECTED);
}
END_TEST

START_TEST(replicas_are_remembered)
{
	char folder[FOLDER_PATH_SIZE], why[256] = "";
	ck_assert(folder_create(folder));
	ck_assert_uint_eq(loss_replicas_read(folder), 0);
	ck_assert(loss_replicas_write(folder, 3, why, sizeof why));
	ck_assert_uint_eq(loss_replicas_read(folder), 3);
	ck_assert(folder_write(folder, LOSS_REPLICAS, "nonsense", 8));
	ck_assert_uint_eq(loss_replicas_read(folder), 0);
	ck_assert(folder_remove(folder));
	ck_assert(!loss_replicas_write(folder, 3, why, sizeof why));
	ck_assert_uint_gt(strlen(why), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {both_are_gone_for_a_minute, one_may_have_been_made_by_somebody_else,
	                              any_interruption_starts_over, so_does_another_connection_or_a_pause,
	                              replicas_are_remembered};
	return suite_run("loss", tests, sizeof tests / sizeof tests[0], 60);
}
