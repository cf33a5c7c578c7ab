/* SPDX-License-Identifier: Apache-2.0
 * Loads the shared object of a module. Only this file uses libltdl. */
#ifndef CORE_ABI_LIBRARY_H
#define CORE_ABI_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "postprocessing/step.h"

/* Loads `file`, runs its constructors, and copies its table, whose missing members become NULL. `path` is what messages
 * call it; `name` is the name that the module must have. False: why[size] has the reason. A module is never unloaded.
 */
bool library_load(const char *file, const char *path, const char *name, struct pp_step_module *table, char *why,
                  size_t size);

#endif
