/* SPDX-License-Identifier: Apache-2.0
 * What is JSON and what is not. fuzz_json.c compares many more texts with jansson. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json_reader.h"
#include "core/base/text.h"
#include "tests/harness/suite.h"

static char room[4096], why[128];
static struct json_reader reader;
static struct json_value a, b, c;

/* Reads a copy of the exact size, so that a sanitizer sees a read beyond it. The copy is never freed: values point into
 * it. */
static bool read_text(const char *text)
{
	static const struct json_member members[] = {{"a", &a}, {"b", &b}, {"c", &c}};
	size_t length = strlen(text);
	static char *copy;
	free(copy);
	copy = malloc(length > 0 ? length : 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, length);
	reader = (struct json_reader){.room = room, .left = sizeof room};
	why[0] = '\0';
	return json_read(copy, length, members, JSON_COUNT(members), why, sizeof why);
}

START_TEST(members_are_found)
{
	ck_assert(read_text(" {\"x\":{\"a\":1},\"c\" : [ 1 , 2 ] ,\"a\":\"t\", \"y\":[{\"b\":2}]}\n"));
	ck_assert_str_eq(json_reader_string(&reader, &a), "t");
	ck_assert_ptr_null(b.text);
	ck_assert_str_eq(b.key, "b");
	ck_assert_str_eq(json_reader_text(&reader, &b), "null");
	ck_assert_str_eq(json_reader_text(&reader, &c), "[1,2]");
	ck_assert_ptr_null(reader.wrong);
	/* If a key occurs several times, the last one counts, whatever escapes the keys are written with. */
	ck_assert(read_text("{\"a\":1,\"\\u0062\":2,\"a\":3,\"aa\":4,\"\":5,\"\\u0061\\u0000\":6}"));
	ck_assert_int_eq(json_reader_integer(&reader, &a), 3);
	ck_assert_int_eq(json_reader_integer(&reader, &b), 2);
}
END_TEST

START_TEST(strings)
{
	ck_assert(read_text(
		"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00FC\\u20ac\\ud83e\\udDA0 gr\xc3\xbcn \xf0\x9f\xa6\xa0\x7f\",\"b\":\"\",\"c\":\"0123456789abcdef\\n0123456789abcdefg\"}"));
	ck_assert_str_eq(json_reader_string(&reader, &a),
	                 "\"\\/\b\f\n\r\t\xc3\xbc\xe2\x82\xac\xf0\x9f\xa6\xa0 gr\xc3\xbcn \xf0\x9f\xa6\xa0\x7f");
	ck_assert_str_eq(json_reader_string(&reader, &b), "");
	ck_assert_str_eq(json_reader_string(&reader, &c), "0123456789abcdef\n0123456789abcdefg");
	ck_assert(json_says(&b, "") && json_says(&c, "0123456789abcdef\n0123456789abcdefg"));
	ck_assert(!json_says(&c, "0123456789abcdef\n0123456789abcdef") &&
	          !json_says(&c, "0123456789abcdef\n0123456789abcdefgh"));
	ck_assert_ptr_null(reader.wrong);
	ck_assert(read_text("{\"a\":\"x\\u0000y\"}"));
	ck_assert(!json_says(&a, "x"));
	ck_assert_str_eq(json_reader_string(&reader, &a), "x\xef\xbf\xbdy");
	ck_assert_ptr_null(reader.wrong);
	ck_assert_str_eq(reader.mended, "a");
}
END_TEST

#define REPLACED "\xef\xbf\xbd"

/* Bytes that are not UTF-8 do not break the text around them. They are read as Go reads them. */
START_TEST(invalid_utf8_is_replaced)
{
	static const struct {
		const char *text, *string;
	} odd[] = {
		{"\\ud800", REPLACED},
		{"\\udc00", REPLACED},
		{"\\ud800\\ud800", REPLACED REPLACED},
		{"\\ud800x", REPLACED "x"},
		{"\\ud83e\\u0041", REPLACED "A"},
		{"\\udda0\\ud83e", REPLACED REPLACED},
		{"a\\u0000", "a" REPLACED},
		{"\xff", REPLACED},
		{"\xc3", REPLACED},
		{"\xc0\x80", REPLACED REPLACED},
		{"\xed\xa0\x80", REPLACED REPLACED REPLACED},
		{"\xf4\x90\x80\x80", REPLACED REPLACED REPLACED REPLACED},
		{"\xf0\x9f\xa6", REPLACED REPLACED REPLACED},
		{"0123456789abcdef\xff\\n\xc3\xbc\\ud83e\\udda0", "0123456789abcdef" REPLACED "\n\xc3\xbc\xf0\x9f\xa6\xa0"},
	};
	for (size_t i = 0; i < JSON_COUNT(odd); i++) {
		char text[512];
		bool nul = strstr(odd[i].text, "u0000") != NULL; /* jansson accepts these in no key */
		snprintf(text, sizeof text, "{\"a\":\"%s\",\"b\":{ \"k%s\" : [\"%s\"] },\"c\":1}", odd[i].text,
		         nul ? "" : odd[i].text, odd[i].text);
		ck_assert_msg(read_text(text), "%s: %s", odd[i].text, why);
		ck_assert(a.odd && b.odd && !c.odd);
		ck_assert_str_eq(json_reader_string(&reader, &a), odd[i].string);
		ck_assert_ptr_null(reader.wrong);
		ck_assert_str_eq(reader.mended, "a");
		/* Every reader accepts the text that is passed on. */
		reader.mended = NULL;
		json_error_t error;
		json_t *passed_on = json_loads(json_reader_text(&reader, &b), JSON_ALLOW_NUL, &error);
		ck_assert_msg(passed_on != NULL, "%s: %s", odd[i].text, error.text);
		const char *key = json_object_iter_key(json_object_iter(passed_on));
		ck_assert_str_eq(key + 1, nul ? "" : odd[i].string);
		ck_assert((reader.mended != NULL) == !nul);
		json_decref(passed_on);
	}
	/* The longest text that the input can become fits. */
	char text[2048] = "{\"a\":\"";
	memset(text + 6, '\xff', 1000);
	strcpy(text + 1006, "\"}");
	ck_assert(read_text(text));
	reader.left = JSON_ROOM(strlen(text));
	ck_assert_uint_le(reader.left, sizeof room);
	ck_assert_uint_eq(strlen(json_reader_string(&reader, &a)), 3000);
	reader = (struct json_reader){.room = room, .left = 3000};
	ck_assert_str_eq(json_reader_string(&reader, &a), "");
	ck_assert_str_eq(reader.wrong, "a");
}
END_TEST

START_TEST(members_one_by_one)
{
	struct json_value key, value;
	ck_assert(read_text("{\"a\":{ \"x\" : 1 ,\"\\u0079\":[ 2 ],\"z\":\"}\"},\"b\":{ },\"c\":[1]}"));
	ck_assert(json_next_member(&a, &key, &value) && json_says(&key, "x"));
	ck_assert_int_eq(json_reader_integer(&reader, &value), 1);
	ck_assert(json_next_member(&a, &key, &value) && json_says(&key, "y") && value.spaced);
	ck_assert_str_eq(json_reader_text(&reader, &value), "[2]");
	ck_assert(json_next_member(&a, &key, &value) && json_says(&key, "z") && json_says(&value, "}"));
	ck_assert(!json_next_member(&a, &key, &value));
	ck_assert(!json_next_member(&b, &key, &value) && !json_next_member(&c, &key, &value));
	ck_assert_ptr_null(value.text);
}
END_TEST

START_TEST(integers)
{
	static const struct {
		const char *text;
		int64_t integer;
	} good[] = {{"{\"a\":0}", 0},
	            {"{\"a\":-0}", 0},
	            {"{\"a\":-12}", -12},
	            {"{\"a\":9223372036854775807}", INT64_MAX},
	            {"{\"a\":-9223372036854775808}", INT64_MIN},
	            {"{\"a\":null}", 0},
	            {"{}", 0}};
	static const char *const wrong[] = {"{\"a\":9223372036854775808}",
	                                    "{\"a\":-9223372036854775809}",
	                                    "{\"a\":1.0}",
	                                    "{\"a\":1e3}",
	                                    "{\"a\":\"1\"}",
	                                    "{\"a\":true}",
	                                    "{\"a\":123456789012345678901234567890}",
	                                    "{\"a\":[]}"};
	for (size_t i = 0; i < JSON_COUNT(good); i++) {
		ck_assert(read_text(good[i].text));
		ck_assert_int_eq(json_reader_integer(&reader, &a), good[i].integer);
		ck_assert_ptr_null(reader.wrong);
	}
	for (size_t i = 0; i < JSON_COUNT(wrong); i++) {
		ck_assert_msg(read_text(wrong[i]), "%s: %s", wrong[i], why);
		ck_assert_int_eq(json_reader_integer(&reader, &a), 0);
		ck_assert_msg(reader.wrong != NULL && strcmp(reader.wrong, "a") == 0, "%s", wrong[i]);
	}
}
END_TEST

/* Values are passed on unchanged: numbers that no type of ours can hold, and the sender's own spelling. */
START_TEST(passed_on_as_it_is)
{
	ck_assert(read_text(
		"{\"a\": { \"n\" : 123456789012345678901234567890.0e-3 , \"s\\u003c\" :\t\"\\u003c \\\\\\\" x\\\\\" , \"n\":1E999 } ,\n\"b\":-0.5e+7}"));
	ck_assert_str_eq(json_reader_text(&reader, &a),
	                 "{\"n\":123456789012345678901234567890.0e-3,\"s\\u003c\":\"\\u003c \\\\\\\" x\\\\\",\"n\":1E999}");
	ck_assert_str_eq(json_reader_text(&reader, &b), "-0.5e+7");
}
END_TEST

START_TEST(objects_and_arrays)
{
	struct json_value inner, element;
	const struct json_member members[] = {{"i", &inner}};
	ck_assert(read_text("{\"a\":{\"i\":7},\"b\":[ \"x\" , [\"]\"],\"\\u0079\" ],\"c\":[ ]}"));
	ck_assert(json_reader_members(&reader, &a, members, 1));
	ck_assert_int_eq(json_reader_integer(&reader, &inner), 7);
	ck_assert(json_reader_is_array(&reader, &b));
	ck_assert(json_next(&b, &element) && json_says(&element, "x"));
	ck_assert(json_next(&b, &element) && !json_says(&element, "x"));
	ck_assert_str_eq(json_reader_text(&reader, &element), "[\"]\"]");
	ck_assert(json_next(&b, &element) && json_says(&element, "y"));
	ck_assert(!json_next(&b, &element));
	ck_assert(!json_next(&c, &element));
	ck_assert_ptr_null(reader.wrong);
	ck_assert(!json_reader_members(&reader, &c, members, 1));
	ck_assert_ptr_null(inner.text);
	ck_assert_str_eq(reader.wrong, "c");
	reader.wrong = NULL;
	ck_assert(read_text("{\"a\":null}"));
	ck_assert(!json_reader_members(&reader, &a, members, 1) && !json_reader_members(&reader, &b, members, 1));
	ck_assert(!json_reader_is_array(&reader, &a) && !json_next(&a, &element) && !json_next(&b, &element));
	ck_assert_ptr_null(reader.wrong);
}
END_TEST

/* The first member of a wrong type is named, whatever follows it. */
START_TEST(wrong_types_are_named)
{
	ck_assert(read_text("{\"a\":true,\"b\":\"false\",\"c\":{}}"));
	ck_assert(json_reader_bool(&reader, &a));
	ck_assert(!json_reader_bool(&reader, &b));
	ck_assert_str_eq(json_reader_string(&reader, &c), "");
	ck_assert_str_eq(reader.wrong, "b");
}
END_TEST

/* Nothing is written beyond the end of the buffer. */
START_TEST(nothing_is_written_beyond_the_buffer)
{
	ck_assert(read_text("{\"a\":\"1234\",\"b\":[1, 2],\"c\":\"MTIz\"}"));
	size_t length;
	reader.left = 4;
	ck_assert_str_eq(json_reader_string(&reader, &a), "");
	ck_assert_str_eq(reader.wrong, "a");
	ck_assert_str_eq(json_reader_text(&reader, &b), "null");
	reader.left = 3;
	ck_assert_ptr_null(json_reader_base64(&reader, &c, &length));
	reader.left = 4;
	ck_assert_str_eq(json_reader_base64(&reader, &c, &length), "123");
	ck_assert_uint_eq(reader.left, 0);
}
END_TEST

static const char *const no_json[] = {
	"{",
	"{\"a\"",
	"{\"a\":",
	"{\"a\":1",
	"{\"a\":1,",
	"{\"a\":1,}",
	"{,}",
	"{\"a\" 1}",
	"{\"a\":1 \"b\":2}",
	"{a:1}",
	"{'a':1}",
	"{1:1}",
	"{\"a\":1}}",
	"{\"a\":1} x",
	"{\"a\":[}",
	"{\"a\":[1,]}",
	"{\"a\":[1 2]}",
	"{\"a\":[1}",
	"{\"a\":]}",
	"{\"a\":tru}",
	"{\"a\":nul",
	"{\"a\":True}",
	"{\"a\":nulls}",
	"{\"a\":01}",
	"{\"a\":-}",
	"{\"a\":+1}",
	"{\"a\":.5}",
	"{\"a\":1.}",
	"{\"a\":1.e5}",
	"{\"a\":1e}",
	"{\"a\":1e+}",
	"{\"a\":0x1}",
	"{\"a\":--1}",
	"{\"a\":NaN}",
	"{\"a\":\"}",
	"{\"a\":\"\\\"}",
	"{\"a\":\"\\x\"}",
	"{\"a\":\"\\u12\"}",
	"{\"a\":\"\\u12G4\"}",
	"{\"a\":\"\n\"}",
	"{\"a\":\"\x1f\"}",
	"{\"\t\":1}",
	"{\"a\":\"\\ud800\\u12\"}",
	"{\"a\":\"\xff}",
	"{\"a\":\"\xff\x01\"}",
	"{\"a\":\xff}",
	"{\"a\":1,//\n\"b\":2}",
	"{\"a\":1\f}",
	"{\"a\":\"01234567890123456789\x01\"}",
	"{\"\\q\":1}",
};

START_TEST(invalid_json_is_refused)
{
	static const char *const others[] = {"", " ", "[]", "\"a\"", "1", "null", "x", "\xef\xbb\xbf{}"};
	for (size_t i = 0; i < JSON_COUNT(no_json); i++) {
		ck_assert_msg(!read_text(no_json[i]), "accepted: %s", no_json[i]);
		ck_assert_msg(strncmp(why, "not JSON (byte ", 15) == 0, "%s: %s", no_json[i], why);
	}
	for (size_t i = 0; i < JSON_COUNT(others); i++) {
		ck_assert_msg(!read_text(others[i]), "accepted: %s", others[i]);
		ck_assert_str_eq(why, "not a JSON object");
	}
}
END_TEST

/* Each beginning of a text is refused, and nothing behind its end is read; a sanitizer watches the copy. */
START_TEST(cut_text_is_refused)
{
	static const char text[] =
		"{\"a\":\"\\ud83e\\udda0\xf0\x9f\xa6\xa0\\n\",\"b\":[true,false,null,-1.5e-7,{}],\"0123456789abcdefghi\":{\"c\":\"\"}}";
	char copy[sizeof text];
	for (size_t length = 0; length < sizeof text - 1; length++) {
		memcpy(copy, text, length);
		copy[length] = '\0';
		ck_assert_msg(!read_text(copy), "accepted: %s", copy);
	}
	ck_assert_msg(read_text(text), "%s", why);
}
END_TEST

START_TEST(depth)
{
	for (unsigned levels = JSON_DEPTH_LIMIT - 1; levels <= JSON_DEPTH_LIMIT; levels++) {
		struct text text = {0};
		text_add(&text, "{\"a\":1,\"b\":");
		for (unsigned i = 0; i < levels; i++)
			text_add(&text, i % 2 == 0 ? "[" : "{\"a\":");
		text_add(&text, "0");
		for (unsigned i = levels; i-- > 0;)
			text_add(&text, i % 2 == 0 ? "]" : "}");
		text_add(&text, "}");
		text.data[--text.length] = '\0';
		text_add(&text, ",\"c\":\"]}\"}");
		ck_assert_int_eq(read_text(text.data), levels < JSON_DEPTH_LIMIT);
		ck_assert_str_eq(why, levels < JSON_DEPTH_LIMIT ? "" : "nested deeper than 64 levels");
		/* The member behind a deep value is found. */
		ck_assert(json_says(&c, "]}"));
		text_free(&text);
	}
	/* Values side by side do not count as deep. */
	struct text text = {0};
	text_add(&text, "{\"b\":[[]");
	for (unsigned i = 0; i < 1000; i++)
		text_add(&text, ",[{}]");
	text_add(&text, "]}");
	ck_assert_msg(read_text(text.data), "%s", why);
	text_free(&text);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {members_are_found,
	                              strings,
	                              invalid_utf8_is_replaced,
	                              members_one_by_one,
	                              integers,
	                              passed_on_as_it_is,
	                              objects_and_arrays,
	                              wrong_types_are_named,
	                              nothing_is_written_beyond_the_buffer,
	                              invalid_json_is_refused,
	                              cut_text_is_refused,
	                              depth};
	return suite_run("json", tests, sizeof tests / sizeof tests[0], 30);
}
