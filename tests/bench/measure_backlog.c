/* SPDX-License-Identifier: Apache-2.0
 * Many uploads that were announced while the service was stopped: how much memory the service needs to process them,
 * and how fast it is. Their UploadReady events come behind all the announcements on the stream, so all uploads are open
 * at once. */
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>

#include "core/base/process_usage.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/harness/limits.h"

/* The limit: bytes of memory for each upload, besides what the service always needs. */
#define BYTES_EACH 160
#define ALWAYS_MB 30
#define TIMEOUT (30 * MINUTE)

struct backlog {
	const struct service *service;
	jsCtx *js;
	size_t uploads;
	double rate, peak, cpu;
};

static bool has_begun(void *closure)
{
	const struct backlog *backlog = closure;
	return service_metric(backlog->service, "postprocessing_uploads_begun_total") > 0;
}

static bool has_come(void *closure)
{
	const struct backlog *backlog = closure;
	jsStreamInfo *info = NULL;
	bool all = js_GetStreamInfo(&info, backlog->js, "main-queue", NULL, NULL) == NATS_OK &&
	           info->State.LastSeq >= backlog->uploads;
	jsStreamInfo_Destroy(info);
	return all;
}

/* Stops the service after the first uploads, until all are announced. */
static bool pile_up(struct backlog *backlog, struct process *load, const char *options)
{
	const struct process *service = &backlog->service->process;
	if (!command_start(load, backlog->service, options))
		return false;
	if (wait_until(has_begun, backlog, TEST_LIMIT) && process_signal(service, SIGSTOP) &&
	    wait_until(has_come, backlog, TIMEOUT) && service_forget_peak(service))
		return true;
	fputs("the backlog was not announced in time\n", stderr);
	process_end(load);
	return false;
}

static bool take_in(struct backlog *backlog)
{
	char options[64];
	struct process load;
	struct process_usage before, after;
	const struct process *service = &backlog->service->process;
	snprintf(options, sizeof options, "-n %zu -f %zu", backlog->uploads, backlog->uploads);
	if (!pile_up(backlog, &load, options) || !process_usage_read(service->pid, &before))
		return false;
	nanos begun = clock_monotonic();
	process_signal(service, SIGCONT);
	json_t *shown = command_finish(&load, backlog->service, options);
	double seconds = (double)(clock_monotonic() - begun) / (double)SECOND;
	bool good = shown != NULL && process_usage_read(service->pid, &after);
	json_decref(shown);
	if (!good)
		return false;
	backlog->rate = (double)backlog->uploads / seconds;
	backlog->peak = (double)after.peak / 1e6;
	backlog->cpu = (after.cpu - before.cpu) * 1e6 / (double)backlog->uploads;
	return true;
}

static bool measure(struct backlog *backlog, const struct nats_fixture *nats)
{
	natsConnection *connection = NULL;
	bool good = natsConnection_ConnectTo(&connection, nats->url) == NATS_OK &&
	            natsConnection_JetStream(&backlog->js, connection, NULL) == NATS_OK && take_in(backlog);
	jsCtx_Destroy(backlog->js);
	natsConnection_Destroy(connection);
	return good;
}

bool measure_backlog(struct bench *bench)
{
	struct nats_fixture nats;
	struct service service;
	struct backlog backlog = {.service = &service, .uploads = bench->backlog};
	if (!nats_fixture_start(&nats, NULL))
		return false;
	bool good = service_start(&service, &nats, "") && measure(&backlog, &nats);
	service_end(&service);
	nats_fixture_end(&nats);
	if (!good)
		return false;
	double limit = ALWAYS_MB + (double)bench->backlog * BYTES_EACH / 1e6;
	struct figure figure[] = {
		{.unit = "MB", .value = backlog.peak, .baseline_name = "", .target = TARGET_VALUE, .limit = limit},
		{"  uploads", "1/s", backlog.rate, 0, "", TARGET_NONE, 0},
		{"  CPU time of the service, each", "us", backlog.cpu, 0, "", TARGET_NONE, 0},
	};
	snprintf(figure[0].name, sizeof figure[0].name, "resident at most, backlog of %zu", bench->backlog);
	for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++)
		figures_add(&bench->figures, &figure[i]);
	return true;
}
