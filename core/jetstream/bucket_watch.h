/* SPDX-License-Identifier: Apache-2.0
 * Whether the broker still has the bucket that the service has used: it is made when there never was one, but one that is
 * gone is never made anew in silence, and one that is another or an older one than before is found out. */
#ifndef CORE_JETSTREAM_BUCKET_WATCH_H
#define CORE_JETSTREAM_BUCKET_WATCH_H

#include <stdatomic.h>

#include "core/jetstream/store.h"
#include "core/jetstream/stream_watch.h"

struct bucket_watch {
	struct store *store;      /* borrowed */
	struct stream_watch watch;
	struct fact *fact;        /* of the service's readiness; or NULL */
	_Atomic nanos created;    /* shared with bucket_watch_prepare() on the bus' thread: when it was made, 0: it was never seen … */
	_Atomic nanos made;       /* … if this service has made it since it was last asked, else 0 */
	nanos longest_wait;       /* so long may an upload wait … */
	const char *longest_of;   /* … in this step; borrowed */
	nanos told_age;           /* the bus' thread's: how long it keeps records, as was said; 0: it was not … */
	bool told_memory;         /* … and that they are only in memory */
	/* The receiver's: */
	struct checkpoint position; /* as it was last seen */
	uint64_t at_least;        /* what the answer to the question cannot be below */
	struct request question;
	bool asking;              /* … is under way */
	nanos asked;              /* when it was last (monotonic) */
};

/* The state folder is read. */
void bucket_watch_init(struct bucket_watch *bucket, struct store *store, const char *state_dir);

/* A bus_prepare; the closure is the bucket. Makes it if it was never seen. */
bus_prepare bucket_watch_prepare;

/* On the bus' thread: there never was one, for all that is known. */
void bucket_watch_forget(struct bucket_watch *bucket);

/* The receiver's. Has this service made it since it was last asked? Then it is the one that is used from now on. */
bool bucket_watch_was_made(struct bucket_watch *bucket);
/* A write into it was acknowledged. */
void bucket_watch_saw(struct bucket_watch *bucket, uint64_t sequence);
/* Asks the broker about it; bucket_watch_answered() is for the mail of the question. */
void bucket_watch_ask(struct bucket_watch *bucket, struct bus *bus);
/* The same, but not more often than every few seconds. To be called about once a second. */
void bucket_watch_tick(struct bucket_watch *bucket, struct bus *bus);
/* OTHER and BEHIND: said, and from now on it is taken as it is; what is remembered of its records is not to be trusted. */
enum continuity bucket_watch_answered(struct bucket_watch *bucket, struct bus *bus);

#endif
