/* SPDX-License-Identifier: Apache-2.0
 * Two instances instead of one, on the same cores. */
#include <math.h>
#include <stdio.h>

#include "core/bench/statistics.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"

#define CONFLICTS_LIMIT 1 /* percent of the writes */

static double conflicts(const struct service *service, const struct service *other)
{
	static const char lost[] = "postprocessing_record_conflicts_total",
					  written[] = "postprocessing_records_written_total";
	return 100 * (service_metric(service, lost) + service_metric(other, lost)) /
	       (service_metric(service, written) + service_metric(other, written));
}

/* Uploads per second; NAN: not measured. */
static double take_turn(const struct bench *bench, bool two, double *lost)
{
	struct nats_fixture nats;
	struct service service = {.process = PROCESS_NONE}, other = {.process = PROCESS_NONE};
	char options[64];
	double rate = NAN;
	if (!nats_fixture_start(&nats, NULL))
		return NAN;
	snprintf(options, sizeof options, "-n %zu -f %zu", bench->uploads, bench->in_flight);
	if (service_start(&service, &nats, "") && (!two || service_start(&other, &nats, ""))) {
		json_t *shown = command_run(&service, options);
		rate = command_figure(shown, "service", "uploads_per_second");
		json_decref(shown);
		if (two)
			*lost = conflicts(&service, &other);
	}
	service_end(&other);
	service_end(&service);
	nats_fixture_end(&nats);
	return rate;
}

bool measure_instances(struct bench *bench)
{
	double one[ROUNDS_LIMIT], two[ROUNDS_LIMIT], lost[ROUNDS_LIMIT] = {0};
	for (size_t round = 0; round < bench->rounds; round++) {
		one[round] = take_turn(bench, false, NULL);
		two[round] = take_turn(bench, true, &lost[round]);
		if (isnan(one[round]) || isnan(two[round]))
			return false;
		fprintf(stderr, "  one %.0f uploads/s, two %.0f uploads/s, conflicts %.2f %%\n", one[round], two[round],
		        lost[round]);
	}
	figures_add(&bench->figures,
	            &(struct figure){"uploads: two instances", "1/s", bench_median(two, bench->rounds),
	                             bench_median(one, bench->rounds), "one instance", TARGET_RATIO_LEAST, 0.9});
	figures_add(&bench->figures, &(struct figure){"  conflicts, of the writes", "%", bench_median(lost, bench->rounds),
	                                              0, "", TARGET_VALUE, CONFLICTS_LIMIT});
	return true;
}
