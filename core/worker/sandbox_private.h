/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_WORKER_SANDBOX_PRIVATE_H
#define CORE_WORKER_SANDBOX_PRIVATE_H

#include "core/worker/sandbox.h"

/* Restricts the file system. *active: the kernel has Landlock. False: why[size] has the reason. */
bool files_restrict(const struct start_message *start, bool *active, char *why, size_t size);

/* Restricts the system calls. readonly: nothing else restricts writing to files. False: why[size] has the reason. */
bool calls_restrict(const struct start_message *start, bool readonly, char *why, size_t size);

#endif
