/* SPDX-License-Identifier: Apache-2.0
 * How the commands show records. */
#ifndef CORE_CLI_RECORD_VIEW_H
#define CORE_CLI_RECORD_VIEW_H

#include <jansson.h>

#include "core/client/service_steps.h"
#include "core/upload/record.h"

/* The current step, "finished" if all steps are done, "-" if there are none. */
const char *record_view_step(const struct record *record);

/* The record as JSON without the URL, which is a secret. `service` is asked whether the step is suspended. NULL: out of
 * memory. */
json_t *record_view_json(struct service_steps *service, const struct record *record);

/* A table with one line per upload, and a second line for the reason. */
void record_view_head(void);
void record_view_line(struct service_steps *service, const struct record *record);

/* Reports on stderr, after all records were shown, if it is unknown which of them wait for a suspended step. */
void record_view_say_unknown(const struct service_steps *service);

/* Prints all details of one upload. */
void record_view_print(struct service_steps *service, const struct record *record);

#endif
