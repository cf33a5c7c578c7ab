/* SPDX-License-Identifier: Apache-2.0
 * How long the crash of a module keeps its step from running: the time of uploads whose first run crashes the only
 * worker process, beside those whose first run asks for a retry. */
#include <stdio.h>

#include "core/bench/statistics.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"

#define UPLOADS 100
#define LIMIT_MS 50

/* The median time of an upload, in seconds; negative: not measured. */
static double measure_one(const char *size, bool dies)
{
	char lines[256], options[64];
	struct nats_fixture nats;
	struct service service;
	double seconds = -1;
	if (!nats_fixture_start(&nats, NULL))
		return -1;
	snprintf(lines, sizeof lines,
	         "steps = mortal\n[step:mortal]\nworkers = 1\nretry_backoff = 1ms\nsize = %s\ndies = %s\n", size,
	         dies ? "yes" : "no");
	snprintf(options, sizeof options, "-n %d -f 1", UPLOADS);
	if (service_start(&service, &nats, lines)) {
		json_t *shown = command_run(&service, options);
		if (json_is_true(json_object_get(shown, "accepted")))
			seconds = command_figure(shown, "service", "latency_p50_seconds");
		json_decref(shown);
		service_end(&service);
	}
	nats_fixture_end(&nats);
	return seconds;
}

static bool measure_size(struct bench *bench, const char *size)
{
	double crashed[ROUNDS_LIMIT], retried[ROUNDS_LIMIT];
	for (size_t round = 0; round < bench->rounds; round++) {
		crashed[round] = measure_one(size, true);
		retried[round] = measure_one(size, false);
		if (crashed[round] < 0 || retried[round] < 0)
			return false;
		fprintf(stderr, "  %s: crash %.1f ms, retry %.1f ms\n", size, crashed[round] * 1e3, retried[round] * 1e3);
	}
	double crash = bench_median(crashed, bench->rounds) * 1e3, retry = bench_median(retried, bench->rounds) * 1e3;
	struct figure figure = {
		.unit = "ms", .value = crash - retry, .baseline_name = "", .target = TARGET_VALUE, .limit = LIMIT_MS};
	snprintf(figure.name, sizeof figure.name, "crash of a worker of %s: time lost", size);
	figures_add(&bench->figures, &figure);
	return true;
}

bool measure_crashes(struct bench *bench)
{
	return measure_size(bench, "1MB") && measure_size(bench, "250MB");
}
