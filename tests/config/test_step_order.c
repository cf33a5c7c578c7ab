/* SPDX-License-Identifier: Apache-2.0
 * The order of the steps: the list, and steps that their own sections enable. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/config/config_fixture.h"

static struct config_fixture fixture;

static void setup(void)
{
	fixture_open(&fixture);
}

static void teardown(void)
{
	fixture_close(&fixture);
}

#define LIST "[postprocessing]\nsteps = virusscan, delay\n"

static const struct {
	const char *text, *order;
} orders[] = {
	{LIST, "virusscan delay"},
	{LIST "[step:exec]\nenable = no\n", "virusscan delay"},
	{LIST "[step:exec]\nenable =\n", "virusscan delay"},
	{LIST "[step:exec]\nenable = first\n", "exec virusscan delay"},
	{LIST "[step:exec]\nenable = last\n", "virusscan delay exec"},
	{LIST "[step:exec]\nenable =  after   virusscan \n", "virusscan exec delay"},
	{LIST "[step:exec]\nenable = before delay\n", "virusscan exec delay"},
	{"[step:exec]\nenable = first\n", "exec"},
	/* Steps at the same place, in the order of their names. */
	{LIST
     "[step:c]\nenable = after virusscan\n[step:a]\nenable = after virusscan\n[step:b]\nenable = after virusscan\n",
     "virusscan a b c delay"},
	{LIST "[step:c]\nenable = before delay\n[step:a]\nenable = before delay\n", "virusscan a c delay"},
	{LIST "[step:c]\nenable = first\n[step:a]\nenable = first\n", "a c virusscan delay"},
	{LIST "[step:c]\nenable = last\n[step:a]\nenable = last\n", "virusscan delay a c"},
	/* Steps that lean on each other, in any order of their names. */
	{LIST "[step:a]\nenable = after b\n[step:b]\nenable = after c\n[step:c]\nenable = after virusscan\n",
     "virusscan c b a delay"},
	{LIST "[step:z]\nenable = before y\n[step:y]\nenable = last\n", "virusscan delay z y"},
	/* The list says it too. */
	{LIST "[step:delay]\nenable = after virusscan\n", "virusscan delay"},
	{LIST "[step:delay]\nenable = first\n", "virusscan delay"},
};

START_TEST(order)
{
	char text[1024] = "";
	fixture_read(&fixture, orders[_i].text, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	for (size_t i = 0; i < fixture.config->step_count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i > 0 ? " " : "",
		         fixture.config->step[i].name);
	ck_assert_str_eq(text, orders[_i].order);
}
END_TEST

static const struct {
	const char *text, *problem;
} conflicts[] = {
	{LIST "[step:exec]\nenable = after\n",
     "main.ini:4: enable: \"after\" is not first, last, after STEP, before STEP or no"},
	{LIST "[step:exec]\nenable = soon\n",
     "main.ini:4: enable: \"soon\" is not first, last, after STEP, before STEP or no"},
	{LIST "[step:exec]\nenable = first delay\n", "main.ini:4: enable: \"first delay\" is not first"},
	{LIST "[step:exec]\nenable = after scan\n",
     "main.ini:4: enable: after scan, but there is no step \"scan\" that runs"},
	{LIST "[step:exec]\nenable = before exec\n",
     "main.ini:4: enable: before exec, but there is no step \"exec\" that runs"},
	{LIST "[step:virusscan]\nenable = after delay\n",
     "main.ini:4: enable: after delay, but the order is the other way round ("},
	{LIST "[step:delay]\nenable = before virusscan\n",
     "main.ini:4: enable: before virusscan, but the order is the other way round ("},
};

START_TEST(conflict)
{
	fixture_read(&fixture, conflicts[_i].text, ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, conflicts[_i].problem);
	assert_problems(&fixture, 1);
}
END_TEST

/* Each of two steps waits for the other. */
START_TEST(circle)
{
	fixture_read(&fixture, LIST "[step:a]\nenable = after b\n[step:b]\nenable = after a\n", ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "main.ini:4: enable: after b, but there is no step \"b\" that runs");
	assert_problem(&fixture, "main.ini:6: enable: after a, but there is no step \"a\" that runs");
	assert_problems(&fixture, 2);
}
END_TEST

/* The variable of the key counts, too. */
START_TEST(variable)
{
	fixture_read(&fixture, LIST "[step:exec]\nmodule = exec\n",
	             ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_EXEC_ENABLE=after virusscan"));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step_count, 3);
	ck_assert_str_eq(fixture.config->step[1].name, "exec");
}
END_TEST

START_TEST(too_many)
{
	char text[8192] = "[postprocessing]\nsteps = s\n";
	for (unsigned i = 0; i < 64; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "[step:x%u]\nenable = last\n", i);
	fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
	assert_problem(&fixture, "enable: more than 64 steps");
	assert_problems(&fixture, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("step_order");
	TCase *tcase = tcase_create("step_order");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, order, 0, sizeof orders / sizeof orders[0]);
	tcase_add_loop_test(tcase, conflict, 0, sizeof conflicts / sizeof conflicts[0]);
	tcase_add_test(tcase, circle);
	tcase_add_test(tcase, variable);
	tcase_add_test(tcase, too_many);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
