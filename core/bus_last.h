/* SPDX-License-Identifier: Apache-2.0
 * The end of a stream, for those that read it up to there. */
#ifndef CORE_BUS_LAST_H
#define CORE_BUS_LAST_H

#include <nats/nats.h>

#include "core/clock.h"

/* The last message that is still there, as the broker that leads the stream knows it. In a cluster another one may deliver
 * that has not got all of them yet; what such a one says is pending is less than there is, and nats-server 2.9.10 counts
 * some that are gone.
 * `subject` is that of all messages, but not ">": asked for that, brokers look only at the last number that was given,
 * whose message may be gone. stored: when it was, may be NULL. Of an empty stream both are 0. NATS_MISMATCH: it is not
 * empty, and still the last is not to be found. */
natsStatus bus_find_last(jsCtx *js, const char *stream, const char *subject, uint64_t *sequence, nanos *stored);

#endif
