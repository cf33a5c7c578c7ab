/* SPDX-License-Identifier: Apache-2.0
 * What the service remembers of a stream of the broker, kept in the state folder: which one it was, and how far it got.
 * From there a consumer that was lost is made anew, even if the service was down meanwhile, and a broker that has lost
 * the stream, or went back in time with it, is found out. */
#ifndef CORE_JETSTREAM_POSITION_H
#define CORE_JETSTREAM_POSITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"

struct position {
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
struct shared_position {
	pthread_mutex_t lock;
	struct position position;
};
#define SHARED_POSITION(known) {.lock = PTHREAD_MUTEX_INITIALIZER, .position = (known)}

struct position shared_position_get(struct shared_position *shared);
void shared_position_set(struct shared_position *shared, const struct position *position);
/* It got as far as `sequence`, in a stream that was there at the time `when`. Word of an older stream, and of what is known
 * already, changes nothing. */
void shared_position_advance(struct shared_position *shared, int64_t when, uint64_t sequence);
/* What was seen of our consumer: the members from gap_end on. In a stream that was there when it was made, it got as far as
 * `floor`, unless there is a gap. */
void shared_position_look(struct shared_position *shared, const struct position *seen);

/* The files of the state folder. */
#define POSITION_EVENTS "position"
#define POSITION_BUCKET "bucket"

/* `of`: what uses the stream, the name of our consumer or of the bucket. False: there is none, or not of that; `position`
 * is zero then. */
bool position_read(const char *state_dir, const char *file, const char *of, struct position *position);
/* Whole or not at all. False: errno says why. */
bool position_write(const char *state_dir, const char *file, const char *of, const struct position *position);

enum standing {
	STANDING_FIRST, /* nothing is remembered of it */
	STANDING_GOOD,
	STANDING_OTHER, /* another stream has that name now */
	STANDING_BEHIND /* the same one, but it ends before what was there: the broker went back in time */
};
/* How a stream, made at `created` and with `last` as its last sequence, stands to what is remembered. */
enum standing position_compare(const struct position *position, int64_t created, uint64_t last);

/* A stream with several copies may end before what was seen while they catch up, after an election for example. So BEHIND counts
 * there only after some seconds in a row. *since: when it was seen first, 0 before the first call. False: compare again later. */
bool standing_is_settled(enum standing standing, int64_t replicas, nanos *since, nanos now);

#endif
