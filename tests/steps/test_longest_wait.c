/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/longest_wait.h"

#include <check.h>

#include "tests/harness/suite.h"

static nanos of(struct step_config *config, char text[LONGEST_WAIT_TEXT])
{
	struct step step = {.config = config};
	return longest_wait(&(struct steps){.step = &step, .count = 1}, text);
}

START_TEST(the_longest_counts)
{
	char text[LONGEST_WAIT_TEXT];
	struct step_config config = {
		.name = (char[]){"s"}, .deadline = 2 * HOUR, .check_limit = HOUR, .retry_backoff = SECOND, .max_retries = 3};
	ck_assert_int_eq(of(&config, text), 2 * HOUR);
	ck_assert_str_eq(text, "step s (deadline: 2h)");
	config.check_limit = 24 * HOUR;
	ck_assert_int_eq(of(&config, text), 24 * HOUR);
	ck_assert_str_eq(text, "step s (check_limit, while suspended: 24h)");
	/* 5 s, 10 s, … before the 18th. */
	config.retry_backoff = 5 * SECOND;
	config.max_retries = 18;
	ck_assert_int_eq(of(&config, text), 5 * SECOND << 17);
	config.max_retries = 1000;
	ck_assert_int_gt(of(&config, text), INT64_MAX / 4);
	config.max_retries = 0;
	ck_assert_int_eq(of(&config, text), 24 * HOUR);
}
END_TEST

START_TEST(without_steps_storage_has_to_confirm)
{
	char text[LONGEST_WAIT_TEXT];
	ck_assert_int_eq(longest_wait(&(struct steps){0}, text), HOUR);
	ck_assert_str_eq(text, "storage to confirm");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {the_longest_counts, without_steps_storage_has_to_confirm};
	return suite_run("longest_wait", tests, sizeof tests / sizeof tests[0], 60);
}
