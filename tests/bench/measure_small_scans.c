/* SPDX-License-Identifier: Apache-2.0
 * Scans of small files by virusscan, beside a loop that only sends such a file to the same clamd, while the broker has
 * the same work. */
#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/bench/statistics.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/harness/fixture_clamd.h"

#define WORKERS 4
#define FILE_SIZE 10000
#define LOOP_TIME (5 * SECOND)
#define LEAST 0.6

struct loop {
	const struct fixture_clamd *clamd;
	nanos until;
	atomic_size_t scanned;
	atomic_bool failed;
};

static bool send_all(int fd, const void *bytes, size_t length)
{
	return send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool scan_once(const struct fixture_clamd *clamd)
{
	static const char file[FILE_SIZE] = "a small file";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint32_t length = htonl(sizeof file), end = 0;
	char answer[64] = "";
	snprintf(address.sun_path, sizeof address.sun_path, "%s", clamd->socket);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	            send_all(fd, "zINSTREAM", 10) && send_all(fd, &length, sizeof length) &&
	            send_all(fd, file, sizeof file) && send_all(fd, &end, sizeof end) &&
	            read(fd, answer, sizeof answer - 1) > 0 && strcmp(answer, "stream: OK") == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

static void *run_loop(void *closure)
{
	struct loop *loop = closure;
	while (clock_monotonic() < loop->until) {
		if (!scan_once(loop->clamd)) {
			atomic_store(&loop->failed, true);
			break;
		}
		atomic_fetch_add(&loop->scanned, 1);
	}
	return NULL;
}

/* Scans per second; NAN: not measured. */
static double scan_bare(const struct fixture_clamd *clamd)
{
	struct loop loop = {.clamd = clamd, .until = clock_monotonic() + LOOP_TIME};
	pthread_t thread[WORKERS];
	size_t started = 0;
	while (started < WORKERS && pthread_create(&thread[started], NULL, run_loop, &loop) == 0)
		started++;
	for (size_t i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	return started < WORKERS || atomic_load(&loop.failed)
	           ? NAN
	           : (double)atomic_load(&loop.scanned) * (double)SECOND / (double)LOOP_TIME;
}

static double measure_service(const struct bench *bench, const struct fixture_clamd *clamd)
{
	char lines[256], options[64];
	struct nats_fixture nats;
	struct service service;
	double rate = NAN;
	if (!nats_fixture_start(&nats, NULL))
		return NAN;
	snprintf(lines, sizeof lines, "steps = virusscan\n[step:virusscan]\nworkers = %d\nclamav_socket = %s\n", WORKERS,
	         clamd->socket);
	snprintf(options, sizeof options, "-n %zu -f 200 --size %d", bench->uploads / 2, FILE_SIZE);
	if (service_start(&service, &nats, lines)) {
		json_t *shown = command_run(&service, options);
		rate = command_figure(shown, "service", "uploads_per_second");
		json_decref(shown);
		service_end(&service);
	}
	nats_fixture_end(&nats);
	return rate;
}

static double measure_baseline(const struct fixture_clamd *clamd, double rate)
{
	char options[64];
	struct nats_fixture nats;
	struct service service;
	struct process load;
	double scans = NAN;
	if (!nats_fixture_start(&nats, NULL))
		return NAN;
	/* The load has the events of uploads with a local step. */
	if (service_configure(&service, &nats, "steps = nothing\n")) {
		snprintf(options, sizeof options, "--bare --rate %.0f -d 6s", rate);
		if (command_start(&load, &service, options)) {
			scans = scan_bare(clamd);
			process_end(&load);
		}
		service_end(&service);
	}
	nats_fixture_end(&nats);
	return scans;
}

bool measure_small_scans(struct bench *bench)
{
	struct fixture_clamd clamd;
	double service[ROUNDS_LIMIT], baseline[ROUNDS_LIMIT];
	bool good = fixture_clamd_start(&clamd, NULL);
	if (!good)
		return false;
	for (size_t round = 0; good && round < bench->rounds; round++) {
		service[round] = measure_service(bench, &clamd);
		baseline[round] = isnan(service[round]) ? NAN : measure_baseline(&clamd, service[round]);
		good = !isnan(baseline[round]);
		fprintf(stderr, "  service %.0f scans/s, bare loop %.0f scans/s\n", service[round], baseline[round]);
	}
	fixture_clamd_stop(&clamd);
	if (good)
		figures_add(&bench->figures,
		            &(struct figure){"virus scans of 10 KB, 4 workers", "1/s", bench_median(service, bench->rounds),
		                             bench_median(baseline, bench->rounds), "a bare INSTREAM loop, broker loaded",
		                             TARGET_RATIO_LEAST, LEAST});
	return good;
}
