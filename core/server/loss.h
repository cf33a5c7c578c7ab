/* SPDX-License-Identifier: Apache-2.0
 * Detects that the broker has lost all data of the service because it was set up again or replaced.
 *
 * "Not found" alone does not prove a loss: a disk may not be mounted yet, or a cluster may be catching up. The loss is
 * certain when the stream and the bucket have both been missing for a minute, on one connection and without any
 * error. */
#ifndef CORE_SERVER_LOSS_H
#define CORE_SERVER_LOSS_H

#include <stdbool.h>

#include "core/base/clock.h"

enum presence {
	PRESENCE_UNKNOWN, /* no answer, or an error */
	PRESENCE_SAME,    /* it exists, and is the one used before, if there was one */
	PRESENCE_OTHER,   /* a different one has its name */
	PRESENCE_MISSING
};

enum loss_verdict {
	LOSS_NONE,      /* or unknown: anything missing has another cause */
	LOSS_SUSPECTED, /* the data may still come back */
	LOSS_CERTAIN
};

/* Initially all zero. */
struct loss {
	nanos since;      /* both have been missing without interruption since then (monotonic); 0: not missing */
	nanos seen;       /* when this was last observed */
	nanos connection; /* the connection on which it was observed */
};

/* How long both must be missing. Defined in its own file so that tests can link another value. */
extern const nanos loss_grace;

/* Judges one observation of both. A loss requires that at least one is missing: if both were replaced, nothing can come
 * back. connection: a value unique to the connection. now: monotonic. */
enum loss_verdict loss_judge(struct loss *loss, enum presence stream, enum presence bucket, nanos connection,
                             nanos now);
/* While a loss is suspected: the time until it is certain. */
nanos loss_left(const struct loss *loss, nanos now);

/* The highest number of replicas of the stream or the bucket ever observed, as stored in the state folder; 0: not
 * stored. Earlier versions ignore the file. */
#define LOSS_REPLICAS "replicas"
unsigned loss_replicas_read(const char *state_dir);
/* False: failed; `why` has the reason. */
bool loss_replicas_write(const char *state_dir, unsigned replicas, char *why, size_t size);

#endif
