/* SPDX-License-Identifier: Apache-2.0 */
#include "core/arrangement.h"

#include <unistd.h>

/* Before a step's code runs in this process, which may start threads. */
static void describe(void *closure, const char *name, const char *path)
{
	char why[1024];
	(void)path;
	modules_describe(closure, name, why, sizeof why);
}

bool arrangement_make(struct arrangement *arrangement, const char *path, bool catalogue)
{
	*arrangement = (struct arrangement){0};
	struct problems *problems = &arrangement->problems;
	struct config *config = arrangement->config = config_read(path, environ, problems);
	if (config != NULL && config->plugin_dir != NULL && config->plugin_dir[0] != NULL)
		arrangement->modules = modules_create(config->plugin_dir);
	if (arrangement->modules != NULL && catalogue)
		modules_list(arrangement->modules, describe, arrangement->modules);
	if (arrangement->modules != NULL)
		arrangement->steps = steps_create(config, arrangement->modules, problems);
	if (arrangement->steps == NULL && problems->count == 0)
		problems_add(problems, "out of memory");
	return problems->count == 0;
}

void arrangement_free(struct arrangement *arrangement)
{
	/* Setups point at the problems, instances at setups, steps at modules, all at the configuration. */
	steps_destroy(arrangement->steps);
	modules_destroy(arrangement->modules);
	config_free(arrangement->config);
	problems_free(&arrangement->problems);
}
