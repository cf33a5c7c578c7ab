/* SPDX-License-Identifier: Apache-2.0
 * The parts of the benchmark. Each adds its figures. False: it could not be measured; the reason is on stderr. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/bench/figures.h"

struct bench {
	size_t size_mb;   /* of the file that is scanned */
	size_t uploads;   /* of a turn */
	size_t in_flight; /* of them */
	size_t single;    /* uploads with one in flight */
	size_t most;      /* uploads up to which the cost of one must not grow */
	size_t waiting;   /* uploads that wait */
	size_t backlog;   /* uploads announced while the service is stopped */
	size_t rounds;    /* of service and floor in turns; the median is the figure */
	struct figures figures;
};

#define ROUNDS_LIMIT 15

bool measure_scan(struct bench *bench);
bool measure_small_scans(struct bench *bench);
bool measure_cache(struct bench *bench);
bool measure_icap(struct bench *bench);
bool measure_rate(struct bench *bench);
bool measure_latency(struct bench *bench);
bool measure_growth(struct bench *bench);
bool measure_instances(struct bench *bench);
bool measure_fairness(struct bench *bench);
bool measure_memory(struct bench *bench);
bool measure_isolation(struct bench *bench);
bool measure_crashes(struct bench *bench);
bool measure_workers(struct bench *bench);
bool measure_start(struct bench *bench);
bool measure_waiting(struct bench *bench);
bool measure_backlog(struct bench *bench);

#endif
