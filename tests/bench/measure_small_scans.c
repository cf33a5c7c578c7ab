/* SPDX-License-Identifier: Apache-2.0
 * Scans of small files by virusscan, beside a loop that only sends such a file to the same clamd, while the broker has
 * the same work. The caches of virusscan and of clamd know none of them. */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/bench/files.h"
#include "core/bench/statistics.h"
#include "tests/bench/bench.h"
#include "tests/bench/beside_load.h"
#include "tests/bench/command.h"
#include "tests/harness/fixture_clamd.h"

#define WORKERS 4
#define FILE_SIZE 10000
#define LEAST 0.6

struct loop {
	const struct fixture_clamd *clamd;
	char file[FILE_SIZE];
};

static bool send_all(int fd, const void *bytes, size_t length)
{
	return send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* The bytes are of the same kind as those that postprocessing-bench serves. */
static bool make_file(char file[FILE_SIZE])
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	bool good = fd >= 0 && bench_files_write(fd, FILE_SIZE) && pread(fd, file, FILE_SIZE, 0) == FILE_SIZE;
	if (fd >= 0)
		close(fd);
	return good;
}

static bool scan_once(const struct loop *loop)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint32_t length = htonl(FILE_SIZE), end = 0;
	char answer[64] = "";
	snprintf(address.sun_path, sizeof address.sun_path, "%s", loop->clamd->socket);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	            send_all(fd, "zINSTREAM", 10) && send_all(fd, &length, sizeof length) &&
	            send_all(fd, loop->file, FILE_SIZE) && send_all(fd, &end, sizeof end) &&
	            read(fd, answer, sizeof answer - 1) > 0 && strcmp(answer, "stream: OK") == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

static long run_loop(void *closure, nanos until)
{
	long scanned = 0;
	while (scanned >= 0 && clock_monotonic() < until)
		scanned = scan_once(closure) ? scanned + 1 : -1;
	return scanned;
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
	snprintf(options, sizeof options, "-n %zu -f 200 --size %d --distinct", bench->uploads / 2, FILE_SIZE);
	if (service_start(&service, &nats, lines)) {
		json_t *shown = command_run(&service, options);
		rate = command_figure(shown, "service", "uploads_per_second");
		json_decref(shown);
		service_end(&service);
	}
	nats_fixture_end(&nats);
	return rate;
}

bool measure_small_scans(struct bench *bench)
{
	struct fixture_clamd clamd;
	struct loop loop = {.clamd = &clamd};
	double service[ROUNDS_LIMIT], baseline[ROUNDS_LIMIT];
	if (!fixture_clamd_start(&clamd, "DisableCache yes\n"))
		return false;
	/* Without the version of the signatures, nothing is cached. */
	bool good = fixture_clamd_update(&clamd, 1, time(NULL)) && make_file(loop.file);
	for (size_t round = 0; good && round < bench->rounds; round++) {
		service[round] = measure_service(bench, &clamd);
		baseline[round] = isnan(service[round]) ? NAN : beside_load_measure(service[round], WORKERS, run_loop, &loop);
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
