/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/census.h"

#include <check.h>

#include "tests/harness/suite.h"

#define NOW (100 * SECOND)

START_TEST(read_once)
{
	struct census census = {0};
	ck_assert(census_due(&census, NOW));
	census_begun(&census);
	ck_assert(!census_due(&census, NOW + HOUR));
	census_ended(&census, true, NOW);
	ck_assert(census.complete);
	ck_assert(!census_due(&census, NOW + HOUR));
	census_hasten(&census);
	ck_assert(!census_due(&census, NOW + HOUR));
}
END_TEST

START_TEST(one_that_failed_is_made_again)
{
	struct census census = {0};
	census_begun(&census);
	census_ended(&census, false, NOW);
	ck_assert(!census.complete);
	ck_assert(!census_due(&census, NOW + SECOND - 1));
	ck_assert(census_due(&census, NOW + SECOND));
	/* The broker has come back meanwhile. */
	census_hasten(&census);
	ck_assert(census_due(&census, NOW));
}
END_TEST

START_TEST(somebody_dies_afterwards)
{
	struct census census = {0};
	census_begun(&census);
	census_ended(&census, true, NOW);
	census_again(&census);
	ck_assert(!census.complete);
	ck_assert(census_due(&census, NOW));
	census_begun(&census);
	census_ended(&census, true, NOW);
	ck_assert(census.complete);
}
END_TEST

/* The reading may have passed over records that are nobody's now. */
START_TEST(somebody_dies_meanwhile)
{
	struct census census = {0};
	census_begun(&census);
	census_again(&census);
	ck_assert(!census_due(&census, NOW));
	census_ended(&census, true, NOW);
	ck_assert(!census.complete);
	ck_assert(census_due(&census, NOW + SECOND));
	census_begun(&census);
	census_ended(&census, true, NOW);
	ck_assert(census.complete);
}
END_TEST

/* A death in an earlier time does not spoil the reading that begins after it. */
START_TEST(each_death_asks_for_one_reading)
{
	struct census census = {0};
	census_again(&census);
	census_again(&census);
	census_begun(&census);
	census_ended(&census, true, NOW);
	ck_assert(census.complete);
	census_again(&census);
	census_begun(&census);
	census_again(&census);
	census_ended(&census, false, NOW);
	ck_assert(!census.complete);
	census_begun(&census);
	census_ended(&census, true, NOW);
	ck_assert(census.complete);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {read_once, one_that_failed_is_made_again, somebody_dies_afterwards, somebody_dies_meanwhile,
	                              each_death_asks_for_one_reading};
	return suite_run("census", tests, sizeof tests / sizeof tests[0], 10);
}
