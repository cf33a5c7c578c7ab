/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/printable.h"

#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"

bool printable_character(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{0x0000, 0x001f}, {0x007f, 0x009f}, /* control characters */
		{0x061c, 0x061c}, {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}, {0x206a, 0x206f}, /* direction */
		{0x2028, 0x2029}, /* line and paragraph */
		{0x180e, 0x180e}, {0x200b, 0x200b}, {0x2060, 0x2065}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, /* not to be seen */
	};
	for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
		if (character >= hidden[i].first && character <= hidden[i].last)
			return false;
	return true;
}

size_t printable_length(const char *text, size_t length)
{
	size_t used = 0;
	while (used < length) {
		uint32_t character;
		size_t size = utf8_read(text + used, length - used, &character);
		if (size == 0 || !printable_character(character))
			break;
		used += size;
	}
	return used;
}

size_t printable_escape(const char *text, size_t length, bool json, char escape[PRINTABLE_ESCAPE_SIZE])
{
	uint32_t character = (unsigned char)text[0];
	size_t size = utf8_read(text, length, &character);
	/* None of them is beyond four digits. */
	if (size <= 1 && !json)
		snprintf(escape, PRINTABLE_ESCAPE_SIZE, "\\x%02x", (unsigned)character & 0xff);
	else
		snprintf(escape, PRINTABLE_ESCAPE_SIZE, "\\u%04x", (unsigned)character & 0xffff);
	return size > 0 ? size : 1;
}

const char *printable_next(const char **text, size_t *left, bool json, char escape[PRINTABLE_ESCAPE_SIZE],
                           size_t *length)
{
	const char *part = *text;
	if (*left == 0)
		return NULL;
	size_t taken = *length = json && *part == '\n' ? 1 : printable_length(part, *left);
	if (taken == 0) {
		taken = printable_escape(part, *left, json, escape);
		*length = strlen(escape);
		part = escape;
	}
	*text += taken;
	*left -= taken;
	return part;
}
