/* SPDX-License-Identifier: Apache-2.0
 * The children of this process, also those that became its own when their parent ended (PR_SET_CHILD_SUBREAPER). */
#ifndef CORE_BASE_CHILDREN_H
#define CORE_BASE_CHILDREN_H

#include <sys/types.h>

/* Calls a function for each. Some may be missing while others are started or end. */
void children_each(void (*each)(void *closure, pid_t child), void *closure);

#endif
