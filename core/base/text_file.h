/* SPDX-License-Identifier: Apache-2.0
 * Small files that are read as a whole: configuration, passwords. */
#ifndef CORE_BASE_TEXT_FILE_H
#define CORE_BASE_TEXT_FILE_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Reads a regular file of at most `limit` bytes and adds a NUL; the caller frees the result. Also returns the status of
 * the file. NULL: failed; errno has the reason: EFBIG, EINVAL for anything but a regular file, ENOMEM, or an error of
 * open() or read(). */
char *text_file_read(const char *path, size_t limit, size_t *length, struct stat *info);

/* Reads at most `size` bytes, to the end of the file. Returns the number of bytes; -1: failed; errno has the reason. */
ssize_t file_read_all(int fd, char *bytes, size_t size);

#endif
