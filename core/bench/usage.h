/* SPDX-License-Identifier: Apache-2.0
 * CPU time and memory of the processes in a benchmark. Those of the service come from its /metrics, those of the
 * baseline and the benchmark itself from /proc, and those of a broker on this host, too, if the user may see its
 * process. */
#ifndef CORE_BENCH_USAGE_H
#define CORE_BENCH_USAGE_H

#include <nats/nats.h>
#include <sys/types.h>

#include "core/config/config.h"

/* Of one process. */
struct bench_use {
	bool seen;       /* else the others are unknown */
	double cpu;      /* seconds, so far */
	double resident; /* bytes */
};

struct bench_usage {
	struct bench_use server, broker, own;
};

/* `baseline`: the process that takes the place of the service; 0: the service itself. `broker` 0: unknown. */
void bench_usage_take(struct bench_usage *usage, const struct config *config, pid_t baseline, pid_t broker);

/* The process of the broker that a connection leads to; 0: it is not on this host, or the user may not see it. */
pid_t bench_usage_find_broker(natsConnection *connection);
/* Is that broker on this host? */
bool bench_usage_is_local(natsConnection *connection);

/* Finds a figure without labels in a /metrics page. */
bool bench_usage_find_metric(const char *page, const char *name, double *value);

#endif
