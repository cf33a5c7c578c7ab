/* SPDX-License-Identifier: Apache-2.0
 * Small files that only their owner may read. */
#ifndef CORE_BASE_PRIVATE_FILE_H
#define CORE_BASE_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes a file (0600) atomically, by renaming a temporary file. False: failed; errno has the reason. */
bool private_file_write(int folder, const char *name, const void *bytes, size_t length);

/* Reads a file as text, if only the folder's owner, this user or root can have created it: it must not be a link or a
 * device, and other users must not be able to write to it. Returns the length; -1: failed, errno has the reason (EFBIG:
 * longer than size - 1). */
ssize_t private_file_read(int folder, const char *name, char *text, size_t size);

/* Opens a file for reading, writing in place and locking, and creates it (0600) if it is missing. The same conditions
 * apply, and the file must have no other name. -1: failed; errno has the reason. */
int private_file_open(int folder, const char *name);

/* A text for an errno of these functions. */
const char *private_file_reason(int error);

#endif
