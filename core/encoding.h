/* SPDX-License-Identifier: Apache-2.0
 * The encodings of the wire: base64 of payloads, base32 of record keys, UUIDs. */
#ifndef CORE_ENCODING_H
#define CORE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

/* Standard base64 with padding, into fresh memory with a terminator behind it; NULL: not such a text, or out
 * of memory. The caller frees it. */
char *base64_decode(const char *text, size_t length, size_t *decoded);

/* Bytes that base32_encode() writes for `length` bytes, terminator included. */
#define BASE32_SIZE(length) (((length) + 4) / 5 * 8 + 1)
/* RFC 4648 base32, upper case, padded. `text` has BASE32_SIZE(length) bytes. */
void base32_encode(const char *bytes, size_t length, char *text);

#define UUID_SIZE 37
/* A random (version 4) UUID. False: no randomness to be had. */
bool uuid_make(char text[UUID_SIZE]);

/* 2·length lower-case hexadecimal digits of randomness and a terminator. False: none to be had. */
bool random_hex(char *text, size_t length);

#endif
