/* SPDX-License-Identifier: Apache-2.0 */
#include "core/modules.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MODULES_LIMIT 256

struct modules {
	char *const *plugin_dir;
	struct module *module[MODULES_LIMIT];
	size_t count;
	bool ltdl;
};

struct modules *modules_create(char *const *plugin_dir)
{
	struct modules *modules = calloc(1, sizeof *modules);
	if (modules == NULL)
		return NULL;
	modules->plugin_dir = plugin_dir;
	modules->ltdl = lt_dlinit() == 0;
	return modules;
}

void modules_destroy(struct modules *modules)
{
	if (modules == NULL)
		return;
	for (size_t i = 0; i < modules->count; i++) {
		free(modules->module[i]->name);
		free(modules->module[i]->path);
		free(modules->module[i]);
	}
	/* No lt_dlexit(): the modules are resident, and their code outlives everything that they made. */
	free(modules);
}

/* Where NAME.so lies, as an absolute path for the caller to free(). NULL: with the reason. */
static char *find_file(const struct modules *modules, const char *name, char *why, size_t size)
{
	size_t used = (size_t)snprintf(why, size, "no file %s.so in", name);
	for (char *const *dir = modules->plugin_dir; *dir != NULL; dir++) {
		char path[4096];
		struct stat info;
		if (snprintf(path, sizeof path, "%s/%s.so", *dir, name) >= (int)sizeof path)
			continue;
		if (stat(path, &info) == 0) {
			char *absolute = S_ISREG(info.st_mode) ? realpath(path, NULL) : NULL;
			if (absolute == NULL)
				snprintf(why, size, "%s: %s", path, S_ISREG(info.st_mode) ? strerror(errno) : "not a regular file");
			return absolute;
		}
		if (errno != ENOENT && errno != ENOTDIR) {
			snprintf(why, size, "%s: %s", path, strerror(errno));
			return NULL;
		}
		if (used < size)
			used += (size_t)snprintf(why + used, size - used, "%s %s", dir == modules->plugin_dir ? "" : ",", *dir);
	}
	if (used < size)
		snprintf(why + used, size - used, "; a step that another service on the bus does has module = remote");
	return NULL;
}

/* The reason in the loader's own words; true if the file can be loaded. */
static bool probe(const char *path, char *why, size_t size)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		const char *words = dlerror();
		snprintf(why, size, "%s", words != NULL ? words : path);
		return false;
	}
	dlclose(handle);
	return true;
}

/* The module's table by libltdl: local scope, resident. */
static const struct pp_step_module *open_module(const char *path, char *why, size_t size)
{
	lt_dladvise advise;
	if (!probe(path, why, size))
		return NULL;
	if (lt_dladvise_init(&advise) != 0 || lt_dladvise_local(&advise) != 0 || lt_dladvise_resident(&advise) != 0) {
		snprintf(why, size, "%s: %s", path, lt_dlerror());
		return NULL;
	}
	lt_dlhandle handle = lt_dlopenadvise(path, advise);
	lt_dladvise_destroy(&advise);
	if (handle == NULL) {
		snprintf(why, size, "%s: %s", path, lt_dlerror());
		return NULL;
	}
	const struct pp_step_module *table = lt_dlsym(handle, PP_STEP_SYMBOL);
	if (table == NULL)
		snprintf(why, size, "%s: not a step module: it has no symbol " PP_STEP_SYMBOL, path);
	return table;
}

/* Trusts nothing of the table before its magic, version and size are read. */
static bool check_table(const struct pp_step_module *table, const char *path, const char *name, char *why, size_t size)
{
	if (table->magic != PP_STEP_MAGIC)
		snprintf(why, size, "%s: not a step module: " PP_STEP_SYMBOL " has the wrong magic", path);
	else if (table->abi_major != PP_STEP_ABI_MAJOR || table->abi_minor > PP_STEP_ABI_MINOR)
		snprintf(why, size, "%s: built for step ABI %u.%u, this service has %u.%u: install a build of it for this version", path,
		         table->abi_major, table->abi_minor, PP_STEP_ABI_MAJOR, PP_STEP_ABI_MINOR);
	else if (table->size < offsetof(struct pp_step_module, check) || table->size > 65536 || table->size % sizeof(void *) != 0)
		snprintf(why, size, "%s: its table has %u bytes, which is none of step ABI %u.%u", path, table->size, table->abi_major,
		         table->abi_minor);
	else if (table->keys != NULL && (table->key_size < sizeof(struct pp_key) || table->key_size > 65536))
		snprintf(why, size, "%s: its keys have %u bytes each, which is none of step ABI %u.%u", path, table->key_size,
		         table->abi_major, table->abi_minor);
	else if (table->create == NULL || table->run == NULL || table->destroy == NULL)
		snprintf(why, size, "%s: lacks the required function %s", path,
		         table->create == NULL ? "create" : table->run == NULL ? "run" : "destroy");
	else if (table->name == NULL || strcmp(table->name, name) != 0)
		snprintf(why, size, "%s: calls itself \"%s\", not \"%s\"", path, table->name != NULL ? table->name : "", name);
	else
		return true;
	return false;
}

static struct module *add_module(struct modules *modules, const char *name, char *path, const struct pp_step_module *table)
{
	struct module *module = calloc(1, sizeof *module);
	char *copy = strdup(name);
	if (module == NULL || copy == NULL) {
		free(module);
		free(copy);
		return NULL;
	}
	module->name = copy;
	module->path = path;
	memcpy(&module->vtable, table, table->size < sizeof module->vtable ? table->size : sizeof module->vtable);
	modules->module[modules->count++] = module;
	return module;
}

const struct module *modules_load(struct modules *modules, const char *name, char *why, size_t size)
{
	for (size_t i = 0; i < modules->count; i++)
		if (strcmp(modules->module[i]->name, name) == 0)
			return modules->module[i];
	if (!modules->ltdl || modules->count == MODULES_LIMIT) {
		snprintf(why, size, "%s", modules->ltdl ? "too many modules" : "libltdl cannot be initialised");
		return NULL;
	}
	char *path = find_file(modules, name, why, size);
	if (path == NULL)
		return NULL;
	const struct pp_step_module *table = open_module(path, why, size);
	struct module *module = NULL;
	if (table != NULL && check_table(table, path, name, why, size)) {
		module = add_module(modules, name, path, table);
		if (module == NULL)
			snprintf(why, size, "out of memory");
	}
	if (module == NULL)
		free(path);
	return module;
}

static int is_module(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 3, ".so") == 0;
}

/* Is there a file of that name in a folder before `dir`? */
static bool shadowed(const struct modules *modules, char *const *dir, const char *file)
{
	for (char *const *earlier = modules->plugin_dir; earlier < dir; earlier++) {
		char path[4096];
		struct stat info;
		if (snprintf(path, sizeof path, "%s/%s", *earlier, file) < (int)sizeof path && stat(path, &info) == 0)
			return true;
	}
	return false;
}

void modules_list(const struct modules *modules, void (*each)(void *closure, const char *name, const char *path), void *closure)
{
	for (char *const *dir = modules->plugin_dir; *dir != NULL; dir++) {
		struct dirent **entry;
		int count = scandir(*dir, &entry, is_module, alphasort);
		for (int i = 0; i < count; i++) {
			char path[4096], name[256];
			int length = (int)strlen(entry[i]->d_name) - 3;
			bool fits = snprintf(path, sizeof path, "%s/%s", *dir, entry[i]->d_name) < (int)sizeof path;
			snprintf(name, sizeof name, "%.*s", length, entry[i]->d_name);
			if (fits && !shadowed(modules, dir, entry[i]->d_name))
				each(closure, name, path);
			free(entry[i]);
		}
		if (count >= 0)
			free(entry);
	}
}
