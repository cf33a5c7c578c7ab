/* SPDX-License-Identifier: Apache-2.0
 * A complete evaluation of the configuration: the configuration itself, its modules, and the steps created from
 * them. */
#ifndef CORE_STEPS_PREFLIGHT_H
#define CORE_STEPS_PREFLIGHT_H

#include "core/quarantine/quarantine.h"
#include "core/steps/steps.h"

struct preflight {
	struct config *config; /* usable only if there are no problems */
	char *program;         /* of the workers; NULL: the first configuration's */
	struct log log;        /* standard error: what modules say in create() */
	struct worker_launch launch;
	struct modules *modules;
	struct steps *steps;
	struct quarantine_settings quarantine; /* if the configuration has one */
	struct problems problems;              /* all problems of the configuration, the modules and the steps */
};

/* Reads the configuration, loads the modules and creates the steps, as far as possible. path NULL: the default place.
 * True: there are no problems. */
bool preflight_make(struct preflight *preflight, const char *path);
/* The same for one step, see config_of_step(). It runs in a process of its own, and what it logs in create() is
 * dropped. */
bool preflight_make_step(struct preflight *preflight, const char *name, const char *folder, char *const *keys);
void preflight_free(struct preflight *preflight);

/* Evaluates the configuration again, beside the steps that run. first: the one of the start of this process, which must
 * outlive this one; its workers' program and user stay in use. Never NULL; usable only if there are no problems. Any
 * thread may call this, one at a time. */
struct preflight *preflight_again(const char *path, const struct preflight *first, const struct running_steps *running);
/* The caller gives it back; it is freed once nobody holds a step of it. */
void preflight_leave(struct preflight *preflight);

#endif
