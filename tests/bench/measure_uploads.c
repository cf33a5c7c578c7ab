/* SPDX-License-Identifier: Apache-2.0
 * Throughput, latency and cost of uploads. */
#include <stdio.h>

#include "tests/bench/bench.h"
#include "tests/bench/turns.h"

static const char operations[] = "the same broker operations, bare";

struct rate_case {
	const char *name;
	const char *lines;
	const char *options;
	size_t divisor; /* of the number of uploads */
	double least;
};

static const struct rate_case rate_case[] = {
	{"no steps", "", "", 1, 0.95},
	{"a local step that does nothing", "steps = nothing\n", "", 1, 0.85},
	{"a remote step, answered at once", "steps = policies\n[step:policies]\nmodule = remote\n", "", 1, 0.85},
	{"20 irrelevant events with each", "", "--noise 20", 5, 0.90},
};

static bool measure_one_rate(struct bench *bench, const struct rate_case *one)
{
	char options[128];
	struct medians service, baseline;
	fprintf(stderr, " %s\n", one->name);
	snprintf(options, sizeof options, "-n %zu -f %zu %s", bench->uploads / one->divisor, bench->in_flight,
	         one->options);
	if (!turns_take(bench, &(struct turns){one->lines, options}, &service, &baseline))
		return false;
	struct figure figure[] = {
		{.unit = "1/s",
	     .value = service.rate,
	     .baseline = baseline.rate,
	     .target = TARGET_RATIO_LEAST,
	     .limit = one->least},
		{"  CPU time of the service, each", "us", service.cpu * 1e6, baseline.cpu * 1e6, "the bare loop's",
	     TARGET_RATIO, 2},
		{"  CPU time of the broker, each", "us", service.broker_cpu * 1e6, baseline.broker_cpu * 1e6,
	     "with the bare loop", TARGET_NONE, 0},
		{"  writes of the record, each", "", service.writes, baseline.writes, "the bare loop's", TARGET_NONE, 0},
	};
	snprintf(figure[0].name, sizeof figure[0].name, "uploads: %s", one->name);
	figure[0].baseline_name = operations;
	for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++)
		figures_add(&bench->figures, &figure[i]);
	return true;
}

bool measure_rate(struct bench *bench)
{
	for (size_t i = 0; i < sizeof rate_case / sizeof rate_case[0]; i++)
		if (!measure_one_rate(bench, &rate_case[i]))
			return false;
	return true;
}

static bool measure_one_latency(struct bench *bench, const char *name, const char *options, bool targets)
{
	struct medians service, baseline;
	if (!turns_take(bench, &(struct turns){"", options}, &service, &baseline))
		return false;
	struct figure figure[] = {
		{.unit = "ms", .value = service.p50 * 1e3, .baseline = baseline.p50 * 1e3, .limit = 1.5},
		{"  p90", "ms", service.p90 * 1e3, baseline.p90 * 1e3, operations, TARGET_NONE, 0},
		{"  p99", "ms", service.p99 * 1e3, baseline.p99 * 1e3, operations, TARGET_NONE, 3},
	};
	snprintf(figure[0].name, sizeof figure[0].name, "PostprocessingFinished, %s: p50", name);
	figure[0].baseline_name = operations;
	figure[0].target = figure[2].target = targets ? TARGET_RATIO : TARGET_NONE;
	for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++)
		figures_add(&bench->figures, &figure[i]);
	return true;
}

bool measure_latency(struct bench *bench)
{
	char options[64];
	snprintf(options, sizeof options, "-n %zu -f 1", bench->single);
	return measure_one_latency(bench, "500/s", "--rate 500 -d 10s", true) &&
	       measure_one_latency(bench, "one in flight", options, false);
}
