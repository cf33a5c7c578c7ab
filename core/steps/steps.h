/* SPDX-License-Identifier: Apache-2.0
 * The configured steps with their modules. */
#ifndef CORE_STEPS_STEPS_H
#define CORE_STEPS_STEPS_H

#include "core/abi/protocol.h"
#include "core/config/config.h"
#include "core/steps/modules.h"
#include "core/upload/pipeline.h"

struct step {
	const struct step_config *config;
	const struct module *module; /* NULL: it cannot be used */
	struct step_setup *setup;    /* its keys; the module may keep pointers to their values */
	void *instance;              /* NULL: not created, or isolated: */
	bool isolated;               /* its instances live in worker processes */
	const struct worker_launch *launch;
	uint32_t declared, granted; /* GRANT_… */
	char missing[64];           /* what its sandbox lacks; "": nothing, or not known */
};

struct steps {
	struct step *step;
	size_t count;
	struct pipeline_step *limits; /* for struct pipeline */
	const char **name;
	unsigned *workers;
	bool *announced; /* the step is performed here, and StartPostprocessingStep is published nevertheless */
};

/* Finds the modules and creates the instances of all steps, in order; of isolated ones as a trial. Failures are added
 * to `problems`, what is allowed but should be known to config->warnings. Borrows its arguments. */
struct steps *steps_create(struct config *config, struct modules *modules, const struct worker_launch *launch,
                           struct problems *problems);
void steps_destroy(struct steps *steps);

/* How a worker process of an isolated step starts; borrows from the step. */
void step_start_message(const struct step *step, struct start_message *start);

/* The pipeline of these steps; borrows from `steps`. */
struct pipeline steps_pipeline(const struct steps *steps);

#endif
