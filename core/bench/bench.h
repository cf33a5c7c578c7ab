/* SPDX-License-Identifier: Apache-2.0
 * A turn of a benchmark: puts a load on the running service or on the baseline, and computes its figures. */
#ifndef CORE_BENCH_BENCH_H
#define CORE_BENCH_BENCH_H

#include "core/bench/load.h"

/* X(member, key of the JSON, label of the table, unit); times in seconds, memory in bytes. */
#define BENCH_FIGURES(X) \
	X(rate, "uploads_per_second", "throughput", UNIT_RATE) \
	X(p50, "latency_p50_seconds", "latency, p50", UNIT_TIME) \
	X(p90, "latency_p90_seconds", "  p90", UNIT_TIME) \
	X(p99, "latency_p99_seconds", "  p99", UNIT_TIME) \
	X(max, "latency_max_seconds", "  max", UNIT_TIME) \
	X(events, "events_per_upload", "events per upload", UNIT_COUNT) \
	X(writes, "writes_per_upload", "record writes per upload", UNIT_COUNT) \
	X(server_cpu, "server_cpu_seconds_per_upload", "server CPU per upload", UNIT_TIME) \
	X(broker_cpu, "broker_cpu_seconds_per_upload", "broker CPU per upload", UNIT_TIME) \
	X(own_cpu, "load_cpu_seconds_per_upload", "load CPU per upload", UNIT_TIME) \
	X(server_resident, "server_resident_bytes", "server memory", UNIT_BYTES) \
	X(broker_resident, "broker_resident_bytes", "broker memory", UNIT_BYTES) \
	X(uploads, "uploads", "uploads", UNIT_COUNT) \
	X(elapsed, "seconds", "duration", UNIT_TIME)

enum bench_unit { UNIT_RATE, UNIT_TIME, UNIT_COUNT, UNIT_BYTES };

/* NAN: not known. */
struct bench_figures {
#define X(member, key, label, unit) double member;
	BENCH_FIGURES(X)
#undef X
};

enum bench_side { BENCH_SERVICE, BENCH_BASELINE };

/* As tables, JSON and plots name it: "service" or "floor". */
const char *bench_side_name(enum bench_side side);

struct bench {
	const struct client *client;
	const char *config_path;
	pid_t broker; /* 0: not known */
	/* Of any turn so far: */
	bool interrupted;
	bool incomplete;              /* some uploads were abandoned */
	bool rejected;                /* some uploads did not end with `continue` */
	struct bench_backlog backlog; /* of the last turn */
};

/* One turn. False: with a message on stderr. */
bool bench_turn(struct bench *bench, enum bench_side side, const struct bench_load *load,
                struct bench_figures *figures);

#define BENCH_ROUNDS_LIMIT 100
/* The median of each figure. */
void bench_figures_median(const struct bench_figures *round, size_t count, struct bench_figures *median);

#endif
