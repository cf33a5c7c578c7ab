/* SPDX-License-Identifier: Apache-2.0 */
#include "core/steps/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/abi/library.h"
#include "core/abi/module_table.h"
#include "core/base/alloc.h"
#include "core/steps/builtin.h"
#include "core/steps/module_file.h"
#include "core/steps/trial.h"

#define MODULES_LIMIT 256
/* Enough for loading a module with all its libraries on a busy machine. */
#define DESCRIBE_LIMIT (10 * SECOND)

/* What is known about a requested name. */
struct known {
	struct module module; /* path NULL: refused */
	char *refused;        /* why it is; else NULL */
	struct module_description *description;
};

/* A module that was loaded into this process. */
struct loaded {
	struct loaded *next;
	char *name;
	struct file_identity identity;
	struct pp_step_module table;
};

struct modules {
	char *const *plugin_dir;
	const struct worker_launch *launch;
	struct modules *first; /* this one, or that of the first configuration, which has: */
	struct loaded *loaded;
	struct known *known[MODULES_LIMIT];
	size_t count;
};

struct modules *modules_create(char *const *plugin_dir, const struct worker_launch *launch)
{
	struct modules *modules = alloc_zeroed(1, sizeof *modules);
	modules->plugin_dir = plugin_dir;
	modules->launch = launch;
	modules->first = modules;
	return modules;
}

struct modules *modules_create_again(char *const *plugin_dir, const struct worker_launch *launch, struct modules *first)
{
	struct modules *modules = modules_create(plugin_dir, launch);
	modules->first = first;
	return modules;
}

static void free_known(struct known *known)
{
	if (known->module.file >= 0)
		close(known->module.file);
	free(known->module.name);
	free(known->module.path);
	free(known->module.folder);
	free(known->refused);
	description_free(known->description);
	free(known);
}

void modules_destroy(struct modules *modules)
{
	if (modules == NULL)
		return;
	for (size_t i = 0; i < modules->count; i++)
		free_known(modules->known[i]);
	for (struct loaded *loaded = modules->loaded, *next; loaded != NULL; loaded = next) {
		next = loaded->next;
		free(loaded->name);
		free(loaded);
	}
	free(modules);
}

static bool identify(int file, struct file_identity *identity)
{
	struct stat info;
	if (fstat(file, &info) != 0)
		return false;
	*identity = (struct file_identity){info.st_dev, info.st_ino, info.st_size, info.st_mtim};
	return true;
}

static bool is_same_file(const struct file_identity *one, const struct file_identity *other)
{
	return one->device == other->device && one->number == other->number && one->size == other->size &&
	       one->modified.tv_sec == other->modified.tv_sec && one->modified.tv_nsec == other->modified.tv_nsec;
}

bool module_same(const struct module *one, const struct module *other)
{
	return strcmp(one->name, other->name) == 0 && strcmp(one->path, other->path) == 0 &&
	       (one->builtin || is_same_file(&one->identity, &other->identity));
}

bool modules_settled(const struct modules *modules, char *why, size_t size)
{
	for (size_t i = 0; i < modules->count; i++) {
		const struct module *module = &modules->known[i]->module;
		struct file_identity identity;
		if (module->file < 0 || (identify(module->file, &identity) && is_same_file(&identity, &module->identity)))
			continue;
		snprintf(why, size, "%s: changed while it was being read; try again when that is over", module->path);
		return false;
	}
	return true;
}

/* Finds, opens and describes the file. What is found out without a process is not worth remembering: TRIAL_FAILED. */
static enum trial_result look(const struct modules *modules, struct known *known, char *why, size_t size)
{
	struct module *module = &known->module;
	if (!module_name_check(module->name, why, size))
		return TRIAL_FAILED;
	const struct pp_step_module *builtin = builtin_find(module->name);
	if (builtin != NULL) {
		module->builtin = module->loaded = true;
		module->path = alloc_text("built in");
		module->table = *builtin;
		module->has_check = module_table_has_check(builtin);
		module->has_check_run = builtin->check_run != NULL;
		return TRIAL_GOOD;
	}
	module->path = module_file_find(modules->plugin_dir, module->name, geteuid(), why, size);
	if (module->path == NULL || !module_file_whole(module->path, why, size))
		return TRIAL_FAILED;
	module->folder = alloc_text_part(module->path, (size_t)(strrchr(module->path, '/') - module->path));
	module->file = open(module->path, O_RDONLY | O_CLOEXEC);
	if (module->file < 0 || !identify(module->file, &module->identity)) {
		snprintf(why, size, "%s: %s", module->path, strerror(errno));
		return TRIAL_FAILED;
	}
	enum trial_result result = trial_describe(modules->launch, module->file, module->path, module->name, DESCRIBE_LIMIT,
	                                          &known->description, why, size);
	if (result == TRIAL_GOOD) {
		module->table = known->description->table;
		module->has_check = known->description->has_check;
		module->has_check_run = known->description->has_check_run;
	}
	return result;
}

/* The entry of a name, made if it is new. NULL: failed; `why` has the reason. */
static struct known *find_known(struct modules *modules, const char *name, char *why, size_t size)
{
	struct known *known = NULL;
	for (size_t i = 0; i < modules->count; i++)
		if (strcmp(modules->known[i]->module.name, name) == 0)
			known = modules->known[i];
	if (known == NULL && modules->count == MODULES_LIMIT) {
		snprintf(why, size, "more than %d modules", MODULES_LIMIT);
		return NULL;
	}
	if (known == NULL) {
		known = alloc_zeroed(1, sizeof *known);
		known->module.name = alloc_text(name);
		known->module.file = -1;
		enum trial_result result = look(modules, known, why, size);
		if (result == TRIAL_FAILED) {
			free_known(known);
			return NULL;
		}
		if (result != TRIAL_GOOD)
			known->refused = alloc_text(why);
		modules->known[modules->count++] = known;
	}
	if (known->refused == NULL)
		return known;
	snprintf(why, size, "%s", known->refused);
	return NULL;
}

const struct module *modules_find(struct modules *modules, const char *name, char *why, size_t size)
{
	const struct known *known = find_known(modules, name, why, size);
	return known == NULL ? NULL : &known->module;
}

/* A path to the open file that was never used before. The loader takes two paths that are the same for the same
 * library, even if the descriptor is one of another file by now. */
static void new_path(char *path, size_t size, int file)
{
	static atomic_uint loads;
	int length = snprintf(path, size, "/proc/self/fd");
	for (unsigned load = atomic_fetch_add(&loads, 1); load > 0; load /= 2)
		length += snprintf(path + length, size - (size_t)length, "%s", load % 2 != 0 ? "/." : "/");
	snprintf(path + length, size - (size_t)length, "/%d", file);
}

static bool load(struct modules *first, struct module *module, char *why, size_t size)
{
	char path[128];
	new_path(path, sizeof path, module->file);
	if (!library_load(path, module->path, module->name, &module->table, why, size))
		return false;
	struct loaded *loaded = alloc_zeroed(1, sizeof *loaded);
	*loaded = (struct loaded){first->loaded, alloc_text(module->name), module->identity, module->table};
	first->loaded = loaded;
	return true;
}

const struct module *modules_load(struct modules *modules, const char *name, char *why, size_t size)
{
	struct known *known = find_known(modules, name, why, size);
	if (known == NULL || known->module.loaded)
		return known == NULL ? NULL : &known->module;
	struct module *module = &known->module;
	struct loaded *before = modules->first->loaded;
	while (before != NULL && strcmp(before->name, name) != 0)
		before = before->next;
	if (before != NULL && !is_same_file(&before->identity, &module->identity)) {
		snprintf(why, size,
		         "%s: the file has changed, and the service cannot load it again while it runs (isolation = thread): "
		         "restart the service",
		         module->path);
		return NULL;
	}
	module->loaded = before != NULL || load(modules->first, module, why, size);
	if (before != NULL)
		module->table = before->table;
	return module->loaded ? module : NULL;
}

struct listing {
	void (*each)(void *closure, const char *name, const char *path);
	void *closure;
};

static void list_file(void *closure, const char *name, const char *path)
{
	const struct listing *listing = closure;
	if (builtin_find(name) == NULL)
		listing->each(listing->closure, name, path);
}

void modules_list(const struct modules *modules, void (*each)(void *closure, const char *name, const char *path),
                  void *closure)
{
	struct listing listing = {each, closure};
	for (size_t i = 0; builtin_name(i) != NULL; i++)
		each(closure, builtin_name(i), "built in");
	module_files_list(modules->plugin_dir, list_file, &listing);
}
