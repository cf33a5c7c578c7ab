/* SPDX-License-Identifier: Apache-2.0
 * Does the private broker still take what is written to it?
 *
 * nats-server 2.9 hangs for good when its disk was full for a moment: it runs and takes connections, but JetStream gives no
 * answer any more, not even to SIGTERM. Only a new start helps, and that is no small matter: killed, it may lose what it
 * has acknowledged. So it has to have answered once, and then to have been silent for a minute; what only takes its time at
 * the start is left alone. Should a new start not help, the next one comes later each time. */
#ifndef CORE_BROKER_BROKER_HEALTH_H
#define CORE_BROKER_BROKER_HEALTH_H

#include <stdbool.h>

#include "core/nats/unanswered.h"

/* So long has it to be silent at first, and at the most. The first is in a file of its own, so that tests can be linked with
 * another. */
extern const nanos broker_silence_limit;
#define BROKER_SILENCE_LIMIT_LAST (10 * MINUTE)

/* All zero at the start. Times are monotonic. */
struct broker_health {
	nanos limit;   /* of silence; 0: the first one */
	nanos began;   /* when this child answered first; 0: it has not yet */
	nanos silent;  /* since when it does not answer what it is asked; 0: it does */
};

/* A child has answered for the first time. */
void broker_health_begin(struct broker_health *health, nanos now);
/* It was asked something that costs nothing. */
void broker_health_asked(struct broker_health *health, bool answered, nanos now);
/* Is it to be ended and started again? */
bool broker_health_is_sick(const struct broker_health *health, const struct unanswered *writes, nanos now);
/* It was. */
void broker_health_restarted(struct broker_health *health);

#endif
