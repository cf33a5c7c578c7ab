/* SPDX-License-Identifier: Apache-2.0
 * The uploads of which nothing is remembered but when somebody has to look at them again: all that a million of them
 * cost is a hundred bytes each. Their records are in the bucket. */
#ifndef CORE_COORDINATOR_DEFERRED_H
#define CORE_COORDINATOR_DEFERRED_H

#include "core/base/slab.h"
#include "core/base/table.h"
#include "core/base/timers.h"

enum waits_for {
	WAITS_FOR_TIME,
	WAITS_FOR_ANSWER, /* but not for ever */
	WAITS_FOR_COUNT
};

struct deferred {
	struct slab slab;
	struct table table;
	struct timers due[WAITS_FOR_COUNT];
};

void deferred_init(struct deferred *deferred);
void deferred_free(struct deferred *deferred);

/* No upload of this ID may be there already. */
void deferred_add(struct deferred *deferred, const char *id, enum waits_for what, nanos at);
/* When the upload is due; 0: it does not wait. */
nanos deferred_find(const struct deferred *deferred, const char *id);
/* It waits no longer. Returns when it would have been due; 0: it did not wait. */
nanos deferred_take(struct deferred *deferred, const char *id);

/* The one that is due first, its ID to be used before the next call that changes anything; NULL: nobody waits for it. */
const char *deferred_first(const struct deferred *deferred, enum waits_for what, nanos *at);

size_t deferred_count(const struct deferred *deferred);

#endif
