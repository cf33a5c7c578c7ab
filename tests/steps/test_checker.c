/* SPDX-License-Identifier: Apache-2.0
 * The threads on which checks are called. The module belongs to the test; its instances define what their check
 * does. */
#include <check.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/steps/checker.h"
#include "tests/harness/limits.h"
#include "tests/harness/suite.h"

static struct mailbox mailbox;
static atomic_uint calls;
static sem_t gate; /* what "hang" waits for */

static int act(void *instance, char *why, size_t size)
{
	const char *what = instance;
	atomic_fetch_add(&calls, 1);
	if (strcmp(what, "hang") == 0)
		while (sem_wait(&gate) != 0)
			;
	if (strcmp(what, "unended") == 0)
		memset(why, 'x', size);
	else if (strcmp(what, "hang") != 0) /* also a good one, of which it is ignored */
		memcpy(why, "no scanner", sizeof "no scanner");
	return strcmp(what, "good") == 0 ? 0 : -1;
}

static const struct module checked = {
	.name = (char *)(uintptr_t) "checked", .has_check = true, .table = {.check = act}};
static const struct module unchecked = {.name = (char *)(uintptr_t) "unchecked"};
static const struct step_config often = {.name = (char *)(uintptr_t) "often", .check_interval = 30 * SECOND};
static const struct step_config never = {.name = (char *)(uintptr_t) "never"};
static char good[] = "good", bad[] = "bad", hang[] = "hang", unended[] = "unended";
static struct step step[] = {
	{.config = &often, .module = &checked, .instance = good},
	{.config = &often, .module = &checked, .instance = bad},
	{.config = &often, .module = &unchecked, .instance = bad},
	{.config = &never, .module = &checked, .instance = bad},
	{.config = &often, .module = &checked, .instance = unended},
	{.config = &often, .module = &checked, .instance = hang},
};
static const struct steps quick = {.step = step, .count = 5}, all = {.step = step, .count = 6};

/* Waits for one answer. */
static struct check_answer await_answer(void)
{
	struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
	ck_assert_ptr_nonnull(mail);
	ck_assert_ptr_null(mail->next);
	ck_assert_int_eq(mail->kind, MAIL_CHECK);
	struct check_answer answer = *(const struct check_answer *)(const void *)mail;
	free(mail);
	return answer;
}

static struct check_answer ask(struct checker *checker, size_t number)
{
	checker_ask(checker, number);
	struct check_answer answer = await_answer();
	ck_assert_uint_eq(answer.step, number);
	return answer;
}

static bool is_called(void *closure)
{
	return atomic_load(&calls) == *(unsigned *)closure;
}

START_TEST(what_checks_say)
{
	mailbox_init(&mailbox);
	struct checker *checker = checker_create(&quick, &mailbox, NULL);
	ck_assert_ptr_nonnull(checker);
	ck_assert(checker_wanted(&step[0]) && checker_wanted(&step[1]) && !checker_wanted(&step[2]) &&
	          !checker_wanted(&step[3]));
	for (unsigned i = 0; i < 3; i++) {
		struct check_answer answer = ask(checker, 0);
		ck_assert(answer.passed);
		ck_assert_str_eq(answer.why, "");
		answer = ask(checker, 1);
		ck_assert(!answer.passed);
		ck_assert_str_eq(answer.why, "no scanner");
	}
	ck_assert_uint_eq(strlen(ask(checker, 4).why), FACT_REASON_SIZE - 1);
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}
END_TEST

/* It delays nobody; at the end it is abandoned, and reports nothing more. */
START_TEST(one_that_hangs)
{
	mailbox_init(&mailbox);
	ck_assert(sem_init(&gate, 0, 0) == 0);
	struct checker *checker = checker_create(&all, &mailbox, NULL);
	ck_assert_ptr_nonnull(checker);
	unsigned expected = 1;
	checker_ask(checker, 5);
	ck_assert(wait_until(is_called, &expected, TEST_LIMIT));
	ck_assert(ask(checker, 0).passed);
	ck_assert(!checker_destroy(checker, 10 * MILLISECOND));
	sem_post(&gate);
	ck_assert(checker_destroy(checker, TEST_LIMIT));
	ck_assert_ptr_null(mailbox_receive(&mailbox, 0));
	mailbox_destroy(&mailbox);
}
END_TEST

START_TEST(all_of_them_once)
{
	struct check_answer answer[6];
	bool stuck;
	ck_assert(checker_run_once(&quick, answer, TEST_LIMIT, NULL, &stuck));
	ck_assert(!stuck);
	ck_assert(answer[0].passed && !answer[1].passed && answer[2].passed && answer[3].passed && !answer[4].passed);
	ck_assert_str_eq(answer[1].why, "no scanner");
	ck_assert_uint_eq(atomic_load(&calls), 3);
	ck_assert_int_eq(sem_init(&gate, 0, 0), 0);
	ck_assert(checker_run_once(&all, answer, 500 * MILLISECOND, NULL, &stuck));
	ck_assert(stuck);
	ck_assert(answer[0].passed && !answer[5].passed);
	ck_assert_str_eq(answer[5].why, "the check did not finish within 500ms");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {what_checks_say, one_that_hangs, all_of_them_once};
	return suite_run("checker", tests, sizeof tests / sizeof tests[0], 60);
}
