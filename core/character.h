/* SPDX-License-Identifier: Apache-2.0
 * The characters of JSON's strings. */
#ifndef CORE_CHARACTER_H
#define CORE_CHARACTER_H

#include <stddef.h>
#include <stdint.h>

/* How many bytes from here on are ASCII that stands as it is between a string's quotes. */
size_t characters_plain(const char *text, size_t length);

/* Length of the UTF-8 character that begins here; 0: none does. */
size_t character_length(const char *text, size_t length);

/* Length of the escape whose backslash stands here, and what character it is; 0: it is none. Half a pair of surrogates
 * is none. */
size_t character_escape(const char *text, size_t length, uint32_t *character);

/* Writes a character as 1 to 4 bytes and returns their number. */
size_t character_write(char *bytes, uint32_t character);

#endif
