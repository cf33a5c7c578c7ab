/* SPDX-License-Identifier: Apache-2.0 */
#include "core/encoding.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *base64_decode(const char *text, size_t length, size_t *decoded)
{
	if (length % 4 != 0 || length > (size_t)1 << 30)
		return NULL;
	size_t padding = length == 0 ? 0 : (size_t)(text[length - 1] == '=') + (size_t)(text[length - 2] == '=');
	/* EVP_DecodeBlock takes '=' for a digit, wherever it stands. */
	char *bytes = memchr(text, '=', length - padding) == NULL ? malloc(length / 4 * 3 + 1) : NULL;
	if (bytes == NULL)
		return NULL;
	int written = length == 0 ? 0 : EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)text, (int)length);
	/* EVP_DecodeBlock skips white space at both ends, which shortens what it writes. */
	if (written < 0 || (size_t)written != length / 4 * 3) {
		free(bytes);
		return NULL;
	}
	*decoded = (size_t)written - padding;
	bytes[*decoded] = '\0';
	return bytes;
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

bool random_hex(char *text, size_t length)
{
	unsigned char bytes[64];
	if (length > sizeof bytes || RAND_bytes(bytes, (int)length) != 1)
		return false;
	for (size_t i = 0; i < length; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

bool uuid_make(char text[UUID_SIZE])
{
	unsigned char b[16];
	if (RAND_bytes(b, sizeof b) != 1)
		return false;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(text, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
	         b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return true;
}
