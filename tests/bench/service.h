/* SPDX-License-Identifier: Apache-2.0
 * The built `postprocessing server` as a process of its own, on a broker of the benchmark. */
#ifndef TESTS_BENCH_SERVICE_H
#define TESTS_BENCH_SERVICE_H

#include <stdbool.h>

#include "tests/harness/fixture_nats.h"
#include "tests/harness/folder.h"
#include "tests/harness/process.h"

struct service {
	struct process process;
	char folder[FOLDER_PATH_SIZE]; /* its state and its log */
	double ready_after;            /* seconds from the start of the process until it was ready */
	unsigned http_port;
};

/* Only makes its folder and configuration: `postprocessing-bench --bare` needs no more. */
bool service_configure(struct service *service, const struct nats_fixture *nats, const char *lines);

/* Starts it and waits until it is ready. `lines`: more of its configuration, which begins with the keys of
 * [postprocessing]. BENCH_WRAPPER (words, "perf record -g -o FILE" for one) goes before its command line;
 * BENCH_PROGRAM is another build's `postprocessing`, for comparison. False: with the reason on stderr, nothing is left
 * behind. */
bool service_start(struct service *service, const struct nats_fixture *nats, const char *lines);

/* Ends it and starts it again on the same folder, as the same instance. False: with the reason on stderr. */
bool service_halt(struct service *service);
bool service_restart(struct service *service);

/* Waits until its log says this, for at most so long; it looks often, for the time may be a figure. */
bool service_says(struct service *service, const char *words, nanos limit);

/* Ends it and removes its folder. For one that never ran, too, if it is all zero. */
void service_end(struct service *service);

/* One of its metrics; NAN: not known. */
double service_metric(const struct service *service, const char *name);

#endif
