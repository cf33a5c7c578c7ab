/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/utf8.h"

#include <endian.h>
#include <string.h>

#include "core/base/encoding.h"

/* Bytes that are examined together. As signed numbers, non-ASCII bytes are less than the space, like control
 * characters. */
typedef signed char lanes __attribute__((vector_size(16)));

/* The number of plain bytes before the first other one. */
static size_t plain_lanes(const char *text)
{
	lanes all;
	uint64_t half[2];
	memcpy(&all, text, sizeof all);
	all = (lanes)((all < ' ') | (all == '"') | (all == '\\'));
	memcpy(half, &all, sizeof half);
	if (half[0] != 0)
		return (size_t)__builtin_ctzll(le64toh(half[0])) / 8;
	return half[1] != 0 ? sizeof half[0] + (size_t)__builtin_ctzll(le64toh(half[1])) / 8 : sizeof all;
}

static bool is_plain(char c)
{
	return (signed char)c >= ' ' && c != '"' && c != '\\';
}

size_t utf8_plain(const char *text, size_t length)
{
	size_t count = 0;
	while (length - count >= sizeof(lanes)) {
		size_t plain = plain_lanes(text + count);
		count += plain;
		if (plain < sizeof(lanes))
			return count;
	}
	while (count < length && is_plain(text[count]))
		count++;
	return count;
}

size_t utf8_length(const char *text, size_t length)
{
	const unsigned char *c = (const unsigned char *)text;
	if (length == 0)
		return 0;
	if (c[0] < 0x80)
		return 1;
	size_t size = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
	if (c[0] < 0xc2 || c[0] > 0xf4 || size > length)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
	bool surrogate = c[0] == 0xed && c[1] >= 0xa0;
	bool beyond = c[0] == 0xf4 && c[1] >= 0x90;
	return overlong || surrogate || beyond ? 0 : size;
}

size_t utf8_read(const char *text, size_t length, uint32_t *character)
{
	size_t size = utf8_length(text, length);
	const unsigned char *c = (const unsigned char *)text;
	if (size == 0)
		return 0;
	*character = size == 1 ? c[0] : c[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++)
		*character = *character << 6 | (c[i] & 0x3f);
	return size;
}

bool utf8_is_hidden(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character <= 0x9f) ||
	       (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

/* Four hexadecimal digits; negative: invalid. */
static int32_t read_unit(const char *text, size_t length)
{
	int32_t unit = 0;
	if (length < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int digit = hex_digit(text[i]);
		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

static bool is_surrogate(int32_t unit, int32_t first)
{
	return unit >= first && unit < first + 0x400;
}

/* A \u escape, or a pair of them. */
static size_t read_unicode(const char *text, size_t length, uint32_t *character)
{
	int32_t unit = read_unit(text + 2, length - 2);
	if (unit < 0)
		return 0;
	*character = (uint32_t)unit;
	if (!is_surrogate(unit, 0xd800))
		return 6;
	int32_t second = length >= 12 && text[6] == '\\' && text[7] == 'u' ? read_unit(text + 8, length - 8) : -1;
	if (!is_surrogate(second, 0xdc00))
		return 6;
	*character = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(second - 0xdc00);
	return 12;
}

size_t utf8_escape(const char *text, size_t length, uint32_t *character)
{
	static const char letter[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
	if (length < 2)
		return 0;
	if (text[1] == 'u')
		return read_unicode(text, length, character);
	const char *at = memchr(letter, text[1], sizeof letter - 1);
	if (at == NULL)
		return 0;
	*character = (unsigned char)meaning[at - letter];
	return 2;
}

bool utf8_is_surrogate(uint32_t character)
{
	return character >= 0xd800 && character < 0xe000;
}

size_t utf8_write(char *bytes, uint32_t character)
{
	static const unsigned char mark[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
	if (utf8_is_surrogate(character))
		character = CHARACTER_REPLACEMENT;
	size_t size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
	for (size_t i = size; i-- > 1; character >>= 6)
		bytes[i] = (char)(unsigned char)(0x80 | (character & 0x3f));
	bytes[0] = (char)(unsigned char)(mark[size] | character);
	return size;
}
