/* SPDX-License-Identifier: Apache-2.0
 * How far what has been delivered lies behind the stream: whether an event that was stored by some time may be yet to come.
 * The time at which an event was stored is the broker's; with a clock that is behind ours by a while, and as long as there
 * is always more to come, it is taken for possible for so much longer. */
#ifndef CORE_COORDINATOR_LAG_H
#define CORE_COORDINATOR_LAG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"

struct lag {
	nanos stored; /* what was stored by then has been delivered … */
	nanos at;     /* … and this is when the last of it came; */
	bool more;    /* more was to come */
	bool cut;     /* there is no connection over which it could */
};

void lag_cut(struct lag *lag);
/* Connected, to the same stream as before or to another one. more: it has not delivered all that it has. */
void lag_connected(struct lag *lag, bool same, bool more, nanos now);
/* An event was delivered, for the first time; so many were behind it. */
void lag_delivered(struct lag *lag, nanos stored, uint64_t pending, nanos now);

bool lag_may_hide(const struct lag *lag, nanos then, nanos now);

#endif
