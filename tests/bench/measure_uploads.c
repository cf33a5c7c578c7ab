/* SPDX-License-Identifier: Apache-2.0
 * Uploads without steps: how many go through, how long one takes, and what they cost. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bare.h"
#include "tests/bench/bench.h"
#include "tests/bench/service.h"
#include "tests/bench/storage.h"
#include "tests/harness/usage.h"

/* One turn on a broker of its own, by the service or by the floor. */
struct turn {
	struct storage_run run;
	double cpu, broker_cpu; /* seconds, during the run */
};

static bool run_measured(const struct nats_fixture *nats, const struct process *process, struct turn *turn)
{
	struct usage before, after, broker_before, broker_after;
	bool good = usage_read(process->pid, &before) && usage_read(nats->process.pid, &broker_before) &&
	            storage_run(nats, &turn->run);
	if (!good)
		return false;
	if (!usage_read(process->pid, &after) || !usage_read(nats->process.pid, &broker_after)) {
		free(turn->run.latency);
		return false;
	}
	turn->cpu = after.cpu - before.cpu;
	turn->broker_cpu = broker_after.cpu - broker_before.cpu;
	return true;
}

static bool take_turn(struct turn *turn, bool floor)
{
	struct nats_fixture nats;
	struct service service = {.process = PROCESS_NONE};
	struct process bare = PROCESS_NONE;
	bool prompt = turn->run.in_flight == 1;
	if (!nats_fixture_start(&nats, NULL))
		return false;
	bool good = floor ? bare_start(&bare, &nats, prompt) : service_start(&service, &nats, "");
	good = good && run_measured(&nats, floor ? &bare : &service.process, turn);
	service_end(&service);
	process_end(&bare);
	nats_fixture_end(&nats);
	return good;
}

static double median(double *value, size_t count)
{
	sort_values(value, count);
	return percentile(value, count, 50);
}

struct rates {
	double seconds[ROUNDS_LIMIT], cpu[ROUNDS_LIMIT], broker_cpu[ROUNDS_LIMIT];
};

static bool measure_one_rate(const struct bench *bench, struct rates *rates, size_t round, bool floor)
{
	struct turn turn = {.run = {.count = bench->uploads, .in_flight = bench->in_flight, .writes = 2}};
	if (!take_turn(&turn, floor))
		return false;
	free(turn.run.latency);
	double microseconds = 1e6 / (double)bench->uploads;
	rates->seconds[round] = turn.run.elapsed;
	rates->cpu[round] = turn.cpu * microseconds;
	rates->broker_cpu[round] = turn.broker_cpu * microseconds;
	fprintf(stderr, "  %s: %.0f uploads/s\n", floor ? "floor  " : "service", (double)bench->uploads / turn.run.elapsed);
	return true;
}

bool measure_rate(struct bench *bench)
{
	struct rates service, floor;
	for (size_t round = 0; round < bench->rounds; round++)
		if (!measure_one_rate(bench, &floor, round, true) || !measure_one_rate(bench, &service, round, false))
			return false;
	double count = (double)bench->uploads;
	size_t rounds = bench->rounds;
	figures_add(&bench->figures, &(struct figure){"uploads without steps, many in flight", "1/s", count / median(service.seconds, rounds),
	                                              count / median(floor.seconds, rounds), "the same broker operations, bare", TARGET_NONE, 0});
	figures_add(&bench->figures, &(struct figure){"  CPU time of the service, each", "us", median(service.cpu, rounds),
	                                              median(floor.cpu, rounds), "the bare loop's", TARGET_NONE, 0});
	figures_add(&bench->figures, &(struct figure){"  CPU time of the broker, each", "us", median(service.broker_cpu, rounds),
	                                              median(floor.broker_cpu, rounds), "with the bare loop", TARGET_NONE, 0});
	return true;
}

/* All latencies of all rounds, sorted; NULL: not measured. */
static bool collect(const struct bench *bench, bool floor, double *all, size_t round)
{
	struct turn turn = {.run = {.count = bench->single, .in_flight = 1, .writes = 2}};
	if (!take_turn(&turn, floor))
		return false;
	for (size_t i = 0; i < bench->single; i++)
		all[round * bench->single + i] = turn.run.latency[i] * 1e3;
	free(turn.run.latency);
	return true;
}

bool measure_latency(struct bench *bench)
{
	static const struct {
		const char *name;
		unsigned percent;
	} shown[] = {{"PostprocessingFinished, one in flight: p50", 50}, {"  p90", 90}, {"  p99", 99}, {"  max", 100}};
	size_t count = bench->single * bench->rounds;
	double *service = calloc(count, sizeof *service), *floor = calloc(count, sizeof *floor);
	bool good = service != NULL && floor != NULL;
	for (size_t round = 0; good && round < bench->rounds; round++)
		good = collect(bench, true, floor, round) && collect(bench, false, service, round);
	if (good) {
		sort_values(service, count);
		sort_values(floor, count);
		for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
			figures_add(&bench->figures, &(struct figure){shown[i].name, "ms", percentile(service, count, shown[i].percent),
			                                              percentile(floor, count, shown[i].percent),
			                                              "the same broker operations, bare", TARGET_NONE, 0});
	}
	free(service);
	free(floor);
	return good;
}
