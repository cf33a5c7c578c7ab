/* SPDX-License-Identifier: Apache-2.0
 * Texts in the JSON that commands print. */
#ifndef CORE_CLIENT_JSON_TEXT_H
#define CORE_CLIENT_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>

/* A string of any bytes: those that are no UTF-8 become U+FFFD. NULL: out of memory. */
json_t *json_text(const char *text);

/* Prints it to standard output, indented, with a line feed behind it; characters that could steer a terminal are escaped
 * (printable.h). False: out of memory, with a message on stderr, or it could not be written, which main() says. json NULL: out of
 * memory. */
bool json_print(const json_t *json);

#endif
