/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/module_table.h"

#include <stdio.h>
#include <string.h>

bool module_table_check(const struct pp_step_module *table, const char *path, const char *name, char *why, size_t size)
{
	if (table->magic != PP_STEP_MAGIC)
		snprintf(why, size, "%s: not a step module: " PP_STEP_SYMBOL " has the wrong magic", path);
	else if (table->abi_major != PP_STEP_ABI_MAJOR || table->abi_minor > PP_STEP_ABI_MINOR)
		snprintf(why, size,
		         "%s: built for step ABI %u.%u, but this service has %u.%u: install a build of the module "
		         "for this version",
		         path, table->abi_major, table->abi_minor, PP_STEP_ABI_MAJOR, PP_STEP_ABI_MINOR);
	else if (table->size < offsetof(struct pp_step_module, check) || table->size > 65536 ||
	         table->size % sizeof(void *) != 0)
		snprintf(why, size, "%s: its table has %u bytes, which does not match step ABI %u.%u", path, table->size,
		         table->abi_major, table->abi_minor);
	else if (table->keys != NULL && (table->key_size < sizeof(struct pp_key) || table->key_size > 65536))
		snprintf(why, size, "%s: its keys have %u bytes each, which does not match step ABI %u.%u", path,
		         table->key_size, table->abi_major, table->abi_minor);
	else if (table->create == NULL || table->run == NULL || table->destroy == NULL)
		snprintf(why, size, "%s: lacks the required function %s", path,
		         table->create == NULL ? "create"
		         : table->run == NULL  ? "run"
		                               : "destroy");
	else if (table->name == NULL || strcmp(table->name, name) != 0)
		snprintf(why, size, "%s: the module's name is \"%s\", not \"%s\"", path, table->name != NULL ? table->name : "",
		         name);
	else
		return true;
	return false;
}

const struct pp_key *module_table_next_key(const struct pp_step_module *table, const struct pp_key *key)
{
	return (const struct pp_key *)(const void *)((const char *)key + table->key_size);
}

bool module_table_has_check(const struct pp_step_module *table)
{
	return table->check != NULL || table->check_run != NULL;
}
