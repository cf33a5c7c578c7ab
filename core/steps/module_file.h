/* SPDX-License-Identifier: Apache-2.0
 * The file of a step module: NAME.so in one of the plugin folders. Nothing of it is run here. */
#ifndef CORE_STEPS_MODULE_FILE_H
#define CORE_STEPS_MODULE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The file of the first folder that has one, as an absolute path without links, for the caller to free(). Folders that are
 * no absolute paths are left out. NULL: why[size] says why: which modules there are if there is none of that name, or why
 * `user` may not run it. */
char *module_file_find(char *const *plugin_dir, const char *name, uid_t user, char *why, size_t size);

/* Whether it is a shared object of this machine, and there to its end: running a file that was cut short is a bus error, or
 * worse, zeroes in place of code and data. False: why[size] says what is wrong, with the path. */
bool module_file_whole(const char *path, char *why, size_t size);

/* Calls `each` with every *.so of the folders, folder by folder and sorted: its name and path; a name that an earlier folder
 * has too is left out. */
void module_files_list(char *const *plugin_dir, void (*each)(void *closure, const char *name, const char *path), void *closure);

#endif
