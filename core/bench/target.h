/* SPDX-License-Identifier: Apache-2.0
 * The stream, consumer and bucket that a benchmark puts its load on: those of the running service, or for the baseline
 * its own ones on the same broker with the same settings, which are created and deleted here. */
#ifndef CORE_BENCH_TARGET_H
#define CORE_BENCH_TARGET_H

#include <nats/nats.h>

#include "core/client/client.h"

/* Stream and bucket of the baseline. */
#define BENCH_TARGET_NAME "postprocessing-bench"

struct bench_target {
	const struct client *client;
	const char *stream; /* and its subject */
	const char *bucket;
	const char *consumer;
	/* private: */
	bool own; /* created here */
	natsConnection *events, *records;
	jsCtx *js, *records_js;
};

struct bench_sequences {
	uint64_t events, records; /* last sequences of stream and bucket */
};

/* Finds those of the service. False: with a message on stderr. */
bool bench_target_open(struct bench_target *target, const struct client *client);
/* Creates those of the baseline. False: with a message on stderr. */
bool bench_target_make(struct bench_target *target, const struct client *client);
/* Deletes what was created. */
void bench_target_close(struct bench_target *target);

/* Waits until a process pulls from the consumer. False: none did. */
bool bench_target_await_consumer(struct bench_target *target, nanos limit);

/* False: the broker does not answer. */
bool bench_target_sequences(struct bench_target *target, struct bench_sequences *sequences);

/* The consumer has acknowledged all events up to this sequence. False: the broker does not answer. */
bool bench_target_acknowledged(struct bench_target *target, uint64_t *sequence);

#endif
