/* SPDX-License-Identifier: Apache-2.0
 * A kernel without Landlock, as far as a process can tell. */
#ifndef TESTS_HARNESS_NO_LANDLOCK_H
#define TESTS_HARNESS_NO_LANDLOCK_H

#include <stdbool.h>

/* From now on, this process and those that it starts have no Landlock. It cannot be undone. False: the kernel has no
 * seccomp. */
bool landlock_remove(void);

#endif
