/* SPDX-License-Identifier: Apache-2.0
 * The same small file again and again: virusscan with its cache, in turns with virusscan without it. The clamd is the
 * same, and has its own cache, as by default. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "core/bench/statistics.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/bench/family.h"
#include "tests/harness/fixture_clamd.h"

#define WORKERS 4
#define FILE_SIZE 10000
#define LEAST 3

struct turn {
	double rate;
	double cpu; /* of service and workers, seconds for each upload */
};

/* False: not measured. */
static bool take_turn(const struct bench *bench, const struct fixture_clamd *clamd, bool cache, struct turn *turn)
{
	char lines[256], options[64];
	struct nats_fixture nats;
	struct service service;
	struct family before, after;
	bool good = false;
	if (!nats_fixture_start(&nats, NULL))
		return false;
	snprintf(lines, sizeof lines, "steps = virusscan\n[step:virusscan]\nworkers = %d\nclamav_socket = %s\ncache = %s\n",
	         WORKERS, clamd->socket, cache ? "true" : "false");
	snprintf(options, sizeof options, "-n %zu -f 200 --size %d", bench->uploads, FILE_SIZE);
	if (service_start(&service, &nats, lines)) {
		good = family_read(service.process.pid, &before);
		json_t *shown = command_run(&service, options);
		good = good && family_read(service.process.pid, &after);
		*turn = (struct turn){command_figure(shown, "service", "uploads_per_second"),
		                      good ? (after.cpu - before.cpu) / (double)bench->uploads : NAN};
		json_decref(shown);
		if (cache)
			fprintf(stderr, "  of %.0f hits, %.0f waited for another run, %.0f were remembered\n",
			        service_metric(&service, "postprocessing_cache_hits_total"),
			        service_metric(&service, "postprocessing_cache_shared_total"),
			        service_metric(&service, "postprocessing_cache_remembered_total"));
		service_end(&service);
	}
	nats_fixture_end(&nats);
	return good && !isnan(turn->rate);
}

bool measure_cache(struct bench *bench)
{
	struct fixture_clamd clamd;
	double rate[2][ROUNDS_LIMIT], cpu[2][ROUNDS_LIMIT]; /* without and with it */
	if (!fixture_clamd_start(&clamd, NULL))
		return false;
	/* Without the version of the signatures, nothing is cached. */
	bool good = fixture_clamd_update(&clamd, 1, time(NULL));
	for (size_t round = 0; good && round < bench->rounds; round++) {
		for (size_t cache = 0; good && cache < 2; cache++) {
			struct turn turn = {NAN, NAN};
			good = take_turn(bench, &clamd, cache == 1, &turn);
			rate[cache][round] = turn.rate;
			cpu[cache][round] = turn.cpu;
		}
		if (good)
			fprintf(stderr, "  with the cache %.0f scans/s, without it %.0f scans/s\n", rate[1][round], rate[0][round]);
	}
	fixture_clamd_stop(&clamd);
	if (!good)
		return false;
	const struct figure figure[] = {
		{"scans of the same 10 KB with the cache", "1/s", bench_median(rate[1], bench->rounds),
	     bench_median(rate[0], bench->rounds), "without the cache", TARGET_RATIO_LEAST, LEAST},
		{"  CPU time of service and workers, each", "ms", bench_median(cpu[1], bench->rounds) * 1e3,
	     bench_median(cpu[0], bench->rounds) * 1e3, "without the cache", TARGET_NONE, 0},
	};
	for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++)
		figures_add(&bench->figures, &figure[i]);
	return true;
}
