/* SPDX-License-Identifier: Apache-2.0
 * The file of a step module: NAME.so in one of the plugin folders. None of its code is run here. */
#ifndef CORE_STEPS_MODULE_FILE_H
#define CORE_STEPS_MODULE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Returns the file in the first folder that contains one, as an absolute path without links; the caller frees it.
 * Folders with relative paths are skipped. NULL: why[size] lists the available modules if none has this name, or says
 * why `user` may not run the file. */
char *module_file_find(char *const *plugin_dir, const char *name, uid_t user, char *why, size_t size);

/* Whether the file is a shared object for this machine and not truncated. Running a truncated file causes a bus error,
 * or even zeroes in place of code and data. False: why[size] has the reason, with the path. */
bool module_file_whole(const char *path, char *why, size_t size);

/* Calls `each` with the name and path of every *.so, folder by folder and sorted. Names that an earlier folder contains
 * are skipped. */
void module_files_list(char *const *plugin_dir, void (*each)(void *closure, const char *name, const char *path),
                       void *closure);

#endif
