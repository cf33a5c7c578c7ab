/* SPDX-License-Identifier: Apache-2.0
 * Takes from this process, before it loads a module, what the module has no need of.
 *
 * In layers, each where the kernel has it: resource limits, the user, no_new_privs, Landlock (files), seccomp (system
 * calls). Nothing of it can be taken back. seccomp covers what Landlock lacks, and the other way round: without
 * Landlock no file can be opened for writing at all. */
#ifndef CORE_WORKER_SANDBOX_H
#define CORE_WORKER_SANDBOX_H

#include "core/abi/protocol.h"

/* Prepares this process for `start`. `missing` gets the layers that the kernel lacks, separated by commas. False:
 * why[size] has the reason, and the module must not be loaded. */
bool sandbox_enter(const struct start_message *start, struct text *missing, char *why, size_t size);

#endif
