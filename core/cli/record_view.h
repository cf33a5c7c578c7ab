/* SPDX-License-Identifier: Apache-2.0
 * Records as the commands show them. */
#ifndef CORE_CLI_RECORD_VIEW_H
#define CORE_CLI_RECORD_VIEW_H

#include <jansson.h>

#include "core/upload/record.h"
#include "core/client/service_steps.h"

/* The step that it is in, "finished" once all is done, "-" if it has none. */
const char *record_view_step(const struct record *record);

/* Everything but the URL, which is a secret. NULL: out of memory. `service` is asked whether the step is suspended. */
json_t *record_view_json(struct service_steps *service, const struct record *record);

/* A table, one upload a line, and another with the reason. */
void record_view_head(void);
void record_view_line(struct service_steps *service, const struct record *record);

/* Says on stderr, after all were shown, if it is not known which of them wait for a suspended step. */
void record_view_say_unknown(const struct service_steps *service);

/* All of one upload. */
void record_view_print(struct service_steps *service, const struct record *record);

#endif
