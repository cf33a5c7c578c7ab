/* SPDX-License-Identifier: Apache-2.0
 * Memory that is resident: with nothing to do, and with many uploads that wait. */
#include <stdio.h>

#include "core/event.h"
#include "tests/bench/bare.h"
#include "tests/bench/bench.h"
#include "tests/bench/service.h"
#include "tests/bench/storage.h"
#include "tests/harness/usage.h"
#include "tests/harness/limits.h"

#define WAITING 10000
#define WRITES_EACH 2 /* queued, and waiting */
#define IDLE_LIMIT_MB 16

/* What is connected to a broker and does nothing takes in any case. */
static bool measure_floor(const struct nats_fixture *nats, double *resident)
{
	struct process process;
	struct usage usage;
	if (!bare_start(&process, nats, true))
		return false;
	bool good = usage_read(process.pid, &usage);
	process_end(&process);
	*resident = usage.resident;
	return good;
}

/* The size of one announcement, in MB. */
static double announcement_size(void)
{
	char id[STORAGE_ID_SIZE];
	struct text message = {0};
	storage_id(id, 0, 0);
	struct upload fields = storage_fields(id);
	struct upload *upload = upload_create(&fields);
	if (upload != NULL)
		event_encode_bytes_received(&message, upload, 0);
	upload_release(upload);
	double size = (double)message.length / 1e6;
	text_free(&message);
	return size;
}

static bool measure_service(const struct nats_fixture *nats, double *idle, double *waiting)
{
	struct service service;
	struct usage usage;
	if (!service_start(&service, nats, "steps = delay\n[step:delay]\nduration = 10h\n"))
		return false;
	bool good = usage_read(service.process.pid, &usage);
	*idle = usage.resident;
	good = good && storage_announce(nats, WAITING, WAITING * WRITES_EACH) && usage_read(service.process.pid, &usage);
	*waiting = usage.resident;
	service_end(&service);
	return good;
}

bool measure_memory(struct bench *bench)
{
	struct nats_fixture nats;
	double idle, waiting, floor;
	if (!nats_fixture_start(&nats, NULL))
		return false;
	bool good = measure_floor(&nats, &floor) && measure_service(&nats, &idle, &waiting);
	nats_fixture_end(&nats);
	if (!good)
		return false;
	figures_add(&bench->figures,
	            &(struct figure){"resident, idle", "MB", idle, floor, "a bare connection", TARGET_VALUE, IDLE_LIMIT_MB});
	figures_add(&bench->figures, &(struct figure){"resident more, 10,000 uploads in a delay", "MB", waiting - idle,
	                                              WAITING * announcement_size(), "their announcements", TARGET_NONE, 0});
	return true;
}
