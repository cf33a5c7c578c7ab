/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/modules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/abi/library.h"
#include "core/steps/module_file.h"
#include "core/steps/module_probe.h"

#define MODULES_LIMIT 256
/* Enough for loading a module with all its libraries on a busy machine. */
#define PROBE_LIMIT (10 * SECOND)

/* What is known about a requested name. */
struct known {
	char *name;
	char *path;                             /* NULL: moved into `module` */
	char *refused;                          /* why it is; else NULL */
	struct module_description *description; /* NULL: refused */
	struct module *module;                  /* NULL: not loaded */
};

struct modules {
	char *const *plugin_dir;
	struct known known[MODULES_LIMIT];
	size_t count;
};

struct modules *modules_create(char *const *plugin_dir)
{
	struct modules *modules = calloc(1, sizeof *modules);
	if (modules == NULL)
		return NULL;
	modules->plugin_dir = plugin_dir;
	return modules;
}

void modules_destroy(struct modules *modules)
{
	if (modules == NULL)
		return;
	for (size_t i = 0; i < modules->count; i++) {
		struct known *known = &modules->known[i];
		if (known->module != NULL) {
			free(known->module->name);
			free(known->module->path);
			free(known->module);
		}
		free(known->name);
		free(known->path);
		free(known->refused);
		module_description_free(known->description);
	}
	/* No lt_dlexit(): the modules are resident, so their code outlives everything that they created. */
	free(modules);
}

/* Finds and describes the file. PROBE_GOOD: known->path and known->description are set. What is found out without a
 * child is not worth remembering. */
static enum probe look(const struct modules *modules, const char *name, struct known *known, char *why, size_t size)
{
	if (!module_name_check(name, why, size))
		return PROBE_FAILED;
	known->path = module_file_find(modules->plugin_dir, name, geteuid(), why, size);
	if (known->path == NULL || !module_file_whole(known->path, why, size))
		return PROBE_FAILED;
	return module_probe(known->path, name, PROBE_LIMIT, &known->description, why, size);
}

/* The entry of a name, created if it is new. NULL: failed; `why` has the reason. */
static struct known *find_known(struct modules *modules, const char *name, char *why, size_t size)
{
	for (size_t i = 0; i < modules->count; i++)
		if (strcmp(modules->known[i].name, name) == 0)
			return &modules->known[i];
	if (modules->count == MODULES_LIMIT) {
		snprintf(why, size, "more than %d modules", MODULES_LIMIT);
		return NULL;
	}
	struct known known = {.name = strdup(name)};
	enum probe probe = known.name == NULL ? PROBE_FAILED : look(modules, name, &known, why, size);
	if (known.name == NULL)
		snprintf(why, size, "out of memory");
	if (probe == PROBE_REFUSED)
		known.refused = strdup(why);
	if (probe == PROBE_FAILED || (probe == PROBE_REFUSED && known.refused == NULL)) {
		free(known.name);
		free(known.path);
		return NULL;
	}
	modules->known[modules->count] = known;
	return &modules->known[modules->count++];
}

const struct pp_step_module *modules_describe(struct modules *modules, const char *name, char *why, size_t size)
{
	const struct known *known = find_known(modules, name, why, size);
	if (known != NULL && known->refused != NULL)
		snprintf(why, size, "%s", known->refused);
	return known == NULL || known->description == NULL ? NULL : &known->description->table;
}

static struct module *make_module(struct known *known, const struct pp_step_module *table)
{
	struct module *module = calloc(1, sizeof *module);
	char *copy = strdup(known->name);
	if (module == NULL || copy == NULL) {
		free(module);
		free(copy);
		return NULL;
	}
	module->name = copy;
	module->path = known->path;
	known->path = NULL;
	module->vtable = *table;
	return module;
}

const struct module *modules_load(struct modules *modules, const char *name, char *why, size_t size)
{
	struct known *known = find_known(modules, name, why, size);
	if (known == NULL || known->refused != NULL) {
		if (known != NULL)
			snprintf(why, size, "%s", known->refused);
		return NULL;
	}
	if (known->module != NULL)
		return known->module;
	struct pp_step_module table;
	if (library_load(known->path, known->path, name, &table, why, size)) {
		known->module = make_module(known, &table);
		if (known->module == NULL)
			snprintf(why, size, "out of memory");
	}
	return known->module;
}

void modules_list(const struct modules *modules, void (*each)(void *closure, const char *name, const char *path),
                  void *closure)
{
	module_files_list(modules->plugin_dir, each, closure);
}
