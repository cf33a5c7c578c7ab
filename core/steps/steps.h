/* SPDX-License-Identifier: Apache-2.0
 * The configured steps with their modules. */
#ifndef CORE_STEPS_STEPS_H
#define CORE_STEPS_STEPS_H

#include "core/config/config.h"
#include "core/steps/modules.h"
#include "core/upload/pipeline.h"

struct step {
	const struct step_config *config;
	const struct module *module;
	void *instance;
	struct step_setup *setup; /* its keys; the module may keep pointers to their values */
};

struct steps {
	struct step *step;
	size_t count;
	struct pipeline_step *limits; /* for struct pipeline */
	const char **name;
	unsigned *workers;
	bool *announced; /* the step is performed here, and StartPostprocessingStep is published nevertheless */
};

/* Loads the modules and creates the instances of all steps, in order. Failures are added to `problems`. Borrows its
 * arguments. NULL: out of memory. */
struct steps *steps_create(const struct config *config, struct modules *modules, struct problems *problems);
void steps_destroy(struct steps *steps);

/* The pipeline of these steps; borrows from `steps`. */
struct pipeline steps_pipeline(const struct steps *steps);

#endif
