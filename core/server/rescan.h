/* SPDX-License-Identifier: Apache-2.0
 * Decides when to read the whole bucket: at startup, and again whenever it may contain records that this instance has
 * become responsible for. A scan that does not finish is repeated. */
#ifndef CORE_SERVER_RESCAN_H
#define CORE_SERVER_RESCAN_H

#include <stdbool.h>

#include "core/base/clock.h"

/* Initially all zero. Times are monotonic. */
struct rescan {
	bool complete; /* the bucket was read completely, and nothing has happened since */
	bool under_way;
	bool outdated;    /* something happened during the scan, so records already passed have to be read again */
	nanos not_before; /* the earliest time of the next scan */
};

/* Another instance has died, or the bucket has changed: scan again. */
void rescan_again(struct rescan *rescan);
/* The broker is back: scan without waiting. */
void rescan_hasten(struct rescan *rescan);
/* Whether a scan should begin now, provided that the broker is connected. */
bool rescan_due(const struct rescan *rescan, nanos now);
/* A scan has begun. */
void rescan_begun(struct rescan *rescan);
/* A scan has ended. `complete`: it read the whole bucket. */
void rescan_ended(struct rescan *rescan, bool complete, nanos now);

#endif
