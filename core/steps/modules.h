/* SPDX-License-Identifier: Apache-2.0
 * The step modules that there are, and those that are loaded. The only file that knows libltdl.
 *
 * A module is NAME.so in one of the plugin folders. It is loaded only if nobody but its owner can change it (for root), the
 * file is whole, and a child process has loaded it without harm. libltdl answers "file not found" to every cause; the reason
 * that is told is the child's. Modules are never unloaded. */
#ifndef CORE_STEPS_MODULES_H
#define CORE_STEPS_MODULES_H

#include "core/config/config.h"
#include "postprocessing/step.h"

struct modules;

struct module {
	char *name;
	char *path;
	struct pp_step_module vtable; /* a copy; members that an older module lacks are NULL */
};

/* plugin_dir: NULL-terminated, searched in order; borrowed. NULL: out of memory. */
struct modules *modules_create(char *const *plugin_dir);
void modules_destroy(struct modules *modules);

/* What NAME.so says of itself: a table with data alone, whose functions are NULL; valid as long as `modules`. It was loaded
 * in a child, once: see module_probe(). NULL: with the reason in why[size]. */
const struct pp_step_module *modules_describe(struct modules *modules, const char *name, char *why, size_t size);

/* Loads NAME.so, once. NULL: with the true reason in why[size]: the path, and both versions if it is them. */
const struct module *modules_load(struct modules *modules, const char *name, char *why, size_t size);

/* Calls `each` with every *.so of the plugin folders: its name and path; a name that an earlier folder has too is left out. */
void modules_list(const struct modules *modules, void (*each)(void *closure, const char *name, const char *path), void *closure);

#endif
