/* SPDX-License-Identifier: Apache-2.0
 * The service as a process among others: signals, descriptors, exit statuses. */
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/no_landlock.h"
#include "tests/scenario/records.h"
#include "tests/scenario/storage.h"

static struct scenario scenario;

static void send(int number)
{
	char name[64], words[96];
	const char *abbreviation = sigabbrev_np(number);
	if (abbreviation != NULL)
		snprintf(name, sizeof name, "SIG%s", abbreviation);
	else
		snprintf(name, sizeof name, "signal %d", number);
	snprintf(words, sizeof words, "%s ignored: ", name);
	ck_assert_msg(process_signal(&scenario.service, number), "%s", name);
	if (number != SIGPIPE && number != SIGXFSZ)
		scenario_await_log(&scenario, words);
	ck_assert_msg(!process_wait(&scenario.service, 0), "%s ends the service", name);
}

START_TEST(other_signals_do_not_end_it)
{
	static const int number[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE, SIGVTALRM, SIGPROF,
	                             SIGPOLL, SIGPWR,  SIGXCPU, SIGXFSZ, SIGSTKFLT};
	scenario_begin(&scenario, NULL, false);
	for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
		send(number[i]);
	send(SIGRTMIN);
	send(SIGRTMAX);
	scenario_await_log(&scenario, "SIGUSR1 ignored: use SIGTERM or SIGINT to stop the service");
	/* Repeated signals do not fill the log. */
	for (unsigned i = 0; i < 100; i++)
		ck_assert(process_signal(&scenario.service, SIGUSR1));
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	ck_assert_uint_eq(scenario_log_count(&scenario, "SIGUSR1 ignored"), 1);
	scenario_close(&scenario);
}
END_TEST

/* Programs that a module starts, a scanner for example, can be ended, and inherit nothing of the service. */
START_TEST(programs_of_modules_begin_clean)
{
	char build[FOLDER_PATH_SIZE], folder[FOLDER_PATH_SIZE + 64];
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	snprintf(folder, sizeof folder, "POSTPROCESSING_PLUGIN_DIR=%s/tests/modules/.libs", build);
	const char *const env[] = {folder, "POSTPROCESSING_STEP_SPAWNS_ISOLATION=thread", NULL};
	scenario_begin(&scenario, &(struct scenario_options){.steps = "spawns", .env = env}, false);
	/* Until then a connection with the client library's own threads reads the bucket. */
	scenario_await_log(&scenario, "unfinished uploads found");
	storage_expect(&scenario, "upload", "/none", 3, "abort");
	scenario_await_log(&scenario, "SigBlk 0000000000000000 SigIgn 0000000000000000 0 connections");
	scenario_close(&scenario);
}
END_TEST

/* Files that the sandbox cannot hide are the administrator's to know of. */
START_TEST(without_landlock_it_says_so)
{
	ck_assert(landlock_remove());
	scenario_begin(&scenario, &(struct scenario_options){.steps = "virusscan"}, true);
	scenario_await_log(&scenario, "step virusscan: Landlock is not available");
	storage_server_put(&scenario.storage, "/good", "good", 4);
	storage_expect(&scenario, "upload", "/good", 4, "continue");
	scenario_close(&scenario);
}
END_TEST

static bool is_written(void *closure)
{
	struct stat status;
	return stat(closure, &status) == 0 && status.st_size > 0;
}

/* If standard descriptors are closed, no file of the service takes their place. */
START_TEST(no_standard_descriptors)
{
	char ini[FOLDER_PATH_SIZE + 32], path[FOLDER_PATH_SIZE + 32], text[256];
	scenario_open(&scenario, NULL);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(path, sizeof path, "%s/state/instance-0", scenario.folder);
	const char *const argv[] = {"sh", "-c", "exec ./postprocessing server -c \"$0\" <&- >&- 2>&-", ini, NULL};
	ck_assert(process_start(&scenario.service, &(struct process_options){.argv = argv}));
	ck_assert(wait_until(is_written, path, TEST_LIMIT));
	for (int fd = 0; fd <= 2; fd++) {
		char link[64], target[64] = "";
		snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)scenario.service.pid, fd);
		ck_assert_int_gt(readlink(link, target, sizeof target - 1), 0);
		ck_assert_str_eq(target, "/dev/null");
	}
	storage_expect(&scenario, "upload", "/none", 3, "continue");
	scenario_stop_service(&scenario);
	ck_assert(folder_read(scenario.folder, "state/instance-0", text, sizeof text));
	ck_assert_msg(strchr(text, ' ') == NULL, "instance-0: %s", text);
	scenario_close(&scenario);
}
END_TEST

/* The exit status tells a service manager whether a restart may help. */
START_TEST(statuses_of_a_start_that_fails)
{
	char path[FOLDER_PATH_SIZE + 32];
	scenario_open(&scenario, &(struct scenario_options){.embedded = true});
	snprintf(path, sizeof path, "%s/state", scenario.folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chmod(path, 0777), 0);
	scenario_start_service(&scenario);
	ck_assert(process_wait(&scenario.service, TEST_LIMIT));
	ck_assert_int_eq(scenario.service.status, 2);
	scenario_await_log(&scenario, "chmod go-w");
	/* Another service uses the embedded broker. */
	ck_assert_int_eq(chmod(path, 0700), 0);
	scenario_start_service(&scenario);
	scenario_await_ready(&scenario);
	struct process first = scenario.service;
	scenario_start_service(&scenario);
	ck_assert(process_wait(&scenario.service, TEST_LIMIT));
	ck_assert_int_eq(scenario.service.status, 1);
	scenario.service = first;
	scenario_close(&scenario);
}
END_TEST

/* A script reads the whole output, or the command reports an error. */
START_TEST(a_command_whose_output_is_lost_fails)
{
	struct process process = PROCESS_NONE;
	const char *const argv[] = {"sh", "-c", "exec ./postprocessing steps >/dev/full", NULL};
	ck_assert(process_start(&process, &(struct process_options){.argv = argv}));
	ck_assert(process_wait(&process, TEST_LIMIT));
	ck_assert_int_eq(process.status, 2);
	process_end(&process);
}
END_TEST

/* `… | head` has read enough. A command that uses a library that ignores SIGPIPE is as silent as one that does not. */
START_TEST(a_reader_that_has_gone_is_no_error)
{
	char ini[FOLDER_PATH_SIZE + 32], log[FOLDER_PATH_SIZE + 32],
		said[1024] = "",
		script[] =
			"while [ -e \"$0.wait\" ]; do sleep 0.05; done; ./postprocessing list -c \"$0\"; echo \"status $?\" >&2";
	struct process process = PROCESS_NONE;
	scenario_begin(&scenario, NULL, false);
	snprintf(ini, sizeof ini, "%s/postprocessing.ini", scenario.folder);
	snprintf(log, sizeof log, "%s/command.log", scenario.folder);
	ck_assert(folder_write(scenario.folder, "postprocessing.ini.wait", "", 0));
	const char *const argv[] = {"sh", "-c", script, ini, NULL};
	ck_assert(process_start(&process, &(struct process_options){.argv = argv, .log = log, .pipe_out = true}));
	ck_assert_int_eq(close(process.out), 0);
	process.out = -1;
	strcat(ini, ".wait");
	ck_assert_int_eq(unlink(ini), 0);
	ck_assert(process_wait(&process, TEST_LIMIT));
	process_end(&process);
	ck_assert(folder_read(scenario.folder, "command.log", said, sizeof said));
	ck_assert_str_eq(said, "status 141\n");
	scenario_close(&scenario);
}
END_TEST

static bool shows_progress(void *closure)
{
	char text[4096];
	return scenario_command(&scenario, (const char *const[]){"show", "upload", NULL}, text, sizeof text) == 0 &&
	       strstr(text, closure) != NULL;
}

static bool has_written(void *closure)
{
	(void)closure;
	return scenario_metric(&scenario, "postprocessing_records_written_total") > 0;
}

/* How far a run has got is shown while it is under way, and written nowhere. */
START_TEST(progress_is_shown)
{
	char build[FOLDER_PATH_SIZE], folder[FOLDER_PATH_SIZE + 64], text[4096],
		line[] = "progress  100000 of 200000 (50 %), ";
	ck_assert_ptr_nonnull(getcwd(build, sizeof build));
	snprintf(folder, sizeof folder, "POSTPROCESSING_PLUGIN_DIR=%s/tests/abi/.libs", build);
	const char *const env[] = {folder, NULL};
	scenario_begin(&scenario,
	               &(struct scenario_options){.steps = "tells", .env = env, .ini = "[step:tells]\ncalls = progress\n"},
	               false);
	storage_bytes_received(&scenario, "upload", "/none", 3);
	/* The record is there before its writer knows. */
	records_await(&scenario, "upload", "phase", "queued");
	ck_assert(wait_until(has_written, NULL, TEST_LIMIT));
	uint64_t written = scenario_metric(&scenario, "postprocessing_records_written_total");
	ck_assert(wait_until(shows_progress, line, TEST_LIMIT));
	ck_assert_int_eq(
		scenario_command(&scenario, (const char *const[]){"show", "--json", "upload", NULL}, text, sizeof text), 0);
	ck_assert_msg(strstr(text, "\"done\": 100000") != NULL && strstr(text, "\"total\": 200000") != NULL, "%s", text);
	ck_assert_uint_eq(scenario_metric(&scenario, "postprocessing_records_written_total"), written);
	scenario_close(&scenario);
}
END_TEST

/* The processes that the threads of the service have started. */
static void read_children(char text[256])
{
	char path[64];
	glob_t threads;
	size_t used = 0;
	snprintf(path, sizeof path, "/proc/%d/task/*/children", (int)scenario.service.pid);
	ck_assert_int_eq(glob(path, 0, NULL, &threads), 0);
	for (size_t i = 0; i < threads.gl_pathc; i++) {
		FILE *file = fopen(threads.gl_pathv[i], "re");
		if (file == NULL)
			continue;
		if (fgets(text + used, (int)(256 - used), file) != NULL)
			used += strlen(text + used);
		fclose(file);
	}
	globfree(&threads);
	ck_assert_uint_gt(used, 0);
}

/* Nothing of a scan is left, neither threads nor files, for which its process would have to be replaced. */
START_TEST(a_scan_keeps_its_process)
{
	char before[256], after[256], id[16];
	scenario_begin(
		&scenario,
		&(struct scenario_options){.steps = "virusscan", .ini = "[step:virusscan]\nworkers = 1\ncheck_interval = 1h\n"},
		true);
	storage_server_put(&scenario.storage, "/clean", "abc", 3);
	storage_expect(&scenario, "first", "/clean", 3, "continue");
	read_children(before);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(id, sizeof id, "u%u", i);
		storage_expect(&scenario, id, "/clean", 3, "continue");
	}
	read_children(after);
	ck_assert_str_eq(before, after);
	scenario_close(&scenario);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {progress_is_shown,
	                              a_scan_keeps_its_process,
	                              other_signals_do_not_end_it,
	                              programs_of_modules_begin_clean,
	                              without_landlock_it_says_so,
	                              no_standard_descriptors,
	                              statuses_of_a_start_that_fails,
	                              a_command_whose_output_is_lost_fails,
	                              a_reader_that_has_gone_is_no_error};
	return scenario_run("scenario_process", tests, sizeof tests / sizeof tests[0]);
}
