/* SPDX-License-Identifier: Apache-2.0
 * A large file of random bytes through virusscan, against clamd's own client on the same file and clamd. */
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file_server.h"
#include "tests/bench/bench.h"
#include "tests/bench/service.h"
#include "tests/bench/storage.h"
#include "tests/harness/usage.h"
#include "tests/fixture_clamd.h"
#include "tests/harness/limits.h"

#define SCAN_LIMIT (600 * SECOND)
#define RATIO_LIMIT 1.15
#define GROWTH_LIMIT_MB 8

struct scan_bench {
	struct fixture_clamd clamd;
	struct nats_fixture nats;
	struct service service;
	struct file_server *server;
	char path[FOLDER_PATH_SIZE + 16];
	char url[FILE_URL_SIZE];
	int64_t size;
	double service_s[ROUNDS_LIMIT], clamdscan_s[ROUNDS_LIMIT];
};

static bool write_random_file(const char *path, size_t megabytes)
{
	static unsigned char block[1000000];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool good = fd >= 0;
	for (size_t i = 0; good && i < megabytes; i++)
		good = RAND_bytes(block, sizeof block) == 1 && write(fd, block, sizeof block) == (ssize_t)sizeof block;
	/* So that writing it back disturbs no turn. */
	good = good && fsync(fd) == 0;
	if (fd >= 0 && close(fd) != 0)
		good = false;
	if (!good)
		fprintf(stderr, "%s cannot be written\n", path);
	return good;
}

static bool run_clamdscan(const struct scan_bench *scan, double *seconds)
{
	char option[128];
	struct process process;
	snprintf(option, sizeof option, "--config-file=%s/clamd.conf", scan->clamd.folder);
	const char *argv[] = {"clamdscan", "--stream", "--no-summary", "--quiet", option, scan->path, NULL};
	int fd = -1, status;
	nanos begun = clock_monotonic();
	if (!process_start(&process, &(struct process_options){.argv = argv, .pipe_out = true}))
		return false;
	/* Its standard output ends with it; nothing is polled for. */
	fd = process.out;
	char rest[256];
	while (read(fd, rest, sizeof rest) > 0)
		;
	*seconds = (double)(clock_monotonic() - begun) / (double)SECOND;
	bool ended = process_wait(&process, SCAN_LIMIT);
	status = process.status;
	process_end(&process);
	if (!ended || status != 0)
		fprintf(stderr, "clamdscan ends with %d\n", status);
	return ended && status == 0;
}

static bool run_service(const struct scan_bench *scan, double *seconds)
{
	struct storage_run run = {.count = 1, .in_flight = 1, .writes = 3, .url = scan->url, .filesize = scan->size};
	if (!storage_run(&scan->nats, &run))
		return false;
	*seconds = run.latency[0];
	free(run.latency);
	if (run.outcome != OUTCOME_CONTINUE)
		fprintf(stderr, "the file was not found clean: %s\n", outcome_name(run.outcome));
	return run.outcome == OUTCOME_CONTINUE;
}

static bool set_up(struct scan_bench *scan, size_t megabytes)
{
	char lines[512], why[256];
	snprintf(lines, sizeof lines, "steps = virusscan\n[step:virusscan]\nclamav_socket = %s\n", scan->clamd.socket);
	if (!service_start(&scan->service, &scan->nats, lines))
		return false;
	snprintf(scan->path, sizeof scan->path, "%s/random", scan->service.folder);
	if (!write_random_file(scan->path, megabytes))
		return false;
	scan->server = file_server_start(NULL, why, sizeof why);
	bool good = scan->server != NULL && file_server_add(scan->server, scan->path, scan->url, &scan->size, why, sizeof why);
	if (!good)
		fprintf(stderr, "%s\n", why);
	return good;
}

static bool take_turns(struct scan_bench *scan, size_t rounds, double *growth)
{
	struct usage before, after;
	double warming_up;
	/* The first of all takes up to three times as long as those that follow. */
	if (!run_clamdscan(scan, &warming_up))
		return false;
	if (!usage_read(scan->service.process.pid, &before) || !usage_forget_peak(scan->service.process.pid))
		return false;
	for (size_t i = 0; i < rounds; i++) {
		if (!run_clamdscan(scan, &scan->clamdscan_s[i]) || !run_service(scan, &scan->service_s[i]))
			return false;
		fprintf(stderr, "  clamdscan %.3f s, service %.3f s\n", scan->clamdscan_s[i], scan->service_s[i]);
	}
	bool good = usage_read(scan->service.process.pid, &after);
	*growth = after.peak - before.resident;
	return good;
}

static void add_figures(struct bench *bench, struct scan_bench *scan, double growth)
{
	size_t rounds = bench->rounds;
	sort_values(scan->service_s, rounds);
	sort_values(scan->clamdscan_s, rounds);
	figures_add(&bench->figures, &(struct figure){"virus scan of random bytes over HTTP, best", "s", scan->service_s[0],
	                                              scan->clamdscan_s[0], "clamdscan --stream", TARGET_RATIO, RATIO_LIMIT});
	figures_add(&bench->figures, &(struct figure){"  median", "s", percentile(scan->service_s, rounds, 50),
	                                              percentile(scan->clamdscan_s, rounds, 50), "clamdscan --stream", TARGET_RATIO,
	                                              RATIO_LIMIT});
	figures_add(&bench->figures, &(struct figure){"  memory growth, peak", "MB", growth, 0, "", TARGET_VALUE, GROWTH_LIMIT_MB});
}

bool measure_scan(struct bench *bench)
{
	struct scan_bench scan = {.service.process = PROCESS_NONE};
	double growth;
	if (!fixture_clamd_start(&scan.clamd, NULL))
		return false;
	bool good = nats_fixture_start(&scan.nats, NULL);
	if (good) {
		good = set_up(&scan, bench->size_mb) && take_turns(&scan, bench->rounds, &growth);
		if (good)
			add_figures(bench, &scan, growth);
		if (scan.server != NULL)
			file_server_stop(scan.server);
		service_end(&scan.service);
		nats_fixture_end(&scan.nats);
	}
	fixture_clamd_stop(&scan.clamd);
	return good;
}
