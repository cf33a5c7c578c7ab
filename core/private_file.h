/* SPDX-License-Identifier: Apache-2.0
 * Small files that only their owner may read. */
#ifndef CORE_PRIVATE_FILE_H
#define CORE_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Makes a folder with all that lead to it, those that are missing with mode 0700. False: errno says why. */
bool private_folder_make(const char *path);

/* Writes a file (0600) whole or not at all: beside it first, then renamed. False: errno says why. */
bool private_file_write(int folder, const char *name, const void *bytes, size_t length);

/* Reads a file as text. The length, or -1: errno says why (EFBIG: it does not fit in size - 1). */
ssize_t private_file_read(int folder, const char *name, char *text, size_t size);

#endif
