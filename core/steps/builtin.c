/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/builtin.h"

#include <string.h>

/* The modules export pp_step_module; they are compiled with another name for it (plugins/local.mk). */
extern const struct pp_step_module delay_step_module, remote_step_module;

static const struct pp_step_module *const builtin[] = {&delay_step_module, &remote_step_module};

#define COUNT (sizeof builtin / sizeof builtin[0])

const struct pp_step_module *builtin_find(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(builtin[i]->name, name) == 0)
			return builtin[i];
	return NULL;
}

const char *builtin_name(size_t number)
{
	return number < COUNT ? builtin[number]->name : NULL;
}
