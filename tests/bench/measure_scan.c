/* SPDX-License-Identifier: Apache-2.0
 * The scan of a large file by virusscan, beside that by clamd's own client, with the same clamd. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/process_usage.h"
#include "core/bench/files.h"
#include "core/bench/statistics.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/harness/fixture_clamd.h"
#include "tests/harness/limits.h"

#define SCAN_LIMIT (600 * SECOND)
#define RATIO_LIMIT 1.05
#define GROWTH_LIMIT_MB 4

struct scan_bench {
	struct fixture_clamd clamd;
	struct nats_fixture nats;
	struct service service;
	char path[FOLDER_PATH_SIZE + 16];
	size_t megabytes;
	double service_s[ROUNDS_LIMIT], clamdscan_s[ROUNDS_LIMIT];
};

/* The same bytes as those that postprocessing-bench serves. */
static bool write_file(const char *path, size_t megabytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = fd >= 0 && bench_files_write(fd, (int64_t)megabytes * 1000000);
	if (fd >= 0 && close(fd) != 0)
		good = false;
	if (!good)
		fprintf(stderr, "cannot write %s\n", path);
	return good;
}

static bool scan_file(const struct scan_bench *scan, double *seconds)
{
	char option[128];
	struct process process;
	snprintf(option, sizeof option, "--config-file=%s/clamd.conf", scan->clamd.folder);
	const char *argv[] = {"clamdscan", "--stream", "--no-summary", "--quiet", option, scan->path, NULL};
	int fd = -1, status;
	nanos begun = clock_monotonic();
	if (!process_start(&process, &(struct process_options){.argv = argv, .pipe_out = true}))
		return false;
	/* The end of its standard output is its end; this needs no polling. */
	fd = process.out;
	char rest[256];
	while (read(fd, rest, sizeof rest) > 0)
		;
	*seconds = (double)(clock_monotonic() - begun) / (double)SECOND;
	bool ended = process_wait(&process, SCAN_LIMIT);
	status = process.status;
	process_end(&process);
	if (!ended || status != 0)
		fprintf(stderr, "clamdscan: exit status %d\n", status);
	return ended && status == 0;
}

/* On a new file each time, like each load of the service: much depends on which pages are in memory. */
static bool run_clamdscan(const struct scan_bench *scan, double *seconds)
{
	bool good = write_file(scan->path, scan->megabytes) && scan_file(scan, seconds);
	unlink(scan->path);
	return good;
}

static bool run_service(const struct scan_bench *scan, double *seconds)
{
	char options[64];
	snprintf(options, sizeof options, "-n 1 -f 1 --size %zuMB", scan->megabytes);
	json_t *shown = command_run(&scan->service, options);
	*seconds = command_figure(shown, "service", "latency_max_seconds");
	bool good = json_is_true(json_object_get(shown, "accepted"));
	json_decref(shown);
	if (!good)
		fputs("the file was not found clean\n", stderr);
	return good;
}

static bool set_up(struct scan_bench *scan, size_t megabytes)
{
	char lines[512];
	scan->megabytes = megabytes;
	snprintf(lines, sizeof lines, "steps = virusscan\n[step:virusscan]\nclamav_socket = %s\n", scan->clamd.socket);
	if (!service_start(&scan->service, &scan->nats, lines))
		return false;
	snprintf(scan->path, sizeof scan->path, "%s/file", scan->service.folder);
	return true;
}

static bool take_turns(struct scan_bench *scan, size_t rounds, double *growth)
{
	struct process_usage before, after;
	double warming_up;
	/* The first scan takes up to three times as long as those that follow. */
	if (!run_clamdscan(scan, &warming_up))
		return false;
	if (!process_usage_read(scan->service.process.pid, &before) || !service_forget_peak(&scan->service.process))
		return false;
	for (size_t i = 0; i < rounds; i++) {
		if (!run_clamdscan(scan, &scan->clamdscan_s[i]) || !run_service(scan, &scan->service_s[i]))
			return false;
		fprintf(stderr, "  clamdscan %.3f s, service %.3f s\n", scan->clamdscan_s[i], scan->service_s[i]);
	}
	bool good = process_usage_read(scan->service.process.pid, &after);
	*growth = ((double)after.peak - (double)before.resident) / 1e6;
	return good;
}

static void add_figures(struct bench *bench, struct scan_bench *scan, double growth)
{
	struct figure figure = {.unit = "s",
	                        .value = bench_median(scan->service_s, bench->rounds),
	                        .baseline = bench_median(scan->clamdscan_s, bench->rounds),
	                        .baseline_name = "clamdscan --stream",
	                        .target = TARGET_RATIO,
	                        .limit = RATIO_LIMIT};
	snprintf(figure.name, sizeof figure.name, "virus scan of %zu MB", scan->megabytes);
	figures_add(&bench->figures, &figure);
	figures_add(&bench->figures,
	            &(struct figure){"  memory growth, peak", "MB", growth, 0, "", TARGET_VALUE, GROWTH_LIMIT_MB});
}

bool measure_scan(struct bench *bench)
{
	struct scan_bench scan = {.service.process = PROCESS_NONE};
	double growth;
	/* Otherwise clamd only hashes what it has found clean before. */
	if (!fixture_clamd_start(&scan.clamd, "DisableCache yes\n"))
		return false;
	bool good = nats_fixture_start(&scan.nats, NULL);
	if (good) {
		good = set_up(&scan, bench->size_mb) && take_turns(&scan, bench->rounds, &growth);
		if (good)
			add_figures(bench, &scan, growth);
		service_end(&scan.service);
		nats_fixture_end(&scan.nats);
	}
	fixture_clamd_stop(&scan.clamd);
	return good;
}
