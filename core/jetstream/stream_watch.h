/* SPDX-License-Identifier: Apache-2.0
 * Whether a stream that the service has used is still on the broker, and whether it is the same one: the events' stream
 * (intake.h) and the bucket (bucket_watch.h). What is wrong is logged once. */
#ifndef CORE_JETSTREAM_STREAM_WATCH_H
#define CORE_JETSTREAM_STREAM_WATCH_H

#include <nats/nats.h>

#include "core/base/log.h"
#include "core/jetstream/checkpoint.h"

struct stream_watch {
	const struct log *log;
	const char *kind, *name, *state_dir; /* for the log: "stream", "main-queue", … */
	const char *contents, *creator;      /* … what is lost with it, and another way to get it back … */
	const char *unit, *written;          /* … "event", "events published" … */
	const char *checkpoint;              /* … and the file that remembers it */
	bool missed;                         /* that it is missing was logged */
	struct catch_up behind;              /* whether it ends before what was seen of it */
};

/* `known`: it was used before. Unless NATS_OK, why[size] says what is wrong. */
natsStatus stream_watch_find(struct stream_watch *watch, jsCtx *js, const char *stream, bool known, jsStreamInfo **info,
                             char *why, size_t size);
/* See checkpoint_compare(). False: that is not settled yet, see continuity_is_settled(). */
bool stream_watch_compare(struct stream_watch *watch, const struct checkpoint *before, const struct checkpoint *found,
                          int64_t replicas, enum continuity *continuity);

#endif
