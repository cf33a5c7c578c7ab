/* SPDX-License-Identifier: Apache-2.0
 * Connections that wait for their next use, and for how long they do. */
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "plugins/virusscan/endpoint.h"
#include "plugins/virusscan/idle.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

struct fake {
	int64_t opened;
	bool dead;
	atomic_uint closed;
};

static int64_t opened(const void *connection)
{
	return ((const struct fake *)connection)->opened;
}

static bool alive(void *connection)
{
	return !((struct fake *)connection)->dead;
}

static void close_fake(void *connection)
{
	atomic_fetch_add(&((struct fake *)connection)->closed, 1);
}

static const struct idle_kind kind = {.opened = opened, .alive = alive, .close = close_fake};
static struct fake fakes[40];

static struct idle_pool *create(void)
{
	struct idle_pool *pool = idle_create(&kind);
	ck_assert_ptr_nonnull(pool);
	for (size_t i = 0; i < sizeof fakes / sizeof fakes[0]; i++)
		fakes[i] = (struct fake){.opened = monotonic_now()};
	return pool;
}

static bool is_closed(void *fake)
{
	return atomic_load(&((struct fake *)fake)->closed) > 0;
}

START_TEST(used_again)
{
	struct idle_pool *pool = create();
	ck_assert_ptr_null(idle_take(pool));
	idle_keep(pool, &fakes[0]);
	idle_keep(pool, &fakes[1]);
	/* The newest first. */
	ck_assert_ptr_eq(idle_take(pool), &fakes[1]);
	idle_keep(pool, &fakes[1]);
	fakes[1].dead = true;
	ck_assert_ptr_eq(idle_take(pool), &fakes[0]);
	ck_assert_uint_eq(fakes[1].closed, 1);
	ck_assert_ptr_null(idle_take(pool));
	idle_keep(pool, &fakes[0]);
	idle_destroy(pool);
	ck_assert_uint_eq(fakes[0].closed, 1);
	ck_assert_uint_eq(fakes[1].closed, 1);
}
END_TEST

START_TEST(closed_when_idle)
{
	struct idle_pool *pool = create();
	for (size_t i = 0; i < 3; i++)
		idle_keep(pool, &fakes[i]);
	ck_assert_ptr_eq(idle_take(pool), &fakes[2]);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(wait_until(is_closed, &fakes[i], TEST_LIMIT));
		ck_assert_int_ge(monotonic_now() - fakes[i].opened, SECOND);
	}
	ck_assert_ptr_null(idle_take(pool));
	/* The thread works for later ones too. */
	fakes[2].opened = monotonic_now();
	idle_keep(pool, &fakes[2]);
	ck_assert(wait_until(is_closed, &fakes[2], TEST_LIMIT));
	idle_destroy(pool);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(fakes[i].closed, 1);
}
END_TEST

START_TEST(closed_when_old)
{
	struct idle_pool *pool = create();
	fakes[0].opened -= 2 * SECOND;
	idle_keep(pool, &fakes[0]);
	ck_assert_uint_eq(fakes[0].closed, 1);
	ck_assert_ptr_null(idle_take(pool));
	idle_destroy(pool);
}
END_TEST

START_TEST(not_without_end)
{
	struct idle_pool *pool = create();
	for (size_t i = 0; i < 40; i++)
		idle_keep(pool, &fakes[i]);
	idle_destroy(pool);
	for (size_t i = 0; i < 40; i++)
		ck_assert_uint_eq(fakes[i].closed, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {used_again, closed_when_idle, closed_when_old, not_without_end};
	return suite_run("idle", tests, sizeof tests / sizeof tests[0], 60);
}
