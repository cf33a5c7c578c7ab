/* SPDX-License-Identifier: Apache-2.0
 * Takes values out of JSON that json_read() has gone over, with Go's types: a missing member or null is the zero value, a
 * value of another type is an error. Only texts that are wanted as such are unescaped. */
#ifndef CORE_BASE_JSON_READER_H
#define CORE_BASE_JSON_READER_H

#include <stdint.h>

#include "core/base/json.h"

/* Texts go into the room, and last as long as it does. Each value of a text finds room once if there are as many bytes as
 * the text has, and three times as many if there is what is no character; JSON_ROOM is enough for a text, the base64 in it,
 * and the text that this is. */
#define JSON_ROOM(length) (4 * (length) + 16)
struct json_reader {
	char *room;
	size_t left;
	const char *wrong; /* the key of the first value that had the wrong type, or found no room; NULL: none so far */
	const char *mended; /* the key of the first in which there was what is no character; NULL: none so far */
};

/* Notes that a value is of the wrong type. */
void json_reader_refuse(struct json_reader *reader, const struct json_value *value);

/* "" when missing or null. A NUL inside becomes U+FFFD. */
const char *json_reader_string(struct json_reader *reader, const struct json_value *value);
/* The same for any bytes, not terminated, and where they were read if they have no escapes. */
const char *json_reader_bytes(struct json_reader *reader, const struct json_value *value, size_t *length);
/* What a string of base64 stands for, with a terminator behind it; NULL: it is none. */
const char *json_reader_base64(struct json_reader *reader, const struct json_value *value, size_t *length);
int64_t json_reader_integer(struct json_reader *reader, const struct json_value *value);
bool json_reader_bool(struct json_reader *reader, const struct json_value *value);
/* Compact JSON text, "null" when missing; any reader takes it. */
const char *json_reader_text(struct json_reader *reader, const struct json_value *value);
/* Sets the values of an object's members. False: there is none, and so are they. */
bool json_reader_members(struct json_reader *reader, const struct json_value *value, const struct json_member *member,
                         size_t count);
/* False when missing, null or of the wrong type. */
bool json_reader_is_string(struct json_reader *reader, const struct json_value *value);
bool json_reader_is_array(struct json_reader *reader, const struct json_value *value);

#endif
