/* SPDX-License-Identifier: Apache-2.0
 * The programs that the modules of worker processes have started, and that outlive their worker: they become children
 * of the service, and are killed.
 *
 * They are told from its other children by their seccomp filter, which they have from their worker and cannot lose.
 * Worker processes have the filter, too. The list of them is global, as the children are those of the whole process:
 * workers of the pools, of checks and of trials, started by several threads. */
#ifndef CORE_STEPS_ORPHANS_H
#define CORE_STEPS_ORPHANS_H

#include <stdbool.h>
#include <sys/types.h>

/* From now on they become children of this process. */
void orphans_adopt(void);

/* A worker process. To be called before it enters its sandbox, and once it is reaped. */
void orphans_note_worker(pid_t pid);
void orphans_forget_worker(pid_t pid);

/* Kills them, and theirs. */
void orphans_end(void);

#endif
