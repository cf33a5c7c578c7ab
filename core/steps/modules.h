/* SPDX-License-Identifier: Apache-2.0
 * The available and the loaded step modules.
 *
 * A module is NAME.so in one of the plugin folders. It is loaded only if no other user can change it (for root), the
 * file is not truncated, and a child process has loaded it successfully. Modules are never unloaded. */
#ifndef CORE_STEPS_MODULES_H
#define CORE_STEPS_MODULES_H

#include "core/config/config.h"
#include "postprocessing/step.h"

struct modules;

struct module {
	char *name;
	char *path;
	struct pp_step_module vtable; /* a copy; members missing in an older module are NULL */
};

/* plugin_dir: NULL-terminated, searched in order; borrowed. NULL: out of memory. */
struct modules *modules_create(char *const *plugin_dir);
void modules_destroy(struct modules *modules);

/* The description of NAME.so: a table with data only, whose functions are NULL; valid as long as `modules`. It was read
 * once in a child process, see module_probe(). NULL: failed; why[size] has the reason. */
const struct pp_step_module *modules_describe(struct modules *modules, const char *name, char *why, size_t size);

/* Loads NAME.so, once. NULL: failed; why[size] has the reason with the path, and with both versions if they do not
 * match. */
const struct module *modules_load(struct modules *modules, const char *name, char *why, size_t size);

/* Calls `each` with the name and path of every *.so of the plugin folders. Names that an earlier folder contains are
 * skipped. */
void modules_list(const struct modules *modules, void (*each)(void *closure, const char *name, const char *path),
                  void *closure);

#endif
