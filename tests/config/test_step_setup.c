/* SPDX-License-Identifier: Apache-2.0
 * The keys of one step, as its module declares and sees them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/host.h"
#include "tests/config/config_fixture.h"

static struct config_fixture fixture;
static struct step_setup *made;

static void setup(void)
{
	fixture_open(&fixture);
}

static void teardown(void)
{
	step_setup_free(made);
	fixture_close(&fixture);
}

static const struct pp_key keys[] = {
	{.name = "socket", .environment = "SCANNER_SOCKET OLD_SOCKET"},
	{.name = "greeting", .fallback = "hello"},
	{.name = "quick", .type = PP_KEY_BOOL, .fallback = "false"},
	{.name = "tries", .type = PP_KEY_INTEGER, .min = 1, .max = 9, .fallback = "3"},
	{.name = "patience", .type = PP_KEY_DURATION, .min = SECOND, .max = MINUTE, .fallback = "2s"},
	{.name = "limit", .type = PP_KEY_SIZE},
	{.name = "infected", .type = PP_KEY_CHOICE, .choices = "delete abort continue", .fallback = "delete"},
	{.name = NULL}};

static void make(const char *text, char *const *environment, const struct pp_key *declared, size_t size)
{
	step_setup_free(made);
	made = NULL;
	fixture_read(&fixture, text, environment);
	ck_assert_uint_ge(fixture.config->step_count, 1);
	made = step_setup_create(fixture.config, &fixture.config->step[0], declared, size, &fixture.problems);
	ck_assert_ptr_nonnull(made);
}

#define HEAD "[postprocessing]\nsteps = s\n[step:s]\n"

START_TEST(defaults)
{
	make(HEAD, ENVIRONMENT("HOME=/h"), keys, sizeof keys[0]);
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.step_name(step_setup_host(made)), "s");
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "socket"));
	ck_assert_str_eq(host_services.string(step_setup_host(made), "greeting"), "hello");
	ck_assert_int_eq(host_services.number(step_setup_host(made), "quick"), 0);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "tries"), 3);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "patience"), 2 * SECOND);
	nanos longest = 0;
	ck_assert_str_eq(step_setup_longest(made, &longest), "patience");
	ck_assert_int_eq(longest, 2 * SECOND);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "limit"), 0);
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "limit"));
	ck_assert_int_eq(host_services.number(step_setup_host(made), "infected"), 0);
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "undeclared"));
	ck_assert_int_eq(host_services.number(step_setup_host(made), "undeclared"), 0);
	ck_assert_ptr_null(host_services.string(step_setup_host(made), NULL));
	ck_assert_int_eq(host_services.number(step_setup_host(made), NULL), 0);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "max_wait"), 720 * HOUR);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "deadline"), 10 * MINUTE);
}
END_TEST

START_TEST(values)
{
	make(
		HEAD
		"socket = /run/x\ngreeting =\nquick = YES\ntries = 9\npatience = 1m\nlimit = 2GB\ninfected = continue\nworkers = 2\n",
		ENVIRONMENT("HOME=/h"), keys, sizeof keys[0]);
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "socket"), "/run/x");
	ck_assert_str_eq(host_services.string(step_setup_host(made), "greeting"), "");
	ck_assert_int_eq(host_services.number(step_setup_host(made), "quick"), 1);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "tries"), 9);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "patience"), MINUTE);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "limit"), 2000000000);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "infected"), 2);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "infected"), "continue");
}
END_TEST

START_TEST(problems)
{
	make(HEAD "quick = perhaps\ntries = 10\npatience = 1ms\nlimit = 5X\ninfected = keep\nqick = 1\n",
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_TRYS=1"), keys, sizeof keys[0]);
	assert_problem(&fixture, "main.ini:4: quick: \"perhaps\" is not true or false");
	assert_problem(&fixture, "main.ini:5: tries: \"10\" is not between 1 and 9");
	assert_problem(&fixture, "main.ini:6: patience: \"1ms\" is not between 1s and 1m");
	assert_problem(&fixture, "main.ini:7: limit: \"5X\" is not a size");
	assert_problem(&fixture, "main.ini:8: infected: unknown value \"keep\" (delete abort continue)");
	assert_problem(&fixture, "main.ini:9: qick: unknown key in [step:s] (module s)");
	assert_problem(&fixture, "POSTPROCESSING_STEP_S_TRYS: no such key in [step:s]");
	assert_problems(&fixture, 7);
	ck_assert_ptr_null(host_services.string(step_setup_host(made), "tries"));
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: invalid */
	} table[] = {{"10", 10},
	             {"10B", 10},
	             {"10K", 10240},
	             {"10KiB", 10240},
	             {"10KB", 10000},
	             {"1M", 1048576},
	             {"1MB", 1000000},
	             {"2GiB", 2147483648},
	             {"1 GB", 1000000000},
	             {"3kb", 3000},
	             {"1TiB", 1099511627776},
	             {"1PB", 1000000000000000},
	             {"7E", 8070450532247928832},
	             {"0", 0},
	             {"8E", -1},
	             {"9223372036854775808", -1},
	             {"-1", -1},
	             {"1.5K", -1},
	             {"K", -1},
	             {"", -1},
	             {"1KBs", -1},
	             {"1iB", -1},
	             {"1  K", -1},
	             {"0x10", -1}};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char text[128] = HEAD "limit = ";
		strcat(text, table[i].text);
		make(text, ENVIRONMENT("HOME=/h"), keys, sizeof keys[0]);
		ck_assert_msg(fixture.problems.count == (table[i].bytes < 0 ? 1 : 0), "%s", table[i].text);
		ck_assert_int_eq(host_services.number(step_setup_host(made), "limit"), table[i].bytes < 0 ? 0 : table[i].bytes);
	}
}
END_TEST

START_TEST(variables)
{
	make(HEAD "socket = file\n", ENVIRONMENT("HOME=/h", "OLD_SOCKET=old"), keys, sizeof keys[0]);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "socket"), "old");
	make(HEAD "socket = file\n", ENVIRONMENT("HOME=/h", "OLD_SOCKET=old", "SCANNER_SOCKET=new"), keys, sizeof keys[0]);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "socket"), "new");
	make(HEAD, ENVIRONMENT("HOME=/h", "SCANNER_SOCKET=new", "POSTPROCESSING_STEP_S_SOCKET=own"), keys, sizeof keys[0]);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "socket"), "own");
	make(HEAD, ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_TRIES=x"), keys, sizeof keys[0]);
	assert_problem(&fixture, "POSTPROCESSING_STEP_S_TRIES: tries: \"x\" is not a whole number");
}
END_TEST

START_TEST(variables_of_longer_names)
{
	static const char text[] = "[postprocessing]\nsteps = s, s-t\n";
	make(text,
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_T_TRIES=4", "POSTPROCESSING_STEP_OTHER_X=1",
	                 "POSTPROCESSING_STEP_S_WORKERS=2"),
	     keys, sizeof keys[0]);
	assert_sound(&fixture);
	make(text, ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_U_TRIES=4"), keys, sizeof keys[0]);
	assert_problem(&fixture, "POSTPROCESSING_STEP_S_U_TRIES: no such key in [step:s]");
}
END_TEST

START_TEST(delay_both_ways)
{
	static const struct pp_key delay[] = {
		{.name = "duration", .type = PP_KEY_DURATION, .environment = "POSTPROCESSING_DELAY", .required = 1},
		{.name = NULL}};
	make("[postprocessing]\nsteps = delay\n[step:delay]\nduration = 1s\n",
	     ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=4s"), delay, sizeof delay[0]);
	assert_sound(&fixture);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "duration"), 4 * SECOND);
	make("[postprocessing]\nsteps = delay\ndelay = 7s\n", ENVIRONMENT("HOME=/h"), delay, sizeof delay[0]);
	assert_sound(&fixture);
	ck_assert_int_eq(host_services.number(step_setup_host(made), "duration"), 7 * SECOND);
	make("[postprocessing]\nsteps = delay\n", ENVIRONMENT("HOME=/h", "POSTPROCESSING_DELAY=-1s"), delay,
	     sizeof delay[0]);
	assert_problem(&fixture, "POSTPROCESSING_DELAY: duration: \"-1s\" is not a duration");
	assert_problems(&fixture, 1);
	/* A missing key has a place too: that of the section, or else that of the step. */
	make("[postprocessing]\nsteps = delay\n", ENVIRONMENT("HOME=/h"), delay, sizeof delay[0]);
	assert_problem(&fixture,
	               "main.ini:2: duration: required in [step:delay] (variable: POSTPROCESSING_STEP_DELAY_DURATION, or "
	               "POSTPROCESSING_DELAY)");
	make("[postprocessing]\nsteps = delay\n\n[step:delay]\nduration =\n", ENVIRONMENT("HOME=/h"), delay,
	     sizeof delay[0]);
	assert_problem(&fixture, "main.ini:5: duration: required in [step:delay]");
	make("[postprocessing]\nsteps = delay\n\n[step:delay]\nworkers = 1\n", ENVIRONMENT("HOME=/h"), delay,
	     sizeof delay[0]);
	assert_problem(&fixture, "main.ini:4: duration: required in [step:delay]");
	make("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEPS=delay"), delay, sizeof delay[0]);
	assert_problem(&fixture, "POSTPROCESSING_STEPS: duration: required in [step:delay]");
	static const struct pp_key scan[] = {{.name = "socket", .required = 1}, {.name = NULL}};
	make("", ENVIRONMENT("HOME=/h", "POSTPROCESSING_VIRUSSCAN=1"), scan, sizeof scan[0]);
	assert_problem(&fixture, "POSTPROCESSING_VIRUSSCAN: socket: required in [step:virusscan] (variable: "
	                         "POSTPROCESSING_STEP_VIRUSSCAN_SOCKET)");
}
END_TEST

START_TEST(other_modules)
{
	/* A module that was built with a later header: its key entries are longer. */
	struct longer_key {
		struct pp_key key;
		const char *more;
	};
	static const struct longer_key longer[] = {
		{{.name = "a", .fallback = "1"}, "x"}, {{.name = "b"}, "y"}, {{.name = NULL}, NULL}};
	make(HEAD "b = 2\n", ENVIRONMENT("HOME=/h"), &longer[0].key, sizeof longer[0]);
	assert_sound(&fixture);
	ck_assert_str_eq(host_services.string(step_setup_host(made), "a"), "1");
	ck_assert_str_eq(host_services.string(step_setup_host(made), "b"), "2");
	make(HEAD "b = 2\n", ENVIRONMENT("HOME=/h"), NULL, 0);
	assert_problem(&fixture, "b: unknown key");
	make(HEAD, ENVIRONMENT("HOME=/h"), keys, 8);
	assert_problem(&fixture, "its list of keys cannot be read");
	static const struct pp_key strange[] = {
		{.name = "a", .type = 99}, {.name = "d", .type = PP_KEY_DURATION, .fallback = "bad"}, {.name = NULL}};
	make(HEAD "a = 1\n", ENVIRONMENT("HOME=/h"), strange, sizeof strange[0]);
	assert_problem(&fixture, "main.ini:4: a: the module declares a key type");
	assert_problem(&fixture, "main.ini:3: d: \"bad\" is not a duration");
}
END_TEST

START_TEST(rejections)
{
	make(HEAD "socket = /x\n", ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_S_TRIES=2"), keys, sizeof keys[0]);
	host_services.reject(step_setup_host(made), "socket", "not for %s", "you");
	host_services.reject(step_setup_host(made), "tries", "too few");
	host_services.reject(step_setup_host(made), "greeting", "rude");
	host_services.reject(step_setup_host(made), NULL, "no step at all");
	assert_problem(&fixture, "main.ini:4: socket: not for you");
	ck_assert_str_eq(fixture.problems.line[1], "POSTPROCESSING_STEP_S_TRIES: tries: too few");
	assert_problem(&fixture, "main.ini:3: greeting: rude");
	assert_problem(&fixture, "main.ini:3: no step at all");
	assert_problems(&fixture, 4);
}
END_TEST

START_TEST(disabled_steps_are_not_checked)
{
	fixture_read(&fixture, "[step:x]\nworkers = none\nnonsense = 1\n",
	             ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEP_X_Y=1"));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step_count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("step_setup");
	TCase *tcase = tcase_create("keys");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, defaults);
	tcase_add_test(tcase, values);
	tcase_add_test(tcase, problems);
	tcase_add_test(tcase, sizes);
	tcase_add_test(tcase, variables);
	tcase_add_test(tcase, variables_of_longer_names);
	tcase_add_test(tcase, delay_both_ways);
	tcase_add_test(tcase, other_modules);
	tcase_add_test(tcase, rejections);
	tcase_add_test(tcase, disabled_steps_are_not_checked);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
