/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/timers.h"

#include <stdlib.h>

#include "core/base/alloc.h"

static void place(struct timers *timers, struct timer *timer, size_t at)
{
	timers->heap[at] = timer;
	timer->place = at;
}

static void rise(struct timers *timers, struct timer *timer)
{
	size_t at = timer->place;
	for (; at > 1 && timers->heap[at / 2]->at > timer->at; at /= 2)
		place(timers, timers->heap[at / 2], at);
	place(timers, timer, at);
}

static void sink(struct timers *timers, struct timer *timer)
{
	size_t at = timer->place;
	for (;;) {
		size_t child = at * 2;
		if (child < timers->count && timers->heap[child + 1]->at < timers->heap[child]->at)
			child++;
		if (child > timers->count || timers->heap[child]->at >= timer->at)
			break;
		place(timers, timers->heap[child], at);
		at = child;
	}
	place(timers, timer, at);
}

static void grow(struct timers *timers)
{
	if (timers->count + 2 <= timers->size)
		return;
	timers->size = timers->size != 0 ? timers->size * 2 : 64;
	timers->heap = alloc_resized(timers->heap, timers->size * sizeof *timers->heap);
}

void timers_set(struct timers *timers, struct timer *timer, nanos at)
{
	timer->at = at;
	if (timer->place == 0) {
		grow(timers);
		place(timers, timer, ++timers->count);
	}
	rise(timers, timer);
	sink(timers, timer);
}

void timers_unset(struct timers *timers, struct timer *timer)
{
	if (timer->place == 0)
		return;
	struct timer *last = timers->heap[timers->count--];
	if (last != timer) {
		place(timers, last, timer->place);
		rise(timers, last);
		sink(timers, last);
	}
	timer->place = 0;
}

struct timer *timers_first(const struct timers *timers)
{
	return timers->count > 0 ? timers->heap[1] : NULL;
}

void timers_hasten(struct timers *timers, nanos at)
{
	for (size_t i = 1; i <= timers->count; i++)
		timers->heap[i]->at = at;
}

void timers_free(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){0};
}
