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

/* Starts it and waits until it is ready. `lines` are added to its configuration; they begin in section
 * [postprocessing]. BENCH_WRAPPER (for example "perf record -g -o FILE") precedes its command line. BENCH_PROGRAM is
 * the `postprocessing` of another build, for comparison. False: with the reason on stderr, and nothing is left behind.
 */
bool service_start(struct service *service, const struct nats_fixture *nats, const char *lines);

/* End it, and start it again with the same folder, as the same instance. False: with the reason on stderr. */
bool service_halt(struct service *service);
bool service_restart(struct service *service);

/* Waits until its log contains this text. It looks often, because the time may be a figure. False: not within the
 * limit. */
bool service_says(struct service *service, const char *words, nanos limit);

/* Ends it and removes its folder. It may be all zero, if it never ran. */
void service_end(struct service *service);

/* From now on, the process' peak of memory counts from its present use. False: failed. */
bool service_forget_peak(const struct process *process);

/* One of its metrics; NAN: unknown. */
double service_metric(const struct service *service, const char *name);

#endif
