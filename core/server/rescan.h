/* SPDX-License-Identifier: Apache-2.0
 * When the whole bucket has to be read: at the start, and again whenever what it holds may be for us to look after that
 * was not before. A reading that does not get to its end is made again. */
#ifndef CORE_SERVER_RESCAN_H
#define CORE_SERVER_RESCAN_H

#include <stdbool.h>

#include "core/base/clock.h"

/* All zero at the start. Times are monotonic. */
struct rescan {
	bool complete;    /* the bucket was read to its end, and nothing has happened since */
	bool under_way;
	bool outdated;    /* something happened while it was being read: what was passed over is to be seen */
	nanos not_before; /* the next */
};

/* Another instance has died, or the bucket is not what it was. */
void rescan_again(struct rescan *rescan);
/* The broker is back: no reason to wait. */
void rescan_hasten(struct rescan *rescan);
/* Is a reading to begin now, given a broker that is there? */
bool rescan_due(const struct rescan *rescan, nanos now);
/* One has begun. */
void rescan_begun(struct rescan *rescan);
/* It is over. `complete`: it got to the end. */
void rescan_ended(struct rescan *rescan, bool complete, nanos now);

#endif
