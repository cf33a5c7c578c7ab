/* SPDX-License-Identifier: Apache-2.0
 * Memory that runs out when a test wants it to. A program with scarcity.c is linked with $(SCARCITY_WRAPS): all
 * allocations of its own objects come here, and after scarcity_begin() so do jansson's. */
#ifndef TESTS_HARNESS_SCARCITY_H
#define TESTS_HARNESS_SCARCITY_H

#include <stdbool.h>

/* From now on `left` allocations succeed, then one fails, and later ones succeed again. */
void scarcity_begin(long left);
/* All succeed from now on. Returns whether one has failed since scarcity_begin(). */
bool scarcity_end(void);
/* True: allocations are not counted, and do not fail, until it is called with false. Returns the previous value. */
bool scarcity_pause(bool paused);

/* The result of a piece of work. */
enum came { CAME_RIGHT, CAME_FAILED, CAME_WRONG };

/* Does the work repeatedly, each time with a different allocation that fails. Fails the test unless the work comes
 * right without a failure, comes right or fails cleanly with one, and leaves nothing allocated. Returns the number
 * of its allocations. */
long each_fails(enum came (*work)(const void *closure), const void *closure);

#endif
