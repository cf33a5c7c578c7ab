/* SPDX-License-Identifier: Apache-2.0
 * What the service remembers about a stream of the broker, stored in the state folder: which stream it was, and how far
 * it has been processed. A lost consumer is created again from this position, even if the service was down in between.
 * The checkpoint also reveals that the broker has lost the stream or gone back to an earlier state. */
#ifndef CORE_JETSTREAM_CHECKPOINT_H
#define CORE_JETSTREAM_CHECKPOINT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"

struct checkpoint {
	int64_t stream;    /* the stream's creation time: a position is valid for one stream only; 0: nothing is known */
	uint64_t sequence; /* event stream: everything up to here is processed; bucket's stream: the last sequence seen */
	/* For the event stream only: */
	int64_t noted;    /* when `sequence` last advanced, by our clock; 0: unknown */
	uint64_t gap_end; /* the gap reader reads up to this sequence, see gap.h; 0: there is no gap */
	int64_t made;     /* our consumer's creation time; 0: unknown */
	uint64_t floor;   /* our consumer has processed everything that it delivers up to here; 0: unknown */
	uint64_t count;   /* the number of deliveries needed for that; 0: none */
	int64_t looked;   /* when this was observed, by our clock */
};

/* A checkpoint shared by threads: a sequence is never read or set together with another stream than its own. */
struct shared_checkpoint {
	pthread_mutex_t lock;
	struct checkpoint position;
};
#define SHARED_CHECKPOINT(known) \
	{ \
		.lock = PTHREAD_MUTEX_INITIALIZER, .position = (known) \
	}

struct checkpoint shared_checkpoint_get(struct shared_checkpoint *shared);
void shared_checkpoint_set(struct shared_checkpoint *shared, const struct checkpoint *position);
/* Advances to `sequence`, in the stream that existed at the time `when`. Reports about an older stream, or about a
 * position already known, change nothing. */
void shared_checkpoint_advance(struct shared_checkpoint *shared, int64_t when, uint64_t sequence);
/* Stores what was observed of our consumer: the members from gap_end on. In a stream that existed when the consumer was
 * created, processing has advanced to `floor`, unless there is a gap. */
void shared_checkpoint_look(struct shared_checkpoint *shared, const struct checkpoint *seen);

/* The files of the state folder. */
#define CHECKPOINT_EVENTS "position"
#define CHECKPOINT_BUCKET "bucket"

/* `of`: the user of the stream, which is the name of our consumer or of the bucket. False: there is no checkpoint, or
 * it belongs to another user; `position` is zero then. */
bool checkpoint_read(const char *state_dir, const char *file, const char *of, struct checkpoint *position);
/* Writes the file atomically. False: failed; errno has the reason. */
bool checkpoint_write(const char *state_dir, const char *file, const char *of, const struct checkpoint *position);

enum continuity {
	CONTINUITY_FIRST, /* nothing is remembered about the stream */
	CONTINUITY_GOOD,
	CONTINUITY_OTHER, /* another stream has this name now */
	CONTINUITY_BEHIND /* the same stream, but it ends before the last sequence seen: the broker went back in time */
};
/* Compares a stream, created at `created` and ending at `last`, with the checkpoint. */
enum continuity checkpoint_compare(const struct checkpoint *position, int64_t created, uint64_t last);

/* Initially all zero. */
struct catch_up {
	nanos since; /* the stream has been BEHIND at each look since then (monotonic); 0: it is not */
	nanos seen;  /* the last look */
};
/* A replicated stream may end early while its replicas catch up, for example after an election. There, BEHIND counts
 * only if it persists for half a minute, during which the stream is looked at every few seconds. now: monotonic. False:
 * compare again later. */
bool continuity_is_settled(enum continuity continuity, int64_t replicas, struct catch_up *behind, nanos now);

#endif
