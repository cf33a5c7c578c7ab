/* SPDX-License-Identifier: Apache-2.0
 * Where a benchmark's uploads go: the stream and bucket of the running service, or for the floor a stream and a bucket
 * of its own with the same settings on the same broker, made and deleted here. */
#ifndef CORE_BENCH_BENCH_TARGET_H
#define CORE_BENCH_BENCH_TARGET_H

#include <nats/nats.h>

#include "core/client/client.h"

#define BENCH_PLACE_NAME "postprocessing-bench"

struct bench_target {
	const struct client *client;
	const char *stream; /* and its subject */
	const char *bucket;
	const char *consumer;
	/* its own: */
	bool own;
	natsConnection *events, *records;
	jsCtx *js, *records_js;
};

struct bench_positions {
	uint64_t events, records; /* last sequences of stream and bucket */
};

/* Finds the service's. False: with a message on stderr. */
bool bench_target_open(struct bench_target *target, const struct client *client);
/* Makes the floor's own. False: with a message on stderr. */
bool bench_target_make(struct bench_target *target, const struct client *client);
/* What was made is deleted. */
void bench_target_close(struct bench_target *target);

/* Waits until somebody is there to take events. False: nobody is. */
bool bench_target_await_taker(struct bench_target *target, nanos limit);

/* False: the broker does not say. */
bool bench_target_positions(struct bench_target *target, struct bench_positions *positions);

/* All events up to this sequence are acknowledged by whoever takes them. False: the broker does not say. */
bool bench_target_done(struct bench_target *target, uint64_t *sequence);

#endif
