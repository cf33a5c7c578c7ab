/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/coordinator/fair_queue.h"
#include "tests/harness/suite.h"

#define MEGABYTE ((int64_t)1 << 20)

static struct fair_queue queue;

static void join(size_t step, const char *id, const char *space, const char *user, int64_t size, nanos now)
{
	fair_queue_join(&queue, step, &(struct queue_item){.id = id, .space = space, .user = user, .size = size}, now);
}

/* Serves the first item; returns its ID. */
static const char *serve(size_t step)
{
	static char id[64];
	struct queue_item first;
	if (!fair_queue_first(&queue, step, &first))
		return "nobody";
	snprintf(id, sizeof id, "%s", first.id);
	fair_queue_over(&queue, fair_queue_serve(&queue, step));
	ck_assert(!fair_queue_find(&queue, id, NULL));
	return id;
}

START_TEST(in_order_of_arrival)
{
	struct queue_item first;
	fair_queue_init(&queue, 2);
	join(0, "a", "s", "u", 10, 1 * SECOND);
	join(0, "b", "s", "u", 10, 2 * SECOND);
	join(1, "c", "s", "u", 10, 3 * SECOND);
	fair_queue_join(&queue, 0, &(struct queue_item){.id = "d", .space = "s", .user = "u", .size = 10, .suspect = true},
	                4 * SECOND);
	ck_assert_uint_eq(fair_queue_count(&queue), 4);
	ck_assert(fair_queue_find(&queue, "d", NULL) && !fair_queue_find(&queue, "e", NULL));
	ck_assert(fair_queue_leave(&queue, "b") && !fair_queue_leave(&queue, "b"));
	ck_assert_str_eq(serve(0), "a");
	ck_assert(fair_queue_first(&queue, 0, &first));
	ck_assert(first.suspect);
	ck_assert(fair_queue_find(&queue, "d", &first) && first.suspect);
	ck_assert(!fair_queue_find(&queue, "a", &first));
	ck_assert_int_eq(first.size, 10);
	ck_assert_str_eq(serve(0), "d");
	ck_assert_str_eq(serve(0), "nobody");
	ck_assert_str_eq(serve(1), "c");
	ck_assert_uint_eq(fair_queue_count(&queue), 0);
	fair_queue_free(&queue);
}
END_TEST

/* Small ones overtake, but nobody waits for ever. */
START_TEST(small_before_large)
{
	char id[32];
	fair_queue_init(&queue, 1);
	join(0, "large", "s", "u", 1000 * MEGABYTE, 0);
	join(0, "small", "s", "u", 10000, SECOND);
	ck_assert_str_eq(serve(0), "small");
	/* One small one a second, served at once as long as it overtakes. */
	unsigned passed = 0;
	for (; passed < 1000; passed++) {
		snprintf(id, sizeof id, "small-%u", passed);
		join(0, id, "s", "u", 10000, (2 + passed) * SECOND);
		if (strcmp(serve(0), "large") == 0)
			break;
	}
	ck_assert_uint_ge(passed, 10);
	ck_assert_uint_le(passed, 30);
	fair_queue_free(&queue);
}
END_TEST

/* A space with ten thousand large files, and one with a small file that comes later. */
START_TEST(fair_between_spaces)
{
	char id[32];
	fair_queue_init(&queue, 1);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(id, sizeof id, "large-%u", i);
		join(0, id, "greedy", "u", 1000 * MEGABYTE, i);
	}
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(strncmp(serve(0), "large", 5), 0);
	join(0, "other", "modest", "v", 10000, SECOND);
	ck_assert_str_eq(serve(0), "other");
	/* Both have many files: they take turns. */
	unsigned dispatch = 0;
	for (unsigned i = 0; i < 50; i++) {
		snprintf(id, sizeof id, "also-%u", i);
		join(0, id, "second", "w", 1000 * MEGABYTE, SECOND);
	}
	for (unsigned i = 0; i < 60; i++)
		dispatch += strncmp(serve(0), "also", 4) == 0;
	ck_assert_uint_ge(dispatch, 29);
	ck_assert_uint_le(dispatch, 31);
	fair_queue_free(&queue);
}
END_TEST

START_TEST(fair_between_users_of_a_space)
{
	char id[32];
	unsigned dispatch[3] = {0};
	fair_queue_init(&queue, 1);
	for (unsigned i = 0; i < 300; i++) {
		unsigned user = i < 200 ? 0 : 1 + i % 2;
		char name[8];
		snprintf(id, sizeof id, "%u-%u", user, i);
		snprintf(name, sizeof name, "u%u", user);
		join(0, id, "s", name, MEGABYTE, i);
	}
	for (unsigned i = 0; i < 90; i++)
		dispatch[serve(0)[0] - '0']++;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(dispatch[i], 30);
	fair_queue_free(&queue);
}
END_TEST

/* A run counts as service, even if the upload was never queued. */
START_TEST(runs_count_as_service)
{
	struct queue_item item = {.id = "passed", .space = "greedy", .user = "u", .size = 1000 * MEGABYTE};
	fair_queue_init(&queue, 1);
	struct flow *running = fair_queue_pass(&queue, 0, &item);
	ck_assert_ptr_nonnull(running);
	join(0, "large-1", "greedy", "u", 1000 * MEGABYTE, 1);
	join(0, "large-2", "greedy", "u", 1000 * MEGABYTE, 2);
	join(0, "other", "modest", "v", 10000, 3);
	ck_assert_str_eq(serve(0), "other");
	ck_assert_str_eq(serve(0), "large-1");
	fair_queue_over(&queue, running);
	ck_assert_str_eq(serve(0), "large-2");
	ck_assert_uint_eq(queue.flows.count, 0);
	/* A turn that is not over keeps the flow's service in memory. */
	running = fair_queue_pass(&queue, 0, &item);
	join(0, "a", "modest", "v", 10000, 4);
	join(0, "b", "greedy", "u", 10, 4);
	ck_assert_str_eq(serve(0), "a");
	fair_queue_over(&queue, running);
	ck_assert_str_eq(serve(0), "b");
	ck_assert_uint_eq(queue.flows.count, 0);
	fair_queue_free(&queue);
}
END_TEST

/* Names come from outside and may contain anything. */
START_TEST(names_of_any_kind)
{
	char name[1000];
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	fair_queue_init(&queue, 1);
	join(0, "a", name, name, -5, 0);
	join(0, "b", "", "", INT64_MAX, 1);
	join(0, "c", "s\nu", "", 1, 2);
	join(0, "d", "s", "u", 1, 3);
	join(0, "e", "s", "u\n", 1, 4);
	join(0, "f", "a\nb", "c", 1, 4);
	join(0, "g", "a", "b\nc", 1, 4);
	join(0, "h", "ab", "c", 1, 4);
	join(0, "i", "a", "bc", 1, 4);
	for (unsigned i = 0; i < 9; i++)
		ck_assert_str_ne(serve(0), "nobody");
	ck_assert_str_eq(serve(0), "nobody");
	join(0, "left", "s", "u", 1, 5);
	fair_queue_free(&queue);
}
END_TEST

/* The walk visits each queued item once, with its data. */
START_TEST(one_after_the_other)
{
	struct queue_item item = {.space = "s", .user = "u"}, seen;
	unsigned times[2][100] = {{0}};
	fair_queue_init(&queue, 3);
	for (int i = 0; i < 200; i++) {
		char id[16], user[16];
		snprintf(id, sizeof id, "%d", i);
		snprintf(user, sizeof user, "%d", i % 7);
		item = (struct queue_item){.id = id, .space = "s", .user = user, .size = i, .came = i, .suspect = i % 3 == 0};
		fair_queue_join(&queue, (size_t)i % 2, &item, i);
	}
	ck_assert(fair_queue_leave(&queue, "198") && fair_queue_leave(&queue, "199"));
	for (size_t step = 0; step < 2; step++) {
		ck_assert_uint_eq(fair_queue_length(&queue, step), 99);
		for (const void *at = NULL; (at = fair_queue_next(&queue, step, at, &seen)) != NULL;) {
			int number = atoi(seen.id);
			ck_assert_uint_eq((size_t)number % 2, step);
			ck_assert_int_eq(seen.came, number);
			ck_assert(seen.suspect == (number % 3 == 0));
			times[step][number / 2]++;
		}
		for (int i = 0; i < 99; i++)
			ck_assert_uint_eq(times[step][i], 1);
	}
	ck_assert_ptr_null(fair_queue_next(&queue, 2, NULL, &seen));
	ck_assert_uint_eq(fair_queue_length(&queue, 2), 0);
	ck_assert(fair_queue_first(&queue, 1, &seen));
	ck_assert_int_eq(seen.came, atoi(seen.id));
	while (fair_queue_length(&queue, 1) > 0)
		serve(1);
	ck_assert_uint_eq(fair_queue_count(&queue), 99);
	fair_queue_free(&queue);
}
END_TEST

static size_t used(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

START_TEST(are_small)
{
	size_t count = 300000, before = used();
	fair_queue_init(&queue, 1);
	for (size_t i = 0; i < count; i++) {
		char id[48], user[32];
		snprintf(id, sizeof id, "2a491091-ce0b-46f8-906b-3b12%08zx", i);
		snprintf(user, sizeof user, "user-%zu", i % 100);
		join(0, id, "space", user, (int64_t)(i * 7919 % count), (nanos)i);
	}
	ck_assert_uint_le((used() - before) / count, 160);
	for (size_t i = 0; i < count; i++)
		fair_queue_over(&queue, fair_queue_serve(&queue, 0));
	ck_assert_uint_eq(fair_queue_count(&queue), 0);
	fair_queue_free(&queue);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		in_order_of_arrival,   small_before_large, fair_between_spaces, fair_between_users_of_a_space,
		runs_count_as_service, names_of_any_kind,  one_after_the_other, are_small};
	return suite_run("lines", tests, sizeof tests / sizeof tests[0], 60);
}
