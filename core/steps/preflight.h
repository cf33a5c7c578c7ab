/* SPDX-License-Identifier: Apache-2.0
 * What a configuration comes to: itself, the modules that it names, and the steps made of them. */
#ifndef CORE_STEPS_PREFLIGHT_H
#define CORE_STEPS_PREFLIGHT_H

#include "core/steps/steps.h"

struct preflight {
	struct config *config;    /* usable only without problems */
	struct modules *modules;
	struct steps *steps;
	struct problems problems; /* all of them: of the configuration, the modules and the steps */
};

/* Reads, loads and creates, as far as it goes. path NULL: the default place. With `catalogue` the modules that no step uses
 * are described as well: modules_describe() then knows all. True: there are no problems. */
bool preflight_make(struct preflight *preflight, const char *path, bool catalogue);
void preflight_free(struct preflight *preflight);

#endif
