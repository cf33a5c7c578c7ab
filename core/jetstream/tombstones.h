/* SPDX-License-Identifier: Apache-2.0
 * Clearing away the bucket's deletion markers, slowly and in the background: each deleted record leaves one, and
 * nobody else ever removes them. A marker says up to which event its upload is over, for a delivery that comes late, so
 * only old ones go, and never the last message of the bucket. Some say how long they have to stay: an instance may wait
 * until then for the upload's time, and is to learn then that it is over. */
#ifndef CORE_JETSTREAM_TOMBSTONES_H
#define CORE_JETSTREAM_TOMBSTONES_H

#include "core/base/metrics.h"
#include "core/jetstream/checkpoint.h"
#include "core/jetstream/store.h"

struct tombstones;

struct tombstones_options {
	const struct store *store;
	const struct broker_address *address;
	struct shared_checkpoint *applied; /* the events' stream is trimmed up to it; NULL: it is not ours to trim */
	struct permission_scope permissions;
	nanos retention;                 /* records of uploads that ended badly are removed after so long, see retention.h; 0: never */
	struct counter *expired;         /* counts these */
};

/* Starts the thread that looks through the bucket every now and then. The options are copied, what they point to is borrowed.
 * NULL: out of memory or threads. */
struct tombstones *tombstones_start(const struct tombstones_options *options);
void tombstones_stop(struct tombstones *tombstones); /* NULL is fine */

/* Looks through the bucket once, here and now, and removes the markers that are older than `age`: how many; -1: the broker
 * could not be asked. */
long tombstones_clear(const struct store *store, const struct broker_address *address, nanos age);

#endif
