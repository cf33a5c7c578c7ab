/* SPDX-License-Identifier: Apache-2.0
 * The traffic of a load: the connection, the messages that it sends and answers, and the state of each upload. load.c
 * decides when an upload is announced. */
#ifndef CORE_BENCH_FLOW_H
#define CORE_BENCH_FLOW_H

#include <pthread.h>

#include "core/bench/load.h"
#include "core/bench/messages.h"

struct announced {
	nanos due;
	bool finished;
};

/* The events of one user's uploads. */
struct user {
	struct bench_message begin, ready;
};

/* Answers a remote step. */
struct answerer {
	char *step;
	struct bench_message finished;
};

struct flow {
	const struct bench_load *load;
	struct bench_result *result;
	uint32_t number; /* of the run, part of its IDs */
	natsConnection *connection;
	natsSubscription *events, *acks;
	char inbox[64];
	struct user *user; /* the greedy one, then one for each space */
	struct text noise[BENCH_NOISE_KINDS];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Under the lock: */
	struct announced *upload;
	size_t size, next, finished, greedy_left;
	bool announcing;
	nanos ended;        /* when the last upload finished; 0: none has */
	nanos begun, until; /* nothing is announced after `until`; 0: no limit */
	struct answerer answerer[UPLOAD_STEPS_LIMIT];
	size_t answerers;
	size_t sent, acknowledged, refused;
	uint64_t highest; /* sequence of our messages */
};

/* The caller has set load, result and number. False: with a message on stderr. The caller calls flow_close() in both
 * cases. */
bool flow_open(struct flow *flow);
void flow_close(struct flow *flow);

/* To be called with the lock held: */

/* The largest number of uploads; SIZE_MAX: no limit. */
size_t flow_total(const struct flow *flow);
/* Is there another upload to announce? */
bool flow_has_more(const struct flow *flow, nanos now);
/* Announces the next. Its latency counts from `due`. */
void flow_announce(struct flow *flow, nanos due);
/* Publishes UploadReady for an upload, which ends it for the service. */
void flow_confirm(struct flow *flow, size_t index);

#endif
