/* SPDX-License-Identifier: Apache-2.0
 * Uploads of which nothing is remembered but their ID and the time at which they are due. Their records are in the
 * bucket.
 *
 * A million uploads may wait for a delay or for storage. One of them costs about 100 bytes with a UUID as its ID, where
 * a record costs kilobytes (tests/coordinator/test_deferred.c allows 120).
 *
 * There are two heaps of times, as uploads that wait for an answer from the bus may be left alone while that answer may
 * be among the events that have not been delivered yet. Of a million uploads that waited for storage behind a backlog,
 * each record was read 1.6 times in vain before. */
#ifndef CORE_COORDINATOR_DEFERRED_H
#define CORE_COORDINATOR_DEFERRED_H

#include "core/base/clock.h"
#include "core/base/heap.h"
#include "core/base/table.h"

enum waits_for {
	WAITS_FOR_TIME,
	WAITS_FOR_ANSWER, /* until its time has come */
	WAITS_FOR_COUNT
};

struct deferred {
	struct table table;
	struct heap due[WAITS_FOR_COUNT];
};

void deferred_init(struct deferred *deferred);
void deferred_free(struct deferred *deferred);

/* Defers an upload, which must not be deferred already, until `at`. */
void deferred_add(struct deferred *deferred, const char *id, enum waits_for what, nanos at);
/* When the upload is due; 0: it is not deferred. */
nanos deferred_find(const struct deferred *deferred, const char *id);
/* Removes the upload. Returns when it would have been due; 0: it was not deferred. */
nanos deferred_take(struct deferred *deferred, const char *id);
/* The upload that is due first, and when. The ID is valid until the next change. NULL: none waits for that. */
const char *deferred_first(const struct deferred *deferred, enum waits_for what, nanos *at);

size_t deferred_count(const struct deferred *deferred);

#endif
