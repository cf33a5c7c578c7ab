/* SPDX-License-Identifier: Apache-2.0
 * What a module exports, before it is trusted. */
#ifndef CORE_CONFIG_MODULE_TABLE_H
#define CORE_CONFIG_MODULE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "postprocessing/step.h"

/* Whether a module's table is one that this host can use. Trusts nothing of it before its magic, version and size are read.
 * False: why[size] says why not, with the path and both versions where it is them. */
bool module_table_check(const struct pp_step_module *table, const char *path, const char *name, char *why, size_t size);

/* The key behind this one; a module's own struct may be longer than ours. */
const struct pp_key *module_table_next_key(const struct pp_step_module *table, const struct pp_key *key);

/* A module has no more keys; those beyond are ignored. */
#define MODULE_KEYS_MAX 256

#endif
