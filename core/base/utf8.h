/* SPDX-License-Identifier: Apache-2.0
 * UTF-8 and the characters of JSON strings. */
#ifndef CORE_BASE_UTF8_H
#define CORE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number of leading ASCII bytes that need no escape in a JSON string. */
size_t utf8_plain(const char *text, size_t length);

/* The length of the UTF-8 character that begins here; 0: invalid. */
size_t utf8_length(const char *text, size_t length);

/* The same; also returns the character. */
size_t utf8_read(const char *text, size_t length, uint32_t *character);

/* Whether a character must be escaped because it controls a terminal, ends a line or changes the writing direction:
 * controls (U+0000-1F, U+007F-9F), U+2028, U+2029, U+202A-E and U+2066-9. */
bool utf8_is_hidden(uint32_t character);

/* The replacement for an invalid character. */
#define CHARACTER_REPLACEMENT 0xfffdu
/* Whether it is a surrogate instead of a character. */
bool utf8_is_surrogate(uint32_t character);

/* The length of the JSON escape that begins here, and its character, which may be a surrogate; 0: invalid. */
size_t utf8_escape(const char *text, size_t length, uint32_t *character);

/* Writes a character as 1 to 4 bytes and returns their number. A surrogate is written as the replacement. */
size_t utf8_write(char *bytes, uint32_t character);

#endif
