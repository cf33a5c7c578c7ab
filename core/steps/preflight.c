/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/preflight.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* This happens before the code of a step runs in this process, because it may start threads. */
static void describe(void *closure, const char *name, const char *path)
{
	char why[1024];
	(void)path;
	modules_describe(closure, name, why, sizeof why);
}

/* The names of all modules, NULL-terminated. */
struct catalogue {
	char **name;
	size_t count;
	bool failed;
};

static void note_name(void *closure, const char *name, const char *path)
{
	struct catalogue *catalogue = closure;
	char **grown = realloc(catalogue->name, (catalogue->count + 2) * sizeof *grown);
	(void)path;
	if (grown != NULL)
		catalogue->name = grown;
	char *copy = grown == NULL ? NULL : strdup(name);
	catalogue->failed = catalogue->failed || copy == NULL;
	if (copy == NULL)
		return;
	grown[catalogue->count++] = copy;
	grown[catalogue->count] = NULL;
}

/* Finds unused settings. */
static void find_unused(struct preflight *preflight)
{
	static char *const none[] = {NULL};
	struct config *config = preflight->config;
	struct catalogue catalogue = {0};
	char why[1024];
	const struct pp_step_module **known = calloc(config->step_count + 1, sizeof *known);
	modules_list(preflight->modules, note_name, &catalogue);
	for (size_t i = 0; known != NULL && i < config->step_count; i++)
		known[i] = modules_describe(preflight->modules, config->step[i].module, why, sizeof why);
	if (known == NULL || catalogue.failed)
		problems_add(&preflight->problems, "out of memory");
	else
		config_find_unused(config, known, catalogue.name != NULL ? catalogue.name : none);
	if (problems_are_incomplete(&config->warnings) || problems_are_incomplete(&config->notes))
		problems_add(&preflight->problems, "out of memory");
	for (size_t i = 0; catalogue.name != NULL && i < catalogue.count; i++)
		free(catalogue.name[i]);
	free(catalogue.name);
	free(known);
}

bool preflight_make(struct preflight *preflight, const char *path, bool catalogue)
{
	*preflight = (struct preflight){0};
	struct problems *problems = &preflight->problems;
	struct config *config = preflight->config = config_read(path, environ, problems);
	if (config != NULL && config->state_dir == NULL)
		problems_add(problems, "%s", NO_STATE_DIR);
	if (config != NULL && config->plugin_dir != NULL && config->plugin_dir[0] != NULL)
		preflight->modules = modules_create(config->plugin_dir);
	if (preflight->modules != NULL && catalogue)
		modules_list(preflight->modules, describe, preflight->modules);
	if (config != NULL && preflight->modules != NULL) {
		find_unused(preflight);
		preflight->steps = steps_create(config, preflight->modules, problems);
	}
	if (preflight->steps == NULL && problems->count == 0)
		problems_add(problems, "out of memory");
	return problems->count == 0;
}

void preflight_free(struct preflight *preflight)
{
	/* The order matters: setups point to the problems, instances to setups, steps to modules, and all to the
	 * configuration. */
	steps_destroy(preflight->steps);
	modules_destroy(preflight->modules);
	config_free(preflight->config);
	problems_free(&preflight->problems);
}
