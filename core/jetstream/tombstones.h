/* SPDX-License-Identifier: Apache-2.0
 * Purges the bucket's tombstones slowly in the background. Each deleted record leaves one, and nothing else removes
 * them. A tombstone protects against late deliveries of events of a finished upload, so only old ones are purged, and
 * never the last message of the bucket. Some tombstones say how long they have to stay: until then, an instance may
 * wait for the upload's due time, and has to find out that the upload has ended. */
#ifndef CORE_JETSTREAM_TOMBSTONES_H
#define CORE_JETSTREAM_TOMBSTONES_H

#include "core/base/metrics.h"
#include "core/jetstream/checkpoint.h"
#include "core/jetstream/store.h"

struct tombstones;

struct tombstones_options {
	const struct store *store;
	const struct broker_address *address;
	struct shared_checkpoint *applied; /* the event stream is trimmed up to here; NULL: it is not ours to trim */
	struct permission_scope permissions;
	nanos retention;         /* the age at which records of uploads that ended badly are removed; 0: never */
	struct counter *expired; /* counts removed records */
};

/* Starts the thread that scans the bucket at intervals. The options are copied, what they point to is borrowed. NULL:
 * no thread. */
struct tombstones *tombstones_start(const struct tombstones_options *options);
void tombstones_stop(struct tombstones *tombstones); /* NULL is fine */

/* Scans the bucket once, synchronously, and purges tombstones older than `age`. Returns their number; -1: the broker
 * could not be reached. */
long tombstones_clear(const struct store *store, const struct broker_address *address, nanos age);

#endif
