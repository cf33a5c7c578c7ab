/* SPDX-License-Identifier: Apache-2.0
 * Worker processes with a module that misbehaves: what happens to its upload, to the others and to the host. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/steps/pool.h"
#include "tests/config/config_fixture.h"
#include "tests/harness/limits.h"
#include "tests/harness/storage_server.h"
#include "tests/harness/suite.h"
#include "tests/steps/worker_fixture.h"

static struct config_fixture fixture;
static struct modules *modules;
static struct steps *steps;
static struct pools *pools;
static struct mailbox mailbox;
static struct log log_file;
static const struct content_options content;

/* Opens two steps of the module: `wicked` with these keys, and `other`, which is always good. */
static void open_steps(const char *keys)
{
	char text[1024], path[] = "/tmp/pp-pool-XXXXXX";
	fixture_open(&fixture);
	snprintf(
		text, sizeof text,
		"[postprocessing]\nplugin_dir = %s\nsteps = wicked, other\n[step:wicked]\n%s\n[step:other]\nmodule = wicked\n",
		FIXTURES, keys);
	fixture_read(&fixture, text, ENVIRONMENT("HOME=/h"));
	assert_sound(&fixture);
	modules = modules_create(fixture.config->plugin_dir, worker_fixture());
	steps = steps_create(fixture.config, modules, worker_fixture(), &fixture.problems);
	assert_sound(&fixture);
	mailbox_init(&mailbox);
	log_file = (struct log){.fd = mkstemp(path), .level = LOG_DEBUG};
	ck_assert_int_ge(log_file.fd, 0);
	unlink(path);
	pools = pools_create(steps, &content, &log_file, &mailbox);
	ck_assert_ptr_nonnull(pools);
}

static void close_steps(void)
{
	ck_assert(pools_destroy(pools, TEST_LIMIT));
	steps_destroy(steps);
	modules_destroy(modules);
	mailbox_destroy(&mailbox);
	fixture_close(&fixture);
	close(log_file.fd);
	/* No process is left. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

static bool logged(const char *words)
{
	static char text[1 << 20];
	ssize_t length = pread(log_file.fd, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	return strstr(text, words) != NULL;
}

static struct run *submit_url(size_t step, const char *filename, const char *url, int64_t size)
{
	struct upload *upload =
		upload_create(&(struct upload){.id = filename, .filename = filename, .url = url, .filesize = size});
	struct run *run = run_create(upload);
	upload_release(upload);
	run->step = step;
	run->allowed = MINUTE;
	pools_submit(pools, run);
	return run;
}

static struct run *submit(size_t step, const char *filename)
{
	return submit_url(step, filename, NULL, 0);
}

/* Waits for the next run that ends; news of the pools are skipped. */
static struct run *await_run(void)
{
	static struct mail *pending;
	for (;;) {
		struct mail *mail = pending != NULL ? pending : mailbox_receive(&mailbox, TEST_LIMIT);
		ck_assert_msg(mail != NULL, "a run does not end");
		pending = mail->next;
		if (mail->kind == MAIL_RUN)
			return (struct run *)(void *)mail;
		free(mail);
	}
}

/* Submits the bad upload between ten of its step and ten of the other, and returns its run. */
static struct run *run_among_others(nanos *took)
{
	struct run *bad = NULL;
	char name[32];
	nanos start = clock_monotonic();
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "good-%u", i);
		submit(0, name);
		submit(1, name);
		if (i == 4)
			submit(0, "bad");
	}
	for (unsigned i = 0; i < 21; i++) {
		struct run *run = await_run();
		if (strcmp(run->upload->id, "bad") == 0) {
			bad = run;
			continue;
		}
		ck_assert_msg(run->outcome == OUTCOME_CONTINUE && run->reason[0] == '\0', "%s of step %zu: %s", run->upload->id,
		              run->step, run->reason);
		run_free(run);
	}
	*took = clock_monotonic() - start;
	ck_assert_ptr_nonnull(bad);
	return bad;
}

static const struct {
	const char *deed, *reason; /* what the reason contains */
	bool crashed;
	enum outcome outcome;
} deeds[] = {
	{"segfault", "the module crashed: SIGSEGV (Segmentation fault)", true, OUTCOME_RETRY},
	{"abort", "the module crashed: SIGABRT (Aborted): wicked: giving up", true, OUTCOME_RETRY},
	{"stack", "the module crashed: SIGSEGV", true, OUTCOME_RETRY},
	{"exit", "the module exited with status 0", true, OUTCOME_RETRY},
	{"_exit", "the module exited with status 0", true, OUTCOME_RETRY},
	{"quick_exit", "the module exited with status 3", true, OUTCOME_RETRY},
	{"sigkill", "the module crashed: SIGKILL (Killed)", true, OUTCOME_RETRY},
	{"close", "the module exited with status 1", true, OUTCOME_RETRY},
	{"answer", "the module's process answered a run that it does not have and was killed", true, OUTCOME_RETRY},
	{"leak", "no more memory: done", false, OUTCOME_ABORT},
	{"fork", "fork: Operation not permitted; setsid: Operation not permitted", false, OUTCOME_ABORT},
	{"kill",
     "kill group: Operation not permitted; kill all: Operation not permitted; kill parent: Operation not permitted; "
     "trace parent: Operation not permitted",
     false, OUTCOME_ABORT},
	{"network", "internet: Operation not permitted; unix: Operation not permitted; packet: Operation not permitted",
     false, OUTCOME_ABORT},
	{"files",
     "shadow: Permission denied; root: Permission denied; parent: Permission denied; write: Permission denied; "
     "chmod: Operation not permitted; passwd: done",
     false, OUTCOME_ABORT},
	{"limits", "memory: Operation not permitted; core: Operation not permitted; user: Operation not permitted", false,
     OUTCOME_ABORT},
	{"own", "stream: done; room: done", false, OUTCOME_ABORT},
	{"calls", "", false, OUTCOME_CONTINUE},
	{"memory",
     "shared: Operation not permitted; file: Function not implemented; shm: Permission denied; cut: Operation not permitted",
     false, OUTCOME_ABORT},
	{"thread", "", false, OUTCOME_CONTINUE},
	{"flood", "", false, OUTCOME_CONTINUE},
};

START_TEST(a_bad_run_harms_no_other)
{
	char keys[64];
	nanos took;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* The sandbox does not limit the memory of a sanitizer. */
	if (strcmp(deeds[_i].deed, "leak") == 0)
		return;
#endif
	snprintf(keys, sizeof keys, "deed = %s", deeds[_i].deed);
	open_steps(keys);
	struct run *bad = run_among_others(&took);
	/* A process that has closed its socket may end by itself before it is killed. */
	bool known = strstr(bad->reason, deeds[_i].reason) != NULL ||
	             (strcmp(deeds[_i].deed, "close") == 0 && strstr(bad->reason, "closed its connection") != NULL);
	ck_assert_msg(known, "%s: %s", deeds[_i].deed, bad->reason);
	ck_assert_int_eq(bad->outcome, deeds[_i].outcome);
	ck_assert_int_eq(bad->crashed, deeds[_i].crashed);
	ck_assert_int_eq(logged("(the rest of its standard error is dropped)"), strcmp(deeds[_i].deed, "flood") == 0);
	ck_assert_int_eq(logged("upload bad: wicked: the module"), deeds[_i].crashed);
	run_free(bad);
	close_steps();
}
END_TEST

/* A run that ignores its cancellation ends two seconds later, and the others do not wait for that. */
START_TEST(cancelled_in_vain)
{
	static const char *const keys[] = {"deed = loop", "deed = sleep", "deed = hold_cancellation"};
	open_steps(keys[_i]);
	struct run *bad = submit(0, "bad");
	while (atomic_load(&bad->started) == 0)
		sched_yield();
	nanos start = clock_monotonic();
	pools_cancel(pools, bad);
	for (unsigned i = 0; i < 10; i++) {
		submit(i % 2, "good");
		struct run *run = await_run();
		ck_assert_ptr_ne(run, bad);
		ck_assert_int_eq(run->outcome, OUTCOME_CONTINUE);
		run_free(run);
	}
	ck_assert_ptr_eq(await_run(), bad);
	nanos took = clock_monotonic() - start;
	ck_assert_msg(took > 1900 * MILLISECOND && took < 5 * SECOND, "%lld ms", (long long)(took / MILLISECOND));
	ck_assert_str_eq(bad->reason, "the module ignored its cancellation and was killed");
	ck_assert(!bad->crashed && bad->outcome == OUTCOME_RETRY);
	run_free(bad);
	close_steps();
}
END_TEST

/* With one worker, the next upload waits for a new process. */
START_TEST(one_worker_is_replaced)
{
	open_steps("deed = segfault\nworkers = 1");
	for (unsigned i = 0; i < 20; i++) {
		submit(0, "bad");
		submit(0, "good");
		struct run *bad = await_run(), *good = await_run();
		ck_assert(bad->crashed && bad->outcome == OUTCOME_RETRY);
		ck_assert(!good->crashed && good->outcome == OUTCOME_CONTINUE);
		run_free(bad);
		run_free(good);
	}
	close_steps();
}
END_TEST

START_TEST(replaced_after_each_run)
{
	/* One after the other: a process that has had its run must not look idle while it ends. */
	open_steps("deed = note_run\nworker_max_runs = 1");
	for (unsigned i = 0; i < 8; i++)
		submit(0, "bad");
	for (unsigned i = 0; i < 100; i++) {
		struct run *run = await_run();
		if (i < 92)
			submit(0, "bad");
		ck_assert_msg(run->outcome == OUTCOME_CONTINUE, "%s", run->reason);
		run_free(run);
	}
	close_steps();
}
END_TEST

/* A module that ends in create() is no upload's failure: it is tried less and less often, and the server is told. */
START_TEST(it_dies_in_create)
{
	open_steps("deed = abort\nwhere = create");
	struct mail *mail = mailbox_receive(&mailbox, TEST_LIMIT);
	ck_assert_ptr_nonnull(mail);
	ck_assert_int_eq(mail->kind, MAIL_POOL);
	struct pool_news *news = (struct pool_news *)(void *)mail;
	ck_assert_uint_eq(news->step, 0);
	ck_assert(!news->works);
	ck_assert_str_eq(news->why, "the module crashed: SIGABRT (Aborted): wicked: giving up");
	free(news);
	/* What is queued comes back with the next failure, and has not begun. */
	struct run *queued = submit(0, "good"), *run;
	submit(1, "good");
	for (unsigned i = 0; i < 2; i++) {
		run = await_run();
		ck_assert_int_eq(run->undone, run == queued);
		ck_assert_int_eq(atomic_load(&run->started) == 0, run == queued);
		run_free(run);
	}
	close_steps();
}
END_TEST

/* What it does when it is destroyed holds nobody up. */
START_TEST(it_misbehaves_in_destroy)
{
	static const char *const keys[] = {"deed = segfault\nwhere = destroy", "deed = sleep\nwhere = destroy",
	                                   "deed = exit\nwhere = destroy", "deed = flood\nwhere = destroy"};
	open_steps(keys[_i]);
	submit(0, "good");
	run_free(await_run());
	nanos start = clock_monotonic();
	close_steps();
	ck_assert_int_lt(clock_monotonic() - start, 5 * SECOND);
}
END_TEST

/* No packet can end the service, lose a run or return one twice. */
START_TEST(forged_at_all_times)
{
	open_steps("deed = forge\nwhere = create\nworkers = 4");
	for (unsigned i = 0; i < 200; i++) {
		submit(0, "bad");
		if (i % 4 == 3)
			poll(NULL, 0, 1);
	}
	for (unsigned i = 0; i < 200; i++)
		run_free(await_run());
	close_steps();
}
END_TEST

/* The service does not spin meanwhile. */
START_TEST(it_closes_standard_error)
{
	struct timespec before, after;
	open_steps("deed = close_errors");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	submit(0, "bad");
	struct run *run = await_run();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	ck_assert_int_eq(run->outcome, OUTCOME_CONTINUE);
	run_free(run);
	nanos used = (after.tv_sec - before.tv_sec) * SECOND + after.tv_nsec - before.tv_nsec;
	ck_assert_msg(used < 300 * MILLISECOND, "%lld ms", (long long)(used / MILLISECOND));
	close_steps();
}
END_TEST

static struct storage_server storage;

static struct run *submit_path(const char *path, int64_t size)
{
	char url[128];
	snprintf(url, sizeof url, "http://127.0.0.1:%u%s%lld", storage.port, path, (long long)size);
	return submit_url(0, "bad", url, size);
}

static const int64_t sizes[] = {0, 1, 65536, 65537, 300000, 10000000};

/* By packet, by pipe, and from the second upload on with the request, if there are few. */
START_TEST(bytes)
{
	char reason[64];
	unsigned long long sum = 0;
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	open_steps("deed = read\nworkers = 1");
	for (int64_t i = 0; i < sizes[_i]; i++)
		sum += storage_server_byte((uint64_t)i) * ((unsigned long long)i + 1);
	snprintf(reason, sizeof reason, "%lld bytes: %llx", (long long)sizes[_i], sum);
	for (unsigned i = 0; i < 5; i++) {
		submit_path("/ok/", sizes[_i]);
		struct run *run = await_run();
		ck_assert_str_eq(run->reason, reason);
		run_free(run);
	}
	close_steps();
	storage_server_stop(&storage);
}
END_TEST

START_TEST(bytes_that_are_not_read)
{
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	open_steps("deed = read_half\nworkers = 2");
	for (unsigned i = 0; i < 40; i++)
		submit_path("/ok/", sizes[i % 6]);
	for (unsigned i = 0; i < 40; i++) {
		struct run *run = await_run();
		ck_assert_msg(run->outcome == OUTCOME_CONTINUE, "%s", run->reason);
		run_free(run);
	}
	close_steps();
	storage_server_stop(&storage);
}
END_TEST

/* The module asks for bytes that could not be sent along with the request. */
START_TEST(bytes_that_cannot_be_had)
{
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	open_steps("deed = read\nworkers = 2");
	for (unsigned i = 0; i < 200; i++)
		submit_path(i % 2 == 0 ? "/status/500?" : "/cut/", 1000);
	for (unsigned i = 0; i < 200; i++) {
		struct run *run = await_run();
		ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
		ck_assert_msg(!run->crashed && strstr(run->reason, "storage") != NULL, "%s", run->reason);
		run_free(run);
	}
	close_steps();
	storage_server_stop(&storage);
}
END_TEST

START_TEST(bytes_that_stall)
{
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	open_steps("deed = read\nworkers = 1");
	for (unsigned i = 0; i < 4; i++) {
		/* With the request, in packets and by pipe. */
		submit_path("/ok/", 1000);
		run_free(await_run());
		struct run *run = submit_path("/stall/", i % 2 == 0 ? 1000 : 10000000);
		poll(NULL, 0, 50);
		nanos start = clock_monotonic();
		pools_cancel(pools, run);
		ck_assert_ptr_eq(await_run(), run);
		ck_assert_int_lt(clock_monotonic() - start, 1500 * MILLISECOND);
		ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
		run_free(run);
	}
	close_steps();
	storage_server_stop(&storage);
}
END_TEST

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	Suite *suite = suite_create("pool");
	TCase *tcase = tcase_create("pool");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_bad_run_harms_no_other, 0, sizeof deeds / sizeof deeds[0]);
	tcase_add_loop_test(tcase, cancelled_in_vain, 0, 3);
	tcase_add_loop_test(tcase, it_misbehaves_in_destroy, 0, 4);
	tcase_add_test(tcase, one_worker_is_replaced);
	tcase_add_test(tcase, replaced_after_each_run);
	tcase_add_test(tcase, it_dies_in_create);
	tcase_add_test(tcase, forged_at_all_times);
	tcase_add_test(tcase, it_closes_standard_error);
	tcase_add_loop_test(tcase, bytes, 0, sizeof sizes / sizeof sizes[0]);
	tcase_add_test(tcase, bytes_that_are_not_read);
	tcase_add_test(tcase, bytes_that_cannot_be_had);
	tcase_add_test(tcase, bytes_that_stall);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
