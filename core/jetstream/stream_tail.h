/* SPDX-License-Identifier: Apache-2.0
 * Finds positions in a stream: its end, and the first message of a time. */
#ifndef CORE_JETSTREAM_STREAM_TAIL_H
#define CORE_JETSTREAM_STREAM_TAIL_H

#include <nats/nats.h>

#include "core/base/clock.h"

/* Finds the last existing message, as known to the stream's leader. In a cluster, messages may be delivered by a
 * replica that does not have all of them yet; the pending count of such a replica is too low, and nats-server 2.9.10
 * counts some messages that no longer exist. `subject` must match all messages but must not be ">": for ">", brokers
 * look only at the last assigned number, whose message may no longer exist. stored: when the message was stored; may be
 * NULL. Both are 0 for an empty stream. NATS_MISMATCH: the stream is not empty, but its last message cannot be
 * found. */
natsStatus bus_find_last(jsCtx *js, const char *stream, const char *subject, uint64_t *sequence, nanos *stored);

/* Finds the first message in the range from `first` to before `limit` that was stored at `since` (the broker's clock)
 * or later. If all are older, *found is `limit`. A missing message counts as older. */
natsStatus bus_find_since(jsCtx *js, const char *stream, uint64_t first, uint64_t limit, nanos since, uint64_t *found);

#endif
