/* SPDX-License-Identifier: Apache-2.0
 * The time from the start of the process to "ready", with a running broker and an empty bucket. */
#include <stdio.h>

#include "core/bench/statistics.h"
#include "tests/bench/bench.h"
#include "tests/bench/service.h"
#include "tests/harness/limits.h"

#define STARTS 9
#define READY_LIMIT_MS 50

/* The time of a run that does nothing, in milliseconds; negative: it failed. */
static double run_version(void)
{
	struct process process;
	const char *argv[] = {BUILD_FOLDER "/postprocessing", "version", NULL};
	char line[256];
	nanos begun = clock_monotonic();
	if (!process_start(&process, &(struct process_options){.argv = argv, .pipe_out = true}))
		return -1;
	bool good = process_read_line(&process, line, sizeof line, TEST_LIMIT);
	double took = (double)(clock_monotonic() - begun) / (double)MILLISECOND;
	process_end(&process);
	return good ? took : -1;
}

bool measure_start(struct bench *bench)
{
	double service_ms[STARTS], version_ms[STARTS];
	struct nats_fixture nats;
	if (!nats_fixture_start(&nats, NULL))
		return false;
	bool good = true;
	/* The first start creates stream, consumer and bucket, and is not measured. */
	for (int i = -1; good && i < STARTS; i++) {
		struct service service;
		double version = run_version();
		good = version >= 0 && service_start(&service, &nats, "");
		if (!good)
			break;
		service_end(&service);
		if (i < 0)
			continue;
		service_ms[i] = service.ready_after * 1e3;
		version_ms[i] = version;
	}
	nats_fixture_end(&nats);
	if (!good)
		return false;
	figures_add(&bench->figures, &(struct figure){"start to ready, empty bucket", "ms",
	                                              bench_median(service_ms, STARTS), bench_median(version_ms, STARTS),
	                                              "`postprocessing version`", TARGET_VALUE, READY_LIMIT_MS});
	return true;
}
