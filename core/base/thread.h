/* SPDX-License-Identifier: Apache-2.0
 * Locks and condition variables. The time limits of a condition variable are those of clock_monotonic(), so that a step
 * of the wall clock neither shortens nor lengthens a wait.
 *
 * With the attributes used here the C library has nothing to allocate, and making one cannot fail. Should it fail on
 * another system, the process ends. */
#ifndef CORE_BASE_THREAD_H
#define CORE_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "core/base/clock.h"

void lock_init(pthread_mutex_t *lock);
void condition_init(pthread_cond_t *condition);

/* Waits with the lock held, at most until then (clock_monotonic()). False: that time has come. As with
 * pthread_cond_wait(), true does not mean that what is awaited has happened. */
bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, nanos until);

#endif
