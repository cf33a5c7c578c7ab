/* SPDX-License-Identifier: Apache-2.0
 * The stable name of this instance, under which it owns records. Each service that uses a state folder takes the first
 * name that no other service holds, so a service that restarts after a crash gets its old name back.
 *
 * The file of an instance contains the name. After the process ended because it was out of memory, a line break and the
 * nonce of that process follow. */
#ifndef CORE_SERVER_INSTANCE_H
#define CORE_SERVER_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/log.h"
#include "core/upload/record.h"

/* Takes a name, and creates the folder if necessary. The descriptor in *lock holds the name until it is closed, which
 * also happens when the process dies. False: failed; why[size] has the reason. */
bool instance_take(const char *state_dir, const struct log *log, char name[OWNER_LIMIT], int *lock, char *why,
                   size_t size);

/* Notes, in the file that `lock` holds, that the process of this nonce ends because it is out of memory. Does not
 * allocate. A note that cannot be written is left out. */
void instance_note_end(int lock, const char *name, const char *nonce);
/* Reads the note of the process that had the name before, and removes it: its nonce; "" if there is none. */
void instance_take_note(int lock, const char *name, char nonce[WRITER_LIMIT]);

#endif
