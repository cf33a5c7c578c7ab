/* SPDX-License-Identifier: Apache-2.0
 * A start with many uploads in the bucket that wait: the time until all are found, and the memory that they need. And
 * the cost of other uploads beside them. */
#include <math.h>
#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

#include "core/base/process_usage.h"
#include "core/bench/messages.h"
#include "core/upload/record.h"
#include "tests/bench/bench.h"
#include "tests/bench/command.h"
#include "tests/bench/service.h"

#define SUBJECT_SIZE (RECORD_KEY_SIZE + 32)
#define TIMEOUT (600 * SECOND)
#define SECONDS_EACH 20e-6
/* The limit for the cost of an upload beside those that wait, relative to its cost without them. */
#define RATIO_LIMIT 1.25
/* Records that are sent before the broker must confirm one. */
#define BATCH 1000
#define ANSWER_MS 30000

struct filler {
	natsConnection *connection;
	struct text value;
	char owner[OWNER_LIMIT]; /* the instance that the records are of */
};

/* The record of an upload that waits long in a step. The service is not configured with that step, so that new uploads
 * do not wait. */
static bool encode_record(struct filler *filler, const char *id)
{
	static const char *const steps[] = {"delay"};
	struct bench_room room;
	struct upload fields = bench_upload(id, 1, &room);
	fields.step = steps;
	fields.step_count = 1;
	fields.start_time = clock_now();
	struct record record = {.upload = upload_create(&fields), .writer = "0123456789abcdef"};
	if (record.upload == NULL)
		return false;
	snprintf(record.owner, sizeof record.owner, "%s", filler->owner);
	record.status = (struct status){.phase = PHASE_WAITING,
	                                .due = fields.start_time + 10 * HOUR,
	                                .transition = 2,
	                                .begun = 12345,
	                                .stream = fields.start_time};
	text_clear(&filler->value);
	record_encode(&filler->value, &record);
	record_clear(&record);
	return !filler->value.failed;
}

/* The broker stores the messages of a connection in the order in which they are sent: the answer to one confirms all
 * before. */
static bool fill(struct filler *filler, size_t count)
{
	natsStatus status = NATS_OK;
	for (size_t i = 0; status == NATS_OK && i < count; i++) {
		char id[BENCH_ID_SIZE], key[RECORD_KEY_SIZE], subject[SUBJECT_SIZE];
		bench_id(id, 0, i);
		record_key(NULL, id, key);
		snprintf(subject, sizeof subject, "$KV.postprocessing.%s", key);
		if (!encode_record(filler, id))
			return false;
		int length = (int)filler->value.length;
		if (i % BATCH < BATCH - 1 && i < count - 1) {
			status = natsConnection_Publish(filler->connection, subject, filler->value.data, length);
			continue;
		}
		natsMsg *answer = NULL;
		status = natsConnection_Request(&answer, filler->connection, subject, filler->value.data, length, ANSWER_MS);
		if (status == NATS_OK && strstr(natsMsg_GetData(answer), "\"seq\"") == NULL)
			status = NATS_ERR;
		natsMsg_Destroy(answer);
	}
	if (status != NATS_OK)
		fprintf(stderr, "cannot fill the bucket: %s\n", natsStatus_GetText(status));
	return status == NATS_OK;
}

/* Fills the bucket with records of the service, which has created the bucket and its own name before. */
static bool prepare(const struct nats_fixture *nats, struct service *service, size_t count, double *size)
{
	struct filler filler = {0};
	if (!folder_read(service->folder, "state/instance-0", filler.owner, sizeof filler.owner) ||
	    !service_halt(service) || natsConnection_ConnectTo(&filler.connection, nats->url) != NATS_OK)
		return false;
	bool good = fill(&filler, count);
	*size = (double)filler.value.length * (double)count / 1e6;
	natsConnection_Destroy(filler.connection);
	text_free(&filler.value);
	return good;
}

static bool start_with(struct service *service, size_t count, double *took, struct process_usage *usage)
{
	char words[64];
	snprintf(words, sizeof words, " %zu unfinished uploads found", count);
	nanos begun = clock_monotonic();
	if (!service_restart(service))
		return false;
	if (!service_says(service, words, TIMEOUT)) {
		char log[4096] = "";
		folder_read(service->folder, "log", log, sizeof log);
		fprintf(stderr, "the service did not find them:\n%s", log);
		return false;
	}
	*took = (double)(clock_monotonic() - begun) / (double)SECOND;
	return process_usage_read(service->process.pid, usage);
}

/* The CPU time of the service for an upload that does not wait, in microseconds; NAN: unknown. */
static double cost_of_others(const struct bench *bench, const struct service *service)
{
	char options[64];
	snprintf(options, sizeof options, "-n %zu -f %zu", bench->uploads, bench->in_flight);
	json_t *shown = command_run(service, options);
	double cost = command_figure(shown, "service", "server_cpu_seconds_per_upload") * 1e6;
	json_decref(shown);
	return cost;
}

bool measure_waiting(struct bench *bench)
{
	struct nats_fixture nats;
	struct service service;
	struct process_usage idle, usage;
	double took = 0, size = 0, alone = NAN, beside = NAN;
	if (!nats_fixture_start(&nats, NULL))
		return false;
	bool good = service_start(&service, &nats, "") && process_usage_read(service.process.pid, &idle);
	alone = good ? cost_of_others(bench, &service) : NAN;
	good = !isnan(alone) && prepare(&nats, &service, bench->waiting, &size) &&
	       start_with(&service, bench->waiting, &took, &usage);
	beside = good ? cost_of_others(bench, &service) : NAN;
	good = !isnan(beside);
	service_end(&service);
	nats_fixture_end(&nats);
	if (!good)
		return false;
	struct figure figure[] = {
		{.unit = "s",
	     .value = took,
	     .baseline_name = "",
	     .target = TARGET_VALUE,
	     .limit = (double)bench->waiting * SECONDS_EACH},
		{.unit = "MB",
	     .value = ((double)usage.resident - (double)idle.resident) / 1e6,
	     .baseline = size,
	     .baseline_name = "their records"},
		{.unit = "s", .value = usage.cpu, .baseline_name = ""},
		{.unit = "us",
	     .value = beside,
	     .baseline = alone,
	     .baseline_name = "without them",
	     .target = TARGET_RATIO,
	     .limit = RATIO_LIMIT},
	};
	snprintf(figure[0].name, sizeof figure[0].name, "start with %zu waiting uploads", bench->waiting);
	snprintf(figure[1].name, sizeof figure[1].name, "memory of %zu waiting uploads", bench->waiting);
	snprintf(figure[2].name, sizeof figure[2].name, "CPU of starting with %zu", bench->waiting);
	snprintf(figure[3].name, sizeof figure[3].name, "CPU time of an upload beside %zu", bench->waiting);
	for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++)
		figures_add(&bench->figures, &figure[i]);
	return true;
}
