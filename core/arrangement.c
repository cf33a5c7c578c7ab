/* SPDX-License-Identifier: Apache-2.0 */
#include "core/arrangement.h"

#include <unistd.h>

bool arrangement_make(struct arrangement *arrangement, const char *path)
{
	*arrangement = (struct arrangement){0};
	struct problems *problems = &arrangement->problems;
	struct config *config = arrangement->config = config_read(path, environ, problems);
	if (config != NULL && config->plugin_dir != NULL)
		arrangement->modules = modules_create(config->plugin_dir);
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
