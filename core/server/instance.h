/* SPDX-License-Identifier: Apache-2.0
 * The stable name of this instance, under which it owns records. Each service that runs on a state folder takes
 * the first name that no other one holds, so that a service that comes back after a crash has the name it had.
 *
 * The file of an instance holds the name and, after an end for want of memory, a line break and the nonce of that process. */
#ifndef CORE_SERVER_INSTANCE_H
#define CORE_SERVER_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/log.h"
#include "core/upload/record.h"

/* Takes a name; makes the folder if need be. The descriptor in *lock holds it until it is closed (which the process' death does
 * too). False: with the reason in why[size]. */
bool instance_take(const char *state_dir, const struct log *log, char name[OWNER_LIMIT], int *lock, char *why, size_t size);

/* Notes, in the file that `lock` holds, that the process of this nonce ends because it is out of memory. Does not allocate. A note
 * that cannot be written is left out. */
void instance_note_end(int lock, const char *name, const char *nonce);
/* Reads the note of the process that had the name before, and removes it: its nonce; "" if there is none. */
void instance_take_note(int lock, const char *name, char nonce[WRITER_LIMIT]);

#endif
