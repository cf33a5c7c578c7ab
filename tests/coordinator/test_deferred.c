/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/coordinator/deferred.h"
#include "tests/harness/suite.h"

#define NAMES 3000

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static nanos earliest(const nanos at[NAMES], enum waits_for what)
{
	nanos first = 0;
	for (size_t i = what; i < NAMES; i += WAITS_FOR_COUNT)
		if (at[i] != 0 && (first == 0 || at[i] < first))
			first = at[i];
	return first;
}

/* One random operation, on both. */
static void happen(struct deferred *deferred, nanos at[NAMES], uint32_t *state)
{
	char id[80];
	size_t i = random_next(state) % NAMES;
	enum waits_for what = i % WAITS_FOR_COUNT;
	nanos first;
	snprintf(id, sizeof id, "u-%zu-%.*s", i, (int)(i % 64),
	         "0123456789012345678901234567890123456789012345678901234567890123");
	ck_assert_int_eq(deferred_find(deferred, id), at[i]);
	if (random_next(state) % 3 == 0) {
		ck_assert_int_eq(deferred_take(deferred, id), at[i]);
		at[i] = 0;
	} else if (at[i] == 0) {
		at[i] = 1 + (nanos)(random_next(state) % 100000);
		deferred_add(deferred, id, what, at[i]);
	} else if (deferred_first(deferred, what, &first) != NULL && first < 50000) {
		sscanf(deferred_first(deferred, what, &first), "u-%zu", &i);
		snprintf(id, sizeof id, "%s", deferred_first(deferred, what, &first));
		ck_assert_int_eq(deferred_take(deferred, id), first);
		at[i] = first + 70000;
		deferred_add(deferred, id, what, at[i]);
	}
}

START_TEST(against_a_naive_model)
{
	static nanos at[NAMES];
	struct deferred deferred;
	uint32_t state = 5;
	deferred_init(&deferred);
	for (int round = 0; round < 20000; round++) {
		happen(&deferred, at, &state);
		if (round % 100 != 0)
			continue;
		for (enum waits_for what = 0; what < WAITS_FOR_COUNT; what++) {
			nanos first = 0;
			deferred_first(&deferred, what, &first);
			ck_assert_int_eq(first, earliest(at, what));
		}
	}
	size_t count = 0;
	for (size_t i = 0; i < NAMES; i++)
		count += at[i] != 0;
	ck_assert_uint_eq(deferred_count(&deferred), count);
	deferred_free(&deferred);
}
END_TEST

/* The promise for a million of them, with IDs as long as storage's. */
START_TEST(are_small)
{
	struct deferred deferred;
	size_t count = 300000, before = mallinfo2().uordblks + mallinfo2().hblkhd;
	deferred_init(&deferred);
	for (size_t i = 0; i < count; i++) {
		char id[48];
		snprintf(id, sizeof id, "2a491091-ce0b-46f8-906b-3b12%08zx", i);
		deferred_add(&deferred, id, i % WAITS_FOR_COUNT, (nanos)(i * 7919 % count) + 1);
	}
	size_t each = (mallinfo2().uordblks + mallinfo2().hblkhd - before) / count;
	ck_assert_msg(each <= 120, "%zu bytes each", each);
	nanos at;
	for (enum waits_for what = 0; what < WAITS_FOR_COUNT; what++)
		for (const char *id; (id = deferred_first(&deferred, what, &at)) != NULL;)
			deferred_take(&deferred, id);
	deferred_free(&deferred);
	size_t left = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	ck_assert_msg(left < 8192, "%zu bytes are left", left); /* the C library keeps some small pieces */
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {against_a_naive_model, are_small};
	return suite_run("waiters", tests, sizeof tests / sizeof tests[0], 60);
}
