/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <jansson.h>

#include "core/client/json_text.h"
#include "tests/harness/suite.h"

static void check(const char *text, const char *expected)
{
	json_t *string = json_text(text);
	ck_assert_str_eq(json_string_value(string), expected);
	json_decref(string);
}

/* A file name may contain any bytes. An answer must not omit the file because of them. */
START_TEST(text_of_any_bytes)
{
	check("", "");
	check("\"\\\n\x1b", "\"\\\n\x1b");
	check("gr\xc3\xbcn", "gr\xc3\xbcn");
	check("bad\xff\xfe!", "bad\xef\xbf\xbd\xef\xbf\xbd!");
	check("cut\xc3", "cut\xef\xbf\xbd");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {text_of_any_bytes};
	return suite_run("json_text", tests, sizeof tests / sizeof tests[0], 30);
}
