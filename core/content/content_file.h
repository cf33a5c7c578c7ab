/* SPDX-License-Identifier: Apache-2.0
 * The file:// side of a content reader: opens regular files below the allowed folders, and nothing else.
 * Only core/content/content.c uses it. */
#ifndef CORE_CONTENT_CONTENT_FILE_H
#define CORE_CONTENT_CONTENT_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Opens the file of a file:// URL for reading: its descriptor, which the caller closes, and its size. -1: the
 * reason is in error[size]; it names no path. `roots` is NULL-terminated, or NULL: nothing is allowed. The kernel
 * resolves the path from the root on and refuses what leads out of it: "..", absolute links, relative links. */
int content_file_open(const char *url, char *const *roots, int64_t *bytes, char *error, size_t size);

#endif
