/* SPDX-License-Identifier: Apache-2.0
 * Suggestions for a mistyped name. */
#include <check.h>
#include <string.h>

#include "core/base/nearest.h"

static const struct {
	const char *one, *other;
	size_t distance;
} distances[] = {
	{"", "", 0},
	{"a", "", 1},
	{"", "abc", 3},
	{"same", "same", 0},
	{"virusscna", "virusscan", 1},
	{"viruscan", "virusscan", 1},
	{"SETPS", "STEPS", 1},
	{"kitten", "sitting", 3},
	{"VirusScan", "virusscan", 0},
	{"ca", "abc", 3},
	{"remot", "remote", 1},
	{"delay", "remote", 5},
	{"abcdef", "badcfe", 3},
};

START_TEST(texts_have_a_distance)
{
	ck_assert_uint_eq(text_distance(distances[_i].one, distances[_i].other), distances[_i].distance);
	ck_assert_uint_eq(text_distance(distances[_i].other, distances[_i].one), distances[_i].distance);
}
END_TEST

START_TEST(long_texts_are_far)
{
	char longest[NEAREST_MAX + 2];
	memset(longest, 'x', sizeof longest);
	longest[NEAREST_MAX + 1] = '\0';
	ck_assert_uint_eq(text_distance(longest, "x"), NEAREST_FAR);
	ck_assert_uint_eq(text_distance("x", longest), NEAREST_FAR);
	longest[NEAREST_MAX] = '\0';
	ck_assert_uint_eq(text_distance(longest, longest), 0);
	ck_assert_uint_eq(text_distance(longest, ""), NEAREST_MAX);
}
END_TEST

static const char *nearest_of(const char *wrong)
{
	static const char *const names[] = {"delay", "ocr", "remote", "virusscan", "virusscam"};
	struct nearest nearest = {0};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		nearest_offer(&nearest, wrong, names[i]);
	return nearest.name;
}

START_TEST(the_nearest_is_offered)
{
	ck_assert_pstr_eq(nearest_of("viruscan"), "virusscan");
	ck_assert_pstr_eq(nearest_of("virusscn"), "virusscan");
	ck_assert_pstr_eq(nearest_of("Delay"), "delay");
	ck_assert_pstr_eq(nearest_of("dealy"), "delay");
	ck_assert_pstr_eq(nearest_of("ocrx"), "ocr");
	/* If half of a short name differs, it is another name. */
	ck_assert_pstr_eq(nearest_of("tar"), NULL);
	ck_assert_pstr_eq(nearest_of("antivirus"), NULL);
	ck_assert_pstr_eq(nearest_of(""), NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nearest");
	TCase *tcase = tcase_create("names");
	tcase_add_loop_test(tcase, texts_have_a_distance, 0, (int)(sizeof distances / sizeof distances[0]));
	tcase_add_test(tcase, long_texts_are_far);
	tcase_add_test(tcase, the_nearest_is_offered);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
