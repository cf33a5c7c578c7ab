/* SPDX-License-Identifier: Apache-2.0
 * When the whole bucket has to be read: at the start, and again whenever what it holds may be for us to look after that
 * was not before. A reading that does not get to its end is made again. */
#ifndef CORE_SERVER_CENSUS_H
#define CORE_SERVER_CENSUS_H

#include <stdbool.h>

#include "core/base/clock.h"

/* All zero at the start. Times are monotonic. */
struct census {
	bool complete;    /* the bucket was read to its end, and nothing has happened since */
	bool under_way;
	bool outdated;    /* something happened while it was being read: what was passed over is to be seen */
	nanos not_before; /* the next */
};

/* Another instance has died, or the bucket is not what it was. */
void census_again(struct census *census);
/* The broker is back: no reason to wait. */
void census_hasten(struct census *census);
/* Is a reading to begin now, given a broker that is there? */
bool census_due(const struct census *census, nanos now);
/* One has begun. */
void census_begun(struct census *census);
/* It is over. `complete`: it got to the end. */
void census_ended(struct census *census, bool complete, nanos now);

#endif
