/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/service.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/bench/usage.h"
#include "tests/harness/fetch.h"
#include "tests/harness/limits.h"

#define WORDS_LIMIT 32

static bool write_configuration(const struct service *service, const struct nats_fixture *nats, const char *lines)
{
	char text[4096];
	int length =
		snprintf(text, sizeof text,
	             "[postprocessing]\nplugin_dir = %s/plugins/.libs:%s/tests/modules/.libs\nstate_dir = %s/state\n%s\n"
	             "[events]\nendpoint = 127.0.0.1:%u\n[http]\naddr = 127.0.0.1:%u\n",
	             BUILD_FOLDER, BUILD_FOLDER, service->folder, lines, nats->port, service->http_port);
	return length > 0 && (size_t)length < sizeof text &&
	       folder_write(service->folder, "service.ini", text, (size_t)length);
}

static bool said(const struct service *service, const char *words)
{
	char text[16384];
	return folder_read(service->folder, "log", text, sizeof text) && strstr(text, words) != NULL;
}

bool service_says(struct service *service, const char *words, nanos limit)
{
	nanos begun = clock_monotonic();
	while (!said(service, words)) {
		if (clock_monotonic() - begun > limit || process_wait(&service->process, 0))
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
	return true;
}

static bool wait_for_ready(struct service *service)
{
	nanos begun = clock_monotonic();
	bool ready = service_says(service, " ready, ", TEST_LIMIT);
	service->ready_after = (double)(clock_monotonic() - begun) / (double)SECOND;
	return ready;
}

static bool launch(struct service *service)
{
	char path[FOLDER_PATH_SIZE + 16], log[FOLDER_PATH_SIZE + 16], wrapper[1024];
	const char *argv[WORDS_LIMIT + 5];
	snprintf(path, sizeof path, "%s/service.ini", service->folder);
	snprintf(log, sizeof log, "%s/log", service->folder);
	snprintf(wrapper, sizeof wrapper, "%s", getenv("BENCH_WRAPPER") != NULL ? getenv("BENCH_WRAPPER") : "");
	size_t words = process_add_words(argv, 0, WORDS_LIMIT, wrapper);
	const char *program = getenv("BENCH_PROGRAM");
	argv[words++] = program != NULL ? program : BUILD_FOLDER "/postprocessing";
	argv[words++] = "server";
	argv[words++] = "-c";
	argv[words++] = path;
	argv[words] = NULL;
	return process_start(&service->process, &(struct process_options){.argv = argv, .log = log}) &&
	       wait_for_ready(service);
}

bool service_configure(struct service *service, const struct nats_fixture *nats, const char *lines)
{
	*service = (struct service){.process = PROCESS_NONE, .http_port = port_reserve()};
	if (folder_create(service->folder) && write_configuration(service, nats, lines))
		return true;
	fputs("no temporary folder\n", stderr);
	service_end(service);
	return false;
}

bool service_start(struct service *service, const struct nats_fixture *nats, const char *lines)
{
	if (!service_configure(service, nats, lines))
		return false;
	if (service_restart(service))
		return true;
	service_end(service);
	return false;
}

bool service_halt(struct service *service)
{
	char log[FOLDER_PATH_SIZE + 16];
	snprintf(log, sizeof log, "%s/log", service->folder);
	process_end(&service->process);
	return unlink(log) == 0;
}

bool service_restart(struct service *service)
{
	if (launch(service))
		return true;
	char text[4096] = "";
	folder_read(service->folder, "log", text, sizeof text);
	fprintf(stderr, "the service did not become ready:\n%s", text);
	return false;
}

double service_metric(const struct service *service, const char *name)
{
	char url[64];
	double value;
	struct fetch fetch;
	snprintf(url, sizeof url, "http://127.0.0.1:%u/metrics", service->http_port);
	fetch_url(&fetch, url, NULL, NULL);
	return fetch.status == 200 && bench_usage_find_metric(fetch.body, name, &value) ? value : NAN;
}

void service_end(struct service *service)
{
	process_end(&service->process);
	if (service->folder[0] != '\0')
		folder_remove(service->folder);
	service->folder[0] = '\0';
}

bool service_forget_peak(const struct process *process)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%ld/clear_refs", (long)process->pid);
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return false;
	bool good = fputs("5", file) >= 0;
	return fclose(file) == 0 && good;
}
