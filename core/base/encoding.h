/* SPDX-License-Identifier: Apache-2.0
 * The encodings of the wire: base64 of payloads, base32 of record keys, UUIDs. */
#ifndef CORE_BASE_ENCODING_H
#define CORE_BASE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that base64_decode() may write for `length` digits, and digits that base64_encode() writes for `length` bytes. */
#define BASE64_BYTES(length) ((length) / 4 * 3)
#define BASE64_DIGITS(length) (((length) + 2) / 3 * 4)
/* Standard base64 with padding. False: it is none. */
bool base64_decode(const char *text, size_t length, char *bytes, size_t *decoded);
void base64_encode(const char *bytes, size_t length, char *text);

/* Bytes that base32_encode() writes for `length` bytes, terminator included. */
#define BASE32_SIZE(length) (((length) + 4) / 5 * 8 + 1)
/* RFC 4648 base32, upper case, padded. `text` has BASE32_SIZE(length) bytes. */
void base32_encode(const char *bytes, size_t length, char *text);

#define UUID_SIZE 37
/* Random (version 4) UUIDs, at most UUIDS_LIMIT of them. False: no randomness to be had. */
#define UUIDS_LIMIT 4
bool uuids_make(char text[][UUID_SIZE], size_t count);

/* 2·length lower-case hexadecimal digits of randomness and a terminator. False: none to be had. */
bool random_hex(char *text, size_t length);

#endif
