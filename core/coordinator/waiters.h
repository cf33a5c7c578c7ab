/* SPDX-License-Identifier: Apache-2.0
 * The uploads of which nothing is remembered but when somebody has to look at them again: all that a million of them
 * cost is a hundred bytes each. Their records are in the bucket. */
#ifndef CORE_COORDINATOR_WAITERS_H
#define CORE_COORDINATOR_WAITERS_H

#include "core/base/cells.h"
#include "core/base/table.h"
#include "core/base/timers.h"

enum waits_for {
	WAITS_FOR_TIME,
	WAITS_FOR_ANSWER, /* but not for ever */
	WAITS_FOR_COUNT
};

struct waiters {
	struct cells cells;
	struct table table;
	struct timers due[WAITS_FOR_COUNT];
};

/* False: out of memory. */
bool waiters_init(struct waiters *waiters);
void waiters_free(struct waiters *waiters);

/* Nobody of this ID may wait already. False: out of memory. */
bool waiters_add(struct waiters *waiters, const char *id, enum waits_for what, nanos at);
/* When the upload is due; 0: it does not wait. */
nanos waiters_find(const struct waiters *waiters, const char *id);
/* It waits no longer. Returns when it would have been due; 0: it did not wait. */
nanos waiters_take(struct waiters *waiters, const char *id);

/* The one that is due first, its ID to be used before the next call that changes anything; NULL: nobody waits for it. */
const char *waiters_first(const struct waiters *waiters, enum waits_for what, nanos *at);

/* That one is due at `at` instead. */
void waiters_put_off(struct waiters *waiters, enum waits_for what, nanos at);

size_t waiters_count(const struct waiters *waiters);

#endif
