/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Length of the UTF-8 character that begins here; 0: none does. Not NUL. */
static size_t character(const unsigned char *text)
{
	if (text[0] < 0x80)
		return 1;
	size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
	bool surrogate = text[0] == 0xed && text[1] >= 0xa0;
	bool beyond = text[0] == 0xf4 && text[1] >= 0x90;
	return overlong || surrogate || beyond ? 0 : length;
}

static bool needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

void text_add_json(struct text *text, const char *string)
{
	if (string == NULL) {
		text_add(text, "null");
		return;
	}
	text_add_bytes(text, "\"", 1);
	while (*string != '\0') {
		size_t plain = 0, length;
		while ((length = character((const unsigned char *)string + plain)) > 0 && string[plain] != '\0' &&
		       !needs_escape((unsigned char)string[plain]))
			plain += length;
		text_add_bytes(text, string, plain);
		string += plain;
		if (*string == '\0')
			break;
		if (length == 0)
			text_add(text, "\\ufffd");
		else if (*string == '"' || *string == '\\')
			text_format(text, "\\%c", *string);
		else
			text_format(text, "\\u%04x", (unsigned)(unsigned char)*string);
		string++;
	}
	text_add_bytes(text, "\"", 1);
}

void text_add_base64(struct text *text, const char *bytes, size_t length)
{
	if (length > (size_t)1 << 30 || !reserve(text, (length + 2) / 3 * 4)) {
		text->failed = true;
		return;
	}
	int written = EVP_EncodeBlock((unsigned char *)text->data + text->length, (const unsigned char *)bytes, (int)length);
	text->length += (size_t)written;
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
