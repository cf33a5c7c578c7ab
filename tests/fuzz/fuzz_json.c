/* SPDX-License-Identifier: Apache-2.0
 * The input is a text that may be JSON. jansson is the oracle: we accept the same objects with the same values, and
 * nothing else. There are three exceptions. JSON has numbers beyond jansson's types, and escaped NULs in keys.
 * Strings may contain invalid UTF-8, which becomes U+FFFD. A literal NUL, which jansson overlooks behind a number,
 * is never JSON. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/base/json_reader.h"
#include "core/base/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/require.h"

static json_t *parse(const char *text, size_t length, json_error_t *error)
{
	return json_loadb(text, length, JSON_ALLOW_NUL | JSON_DECODE_ANY, error);
}

static bool too_deep(const json_t *value, int levels)
{
	if (!json_is_object(value) && !json_is_array(value))
		return false;
	bool deep = levels == 0;
	size_t index;
	const char *key;
	json_t *member;
	json_array_foreach(value, index, member) deep = deep || too_deep(member, levels - 1);
	json_object_foreach((json_t *)(uintptr_t)value, key, member) deep = deep || too_deep(member, levels - 1);
	return deep;
}

static void check_value(const struct json_value *value, const json_t *expected, size_t room_size);

/* Its text, and the value of that text. */
static void check_text(struct json_reader *reader, const struct json_value *value, const json_t *expected)
{
	const char *text = json_reader_text(reader, value);
	json_t *again = parse(text, strlen(text), NULL);
	REQUIRE(again != NULL && json_equal(again, expected));
	json_decref(again);
}

static void check_string(struct json_reader *reader, const struct json_value *value, const json_t *expected)
{
	size_t length = 0;
	const char *bytes = json_reader_bytes(reader, value, &length);
	if (json_is_string(expected)) {
		REQUIRE(length == json_string_length(expected) && memcmp(bytes, json_string_value(expected), length) == 0);
		REQUIRE(json_says(value, json_string_value(expected)) == (strlen(json_string_value(expected)) == length));
	} else {
		REQUIRE(length == 0 && !json_says(value, ""));
	}
	REQUIRE((reader->wrong == NULL) == (json_is_string(expected) || json_is_null(expected)));
}

static void check_elements(const struct json_value *value, const json_t *expected, size_t room_size)
{
	struct json_value rest = *value, element;
	size_t count = 0;
	for (; json_next(&rest, &element); count++)
		check_value(&element, json_array_get(expected, count), room_size);
	REQUIRE(count == json_array_size(expected));
}

static void check_members(struct json_reader *reader, const struct json_value *value, const json_t *expected,
                          size_t room_size)
{
	struct json_value inner;
	const struct json_member member = {"a", &inner};
	REQUIRE(json_reader_members(reader, value, &member, 1) == json_is_object(expected));
	REQUIRE((inner.text != NULL) == (json_object_get(expected, "a") != NULL));
	if (inner.text != NULL)
		check_value(&inner, json_object_get(expected, "a"), room_size);
}

static void check_value(const struct json_value *value, const json_t *expected, size_t room_size)
{
	char *room = malloc(room_size);
	REQUIRE(room != NULL && expected != NULL);
	struct json_reader reader = {.room = room, .left = room_size};
	check_text(&reader, value, expected);
	REQUIRE(reader.wrong == NULL);
	reader = (struct json_reader){.room = room, .left = room_size};
	check_string(&reader, value, expected);
	reader = (struct json_reader){0};
	REQUIRE(json_reader_integer(&reader, value) == json_integer_value(expected));
	REQUIRE((reader.wrong == NULL) == (json_is_integer(expected) || json_is_null(expected)));
	REQUIRE(json_reader_bool(&reader, value) == json_is_true(expected));
	check_members(&reader, value, expected, room_size);
	check_elements(value, expected, room_size);
	free(room);
}

/* Whether it is free of invalid UTF-8. */
static bool is_text(const char *string)
{
	json_t *value = json_string(string);
	json_decref(value);
	return value != NULL;
}

/* A text that we accept and jansson does not is one of the exceptions. */
static void check_mended(const struct json_value *value, size_t count, size_t room_size)
{
	char *room = malloc(room_size);
	struct json_reader reader = {.room = room, .left = room_size};
	REQUIRE(room != NULL);
	for (size_t i = 0; i < count; i++) {
		json_error_t error = {0};
		const char *text = json_reader_text(&reader, &value[i]);
		json_t *again = parse(text, strlen(text), &error);
		enum json_error_code code = again == NULL ? json_error_code(&error) : json_error_unknown;
		REQUIRE(again != NULL || code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
		        value[i].text == NULL);
		json_decref(again);
	}
	reader = (struct json_reader){.room = room, .left = room_size};
	for (size_t i = 0; i < count; i++)
		REQUIRE(is_text(json_reader_string(&reader, &value[i])));
	free(room);
}

static void check_json(const char *text, size_t length)
{
	struct json_value value[3];
	const struct json_member members[] = {{"a", &value[0]}, {"b", &value[1]}, {"cc", &value[2]}};
	char why[64] = "";
	json_error_t error = {0};
	json_t *expected = parse(text, length, &error);
	bool good = json_read(text, length, members, JSON_COUNT(members), why, sizeof why);
	REQUIRE(good == (why[0] == '\0'));
	if (memchr(text, '\0', length) != NULL) {
		json_decref(expected);
		REQUIRE(!good);
		return;
	}
	if (expected == NULL) {
		enum json_error_code code = json_error_code(&error);
		bool odd = code == json_error_invalid_utf8 || strstr(error.text, "invalid Unicode") != NULL;
		/* Behind what jansson does not know there may be more errors. */
		REQUIRE(!good || odd || code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
		if (good)
			check_mended(value, JSON_COUNT(members), JSON_ROOM(length));
		return;
	}
	REQUIRE(good == (json_is_object(expected) && !too_deep(expected, JSON_DEPTH_LIMIT)));
	for (size_t i = 0; good && i < JSON_COUNT(members); i++) {
		REQUIRE((value[i].text != NULL) == (json_object_get(expected, members[i].key) != NULL));
		if (value[i].text != NULL)
			check_value(&value[i], json_object_get(expected, members[i].key), JSON_ROOM(length));
	}
	json_decref(expected);
}

/* Whatever is written as a string can be read, and is the same if it was valid text. */
static void check_written(const char *bytes, size_t length)
{
	struct text text = {0};
	struct json_value value;
	const struct json_member member = {"a", &value};
	char *string = strndup(bytes, length);
	text_string(&text, "{\"a\":", string);
	text_add(&text, "}");
	REQUIRE(string != NULL && !text.failed && json_read(text.data, text.length, &member, 1, NULL, 0));
	char *room = malloc(text.length);
	struct json_reader reader = {.room = room, .left = text.length};
	const char *again = json_reader_string(&reader, &value);
	json_t *expected = json_string(string);
	REQUIRE(room != NULL && reader.wrong == NULL);
	REQUIRE((strcmp(again, string) == 0) == (expected != NULL));
	json_decref(expected);
	free(room);
	text_free(&text);
	free(string);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	check_json(bytes, size);
	check_written(bytes, size);
	return 0;
}
