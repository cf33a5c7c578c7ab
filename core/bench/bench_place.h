/* SPDX-License-Identifier: Apache-2.0
 * Where a benchmark's uploads go: the stream and bucket of the running service, or for the floor a stream and a bucket
 * of its own with the same settings on the same broker, made and deleted here. */
#ifndef CORE_BENCH_BENCH_PLACE_H
#define CORE_BENCH_BENCH_PLACE_H

#include <nats/nats.h>

#include "core/client/client.h"

#define BENCH_PLACE_NAME "postprocessing-bench"

struct bench_place {
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
bool bench_place_open(struct bench_place *place, const struct client *client);
/* Makes the floor's own. False: with a message on stderr. */
bool bench_place_make(struct bench_place *place, const struct client *client);
/* What was made is deleted. */
void bench_place_close(struct bench_place *place);

/* Waits until somebody is there to take events. False: nobody is. */
bool bench_place_await_taker(struct bench_place *place, nanos limit);

/* False: the broker does not say. */
bool bench_place_positions(struct bench_place *place, struct bench_positions *positions);

/* All events up to this sequence are acknowledged by whoever takes them. False: the broker does not say. */
bool bench_place_done(struct bench_place *place, uint64_t *sequence);

#endif
