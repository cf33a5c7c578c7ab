/* SPDX-License-Identifier: Apache-2.0
 * Strings in the JSON that commands print. */
#ifndef CORE_CLIENT_JSON_TEXT_H
#define CORE_CLIENT_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>

/* A JSON string of any bytes; invalid UTF-8 is replaced with U+FFFD. NULL: out of memory. */
json_t *json_text(const char *text);

/* Prints the JSON to standard output, indented and followed by a line feed. Terminal control characters are escaped
 * (printable.h). False: out of memory (with a message on stderr), or the output failed (main() reports this). A NULL
 * argument means out of memory. */
bool json_print(const json_t *json);

#endif
