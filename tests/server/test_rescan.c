/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/rescan.h"

#include <check.h>

#include "tests/harness/suite.h"

#define NOW (100 * SECOND)

START_TEST(read_once)
{
	struct rescan rescan = {0};
	ck_assert(rescan_due(&rescan, NOW));
	rescan_begun(&rescan);
	ck_assert(!rescan_due(&rescan, NOW + HOUR));
	rescan_ended(&rescan, true, NOW);
	ck_assert(rescan.complete);
	ck_assert(!rescan_due(&rescan, NOW + HOUR));
	rescan_hasten(&rescan);
	ck_assert(!rescan_due(&rescan, NOW + HOUR));
}
END_TEST

START_TEST(one_that_failed_is_made_again)
{
	struct rescan rescan = {0};
	rescan_begun(&rescan);
	rescan_ended(&rescan, false, NOW);
	ck_assert(!rescan.complete);
	ck_assert(!rescan_due(&rescan, NOW + SECOND - 1));
	ck_assert(rescan_due(&rescan, NOW + SECOND));
	/* The broker has come back meanwhile. */
	rescan_hasten(&rescan);
	ck_assert(rescan_due(&rescan, NOW));
}
END_TEST

START_TEST(somebody_dies_afterwards)
{
	struct rescan rescan = {0};
	rescan_begun(&rescan);
	rescan_ended(&rescan, true, NOW);
	rescan_again(&rescan);
	ck_assert(!rescan.complete);
	ck_assert(rescan_due(&rescan, NOW));
	rescan_begun(&rescan);
	rescan_ended(&rescan, true, NOW);
	ck_assert(rescan.complete);
}
END_TEST

/* The scan may have skipped records that have no owner now. */
START_TEST(somebody_dies_meanwhile)
{
	struct rescan rescan = {0};
	rescan_begun(&rescan);
	rescan_again(&rescan);
	ck_assert(!rescan_due(&rescan, NOW));
	rescan_ended(&rescan, true, NOW);
	ck_assert(!rescan.complete);
	ck_assert(rescan_due(&rescan, NOW + SECOND));
	rescan_begun(&rescan);
	rescan_ended(&rescan, true, NOW);
	ck_assert(rescan.complete);
}
END_TEST

/* A death before it does not invalidate a scan. */
START_TEST(each_death_asks_for_one_reading)
{
	struct rescan rescan = {0};
	rescan_again(&rescan);
	rescan_again(&rescan);
	rescan_begun(&rescan);
	rescan_ended(&rescan, true, NOW);
	ck_assert(rescan.complete);
	rescan_again(&rescan);
	rescan_begun(&rescan);
	rescan_again(&rescan);
	rescan_ended(&rescan, false, NOW);
	ck_assert(!rescan.complete);
	rescan_begun(&rescan);
	rescan_ended(&rescan, true, NOW);
	ck_assert(rescan.complete);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {read_once, one_that_failed_is_made_again, somebody_dies_afterwards,
	                              somebody_dies_meanwhile, each_death_asks_for_one_reading};
	return suite_run("census", tests, sizeof tests / sizeof tests[0], 10);
}
