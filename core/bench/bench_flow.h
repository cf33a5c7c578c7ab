/* SPDX-License-Identifier: Apache-2.0
 * What goes out and comes back under a benchmark's load: the connection, the messages, and which upload stands where.
 * bench_load.c decides when something is announced; here it is done, and what comes back is answered. */
#ifndef CORE_BENCH_BENCH_FLOW_H
#define CORE_BENCH_BENCH_FLOW_H

#include <pthread.h>

#include "core/bench/bench_load.h"
#include "core/bench/bench_messages.h"

struct announced {
	nanos due;
	bool finished;
};

/* What uploads of one user say. */
struct speaker {
	struct bench_message begin, ready;
};

struct answerer {
	char *step;
	struct bench_message finished;
};

struct flow {
	const struct bench_load *load;
	struct bench_result *result;
	uint32_t number; /* of the run, in its IDs */
	natsConnection *connection;
	natsSubscription *events, *acks;
	char inbox[64];
	struct speaker *speaker; /* the greedy user, then one for each space */
	struct text noise[BENCH_NOISE_KINDS];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool locks; /* there are both */
	/* Under the lock: */
	struct announced *upload;
	size_t size, next, finished, greedy_left;
	bool announcing;
	nanos ended;        /* when an upload did last; 0: none has */
	nanos begun, until; /* no announcement after; 0: no limit */
	struct answerer answerer[UPLOAD_STEPS_LIMIT];
	size_t answerers;
	size_t sent, acknowledged, refused;
	uint64_t highest;   /* sequence of a message of ours */
};

/* `flow` has its load, result and number. False: with a message on stderr; flow_close() in any case. */
bool flow_open(struct flow *flow);
void flow_close(struct flow *flow);

/* With the lock held: */

/* Uploads at the most; SIZE_MAX: without a limit. */
size_t flow_total(const struct flow *flow);
/* Is there another one to be announced? */
bool flow_has_more(const struct flow *flow, nanos now);
/* Announces the next. Its latency counts from `due`. */
void flow_announce(struct flow *flow, nanos due);
/* Says that an upload is over. */
void flow_confirm(struct flow *flow, size_t index);

#endif
