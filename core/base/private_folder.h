/* SPDX-License-Identifier: Apache-2.0
 * The state folder: what is in it is believed, and written to with the rights of the service, so nobody else may put anything
 * there. */
#ifndef CORE_BASE_PRIVATE_FOLDER_H
#define CORE_BASE_PRIVATE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Makes a folder with all that lead to it, those that are missing with mode 0700. False: errno says why. */
bool private_folder_make(const char *path);

/* Opens a folder that belongs to this user, or to root, and that nobody else may write to (but for their own groups). -1: why[size] says what stands against
 * it and what to do; errno is set as well (EPERM: it is not private). */
int private_folder_open(const char *path, char *why, size_t size);

/* Could somebody else put another folder in its place, or is it where others have files too? True: why[size] says so. The folder
 * has to be there. */
bool private_folder_exposed(const char *path, char *why, size_t size);

#endif
