/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/host.h"
#include "core/base/alloc.h"
#include "core/base/text.h"
#include "core/steps/trial.h"

void step_start_message(const struct step *step, struct start_message *start)
{
	const struct worker_launch *launch = step->launch;
	const struct pp_setup *setup = step_setup_host(step->setup);
	size_t next = 0;
	const char *path;
	*start = (struct start_message){.name = step->module->name,
	                                .path = step->module->path,
	                                .folder = step->module->folder,
	                                .step = step->config->name,
	                                .own_user = launch->own_user,
	                                .uid = launch->uid,
	                                .gid = launch->gid,
	                                .level = launch->level,
	                                .grants = step->granted,
	                                .memory_limit = step->config->memory_limit};
	while (start->readable_count < START_PATHS && (path = grants_next_path(&step->module->table, setup, &next)) != NULL)
		start->readable[start->readable_count++] = path;
}

/* What the module declares, and what it gets. */
static void grant(struct step *step, struct problems *warnings)
{
	const struct step_config *config = step->config;
	char words[GRANTS_TEXT_SIZE];
	step->declared = grants_declared(&step->module->table, step_setup_host(step->setup));
	step->granted = config->allow != NULL ? config->grants : step->declared & ~(uint32_t)GRANT_EXEC;
	uint32_t refused = step->declared & ~step->granted;
	if (refused != 0)
		problems_add(warnings,
		             "%s: step %s: the module declares that it needs %s, which is not allowed: see the key allow",
		             config->place, config->name, grants_format(refused, words));
}

/* Creates an instance in a worker process, which shows whether the module accepts its configuration. A module that
 * crashes there is no error of the configuration: the step is suspended until it can be started. */
static void try_create(struct step *step, struct problems *problems)
{
	char why[1024] = "";
	struct start_message start;
	struct trial *trial;
	size_t before = problems->count;
	step_start_message(step, &start);
	enum trial_result result = trial_create(step->launch, step->module->file, &start, step_setup_host(step->setup),
	                                        CREATE_LIMIT, step->launch->log, &trial, why, sizeof why);
	if (result == TRIAL_GOOD)
		text_copy(step->missing, sizeof step->missing, trial_missing(trial));
	else if (result != TRIAL_BROKEN && problems->count == before)
		problems_add(problems, "%s: step %s: %s: %s", step->config->place, step->config->name, step->module->path,
		             why[0] != '\0' ? why : "create() failed and gave no reason");
	trial_end(trial, SECOND);
}

static void log_setup(void *closure, enum log_level level, const char *text)
{
	const struct step *step = closure;
	if (step->launch->log != NULL)
		log_write(step->launch->log, level, "step %s: %s", step->config->name, text);
}

/* Creates the instance in this process. */
static void create_here(struct step *step, struct problems *problems)
{
	size_t before = problems->count;
	struct pp_setup *setup = step_setup_host(step->setup);
	setup->log = log_setup;
	setup->log_closure = step;
	if (step->module->table.create(&host_services, setup, &step->instance) == 0)
		return;
	step->instance = NULL;
	if (problems->count == before)
		problems_add(problems, "%s: step %s: %s: create() failed and gave no reason", step->config->place,
		             step->config->name, step->module->path);
}

static void create_step(struct step *step, struct config *config, struct modules *modules, struct problems *problems)
{
	const struct step_config *own = step->config;
	char why[1024];
	if (!module_name_check(own->module, why, sizeof why))
		return; /* already reported when the configuration was read */
	bool here = own->isolation == ISOLATION_THREAD;
	step->module = here ? modules_load(modules, own->module, why, sizeof why)
	                    : modules_find(modules, own->module, why, sizeof why);
	if (step->module == NULL) {
		problems_add(problems, "%s: step %s: module %s: %s", own->place, own->name, own->module, why);
		return;
	}
	const struct pp_step_module *table = &step->module->table;
	size_t before = problems->count;
	step->isolated = !here && !step->module->builtin;
	step->setup = step_setup_create(config, own, table->keys, table->key_size, problems);
	if (problems->count > before)
		return;
	if (!step->isolated) {
		create_here(step, problems);
		return;
	}
	grant(step, &config->warnings);
	try_create(step, problems);
}

struct steps *steps_create(struct config *config, struct modules *modules, const struct worker_launch *launch,
                           struct problems *problems)
{
	struct steps *steps = alloc_zeroed(1, sizeof *steps);
	size_t count = config->step_count + 1;
	steps->step = alloc_zeroed(count, sizeof *steps->step);
	steps->limits = alloc_zeroed(count, sizeof *steps->limits);
	steps->name = alloc_zeroed(count, sizeof *steps->name);
	steps->workers = alloc_zeroed(count, sizeof *steps->workers);
	steps->announced = alloc_zeroed(count, sizeof *steps->announced);
	static const enum outcome hold_outcome[] = {
		[HELD_ABORT] = OUTCOME_ABORT, [HELD_DELETE] = OUTCOME_DELETE, [HELD_CONTINUE] = OUTCOME_CONTINUE};
	for (size_t i = 0; i < config->step_count; i++) {
		const struct step_config *step = &config->step[i];
		steps->step[i].config = step;
		steps->step[i].launch = launch;
		steps->count = i + 1;
		steps->name[i] = step->name;
		steps->workers[i] = step->workers;
		steps->limits[i] = (struct pipeline_step){
			.name = step->name,
			.max_retries = step->max_retries,
			.max_crashes = step->max_crashes,
			.retry_backoff = step->retry_backoff,
			.deadline = step->deadline,
			.max_wait = step->max_wait,
			.max_waits = step->max_waits,
			.check_limit = step->check_limit,
			.hold_limit = step->hold_limit,
			.hold_outcome = hold_outcome[step->hold_outcome],
			.continue_when_exhausted = step->on_exhausted == EXHAUSTED_CONTINUE,
		};
		create_step(&steps->step[i], config, modules, problems);
		/* For the module `remote`, this event is the request itself. */
		const struct module *module = steps->step[i].module;
		steps->announced[i] = config->announce_steps && module != NULL && strcmp(module->name, "remote") != 0;
	}
	return steps;
}

void steps_destroy(struct steps *steps)
{
	if (steps == NULL)
		return;
	for (size_t i = 0; i < steps->count; i++) {
		if (steps->step[i].instance != NULL)
			steps->step[i].module->table.destroy(steps->step[i].instance);
		step_setup_free(steps->step[i].setup);
	}
	free(steps->step);
	free(steps->limits);
	free(steps->name);
	free(steps->workers);
	free(steps->announced);
	free(steps);
}

struct pipeline steps_pipeline(const struct steps *steps)
{
	return (struct pipeline){
		.step = steps->limits,
		.count = steps->count,
		.other = {.name = "", .max_retries = 14, .retry_backoff = 5 * SECOND, .deadline = 10 * MINUTE, MAX_WAITING},
		.confirm_interval = MINUTE,
		.confirm_interval_limit = HOUR,
		.confirm_limit = 24,
	};
}
