/* SPDX-License-Identifier: Apache-2.0
 * A copy of the bytes of one upload: in a sealed memory file, or in a file on disk that has no name, so that nothing is
 * left of it when the service ends, however it ends. One thread writes it. Once it is complete, nobody can change it.
 */
#ifndef CORE_CONTENT_COPY_H
#define CORE_CONTENT_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/clock.h"

#define COPY_ERROR_SIZE 512
/* 64 hex digits. */
#define COPY_DIGEST_SIZE 65

struct copy;

enum copy_place { COPY_IN_MEMORY, COPY_ON_DISK };

/* Begins a copy of `expected` bytes; -1: unknown. `folder`: of files on disk, which is created if it is missing. The
 * file system keeps some free space, see disk_room.h. NULL: failed; `error` has the reason. */
struct copy *copy_create(enum copy_place place, const char *folder, int64_t expected, char error[COPY_ERROR_SIZE]);
void copy_free(struct copy *copy);

/* Appends bytes. False: failed. */
bool copy_write(struct copy *copy, const void *bytes, size_t length, char error[COPY_ERROR_SIZE]);
/* Appends what a file has from its first byte on. False: failed. */
bool copy_fill(struct copy *copy, int file, char error[COPY_ERROR_SIZE]);
/* All bytes are there. False: failed. */
bool copy_complete(struct copy *copy, char error[COPY_ERROR_SIZE]);

enum copy_place copy_place(const struct copy *copy);
int64_t copy_size(const struct copy *copy);

/* Of a complete copy, for any thread: */

/* Opens it for reading, with a position of its own. The caller closes the descriptor. -1: failed (errno). */
int copy_open(const struct copy *copy);
/* Reads at a position, as pread(). */
ssize_t copy_read(const struct copy *copy, void *bytes, size_t size, int64_t position);
/* Computes the SHA-256 of the bytes. `deadline`: wall clock; `cancel_fd`: ends it early when it becomes readable; -1:
 * none. False: failed. */
bool copy_digest(const struct copy *copy, nanos deadline, int cancel_fd, char digest[COPY_DIGEST_SIZE],
                 char error[COPY_ERROR_SIZE]);

/* The default of [content] copy_memory. */
#define COPY_MEMORY (INT64_C(4) << 20)
/* Where copies are without a configured folder: in TMPDIR, or in /var/tmp. The caller frees it. */
char *copy_default_folder(void);

/* Opens the folder for copies, and creates it if it is missing. -1: failed. */
int copy_folder_open(const char *folder, char error[COPY_ERROR_SIZE]);

#endif
