/* SPDX-License-Identifier: Apache-2.0 */
#include "core/abi/library.h"

#include <dlfcn.h>
#include <ltdl.h>
#include <stdio.h>
#include <string.h>

#include "core/abi/module_table.h"

/* Local scope, resident. */
static lt_dlhandle open_library(const char *file)
{
	lt_dladvise advise;
	if (lt_dlinit() != 0 || lt_dladvise_init(&advise) != 0)
		return NULL;
	lt_dlhandle handle =
		lt_dladvise_local(&advise) == 0 && lt_dladvise_resident(&advise) == 0 ? lt_dlopenadvise(file, advise) : NULL;
	lt_dladvise_destroy(&advise);
	return handle;
}

/* libltdl reports "file not found" for every failure; the loader knows better. */
static void explain(const char *file, const char *path, char *why, size_t size)
{
	const char *words = dlopen(file, RTLD_NOW | RTLD_LOCAL) == NULL ? dlerror() : NULL;
	size_t length = strlen(file);
	if (words == NULL)
		snprintf(why, size, "%s: cannot be loaded: %s", path, lt_dlerror());
	else if (strncmp(words, file, length) == 0)
		snprintf(why, size, "%s%s", path, words + length);
	else
		snprintf(why, size, "%s: %s", path, words);
}

bool library_load(const char *file, const char *path, const char *name, struct pp_step_module *table, char *why,
                  size_t size)
{
	lt_dlhandle handle = open_library(file);
	if (handle == NULL) {
		explain(file, path, why, size);
		return false;
	}
	const struct pp_step_module *found = lt_dlsym(handle, PP_STEP_SYMBOL);
	if (found == NULL) {
		snprintf(why, size, "%s: not a step module: it has no symbol " PP_STEP_SYMBOL, path);
		return false;
	}
	if (!module_table_check(found, path, name, why, size))
		return false;
	*table = (struct pp_step_module){0};
	memcpy(table, found, found->size < sizeof *table ? found->size : sizeof *table);
	return true;
}
