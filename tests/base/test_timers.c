/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/timers.h"
#include "tests/harness/suite.h"

#define TIMERS 97

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static nanos earliest(const struct timer *timer, const bool *set)
{
	nanos first = INT64_MAX;
	for (size_t i = 0; i < TIMERS; i++)
		if (set[i] && timer[i].at < first)
			first = timer[i].at;
	return first;
}

/* One assertion for all of it: each of Check's is a system call. */
static void assert_heap(const struct timers *timers, const struct timer *timer, const bool *set)
{
	size_t count = 0;
	bool sound = true;
	for (size_t i = 0; i < TIMERS; i++) {
		count += set[i];
		sound = sound && set[i] == (timer[i].place != 0) && (!set[i] || timers->heap[timer[i].place] == &timer[i]);
	}
	const struct timer *first = timers_first(timers);
	sound = sound && timers->count == count && (count == 0 ? first == NULL : first->at == earliest(timer, set));
	ck_assert(sound);
}

START_TEST(against_a_naive_model)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct timers timers = {0};
		struct timer timer[TIMERS] = {0};
		bool set[TIMERS] = {false};
		uint32_t state = seed;
		for (int round = 0; round < 3000; round++) {
			size_t i = random_next(&state) % TIMERS;
			uint32_t what = random_next(&state) % 100;
			if (what < 60) {
				nanos at = (nanos)(random_next(&state) % 50);
				timers_set(&timers, &timer[i], at);
				ck_assert_int_eq(timer[i].at, at);
				set[i] = true;
			} else if (what < 90) {
				timers_unset(&timers, &timer[i]);
				set[i] = false;
			} else if (what < 99 && timers_first(&timers) != NULL) {
				struct timer *first = timers_first(&timers);
				timers_unset(&timers, first);
				set[first - timer] = false;
			} else if (what == 99) {
				timers_hasten(&timers, 7);
				for (size_t k = 0; k < TIMERS; k++)
					ck_assert(!set[k] || timer[k].at == 7);
			}
			assert_heap(&timers, timer, set);
		}
		timers_free(&timers);
		ck_assert_ptr_null(timers_first(&timers));
	}
}
END_TEST

START_TEST(come_in_order)
{
	struct timers timers = {0};
	static struct timer timer[5000];
	uint32_t state = 3;
	for (size_t i = 0; i < 5000; i++)
		timers_set(&timers, &timer[i], (nanos)random_next(&state) - 5000000);
	nanos last = INT64_MIN;
	for (size_t i = 0; i < 5000; i++) {
		struct timer *first = timers_first(&timers);
		ck_assert_int_ge(first->at, last);
		last = first->at;
		timers_unset(&timers, first);
	}
	ck_assert_ptr_null(timers_first(&timers));
	timers_free(&timers);
}
END_TEST

START_TEST(extremes)
{
	struct timers timers = {0};
	struct timer least = {0}, most = {0}, none = {0};
	timers_set(&timers, &most, INT64_MAX);
	timers_set(&timers, &least, INT64_MIN);
	ck_assert_ptr_eq(timers_first(&timers), &least);
	timers_unset(&timers, &none);
	timers_unset(&timers, &least);
	timers_unset(&timers, &least);
	ck_assert_ptr_eq(timers_first(&timers), &most);
	timers_free(&timers);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {against_a_naive_model, come_in_order, extremes};
	return suite_run("timers", tests, sizeof tests / sizeof tests[0], 60);
}
