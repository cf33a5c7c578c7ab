/* SPDX-License-Identifier: Apache-2.0
 * How the commands show what the steps of an upload said that have ended or hold it. */
#ifndef CORE_CLI_HISTORY_VIEW_H
#define CORE_CLI_HISTORY_VIEW_H

#include <jansson.h>

#include "core/upload/record.h"

/* An array with an object for each of these steps. */
json_t *history_view_json(const struct record *record);

/* Some lines for each of these steps that said something. */
void history_view_print(const struct record *record);

#endif
