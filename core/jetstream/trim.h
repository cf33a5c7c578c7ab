/* SPDX-License-Identifier: Apache-2.0
 * Trimming the events' stream of the private broker, which nobody else does: what is done with and old goes. The stream of a
 * broker that others use is theirs. */
#ifndef CORE_JETSTREAM_TRIM_H
#define CORE_JETSTREAM_TRIM_H

#include <nats/nats.h>

#include "core/base/clock.h"

/* For so long what was said can still be looked up, see search.h. */
#define TRIM_AGE (24 * HOUR)

/* Purges the messages that were stored before `before` (the broker's clock), of those up to `applied`, but never the last
 * message of all. */
natsStatus trim_events(jsCtx *js, uint64_t applied, nanos before);

#endif
