/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/encoding.h"
#include "core/base/utf8.h"

/* Makes room for `more` bytes and the terminator. */
static bool reserve(struct text *text, size_t more)
{
	if (text->failed)
		return false;
	if (text->size - text->length > more)
		return true;
	size_t size = text->size != 0 ? text->size * 2 : 256;
	while (size - text->length <= more)
		size *= 2;
	char *data = realloc(text->data, size);
	if (data == NULL) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->size = size;
	return true;
}

void text_add_bytes(struct text *text, const char *more, size_t length)
{
	if (!reserve(text, length))
		return;
	memcpy(text->data + text->length, more, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *more)
{
	text_add_bytes(text, more, strlen(more));
}

void text_format(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || !reserve(text, (size_t)length))
		return;
	va_start(arguments, format);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

/* Adds a character that is not plain, or an invalid byte. Returns its length. */
static size_t add_escaped(struct text *text, const char *string, size_t length)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)*string;
	size_t size = utf8_length(string, length);
	if (size == 0) {
		text_add(text, "\\ufffd");
		return 1;
	}
	if (c == '"' || c == '\\')
		text_add_bytes(text, (const char[]){'\\', (char)c}, 2);
	else if (c < 0x20)
		text_add_bytes(text, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
	else
		text_add_bytes(text, string, size);
	return size;
}

void text_add_json(struct text *text, const char *string)
{
	if (string == NULL) {
		text_add(text, "null");
		return;
	}
	size_t length = strlen(string);
	text_add_bytes(text, "\"", 1);
	while (length > 0) {
		size_t size = utf8_plain(string, length);
		if (size > 0)
			text_add_bytes(text, string, size);
		else
			size = add_escaped(text, string, length);
		string += size;
		length -= size;
	}
	text_add_bytes(text, "\"", 1);
}

void text_string(struct text *text, const char *lead, const char *string)
{
	text_add(text, lead);
	text_add_json(text, string);
}

void text_json(struct text *text, const char *lead, const char *json)
{
	text_add(text, lead);
	text_add(text, json);
}

void text_number(struct text *text, const char *lead, int64_t number)
{
	char digits[20];
	size_t at = sizeof digits;
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		digits[--at] = '-';
	text_add(text, lead);
	text_add_bytes(text, digits + at, sizeof digits - at);
}

void text_add_base64(struct text *text, const char *bytes, size_t length)
{
	if (!reserve(text, BASE64_DIGITS(length)))
		return;
	base64_encode(bytes, length, text->data + text->length);
	text->length += BASE64_DIGITS(length);
	text->data[text->length] = '\0';
}

void text_clear(struct text *text)
{
	text->length = 0;
	text->failed = false;
	if (text->data != NULL)
		text->data[0] = '\0';
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

char *text_take(struct text *text)
{
	char *data = text->data;
	if (text->failed) {
		free(data);
		data = NULL;
	} else if (data == NULL) {
		data = strdup("");
	}
	*text = (struct text){0};
	return data;
}

void text_copy(char *to, size_t size, const char *from)
{
	size_t length = strnlen(from, size);
	if (length == size) {
		length--;
		while (length > 0 && ((unsigned char)from[length] & 0xc0) == 0x80)
			length--;
	}
	memmove(to, from, length);
	to[length] = '\0';
}

void text_mark_cut(char *text, size_t size)
{
	static const char mark[] = "\xe2\x80\xa6";
	size_t at = size - sizeof mark;
	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	memcpy(text + at, mark, sizeof mark);
}

bool text_same(const char *one, const char *other)
{
	return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

const char *text_next_word(const char **list, size_t *length)
{
	if (*list == NULL)
		return NULL;
	const char *word = *list + strspn(*list, " ");
	*length = strcspn(word, " ");
	*list = word + *length;
	return *length > 0 ? word : NULL;
}
