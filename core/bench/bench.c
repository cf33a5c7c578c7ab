/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/bench.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/terminal.h"
#include "core/bench/baseline.h"
#include "core/bench/statistics.h"
#include "core/bench/usage.h"

/* A service that has just reconnected to its broker needs some time. */
#define CONSUMER_TIMEOUT (5 * SECOND)

const char *bench_side_name(enum bench_side side)
{
	return side == BENCH_BASELINE ? "floor" : "service";
}

static double cpu_per_upload(const struct bench_use *before, const struct bench_use *after, double uploads)
{
	/* The CPU time is less than before if the service was restarted. */
	return before->seen && after->seen && after->cpu >= before->cpu && uploads > 0
	           ? (after->cpu - before->cpu) / uploads
	           : NAN;
}

static void fill(struct bench_figures *figures, const struct bench_result *result, const struct bench_usage *before,
                 const struct bench_usage *after)
{
	double uploads = (double)result->announced;
	*figures = (struct bench_figures){
		.rate = uploads / result->elapsed,
		.p50 = bench_percentile(result->latency, result->count, 50),
		.p90 = bench_percentile(result->latency, result->count, 90),
		.p99 = bench_percentile(result->latency, result->count, 99),
		.max = bench_percentile(result->latency, result->count, 100),
		.events = uploads > 0 ? (double)result->events / uploads : NAN,
		.writes = uploads > 0 ? (double)result->writes / uploads : NAN,
		.server_cpu = cpu_per_upload(&before->server, &after->server, uploads),
		.broker_cpu = cpu_per_upload(&before->broker, &after->broker, uploads),
		.own_cpu = cpu_per_upload(&before->own, &after->own, uploads),
		.server_resident = after->server.seen ? after->server.resident : NAN,
		.broker_resident = after->broker.seen ? after->broker.resident : NAN,
		.uploads = uploads,
		.elapsed = result->elapsed,
	};
}

static bool await_consumer(struct bench_target *target)
{
	if (bench_target_await_consumer(target, CONSUMER_TIMEOUT))
		return true;
	terminal_error("no service reads stream %s as consumer %s on %s: is `postprocessing server` running?",
	               target->stream, target->consumer, target->client->events->endpoint);
	return false;
}

static bool measure(struct bench *bench, const struct bench_load *load, pid_t baseline, struct bench_figures *figures)
{
	struct bench_usage before, after;
	struct bench_result result;
	const struct config *config = bench->client->config;
	bench_usage_take(&before, config, baseline, bench->broker);
	if (!bench_load_run(load, &result))
		return false;
	bench_usage_take(&after, config, baseline, bench->broker);
	fill(figures, &result, &before, &after);
	bench->interrupted = bench->interrupted || result.interrupted;
	bench->incomplete = bench->incomplete || result.abandoned > 0;
	bench->rejected = bench->rejected || result.rejected;
	bench->backlog = result.backlog;
	free(result.latency);
	return true;
}

bool bench_turn(struct bench *bench, enum bench_side side, const struct bench_load *load, struct bench_figures *figures)
{
	struct bench_target target;
	struct bench_baseline baseline = {0};
	struct bench_load placed = *load;
	placed.target = &target;
	bool good =
		side == BENCH_BASELINE ? bench_target_make(&target, bench->client) : bench_target_open(&target, bench->client);
	if (!good)
		return false;
	if (side == BENCH_BASELINE)
		good = bench_baseline_start(&baseline, bench->config_path, bench->client->config);
	good = good && await_consumer(&target) && measure(bench, &placed, baseline.pid, figures);
	bench_baseline_end(&baseline);
	bench_target_close(&target);
	return good;
}

void bench_figures_median(const struct bench_figures *round, size_t count, struct bench_figures *median)
{
	double value[BENCH_ROUNDS_LIMIT];
#define X(member, key, label, unit) \
	for (size_t i = 0; i < count; i++) \
		value[i] = round[i].member; \
	median->member = bench_median(value, count);
	BENCH_FIGURES(X)
#undef X
}
