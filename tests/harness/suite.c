/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/suite.h"

int suite_run(const char *name, const TTest *const *test, size_t count, double seconds)
{
	Suite *suite = suite_create(name);
	TCase *cases = tcase_create(name);
	tcase_set_timeout(cases, seconds);
	for (size_t i = 0; i < count; i++)
		tcase_add_test(cases, test[i]);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
