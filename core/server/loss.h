/* SPDX-License-Identifier: Apache-2.0
 * Has the broker lost all that it held for the service, because it was made anew or is another one?
 *
 * "Not found" alone does not say so: a disk may not be mounted yet, or a cluster may be catching up. So the stream and the
 * bucket have to be gone together, on one connection, in answers without an error, for a minute. */
#ifndef CORE_SERVER_LOSS_H
#define CORE_SERVER_LOSS_H

#include <stdbool.h>

#include "core/base/clock.h"

enum presence {
	PRESENCE_UNKNOWN, /* no answer, or an error */
	PRESENCE_SAME,    /* it is there, and the one that was used before if there was one */
	PRESENCE_OTHER,   /* another one has its name */
	PRESENCE_MISSING
};

enum loss_verdict {
	LOSS_NONE,      /* or not known: whatever is missing has its own reasons */
	LOSS_SUSPECTED, /* it may still come back */
	LOSS_CERTAIN
};

/* All zero at the start. */
struct loss {
	nanos since;      /* both are gone without a break since then (monotonic); 0: they are not */
	nanos seen;       /* when that was last seen */
	nanos connection; /* on which connection */
};

/* So long have they to be gone. In a file of its own, so that tests can be linked with another. */
extern const nanos loss_grace;

/* What a look at both has shown. One of them at least has to be missing: of two that are other ones nothing can come back.
 * connection: unlike that of any other connection. now: monotonic. */
enum loss_verdict loss_judge(struct loss *loss, enum presence stream, enum presence bucket, nanos connection, nanos now);
/* While it is suspected: how long it takes until it is certain. */
nanos loss_left(const struct loss *loss, nanos now);

/* The most copies of the stream or the bucket that a broker was ever seen to keep, as noted in the state folder; 0: nothing
 * is noted. Versions before this one leave the file alone. */
#define LOSS_REPLICAS "replicas"
unsigned loss_replicas_read(const char *state_dir);
/* False: with `why`. */
bool loss_replicas_write(const char *state_dir, unsigned replicas, char *why, size_t size);

#endif
