/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with a configuration, and what is remarkable, as the commands show it. */
#ifndef CORE_CLI_FINDINGS_H
#define CORE_CLI_FINDINGS_H

#include <jansson.h>

#include "core/steps/preflight.h"

/* Adds "problems", "warnings" and "notes" to an object: arrays of lines. */
void findings_add(json_t *object, const struct preflight *preflight);

/* Prints them to standard output, each kind under a title, if there are any. */
void findings_print(const json_t *object);

/* What the first line says when there are problems, and the last. */
#define FINDINGS_HEAD "The configuration has errors (see below); the server would not start.\n"
#define FINDINGS_HINT "run `postprocessing config` to see which values apply and where each comes from"

#endif
