/* SPDX-License-Identifier: Apache-2.0
 * Checks who can read and change files that control the service. */
#ifndef CORE_BASE_FILE_ACCESS_H
#define CORE_BASE_FILE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* The user and group that may own a file, besides root. */
struct file_user {
	uid_t user;
	gid_t group;
};

/* Says how users other than root and `self` can change a file or folder ("writable by everybody"); NULL: they cannot.
 * `above`: it is a parent folder, for which only the right of everybody to rename entries is checked, unless the sticky
 * bit is set. */
const char *file_weakness(const struct stat *info, const struct file_user *self, bool above);

#define FILE_TEXT_SIZE 160
/* "owner root, group root, mode 0644". Returns text. */
const char *file_describe(const struct stat *info, char text[FILE_TEXT_SIZE]);

/* Whether `user` may run the code in a file. Root may run only files that nobody else can change: the file and its
 * folder must be owned by root, and writable by no other user or group; the parent folders must not be writable by
 * everybody, unless they have the sticky bit. Other users may run any file. False: why[size] has the path with its
 * owner and mode. */
bool file_is_trusted(const char *path, uid_t user, char *why, size_t size);

#endif
