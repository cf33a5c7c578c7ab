/* SPDX-License-Identifier: Apache-2.0
 * Places in a stream: its end, for those that read it up to there, and where a time begins. */
#ifndef CORE_JETSTREAM_STREAM_TAIL_H
#define CORE_JETSTREAM_STREAM_TAIL_H

#include <nats/nats.h>

#include "core/base/clock.h"

/* The last message that is still there, as the broker that leads the stream knows it. In a cluster another one may deliver
 * that has not got all of them yet; what such a one says is pending is less than there is, and nats-server 2.9.10 counts
 * some that are gone.
 * `subject` is that of all messages, but not ">": asked for that, brokers look only at the last number that was given,
 * whose message may be gone. stored: when it was, may be NULL. Of an empty stream both are 0. NATS_MISMATCH: it is not
 * empty, and still the last is not to be found. */
natsStatus bus_find_last(jsCtx *js, const char *stream, const char *subject, uint64_t *sequence, nanos *stored);

/* The first message from `first` on that was stored at `since` (the broker's clock) or later; the last one looked at is that
 * before `limit`, and if all are older, *found is `limit`. One that is gone is older. */
natsStatus bus_find_since(jsCtx *js, const char *stream, uint64_t first, uint64_t limit, nanos since, uint64_t *found);

#endif
