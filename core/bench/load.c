/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench/load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/thread.h"
#include "core/bench/flow.h"
#include "core/bench/statistics.h"

#define ROUND (100 * MILLISECOND)

static bool signal_came(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return sigtimedwait(&set, NULL, &(struct timespec){0}) > 0;
}

struct watch {
	nanos shown, progressed;
	size_t finished;
};

/* With the lock held: checks the timeout and signals, and shows the progress. False: give up. */
static bool check_progress(struct flow *flow, struct watch *watch)
{
	const struct bench_load *load = flow->load;
	nanos now = clock_monotonic();
	if (flow->finished != watch->finished || watch->progressed == 0)
		*watch = (struct watch){.shown = watch->shown, .progressed = now, .finished = flow->finished};
	if (now - watch->shown < ROUND)
		return true;
	watch->shown = now;
	if (load->progress != NULL)
		load->progress(load->closure, flow->finished,
		               flow->announcing && flow_total(flow) != SIZE_MAX ? flow_total(flow) : flow->next,
		               now - flow->begun);
	if (signal_came()) {
		if (flow->result->interrupted)
			return false;
		flow->result->interrupted = true;
		flow->announcing = false;
		fprintf(stderr, "waiting for %zu uploads under way; a second signal abandons them\n",
		        flow->next - flow->finished);
	}
	return now - watch->progressed < load->timeout || flow->finished == flow->next;
}

static void abandon(struct flow *flow)
{
	flow->announcing = false;
	for (size_t i = 0; i < flow->next; i++) {
		if (flow->upload[i].finished)
			continue;
		flow->upload[i].finished = true;
		flow->result->abandoned++;
		flow_confirm(flow, i);
	}
}

static bool all_stored(struct flow *flow, uint64_t *highest)
{
	pthread_mutex_lock(&flow->lock);
	bool stored = flow->acknowledged + flow->refused >= flow->sent;
	*highest = flow->highest;
	pthread_mutex_unlock(&flow->lock);
	return stored;
}

/* Waits until the broker has stored all our events and their consumer has acknowledged them. */
static bool settle(struct flow *flow)
{
	uint64_t highest, done = 0, before = 0;
	nanos progressed = clock_monotonic();
	while (!all_stored(flow, &highest) || !bench_target_acknowledged(flow->load->target, &done) || done < highest) {
		if (done != before)
			progressed = clock_monotonic();
		before = done;
		if (clock_monotonic() - progressed > flow->load->timeout || signal_came())
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 2 * MILLISECOND}, NULL);
	}
	return true;
}

/* Announces the greedy user's uploads, and waits until the service has read them. */
static bool announce_greedy(struct flow *flow)
{
	pthread_mutex_lock(&flow->lock);
	flow->greedy_left = flow->load->greedy;
	while (flow->next < flow->load->greedy && flow->announcing)
		flow_announce(flow, flow->begun);
	pthread_mutex_unlock(&flow->lock);
	bool good = flow->load->greedy == 0 || settle(flow);
	flow->result->backlog.taken_in = (double)(clock_monotonic() - flow->begun) / (double)SECOND;
	return good;
}

/* When the next upload is due; in the closed loop, now. */
static nanos next_due(const struct flow *flow, nanos start)
{
	if (flow->load->rate <= 0)
		return clock_monotonic();
	return start + (nanos)((double)(flow->next - flow->load->greedy) * (double)SECOND / flow->load->rate);
}

/* With the lock held: announces what is due in the open loop, and returns when to look again. */
static nanos announce_due(struct flow *flow, nanos start)
{
	nanos now = clock_monotonic(), later = now + ROUND;
	while (flow->load->rate > 0) {
		nanos due = next_due(flow, start);
		if (!flow_has_more(flow, due))
			break;
		if (due > now)
			return due < later ? due : later;
		flow_announce(flow, due);
	}
	return later;
}

static void follow(struct flow *flow)
{
	struct watch watch = {0};
	pthread_mutex_lock(&flow->lock);
	nanos start = clock_monotonic();
	flow->until = flow->load->duration > 0 ? start + flow->load->duration : 0;
	for (size_t i = 0; flow->load->rate <= 0 && i < flow->load->in_flight && flow_has_more(flow, start); i++)
		flow_announce(flow, clock_monotonic());
	bool waiting = true;
	while (waiting && (flow->finished < flow->next || flow_has_more(flow, next_due(flow, start)))) {
		condition_wait_until(&flow->changed, &flow->lock, announce_due(flow, start));
		waiting = check_progress(flow, &watch);
	}
	if (!waiting)
		abandon(flow);
	pthread_mutex_unlock(&flow->lock);
}

static void report_end(const struct flow *flow, bool settled)
{
	const struct bench_result *result = flow->result;
	if (result->abandoned > 0)
		fprintf(stderr, "%zu of %zu uploads did not finish in time and were abandoned\n", result->abandoned,
		        result->announced);
	if (!settled)
		fputs(
			"the service has not read all events: is `postprocessing server` still running? Records stay until it reads them\n",
			stderr);
	if (flow->refused > 0)
		fprintf(stderr, "the broker did not store %zu of %zu events\n", flow->refused, flow->sent);
	if (result->rejected)
		fputs("some uploads did not end with `continue`: see the log of the service\n", stderr);
}

static bool run(struct flow *flow)
{
	struct bench_result *result = flow->result;
	struct bench_sequences before, after;
	if (!bench_target_sequences(flow->load->target, &before))
		return false;
	flow->announcing = true;
	flow->begun = clock_monotonic();
	bool settled = announce_greedy(flow);
	if (settled) {
		follow(flow);
		settled = settle(flow);
	} else {
		pthread_mutex_lock(&flow->lock);
		abandon(flow);
		pthread_mutex_unlock(&flow->lock);
	}
	result->elapsed = (double)(clock_monotonic() - flow->begun) / (double)SECOND;
	result->announced = flow->next;
	report_end(flow, settled);
	if (!bench_target_sequences(flow->load->target, &after) || !settled || flow->refused > 0)
		return false;
	result->events = after.events - before.events;
	result->writes = after.records - before.records;
	bench_sort(result->latency, result->count);
	return true;
}

bool bench_load_run(const struct bench_load *load, struct bench_result *result)
{
	struct flow flow = {.load = load, .result = result, .number = (uint32_t)(clock_now() / 1000)};
	*result = (struct bench_result){0};
	bool good = flow_open(&flow) && run(&flow);
	flow_close(&flow);
	if (!good)
		free(result->latency);
	return good;
}
