/* SPDX-License-Identifier: Apache-2.0
 * Turns of a benchmark: the running service or the floor under a load, and what came of it. */
#ifndef CORE_BENCH_BENCH_H
#define CORE_BENCH_BENCH_H

#include "core/bench/bench_load.h"

/* X(member, key of the JSON, label of the table, unit); times in seconds, memory in bytes. */
#define BENCH_FIGURES(X) \
	X(rate, "uploads_per_second", "uploads", UNIT_RATE) \
	X(p50, "latency_p50_seconds", "latency, p50", UNIT_TIME) \
	X(p90, "latency_p90_seconds", "  p90", UNIT_TIME) \
	X(p99, "latency_p99_seconds", "  p99", UNIT_TIME) \
	X(max, "latency_max_seconds", "  max", UNIT_TIME) \
	X(events, "events_per_upload", "events on the stream, each", UNIT_COUNT) \
	X(writes, "writes_per_upload", "writes of the record, each", UNIT_COUNT) \
	X(server_cpu, "server_cpu_seconds_per_upload", "CPU of the server, each", UNIT_TIME) \
	X(broker_cpu, "broker_cpu_seconds_per_upload", "CPU of the broker, each", UNIT_TIME) \
	X(own_cpu, "load_cpu_seconds_per_upload", "CPU of this load, each", UNIT_TIME) \
	X(server_resident, "server_resident_bytes", "memory of the server", UNIT_BYTES) \
	X(broker_resident, "broker_resident_bytes", "memory of the broker", UNIT_BYTES) \
	X(uploads, "uploads", "uploads in all", UNIT_COUNT) \
	X(elapsed, "seconds", "in", UNIT_TIME)

enum bench_unit { UNIT_RATE, UNIT_TIME, UNIT_COUNT, UNIT_BYTES };

/* NAN: not seen. */
struct bench_figures {
#define X(member, key, label, unit) double member;
	BENCH_FIGURES(X)
#undef X
};

enum bench_side { BENCH_SERVICE, BENCH_FLOOR };

struct bench {
	const struct client *client;
	const char *config_path;
	pid_t broker; /* 0: not seen */
	bool interrupted;
	bool incomplete; /* uploads of some turn were abandoned */
	bool rejected;   /* … did not end with `continue` */
	struct bench_backlog backlog; /* of the last turn */
};

/* One turn. False: with a message on stderr. */
bool bench_turn(struct bench *bench, enum bench_side side, const struct bench_load *load, struct bench_figures *figures);

#define BENCH_ROUNDS_LIMIT 100
/* Figure by figure. */
void bench_median(const struct bench_figures *round, size_t count, struct bench_figures *median);

#endif
