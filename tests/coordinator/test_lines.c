/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/coordinator/lines.h"
#include "tests/harness/suite.h"

#define MEGABYTE ((int64_t)1 << 20)

static struct lines lines;

static void join(size_t step, const char *id, const char *space, const char *user, int64_t size, nanos now)
{
	ck_assert(lines_join(&lines, step, &(struct place){.id = id, .space = space, .user = user, .size = size}, now));
}

/* Serves the first; its ID. */
static const char *serve(size_t step)
{
	static char id[64];
	struct place first;
	if (!lines_first(&lines, step, &first))
		return "nobody";
	snprintf(id, sizeof id, "%s", first.id);
	lines_over(&lines, lines_serve(&lines, step));
	ck_assert(!lines_has(&lines, id));
	return id;
}

START_TEST(in_order_of_arrival)
{
	struct place first;
	ck_assert(lines_init(&lines, 2));
	join(0, "a", "s", "u", 10, 1 * SECOND);
	join(0, "b", "s", "u", 10, 2 * SECOND);
	join(1, "c", "s", "u", 10, 3 * SECOND);
	ck_assert(lines_join(&lines, 0, &(struct place){.id = "d", .space = "s", .user = "u", .size = 10, .suspect = true}, 4 * SECOND));
	ck_assert_uint_eq(lines_count(&lines), 4);
	ck_assert(lines_has(&lines, "d") && !lines_has(&lines, "e"));
	ck_assert(lines_leave(&lines, "b") && !lines_leave(&lines, "b"));
	ck_assert_str_eq(serve(0), "a");
	ck_assert(lines_first(&lines, 0, &first));
	ck_assert(first.suspect);
	ck_assert(lines_find(&lines, "d", &first) && first.suspect);
	ck_assert(!lines_find(&lines, "a", &first));
	ck_assert_int_eq(first.size, 10);
	ck_assert_str_eq(serve(0), "d");
	ck_assert_str_eq(serve(0), "nobody");
	ck_assert_str_eq(serve(1), "c");
	ck_assert_uint_eq(lines_count(&lines), 0);
	lines_free(&lines);
}
END_TEST

/* Small ones pass, but nobody for ever. */
START_TEST(small_before_large)
{
	char id[32];
	ck_assert(lines_init(&lines, 1));
	join(0, "large", "s", "u", 1000 * MEGABYTE, 0);
	join(0, "small", "s", "u", 10000, SECOND);
	ck_assert_str_eq(serve(0), "small");
	/* One small one a second, each served at once, as long as it passes. */
	unsigned passed = 0;
	for (; passed < 1000; passed++) {
		snprintf(id, sizeof id, "small-%u", passed);
		join(0, id, "s", "u", 10000, (2 + passed) * SECOND);
		if (strcmp(serve(0), "large") == 0)
			break;
	}
	ck_assert_uint_ge(passed, 10);
	ck_assert_uint_le(passed, 30);
	lines_free(&lines);
}
END_TEST

/* A space with ten thousand large files, and one that comes later with a small one. */
START_TEST(fair_between_spaces)
{
	char id[32];
	ck_assert(lines_init(&lines, 1));
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(id, sizeof id, "large-%u", i);
		join(0, id, "greedy", "u", 1000 * MEGABYTE, i);
	}
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(strncmp(serve(0), "large", 5), 0);
	join(0, "other", "modest", "v", 10000, SECOND);
	ck_assert_str_eq(serve(0), "other");
	/* Both have much: they have turn and turn about. */
	unsigned turns = 0;
	for (unsigned i = 0; i < 50; i++) {
		snprintf(id, sizeof id, "also-%u", i);
		join(0, id, "second", "w", 1000 * MEGABYTE, SECOND);
	}
	for (unsigned i = 0; i < 60; i++)
		turns += strncmp(serve(0), "also", 4) == 0;
	ck_assert_uint_ge(turns, 29);
	ck_assert_uint_le(turns, 31);
	lines_free(&lines);
}
END_TEST

START_TEST(fair_between_users_of_a_space)
{
	char id[32];
	unsigned turns[3] = {0};
	ck_assert(lines_init(&lines, 1));
	for (unsigned i = 0; i < 300; i++) {
		unsigned user = i < 200 ? 0 : 1 + i % 2;
		char name[8];
		snprintf(id, sizeof id, "%u-%u", user, i);
		snprintf(name, sizeof name, "u%u", user);
		join(0, id, "s", name, MEGABYTE, i);
	}
	for (unsigned i = 0; i < 90; i++)
		turns[serve(0)[0] - '0']++;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(turns[i], 30);
	lines_free(&lines);
}
END_TEST

/* What runs counts, also if it never stood in line. */
START_TEST(who_runs_has_had_something)
{
	struct place place = {.id = "passed", .space = "greedy", .user = "u", .size = 1000 * MEGABYTE};
	ck_assert(lines_init(&lines, 1));
	struct group *running = lines_pass(&lines, 0, &place);
	ck_assert_ptr_nonnull(running);
	join(0, "large-1", "greedy", "u", 1000 * MEGABYTE, 1);
	join(0, "large-2", "greedy", "u", 1000 * MEGABYTE, 2);
	join(0, "other", "modest", "v", 10000, 3);
	ck_assert_str_eq(serve(0), "other");
	ck_assert_str_eq(serve(0), "large-1");
	lines_over(&lines, running);
	ck_assert_str_eq(serve(0), "large-2");
	ck_assert_uint_eq(lines.groups.count, 0);
	/* A turn that is not over keeps what was had in mind. */
	running = lines_pass(&lines, 0, &place);
	join(0, "a", "modest", "v", 10000, 4);
	join(0, "b", "greedy", "u", 10, 4);
	ck_assert_str_eq(serve(0), "a");
	lines_over(&lines, running);
	ck_assert_str_eq(serve(0), "b");
	ck_assert_uint_eq(lines.groups.count, 0);
	lines_free(&lines);
}
END_TEST

/* Names from outside may be anything. */
START_TEST(names_of_any_kind)
{
	char name[1000];
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	ck_assert(lines_init(&lines, 1));
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
	lines_free(&lines);
}
END_TEST

/* Each who stands in a line is seen once, and with what was kept of him. */
START_TEST(one_after_the_other)
{
	struct place place = {.space = "s", .user = "u"}, seen;
	unsigned times[2][100] = {{0}};
	ck_assert(lines_init(&lines, 3));
	for (int i = 0; i < 200; i++) {
		char id[16], user[16];
		snprintf(id, sizeof id, "%d", i);
		snprintf(user, sizeof user, "%d", i % 7);
		place = (struct place){.id = id, .space = "s", .user = user, .size = i, .came = i, .suspect = i % 3 == 0};
		ck_assert(lines_join(&lines, (size_t)i % 2, &place, i));
	}
	ck_assert(lines_leave(&lines, "198") && lines_leave(&lines, "199"));
	for (size_t step = 0; step < 2; step++) {
		ck_assert_uint_eq(lines_length(&lines, step), 99);
		for (const void *at = NULL; (at = lines_next(&lines, step, at, &seen)) != NULL;) {
			int number = atoi(seen.id);
			ck_assert_uint_eq((size_t)number % 2, step);
			ck_assert_int_eq(seen.came, number);
			ck_assert(seen.suspect == (number % 3 == 0));
			times[step][number / 2]++;
		}
		for (int i = 0; i < 99; i++)
			ck_assert_uint_eq(times[step][i], 1);
	}
	ck_assert_ptr_null(lines_next(&lines, 2, NULL, &seen));
	ck_assert_uint_eq(lines_length(&lines, 2), 0);
	ck_assert(lines_first(&lines, 1, &seen));
	ck_assert_int_eq(seen.came, atoi(seen.id));
	while (lines_length(&lines, 1) > 0)
		serve(1);
	ck_assert_uint_eq(lines_count(&lines), 99);
	lines_free(&lines);
}
END_TEST

static size_t used(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

START_TEST(are_small)
{
	size_t count = 300000, before = used();
	ck_assert(lines_init(&lines, 1));
	for (size_t i = 0; i < count; i++) {
		char id[48], user[32];
		snprintf(id, sizeof id, "2a491091-ce0b-46f8-906b-3b12%08zx", i);
		snprintf(user, sizeof user, "user-%zu", i % 100);
		join(0, id, "space", user, (int64_t)(i * 7919 % count), (nanos)i);
	}
	ck_assert_uint_le((used() - before) / count, 160);
	for (size_t i = 0; i < count; i++)
		lines_over(&lines, lines_serve(&lines, 0));
	ck_assert_uint_eq(lines_count(&lines), 0);
	lines_free(&lines);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {in_order_of_arrival, small_before_large, fair_between_spaces, fair_between_users_of_a_space, who_runs_has_had_something,
	                              names_of_any_kind, one_after_the_other, are_small};
	return suite_run("lines", tests, sizeof tests / sizeof tests[0], 60);
}
