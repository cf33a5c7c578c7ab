/* SPDX-License-Identifier: Apache-2.0
 * Runs that ask the cache for the same key at the same time. */
#include "core/steps/cache_flights.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/host.h"
#include "core/base/alloc.h"
#include "tests/harness/suite.h"

#define RUNS 8

/* Runs are only compared. */
static char runs[RUNS];
static struct cache_flights *flights;
static char *told[RUNS]; /* what the question of this run was told: its text, or "" */

static const struct run *run(size_t number)
{
	return (const struct run *)(void *)&runs[number];
}

static void tell(void *closure, struct cache_question *question, char *text)
{
	size_t number = (size_t)((const char *)question->asked_by - runs);
	ck_assert_ptr_eq(closure, runs);
	ck_assert_uint_lt(number, RUNS);
	ck_assert_msg(told[number] == NULL, "run %zu was told twice", number);
	told[number] = text != NULL ? text : alloc_text("");
	cache_question_free(question);
}

static void begin(void)
{
	memset(told, 0, sizeof told);
	flights = cache_flights_create(tell, runs);
}

static void end(void)
{
	cache_flights_destroy(flights);
	for (size_t i = 0; i < RUNS; i++)
		free(told[i]);
}

/* Whether the run is to look the key up. */
static bool leads(size_t number, const char *key, nanos now)
{
	struct cache_question *question = cache_question_create(run(number), "module", key, NULL);
	ck_assert_ptr_nonnull(question);
	bool lead = cache_flights_lead(flights, question, now);
	if (lead)
		cache_question_free(question);
	return lead;
}

static void land(const char *key, const char *text)
{
	struct cache_question *question = cache_question_create(run(0), "module", key, text);
	ck_assert_ptr_nonnull(question);
	cache_flights_land(flights, question->key, text);
	cache_question_free(question);
}

static void assert_told(size_t number, const char *text)
{
	ck_assert_msg(told[number] != NULL, "run %zu waits", number);
	ck_assert_str_eq(told[number], text);
	free(told[number]);
	told[number] = NULL;
}

static void assert_waits(size_t number)
{
	ck_assert_msg(told[number] == NULL, "run %zu was told \"%s\"", number, told[number]);
}

START_TEST(one_finds_it_out_for_all)
{
	begin();
	ck_assert(leads(0, "a", 0));
	ck_assert(!leads(1, "a", 0));
	ck_assert(!leads(2, "a", 0));
	ck_assert(leads(3, "b", 0));
	land("b", "other");
	assert_waits(1);
	land("a", "text");
	assert_told(1, "text");
	assert_told(2, "text");
	/* It has landed, so the next one looks it up. */
	ck_assert(leads(4, "a", 0));
	land("c", "nobody has asked");
	end();
}
END_TEST

START_TEST(a_leader_that_ends_without_a_text)
{
	begin();
	ck_assert(leads(0, "a", 0));
	for (size_t i = 1; i < 4; i++)
		ck_assert(!leads(i, "a", 0));
	cache_flights_leave(flights, run(4));
	for (size_t i = 1; i < 4; i++)
		assert_waits(i);
	cache_flights_leave(flights, run(0));
	assert_told(1, "");
	assert_waits(2);
	assert_waits(3);
	/* One that waits is cancelled: it does not take the lead later. */
	cache_flights_leave(flights, run(2));
	assert_told(2, "");
	cache_flights_leave(flights, run(1));
	assert_told(3, "");
	cache_flights_leave(flights, run(3));
	ck_assert(leads(5, "a", 0));
	end();
}
END_TEST

/* The last one of those that wait is taken out, and another one comes. */
START_TEST(the_last_that_waits_is_cancelled)
{
	begin();
	ck_assert(leads(0, "a", 0));
	ck_assert(!leads(1, "a", 0));
	cache_flights_leave(flights, run(1));
	assert_told(1, "");
	ck_assert(!leads(2, "a", 0));
	ck_assert(!leads(3, "a", 0));
	cache_flights_leave(flights, run(3));
	assert_told(3, "");
	ck_assert(!leads(4, "a", 0));
	land("a", "text");
	assert_told(2, "text");
	assert_told(4, "text");
	end();
}
END_TEST

START_TEST(a_run_that_asks_twice)
{
	begin();
	ck_assert(leads(0, "a", 0));
	ck_assert(leads(0, "a", 0));
	ck_assert(leads(0, "b", 0));
	ck_assert(!leads(1, "b", 0));
	/* Both of its flights are over. */
	cache_flights_leave(flights, run(0));
	assert_told(1, "");
	ck_assert(leads(2, "a", 0));
	end();
}
END_TEST

/* Two runs ask for the same two keys in different orders. */
START_TEST(no_run_waits_for_one_that_waits)
{
	begin();
	ck_assert(leads(0, "a", 0));
	ck_assert(leads(1, "b", 0));
	ck_assert(!leads(0, "b", 0));
	ck_assert(leads(1, "a", 0));
	/* The second one leads both now. */
	ck_assert(!leads(2, "a", 0));
	land("a", "text");
	assert_told(2, "text");
	cache_flights_leave(flights, run(1));
	assert_told(0, "");
	end();
}
END_TEST

START_TEST(a_leader_that_hangs)
{
	begin();
	ck_assert(leads(0, "a", 0));
	ck_assert(!leads(1, "a", SECOND));
	ck_assert(!leads(2, "a", 2 * SECOND));
	cache_flights_expire(flights, SECOND + CACHE_TIMEOUT - 1);
	assert_waits(1);
	cache_flights_expire(flights, SECOND + CACHE_TIMEOUT);
	assert_told(1, "");
	assert_waits(2);
	/* From now on the second one is waited for. */
	cache_flights_leave(flights, run(0));
	assert_waits(2);
	cache_flights_leave(flights, run(1));
	assert_told(2, "");
	ck_assert(!leads(3, "a", 3 * SECOND));
	/* Whoever finds it out, all get it. */
	cache_flights_expire(flights, 3 * SECOND + CACHE_TIMEOUT);
	assert_told(3, "");
	ck_assert(!leads(4, "a", 6 * SECOND));
	land("a", "late");
	assert_told(4, "late");
	end();
}
END_TEST

static unsigned dropped;

static void note_dropped(struct cache_question *question)
{
	(void)question;
	dropped++;
}

START_TEST(the_end_of_the_service)
{
	begin();
	dropped = 0;
	ck_assert(leads(0, "a", 0));
	for (size_t i = 1; i < 3; i++) {
		struct cache_question *question = cache_question_create(run(i), "module", "a", NULL);
		ck_assert_ptr_nonnull(question);
		question->dropped = note_dropped;
		ck_assert(!cache_flights_lead(flights, question, 0));
	}
	end();
	ck_assert_uint_eq(dropped, 2);
	ck_assert_ptr_null(told[1]);
	cache_flights_destroy(NULL);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		one_finds_it_out_for_all, a_leader_that_ends_without_a_text, the_last_that_waits_is_cancelled,
		a_run_that_asks_twice,    no_run_waits_for_one_that_waits,   a_leader_that_hangs,
		the_end_of_the_service};
	return suite_run("cache_flights", tests, sizeof tests / sizeof tests[0], 30);
}
