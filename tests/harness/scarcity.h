/* SPDX-License-Identifier: Apache-2.0
 * Memory that runs out when a test says so. A program with scarcity.c is linked with $(SCARCITY_WRAPS): all allocations
 * of its own objects come here, and so do jansson's once scarcity_begin() was called. */
#ifndef TESTS_HARNESS_SCARCITY_H
#define TESTS_HARNESS_SCARCITY_H

#include <stdbool.h>

/* From now on `left` allocations succeed, then one fails, and those after it succeed again. */
void scarcity_begin(long left);
/* All succeed from now on. Returns whether one has failed since scarcity_begin(). */
bool scarcity_end(void);
/* True: allocations are not counted, and do not fail, until it is called with false. Returns what it was before. */
bool scarcity_pause(bool paused);

/* What a piece of work came to. */
enum came { CAME_RIGHT, CAME_FAILED, CAME_WRONG };

/* Does the work again and again, each time with another allocation that fails. Fails the test unless it comes right
 * without a failure, and with one right or failed, and leaves nothing allocated. Returns how many allocations it has.
 */
long each_fails(enum came (*work)(const void *closure), const void *closure);

#endif
