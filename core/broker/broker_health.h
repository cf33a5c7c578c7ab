/* SPDX-License-Identifier: Apache-2.0
 * Detects that the embedded broker no longer accepts data.
 *
 * nats-server 2.9 hangs permanently after its disk was full for a moment: it accepts connections, but JetStream no
 * longer answers, and SIGTERM has no effect. Only a restart helps, but a killed broker may lose acknowledged data.
 * Therefore the broker is restarted only if it has answered before and has then been silent for a minute. A slow start
 * does not count. If a restart does not help, the time before the next one becomes longer. */
#ifndef CORE_BROKER_BROKER_HEALTH_H
#define CORE_BROKER_BROKER_HEALTH_H

#include <stdbool.h>

#include "core/nats/unanswered.h"

/* How long the broker must be silent, initially and at most. The initial value is defined in its own file so that tests
 * can link another value. */
extern const nanos broker_silence_limit;
#define BROKER_SILENCE_LIMIT_LAST (10 * MINUTE)

/* Initially all zero. Times are monotonic. */
struct broker_health {
	nanos limit;  /* the current limit for the silence; 0: the initial one */
	nanos began;  /* when this child first answered; 0: not yet */
	nanos silent; /* since when requests have not been answered; 0: they are */
};

/* The child has answered for the first time. */
void broker_health_begin(struct broker_health *health, nanos now);
/* A cheap request was sent; `answered` is the result. */
void broker_health_asked(struct broker_health *health, bool answered, nanos now);
/* Whether the child must be restarted. */
bool broker_health_is_sick(const struct broker_health *health, const struct unanswered *writes, nanos now);
/* The child was restarted. */
void broker_health_restarted(struct broker_health *health);

#endif
