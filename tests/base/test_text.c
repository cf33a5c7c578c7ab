/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/harness/suite.h"

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool no_memory;

/* text.c allocates memory with no other function. */
void *__wrap_realloc(void *memory, size_t size)
{
	return no_memory ? NULL : __real_realloc(memory, size);
}

START_TEST(grows)
{
	struct text text = {0};
	for (int i = 0; i < 1000; i++)
		text_format(&text, "%03d,", i);
	ck_assert_uint_eq(text.length, 4000);
	ck_assert_uint_eq(strlen(text.data), 4000);
	ck_assert_mem_eq(text.data + 3996, "999,", 5);
	text_clear(&text);
	ck_assert_uint_eq(text.length, 0);
	ck_assert_str_eq(text.data, "");
	text_add(&text, "again");
	ck_assert_str_eq(text.data, "again");
	char *taken = text_take(&text);
	ck_assert_str_eq(taken, "again");
	ck_assert_ptr_null(text.data);
	free(taken);
	taken = text_take(&text);
	ck_assert_str_eq(taken, "");
	free(taken);
}
END_TEST

/* Lengths around those at which memory grows: there must be room for the terminator. */
START_TEST(borders)
{
	for (size_t length = 250; length < 262; length++) {
		struct text text = {0};
		char *bytes = malloc(length + 1);
		memset(bytes, 'x', length);
		bytes[length] = '\0';
		text_add(&text, bytes);
		ck_assert_uint_eq(strlen(text.data), length);
		text_format(&text, "%s", bytes);
		ck_assert_uint_eq(strlen(text.data), 2 * length);
		text_add_base64(&text, bytes, length);
		ck_assert_uint_eq(strlen(text.data), 2 * length + (length + 2) / 3 * 4);
		text_free(&text);
		free(bytes);
	}
}
END_TEST

static void assert_json(const char *string, const char *expected)
{
	struct text text = {0};
	text_add_json(&text, string);
	ck_assert_str_eq(text.data, expected);
	json_t *value = json_loads(text.data, JSON_DECODE_ANY, NULL);
	ck_assert_msg(value != NULL, "not JSON: %s", text.data);
	json_decref(value);
	text_free(&text);
}

START_TEST(json_strings)
{
	assert_json(NULL, "null");
	assert_json("", "\"\"");
	assert_json("plain", "\"plain\"");
	assert_json("\"\\\"", "\"\\\"\\\\\\\"\"");
	assert_json("a\nb\tc\x01\x1f\x7f", "\"a\\u000ab\\u0009c\\u0001\\u001f\x7f\"");
	assert_json("\xc3\xbc \xf0\x9f\xa6\xa0 <&>", "\"\xc3\xbc \xf0\x9f\xa6\xa0 <&>\"");
}
END_TEST

/* A scanner's message or a file name may contain any bytes, and a record that contains them has to be readable. */
START_TEST(json_strings_of_invalid_text)
{
	assert_json("a\xff z", "\"a\\ufffd z\"");
	assert_json("cut \xf0\x9f\xa6", "\"cut \\ufffd\\ufffd\\ufffd\"");
	assert_json("\x80", "\"\\ufffd\"");
	assert_json("\xc0\xaf", "\"\\ufffd\\ufffd\"");                       /* overlong */
	assert_json("\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"");            /* overlong */
	assert_json("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");            /* a surrogate */
	assert_json("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""); /* beyond the last */
	assert_json("\xc3\xc3\xbc", "\"\\ufffd\xc3\xbc\"");
	assert_json("\xf4\x8f\xbf\xbf\xee\x80\x80\xed\x9f\xbf", "\"\xf4\x8f\xbf\xbf\xee\x80\x80\xed\x9f\xbf\"");
}
END_TEST

START_TEST(json_strings_whatever_the_bytes)
{
	uint32_t state = 7;
	for (int round = 0; round < 20000; round++) {
		char bytes[12];
		size_t length = (state >> 8) % sizeof bytes;
		for (size_t i = 0; i < length; i++) {
			state = state * 1664525u + 1013904223u;
			bytes[i] = (char)(state >> 24 != 0 ? state >> 24 : 1);
		}
		bytes[length] = '\0';
		state = state * 1664525u + 1013904223u;
		struct text text = {0};
		text_add_json(&text, bytes);
		json_t *value = json_loads(text.data, JSON_DECODE_ANY, NULL);
		ck_assert_msg(value != NULL, "not JSON: %s", text.data);
		json_decref(value);
		text_free(&text);
	}
}
END_TEST

/* Callers check only the end: a text that could not grow in the middle must report it. */
START_TEST(failed_allocations_are_remembered)
{
	struct text text = {0};
	char bytes[600];
	memset(bytes, 'x', sizeof bytes);
	text_add(&text, "begun");
	no_memory = true;
	text_add_bytes(&text, bytes, sizeof bytes);
	no_memory = false;
	text_add(&text, "end");
	ck_assert(text.failed);
	ck_assert_str_eq(text.data, "begun");
	ck_assert_ptr_null(text_take(&text));
	no_memory = true;
	text_add_base64(&text, bytes, sizeof bytes);
	no_memory = false;
	ck_assert(text.failed);
	text_clear(&text);
	ck_assert(!text.failed);
	text_add(&text, "well");
	ck_assert_str_eq(text.data, "well");
	text_free(&text);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {grows,
	                              borders,
	                              json_strings,
	                              json_strings_of_invalid_text,
	                              json_strings_whatever_the_bytes,
	                              failed_allocations_are_remembered};
	return suite_run("text", tests, sizeof tests / sizeof tests[0], 30);
}
