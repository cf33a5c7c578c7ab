/* SPDX-License-Identifier: Apache-2.0
 * Measures the service as users run it: the built program, a real nats-server, a real clamd. `make bench` runs it.
 * The service and its floor are measured in turns, because machines differ, and so does one machine from minute to
 * minute.
 *
 * postprocessing-bench generates the load, for the floor too. This program compares the figures with their targets.
 *
 * Variables: BENCH_JSON=FILE (also writes the figures as JSON), BENCH_ONLY=rate,latency,scan,… (only these parts,
 * see below), BENCH_SIZE_MB, BENCH_UPLOADS, BENCH_IN_FLIGHT, BENCH_SINGLE, BENCH_MOST, BENCH_WAITING, BENCH_BACKLOG,
 * BENCH_ROUNDS, BENCH_WRAPPER and BENCH_PROGRAM (see service.h). */
#include "tests/bench/bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	bool (*measure)(struct bench *bench);
} parts[] = {
	{"rate", measure_rate},         {"latency", measure_latency},     {"scan", measure_scan},
	{"small", measure_small_scans}, {"instances", measure_instances}, {"growth", measure_growth},
	{"fairness", measure_fairness}, {"memory", measure_memory},       {"start", measure_start},
	{"waiting", measure_waiting},   {"backlog", measure_backlog},     {"isolation", measure_isolation},
	{"crashes", measure_crashes},   {"workers", measure_workers},     {"cache", measure_cache},
	{"icap", measure_icap},
};

/* A positive number from the environment. */
static size_t number(const char *name, size_t fallback, size_t limit)
{
	const char *text = getenv(name);
	char *end;
	if (text == NULL || text[0] == '\0')
		return fallback;
	unsigned long value = strtoul(text, &end, 10);
	if (*end == '\0' && value > 0 && value <= limit)
		return value;
	fprintf(stderr, "%s=%s is not a number from 1 to %zu\n", name, text, limit);
	exit(EXIT_FAILURE);
}

static bool wanted(const char *name)
{
	const char *list = getenv("BENCH_ONLY");
	if (list == NULL || list[0] == '\0')
		return true;
	size_t length = strlen(name);
	for (const char *at = strstr(list, name); at != NULL; at = strstr(at + 1, name))
		if ((at == list || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
			return true;
	return false;
}

int main(void)
{
	struct bench bench = {
		.size_mb = number("BENCH_SIZE_MB", 500, 1000),
		.uploads = number("BENCH_UPLOADS", 10000, 10000000),
		.in_flight = number("BENCH_IN_FLIGHT", 2000, 1000000),
		.single = number("BENCH_SINGLE", 1000, 1000000),
		.most = number("BENCH_MOST", 100000, 10000000),
		.waiting = number("BENCH_WAITING", 100000, 10000000),
		.backlog = number("BENCH_BACKLOG", 100000, 10000000),
		.rounds = number("BENCH_ROUNDS", 3, ROUNDS_LIMIT),
	};
	bool good = true;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (!wanted(parts[i].name))
			continue;
		fprintf(stderr, "measuring: %s\n", parts[i].name);
		if (!parts[i].measure(&bench)) {
			fprintf(stderr, "cannot measure: %s\n", parts[i].name);
			good = false;
		}
	}
	figures_print(&bench.figures);
	if (getenv("BENCH_JSON") != NULL)
		good = figures_write(&bench.figures, getenv("BENCH_JSON")) && good;
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
