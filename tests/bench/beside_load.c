/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/beside_load.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "tests/bench/command.h"

#define LOOP_TIME (5 * SECOND)
#define LOAD_TIME "6s"
#define THREADS_LIMIT 16

struct looper {
	pthread_t thread;
	scan_loop *loop;
	void *closure;
	nanos until;
	long scanned;
};

static void *run_loop(void *closure)
{
	struct looper *looper = closure;
	looper->scanned = looper->loop(looper->closure, looper->until);
	return NULL;
}

static double run_loops(unsigned threads, scan_loop *loop, void *closure)
{
	struct looper looper[THREADS_LIMIT];
	nanos until = clock_monotonic() + LOOP_TIME;
	unsigned started = 0;
	double scanned = 0;
	for (; started < threads && started < THREADS_LIMIT; started++) {
		looper[started] = (struct looper){.loop = loop, .closure = closure, .until = until};
		if (pthread_create(&looper[started].thread, NULL, run_loop, &looper[started]) != 0)
			break;
	}
	for (unsigned i = 0; i < started; i++) {
		pthread_join(looper[i].thread, NULL);
		scanned += looper[i].scanned >= 0 ? (double)looper[i].scanned : NAN;
	}
	return started == threads ? scanned * (double)SECOND / (double)LOOP_TIME : NAN;
}

double beside_load_measure(double uploads_per_second, unsigned threads, scan_loop *loop, void *closure)
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
		snprintf(options, sizeof options, "--bare --rate %.0f -d " LOAD_TIME, uploads_per_second);
		if (command_start(&load, &service, options)) {
			scans = run_loops(threads, loop, closure);
			process_end(&load);
		}
		service_end(&service);
	}
	nats_fixture_end(&nats);
	return scans;
}
