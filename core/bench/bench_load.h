/* SPDX-License-Identifier: Apache-2.0
 * Plays the storage provider at speed: announces uploads, confirms each the moment PostprocessingFinished is there, and
 * answers `continue` at once when a step of its own uploads is asked for on the bus. Nothing waits for an answer of the
 * broker.
 *
 * In the closed loop a new upload is announced when one is finished. In the open loop they are announced at a rate,
 * whatever comes back, and each one's latency counts from the time at which it was to be announced, so that a service
 * (or a broker) that falls behind is not spared. */
#ifndef CORE_BENCH_BENCH_LOAD_H
#define CORE_BENCH_BENCH_LOAD_H

#include "core/bench/bench_target.h"

struct bench_file {
	const char *url; /* NULL: one that nobody serves */
	int64_t size;
};

struct bench_load {
	struct bench_target *target;
	size_t count;     /* uploads at the most; 0: as many as there is time for */
	size_t in_flight; /* announced and not finished at the most, in the closed loop */
	double rate;      /* announced per second; 0: the closed loop */
	nanos duration;   /* for which uploads are announced; 0: without a limit */
	nanos timeout;   /* without any upload being finished */
	size_t noise;     /* irrelevant events with each upload */
	size_t spaces;    /* of different users, in turn */
	struct bench_file file;
	size_t greedy;    /* uploads of another user, in a space of its own, announced at once before all others */
	struct bench_file greedy_file;
	/* Called several times a second; NULL: nobody looks. total 0: unknown. */
	void (*progress)(void *closure, size_t finished, size_t total, nanos since);
	void *closure;
};

/* Of a greedy user, in seconds; 0: there was none. */
struct bench_backlog {
	double taken_in; /* until all of its uploads were */
	double done;
	double gap;      /* the longest from the end of anybody's upload to the next that was one of these: with one worker, a turn */
};

struct bench_result {
	double elapsed;      /* seconds from the first announcement until the last record is gone */
	double *latency;     /* seconds from announcement to PostprocessingFinished, sorted, for the caller to free */
	size_t count;        /* of them: uploads that were finished, the greedy user's aside */
	size_t announced;    /* uploads, the greedy user's included */
	size_t abandoned;    /* of them: told to be over though they had not ended */
	bool rejected;       /* of those that were looked at some did not end with `continue` */
	bool interrupted;    /* by a signal of signals_block(), which was called */
	struct bench_backlog backlog;
	uint64_t events, writes; /* that the stream and the bucket got meanwhile, from whomever */
};

/* A first signal ends the announcing, and what is under way is waited for; after a second one, or when patience ends,
 * the uploads under way are told to be over. False: with a message on stderr, and nothing to free. */
bool bench_load_run(const struct bench_load *load, struct bench_result *result);

/* The value below which `percent` of the sorted values lie; NAN: there are none. */
double bench_percentile(const double *sorted, size_t count, unsigned percent);
void bench_sort(double *value, size_t count);

#endif
