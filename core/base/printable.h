/* SPDX-License-Identifier: Apache-2.0
 * Decides which characters may be written to a terminal or a log unchanged. All others are shown as \xNN or \uNNNN:
 * control characters (including U+0080 to U+009F), line separators, characters that change the writing direction,
 * invisible characters, and invalid UTF-8. So a file name cannot forge a line or look like another name. The joiners of
 * scripts and emoji (U+200C, U+200D) are allowed. */
#ifndef CORE_BASE_PRINTABLE_H
#define CORE_BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool printable_character(uint32_t character);

/* The number of bytes before the first character that must be escaped. */
size_t printable_length(const char *text, size_t length);

/* At the position where printable_length() ended: writes the escape for the character or byte, and returns the number
 * of bytes of the text that it replaces. `json`: use the escapes of JSON strings; the text must be UTF-8. */
#define PRINTABLE_ESCAPE_SIZE 13
size_t printable_escape(const char *text, size_t length, bool json, char escape[PRINTABLE_ESCAPE_SIZE]);

/* The next part of a text as it may be written: characters that need no escape, or an escape. Moves *text behind it.
 * `json`: the text is a whole JSON text, and its line feeds stay as they are. NULL: the end. */
const char *printable_next(const char **text, size_t *left, bool json, char escape[PRINTABLE_ESCAPE_SIZE],
                           size_t *length);

#endif
