/* SPDX-License-Identifier: Apache-2.0
 * Scans by virusscan on an ICAP server, in turns with a bare loop of the same requests on the same server: c-icap with
 * its services echo and virus_scan. Large files one by one, and small ones on connections that are kept. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "core/bench/statistics.h"
#include "tests/bench/bare_icap.h"
#include "tests/bench/bench.h"
#include "tests/bench/beside_load.h"
#include "tests/bench/command.h"
#include "tests/harness/fixture_icap.h"

#define WORKERS 4
#define SMALL 10000
#define LARGE_MB 100
#define LARGE ((size_t)LARGE_MB * 1000000)
/* Of a turn: the first one warms up. */
#define LARGE_SCANS 4
#define LEAST_SMALL 0.8
#define MOST_LARGE (1 / 0.9)

struct icap_bench {
	struct fixture_clamd clamd;
	struct fixture_icap icap;
	const char *name; /* of the service */
	const char *what; /* it does */
	const char *more; /* of the step's keys */
	bool idle;        /* it does next to nothing, so a small scan is the work of the service alone */
};

/* Starts the service with virusscan on the ICAP service. */
static bool start_service(const struct icap_bench *icap, const struct nats_fixture *nats, struct service *service)
{
	char lines[512];
	snprintf(lines, sizeof lines,
	         "steps = virusscan\n[step:virusscan]\nworkers = %d\nscanner = icap\nicap_url = icap://127.0.0.1:%u/%s\n%s",
	         WORKERS, icap->icap.port, icap->name, icap->more);
	return service_start(service, nats, lines);
}

/* Returns a figure of a load on the service; NAN: not measured. */
static double load_service(const struct icap_bench *icap, const char *options, const char *figure)
{
	struct nats_fixture nats;
	struct service service;
	double value = NAN;
	if (!nats_fixture_start(&nats, NULL))
		return NAN;
	if (start_service(icap, &nats, &service)) {
		json_t *shown = command_run(&service, options);
		value = command_figure(shown, "service", figure);
		if (!json_is_true(json_object_get(shown, "accepted"))) {
			fprintf(stderr, "%s: the files were not found clean\n", icap->name);
			value = NAN;
		}
		json_decref(shown);
		service_end(&service);
	}
	nats_fixture_end(&nats);
	return value;
}

static long scan_small(void *closure, nanos until)
{
	const struct bare_icap *bare = closure;
	int fd = -1;
	long scanned = 0;
	while (scanned >= 0 && clock_monotonic() < until)
		scanned = bare_icap_scan(bare, &fd) ? scanned + 1 : -1;
	if (fd >= 0)
		close(fd);
	return scanned;
}

static bool measure_small(struct bench *bench, const struct icap_bench *icap)
{
	double service[ROUNDS_LIMIT], baseline[ROUNDS_LIMIT];
	char options[64];
	struct bare_icap bare;
	bool good = bare_icap_begin(&bare, icap->icap.port, icap->name, SMALL);
	snprintf(options, sizeof options, "-n %zu -f 200 --size %d --distinct", bench->uploads / 2, SMALL);
	for (size_t round = 0; good && round < bench->rounds; round++) {
		service[round] = load_service(icap, options, "uploads_per_second");
		baseline[round] = isnan(service[round]) ? NAN : beside_load_measure(service[round], WORKERS, scan_small, &bare);
		good = !isnan(baseline[round]);
		fprintf(stderr, "  %s: service %.0f scans/s, bare loop %.0f scans/s\n", icap->name, service[round],
		        baseline[round]);
	}
	bare_icap_end(&bare);
	if (!good)
		return false;
	struct figure figure = {.unit = "1/s",
	                        .value = bench_median(service, bench->rounds),
	                        .baseline = bench_median(baseline, bench->rounds),
	                        .baseline_name = "a bare loop, broker loaded",
	                        .target = icap->idle ? TARGET_NONE : TARGET_RATIO_LEAST,
	                        .limit = LEAST_SMALL};
	snprintf(figure.name, sizeof figure.name, "ICAP %s of 10 KB, %d workers", icap->what, WORKERS);
	figures_add(&bench->figures, &figure);
	return true;
}

/* The median time of a scan; NAN: not measured. */
static double scan_large(const struct bare_icap *bare)
{
	double seconds[LARGE_SCANS];
	int fd = -1;
	for (size_t i = 0; i < LARGE_SCANS; i++) {
		nanos begun = clock_monotonic();
		bool good = bare_icap_scan(bare, &fd);
		seconds[i] = good ? (double)(clock_monotonic() - begun) / (double)SECOND : NAN;
		if (!good)
			break;
	}
	if (fd >= 0)
		close(fd);
	return bench_median(seconds, LARGE_SCANS);
}

static bool measure_large(struct bench *bench, const struct icap_bench *icap)
{
	double service[ROUNDS_LIMIT], baseline[ROUNDS_LIMIT];
	char options[64];
	struct bare_icap bare;
	bool good = bare_icap_begin(&bare, icap->icap.port, icap->name, LARGE);
	snprintf(options, sizeof options, "-n %d -f 1 --size %dMB", LARGE_SCANS, LARGE_MB);
	for (size_t round = 0; good && round < bench->rounds; round++) {
		baseline[round] = scan_large(&bare);
		service[round] = load_service(icap, options, "latency_p50_seconds");
		good = !isnan(service[round]) && !isnan(baseline[round]);
		fprintf(stderr, "  %s: bare loop %.3f s, service %.3f s\n", icap->name, baseline[round], service[round]);
	}
	bare_icap_end(&bare);
	if (!good)
		return false;
	struct figure figure = {.unit = "s",
	                        .value = bench_median(service, bench->rounds),
	                        .baseline = bench_median(baseline, bench->rounds),
	                        .baseline_name = "a bare loop",
	                        .target = TARGET_RATIO,
	                        .limit = MOST_LARGE};
	snprintf(figure.name, sizeof figure.name, "ICAP %s of %d MB", icap->what, LARGE_MB);
	figures_add(&bench->figures, &figure);
	return true;
}

bool measure_icap(struct bench *bench)
{
	struct icap_bench icap = {.what = NULL};
	if (!fixture_icap_present()) {
		fputs("  there is no c-icap, or no virus_scan for it\n", stderr);
		return false;
	}
	/* Otherwise clamd only hashes what it has found clean before. */
	if (!fixture_clamd_start(&icap.clamd, "DisableCache yes\n"))
		return false;
	bool good = fixture_icap_start(&icap.icap, &icap.clamd, NULL);
	if (good) {
		/* It finds no virus, so it would not pass the self-test. */
		icap.name = icap.what = "echo";
		icap.more = "self_test = 0\n";
		icap.idle = true;
		good = measure_small(bench, &icap) && measure_large(bench, &icap);
		icap.name = "avscan";
		icap.what = "virus scan";
		icap.more = "";
		icap.idle = false;
		good = good && measure_small(bench, &icap) && measure_large(bench, &icap);
		fixture_icap_stop(&icap.icap);
	}
	fixture_clamd_stop(&icap.clamd);
	return good;
}
