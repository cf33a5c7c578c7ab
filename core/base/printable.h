/* SPDX-License-Identifier: Apache-2.0
 * Which characters may go to a terminal or into a log as they are. Everything else is shown as \xNN or \uNNNN: what steers a
 * terminal (control characters, those of U+0080 to U+009F too), begins a line, changes the direction of writing, or cannot be
 * seen, and bytes that are no UTF-8. So a file name cannot forge a line or look like another one. The joiners of scripts and
 * emoji (U+200C, U+200D) stay. */
#ifndef CORE_BASE_PRINTABLE_H
#define CORE_BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool printable_character(uint32_t character);

/* How many bytes of the text can be shown as they are, up to the first that cannot. */
size_t printable_length(const char *text, size_t length);

/* For the place where printable_length() ended: writes what is shown instead of the character or byte there, and returns how
 * many bytes of the text that stands for. `json`: in the form of JSON's strings, for a text that is UTF-8. */
#define PRINTABLE_ESCAPE_SIZE 13
size_t printable_escape(const char *text, size_t length, bool json, char escape[PRINTABLE_ESCAPE_SIZE]);

#endif
