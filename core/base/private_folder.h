/* SPDX-License-Identifier: Apache-2.0
 * The state folder. The service trusts its contents and writes to it, so no other user may create files there. */
#ifndef CORE_BASE_PRIVATE_FOLDER_H
#define CORE_BASE_PRIVATE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Creates a folder and its missing parents with mode 0700. False: failed; errno has the reason. */
bool private_folder_make(const char *path);

/* Opens a folder that belongs to this user or root and that no other user can write to (except their own groups). -1:
 * failed; why[size] has the reason and says what to do, and errno is set (EPERM: the folder is not private). */
int private_folder_open(const char *path, char *why, size_t size);

/* Whether a service could make and open the folder, as far as it shows; nothing is created. The service may run as
 * another user, so a folder that is missing or out of reach passes, and so does the owner of one that is there. False:
 * why[size] has the reason. */
bool private_folder_check(const char *path, char *why, size_t size);

/* Whether this user can create files in it. False: why[size] has the reason and says what to do. */
bool private_folder_writable(const char *path, char *why, size_t size);
/* Whether another user could replace the folder, or has files next to it. True: why[size] has the reason. The folder
 * must exist. */
bool private_folder_exposed(const char *path, char *why, size_t size);

#endif
