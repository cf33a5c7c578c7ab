/* SPDX-License-Identifier: Apache-2.0
 * Removing the records of uploads that ended badly long ago: storage has confirmed their end, and they are kept only for people
 * to see. Any instance removes them, on the condition that nobody has written to them since. */
#ifndef CORE_JETSTREAM_RETENTION_H
#define CORE_JETSTREAM_RETENTION_H

#include "core/jetstream/store.h"

struct retention {
	const struct store *store;
	nanos age;           /* since the record was last written, by the broker's clock */
	/* Its own: the revisions of records as old that have not ended, in ascending order; they are not read again. */
	uint64_t *unended;
	size_t count;
};

/* Looks through the bucket once, and removes what there is to remove, slowly: behind each record that is read `pause` is called,
 * which waits; false: it is to stop. *removed: how many. The status: of the first request that failed. */
natsStatus retention_apply(struct retention *retention, natsConnection *connection, bool (*pause)(void *closure), void *closure,
                           size_t *removed);

void retention_free(struct retention *retention);

#endif
