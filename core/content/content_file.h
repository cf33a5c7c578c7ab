/* SPDX-License-Identifier: Apache-2.0
 * The file:// part of a content reader. It opens only regular files in the allowed folders.
 * Only core/content/content.c uses it. */
#ifndef CORE_CONTENT_CONTENT_FILE_H
#define CORE_CONTENT_CONTENT_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Opens the file of a file:// URL for reading. Returns its descriptor, which the caller closes, and sets *bytes to its
 * size. -1: failed; error[size] has the reason, without the path. `roots` is NULL-terminated; NULL: nothing is allowed.
 * The kernel resolves the path beneath the root and rejects anything that leads out of it: "..", absolute links,
 * relative links. */
int content_file_open(const char *url, char *const *roots, int64_t *bytes, char *error, size_t size);

#endif
