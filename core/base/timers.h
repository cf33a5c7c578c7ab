/* SPDX-License-Identifier: Apache-2.0
 * A heap of due times. A timer is part of what it belongs to; the heap only points at it. */
#ifndef CORE_BASE_TIMERS_H
#define CORE_BASE_TIMERS_H

#include <stddef.h>

#include "core/base/clock.h"

struct timer {
	nanos at;
	size_t place; /* in the heap, from 1; 0: not set */
};

struct timers {
	struct timer **heap; /* from place 1 */
	size_t count, size;
};

/* Sets a timer; one that is set already gets the new time. */
void timers_set(struct timers *timers, struct timer *timer, nanos at);
void timers_unset(struct timers *timers, struct timer *timer); /* fine when it is not set */

/* The earliest; NULL: none is set. */
struct timer *timers_first(const struct timers *timers);

/* Sets all that are set to `at`. */
void timers_hasten(struct timers *timers, nanos at);

void timers_free(struct timers *timers);

#endif
