/* SPDX-License-Identifier: Apache-2.0
 * Private memory of the service and its worker processes together. */
#include <math.h>
#include <stdio.h>

#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/bench/family.h"
#include "tests/harness/fixture_clamd.h"
#include "tests/harness/limits.h"

#define WORKERS 4
#define QUIET (10 * SECOND)
#define QUIET_LIMIT (60 * SECOND)
#define CHANGE 100e3 /* bytes */

struct quiet {
	pid_t pid;
	double private;
	nanos since;
	bool failed;
};

static bool is_quiet(void *closure)
{
	struct quiet *quiet = closure;
	struct family family;
	quiet->failed = !family_read(quiet->pid, &family) || family.count <= WORKERS;
	if (quiet->failed || !(fabs(family.private - quiet->private) < CHANGE)) {
		quiet->private = family.private;
		quiet->since = clock_monotonic();
	}
	return clock_monotonic() - quiet->since > QUIET;
}

/* After it has not changed for ten seconds; NAN: not measured. */
static double private_at_rest(const struct service *service)
{
	struct quiet quiet = {.pid = service->process.pid};
	return wait_until(is_quiet, &quiet, QUIET_LIMIT) && !quiet.failed ? quiet.private / 1e6 : NAN;
}

static bool run_uploads(const struct bench *bench, const struct service *service)
{
	char options[64];
	snprintf(options, sizeof options, "-n %zu -f 200 --size 10000", bench->uploads);
	json_t *shown = command_run(service, options);
	bool good = json_is_true(json_object_get(shown, "accepted"));
	json_decref(shown);
	return good;
}

bool measure_workers(struct bench *bench)
{
	char lines[512];
	struct fixture_clamd clamd;
	struct nats_fixture nats;
	struct service service;
	double idle = NAN, after = NAN;
	if (!fixture_clamd_start(&clamd, NULL))
		return false;
	snprintf(lines, sizeof lines, "steps = virusscan\n[step:virusscan]\nworkers = %d\nclamav_socket = %s\n", WORKERS,
	         clamd.socket);
	if (nats_fixture_start(&nats, NULL)) {
		if (service_start(&service, &nats, lines)) {
			idle = private_at_rest(&service);
			after = run_uploads(bench, &service) ? private_at_rest(&service) : NAN;
			service_end(&service);
		}
		nats_fixture_end(&nats);
	}
	fixture_clamd_stop(&clamd);
	if (isnan(idle) || isnan(after))
		return false;
	struct figure figure = {.unit = "MB", .value = after, .baseline_name = "", .target = TARGET_VALUE, .limit = 16};
	snprintf(figure.name, sizeof figure.name, "  the same after %zu uploads", bench->uploads);
	figures_add(&bench->figures,
	            &(struct figure){"private memory with 4 worker processes, idle", "MB", idle, 0, "", TARGET_VALUE, 10});
	figures_add(&bench->figures, &figure);
	return true;
}
