/* SPDX-License-Identifier: Apache-2.0
 * What the service remembers of a stream of the broker, kept in the state folder: which one it was, and how far it got.
 * From there a consumer that was lost is made anew, even if the service was down meanwhile, and a broker that has lost
 * the stream, or went back in time with it, is found out. */
#ifndef CORE_JETSTREAM_CHECKPOINT_H
#define CORE_JETSTREAM_CHECKPOINT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"

struct checkpoint {
	int64_t stream;    /* the stream's time of creation: a position is of one stream only; 0: nothing is known */
	uint64_t sequence; /* in the events' stream: all up to it is done with; in the bucket's: the last that was seen */
	/* Of the events' stream: */
	int64_t noted;     /* when it last got on, by our clock; 0: not known */
	uint64_t gap_end;  /* up to this one it is read by the gap's reader, see gap.h; 0: there is no gap */
	int64_t made;      /* our consumer: when it was made, 0: not known … */
	uint64_t floor;    /* … up to where it has done with all that it brings, 0: not known … */
	uint64_t count;    /* … how many deliveries that took; 0: none … */
	int64_t looked;    /* … and when that was so, by our clock */
};

/* One that several threads use: a sequence is never seen or set beside another stream than its own. */
struct shared_checkpoint {
	pthread_mutex_t lock;
	struct checkpoint position;
};
#define SHARED_CHECKPOINT(known) {.lock = PTHREAD_MUTEX_INITIALIZER, .position = (known)}

struct checkpoint shared_checkpoint_get(struct shared_checkpoint *shared);
void shared_checkpoint_set(struct shared_checkpoint *shared, const struct checkpoint *position);
/* It got as far as `sequence`, in a stream that was there at the time `when`. Word of an older stream, and of what is known
 * already, changes nothing. */
void shared_checkpoint_advance(struct shared_checkpoint *shared, int64_t when, uint64_t sequence);
/* What was seen of our consumer: the members from gap_end on. In a stream that was there when it was made, it got as far as
 * `floor`, unless there is a gap. */
void shared_checkpoint_look(struct shared_checkpoint *shared, const struct checkpoint *seen);

/* The files of the state folder. */
#define CHECKPOINT_EVENTS "position"
#define CHECKPOINT_BUCKET "bucket"

/* `of`: what uses the stream, the name of our consumer or of the bucket. False: there is none, or not of that; `position`
 * is zero then. */
bool checkpoint_read(const char *state_dir, const char *file, const char *of, struct checkpoint *position);
/* Whole or not at all. False: errno says why. */
bool checkpoint_write(const char *state_dir, const char *file, const char *of, const struct checkpoint *position);

enum continuity {
	CONTINUITY_FIRST, /* nothing is remembered of it */
	CONTINUITY_GOOD,
	CONTINUITY_OTHER, /* another stream has that name now */
	CONTINUITY_BEHIND /* the same one, but it ends before what was there: the broker went back in time */
};
/* How a stream, made at `created` and with `last` as its last sequence, stands to what is remembered. */
enum continuity checkpoint_compare(const struct checkpoint *position, int64_t created, uint64_t last);

/* A stream with several copies may end before what was seen while they catch up, after an election for example. So BEHIND counts
 * there only after some seconds in a row. *since: when it was seen first, 0 before the first call. False: compare again later. */
bool continuity_is_settled(enum continuity continuity, int64_t replicas, nanos *since, nanos now);

#endif
