/* SPDX-License-Identifier: Apache-2.0
 * The steps change while uploads are under way. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/coordinator/coordinator_world.h"

#define LIMITS .max_retries = 2, .retry_backoff = SECOND, MAX_WAITING

static const char *const names[] = {"scan", "slow", "extra"};
static const struct pipeline_step limits[] = {
	{.name = "scan", .deadline = 5 * MINUTE, LIMITS},
	{.name = "slow", .deadline = HOUR, LIMITS},
	{.name = "extra", .deadline = MINUTE, LIMITS},
};
static const unsigned workers[] = {1, 1, 1};
static const bool announced[] = {false, false, true};

/* New uploads pass these steps. */
static void change(const char *const *order, size_t count)
{
	struct coordinator_steps steps = {
		.pipeline = world.options.pipeline,
		.step = names,
		.workers = workers,
		.announced = announced,
		.order = order,
		.order_count = count,
	};
	steps.pipeline.step = limits;
	steps.pipeline.count = sizeof limits / sizeof limits[0];
	coordinator_set_steps(world.coordinator, &steps);
}

/* The oldest run ends well. */
static void pass(const char *words)
{
	fake_return(&world, RETURNED_VERDICT, OUTCOME_CONTINUE, 0);
	fake_answer_all(&world);
	fake_expect(&world, words);
}

static void begin(const char *id, uint64_t sequence, const char *words)
{
	fake_begin(&world, id, sequence, false);
	fake_answer_all(&world);
	fake_expect(&world, words);
}

START_TEST(each_upload_keeps_its_steps)
{
	static const char *const order[] = {"extra", "scan"};
	begin("early", 1, "put; ack 1; run scan");
	change(order, 2);
	begin("late", 2, "announce extra; put; ack 2; run extra");
	/* A step that new uploads do not pass is done as before. */
	pass("put; run slow");
	pass("put; run scan");
	ck_assert_int_eq(world.run[1]->allowed, 5 * MINUTE);
	pass("put; publish END continue");
	pass("put; publish END continue");
}
END_TEST

START_TEST(queued_uploads_stay_queued)
{
	static const char *const order[] = {"slow"};
	coordinator_suspend(world.coordinator, 0, "away", world.now);
	begin("a", 1, "put; ack 1");
	begin("b", 2, "put; ack 2");
	change(order, 1);
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, 0), 2);
	coordinator_suspend(world.coordinator, 2, "new", world.now);
	coordinator_release(world.coordinator, 0, world.now);
	fake_answer_all(&world);
	fake_expect(&world, "run scan; run scan");
	ck_assert_uint_eq(coordinator_waiting(world.coordinator, 0), 0);
	pass("put; run slow");
	pass("put; run slow");
}
END_TEST

/* A record of another implementation that names no steps gets those of now. */
START_TEST(no_steps_at_all)
{
	change(NULL, 0);
	begin("u", 1, "put; publish END continue; ack 1");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {each_upload_keeps_its_steps, queued_uploads_stay_queued, no_steps_at_all};
	return coordinator_world_run("coordinator_steps", tests, sizeof tests / sizeof tests[0]);
}
