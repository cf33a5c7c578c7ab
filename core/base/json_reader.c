/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/json_reader.h"

#include <string.h>

#include "core/base/encoding.h"
#include "core/base/utf8.h"

void json_reader_refuse(struct json_reader *reader, const struct json_value *value)
{
	if (reader->wrong == NULL)
		reader->wrong = value->key;
}

/* The growth of an invalid byte when it is replaced. */
#define ODD_FACTOR 3

/* Whether there is a value, and its text begins with one of these characters, which identify its type. */
static bool has_type(struct json_reader *reader, const struct json_value *value, const char *beginnings)
{
	if (value->text == NULL || value->text[0] == 'n')
		return false;
	if (strchr(beginnings, value->text[0]) != NULL)
		return true;
	json_reader_refuse(reader, value);
	return false;
}

static void note_mended(struct json_reader *reader, const struct json_value *value)
{
	if (reader->mended == NULL)
		reader->mended = value->key;
}

/* Takes a part of the room for a value; NULL: not enough room, which is recorded. */
static char *room_for(struct json_reader *reader, const struct json_value *value, size_t size)
{
	if (size > reader->left) {
		json_reader_refuse(reader, value);
		return NULL;
	}
	char *room = reader->room;
	reader->room += size;
	reader->left -= size;
	return room;
}

/* Copies the text between a string's quotes with U+FFFD for invalid characters. Returns the end of the copy, which is
 * at most three times as long. */
static char *unescape_odd(char *to, const char *from, const char *end)
{
	while (from < end) {
		uint32_t character = CHARACTER_REPLACEMENT;
		size_t length = *from == '\\' ? 0 : utf8_length(from, (size_t)(end - from));
		if (length > 0) {
			memcpy(to, from, length);
			to += length;
			from += length;
			continue;
		}
		from += *from == '\\' ? utf8_escape(from, (size_t)(end - from), &character) : 1;
		to += utf8_write(to, character != 0 ? character : CHARACTER_REPLACEMENT);
	}
	return to;
}

/* Copies the text between a string's quotes, and returns the end of the copy. */
static char *unescape(char *to, const char *from, const char *end)
{
	while (from < end) {
		const char *escape = memchr(from, '\\', (size_t)(end - from));
		size_t plain = (size_t)((escape != NULL ? escape : end) - from);
		memcpy(to, from, plain);
		to += plain;
		from += plain;
		uint32_t character;
		if (from < end) {
			from += utf8_escape(from, (size_t)(end - from), &character);
			to += utf8_write(to, character);
		}
	}
	return to;
}

const char *json_reader_string(struct json_reader *reader, const struct json_value *value)
{
	if (!has_type(reader, value, "\""))
		return "";
	/* Without the two quotes, and with a terminator. */
	size_t length = value->length - 2;
	char *text = room_for(reader, value, (value->odd ? ODD_FACTOR * length : length) + 1);
	if (text == NULL)
		return "";
	const char *start = value->text + 1;
	char *end = value->odd ? unescape_odd(text, start, start + length) : unescape(text, start, start + length);
	*end = '\0';
	if (value->odd)
		note_mended(reader, value);
	return text;
}

const char *json_reader_bytes(struct json_reader *reader, const struct json_value *value, size_t *length)
{
	*length = 0;
	if (!has_type(reader, value, "\""))
		return "";
	const char *start = value->text + 1, *end = value->text + value->length - 1;
	*length = (size_t)(end - start);
	if (memchr(start, '\\', *length) == NULL)
		return start;
	char *bytes = room_for(reader, value, *length);
	*length = bytes != NULL ? (size_t)(unescape(bytes, start, end) - bytes) : 0;
	return bytes != NULL ? bytes : "";
}

const char *json_reader_base64(struct json_reader *reader, const struct json_value *value, size_t *length)
{
	size_t digits;
	const char *encoded = json_reader_bytes(reader, value, &digits);
	char *bytes = room_for(reader, value, BASE64_BYTES(digits) + 1);
	if (bytes == NULL || !base64_decode(encoded, digits, bytes, length))
		return NULL;
	bytes[*length] = '\0';
	return bytes;
}

int64_t json_reader_integer(struct json_reader *reader, const struct json_value *value)
{
	if (!has_type(reader, value, "-0123456789"))
		return 0;
	int64_t integer = 0;
	bool negative = value->text[0] == '-';
	for (size_t i = negative; i < value->length; i++) {
		int64_t digit = negative ? '0' - value->text[i] : value->text[i] - '0';
		bool is_digit = value->text[i] >= '0' && value->text[i] <= '9';
		if (!is_digit || __builtin_mul_overflow(integer, 10, &integer) ||
		    __builtin_add_overflow(integer, digit, &integer)) {
			json_reader_refuse(reader, value);
			return 0;
		}
	}
	return integer;
}

bool json_reader_bool(struct json_reader *reader, const struct json_value *value)
{
	return has_type(reader, value, "tf") && value->text[0] == 't';
}

/* Copies one escape, or one invalid byte, of the JSON text. */
static char *copy_odd(char *to, const char **from, const char *end, bool *mended)
{
	uint32_t character = CHARACTER_REPLACEMENT;
	size_t length = **from == '\\' ? utf8_escape(*from, (size_t)(end - *from), &character) : 1;
	bool stays = **from == '\\' && !utf8_is_surrogate(character);
	if (stays)
		memcpy(to, *from, length);
	*from += length;
	*mended = *mended || !stays;
	return stays ? to + length : to + utf8_write(to, character);
}

/* Copies like json_compact(), but with U+FFFD for invalid characters. */
static char *mend(char *to, const char *from, const char *end, bool *mended)
{
	bool quoted = false;
	while (from < end) {
		size_t length = *from == '\\' ? 0 : utf8_length(from, (size_t)(end - from));
		if (length == 0) {
			to = copy_odd(to, &from, end, mended);
			continue;
		}
		if (*from == '"')
			quoted = !quoted;
		if (quoted || !json_is_space(*from)) {
			memcpy(to, from, length);
			to += length;
		}
		from += length;
	}
	return to;
}

const char *json_reader_text(struct json_reader *reader, const struct json_value *value)
{
	size_t factor = value->odd ? ODD_FACTOR : 1;
	char *text = value->text != NULL ? room_for(reader, value, factor * value->length + 1) : NULL;
	if (text == NULL)
		return "null";
	if (value->odd) {
		bool mended = false;
		*mend(text, value->text, value->text + value->length, &mended) = '\0';
		if (mended)
			note_mended(reader, value);
	} else if (value->spaced) {
		*json_compact(text, value->text, value->length) = '\0';
	} else {
		memcpy(text, value->text, value->length);
		text[value->length] = '\0';
	}
	return text;
}

bool json_reader_members(struct json_reader *reader, const struct json_value *value, const struct json_member *member,
                         size_t count)
{
	bool object = has_type(reader, value, "{");
	return json_read(object ? value->text : "{}", object ? value->length : 2, member, count, NULL, 0) && object;
}

bool json_reader_is_string(struct json_reader *reader, const struct json_value *value)
{
	return has_type(reader, value, "\"");
}

bool json_reader_is_array(struct json_reader *reader, const struct json_value *value)
{
	return has_type(reader, value, "[");
}
