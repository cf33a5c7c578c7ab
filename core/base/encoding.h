/* SPDX-License-Identifier: Apache-2.0
 * The encodings of the wire: base64 of payloads, base32 of record keys, UUIDs, hexadecimal digits. */
#ifndef CORE_BASE_ENCODING_H
#define CORE_BASE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

/* The maximum number of bytes that base64_decode() writes for `length` digits, and the number of digits that
 * base64_encode() writes for `length` bytes. */
#define BASE64_BYTES(length) ((length) / 4 * 3)
#define BASE64_DIGITS(length) (((length) + 2) / 3 * 4)
/* Standard base64 with padding. False: invalid. */
bool base64_decode(const char *text, size_t length, char *bytes, size_t *decoded);
void base64_encode(const char *bytes, size_t length, char *text);

/* Bytes that base32_encode() writes for `length` bytes, terminator included. */
#define BASE32_SIZE(length) (((length) + 4) / 5 * 8 + 1)
/* RFC 4648 base32, upper case, padded. `text` has BASE32_SIZE(length) bytes. */
void base32_encode(const char *bytes, size_t length, char *text);

/* Writes two lower-case digits for each byte and a terminator. Returns the position of the terminator. */
char *hex_encode(char *text, const unsigned char *bytes, size_t length);
/* -1: no hexadecimal digit. */
int hex_digit(char c);
/* Reads the next byte of a URL, and moves the text behind it. %XX stands for one byte. False: the % is not followed by
 * two hexadecimal digits, or the byte is 0. */
bool percent_read(const char **text, char *byte);

#define UUID_SIZE 37
/* Makes random (version 4) UUIDs, at most UUIDS_LIMIT. False: no random numbers available. */
#define UUIDS_LIMIT 4
bool uuids_make(char text[][UUID_SIZE], size_t count);

/* Makes 2·length random lower-case hexadecimal digits and a terminator. False: no random numbers available. */
bool random_hex(char *text, size_t length);

#endif
