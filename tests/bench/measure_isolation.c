/* SPDX-License-Identifier: Apache-2.0
 * What the worker processes cost: a step with isolation = process beside the same with isolation = thread. */
#include <stdio.h>

#include "core/bench/statistics.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/harness/fixture_clamd.h"

static const char threads[] = "isolation = thread";

/* One load, of steps in processes and in threads. */
struct pair {
	const char *lines; /* with %s where the kind of isolation goes */
	const char *options;
	const char *figure; /* of postprocessing-bench */
	double process[ROUNDS_LIMIT], thread[ROUNDS_LIMIT];
};

static bool run_one(const char *lines, const char *options, const char *name, double *value)
{
	struct nats_fixture nats;
	struct service service;
	json_t *shown = NULL;
	if (!nats_fixture_start(&nats, NULL))
		return false;
	if (service_start(&service, &nats, lines)) {
		shown = command_run(&service, options);
		*value = command_figure(shown, "service", name);
		service_end(&service);
	}
	nats_fixture_end(&nats);
	bool good = shown != NULL;
	json_decref(shown);
	return good;
}

static bool run_pair(const struct bench *bench, struct pair *pair)
{
	char process[1024], thread[1024];
	snprintf(process, sizeof process, "%sisolation = process\n", pair->lines);
	snprintf(thread, sizeof thread, "%sisolation = thread\n", pair->lines);
	for (size_t round = 0; round < bench->rounds; round++) {
		if (!run_one(process, pair->options, pair->figure, &pair->process[round]) ||
		    !run_one(thread, pair->options, pair->figure, &pair->thread[round]))
			return false;
		fprintf(stderr, "  process %.6g, thread %.6g\n", pair->process[round], pair->thread[round]);
	}
	return true;
}

static bool measure_rate_pair(struct bench *bench)
{
	char options[64];
	struct pair pair = {
		.lines = "steps = nothing\n[step:nothing]\n", .options = options, .figure = "uploads_per_second"};
	snprintf(options, sizeof options, "-n %zu -f %zu", bench->uploads, bench->in_flight);
	if (!run_pair(bench, &pair))
		return false;
	figures_add(&bench->figures,
	            &(struct figure){"a step that does nothing, in processes", "1/s",
	                             bench_median(pair.process, bench->rounds), bench_median(pair.thread, bench->rounds),
	                             threads, TARGET_RATIO_LEAST, 0.9});
	return true;
}

static bool measure_latency_pair(struct bench *bench)
{
	char options[64];
	struct pair pair = {
		.lines = "steps = nothing\n[step:nothing]\n", .options = options, .figure = "latency_p50_seconds"};
	snprintf(options, sizeof options, "-n %zu -f 1", bench->single);
	if (!run_pair(bench, &pair))
		return false;
	double process = bench_median(pair.process, bench->rounds) * 1e3,
		   thread = bench_median(pair.thread, bench->rounds) * 1e3;
	figures_add(&bench->figures,
	            &(struct figure){"  p50, one in flight", "ms", process, thread, threads, TARGET_NONE, 0});
	figures_add(&bench->figures,
	            &(struct figure){"  what processes add to it", "ms", process - thread, 0, "", TARGET_VALUE, 0.2});
	return true;
}

static bool measure_scan_pair(struct bench *bench)
{
	char options[64], lines[512];
	struct fixture_clamd clamd;
	struct pair pair = {.lines = lines, .options = options, .figure = "uploads_per_second"};
	if (!fixture_clamd_start(&clamd, NULL))
		return false;
	snprintf(lines, sizeof lines, "steps = virusscan\n[step:virusscan]\nworkers = 4\nclamav_socket = %s\n",
	         clamd.socket);
	snprintf(options, sizeof options, "-n %zu -f 200 --size 10000", bench->uploads / 2);
	bool good = run_pair(bench, &pair);
	fixture_clamd_stop(&clamd);
	if (good)
		figures_add(&bench->figures,
		            &(struct figure){"virus scans of 10 KB, in 4 processes", "1/s",
		                             bench_median(pair.process, bench->rounds),
		                             bench_median(pair.thread, bench->rounds), threads, TARGET_RATIO_LEAST, 0.9});
	return good;
}

bool measure_isolation(struct bench *bench)
{
	return measure_rate_pair(bench) && measure_latency_pair(bench) && measure_scan_pair(bench);
}
