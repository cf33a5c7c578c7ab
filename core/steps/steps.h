/* SPDX-License-Identifier: Apache-2.0
 * The configured steps with their modules.
 *
 * A step is held by those that use it, also on other threads. When the configuration has been read again, the steps
 * that it no longer has live on until their last run and check are over. */
#ifndef CORE_STEPS_STEPS_H
#define CORE_STEPS_STEPS_H

#include "core/abi/protocol.h"
#include "core/config/config.h"
#include "core/steps/modules.h"
#include "core/upload/pipeline.h"

struct steps;

struct step {
	const struct step_config *config;
	const struct content_options *content; /* how the bytes of its uploads are fetched */
	const struct module *module;           /* NULL: it cannot be used */
	struct step_setup *setup;              /* its keys; the module may keep pointers to their values */
	void *instance;                        /* NULL: not created, or isolated: */
	bool isolated;                         /* its instances live in worker processes */
	bool faulty;                           /* its module or its settings are wrong: it cannot be checked */
	const struct worker_launch *launch;
	uint32_t declared, granted; /* GRANT_… */
	char missing[64];           /* what its sandbox lacks; "": nothing, or not known */
	uint64_t files;             /* a digest of what the files that its keys name were like, without their contents */
	struct step *running;       /* the service has a step that is the same, and keeps it; NULL: this one is new */
	unsigned version;           /* the server's, see server_reload.c */
	struct steps *all;          /* NULL: not counted */
	_Atomic unsigned holders;
};

struct steps {
	struct step *step;
	size_t count;
	struct pipeline_step *limits; /* for struct pipeline */
	const char **name;
	unsigned *workers;
	bool *announced;          /* the step is performed here, and StartPostprocessingStep is published nevertheless */
	_Atomic unsigned holders; /* steps that are held, and the owner */
	void (*unused)(void *closure);
	void *closure;
};

/* Finds the modules and creates the instances of all steps, in order; of isolated ones as a trial. Failures are added
 * to `problems`, what is allowed but should be known to config->warnings. Borrows its arguments. */
struct steps *steps_create(struct config *config, struct modules *modules, const struct worker_launch *launch,
                           struct problems *problems);

/* The steps of the service, while its configuration is read again. */
struct running_steps {
	struct step *const *step;
	size_t count;
};
/* The same beside those that run. A step that is the same as one of them has no instance of its own if its instance
 * would be in this process. A module that crashes in create() is a problem too. */
struct steps *steps_create_beside(struct config *config, struct modules *modules, const struct worker_launch *launch,
                                  const struct running_steps *running, struct problems *problems);
/* Nobody holds a step. */
void steps_destroy(struct steps *steps);

/* Holds a step, or gives it back. Whoever gives it back last destroys its instance. */
struct step *step_hold(struct step *step);
void step_release(struct step *step);
/* The owner gives all steps back. Once nobody holds any of them, `unused` is called, on the last holder's thread; it
 * has to call steps_destroy(). */
void steps_leave(struct steps *steps, void (*unused)(void *closure), void *closure);
/* The owner gives the steps back, but keeps the rest: configuration and modules. */
void steps_let_go(struct steps *steps);

/* How a worker process of an isolated step starts; borrows from the step. */
void step_start_message(const struct step *step, struct start_message *start);

/* The pipeline of steps with these limits, which are borrowed. */
struct pipeline steps_pipeline(const struct pipeline_step *limits, size_t count);

#endif
