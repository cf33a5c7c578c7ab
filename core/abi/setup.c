/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/setup.h"

#include <string.h>

const struct setup_value *setup_find(const struct pp_setup *setup, const char *key)
{
	for (size_t i = 0; key != NULL && i < setup->count; i++)
		if (strcmp(setup->value[i].key, key) == 0)
			return &setup->value[i];
	return NULL;
}
