/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/thread.h"

#include <stdlib.h>
#include <time.h>

void lock_init(pthread_mutex_t *lock)
{
	if (pthread_mutex_init(lock, NULL) != 0)
		abort();
}

void condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t monotonic;
	if (pthread_condattr_init(&monotonic) != 0 || pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) != 0 ||
	    pthread_cond_init(condition, &monotonic) != 0)
		abort();
	pthread_condattr_destroy(&monotonic);
}

bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, nanos until)
{
	struct timespec limit = {.tv_sec = (time_t)(until / SECOND), .tv_nsec = (long)(until % SECOND)};
	return pthread_cond_timedwait(condition, lock, &limit) == 0;
}
