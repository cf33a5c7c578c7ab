/* SPDX-License-Identifier: Apache-2.0
 * When a step is checked, and how the results of its checks and runs are interpreted. */
#include <check.h>
#include <string.h>

#include "core/steps/step_health.h"
#include "tests/harness/suite.h"

#define INTERVAL (30 * SECOND)

static struct step_health health;
static nanos now;

static void setup(void)
{
	now = 1000 * SECOND;
	step_health_init(&health, true, false, INTERVAL);
}

/* Whether a check is due. */
static bool asks(void)
{
	bool ask;
	ck_assert_int_eq(step_health_tick(&health, &ask, now), HEALTH_SAME);
	return ask;
}

/* Seconds until the next check. */
static nanos until_asked(void)
{
	nanos from = now;
	while (!asks() && now < from + HOUR)
		now += SECOND;
	return (now - from) / SECOND;
}

static enum health_change check(bool passed)
{
	return step_health_answered(&health, passed, passed ? "" : "no scanner", now);
}

/* The step works, as its check has reported. */
static void begin_good(void)
{
	setup();
	ck_assert(asks());
	ck_assert_int_eq(check(true), HEALTH_RESUMES);
	ck_assert_int_eq(health.state, HEALTH_GOOD);
}

START_TEST(checked_at_once_and_then_now_and_again)
{
	setup();
	ck_assert_int_eq(health.state, HEALTH_UNKNOWN);
	ck_assert(asks());
	ck_assert(!asks()); /* not while one is running */
	ck_assert_int_eq(check(true), HEALTH_RESUMES);
	ck_assert_int_eq(health.state, HEALTH_GOOD);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(until_asked(), 30);
		ck_assert_int_eq(check(true), HEALTH_SAME);
	}
}
END_TEST

START_TEST(the_first_failure_is_enough_at_the_start)
{
	setup();
	ck_assert(asks());
	ck_assert_int_eq(check(false), HEALTH_SUSPENDS);
	ck_assert_str_eq(health.reason, "no scanner");
	ck_assert_int_eq(until_asked(), 10);
	ck_assert_int_eq(check(false), HEALTH_FAILS);
	ck_assert_int_eq(health.state, HEALTH_SUSPENDED);
	ck_assert_int_eq(until_asked(), 10);
	ck_assert_int_eq(check(true), HEALTH_RESUMES);
	ck_assert_str_eq(health.reason, "");
	ck_assert_int_eq(until_asked(), 30);
}
END_TEST

START_TEST(two_failures_in_a_row_suspend)
{
	begin_good();
	for (unsigned i = 0; i < 3; i++) {
		until_asked();
		ck_assert_int_eq(check(false), HEALTH_FAILS);
		ck_assert_int_eq(health.state, HEALTH_GOOD);
		ck_assert_int_eq(until_asked(), 10);
		ck_assert_int_eq(check(true), HEALTH_SAME);
	}
	until_asked();
	ck_assert_int_eq(check(false), HEALTH_FAILS);
	until_asked();
	ck_assert_int_eq(check(false), HEALTH_SUSPENDS);
}
END_TEST

START_TEST(a_verdict_counts_as_a_check)
{
	begin_good();
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(step_health_ran(&health, true, now), HEALTH_SAME);
		for (unsigned second = 0; second < 30; second++, now += SECOND)
			ck_assert(!asks());
	}
	/* But not if another run has failed meanwhile: then the check decides. */
	step_health_ran(&health, true, now);
	step_health_ran(&health, false, now);
	step_health_ran(&health, true, now);
	ck_assert_int_eq(until_asked(), 0);
	ck_assert_int_eq(check(false), HEALTH_FAILS);
	/* One between two failures. */
	step_health_ran(&health, true, now);
	now += 10 * SECOND;
	ck_assert(!asks());
	ck_assert_int_eq(health.failures, 0);
	ck_assert_str_eq(health.reason, "");
}
END_TEST

/* A failed run by itself proves nothing, because the upload may be to blame. The check decides, soon. */
START_TEST(a_run_that_fails_is_reason_to_check)
{
	begin_good();
	now += SECOND;
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(step_health_ran(&health, false, now), HEALTH_SAME);
	ck_assert_int_eq(until_asked(), 1);
	ck_assert_int_eq(check(true), HEALTH_SAME);
	ck_assert_int_eq(until_asked(), 30);
	ck_assert_int_eq(check(true), HEALTH_SAME);
	now += 20 * SECOND;
	ck_assert(!asks());
	step_health_ran(&health, false, now);
	ck_assert(asks());
	/* Also while a check is running. */
	step_health_ran(&health, false, now);
	ck_assert(!asks());
	ck_assert_int_eq(check(false), HEALTH_FAILS);
	/* Runs that follow spend retries, so the second one comes soon, … */
	ck_assert_int_eq(until_asked(), 2);
	ck_assert_int_eq(check(false), HEALTH_SUSPENDS);
	/* … and a suspended step has none. */
	step_health_ran(&health, false, now);
	ck_assert_int_eq(until_asked(), 10);
}
END_TEST

START_TEST(a_verdict_ends_the_suspension)
{
	setup();
	asks();
	check(false);
	ck_assert_int_eq(step_health_ran(&health, false, now), HEALTH_SAME);
	ck_assert_int_eq(health.state, HEALTH_SUSPENDED);
	ck_assert_int_eq(step_health_ran(&health, true, now), HEALTH_RESUMES);
	ck_assert_int_eq(health.state, HEALTH_GOOD);
}
END_TEST

static void pass_time(enum health_change expected)
{
	bool ask;
	now += 10 * SECOND - 1;
	ck_assert_int_eq(step_health_tick(&health, &ask, now), HEALTH_SAME);
	ck_assert(!ask);
	now++;
	ck_assert_int_eq(step_health_tick(&health, &ask, now), expected);
	ck_assert(!ask);
}

/* It is not called a second time, and counts for as long as it hangs; its late result is ignored. */
START_TEST(a_check_that_hangs)
{
	begin_good();
	until_asked();
	pass_time(HEALTH_FAILS);
	ck_assert_str_eq(health.reason, "the check did not finish within 10s");
	pass_time(HEALTH_SUSPENDS);
	pass_time(HEALTH_FAILS);
	ck_assert_int_eq(check(true), HEALTH_SAME);
	ck_assert_int_eq(health.state, HEALTH_SUSPENDED);
	ck_assert_int_eq(until_asked(), 0);
	ck_assert_int_eq(check(true), HEALTH_RESUMES);
	/* Also at startup. */
	setup();
	ck_assert(asks());
	pass_time(HEALTH_SUSPENDS);
}
END_TEST

START_TEST(a_step_without_a_check)
{
	for (unsigned i = 0; i < 2; i++) {
		step_health_init(&health, i == 0, i != 0, i == 0 ? 0 : INTERVAL);
		ck_assert_int_eq(health.state, HEALTH_GOOD);
		ck_assert_int_ge(until_asked(), 3600);
		ck_assert_int_eq(step_health_ran(&health, false, now), HEALTH_SAME);
		ck_assert_int_eq(step_health_ran(&health, true, now), HEALTH_SAME);
	}
}
END_TEST

START_TEST(a_short_interval_and_no_words)
{
	step_health_init(&health, true, false, 2 * SECOND);
	asks();
	ck_assert_int_eq(step_health_answered(&health, false, "", now), HEALTH_SUSPENDS);
	ck_assert_str_eq(health.reason, "the check failed and gave no reason");
	ck_assert_int_eq(until_asked(), 2);
	check(true);
	ck_assert_int_eq(until_asked(), 2);
}
END_TEST

/* What a check says although it passes stands until the next one. */
START_TEST(a_note)
{
	setup();
	asks();
	ck_assert_int_eq(step_health_answered(&health, true, "one of two is away", now), HEALTH_RESUMES);
	ck_assert_str_eq(health.note, "one of two is away");
	ck_assert_str_eq(health.reason, "");
	step_health_ran(&health, true, now);
	now += INTERVAL;
	ck_assert(!asks());
	ck_assert_str_eq(health.note, "one of two is away");
	until_asked();
	ck_assert_int_eq(check(true), HEALTH_SAME);
	ck_assert_str_eq(health.note, "");
	until_asked();
	step_health_answered(&health, true, "one of two is away", now);
	until_asked();
	ck_assert_int_eq(check(false), HEALTH_FAILS);
	ck_assert_str_eq(health.note, "");
}
END_TEST

/* A check that can note something is made although runs succeed. It decides nothing then. */
START_TEST(noted_beside_runs)
{
	step_health_init(&health, true, true, INTERVAL);
	asks();
	check(true);
	for (unsigned i = 0; i < 3; i++) {
		step_health_ran(&health, true, now);
		ck_assert_int_eq(until_asked(), 30);
		ck_assert_int_eq(check(false), HEALTH_SAME);
		ck_assert_int_eq(health.state, HEALTH_GOOD);
		ck_assert_str_eq(health.note, "runs reach verdicts, but the check fails: no scanner");
		ck_assert_uint_eq(health.failures, 0);
		ck_assert_str_eq(health.reason, "");
		/* The next one is soon. */
		step_health_ran(&health, true, now);
		ck_assert_int_eq(until_asked(), 10);
		ck_assert_int_eq(step_health_answered(&health, true, "one of two is away", now), HEALTH_SAME);
		ck_assert_str_eq(health.note, "one of two is away");
	}
	/* A check that hangs. */
	step_health_ran(&health, true, now);
	until_asked();
	pass_time(HEALTH_SAME);
	ck_assert_str_eq(health.note, "runs reach verdicts, but the check fails: the check did not finish within 10s");
	ck_assert_int_eq(check(true), HEALTH_SAME);
	/* As soon as a run fails, or none comes, it counts. */
	step_health_ran(&health, true, now);
	until_asked();
	step_health_ran(&health, false, now);
	ck_assert_int_eq(check(false), HEALTH_FAILS);
	ck_assert_str_eq(health.note, "");
	until_asked();
	ck_assert_int_eq(check(false), HEALTH_SUSPENDS);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {checked_at_once_and_then_now_and_again,
	                              the_first_failure_is_enough_at_the_start,
	                              two_failures_in_a_row_suspend,
	                              a_verdict_counts_as_a_check,
	                              a_run_that_fails_is_reason_to_check,
	                              a_verdict_ends_the_suspension,
	                              a_check_that_hangs,
	                              a_step_without_a_check,
	                              a_short_interval_and_no_words,
	                              a_note,
	                              noted_beside_runs};
	return suite_run("step_health", tests, sizeof tests / sizeof tests[0], 30);
}
