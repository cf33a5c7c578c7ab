/* SPDX-License-Identifier: Apache-2.0
 * Measures the service and the floor in turns under one load, each turn on a broker of its own. */
#ifndef TESTS_BENCH_TURNS_H
#define TESTS_BENCH_TURNS_H

#include "tests/bench/bench.h"

struct turns {
	const char *lines;   /* of the service's configuration, see service_start() */
	const char *options; /* of postprocessing-bench */
};

/* The median of each figure over all turns. */
struct medians {
	double rate, p50, p90, p99, cpu, broker_cpu, writes, events;
};

/* False: with the reason on stderr. */
bool turns_take(const struct bench *bench, const struct turns *turns, struct medians *service,
                struct medians *baseline);

#endif
