/* SPDX-License-Identifier: Apache-2.0
 * Checks that the broker still has the bucket that the service has used. The bucket is created if there never was one.
 * A missing bucket is never silently created again, and a replaced or rolled-back bucket is detected. */
#ifndef CORE_JETSTREAM_BUCKET_WATCH_H
#define CORE_JETSTREAM_BUCKET_WATCH_H

#include <stdatomic.h>

#include "core/jetstream/store.h"
#include "core/jetstream/stream_watch.h"

struct bucket_watch {
	struct store *store; /* borrowed */
	struct stream_watch watch;
	struct fact *fact; /* of the service's readiness; or NULL */
	/* Shared with bucket_watch_prepare() on the bus' thread: */
	_Atomic nanos created;  /* the bucket's creation time; 0: it was never seen */
	_Atomic nanos made;     /* its creation time, if this service has created it since the last query; else 0 */
	nanos longest_wait;     /* the longest time that an upload may wait … */
	const char *longest_of; /* … and what for; borrowed */
	_Atomic nanos age;      /* the maximum age of its records, after which they are deleted; 0: none */
	/* For the bus' thread: */
	bool told_memory; /* it was logged that the records are only in memory */
	/* For the receiver: */
	struct checkpoint position; /* the last known state */
	uint64_t at_least;          /* the revision that the answer has to reach */
	struct request question;
	bool asking; /* the question is in progress */
	nanos asked; /* when it was last asked (monotonic) */
};

/* Reads the checkpoint from the state folder. */
void bucket_watch_init(struct bucket_watch *bucket, struct store *store, const char *state_dir);

/* A bus_prepare; the closure is the bucket watch. Creates the bucket if it was never seen. */
bus_prepare bucket_watch_prepare;

/* Other steps are configured: warns if the bucket deletes records sooner than this. */
void bucket_watch_compare(const struct bucket_watch *bucket, nanos longest_wait, const char *of);

/* On the bus' thread: forgets that there ever was a bucket. */
void bucket_watch_forget(struct bucket_watch *bucket);

/* For the receiver: whether this service has created the bucket since the last call. If so, this bucket is used from
 * now on. */
bool bucket_watch_was_made(struct bucket_watch *bucket);
/* A write to the bucket was acknowledged. */
void bucket_watch_saw(struct bucket_watch *bucket, uint64_t sequence);
/* Asks the broker about the bucket; the answer's mail goes to bucket_watch_answered(). */
void bucket_watch_ask(struct bucket_watch *bucket, struct bus *bus);
/* The same, but only every few seconds. Called about once a second. */
void bucket_watch_tick(struct bucket_watch *bucket, struct bus *bus);
/* OTHER and BEHIND are logged. The bucket is accepted as it is from now on, and remembered records cannot be
 * trusted. */
enum continuity bucket_watch_answered(struct bucket_watch *bucket, struct bus *bus);

#endif
