/* SPDX-License-Identifier: Apache-2.0
 * The workers of a step are replaced while it runs. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/children.h"
#include "core/steps/checker.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"
#include "tests/steps/pool_fixture.h"
#include "tests/steps/worker_fixture.h"

static struct pool_fixture fixture;
/* The steps as they are made again. */
static struct steps *again[32];
static struct modules *modules[32];
static size_t count;
static const struct worker_launch *launch;

static void begin(const char *keys)
{
	launch = worker_fixture();
	steps_open(&fixture, keys);
}

/* Puts a step in the place of 0 that is made of the same configuration; `thread`: in this process. */
static struct step *replace(bool thread)
{
	struct config *config = fixture.config.config;
	config->step[0].isolation = thread ? ISOLATION_THREAD : ISOLATION_PROCESS;
	modules[count] = modules_create_again(config->plugin_dir, launch, fixture.modules);
	struct steps *steps = steps_create(config, modules[count], launch, &fixture.config.problems);
	assert_sound(&fixture.config);
	again[count++] = steps;
	steps->step[0].version = (unsigned)count;
	struct workers_addition *addition = workers_prepare(fixture.workers, &steps->step[0]);
	ck_assert_ptr_nonnull(addition);
	workers_set(fixture.workers, 0, addition);
	return &steps->step[0];
}

static void end(void)
{
	ck_assert(workers_destroy(fixture.workers, TEST_LIMIT));
	fixture.workers = NULL;
	for (size_t i = 0; i < count; i++) {
		steps_destroy(again[i]);
		modules_destroy(modules[i]);
	}
	steps_close(&fixture);
}

static bool is_released(void *closure)
{
	const struct step *step = closure;
	return atomic_load(&step->holders) == 1; /* by its owner */
}

static void await_released(struct step *step)
{
	ck_assert_msg(wait_until(is_released, step, TEST_LIMIT), "a step that was replaced is still held");
}

static void collect(unsigned runs)
{
	for (; runs > 0; runs--) {
		struct run *run = steps_await(&fixture);
		ck_assert_msg(run->outcome == OUTCOME_CONTINUE && !run->undone, "%s: %s", run->upload->id, run->reason);
		run_free(run);
	}
}

/* Each run ends once, with the old workers or the new ones. */
START_TEST(replaced_again_and_again)
{
	char name[32];
	begin("workers = 3");
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned j = 0; j < 20; j++) {
			snprintf(name, sizeof name, "run-%u-%u", i, j);
			steps_submit(&fixture, 0, name);
			steps_submit(&fixture, 1, name);
		}
		/* Processes, threads, processes again. */
		replace(i % 4 == 3);
		collect(20);
	}
	collect(20 * 20);
	for (size_t i = 0; i + 1 < count; i++)
		await_released(&again[i]->step[0]);
	await_released(&fixture.steps->step[0]);
	end();
}
END_TEST

static bool has_started(void *closure)
{
	return atomic_load(&((struct run *)closure)->started) != 0;
}

/* A run of the old workers can still be cancelled. */
START_TEST(cancelled_after_the_replacement)
{
	begin("workers = 1\ndeed = sleep");
	struct run *run = steps_submit(&fixture, 0, "bad");
	steps_submit(&fixture, 0, "queued");
	ck_assert(wait_until(has_started, run, TEST_LIMIT));
	replace(false);
	collect(1); /* the one that was queued */
	workers_cancel(fixture.workers, run);
	ck_assert_ptr_eq(steps_await(&fixture), run);
	ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
	run_free(run);
	await_released(&fixture.steps->step[0]);
	end();
}
END_TEST

static void count_child(void *closure, pid_t child)
{
	unsigned *children = closure;
	(void)child;
	(*children)++;
}

static bool are_left(void *closure)
{
	unsigned children = 0;
	children_each(count_child, &children);
	return children == *(const unsigned *)closure;
}

static void await_children(unsigned children)
{
	ck_assert_msg(wait_until(are_left, &children, TEST_LIMIT), "there are not %u processes", children);
}

/* A step that is not in the configuration any more has processes only while it has runs. */
START_TEST(used_no_more)
{
	begin("workers = 3");
	await_children(3 + 4);
	workers_set_used(fixture.workers, 0, false);
	await_children(4);
	for (unsigned i = 0; i < 3; i++) {
		steps_submit(&fixture, 0, "late");
		steps_submit(&fixture, 0, "later");
		collect(2);
		await_children(4);
	}
	workers_set_used(fixture.workers, 0, true);
	await_children(3 + 4);
	steps_run_ten(&fixture, 0);
	end();
}
END_TEST

/* Answers to questions about the old step are known by its version, or do not come. */
START_TEST(checks_of_a_step_that_was_replaced)
{
	struct mailbox mailbox;
	mailbox_init(&mailbox);
	begin("");
	struct checker *checker = checker_create(fixture.steps, &mailbox, &fixture.log);
	ck_assert_ptr_nonnull(checker);
	for (unsigned i = 0; i < 5; i++) {
		checker_ask(checker, 0);
		struct step *step = replace(false);
		struct checker_post *post = checker_prepare(checker, step);
		ck_assert_ptr_nonnull(post);
		checker_set(checker, 0, post);
		checker_ask(checker, 0);
		bool answered = false;
		while (!answered) {
			struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT), *next;
			ck_assert_ptr_nonnull(mail);
			for (; mail != NULL; mail = next) {
				struct check_answer *answer = (struct check_answer *)(void *)mail;
				next = mail->next;
				answered = answered || answer->version == step->version;
				ck_assert_uint_ge(answer->version + 1, step->version);
				free(answer);
			}
		}
	}
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	mailbox_destroy(&mailbox);
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {replaced_again_and_again, cancelled_after_the_replacement, used_no_more,
	                              checks_of_a_step_that_was_replaced};
	return suite_run("replace", tests, sizeof tests / sizeof tests[0], 120);
}
