/* SPDX-License-Identifier: Apache-2.0
 * The stable name of this instance, under which it owns records. Each service that runs on a state folder takes
 * the first name that no other one holds, so that a service that comes back after a crash has the name it had. */
#ifndef CORE_SERVER_INSTANCE_H
#define CORE_SERVER_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/log.h"
#include "core/upload/record.h"

/* Takes a name; makes the folder if need be. The descriptor in *lock holds it until it is closed (which the process' death does
 * too). False: with the reason in why[size]. */
bool instance_take(const char *state_dir, const struct log *log, char name[OWNER_LIMIT], int *lock, char *why, size_t size);

#endif
