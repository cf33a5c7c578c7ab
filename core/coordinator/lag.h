/* SPDX-License-Identifier: Apache-2.0
 * How far the delivered events lag behind the stream: whether an event that was stored by some time may still have to
 * be delivered.
 *
 * Events are delivered in the order in which they were stored, except for redeliveries. So all that was stored before
 * the last delivered event has been delivered. The broker also says how many events are pending behind it. An event's
 * time is that of the broker's clock. If that clock is behind ours, and there is always more to come, an event counts
 * as possible for so much longer. */
#ifndef CORE_COORDINATOR_LAG_H
#define CORE_COORDINATOR_LAG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"

struct lag {
	nanos stored; /* what was stored by then has been delivered */
	nanos at;     /* when the last of it was delivered */
	bool more;    /* more was pending then */
	bool cut;     /* there is no connection */
};

/* The connection is lost. */
void lag_cut(struct lag *lag);
/* There is a connection, to the same stream as before or to another one. more: not all of it has been delivered. */
void lag_connected(struct lag *lag, bool same, bool more, nanos now);
/* An event was delivered for the first time, with `pending` others behind it. */
void lag_delivered(struct lag *lag, nanos stored, uint64_t pending, nanos now);

/* Whether an event that was stored by `then` may not have been delivered yet. */
bool lag_may_hide(const struct lag *lag, nanos then, nanos now);

#endif
