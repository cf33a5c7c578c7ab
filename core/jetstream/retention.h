/* SPDX-License-Identifier: Apache-2.0
 * Removes the records of uploads that ended badly long ago. Storage has confirmed their end, and the records are kept
 * only for people to see. Any instance may remove them, on the condition that they have not been written since. */
#ifndef CORE_JETSTREAM_RETENTION_H
#define CORE_JETSTREAM_RETENTION_H

#include "core/jetstream/store.h"

struct retention {
	const struct store *store;
	nanos age; /* the minimum time since the record was last written, by the broker's clock */
	/* Internal: the revisions of old records of unfinished uploads, in ascending order; these are not read again. */
	struct revision_list {
		uint64_t *revision;
		size_t count, room;
	} unended, still_unended; /* the second one is of this round */
	struct entry_list candidates;
};

/* Takes an entry of the bucket that is not a tombstone, read with its headers only. See `take` of stream_reader.h. */
natsStatus retention_collect(void *closure, natsMsg *message, const struct bus_position *position);

/* Removes old records, slowly, after the whole bucket was collected; js NULL: that failed, and nothing is removed.
 * `pause` is called after each record read; it waits, and returns false to stop. *removed: the number of removed
 * records. Returns the status of the first failed request. */
natsStatus retention_apply(struct retention *retention, jsCtx *js, bool (*pause)(void *closure), void *closure,
                           size_t *removed);

void retention_free(struct retention *retention);

#endif
