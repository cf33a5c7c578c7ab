/* SPDX-License-Identifier: Apache-2.0 */
#include "core/coordinator/lag.h"

/* After this time without an event none is waited for: brokers have announced pending events that did not exist. */
#define SILENCE_LIMIT MINUTE

void lag_cut(struct lag *lag)
{
	lag->cut = true;
}

void lag_connected(struct lag *lag, bool same, bool more, nanos now)
{
	*lag = (struct lag){.stored = same ? lag->stored : 0, .at = now, .more = more};
}

void lag_delivered(struct lag *lag, nanos stored, uint64_t pending, nanos now)
{
	if (stored < lag->stored)
		return;
	lag->stored = stored;
	lag->at = now;
	lag->more = pending > 0;
}

bool lag_may_hide(const struct lag *lag, nanos then, nanos now)
{
	return lag->cut || (lag->more && lag->stored < then && now - lag->at < SILENCE_LIMIT);
}
