/* SPDX-License-Identifier: Apache-2.0
 * Small files that are read as a whole: configuration, passwords. */
#ifndef CORE_BASE_TEXT_FILE_H
#define CORE_BASE_TEXT_FILE_H

#include <stddef.h>

/* The bytes of a regular file of at most `limit` bytes, with a NUL behind them; the caller frees them. NULL: errno
 * says why: EFBIG, EINVAL for what is no regular file, ENOMEM, or as open() and read() set it. */
char *text_file_read(const char *path, size_t limit, size_t *length);
/* The same, and what the file was that was read. */
struct stat;
char *text_file_read_with(const char *path, size_t limit, size_t *length, struct stat *info);

#endif
