/* SPDX-License-Identifier: Apache-2.0
 * Trims the event stream of the embedded broker: old processed messages are purged. The stream of a shared broker is
 * left to its owner. */
#ifndef CORE_JETSTREAM_TRIM_H
#define CORE_JETSTREAM_TRIM_H

#include <nats/nats.h>

#include "core/base/clock.h"

/* Published messages can be searched for this long, see search.h. */
#define TRIM_AGE (24 * HOUR)

/* Purges messages up to `applied` that were stored before `before` (the broker's clock), but never the last message of
 * the stream. */
natsStatus trim_events(jsCtx *js, uint64_t applied, nanos before);

#endif
