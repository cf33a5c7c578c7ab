/* SPDX-License-Identifier: Apache-2.0 */
#include "core/jetstream/pull.h"

#include <check.h>

#include "tests/harness/suite.h"

/* A message with this consumer sequence. */
static bool take(struct pull *pull, uint64_t sequence)
{
	return pull_take(pull, &(struct delivery){.consumer_sequence = sequence});
}

static void take_status(struct pull *pull, const char *status)
{
	natsMsg *message = NULL;
	ck_assert_int_eq(natsMsg_Create(&message, "inbox", NULL, NULL, 0), NATS_OK);
	ck_assert_int_eq(natsMsgHeader_Set(message, "Status", status), NATS_OK);
	pull_take_status(pull, message);
	natsMsg_Destroy(message);
}

/* Another consumer begins with 1 again, and soon passes the last sequence of the former one. */
START_TEST(another_consumer_is_refused_until_it_is_checked)
{
	struct pull pull = {.outstanding = 100};
	for (uint64_t i = 1; i <= 3; i++)
		ck_assert(take(&pull, i));
	ck_assert(take(&pull, 0));
	ck_assert(!pull.lost);
	for (uint64_t i = 1; i <= 6; i++)
		ck_assert_msg(!take(&pull, i), "number %d is taken", (int)i);
	ck_assert(pull.lost);
	ck_assert_uint_eq(pull.held, 10);
	ck_assert_uint_eq(pull.outstanding, 90);
	/* The connection is lost. */
	pull_reset(&pull, false);
	ck_assert(!take(&pull, 7));
	pull_reset(&pull, true);
	ck_assert(take(&pull, 1));
}
END_TEST

START_TEST(a_pull_that_ended_early_makes_suspicious)
{
	struct pull pull = {.outstanding = 100};
	ck_assert_int_eq(nats_Open(-1), NATS_OK);
	take_status(&pull, "100");
	take_status(&pull, "408");
	ck_assert(!pull.lost);
	ck_assert(take(&pull, 1));
	take_status(&pull, "409");
	ck_assert(pull.lost);
	ck_assert(!take(&pull, 2));
	pull_reset(&pull, true);
	ck_assert(take(&pull, 2));
	nats_Close();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {another_consumer_is_refused_until_it_is_checked,
	                              a_pull_that_ended_early_makes_suspicious};
	return suite_run("pull", tests, sizeof tests / sizeof tests[0], 10);
}
