/* SPDX-License-Identifier: Apache-2.0
 * The characters of JSON's strings. */
#ifndef CORE_BASE_UTF8_H
#define CORE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes from here on are ASCII that stands as it is between a string's quotes. */
size_t utf8_plain(const char *text, size_t length);

/* Length of the UTF-8 character that begins here; 0: none does. */
size_t utf8_length(const char *text, size_t length);

/* The same, and which character it is. */
size_t utf8_read(const char *text, size_t length, uint32_t *character);

/* Whether a character is not to be shown as it is, because it moves a terminal's cursor, ends a line or turns the order of
 * those around it: controls (U+0000-1F, U+007F-9F), U+2028, U+2029, U+202A-E and U+2066-9. */
bool utf8_is_hidden(uint32_t character);

/* What stands for a character that is none. */
#define CHARACTER_REPLACEMENT 0xfffdu
/* Is it none, but half a pair of surrogates? */
bool utf8_is_surrogate(uint32_t character);

/* Length of the escape whose backslash stands here, and what character it is, perhaps half a pair of surrogates; 0: it is
 * none. */
size_t utf8_escape(const char *text, size_t length, uint32_t *character);

/* Writes a character as 1 to 4 bytes and returns their number; the replacement for half a pair of surrogates. */
size_t utf8_write(char *bytes, uint32_t character);

#endif
