/* SPDX-License-Identifier: Apache-2.0
 * The scan of a large file by virusscan, beside that by clamd's own client, with the same clamd. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/bench/files.h"
#include "core/bench/statistics.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/bench/family.h"
#include "tests/harness/fixture_clamd.h"
#include "tests/harness/limits.h"

#define SCAN_LIMIT (600 * SECOND)
#define RATIO_LIMIT 1.05
#define GROWTH_LIMIT_MB 6
#define CPU_LIMIT 0.65 /* seconds for 1 GB */

struct scan_bench {
	struct fixture_clamd clamd;
	struct nats_fixture nats;
	struct service service;
	char path[FOLDER_PATH_SIZE + 16];
	size_t megabytes;
	double service_s[ROUNDS_LIMIT], clamdscan_s[ROUNDS_LIMIT];
	double cpu, growth;   /* of the service and its worker process: seconds for 1 GB, bytes */
	double clamdscan_cpu; /* seconds of all rounds, then for 1 GB */
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

/* CPU time of the children that have ended, in seconds. */
static double children_cpu(void)
{
	struct rusage usage;
	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
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
static bool run_clamdscan(struct scan_bench *scan, double *seconds)
{
	bool good = write_file(scan->path, scan->megabytes);
	double before = children_cpu();
	good = good && scan_file(scan, seconds);
	scan->clamdscan_cpu += children_cpu() - before;
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

static bool take_turns(struct scan_bench *scan, size_t rounds)
{
	struct family before, after;
	pid_t pid = scan->service.process.pid;
	double warming_up;
	/* The first scan takes up to three times as long as those that follow. */
	if (!run_clamdscan(scan, &warming_up))
		return false;
	scan->clamdscan_cpu = 0;
	if (!family_read(pid, &before) || !family_forget_peak(pid))
		return false;
	for (size_t i = 0; i < rounds; i++) {
		if (!run_clamdscan(scan, &scan->clamdscan_s[i]) || !run_service(scan, &scan->service_s[i]))
			return false;
		fprintf(stderr, "  clamdscan %.3f s, service %.3f s\n", scan->clamdscan_s[i], scan->service_s[i]);
	}
	bool good = family_read(pid, &after);
	scan->growth = after.peak - before.resident;
	scan->cpu = (after.cpu - before.cpu) / (double)rounds * 1000 / (double)scan->megabytes;
	scan->clamdscan_cpu = scan->clamdscan_cpu / (double)rounds * 1000 / (double)scan->megabytes;
	return good;
}

static void add_figures(struct bench *bench, struct scan_bench *scan)
{
	struct figure figure[] = {
		{.unit = "s",
	     .value = bench_median(scan->service_s, bench->rounds),
	     .baseline = bench_median(scan->clamdscan_s, bench->rounds),
	     .baseline_name = "clamdscan --stream",
	     .target = TARGET_RATIO,
	     .limit = RATIO_LIMIT},
		{"  CPU time of service and worker, each GB", "s", scan->cpu, scan->clamdscan_cpu, "clamdscan --stream",
	     TARGET_VALUE, CPU_LIMIT},
		{"  their memory growth, peak", "MB", scan->growth / 1e6, 0, "", TARGET_VALUE, GROWTH_LIMIT_MB},
	};
	snprintf(figure[0].name, sizeof figure[0].name, "virus scan of %zu MB", scan->megabytes);
	for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++)
		figures_add(&bench->figures, &figure[i]);
}

static bool measure_size(struct bench *bench, const struct fixture_clamd *clamd, size_t megabytes)
{
	struct scan_bench scan = {.clamd = *clamd, .service.process = PROCESS_NONE};
	if (!nats_fixture_start(&scan.nats, NULL))
		return false;
	bool good = set_up(&scan, megabytes) && take_turns(&scan, bench->rounds);
	if (good)
		add_figures(bench, &scan);
	service_end(&scan.service);
	nats_fixture_end(&scan.nats);
	return good;
}

bool measure_scan(struct bench *bench)
{
	struct fixture_clamd clamd;
	/* Otherwise clamd only hashes what it has found clean before. */
	if (!fixture_clamd_start(&clamd, "DisableCache yes\n"))
		return false;
	bool good = measure_size(bench, &clamd, bench->size_mb) && measure_size(bench, &clamd, 2 * bench->size_mb);
	fixture_clamd_stop(&clamd);
	return good;
}
