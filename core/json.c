/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"

static bool too_deep(json_t *value, int left)
{
	if (!json_is_object(value) && !json_is_array(value))
		return false;
	if (left == 0)
		return true;
	size_t index;
	const char *key;
	json_t *member;
	if (json_is_object(value)) {
		json_object_foreach(value, key, member)
			if (too_deep(member, left - 1))
				return true;
	} else {
		json_array_foreach(value, index, member)
			if (too_deep(member, left - 1))
				return true;
	}
	return false;
}

json_t *json_read_object(const char *text, size_t length, char *why, size_t size)
{
	json_error_t error;
	json_t *value = json_loadb(text, length, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
	if (value == NULL) {
		snprintf(why, size, "not JSON (byte %d)", error.position);
		return NULL;
	}
	if (!json_is_object(value)) {
		snprintf(why, size, "not a JSON object");
	} else if (too_deep(value, JSON_DEPTH_LIMIT)) {
		snprintf(why, size, "nested deeper than %d levels", JSON_DEPTH_LIMIT);
	} else {
		return value;
	}
	json_decref(value);
	return NULL;
}

/* The value of a key, NULL if it is missing, null or of another type than `right` says. */
static json_t *member(struct json_reader *reader, const char *key, bool (*right)(const json_t *))
{
	json_t *value = json_object_get(reader->object, key);
	if (value == NULL || json_is_null(value))
		return NULL;
	if (right(value))
		return value;
	if (reader->wrong == NULL)
		reader->wrong = key;
	return NULL;
}

static bool is_plain_string(const json_t *value)
{
	return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static bool is_integer(const json_t *value)
{
	return json_is_integer(value);
}

static bool is_boolean(const json_t *value)
{
	return json_is_boolean(value);
}

static bool is_object(const json_t *value)
{
	return json_is_object(value);
}

static bool is_array(const json_t *value)
{
	return json_is_array(value);
}

const char *json_reader_string(struct json_reader *reader, const char *key)
{
	json_t *value = member(reader, key, is_plain_string);
	return value != NULL ? json_string_value(value) : "";
}

int64_t json_reader_integer(struct json_reader *reader, const char *key)
{
	return json_integer_value(member(reader, key, is_integer));
}

bool json_reader_bool(struct json_reader *reader, const char *key)
{
	return json_is_true(member(reader, key, is_boolean));
}

json_t *json_reader_object(struct json_reader *reader, const char *key)
{
	return member(reader, key, is_object);
}

json_t *json_reader_array(struct json_reader *reader, const char *key)
{
	return member(reader, key, is_array);
}

char *json_reader_text(struct json_reader *reader, const char *key)
{
	json_t *value = json_object_get(reader->object, key);
	return value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("null");
}

json_t *json_text(const char *text)
{
	struct text quoted = {0};
	text_add_json(&quoted, text);
	json_t *string = quoted.failed ? NULL : json_loadb(quoted.data, quoted.length, JSON_DECODE_ANY, NULL);
	text_free(&quoted);
	return string;
}
