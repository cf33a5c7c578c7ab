/* SPDX-License-Identifier: Apache-2.0
 * Texts in the JSON that commands print. */
#ifndef CORE_JSON_TEXT_H
#define CORE_JSON_TEXT_H

#include <jansson.h>

/* A string of any bytes: those that are no UTF-8 become U+FFFD. NULL: out of memory. */
json_t *json_text(const char *text);

#endif
