/* SPDX-License-Identifier: Apache-2.0
 * A load: acts as the storage provider, announces uploads, and confirms each as soon as PostprocessingFinished comes;
 * acts as the services behind remote steps, and answers `continue` at once. It never waits for an answer of the broker.
 *
 * In the closed loop an upload is announced when another one finishes. In the open loop uploads are announced at a
 * fixed rate, however many finish, and latency counts from the time at which an upload was due to be announced. So a
 * delay that builds up because the service (or the broker) falls behind is part of the latencies. */
#ifndef CORE_BENCH_LOAD_H
#define CORE_BENCH_LOAD_H

#include "core/bench/target.h"

struct bench_file {
	const char *url; /* NULL: a URL that nobody serves */
	int64_t size;
};

struct bench_load {
	struct bench_target *target;
	size_t count;     /* most uploads; 0: no limit */
	size_t in_flight; /* in the closed loop: most uploads announced and not finished */
	double rate;      /* announced per second; 0: the closed loop */
	nanos duration;   /* how long uploads are announced; 0: no limit */
	nanos timeout;    /* gives up when no upload finishes for this long */
	size_t noise;     /* irrelevant events with each upload */
	size_t spaces;    /* each of another user; uploads go to them in turn */
	struct bench_file file;
	size_t greedy; /* uploads of another user, in a space of its own, all announced before the others */
	struct bench_file greedy_file;
	/* Called several times a second, unless NULL. `total` 0: unknown. */
	void (*progress)(void *closure, size_t finished, size_t total, nanos since);
	void *closure;
};

/* The greedy user's uploads, in seconds; 0: there were none. */
struct bench_backlog {
	double taken_in; /* until the service had read all their announcements */
	double done;     /* until all had finished */
	double gap; /* longest time from the end of any upload to the next end of one of these: with one worker, one run of
	               a step */
};

struct bench_result {
	double elapsed;   /* seconds from the first announcement until the last record is gone */
	double *latency;  /* seconds from announcement to PostprocessingFinished, sorted; the caller frees it */
	size_t count;     /* of latencies: finished uploads, without the greedy user's */
	size_t announced; /* uploads, with the greedy user's */
	size_t abandoned; /* of the announced ones: confirmed before they had finished */
	bool rejected;    /* some outcomes of those that were decoded were not `continue` */
	bool interrupted; /* by a signal */
	struct bench_backlog backlog;
	uint64_t events, writes; /* messages that the stream and the bucket received meanwhile, from all clients */
};

/* After a first signal nothing more is announced, and uploads under way are waited for. After a second one, or at the
 * timeout, they are abandoned: each is confirmed, so that the service deletes its record. To be called after
 * signals_block(). False: with a message on stderr, and nothing to free. */
bool bench_load_run(const struct bench_load *load, struct bench_result *result);

#endif
