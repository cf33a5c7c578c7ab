/* SPDX-License-Identifier: Apache-2.0
 * Strings in the JSON that commands print. */
#ifndef CORE_CLIENT_JSON_TEXT_H
#define CORE_CLIENT_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>

/* A JSON string of any bytes; invalid UTF-8 is replaced with U+FFFD. */
json_t *json_text(const char *text);

/* The string member of an object; "": there is none. */
const char *json_member(const json_t *object, const char *key);

/* Prints the JSON to standard output, indented and followed by a line feed. Terminal control characters are escaped
 * (printable.h). A NULL argument means out of memory, and ends the process. False: the output failed; main() reports
 * this. */
bool json_print(const json_t *json);

#endif
