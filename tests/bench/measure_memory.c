/* SPDX-License-Identifier: Apache-2.0
 * Resident memory of the service when it is idle, and with many uploads that wait. */
#include <math.h>
#include <signal.h>
#include <stdio.h>

#include "core/base/process_usage.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/harness/limits.h"

#define IDLE_LIMIT_MB 13
#define WAITING_LIMIT_MB 30
#define TIMEOUT (10 * MINUTE)

/* The service is at rest when its memory has not changed for this long. */
#define REST_TIME (3 * SECOND)
#define REST_LIMIT (60 * SECOND)
#define REST_CHANGE_MB 0.1

struct rest {
	const struct service *service;
	double resident_mb;
	nanos since;
};

struct waiting {
	const struct service *service;
	double uploads;
};

static double resident_mb(const struct service *service)
{
	struct process_usage usage;
	return process_usage_read(service->process.pid, &usage) ? (double)usage.resident / 1e6 : NAN;
}

static bool rests(void *closure)
{
	struct rest *rest = closure;
	double resident = resident_mb(rest->service);
	if (!(fabs(resident - rest->resident_mb) < REST_CHANGE_MB))
		*rest = (struct rest){rest->service, resident, clock_monotonic()};
	return clock_monotonic() - rest->since > REST_TIME;
}

/* After the service has returned the memory that it does not need any more. */
static double resident_at_rest(const struct service *service)
{
	struct rest rest = {.service = service};
	return wait_until(rests, &rest, REST_LIMIT) ? rest.resident_mb : NAN;
}

/* The memory of a process that is connected to a broker and does nothing. */
static double measure_baseline(const struct nats_fixture *nats)
{
	struct service service;
	if (!service_configure(&service, nats, ""))
		return NAN;
	json_t *shown = command_run(&service, "-n 1 --bare");
	double resident = command_figure(shown, "floor", "server_resident_bytes") / 1e6;
	json_decref(shown);
	service_end(&service);
	return resident;
}

static bool all_wait(void *closure)
{
	const struct waiting *waiting = closure;
	return service_metric(waiting->service, "postprocessing_uploads") >= waiting->uploads &&
	       service_metric(waiting->service, "postprocessing_uploads_moving") == 0 &&
	       service_metric(waiting->service, "postprocessing_steps_waiting") == 0 &&
	       service_metric(waiting->service, "postprocessing_steps_running") == 0;
}

/* Kills the load at the end, because it would wait as long as the uploads do. */
static double measure_many(const struct service *service, size_t uploads)
{
	struct process process;
	struct waiting waiting = {service, (double)uploads};
	char options[64];
	snprintf(options, sizeof options, "-n %zu -f %zu -t 1h", uploads, uploads);
	if (!command_start(&process, service, options))
		return NAN;
	bool good = wait_until(all_wait, &waiting, TIMEOUT);
	process_signal(&process, SIGKILL);
	process_end(&process);
	return good ? resident_at_rest(service) : NAN;
}

bool measure_memory(struct bench *bench)
{
	struct nats_fixture nats;
	struct service service;
	double idle = NAN, waiting = NAN, baseline;
	if (!nats_fixture_start(&nats, NULL))
		return false;
	baseline = measure_baseline(&nats);
	if (service_start(&service, &nats, "steps = delay\n[step:delay]\nduration = 10h\n")) {
		idle = resident_at_rest(&service);
		waiting = measure_many(&service, bench->waiting);
		service_end(&service);
	}
	nats_fixture_end(&nats);
	if (isnan(idle) || isnan(waiting) || isnan(baseline))
		return false;
	struct figure figure = {
		.unit = "MB", .value = waiting, .baseline_name = "", .target = TARGET_VALUE, .limit = WAITING_LIMIT_MB};
	snprintf(figure.name, sizeof figure.name, "resident, %zu uploads in a delay", bench->waiting);
	figures_add(&bench->figures, &(struct figure){"resident, idle", "MB", idle, baseline, "a bare connection",
	                                              TARGET_VALUE, IDLE_LIMIT_MB});
	figures_add(&bench->figures, &figure);
	return true;
}
