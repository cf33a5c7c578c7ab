/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/turns.h"

#include <stdio.h>

#include "core/bench/statistics.h"
#include "tests/bench/command.h"

/* In the order of struct medians. */
static const char *const names[] = {
	"uploads_per_second",
	"latency_p50_seconds",
	"latency_p90_seconds",
	"latency_p99_seconds",
	"server_cpu_seconds_per_upload",
	"broker_cpu_seconds_per_upload",
	"writes_per_upload",
	"events_per_upload",
};
#define NAMES (sizeof names / sizeof names[0])
_Static_assert(sizeof(struct medians) == NAMES * sizeof(double), "one name for each");

static bool take_turn(const struct turns *turns, bool baseline, double value[NAMES])
{
	struct nats_fixture nats;
	struct service service;
	char options[256];
	json_t *shown = NULL;
	if (!nats_fixture_start(&nats, NULL))
		return false;
	snprintf(options, sizeof options, "%s%s", turns->options, baseline ? " --bare" : "");
	if (baseline ? service_configure(&service, &nats, turns->lines) : service_start(&service, &nats, turns->lines)) {
		shown = command_run(&service, options);
		service_end(&service);
	}
	nats_fixture_end(&nats);
	for (size_t i = 0; shown != NULL && i < NAMES; i++)
		value[i] = command_figure(shown, baseline ? "floor" : "service", names[i]);
	bool good = shown != NULL;
	json_decref(shown);
	return good;
}

static struct medians medians_of(double value[][NAMES], size_t rounds)
{
	double one[ROUNDS_LIMIT], middle[NAMES];
	for (size_t i = 0; i < NAMES; i++) {
		for (size_t round = 0; round < rounds; round++)
			one[round] = value[round][i];
		middle[i] = bench_median(one, rounds);
	}
	return (struct medians){middle[0], middle[1], middle[2], middle[3], middle[4], middle[5], middle[6], middle[7]};
}

bool turns_take(const struct bench *bench, const struct turns *turns, struct medians *service, struct medians *baseline)
{
	double of_service[ROUNDS_LIMIT][NAMES], of_baseline[ROUNDS_LIMIT][NAMES];
	for (size_t round = 0; round < bench->rounds; round++) {
		if (!take_turn(turns, true, of_baseline[round]) || !take_turn(turns, false, of_service[round]))
			return false;
		fprintf(stderr, "  floor %.0f uploads/s, service %.0f uploads/s\n", of_baseline[round][0],
		        of_service[round][0]);
	}
	*service = medians_of(of_service, bench->rounds);
	*baseline = medians_of(of_baseline, bench->rounds);
	return true;
}
