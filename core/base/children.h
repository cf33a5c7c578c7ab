/* SPDX-License-Identifier: Apache-2.0
 * The children of a process, also those that became its own when their parent ended (PR_SET_CHILD_SUBREAPER). */
#ifndef CORE_BASE_CHILDREN_H
#define CORE_BASE_CHILDREN_H

#include <sys/types.h>

/* Calls a function for each child of this process. Some may be missing while others are started or end. */
void children_each(void (*each)(void *closure, pid_t child), void *closure);
/* The same for the children of another process. */
void children_each_of(pid_t process, void (*each)(void *closure, pid_t child), void *closure);

#endif
