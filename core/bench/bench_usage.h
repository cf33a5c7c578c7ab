/* SPDX-License-Identifier: Apache-2.0
 * What the processes of a benchmark use: the service tells it over its HTTP, the floor is a child, and the broker is
 * found if it runs on this host where its process can be seen. */
#ifndef CORE_BENCH_BENCH_USAGE_H
#define CORE_BENCH_BENCH_USAGE_H

#include <nats/nats.h>
#include <sys/types.h>

#include "core/config/config.h"

/* Of one process, or not seen. */
struct bench_use {
	bool seen;
	double cpu;      /* seconds, so far */
	double resident; /* bytes */
};

struct bench_usage {
	struct bench_use server, broker, own;
};

/* `floor`: the process in place of the server, 0: the server itself. `broker` 0: it is not seen. */
void bench_usage_take(struct bench_usage *usage, const struct config *config, pid_t baseline, pid_t broker);

/* The broker that is on the other end of a connection; 0: not on this host, or not ours to see. */
pid_t bench_usage_find_broker(natsConnection *connection);
/* Is that end on this host? */
bool bench_usage_is_local(natsConnection *connection);

#endif
