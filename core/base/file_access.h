/* SPDX-License-Identifier: Apache-2.0
 * Who can read and change a file that decides what the service does. */
#ifndef CORE_BASE_FILE_ACCESS_H
#define CORE_BASE_FILE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Whom a file may belong to, beside root. */
struct file_user {
	uid_t user;
	gid_t group;
};

/* How others than root and `self` can change a file or folder, in words ("writable by everybody"); NULL: they cannot. `above`:
 * it is a folder further up, where only everybody's right to rename is looked at, which the sticky bit takes away. */
const char *file_weakness(const struct stat *info, const struct file_user *self, bool above);

#define FILE_TEXT_SIZE 160
/* "owner root, group root, mode 0644". Returns text. */
const char *file_describe(const struct stat *info, char text[FILE_TEXT_SIZE]);

/* Whether `user` may run the code in a file. Root may run only what nobody else can change: file and folder have to be root's
 * own, and not writable by others, nor by a group but root's; folders above them not by everybody, but for those with the
 * sticky bit. For any other user: always. False: why[size] names the path, its owner and mode. */
bool file_is_trusted(const char *path, uid_t user, char *why, size_t size);

#endif
