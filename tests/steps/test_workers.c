/* SPDX-License-Identifier: Apache-2.0
 * The threads on which steps run. The module belongs to the test; each run's upload defines what it does. */
#include <check.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "core/abi/host.h"
#include "core/base/text.h"
#include "core/steps/workers.h"
#include "tests/harness/limits.h"

static struct mailbox mailbox;
static struct workers *workers;
static atomic_int begun;
static sem_t gate; /* what "hang" waits for */

/* "continue", "sleep" until it is cancelled, or "hang" until the gate opens, even if it is cancelled. */
static uint32_t act(void *instance, struct pp_run *run)
{
	const char *what = host_services.filename(run);
	(void)instance;
	atomic_fetch_add(&begun, 1);
	if (strcmp(what, "sleep") == 0) {
		struct pollfd cancelled = {.fd = host_services.cancel_fd(run), .events = POLLIN};
		while (host_services.cancelled(run) == 0)
			poll(&cancelled, 1, 1000);
	} else if (strcmp(what, "hang") == 0) {
		while (sem_wait(&gate) != 0)
			;
	}
	return strcmp(what, "sleep") == 0 ? PP_RETRY : PP_CONTINUE;
}

static const struct module module = {.name = (char *)(uintptr_t) "stub", .table = {.run = act}};
static const struct step_config config[] = {
	{.name = (char *)(uintptr_t) "two", .workers = 2, .deadline = MINUTE},
	{.name = (char *)(uintptr_t) "one", .workers = 1, .deadline = MINUTE},
};
static const struct content_options content;
static struct step step[] = {{.config = &config[0], .module = &module, .content = &content},
                             {.config = &config[1], .module = &module, .content = &content}};
static const struct steps steps = {.step = step, .count = 2};
static struct log log_nowhere = {.fd = -1, .level = LOG_ERROR};

static void setup(void)
{
	mailbox_init(&mailbox);
	ck_assert_int_eq(sem_init(&gate, 0, 0), 0);
	workers = workers_create(&steps, &content, &log_nowhere, &mailbox);
	ck_assert_ptr_nonnull(workers);
}

static struct run *submit(size_t number, const char *what)
{
	struct upload *upload = upload_create(&(struct upload){.id = "u", .filename = what});
	struct run *run = run_create(upload);
	ck_assert_ptr_nonnull(run);
	upload_release(upload);
	run->step = number;
	run->allowed = MINUTE;
	workers_submit(workers, run);
	return run;
}

/* Waits for that many mails and frees them; counts the outcomes CONTINUE. */
static unsigned collect(unsigned count)
{
	unsigned continued = 0;
	while (count > 0) {
		struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
		ck_assert_msg(mail != NULL, "%u runs did not end", count);
		while (mail != NULL) {
			struct run *run = (struct run *)(void *)mail;
			mail = mail->next;
			ck_assert_int_eq(run->mail.kind, MAIL_RUN);
			ck_assert_int_eq(run->cancel_fd, -1);
			continued += run->outcome == OUTCOME_CONTINUE;
			run_free(run);
			count--;
		}
	}
	return continued;
}

static bool have_begun(void *closure)
{
	return atomic_load(&begun) >= *(int *)closure;
}

static void await_begun(int count)
{
	ck_assert(wait_until(have_begun, &count, TEST_LIMIT));
}

START_TEST(many_runs)
{
	for (unsigned i = 0; i < 2000; i++)
		submit(i % 2, "continue");
	ck_assert_uint_eq(collect(2000), 2000);
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}
END_TEST

/* The runs under way, as the beginning of the text. */
static void check_running(const char *wanted)
{
	struct text text = {0};
	text_add(&text, "[");
	workers_write_running(workers, &text);
	ck_assert_msg(strncmp(text.data, wanted, strlen(wanted)) == 0 && (wanted[1] != '\0') == (text.length > 1), "%s",
	              text.data);
	text_free(&text);
}

START_TEST(each_step_has_its_own)
{
	check_running("[");
	submit(1, "hang");
	submit(1, "hang");
	await_begun(1);
	check_running("[{\"id\":\"u\",\"step\":\"one\",\"since\":\"20");
	sem_post(&gate);
	ck_assert_uint_eq(collect(1), 1);
	await_begun(2);
	submit(0, "continue");
	ck_assert_uint_eq(collect(1), 1);
	sem_post(&gate);
	ck_assert_uint_eq(collect(1), 1);
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}
END_TEST

START_TEST(cancelled_while_it_runs)
{
	struct run *run = submit(1, "sleep");
	await_begun(1);
	workers_cancel(workers, run);
	ck_assert_uint_eq(collect(1), 0);
	/* The cancellation of the first run does not affect this worker's next one. */
	submit(1, "continue");
	ck_assert_uint_eq(collect(1), 1);
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}
END_TEST

START_TEST(cancelled_in_the_queue)
{
	submit(1, "hang");
	await_begun(1);
	struct run *run = submit(1, "continue");
	workers_cancel(workers, run);
	sem_post(&gate);
	ck_assert_uint_eq(collect(2), 1);
	ck_assert_int_eq(atomic_load(&begun), 1); /* the other one was never called */
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}
END_TEST

START_TEST(cancelled_at_any_time)
{
	for (unsigned i = 0; i < 300; i++) {
		int before = atomic_load(&begun);
		struct run *run = submit(i % 2, "sleep");
		if (i % 3 == 0) /* the others may not have begun */
			await_begun(before + 1);
		workers_cancel(workers, run);
		collect(1);
	}
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}
END_TEST

START_TEST(replaced)
{
	struct run *stuck = submit(1, "hang");
	await_begun(1);
	submit(1, "continue");
	workers_cancel(workers, stuck);
	workers_replace(workers, stuck);
	ck_assert_uint_eq(collect(1), 1);
	sem_post(&gate); /* the stuck one returns */
	ck_assert_uint_eq(collect(1), 1);
	for (unsigned i = 0; i < 100; i++)
		submit(1, "continue");
	ck_assert_uint_eq(collect(100), 100);
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}
END_TEST

/* A step that is only slow to end does not gain workers, nor use up replacements. */
START_TEST(replaced_again_and_again)
{
	for (int i = 0; i < 200; i++) {
		struct run *stuck = submit(1, "hang");
		await_begun(i + 1);
		workers_replace(workers, stuck);
		sem_post(&gate);
		ck_assert_uint_eq(collect(1), 1);
	}
	submit(1, "hang");
	await_begun(201);
	submit(1, "continue"); /* a second worker would do it at once */
	ck_assert_ptr_null(mailbox_receive(&mailbox, 50 * MILLISECOND));
	sem_post(&gate);
	ck_assert_uint_eq(collect(2), 2);
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}
END_TEST

/* Runs that are queued at the end are handed back, and not called any more. */
START_TEST(destroyed_with_runs)
{
	submit(1, "sleep");
	submit(0, "sleep");
	await_begun(2);
	for (unsigned i = 0; i < 50; i++)
		submit(1, "continue");
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	ck_assert_int_eq(atomic_load(&begun), 2);
	ck_assert_uint_eq(collect(52), 0);
	mailbox_destroy(&mailbox);
}
END_TEST

START_TEST(destroyed_with_a_stuck_one)
{
	submit(0, "hang");
	await_begun(1);
	nanos start = clock_monotonic();
	ck_assert(!workers_destroy(workers, 50 * MILLISECOND));
	nanos taken = clock_monotonic() - start;
	ck_assert_int_ge(taken, 50 * MILLISECOND);
	ck_assert_int_lt(taken, TEST_LIMIT);
	/* Nothing was freed: when the run is free again, everything can end. */
	sem_post(&gate);
	ck_assert_uint_eq(collect(1), 1);
	ck_assert(workers_destroy(workers, TEST_LIMIT));
	mailbox_destroy(&mailbox);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("workers");
	TCase *cases = tcase_create("workers");
	const TTest *const tests[] = {
		many_runs, each_step_has_its_own,    cancelled_while_it_runs, cancelled_in_the_queue,    cancelled_at_any_time,
		replaced,  replaced_again_and_again, destroyed_with_runs,     destroyed_with_a_stuck_one};
	tcase_set_timeout(cases, 120);
	tcase_add_checked_fixture(cases, setup, NULL);
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		tcase_add_test(cases, tests[i]);
	suite_add_tcase(suite, cases);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
