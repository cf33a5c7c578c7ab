/* SPDX-License-Identifier: Apache-2.0
 * The modules that are part of the service. They neither read bytes nor block, so they need no process of their own. No
 * other module can claim that for itself. */
#ifndef CORE_STEPS_BUILTIN_H
#define CORE_STEPS_BUILTIN_H

#include <stddef.h>

#include "postprocessing/step.h"

/* NULL: there is none of this name. */
const struct pp_step_module *builtin_find(const char *name);
/* Their names, from 0. NULL: there are no more. */
const char *builtin_name(size_t number);

#endif
