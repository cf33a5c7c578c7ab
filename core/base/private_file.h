/* SPDX-License-Identifier: Apache-2.0
 * Small files that only their owner may read. */
#ifndef CORE_BASE_PRIVATE_FILE_H
#define CORE_BASE_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes a file (0600) whole or not at all: beside it first, then renamed. False: errno says why. */
bool private_file_write(int folder, const char *name, const void *bytes, size_t length);

/* Reads a file as text, if nobody but the folder's owner, this user or root can have put it there: no link, no device, and
 * others may not write to it. The length, or -1: errno says why (EFBIG: it does not fit in size - 1). */
ssize_t private_file_read(int folder, const char *name, char *text, size_t size);

/* Opens a file to be read, written in place and locked; makes it (0600) if it is missing. The same holds for it, and it may have
 * no other name. -1: errno says why. */
int private_file_open(int folder, const char *name);

/* The words for an errno of these functions. */
const char *private_file_reason(int error);

#endif
