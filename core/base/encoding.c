/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/encoding.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#define VALID 0x40u

/* Each digit's value, with VALID set. */
static const unsigned char values[256] = {
	['A'] = 64,  ['B'] = 65,  ['C'] = 66,  ['D'] = 67,  ['E'] = 68,  ['F'] = 69,  ['G'] = 70,  ['H'] = 71,
	['I'] = 72,  ['J'] = 73,  ['K'] = 74,  ['L'] = 75,  ['M'] = 76,  ['N'] = 77,  ['O'] = 78,  ['P'] = 79,
	['Q'] = 80,  ['R'] = 81,  ['S'] = 82,  ['T'] = 83,  ['U'] = 84,  ['V'] = 85,  ['W'] = 86,  ['X'] = 87,
	['Y'] = 88,  ['Z'] = 89,  ['a'] = 90,  ['b'] = 91,  ['c'] = 92,  ['d'] = 93,  ['e'] = 94,  ['f'] = 95,
	['g'] = 96,  ['h'] = 97,  ['i'] = 98,  ['j'] = 99,  ['k'] = 100, ['l'] = 101, ['m'] = 102, ['n'] = 103,
	['o'] = 104, ['p'] = 105, ['q'] = 106, ['r'] = 107, ['s'] = 108, ['t'] = 109, ['u'] = 110, ['v'] = 111,
	['w'] = 112, ['x'] = 113, ['y'] = 114, ['z'] = 115, ['0'] = 116, ['1'] = 117, ['2'] = 118, ['3'] = 119,
	['4'] = 120, ['5'] = 121, ['6'] = 122, ['7'] = 123, ['8'] = 124, ['9'] = 125, ['+'] = 126, ['/'] = 127,
};

/* Decodes four digits to three bytes. False: invalid. */
static bool decode_group(const unsigned char *digit, unsigned char *bytes)
{
	unsigned a = values[digit[0]], b = values[digit[1]], c = values[digit[2]], d = values[digit[3]];
	unsigned group = a << 18 ^ b << 12 ^ c << 6 ^ d ^ (VALID << 18 ^ VALID << 12 ^ VALID << 6 ^ VALID);
	bytes[0] = (unsigned char)(group >> 16);
	bytes[1] = (unsigned char)(group >> 8);
	bytes[2] = (unsigned char)group;
	return (a & b & c & d & VALID) != 0;
}

bool base64_decode(const char *text, size_t length, char *bytes, size_t *decoded)
{
	const unsigned char *digit = (const unsigned char *)text;
	unsigned char *to = (unsigned char *)bytes, last[4] = "AAAA", end[3];
	size_t padding = length < 4 ? 0 : text[length - 1] != '=' ? 0 : text[length - 2] != '=' ? 1 : 2;
	if (length % 4 != 0)
		return false;
	*decoded = BASE64_BYTES(length) - padding;
	if (padding > 0)
		length -= 4;
	for (size_t i = 0; i < length; i += 4, to += 3)
		if (!decode_group(digit + i, to))
			return false;
	if (padding == 0)
		return true;
	memcpy(last, digit + length, 4 - padding);
	if (!decode_group(last, end))
		return false;
	memcpy(to, end, 3 - padding);
	return true;
}

static void encode_group(unsigned group, char *digit)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	digit[0] = digits[group >> 18];
	digit[1] = digits[group >> 12 & 63];
	digit[2] = digits[group >> 6 & 63];
	digit[3] = digits[group & 63];
}

void base64_encode(const char *bytes, size_t length, char *text)
{
	const unsigned char *b = (const unsigned char *)bytes;
	for (; length >= 3; b += 3, length -= 3, text += 4)
		encode_group((unsigned)b[0] << 16 | (unsigned)b[1] << 8 | b[2], text);
	if (length == 0)
		return;
	encode_group((unsigned)b[0] << 16 | (length > 1 ? (unsigned)b[1] << 8 : 0), text);
	memset(text + length + 1, '=', 3 - length);
}

void base32_encode(const char *bytes, size_t length, char *text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	for (size_t i = 0; i < length; i += 5) {
		uint64_t group = 0;
		size_t taken = length - i < 5 ? length - i : 5;
		for (size_t k = 0; k < 5; k++)
			group = group << 8 | (k < taken ? (unsigned char)bytes[i + k] : 0);
		size_t digits = (taken * 8 + 4) / 5;
		for (size_t k = 0; k < 8; k++)
			*text++ = k < digits ? alphabet[group >> (35 - 5 * k) & 31] : '=';
	}
	*text = '\0';
}

static bool random_bytes(unsigned char *bytes, size_t length)
{
	/* Such a small number of bytes is returned completely or not at all. */
	return getrandom(bytes, length, 0) == (ssize_t)length;
}

char *hex_encode(char *text, const unsigned char *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < length; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 15];
	}
	*text = '\0';
	return text;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool percent_read(const char **text, char *byte)
{
	const char *from = (*text)++;
	*byte = *from;
	if (*from != '%')
		return true;
	int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
	if (low < 0 || (high == 0 && low == 0))
		return false;
	*byte = (char)(high << 4 | low);
	*text += 2;
	return true;
}

bool random_hex(char *text, size_t length)
{
	unsigned char bytes[64];
	if (length > sizeof bytes || !random_bytes(bytes, length))
		return false;
	hex_encode(text, bytes, length);
	return true;
}

static void write_uuid(char *text, unsigned char b[16])
{
	static const size_t groups[] = {4, 2, 2, 2, 6};
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < 5; b += groups[i++]) {
		text = hex_encode(text, b, groups[i]);
		*text++ = '-';
	}
	text[-1] = '\0';
}

bool uuids_make(char text[][UUID_SIZE], size_t count)
{
	unsigned char bytes[UUIDS_LIMIT][16];
	if (count > UUIDS_LIMIT || !random_bytes(bytes[0], count * sizeof bytes[0]))
		return false;
	for (size_t i = 0; i < count; i++)
		write_uuid(text[i], bytes[i]);
	return true;
}
