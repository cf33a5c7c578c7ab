/* SPDX-License-Identifier: Apache-2.0
 * The service and the floor in turns under one load, each turn on a broker of its own. */
#ifndef TESTS_BENCH_TURNS_H
#define TESTS_BENCH_TURNS_H

#include "tests/bench/bench.h"

struct dispatch {
	const char *lines;   /* of the service's configuration, see service_start() */
	const char *options; /* of `postprocessing bench` */
};

/* What the turns of both have shown, median by median. */
struct medians {
	double rate, p50, p90, p99, cpu, broker_cpu, writes, events;
};

/* False: with the reason on stderr. */
bool turns_take(const struct bench *bench, const struct dispatch *turns, struct medians *service, struct medians *baseline);

#endif
