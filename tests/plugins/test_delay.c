/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "tests/plugins/stub_host.h"

START_TEST(waits_once)
{
	struct pp_run run;
	void *delay = stub_create("duration=1h", NULL, NULL);
	stub_run_init(&run, "", 0);
	ck_assert_uint_eq(pp_step_module.run(delay, &run), PP_WAIT);
	ck_assert_int_eq(run.wait_until, run.now + HOUR);
	ck_assert_str_ne(run.reason, "");
	run.woken_at = run.wait_until;
	run.now = run.wait_until;
	run.wait_until = 0;
	ck_assert_uint_eq(pp_step_module.run(delay, &run), PP_CONTINUE);
	ck_assert_int_eq(run.wait_until, 0);
	pp_step_module.destroy(delay);
}
END_TEST

START_TEST(without_a_duration_there_is_no_wait)
{
	struct pp_run run;
	void *delay = stub_create(NULL, NULL, NULL);
	stub_run_init(&run, "", 0);
	ck_assert_uint_eq(pp_step_module.run(delay, &run), PP_CONTINUE);
	ck_assert_int_eq(run.wait_until, 0);
	pp_step_module.destroy(delay);
}
END_TEST

START_TEST(longest_duration_does_not_overflow)
{
	struct pp_run run;
	void *delay = stub_create("duration=9223372036854775807ns", "max_wait=9223372036854775807ns", NULL);
	stub_run_init(&run, "", 0);
	ck_assert_uint_eq(pp_step_module.run(delay, &run), PP_WAIT);
	ck_assert_int_eq(run.wait_until, INT64_MAX);
	pp_step_module.destroy(delay);
}
END_TEST

/* It would be a failure for each upload. */
START_TEST(longer_than_the_step_may_wait)
{
	void *instance = NULL;
	struct pp_setup setup = {.keys = pp_step_module.keys, .value = {"duration=721h"}};
	ck_assert_int_ne(pp_step_module.create(&stub_host, &setup, &instance), 0);
	ck_assert_str_eq(setup.rejected, "duration: longer than the step's max_wait (2592000 s)");
	pp_step_module.destroy(stub_create("duration=720h", NULL, NULL));
	/* A host that does not know the limit. */
	pp_step_module.destroy(stub_create("duration=721h", "max_wait=0", NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("delay");
	TCase *tests = tcase_create("delay");
	tcase_add_test(tests, waits_once);
	tcase_add_test(tests, without_a_duration_there_is_no_wait);
	tcase_add_test(tests, longest_duration_does_not_overflow);
	tcase_add_test(tests, longer_than_the_step_may_wait);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
