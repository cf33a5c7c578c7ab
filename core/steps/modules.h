/* SPDX-License-Identifier: Apache-2.0
 * The available modules: those that are built in, and each NAME.so in one of the plugin folders.
 *
 * The file of a module is opened once, so that an upgrade of its package while the service runs changes nothing for the
 * steps that use it. It is used only if no other user can change it (for root), it is not truncated, and a worker
 * process has loaded and described it. The service itself loads a module only for steps with isolation = thread, and
 * never unloads it: if its file changes, only a restart of the service gets the new one. */
#ifndef CORE_STEPS_MODULES_H
#define CORE_STEPS_MODULES_H

#include <sys/types.h>
#include <time.h>

#include "core/config/config.h"
#include "core/steps/worker_process.h"
#include "postprocessing/step.h"

struct modules;

/* Tells the contents of two files apart without reading them. */
struct file_identity {
	dev_t device;
	ino_t number;
	off_t size;
	struct timespec modified;
};

struct module {
	char *name;
	char *path;   /* "built in" if it is */
	char *folder; /* the file's, which may hold libraries of the module; NULL: built in */
	bool builtin; /* part of the service: it runs there */
	int file;     /* open for reading; -1: built in */
	struct file_identity identity;
	bool has_check;
	bool has_check_run;          /* as the check that is called */
	struct pp_step_module table; /* what the module says; functions only if it is loaded: */
	bool loaded;
};

/* plugin_dir: NULL-terminated, searched in order. Both are borrowed. */
struct modules *modules_create(char *const *plugin_dir, const struct worker_launch *launch);
/* Those of a configuration that is read again. first: those of the first one, which must outlive these, and which also
 * keeps what has been loaded into this process. */
struct modules *modules_create_again(char *const *plugin_dir, const struct worker_launch *launch,
                                     struct modules *first);
void modules_destroy(struct modules *modules);

/* Finds and describes a module, once; valid as long as `modules`. NULL: failed; why[size] has the reason. */
const struct module *modules_find(struct modules *modules, const char *name, char *why, size_t size);
/* The same, and loads it into this process. */
const struct module *modules_load(struct modules *modules, const char *name, char *why, size_t size);

/* Whether both are of the same file, and that has not been changed. */
bool module_same(const struct module *one, const struct module *other);
/* Whether the files of all modules are still what they were when they were found. False: why[size] names the first one
 * that has changed since. */
bool modules_settled(const struct modules *modules, char *why, size_t size);

/* Calls `each` with the name and path of every module: the built-in ones, then every *.so of the plugin folders. Names
 * that came before are skipped. */
void modules_list(const struct modules *modules, void (*each)(void *closure, const char *name, const char *path),
                  void *closure);

#endif
