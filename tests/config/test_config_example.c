/* SPDX-License-Identifier: Apache-2.0
 * The installed, commented example agrees with the table of keys. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text_file.h"
#include "core/config/config_keys.h"
#include "core/config/config_source.h"
#include "tests/config/config_fixture.h"

static struct config_fixture fixture;
static char *example;

static void setup(void)
{
	size_t length;
	fixture_open(&fixture);
	example = text_file_read("conf/postprocessing.ini", 1024 * 1024, &length, &(struct stat){0}); /* the built file */
	ck_assert_msg(example != NULL, "conf/postprocessing.ini");
}

static void teardown(void)
{
	free(example);
	fixture_close(&fixture);
}

/* Removes the ; from the lines that begin with one. */
static void uncomment(char *text)
{
	char *to = text;
	for (const char *from = text; *from != '\0'; from++)
		if (*from != ';' || (from != text && from[-1] != '\n'))
			*to++ = *from;
	*to = '\0';
}

START_TEST(example_as_it_is)
{
	/* What is no default says so. */
	ck_assert_ptr_nonnull(strstr(example, "Example:\n;steps = virusscan, delay\n"));
	fixture_read(&fixture, example, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step_count, 0);
}
END_TEST

static void assert_shown(const char *section, const struct config_key *key)
{
	const struct setting *setting = section_find(source_section(fixture.config->source, section), key->key.name);
	ck_assert_msg(setting != NULL, "[%s] %s is not in the example", section, key->key.name);
	if (key->key.fallback != NULL)
		ck_assert_msg(strcmp(setting->value, key->key.fallback) == 0, "[%s] %s: the default is %s", section,
		              key->key.name, key->key.fallback);
}

START_TEST(example_shows_every_key)
{
	uncomment(example);
	fixture_read(&fixture, example, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	for (const struct config_key *key = config_keys; key->section != NULL; key++)
		assert_shown(key->section, key);
	for (const struct config_key *key = step_keys; key->section != NULL; key++)
		assert_shown("step:virusscan", key);
}
END_TEST

static void put_dropin(const char *name)
{
	char path[1024], place[64];
	size_t length;
	const char *folder = getenv("srcdir");
	snprintf(path, sizeof path, "%s/conf/steps.d/%s", folder == NULL ? "." : folder, name);
	snprintf(place, sizeof place, "steps.d/%s", name);
	char *text = text_file_read(path, 4096, &length, &(struct stat){0});
	ck_assert_msg(text != NULL, "%s", path);
	fixture_write(&fixture, place, text, length);
	free(text);
}

/* The files in steps.d, which packages install, configure their step and enable nothing. */
START_TEST(dropins_enable_nothing)
{
	put_dropin("policies.ini");
	put_dropin("virusscan.ini");
	fixture_read(&fixture, "", ENVIRONMENT("HOME=/h", "POSTPROCESSING_STEPS=virusscan,policies"));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step_count, 2);
	ck_assert_str_eq(fixture.config->step[0].module, "virusscan");
	ck_assert_str_eq(fixture.config->step[1].module, "remote");
	fixture_read(&fixture, "", ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	ck_assert_uint_eq(fixture.config->step_count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_example");
	TCase *tcase = tcase_create("example");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, example_as_it_is);
	tcase_add_test(tcase, example_shows_every_key);
	tcase_add_test(tcase, dropins_enable_nothing);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
