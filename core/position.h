/* SPDX-License-Identifier: Apache-2.0
 * How far the events of the stream are done with, kept in the state folder: from there a consumer that was lost is made
 * anew, even if the service was down meanwhile. */
#ifndef CORE_POSITION_H
#define CORE_POSITION_H

#include <stdbool.h>
#include <stdint.h>

struct position {
	int64_t stream;    /* the stream's time of creation: a position is of one stream only */
	uint64_t sequence; /* all up to it is done with; 0: nothing is known */
};

/* False: there is none, or not for this consumer; `position` is zero then. */
bool position_read(const char *state_dir, const char *consumer, struct position *position);
/* Whole or not at all. False: errno says why. */
bool position_write(const char *state_dir, const char *consumer, const struct position *position);

#endif
