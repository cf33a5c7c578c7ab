/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/heap.h"
#include "tests/harness/suite.h"

#define ITEMS 97

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static int64_t least_key(const struct heap_item *item, const bool *set)
{
	int64_t first = INT64_MAX;
	for (size_t i = 0; i < ITEMS; i++)
		if (set[i] && item[i].key < first)
			first = item[i].key;
	return first;
}

/* One assertion for the whole heap: each of Check's assertions is a system call. */
static void assert_heap(const struct heap *heap, const struct heap_item *item, const bool *set)
{
	size_t count = 0;
	bool sound = true;
	for (size_t i = 0; i < ITEMS; i++) {
		count += set[i];
		sound = sound && set[i] == (item[i].place != 0) && (!set[i] || heap->item[item[i].place] == &item[i]);
	}
	const struct heap_item *first = heap_first(heap);
	sound = sound && heap->count == count && (count == 0 ? first == NULL : first->key == least_key(item, set));
	ck_assert(sound);
}

START_TEST(against_a_naive_model)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct heap heap = {0};
		struct heap_item item[ITEMS] = {0};
		bool set[ITEMS] = {false};
		uint32_t state = seed;
		for (int round = 0; round < 3000; round++) {
			size_t i = random_next(&state) % ITEMS;
			uint32_t what = random_next(&state) % 100;
			if (what < 60) {
				int64_t key = random_next(&state) % 50;
				heap_set(&heap, &item[i], key);
				ck_assert_int_eq(item[i].key, key);
				set[i] = true;
			} else if (what < 90) {
				heap_remove(&heap, &item[i]);
				set[i] = false;
			} else if (what < 99 && heap_first(&heap) != NULL) {
				struct heap_item *first = heap_first(&heap);
				heap_remove(&heap, first);
				set[first - item] = false;
			} else if (what == 99) {
				heap_set_all(&heap, 7);
				for (size_t k = 0; k < ITEMS; k++)
					ck_assert(!set[k] || item[k].key == 7);
			}
			assert_heap(&heap, item, set);
		}
		heap_free(&heap);
		ck_assert_ptr_null(heap_first(&heap));
	}
}
END_TEST

START_TEST(items_come_in_order)
{
	struct heap heap = {0};
	static struct heap_item item[5000];
	uint32_t state = 3;
	for (size_t i = 0; i < 5000; i++)
		heap_set(&heap, &item[i], (int64_t)random_next(&state) - 5000000);
	int64_t last = INT64_MIN;
	for (size_t i = 0; i < 5000; i++) {
		struct heap_item *first = heap_first(&heap);
		ck_assert_int_ge(first->key, last);
		last = first->key;
		heap_remove(&heap, first);
	}
	ck_assert_ptr_null(heap_first(&heap));
	heap_free(&heap);
}
END_TEST

START_TEST(extremes)
{
	struct heap heap = {0};
	struct heap_item least = {0}, most = {0}, none = {0};
	heap_set(&heap, &most, INT64_MAX);
	heap_set(&heap, &least, INT64_MIN);
	ck_assert_ptr_eq(heap_first(&heap), &least);
	heap_remove(&heap, &none);
	heap_remove(&heap, &least);
	heap_remove(&heap, &least);
	ck_assert_ptr_eq(heap_first(&heap), &most);
	heap_free(&heap);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {against_a_naive_model, items_come_in_order, extremes};
	return suite_run("heap", tests, sizeof tests / sizeof tests[0], 60);
}
