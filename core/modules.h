/* SPDX-License-Identifier: Apache-2.0
 * Loading step modules. The only file that knows libltdl.
 *
 * A module is NAME.so in one of the plugin folders. libltdl answers "file not found" to every cause, so a
 * module is probed with dlopen(RTLD_NOW) first, whose words are true. Modules are never unloaded. */
#ifndef CORE_MODULES_H
#define CORE_MODULES_H

#include "core/config.h"
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

/* Loads NAME.so, once. NULL: with the true reason in why[size]: the path, and both versions if it is them. */
const struct module *modules_load(struct modules *modules, const char *name, char *why, size_t size);

/* Calls `each` with every *.so of the plugin folders: its name and path; a name that an earlier folder has too is left out. */
void modules_list(const struct modules *modules, void (*each)(void *closure, const char *name, const char *path), void *closure);

#endif
