/* SPDX-License-Identifier: Apache-2.0
 * The problems, warnings and notes of a configuration, as the commands show them. */
#ifndef CORE_CLI_FINDINGS_H
#define CORE_CLI_FINDINGS_H

#include <jansson.h>

#include "core/steps/preflight.h"

/* Adds "problems", "warnings" and "notes" to an object, as arrays of lines. */
void findings_add(json_t *object, const struct preflight *preflight);

/* Prints each kind to standard output under a title, if there are any. */
void findings_print(const json_t *object);

/* The first and the last line of the output if there are problems. */
#define FINDINGS_HEAD "The configuration has errors (see below); the server would not start.\n"
#define FINDINGS_HINT "run `postprocessing config` to see which values apply and where each comes from"

#endif
