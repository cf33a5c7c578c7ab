/* SPDX-License-Identifier: Apache-2.0
 * A folder for the temporary files of another process, which may be hostile: whatever it has put there, links, folders
 * in folders or modes that forbid everything, is measured and removed, and nothing else. */
#ifndef CORE_BASE_SCRATCH_FOLDER_H
#define CORE_BASE_SCRATCH_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes an empty folder (0700) in TMPDIR, or /tmp, and gives it to a user; uid (uid_t)-1: it stays ours. Returns its
 * path, which the caller frees. NULL: failed; errno has the reason. */
char *scratch_folder_make(uid_t uid, gid_t gid);

/* What all its files occupy, in bytes. INT64_MAX: more than 10,000 files, too deep, or hidden. */
int64_t scratch_folder_size(const char *path);

/* Removes it, once no process uses it. If there is much in it, a thread does the rest. */
void scratch_folder_remove(const char *path);

#endif
