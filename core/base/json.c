/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/json.h"

#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"

/* The state while reading a text. Everything before the current position is valid. */
struct scanner {
	const char *at, *end;
	unsigned levels; /* levels that may still be opened */
	bool too_deep;   /* the limit was exceeded */
	size_t spaces;   /* white space so far */
	size_t oddities; /* invalid characters and NULs in strings so far */
	bool mangled;    /* an invalid character was found */
};

static char peek(const struct scanner *scanner)
{
	return scanner->at < scanner->end ? *scanner->at : '\0';
}

static bool take(struct scanner *scanner, char c)
{
	if (scanner->at == scanner->end || *scanner->at != c)
		return false;
	scanner->at++;
	return true;
}

static size_t left(const struct scanner *scanner)
{
	return (size_t)(scanner->end - scanner->at);
}

bool json_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct scanner *scanner)
{
	for (; scanner->at < scanner->end && json_is_space(*scanner->at); scanner->at++)
		scanner->spaces++;
}

/* Skips a character that is not plain, or an invalid byte. */
static bool skip_character(struct scanner *scanner)
{
	uint32_t character = 1;
	size_t length = utf8_length(scanner->at, left(scanner));
	if (peek(scanner) == '\\') {
		length = utf8_escape(scanner->at, left(scanner), &character);
		if (length == 0)
			return false;
	} else if ((unsigned char)peek(scanner) < 0x20) {
		return false;
	}
	bool mangled = length == 0 || utf8_is_surrogate(character);
	scanner->mangled = scanner->mangled || mangled;
	scanner->oddities += mangled || character == 0;
	scanner->at += length > 0 ? length : 1;
	return true;
}

static bool skip_string(struct scanner *scanner)
{
	if (!take(scanner, '"'))
		return false;
	for (;;) {
		scanner->at += utf8_plain(scanner->at, left(scanner));
		if (take(scanner, '"'))
			return true;
		if (!skip_character(scanner))
			return false;
	}
}

static bool skip_digits(struct scanner *scanner)
{
	const char *start = scanner->at;
	while (peek(scanner) >= '0' && peek(scanner) <= '9')
		scanner->at++;
	return scanner->at != start;
}

static bool skip_number(struct scanner *scanner)
{
	take(scanner, '-');
	if (!take(scanner, '0') && !skip_digits(scanner))
		return false;
	if (take(scanner, '.') && !skip_digits(scanner))
		return false;
	if (!take(scanner, 'e') && !take(scanner, 'E'))
		return true;
	if (!take(scanner, '+'))
		take(scanner, '-');
	return skip_digits(scanner);
}

static bool skip_word(struct scanner *scanner, const char *word, size_t length)
{
	if (left(scanner) < length || memcmp(scanner->at, word, length) != 0)
		return false;
	scanner->at += length;
	return true;
}

/* Skips a value that is nested too deeply: brackets are counted but not matched. */
static bool skip_depths(struct scanner *scanner)
{
	size_t open = 0;
	scanner->too_deep = true;
	do {
		char c = peek(scanner);
		if (scanner->at == scanner->end || (c == '"' && !skip_string(scanner)))
			return false;
		open += c == '[' || c == '{';
		open -= c == ']' || c == '}';
		scanner->at += c != '"';
	} while (open > 0);
	return true;
}

static bool skip_object(struct scanner *scanner, const struct json_member *wanted, size_t count);
static bool skip_array(struct scanner *scanner);

/* Recurses as deep as the levels allow. */
static bool skip_value(struct scanner *scanner)
{
	switch (peek(scanner)) {
	case '"':
		return skip_string(scanner);
	case '{':
		return scanner->levels == 0 ? skip_depths(scanner) : skip_object(scanner, NULL, 0);
	case '[':
		return scanner->levels == 0 ? skip_depths(scanner) : skip_array(scanner);
	case 't':
		return skip_word(scanner, "true", 4);
	case 'f':
		return skip_word(scanner, "false", 5);
	case 'n':
		return skip_word(scanner, "null", 4);
	default:
		return skip_number(scanner);
	}
}

static bool open_level(struct scanner *scanner, char bracket)
{
	if (!take(scanner, bracket))
		return false;
	scanner->levels--;
	skip_space(scanner);
	return true;
}

static bool close_level(struct scanner *scanner, char bracket)
{
	if (!take(scanner, bracket))
		return false;
	scanner->levels++;
	return true;
}

static bool skip_array(struct scanner *scanner)
{
	if (!open_level(scanner, '['))
		return false;
	if (close_level(scanner, ']'))
		return true;
	do {
		skip_space(scanner);
		if (!skip_value(scanner))
			return false;
		skip_space(scanner);
	} while (take(scanner, ','));
	return close_level(scanner, ']');
}

/* Whether the text between a string's quotes is equal to this one. */
static bool says(const char *from, const char *end, const char *text)
{
	size_t length = (size_t)(end - from);
	if (memchr(from, '\\', length) == NULL)
		return strlen(text) == length && memcmp(from, text, length) == 0; /* there may be NULs */
	while (from < end && *text != '\0') {
		char bytes[4] = {*from};
		uint32_t character;
		size_t size = 1, read = 1;
		if (*from == '\\') {
			read = utf8_escape(from, (size_t)(end - from), &character);
			size = utf8_write(bytes, character);
		}
		if (strncmp(bytes, text, size) != 0)
			return false;
		from += read;
		text += size;
	}
	return from == end && *text == '\0';
}

/* The wanted value for a key; NULL: the key is not wanted. Keys are mostly in the order in which they are wanted, so
 * the search begins at *next. */
static struct json_value *find_wanted(const struct json_member *wanted, size_t count, size_t *next, const char *from,
                                      const char *end)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = (*next + i) % count;
		if (says(from, end, wanted[at].key)) {
			*next = at + 1;
			return wanted[at].value;
		}
	}
	return NULL;
}

/* Reads a value and records its position; its key does not change. */
static bool pass_value(struct scanner *scanner, struct json_value *value)
{
	const char *start = scanner->at;
	size_t spaces = scanner->spaces, oddities = scanner->oddities;
	if (!skip_value(scanner))
		return false;
	value->text = start;
	value->length = (size_t)(scanner->at - start);
	value->spaced = scanner->spaces != spaces;
	value->odd = scanner->oddities != oddities;
	return true;
}

static bool skip_member(struct scanner *scanner, const struct json_member *wanted, size_t count, size_t *next)
{
	const char *key = scanner->at + 1;
	if (!skip_string(scanner))
		return false;
	struct json_value *value = find_wanted(wanted, count, next, key, scanner->at - 1);
	skip_space(scanner);
	if (!take(scanner, ':'))
		return false;
	skip_space(scanner);
	struct json_value passed = {0};
	if (!pass_value(scanner, &passed))
		return false;
	if (value != NULL) {
		passed.key = value->key;
		*value = passed;
	}
	return true;
}

static bool skip_object(struct scanner *scanner, const struct json_member *wanted, size_t count)
{
	size_t next = 0;
	if (!open_level(scanner, '{'))
		return false;
	if (close_level(scanner, '}'))
		return true;
	do {
		skip_space(scanner);
		if (!skip_member(scanner, wanted, count, &next))
			return false;
		skip_space(scanner);
	} while (take(scanner, ','));
	return close_level(scanner, '}');
}

static void want(const struct json_member *member, size_t count)
{
	for (size_t i = 0; i < count; i++)
		*member[i].value = (struct json_value){.key = member[i].key};
}

enum json_verdict json_read_through(const char *text, size_t length, const struct json_member *member, size_t count,
                                    char *why, size_t size)
{
	struct scanner scanner = {.at = text, .end = text + length, .levels = JSON_DEPTH_LIMIT};
	want(member, count);
	skip_space(&scanner);
	bool object = peek(&scanner) == '{', good = object && skip_object(&scanner, member, count);
	skip_space(&scanner);
	good = good && scanner.at == scanner.end;
	if (good && scanner.too_deep)
		snprintf(why, size, "nested deeper than %d levels", JSON_DEPTH_LIMIT);
	else if (object && !good)
		snprintf(why, size, "not JSON (byte %zu)", (size_t)(scanner.at - text));
	else if (!good)
		snprintf(why, size, "not a JSON object");
	return !good ? JSON_BAD : scanner.too_deep ? JSON_DEEP : JSON_GOOD;
}

bool json_read(const char *text, size_t length, const struct json_member *member, size_t count, char *why, size_t size)
{
	return json_read_through(text, length, member, count, why, size) == JSON_GOOD;
}

bool json_says(const struct json_value *value, const char *text)
{
	return value->text != NULL && value->text[0] == '"' && says(value->text + 1, value->text + value->length - 1, text);
}

/* Moves to the next element or member of the open value; false: there are no more. */
static bool stand_on_next(struct scanner *scanner, char bracket)
{
	if (!take(scanner, bracket) && !take(scanner, ','))
		return false;
	skip_space(scanner);
	scanner->spaces = 0;
	return true;
}

static void leave(struct scanner *scanner, struct json_value *rest)
{
	skip_space(scanner);
	rest->text = scanner->at;
	rest->length = left(scanner);
}

static struct scanner go_on(const struct json_value *rest)
{
	const char *text = rest->text != NULL ? rest->text : "";
	return (struct scanner){.at = text, .end = text + rest->length, .levels = JSON_DEPTH_LIMIT};
}

bool json_next(struct json_value *rest, struct json_value *element)
{
	struct scanner scanner = go_on(rest);
	*element = (struct json_value){.key = rest->key};
	if (!stand_on_next(&scanner, '[') || !pass_value(&scanner, element))
		return false;
	leave(&scanner, rest);
	return true;
}

bool json_next_member(struct json_value *rest, struct json_value *key, struct json_value *value)
{
	struct scanner scanner = go_on(rest);
	*key = *value = (struct json_value){.key = rest->key};
	if (!stand_on_next(&scanner, '{') || peek(&scanner) != '"' || !pass_value(&scanner, key))
		return false;
	skip_space(&scanner);
	if (!take(&scanner, ':'))
		return false;
	skip_space(&scanner);
	scanner.spaces = 0;
	if (!pass_value(&scanner, value))
		return false;
	leave(&scanner, rest);
	return true;
}

bool json_is_value(const char *text, size_t length, unsigned levels)
{
	struct scanner scanner = {.at = text, .end = text + length, .levels = levels};
	skip_space(&scanner);
	bool good = skip_value(&scanner);
	skip_space(&scanner);
	return good && !scanner.mangled && !scanner.too_deep && scanner.at == scanner.end;
}

char *json_compact(char *to, const char *from, size_t length)
{
	bool quoted = false;
	for (const char *end = from + length; from < end; from++) {
		if (!quoted && json_is_space(*from))
			continue;
		if (*from == '"')
			quoted = !quoted;
		*to++ = *from;
		if (*from == '\\')
			*to++ = *++from;
	}
	return to;
}
