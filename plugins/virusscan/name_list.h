/* SPDX-License-Identifier: Apache-2.0
 * A list that an administrator keeps: SHA-256 digests of files and names of signatures, one in each line of a file.
 * What follows a digest in its line is ignored, so that sha256sum can make the list. Ignored are also empty lines, and
 * what follows a # at the beginning of a line or after a blank. */
#ifndef VIRUSSCAN_NAME_LIST_H
#define VIRUSSCAN_NAME_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_LIST_SIZE_LIMIT ((size_t)16 << 20)

struct name_list;

/* Reads a list. NULL: `why` says what is wrong, with the line. */
struct name_list *name_list_read(const char *path, char *why, size_t size);
/* NULL is fine. */
void name_list_free(struct name_list *list);

/* The number of the line that has exactly this text, of a digest in small letters; 0: none, or list is NULL. */
size_t name_list_find(const struct name_list *list, const char *text);
/* Whether it has digests. */
bool name_list_has_digests(const struct name_list *list);

#endif
