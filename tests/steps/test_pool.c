/* SPDX-License-Identifier: Apache-2.0
 * Worker processes with a module that misbehaves: what happens to its upload, to the others and to the host. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/folder.h"
#include "tests/harness/limits.h"
#include "tests/harness/storage_server.h"
#include "tests/harness/suite.h"
#include "tests/steps/pool_fixture.h"

static struct pool_fixture fixture;

static const struct {
	const char *deed, *reason; /* what the reason contains */
	bool crashed;
	enum outcome outcome;
} deeds[] = {
	{"segfault", "the module crashed: SIGSEGV (Segmentation fault)", true, OUTCOME_RETRY},
	{"abort", "the module crashed: SIGABRT (Aborted): wicked: giving up", true, OUTCOME_RETRY},
	{"stack", "the module crashed: SIGSEGV", true, OUTCOME_RETRY},
	{"heap", "the module crashed: SIGABRT (Aborted)", true, OUTCOME_RETRY},
	{"exit", "the module exited with status 0", true, OUTCOME_RETRY},
	{"_exit", "the module exited with status 0", true, OUTCOME_RETRY},
	{"quick_exit", "the module exited with status 3", true, OUTCOME_RETRY},
	{"sigkill", "the module crashed: SIGKILL (Killed)", true, OUTCOME_RETRY},
	{"close", "the module exited with status 1", true, OUTCOME_RETRY},
	{"answer", "the module's process answered a run that it does not have and was killed", true, OUTCOME_RETRY},
	{"leak", "no more memory: done", false, OUTCOME_ABORT},
	{"fork", "fork: Operation not permitted; setsid: Operation not permitted", false, OUTCOME_ABORT},
	{"children", "", false, OUTCOME_CONTINUE},
	{"children_crash", "the module crashed: SIGSEGV", true, OUTCOME_RETRY},
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
	char keys[96];
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* The sandbox does not limit the memory of a sanitizer, which finds out what overruns. */
	if (strcmp(deeds[_i].deed, "leak") == 0 || strcmp(deeds[_i].deed, "heap") == 0)
		return;
#endif
	bool children = strncmp(deeds[_i].deed, "children", 8) == 0;
	snprintf(keys, sizeof keys, "deed = %s\n%s", deeds[_i].deed, children ? "allow = exec" : "");
	steps_open(&fixture, keys);
	struct run *bad = steps_run_among_others(&fixture);
	/* A process that has closed its socket may end by itself before it is killed. */
	bool known = strstr(bad->reason, deeds[_i].reason) != NULL ||
	             (strcmp(deeds[_i].deed, "close") == 0 && strstr(bad->reason, "closed its connection") != NULL);
	ck_assert_msg(known, "%s: %s", deeds[_i].deed, bad->reason);
	ck_assert_int_eq(bad->outcome, deeds[_i].outcome);
	ck_assert_int_eq(bad->crashed, deeds[_i].crashed);
	ck_assert_int_eq(steps_logged(&fixture, "(the rest of its standard error is dropped)") > 0,
	                 strcmp(deeds[_i].deed, "flood") == 0);
	ck_assert_int_eq(steps_logged(&fixture, "upload bad: wicked: the module") > 0, deeds[_i].crashed);
	run_free(bad);
	steps_close(&fixture);
}
END_TEST

/* A run that ignores its cancellation ends two seconds later, and the others do not wait for that. */
START_TEST(cancelled_in_vain)
{
	static const char *const keys[] = {"deed = loop", "deed = sleep", "deed = hold_cancellation"};
	steps_open(&fixture, keys[_i]);
	struct run *bad = steps_submit(&fixture, 0, "bad");
	while (atomic_load(&bad->started) == 0)
		sched_yield();
	nanos start = clock_monotonic();
	workers_cancel(fixture.workers, bad);
	for (unsigned i = 0; i < 10; i++) {
		steps_submit(&fixture, i % 2, "good");
		struct run *run = steps_await(&fixture);
		ck_assert_ptr_ne(run, bad);
		ck_assert_int_eq(run->outcome, OUTCOME_CONTINUE);
		run_free(run);
	}
	ck_assert_ptr_eq(steps_await(&fixture), bad);
	nanos took = clock_monotonic() - start;
	ck_assert_msg(took > 1900 * MILLISECOND && took < 5 * SECOND, "%lld ms", (long long)(took / MILLISECOND));
	ck_assert_str_eq(bad->reason, "the module ignored its cancellation and was killed");
	ck_assert(!bad->crashed && bad->outcome == OUTCOME_RETRY);
	run_free(bad);
	steps_close(&fixture);
}
END_TEST

/* As the coordinator does it: cancelled when its deadline has passed. */
START_TEST(past_its_deadline)
{
	steps_open(&fixture, "deed = loop");
	fixture.allowed = 20 * MILLISECOND;
	struct run *bad = steps_submit(&fixture, 0, "bad");
	while (atomic_load(&bad->started) == 0 || clock_now() - atomic_load(&bad->started) < fixture.allowed)
		sched_yield();
	workers_cancel(fixture.workers, bad);
	ck_assert_ptr_eq(steps_await(&fixture), bad);
	ck_assert_str_eq(bad->reason,
	                 "run() did not finish within 20ms (deadline), ignored the cancellation, and was killed");
	ck_assert(!bad->crashed && bad->outcome == OUTCOME_RETRY);
	run_free(bad);
	fixture.allowed = 0;
	steps_close(&fixture);
}
END_TEST

/* With one worker, the next upload waits for a new process. */
START_TEST(one_worker_is_replaced)
{
	steps_open(&fixture, "deed = segfault\nworkers = 1");
	for (unsigned i = 0; i < 20; i++) {
		steps_submit(&fixture, 0, "bad");
		steps_submit(&fixture, 0, "good");
		struct run *bad = steps_await(&fixture), *good = steps_await(&fixture);
		ck_assert(bad->crashed && bad->outcome == OUTCOME_RETRY);
		ck_assert(!good->crashed && good->outcome == OUTCOME_CONTINUE);
		run_free(bad);
		run_free(good);
	}
	steps_close(&fixture);
}
END_TEST

START_TEST(replaced_after_each_run)
{
	/* One after the other: a process that has had its run must not look idle while it ends. */
	steps_open(&fixture, "deed = note_run\nworker_max_runs = 1");
	for (unsigned i = 0; i < 8; i++)
		steps_submit(&fixture, 0, "bad");
	for (unsigned i = 0; i < 100; i++) {
		struct run *run = steps_await(&fixture);
		if (i < 92)
			steps_submit(&fixture, 0, "bad");
		ck_assert_msg(run->outcome == OUTCOME_CONTINUE, "%s", run->reason);
		run_free(run);
	}
	steps_close(&fixture);
}
END_TEST

static void open_and_run_twice(const char *keys, enum outcome second)
{
	steps_open(&fixture, keys);
	for (unsigned i = 0; i < 2; i++) {
		steps_submit(&fixture, 0, "bad");
		struct run *run = steps_await(&fixture);
		ck_assert_msg(run->outcome == (i == 0 ? OUTCOME_CONTINUE : second), "%s", run->reason);
		run_free(run);
	}
	steps_close(&fixture);
}

/* A process in which a run has left threads has no other run; one that is well has. */
START_TEST(replaced_when_threads_are_left)
{
	open_and_run_twice("deed = thread\nworkers = 1", OUTCOME_CONTINUE);
	open_and_run_twice("deed = note_run\nworkers = 1", OUTCOME_ABORT);
}
END_TEST

/* The limit is for a process and what it has started together; the kernel keeps it for each of them. */
START_TEST(a_family_that_uses_too_much_memory)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return; /* they have memory of their own */
#endif
	steps_open(&fixture, "deed = greedy\nallow = exec\nmemory_limit = 120MiB");
	struct run *bad = steps_run_among_others(&fixture);
	ck_assert_int_eq(bad->outcome, OUTCOME_RETRY);
	ck_assert(bad->crashed);
	ck_assert_str_eq(bad->reason, "the module used more than memory_limit (120 MiB) and was killed");
	run_free(bad);
	steps_close(&fixture);
}
END_TEST

static bool is_replaced(void *closure)
{
	return counter_value(closure) > 0;
}

/* A process that keeps more than half of its limit is replaced, without a run's failure. */
START_TEST(a_process_that_keeps_memory)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return; /* they have memory of their own */
#endif
	struct metrics *metrics = metrics_create();
	struct counter *replaced = metrics_counter(metrics, "replaced", "", NULL);
	steps_open(&fixture, "deed = keep\nmemory_limit = 1GiB\nworkers = 1");
	workers_count_replaced(fixture.workers, replaced);
	for (unsigned i = 0; i < 14; i++) {
		steps_submit(&fixture, 0, "bad");
		struct run *run = steps_await(&fixture);
		ck_assert_msg(run->outcome == OUTCOME_CONTINUE, "%s", run->reason);
		run_free(run);
	}
	ck_assert(wait_until(is_replaced, replaced, TEST_LIMIT));
	ck_assert_uint_eq(steps_logged(&fixture, "step wicked: a process of its module keeps 5"), 1);
	steps_run_ten(&fixture, 0);
	steps_close(&fixture);
	metrics_destroy(metrics);
}
END_TEST

static char scratch[FOLDER_PATH_SIZE];

static void open_scratch(const char *keys)
{
	ck_assert(folder_create(scratch));
	ck_assert_int_eq(chmod(scratch, 0755), 0);
	ck_assert_int_eq(setenv("TMPDIR", scratch, 1), 0);
	steps_open(&fixture, keys);
}

/* No folder of a process is left; that of the service's copies may be. */
static void close_scratch(void)
{
	steps_close(&fixture);
	ck_assert_int_eq(unsetenv("TMPDIR"), 0);
	const struct dirent *entry;
	DIR *folder = opendir(scratch);
	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder)) != NULL)
		ck_assert_msg(entry->d_name[0] == '.' || strstr(entry->d_name, "-copies-") != NULL, "%s", entry->d_name);
	closedir(folder);
	folder_remove(scratch);
}

/* What a module may do in its folder for temporary files, and what not. */
START_TEST(temporary_files)
{
	static const struct {
		const char *keys, *reason;
	} cases[] = {
		{"deed = scratch\nallow = files",
	     "write: done; append: done; rename: done; mode: done; times: done; path: Operation not permitted; "
	     "execute: Operation not permitted; remove: done; "},
		{"deed = scratch\nallow = files exec",
	     "write: done; append: done; rename: done; mode: done; times: done; path: Operation not permitted; "
	     "execute: Permission denied; remove: done; "},
		{"deed = scratch_around\nallow = files",
	     "folder: done; socket: Operation not permitted; above: Permission denied; out: done; through: Permission "
	     "denied; "},
		{"deed = scratch_around\nallow = none", "no folder: done; "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		open_scratch(cases[i].keys);
		struct run *bad = steps_run_among_others(&fixture);
		ck_assert_str_eq(bad->reason, cases[i].reason);
		run_free(bad);
		close_scratch();
	}
}
END_TEST

START_TEST(temporary_files_that_are_left)
{
	open_scratch("deed = leave_file\nallow = files\nworkers = 1");
	for (unsigned i = 0; i < 3; i++) {
		steps_submit(&fixture, 0, "bad");
		struct run *run = steps_await(&fixture);
		ck_assert_msg(run->outcome == OUTCOME_CONTINUE, "%s", run->reason);
		run_free(run);
	}
	close_scratch();
}
END_TEST

START_TEST(too_many_temporary_files)
{
	open_scratch("deed = fill\nallow = files\nmemory_limit = 40MiB");
	struct run *bad = steps_run_among_others(&fixture);
	ck_assert_str_eq(bad->reason, "the module used more than memory_limit (40 MiB) for temporary files and was killed");
	run_free(bad);
	close_scratch();
}
END_TEST

/* A module that ends in create() is no upload's failure: it is tried less and less often, and the server is told. */
START_TEST(it_dies_in_create)
{
	steps_open(&fixture, "deed = abort\nwhere = create");
	struct pool_news *news = steps_await_news(&fixture);
	ck_assert_uint_eq(news->step, 0);
	ck_assert(!news->works);
	ck_assert_str_eq(news->why, "the module crashed: SIGABRT (Aborted): wicked: giving up");
	free(news);
	/* What is queued comes back with the next failure, and has not begun. */
	struct run *queued = steps_submit(&fixture, 0, "good"), *run;
	steps_submit(&fixture, 1, "good");
	for (unsigned i = 0; i < 2; i++) {
		run = steps_await(&fixture);
		ck_assert_int_eq(run->undone, run == queued);
		ck_assert_int_eq(atomic_load(&run->started) == 0, run == queued);
		run_free(run);
	}
	steps_close(&fixture);
}
END_TEST

/* What it does when it is destroyed holds nobody up. */
START_TEST(it_misbehaves_in_destroy)
{
	static const char *const keys[] = {"deed = segfault\nwhere = destroy", "deed = sleep\nwhere = destroy",
	                                   "deed = exit\nwhere = destroy", "deed = flood\nwhere = destroy"};
	steps_open(&fixture, keys[_i]);
	steps_submit(&fixture, 0, "good");
	run_free(steps_await(&fixture));
	nanos start = clock_monotonic();
	steps_close(&fixture);
	ck_assert_int_lt(clock_monotonic() - start, 5 * SECOND);
}
END_TEST

/* No packet can end the service, lose a run or return one twice. */
START_TEST(forged_at_all_times)
{
	steps_open(&fixture, "deed = forge\nwhere = create\nworkers = 4");
	for (unsigned i = 0; i < 200; i++) {
		steps_submit(&fixture, 0, "bad");
		if (i % 4 == 3)
			poll(NULL, 0, 1);
	}
	for (unsigned i = 0; i < 200; i++)
		run_free(steps_await(&fixture));
	steps_close(&fixture);
}
END_TEST

/* The service does not spin meanwhile. */
START_TEST(it_closes_standard_error)
{
	struct timespec before, after;
	steps_open(&fixture, "deed = close_errors");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	steps_submit(&fixture, 0, "bad");
	struct run *run = steps_await(&fixture);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	ck_assert_int_eq(run->outcome, OUTCOME_CONTINUE);
	run_free(run);
	nanos used = (after.tv_sec - before.tv_sec) * SECOND + after.tv_nsec - before.tv_nsec;
	ck_assert_msg(used < 300 * MILLISECOND, "%lld ms", (long long)(used / MILLISECOND));
	steps_close(&fixture);
}
END_TEST

static struct storage_server storage;

static struct run *submit_path(const char *path, int64_t size)
{
	char url[128];
	snprintf(url, sizeof url, "http://127.0.0.1:%u%s%lld", storage.port, path, (long long)size);
	return steps_submit_url(&fixture, 0, "bad", url, size);
}

static const int64_t sizes[] = {0, 1, 65536, 65537, 300000, 10000000};

/* By packet, by pipe, and from the second upload on with the request, if there are few. */
START_TEST(bytes)
{
	char reason[64];
	unsigned long long sum = 0;
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	steps_open(&fixture, "deed = read\nworkers = 1");
	for (int64_t i = 0; i < sizes[_i]; i++)
		sum += storage_server_byte((uint64_t)i) * ((unsigned long long)i + 1);
	snprintf(reason, sizeof reason, "%lld bytes: %llx", (long long)sizes[_i], sum);
	for (unsigned i = 0; i < 5; i++) {
		submit_path("/ok/", sizes[_i]);
		struct run *run = steps_await(&fixture);
		ck_assert_str_eq(run->reason, reason);
		run_free(run);
	}
	steps_close(&fixture);
	storage_server_stop(&storage);
}
END_TEST

START_TEST(bytes_that_are_not_read)
{
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	steps_open(&fixture, "deed = read_half\nworkers = 2");
	for (unsigned i = 0; i < 40; i++)
		submit_path("/ok/", sizes[i % 6]);
	for (unsigned i = 0; i < 40; i++) {
		struct run *run = steps_await(&fixture);
		ck_assert_msg(run->outcome == OUTCOME_CONTINUE, "%s", run->reason);
		run_free(run);
	}
	steps_close(&fixture);
	storage_server_stop(&storage);
}
END_TEST

/* The module asks for bytes that could not be sent along with the request. */
START_TEST(bytes_that_cannot_be_had)
{
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	steps_open(&fixture, "deed = read\nworkers = 2");
	for (unsigned i = 0; i < 200; i++)
		submit_path(i % 2 == 0 ? "/status/500?" : "/cut/", 1000);
	for (unsigned i = 0; i < 200; i++) {
		struct run *run = steps_await(&fixture);
		ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
		ck_assert_msg(!run->crashed && strstr(run->reason, "storage") != NULL, "%s", run->reason);
		run_free(run);
	}
	steps_close(&fixture);
	storage_server_stop(&storage);
}
END_TEST

START_TEST(bytes_that_stall)
{
	storage_server_start(&storage, FILE_SERVER_LOOPBACK, NULL, NULL);
	steps_open(&fixture, "deed = read\nworkers = 1");
	for (unsigned i = 0; i < 4; i++) {
		/* With the request, in packets and by pipe. */
		submit_path("/ok/", 1000);
		run_free(steps_await(&fixture));
		struct run *run = submit_path("/stall/", i % 2 == 0 ? 1000 : 10000000);
		poll(NULL, 0, 50);
		nanos start = clock_monotonic();
		workers_cancel(fixture.workers, run);
		ck_assert_ptr_eq(steps_await(&fixture), run);
		ck_assert_int_lt(clock_monotonic() - start, 1500 * MILLISECOND);
		ck_assert_int_eq(run->outcome, OUTCOME_RETRY);
		run_free(run);
	}
	steps_close(&fixture);
	storage_server_stop(&storage);
}
END_TEST

/* The process is asked to end while it creates its instance. That is nothing to warn of. */
START_TEST(it_ends_before_it_was_created)
{
	static const char *const keys[] = {"module = versions\ncreate_time = 300ms", "module = versions\ncreate_time = 3s"};
	steps_open(&fixture, keys[_i]);
	poll(NULL, 0, 150);
	ck_assert(workers_destroy(fixture.workers, TEST_LIMIT));
	fixture.workers = NULL;
	ck_assert_uint_eq(steps_logged(&fixture, "while its instance was destroyed"), 0);
	ck_assert_uint_eq(steps_logged(&fixture, "did not finish destroy() in time"), 0);
	steps_close(&fixture);
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
	tcase_add_test(tcase, past_its_deadline);
	tcase_add_loop_test(tcase, it_misbehaves_in_destroy, 0, 4);
	tcase_add_loop_test(tcase, it_ends_before_it_was_created, 0, 2);
	tcase_add_test(tcase, one_worker_is_replaced);
	tcase_add_test(tcase, replaced_after_each_run);
	tcase_add_test(tcase, replaced_when_threads_are_left);
	tcase_add_test(tcase, a_family_that_uses_too_much_memory);
	tcase_add_test(tcase, a_process_that_keeps_memory);
	tcase_add_test(tcase, temporary_files);
	tcase_add_test(tcase, temporary_files_that_are_left);
	tcase_add_test(tcase, too_many_temporary_files);
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
