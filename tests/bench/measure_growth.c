/* SPDX-License-Identifier: Apache-2.0
 * The cost of an upload after a thousand uploads and after many more, with the service and the broker running all the
 * time. */
#include <math.h>
#include <stdio.h>

#include "tests/bench/bench.h"
#include "tests/bench/command.h"

#define FIRST 1000
#define RATIO_LIMIT 1.25

static bool take_turn(const struct service *service, const struct bench *bench, size_t uploads, double *cpu,
                      double *rate)
{
	char options[64];
	snprintf(options, sizeof options, "-n %zu -f %zu", uploads, bench->in_flight);
	json_t *shown = command_run(service, options);
	*cpu = command_figure(shown, "service", "server_cpu_seconds_per_upload") * 1e6;
	*rate = command_figure(shown, "service", "uploads_per_second");
	fprintf(stderr, "  %zu uploads: %.0f uploads/s, CPU time %.0f us each\n", uploads, *rate, *cpu);
	json_decref(shown);
	return !isnan(*cpu);
}

bool measure_growth(struct bench *bench)
{
	struct nats_fixture nats;
	struct service service;
	double first_cpu = 0, first_rate = 0, cpu = 0, rate = 0;
	if (!nats_fixture_start(&nats, NULL))
		return false;
	bool good = service_start(&service, &nats, "");
	/* The first thousand allocate memory that all others reuse. */
	good = good && take_turn(&service, bench, FIRST, &cpu, &rate) &&
	       take_turn(&service, bench, 10 * FIRST, &first_cpu, &first_rate);
	for (size_t uploads = 100 * FIRST; good && uploads <= bench->most; uploads *= 10)
		good = take_turn(&service, bench, uploads, &cpu, &rate);
	service_end(&service);
	nats_fixture_end(&nats);
	if (!good || bench->most < 100 * FIRST)
		return good;
	struct figure figure = {.unit = "us",
	                        .value = cpu,
	                        .baseline = first_cpu,
	                        .baseline_name = "of 10,000",
	                        .target = TARGET_RATIO,
	                        .limit = RATIO_LIMIT};
	snprintf(figure.name, sizeof figure.name, "CPU time of the service, each of %zu", bench->most);
	figures_add(&bench->figures, &figure);
	figures_add(&bench->figures, &(struct figure){"  uploads", "1/s", rate, first_rate, "of 10,000", TARGET_NONE, 0});
	return true;
}
