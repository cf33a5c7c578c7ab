/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/steps.h"

#include <stdlib.h>
#include <string.h>

#include "core/abi/host.h"

static void create_step(struct step *step, const struct config *config, struct modules *modules,
                        struct problems *problems)
{
	char why[1024];
	if (!module_name_check(step->config->module, why, sizeof why))
		return; /* already reported when the configuration was read */
	step->module = modules_load(modules, step->config->module, why, sizeof why);
	if (step->module == NULL) {
		problems_add(problems, "%s: step %s: module %s: %s", step->config->place, step->config->name,
		             step->config->module, why);
		return;
	}
	const struct pp_step_module *vtable = &step->module->vtable;
	size_t before = problems->count;
	step->setup = step_setup_create(config, step->config, vtable->keys, vtable->key_size, problems);
	if (problems->count > before)
		return;
	if (vtable->create(&host_services, step_setup_host(step->setup), &step->instance) != 0) {
		step->instance = NULL;
		if (problems->count == before)
			problems_add(problems, "%s: step %s: %s: create() failed and gave no reason", step->config->place,
			             step->config->name, step->module->path);
	}
}

struct steps *steps_create(const struct config *config, struct modules *modules, struct problems *problems)
{
	struct steps *steps = calloc(1, sizeof *steps);
	if (steps == NULL)
		return NULL;
	size_t count = config->step_count > 0 ? config->step_count : 1;
	steps->step = calloc(count, sizeof *steps->step);
	steps->limits = calloc(count, sizeof *steps->limits);
	steps->name = calloc(count, sizeof *steps->name);
	steps->workers = calloc(count, sizeof *steps->workers);
	steps->announced = calloc(count, sizeof *steps->announced);
	if (steps->step == NULL || steps->limits == NULL || steps->name == NULL || steps->workers == NULL ||
	    steps->announced == NULL) {
		steps_destroy(steps);
		return NULL;
	}
	/* All modules are described before the code of one runs here, because it may start threads. */
	char why[1024];
	for (size_t i = 0; i < config->step_count; i++)
		modules_describe(modules, config->step[i].module, why, sizeof why);
	for (size_t i = 0; i < config->step_count; i++) {
		const struct step_config *step = &config->step[i];
		steps->step[i].config = step;
		steps->count = i + 1;
		steps->name[i] = step->name;
		steps->workers[i] = step->workers;
		steps->limits[i] = (struct pipeline_step){
			.name = step->name,
			.max_retries = step->max_retries,
			.retry_backoff = step->retry_backoff,
			.deadline = step->deadline,
			.max_wait = step->max_wait,
			.max_waits = step->max_waits,
			.check_limit = step->check_limit,
			.continue_when_exhausted = step->on_exhausted == EXHAUSTED_CONTINUE,
		};
		create_step(&steps->step[i], config, modules, problems);
		/* For the module `remote`, this event is the request itself. */
		const struct module *module = steps->step[i].module;
		steps->announced[i] = config->announce_steps && module != NULL && strcmp(module->vtable.name, "remote") != 0;
	}
	return steps;
}

void steps_destroy(struct steps *steps)
{
	if (steps == NULL)
		return;
	for (size_t i = 0; i < steps->count; i++) {
		if (steps->step[i].instance != NULL)
			steps->step[i].module->vtable.destroy(steps->step[i].instance);
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
