/* SPDX-License-Identifier: Apache-2.0
 * The parts of the benchmark. Each adds its figures; false: it could not be measured, with the reason on stderr. */
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
	size_t most;      /* uploads up to which their cost has to stay the same */
	size_t waiting;   /* uploads that wait */
	size_t backlog;   /* uploads that have come while the service did not run */
	size_t rounds;    /* service and floor in turns; what counts is the median */
	struct figures figures;
};

#define ROUNDS_LIMIT 15

bool measure_scan(struct bench *bench);
bool measure_small_scans(struct bench *bench);
bool measure_rate(struct bench *bench);
bool measure_latency(struct bench *bench);
bool measure_growth(struct bench *bench);
bool measure_instances(struct bench *bench);
bool measure_fairness(struct bench *bench);
bool measure_memory(struct bench *bench);
bool measure_start(struct bench *bench);
bool measure_waiting(struct bench *bench);
bool measure_backlog(struct bench *bench);

#endif
