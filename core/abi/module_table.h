/* SPDX-License-Identifier: Apache-2.0
 * Validation of the table that a module exports. */
#ifndef CORE_ABI_MODULE_TABLE_H
#define CORE_ABI_MODULE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "postprocessing/step.h"

/* Whether this host can use a module's table. The table is not trusted before its magic, version and size have been
 * checked. False: why[size] has the reason with the path, and with both versions if they do not match. */
bool module_table_check(const struct pp_step_module *table, const char *path, const char *name, char *why, size_t size);

/* Whether it has check() or check_run(). */
bool module_table_has_check(const struct pp_step_module *table);

/* The key after this one; the module's struct may be longer than ours. */
const struct pp_key *module_table_next_key(const struct pp_step_module *table, const struct pp_key *key);

/* The maximum number of keys of a module; further keys are ignored. */
#define MODULE_KEYS_MAX 256
/* The maximum number of needs, likewise. */
#define MODULE_NEEDS_MAX 32

#endif
