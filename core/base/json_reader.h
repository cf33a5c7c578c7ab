/* SPDX-License-Identifier: Apache-2.0
 * Extracts values from JSON that json_read() has read, with Go's types: a missing member or null is the zero value, and
 * a value of another type is an error. Strings are unescaped only when they are extracted. */
#ifndef CORE_BASE_JSON_READER_H
#define CORE_BASE_JSON_READER_H

#include <stdint.h>

#include "core/base/json.h"

/* Strings are stored in `room` and are valid as long as it is. As many bytes as the text has are enough to extract each
 * value once; with invalid characters, three times as many are needed. JSON_ROOM is enough for a text, the base64 in
 * it, and the text encoded there. */
#define JSON_ROOM(length) (4 * (length) + 16)
struct json_reader {
	char *room;
	size_t left;
	const char *wrong;  /* the key of the first value with the wrong type or without room; NULL: none so far */
	const char *mended; /* the key of the first value with invalid characters; NULL: none so far */
};

/* Records that a value has the wrong type. */
void json_reader_refuse(struct json_reader *reader, const struct json_value *value);

/* "" when missing or null. A NUL inside becomes U+FFFD. */
const char *json_reader_string(struct json_reader *reader, const struct json_value *value);
/* The same for any bytes, not terminated. Without escapes, this is a pointer into the text that was read. */
const char *json_reader_bytes(struct json_reader *reader, const struct json_value *value, size_t *length);
/* The decoded bytes of a base64 string, with a terminator; NULL: invalid. */
const char *json_reader_base64(struct json_reader *reader, const struct json_value *value, size_t *length);
int64_t json_reader_integer(struct json_reader *reader, const struct json_value *value);
bool json_reader_bool(struct json_reader *reader, const struct json_value *value);
/* Compact JSON text that any parser accepts; "null" when missing. */
const char *json_reader_text(struct json_reader *reader, const struct json_value *value);
/* Sets the values of an object's members. False: there is no object, and the values are set to missing. */
bool json_reader_members(struct json_reader *reader, const struct json_value *value, const struct json_member *member,
                         size_t count);
/* False when missing, null or of the wrong type. */
bool json_reader_is_string(struct json_reader *reader, const struct json_value *value);
bool json_reader_is_array(struct json_reader *reader, const struct json_value *value);

#endif
